"""What tests of the product share that prove no criterion: Helm, the chart as it is rendered, an engine, a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support import containers, image
from support.install import install
from support.places import DEFAULT_IMAGE, RELEASE
from workstream import progress
from workstream.cluster import helm
from workstream.cluster.provisioning import Options
from workstream.plugin import terminal
from workstream.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.containers import Lab
    from workstream.cluster.access import Cluster
    from workstream.cluster.engine import Engine
    from workstream.cluster.helm import Manifest, Release
    from workstream.cluster.programs import Tool


@pytest.fixture(scope="session")
def _environment() -> Iterator[pytest.MonkeyPatch]:
    """Set what programs and libraries of these tests read, until the session ends."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="session")
def world(pytestconfig: pytest.Config, _environment: pytest.MonkeyPatch) -> Iterator[World]:
    """Give what brings up engine and tools, and say what takes its time: a first run fetches and compiles."""
    with terminal.uncaptured(pytestconfig) as stream:
        handler = progress.show(stream)
        found = World(Options())
        try:
            yield found
        finally:
            found.close(interrupted=False)
            progress.forget(handler)


@pytest.fixture(scope="session")
def engine(world: World, _environment: pytest.MonkeyPatch) -> Engine:
    """Give the engine, which libraries find in the environment."""
    found = world.engine()
    for name, value in world.environment("engine").items():
        _environment.setenv(name, value)
    return found


@pytest.fixture(scope="session")
def tools(world: World, _environment: pytest.MonkeyPatch) -> dict[str, Tool]:
    """Give Helm and the others, which are then on PATH."""
    found = world.tools()
    for name, value in world.environment("tools").items():
        _environment.setenv(name, value)
    return found


@pytest.fixture(scope="session")
def spark_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the name of the image, once it is built."""
    return image.build(engine, image.copied(tmp_path_factory.mktemp("image")))


@pytest.fixture(scope="session")
def lab(engine: Engine, spark_image: str) -> Iterator[Lab]:
    """Give a place to try containers: the image, and a network of their own."""
    with containers.lab(engine, spark_image) as found:
        yield found


@pytest.fixture(scope="session")
def cluster(world: World) -> Cluster:
    """Give the cluster that a run is given."""
    return world.cluster()


@pytest.fixture(scope="session")
def image_on_nodes(cluster: Cluster, spark_image: str) -> str:
    """Give the name by which the nodes have the image: the chart's default."""
    return cluster.provide(spark_image, DEFAULT_IMAGE)


@pytest.fixture(scope="session")
def release(cluster: Cluster, image_on_nodes: str) -> Release:
    """Give the release with the chart's default values, whole."""
    del image_on_nodes  # it runs that
    found = replace(RELEASE, namespace=cluster.namespace)
    install(cluster, found, {})
    return found


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
