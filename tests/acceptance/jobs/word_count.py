"""Counts words that it makes itself: two stages, and every reducer fetches from every mapper.

Prints one line of JSON: the application's id and the counts.
"""

import json
import sys

from pyspark import SparkContext  # type: ignore[import-not-found] # the image has it

WORDS, COPIES, PARTITIONS = 50, 2000, 4

if __name__ == "__main__":
    context = SparkContext(appName="word count")
    numbers = context.parallelize(range(WORDS * COPIES), PARTITIONS)
    # groupByKey and not reduceByKey: nothing is summed up before it crosses the network.
    pairs = numbers.map(lambda number: (f"word-{number % WORDS}", 1)).groupByKey(PARTITIONS)
    counts = dict(pairs.mapValues(sum).collect())
    json.dump({"application": context.applicationId, "counts": counts}, sys.stdout, sort_keys=True)
    print(flush=True)  # noqa: T201 - what the test reads
    context.stop()
