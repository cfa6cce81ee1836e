"""Reads what the chart ships to everybody, on a live cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import manifests

if TYPE_CHECKING:
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release


def properties(cluster: Cluster, release: Release) -> dict[str, str]:
    """Return the properties of the release's spark-defaults.conf."""
    one = ("--field-selector", f"metadata.name={release.name}-config")
    return manifests.properties(cluster.objects("configmaps", *one, "--namespace", release.namespace))
