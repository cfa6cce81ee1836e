"""Where the product stands in this repository, and the names that its document fixes."""

from __future__ import annotations

from pathlib import Path

from workstream.cluster.helm import Release

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "spark-standalone"
DOCUMENT = ROOT / "workstreams" / "WS-001-04-external-shuffle-service.md"
IMAGE = ROOT / "docker" / "spark"
VERSIONS = ROOT / "docker" / "versions.toml"
JOBS = Path(__file__).parents[1] / "jobs"

# The document's completion commands name no namespace: they mean the one that kubectl uses unless told otherwise.
RELEASE = Release(name="spark-sa", namespace="default", chart=CHART)

# What the chart's default values name, and so the completion commands too.
DEFAULT_IMAGE = "workstream/spark:3.5.7"

SHUFFLE_PORT = 7337
SHUFFLE_FOLDER = "/tmp/spark-shuffle"
