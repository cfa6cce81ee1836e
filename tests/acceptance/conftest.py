"""Fixtures of the acceptance suite: the rendered chart, the image, the release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import image
from support.places import CHART, DOCUMENT, IMAGE, RELEASE
from workstream.cluster import helm

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from workstream.cluster.access import Cluster
    from workstream.cluster.engine import Engine
    from workstream.cluster.helm import Manifest, Release
    from workstream.cluster.programs import Tool
    from workstream.plugin import Subject


@pytest.fixture(scope="session", autouse=True)
def image_under_way(engine: Engine, background: Callable[[Callable[[], str]], Future[str]]) -> Future[str]:
    """Begin to build the image at once: it takes long, and nothing else waits for it."""
    return background(lambda: image.build(engine))


@pytest.fixture(scope="session")
def spark_image(image_under_way: Future[str], engine: Engine, subject: Subject) -> str:
    """Give the name of the Spark image, once it is built."""
    name = image_under_way.result()
    packages = engine.run("run", "--rm", "--network", "none", name, "cat", "/usr/share/workstream/packages.txt").stdout
    subject.describe("image", name)
    subject.describe("image digest", engine.image_id(name))
    subject.describe("Debian packages of the image", packages.split("\n"))
    subject.describe_input("image sources", IMAGE)
    return name


@pytest.fixture(scope="session")
def release(cluster: Cluster, spark_image: str, subject: Subject) -> Release:
    """Give the release that the document speaks of, installed with the chart's default values and whole."""
    subject.describe_input("chart", CHART)
    subject.describe_input("document", DOCUMENT)
    repository, _, tag = cluster.provide(spark_image).rpartition(":")
    revision = helm.install(cluster, RELEASE, {"image": {"repository": repository, "tag": tag}})
    subject.describe("release", f"{RELEASE.name} in {RELEASE.namespace}, revision {revision}")
    return RELEASE


@pytest.fixture(scope="session")
def defaults(tools: dict[str, Tool]) -> list[Manifest]:
    """Give what the chart renders as it is."""
    del tools  # helm is on PATH once they are there
    return helm.template(RELEASE, {})


@pytest.fixture(scope="session")
def switched_off(tools: dict[str, Tool]) -> list[Manifest]:
    """Give what the chart renders without the shuffle service."""
    del tools
    return helm.template(RELEASE, {"shuffleService": {"enabled": False}})
