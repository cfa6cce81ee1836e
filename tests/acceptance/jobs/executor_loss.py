"""Sums numbers by key in two jobs on one shuffled RDD, with a pause between map and reduce.

Usage: spark-submit executor_loss.py NUMBERS KEYS MAPS REDUCES LASTING PIPE SECONDS

The first job runs the map stage and one reduce task. Then a named pipe appears at PIPE, and nothing happens until
somebody writes to it, or SECONDS are over and SIGALRM ends the driver. The second job collects; each of its
tasks takes LASTING seconds at least, so that something can happen while others fetch. Prints one line of JSON: the
application's id and the sums of the numbers 0 to NUMBERS - 1 by their remainder.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from operator import add
from pathlib import Path

from pyspark import SparkConf, SparkContext  # type: ignore[import-not-found] # the image has it

NUMBERS, KEYS, MAPS, REDUCES = (int(argument) for argument in sys.argv[1:5])
LASTING, PIPE, SECONDS = float(sys.argv[5]), Path(sys.argv[6]), int(sys.argv[7])


def size(partition: Iterable[object]) -> list[int]:
    """Return how many keys one reduce task got."""
    return [sum(1 for _ in partition)]


def lasting(partition: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Return what one reduce task got, after a while."""
    time.sleep(LASTING)
    return partition


def wait_for_somebody() -> None:
    """Offer the pipe, and return when somebody wrote to it: opening it for reading waits for a writer."""
    signal.alarm(SECONDS)
    os.mkfifo(PIPE)
    print(f"paused at {PIPE}", flush=True)  # noqa: T201 - what the test waits for
    PIPE.read_text(encoding="utf-8")
    signal.alarm(0)


def main() -> None:
    """Run both jobs."""
    context = SparkContext(conf=SparkConf().setAppName("executor loss"))
    pairs = context.parallelize(range(NUMBERS), MAPS).map(lambda number: (number % KEYS, number))
    sums = pairs.reduceByKey(add, REDUCES)
    context.runJob(sums, size, [0])
    wait_for_somebody()
    print(json.dumps({"application": context.applicationId, "sums": dict(sums.mapPartitions(lasting).collect())}))  # noqa: T201 - what the test reads
    context.stop()


if __name__ == "__main__":
    main()
