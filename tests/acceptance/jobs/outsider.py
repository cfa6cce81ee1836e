"""Asks a shuffle service for files of an application, and deletes one, with Spark's own client and without a secret.

Usage: python3 outsider.py HOST PORT APPLICATION EXECUTOR

Prints one line of JSON: what the service answered to each request, or why it did not.
"""

import json
import sys
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-not-found] # the image has it
from pyspark.java_gateway import launch_gateway  # type: ignore[import-not-found] # the image has it

HOST, PORT, APPLICATION, EXECUTOR = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
MILLISECONDS = 10_000
SHUFFLE_FILE = "shuffle_0_{}_0"  # of a map task
TASKS = range(16)


def main() -> None:
    """Ask."""
    gateway = launch_gateway()
    network = gateway.jvm.org.apache.spark.network

    def texts(*given: str) -> Any:  # noqa: ANN401 - an array of Java's
        array = gateway.new_array(gateway.jvm.String, len(given))
        for number, text in enumerate(given):
            array[number] = text
        return array

    configuration = network.util.TransportConf("shuffle", network.util.MapConfigProvider.EMPTY)
    raw = network.TransportContext(configuration, network.server.NoOpRpcHandler()).createClientFactory()

    def asked(message: Any) -> str:  # noqa: ANN401 - a message of Spark's
        try:
            answer = raw.createClient(HOST, PORT).sendRpcSync(message.toByteBuffer(), MILLISECONDS)
            return str(network.shuffle.protocol.BlockTransferMessage.Decoder.fromByteBuffer(answer).toString())
        except Py4JJavaError as error:
            return f"refused: {error.java_exception.getMessage().splitlines()[0]}"

    protocol = network.shuffle.protocol
    said = {"folders": asked(protocol.GetLocalDirsForExecutors(APPLICATION, texts(EXECUTOR)))}
    for task in TASKS:
        name = SHUFFLE_FILE.format(task)
        said[name] = asked(protocol.OpenBlocks(APPLICATION, EXECUTOR, texts(name)))
    said["deleted"] = asked(
        protocol.RemoveBlocks(APPLICATION, EXECUTOR, texts(*(f"{SHUFFLE_FILE.format(task)}.data" for task in TASKS)))
    )
    print(json.dumps(said))  # noqa: T201 - what the test reads
    gateway.shutdown()


if __name__ == "__main__":
    main()
