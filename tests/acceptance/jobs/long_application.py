"""Shuffles, drops what it shuffled, and goes on: an application that lives longer than its data.

Usage: spark-submit long_application.py PIPE SECONDS

After the first shuffle it pauses as executor_loss.py does: a named pipe appears at PIPE, and it goes on when somebody
writes to it. Then it drops the first shuffle, and pauses again. In the end it shuffles once more. Prints one line of
JSON: the application's id, and what it came to before and after.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from operator import add
from pathlib import Path

from pyspark import RDD, SparkContext  # type: ignore[import-not-found] # the image has it

NUMBERS, KEYS, PARTITIONS = 100_000, 50, 4
PIPE, SECONDS = Path(sys.argv[1]), int(sys.argv[2])


def wait_for_somebody() -> None:
    """Offer the pipe, and return when somebody wrote to it."""
    signal.alarm(SECONDS)
    os.mkfifo(PIPE)
    print(f"paused at {PIPE}", flush=True)  # noqa: T201 - what the test waits for
    PIPE.read_text(encoding="utf-8")
    PIPE.unlink()
    signal.alarm(0)


def shuffled(context: SparkContext) -> RDD[tuple[int, int]]:
    """Return the sums of the numbers 0 to NUMBERS - 1 by their remainder."""
    pairs = context.parallelize(range(NUMBERS), PARTITIONS).map(lambda number: (number % KEYS, number))
    return pairs.reduceByKey(add, PARTITIONS)


def main() -> None:
    """Run both shuffles."""
    context = SparkContext(appName="long application")
    sums = shuffled(context)
    first = dict(sums.collect())
    wait_for_somebody()
    del sums
    gc.collect()
    wait_for_somebody()
    second = dict(shuffled(context).collect())
    print(json.dumps({"application": context.applicationId, "first": first, "second": second}), flush=True)  # noqa: T201 - what the test reads
    context.stop()


if __name__ == "__main__":
    main()
