"""Every time limit, named, in seconds, and how much room on the disk it takes to build something.

A slow machine multiplies the limits with WORKSTREAM_PATIENCE. The intervals are no limits: nothing fails when one ends.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from workstream import errors

PATIENCE_VARIABLE = "WORKSTREAM_PATIENCE"
CACHE_SIZE_VARIABLE = "WORKSTREAM_CACHE_SIZE"
CACHE_AGE_VARIABLE = "WORKSTREAM_CACHE_AGE"
KEPT_VARIABLE = "WORKSTREAM_KEPT_HOURS"
_MOST_GIGABYTES = _MOST_DAYS = _MOST_HOURS = 1e6  # as good as for ever
_MOST_PATIENCE = 100.0  # four days for the longest limit; infinity is more than the operating system can wait


@dataclass(frozen=True, slots=True)
class Limit:
    """How long something may take.

    Attributes:
        name: what is limited, as it stands in messages.
        base: seconds on the slowest machine this project was measured on, times three or more.

    """

    name: str
    base: float

    @property
    def seconds(self) -> float:
        """The limit in seconds, with the user's patience applied."""
        return self.base * patience()


def patience() -> float:
    """Return the factor on every limit: 1 unless the environment says otherwise.

    Raises:
        errors.UsageError: the variable holds no number above zero and up to 100.

    """
    return _number(PATIENCE_VARIABLE, "1", _MOST_PATIENCE, "2")


def cache_bytes() -> float:
    """Return how large the cache may be, in bytes: 20 GB unless the environment says another number of them.

    Raises:
        errors.UsageError: the variable holds no number above zero.

    """
    return 1e9 * _number(CACHE_SIZE_VARIABLE, "20", _MOST_GIGABYTES, "40")


def cache_seconds() -> float:
    """Return for how long something stays in the cache that no run uses: 30 days, unless the environment says another.

    Raises:
        errors.UsageError: the variable holds no number above zero.

    """
    return 86400 * _number(CACHE_AGE_VARIABLE, "30", _MOST_DAYS, "90")


def kept_seconds() -> float:
    """Return for how long a cluster is kept that no run uses: 12 hours, unless the environment says another number.

    Raises:
        errors.UsageError: the variable holds no number above zero.

    """
    return 3600 * _number(KEPT_VARIABLE, "12", _MOST_HOURS, "48")


def _number(variable: str, usual: str, most: float, example: str) -> float:
    """Return the number that a variable holds.

    Raises:
        errors.UsageError: it holds none, or one out of bounds.

    """
    text = os.environ.get(variable) or usual
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= most:
        raise errors.UsageError(
            f"{variable}={text}: expected a number above zero, at most {most:g}.",
            instead=f"Unset it, or try {variable}={example}.",
        )
    return number


POLL_SECONDS = 0.5  # between two looks at something that is waited for, at most
LEAST_POLL_SECONDS = 0.05  # between two looks, at least
POLL_PER_LOOK = 4.0  # seconds between two looks for each that a look takes: waiting must not slow what is waited for
LOOK_SECONDS = 3.0  # between two looks at what a program that takes long waits for
SETTLED_SECONDS = 5.0  # what holds something up for so long is told
SHORTEST_STEP_SECONDS = 0.1  # what took less is no step that evidence holds
SILENCE_LOOK_SECONDS = 1.0  # between two looks at what a test does while nothing is said
QUIET_SECONDS = 10.0  # a test that waits for something for so long is told, with what it waits for
DOUBT_SECONDS = 20.0  # after so long somebody looks whether what is waited for can still come
DOUBT_LOOK_SECONDS = 10.0  # between two such looks
HEARTBEAT_SECONDS = 30.0  # between two lines that say that a step, or a test, is still at work

# Room on the cache's disk, in bytes: twice of what was measured.
ENGINE_BYTES = INPUT_BYTES = BASE_IMAGE_BYTES = 1_000_000_000
NODE_IMAGE_BYTES = PREPARED_NODE_BYTES = 8_000_000_000
COMPILE_BYTES = 7_000_000_000
CONTAINERS_BYTES = 8_000_000_000

GRACE = Limit("the end of a program that was asked to end", 5)
ANSWER = Limit("an answer of the cluster", 10)
QUERY = Limit("a query", 30)
QUICK_COMMAND = Limit("a quick command", 120)
COLLECTION = Limit("collecting the whole suite", 300)
DOWNLOAD = Limit("a download", 900)
COMPILE = Limit("compiling", 3600)
BOOTSTRAP = Limit("a root file system", 900)
IMAGE_BUILD = Limit("an image build", 1200)
IMAGE_LOAD = Limit("loading an image into the nodes", 600)
IMAGE_PULL = Limit("pulling an image", 900)
ENGINE_START = Limit("start of the Docker engine", 60)
ENGINE_STOP = Limit("stop of the Docker engine", 60)
CLUSTER_CREATE = Limit("kind create cluster", 420)
CLUSTER_DELETE = Limit("kind delete cluster", 120)
NODES_READY = Limit("nodes ready", 180)
DIAGNOSTICS = Limit("collecting diagnostics", 120)
NAMESPACE_REMOVAL = Limit("removal of a namespace", 180)
RELEASE_INSTALL = Limit("install or upgrade of a release", 300)
HOOK = Limit("one hook of a release", 240)  # shorter than the whole, so that Helm says which it was
RELEASE_UNINSTALL = Limit("removal of a release", 180)
PODS_READY = Limit("pods ready", 240)
PODS_GONE = Limit("pods gone", 60)  # which start nothing
CONTAINER_READY = Limit("a container alone", 60)
JOB = Limit("a job", 180)
JOBS = Limit("some twenty jobs, one after the other", 900)
PAUSE = Limit("a job that waits while something is done to the cluster", 900)  # longer than all that is done meanwhile
IDLE = Limit("what is given back because it is idle", 60)
LENT = Limit("what another process of this run brings up", 10800)  # it has limits of its own, and says so
COMPLETION_COMMAND = Limit("a completion command", 330)  # longer than the --timeout 5m that such a command may have
