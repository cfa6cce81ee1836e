"""Installs the release, and knows when it is whole: when its pods are, and the Master knows every worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from support import shuffle
from workstream import limits
from workstream.cluster import diagnose, helm, waiting

if TYPE_CHECKING:
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release

_ASK_MASTER = "import urllib.request as u; print(u.urlopen('http://localhost:8080/json/', timeout=10).read().decode())"


Change = Callable[[dict[str, Any]], int]
"""Changes values of the release for one test; returns the revision once it is whole."""


def install(cluster: Cluster, release: Release, values: dict[str, Any]) -> int:
    """Install the release or change it to these values; return its revision once it is whole.

    A ready worker may not have found the Master yet, and an application that starts then runs without it.
    """
    revision = helm.install(cluster, release, values)
    wanted = {pod.address for pod in shuffle.pods(cluster, release, "worker")}
    waiting.until(
        lambda: known_workers(cluster, release) == wanted,
        limits.PODS_READY,
        what=f"the Master knows the workers at {', '.join(sorted(wanted))}",
        last_seen=lambda: diagnose.state(cluster, release.namespace),
    )
    return revision


def known_workers(cluster: Cluster, release: Release) -> set[str]:
    """Return the addresses of the workers that the Master holds for alive."""
    workers = told_by_master(cluster, release).get("workers", ())
    return {worker["host"] for worker in workers if worker["state"] == "ALIVE"}


def told_by_master(cluster: Cluster, release: Release) -> dict[str, Any]:
    """Return what the Master's JSON says; nothing while it does not answer."""
    master = f"deploy/{release.name}-master"
    told = cluster.execute(release.namespace, master, "python3", "-c", _ASK_MASTER, accept=range(256)).stdout
    answer: dict[str, Any] = json.loads(told or "{}")
    return answer
