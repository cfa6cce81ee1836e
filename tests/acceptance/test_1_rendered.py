"""What a criterion says of the chart as it is rendered: seen without a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import manifests
from support.manifests import FEATURES, values_of
from support.places import CHART, RELEASE
from workstream.cluster import helm

if TYPE_CHECKING:
    from pathlib import Path

    from workstream.cluster.helm import Manifest
    from workstream.evidence.recorder import Recorder

pytestmark = pytest.mark.usefixtures("tools")  # helm on PATH

COMMAND = f"helm template {RELEASE.name} charts/{CHART.name}"


@pytest.mark.criterion(
    "WS-001-04", "No PersistentVolume holds shuffle data: a folder of the node is enough for standalone"
)
@pytest.mark.parametrize("feature", [None, *FEATURES], ids=lambda path: path.stem if path else "defaults")
def test_no_values_make_a_persistent_volume(feature: Path | None, evidence: Recorder) -> None:
    """Nothing that the chart renders is or makes a PersistentVolume, and no pod with shuffle data mounts a claim."""
    rendered = helm.template(RELEASE, values_of(feature) if feature else {})
    kinds = {manifest["kind"] for manifest in rendered}
    keys = set(manifests.keys(rendered))
    folders = manifests.volumes_of(rendered, "SPARK_LOCAL_DIRS")

    evidence.record("kinds of rendered objects", kinds, command=COMMAND)
    evidence.record("kinds of the volumes that hold shuffle data, by workload", folders, command=COMMAND)
    assert not kinds & {"PersistentVolume", "PersistentVolumeClaim"}
    assert not keys & {"volumeClaimTemplates", "volumeClaimTemplate"}
    assert folders
    assert set(folders.values()) <= {"hostPath", "emptyDir"}


@pytest.mark.criterion("WS-001-04", "The chart sets no security context by default: that is the work of WS-001-09")
def test_no_pod_and_no_container_has_a_security_context(defaults: list[Manifest], evidence: Recorder) -> None:
    """The word securityContext is nowhere in what the chart renders."""
    found = sorted(name for name in manifests.keys(defaults) if name == "securityContext")

    evidence.record("security contexts in the rendered chart", found, command=COMMAND)
    assert not found
