"""Sums numbers by key while one task, at its first attempt, takes all the memory that it gets.

Usage: spark-submit greedy.py NUMBERS KEYS PARTITIONS

Prints one line of JSON: the application's id and the sums of the numbers 0 to NUMBERS - 1 by their remainder.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from operator import add

from pyspark import SparkContext, TaskContext  # type: ignore[import-not-found] # the image has it

NUMBERS, KEYS, PARTITIONS = (int(argument) for argument in sys.argv[1:4])
STEP = 32 << 20  # bytes
MOST = 16 << 30  # more than any worker here has


def eat(partition: int, numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Return the numbers with their keys; the first attempt of the first task never gets there."""
    if partition == 0 and TaskContext.get().attemptNumber() == 0:
        taken = [b"x" * STEP for _ in range(MOST // STEP)]
        raise AssertionError(len(taken))
    return ((number % KEYS, number) for number in numbers)


if __name__ == "__main__":
    context = SparkContext(appName="greedy")
    pairs = context.parallelize(range(NUMBERS), PARTITIONS).mapPartitionsWithIndex(eat)
    sums = dict(pairs.reduceByKey(add, PARTITIONS).collect())
    print(json.dumps({"application": context.applicationId, "sums": sums}))  # noqa: T201 - what the test reads
    context.stop()
