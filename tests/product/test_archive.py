"""The image's archive of classes, on a cluster: Java falls back in silence where it cannot use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import shuffle
from support.applications import Submitter
from support.paused_jobs import pausing

if TYPE_CHECKING:
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release

ARCHIVE = "/opt/spark/archive/classes.jsa"


def test_every_java_process_starts_from_the_archive_of_classes(cluster: Cluster, release: Release) -> None:
    """Daemons, a driver and its executors map it, with what the chart tells them."""
    with pausing(Submitter(cluster, release)):
        found = {
            pod.name: shuffle.mapped(cluster, release, pod, ARCHIVE)
            for component in ("master", "worker", "shuffle")
            for pod in shuffle.pods(cluster, release, component)
        }
    seen = {name.rpartition(".")[2] for processes in found.values() for name in processes}

    assert seen == {"Master", "SparkSubmit", "Worker", "CoarseGrainedExecutorBackend", "ExternalShuffleService"}
    assert [name for name, processes in found.items() if not all(processes.values())] == [], (
        "pods with one that does not"
    )
