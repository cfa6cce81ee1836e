"""Where the product stands in this repository, and the names that its document fixes."""

from __future__ import annotations

from pathlib import Path

import yaml

from workstream.cluster.helm import Release

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "spark-standalone"
DOCUMENT = ROOT / "workstreams" / "WS-001-04-external-shuffle-service.md"
IMAGE = ROOT / "docker" / "spark"
JOBS = Path(__file__).parents[1] / "jobs"


def _default_image() -> str:
    """Return the image that the chart runs unless told otherwise."""
    image = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["image"]
    version = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]
    return f"{image['repository']}:{image['tag'] or version}"


# As it is rendered without a cluster. On one, it lives in the cluster's namespace: the document's completion commands
# name none, and mean the one that kubectl and helm use unless told otherwise.
RELEASE = Release(name="spark-sa", namespace="default", chart=CHART)

# What the chart's default values name, and so the completion commands too.
DEFAULT_IMAGE = _default_image()

SHUFFLE_PORT = 7337
MASTER_PORT = 7077  # these are the chart's defaults
WORKER_PORT = 7078
SHUFFLE_FOLDER = "/tmp/spark-shuffle"
RECOVERY_FOLDER = "/var/lib/spark-standalone"
SMALL_FOLDER = "/dev/shm/spark-shuffle"  # in memory, of which a node that is a container has 64 MB there
