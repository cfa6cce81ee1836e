"""Runs two jobs on one shuffled data set, with a pause between them for whoever wants to break something.

The first job runs the map stage. Then it prints a line of JSON with the application's id, and waits until the
file that is its argument exists. The second job reads the shuffle again, and its counts are the second line.
"""

import json
import sys
import time
from pathlib import Path

from pyspark import SparkContext

WORDS, COPIES, PARTITIONS = 50, 2000, 4
POLL_SECONDS, PATIENCE_SECONDS = 0.2, 180


def say(**facts):
    """Print a line of JSON."""
    print(json.dumps(facts, sort_keys=True), flush=True)


def wait_for(path):
    """Wait until a file exists; give up in the end, so that nothing waits for ever."""
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        if path.exists():
            return
        time.sleep(POLL_SECONDS)
    sys.exit(f"{path} did not appear within {PATIENCE_SECONDS} s")


if __name__ == "__main__":
    context = SparkContext(appName="two jobs on one shuffle")
    numbers = context.parallelize(range(WORDS * COPIES), PARTITIONS)
    shuffled = numbers.map(lambda number: (f"word-{number % WORDS}", 1)).groupByKey(PARTITIONS)
    say(application=context.applicationId, words=shuffled.count())
    wait_for(Path(sys.argv[1]))
    say(application=context.applicationId, counts=dict(shuffled.mapValues(lambda ones: sum(ones)).collect()))
    context.stop()
