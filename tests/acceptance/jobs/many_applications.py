"""Runs one small application after the other, each with executors and shuffle files of its own.

Usage: spark-submit many_applications.py APPLICATIONS

Prints one line of JSON: the ids of the applications, and how many different sums they came to.
"""

import json
import sys
from operator import add

from pyspark import SparkContext  # type: ignore[import-not-found] # the image has it

NUMBERS, KEYS, PARTITIONS = 1000, 10, 4


def run() -> tuple[str, dict[int, int]]:
    """Run one application; return its id and the sums of the numbers 0 to NUMBERS - 1 by their remainder."""
    context = SparkContext(appName="one of many")
    try:
        pairs = context.parallelize(range(NUMBERS), PARTITIONS).map(lambda number: (number % KEYS, number))
        return context.applicationId, dict(pairs.reduceByKey(add, PARTITIONS).collect())
    finally:
        context.stop()


if __name__ == "__main__":
    ended = [run() for _ in range(int(sys.argv[1]))]
    sums = [said for number, (_, said) in enumerate(ended) if said not in [other for _, other in ended[:number]]]
    print(json.dumps({"applications": [number for number, _ in ended], "sums": sums}), flush=True)  # noqa: T201 - what the test reads
