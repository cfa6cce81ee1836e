"""Fixtures of the acceptance suite: the rendered chart, the image, the release."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support import image, node_folders, staging
from support.applications import SMALL_MACHINE, Submitter
from support.install import install
from support.paused_jobs import FEW, pausing
from support.places import CHART, DEFAULT_IMAGE, IMAGE, JOBS, RELEASE
from workstream import errors, processes
from workstream.cluster import helm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from support.applications import Running
    from support.install import Change
    from support.paused_jobs import Reduces
    from support.staging import Place
    from workstream.cluster.access import Cluster
    from workstream.cluster.engine import Engine
    from workstream.cluster.helm import Manifest, Release
    from workstream.cluster.programs import Tool
    from workstream.plugin.fixtures import Subject
    from workstream.world import World


@pytest.fixture(scope="session", autouse=True)
def image_under_way(world: World, subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Future[str]:
    """Begin to build the image at once: it takes long, and the first checks do without.

    It asks the world for the engine: a fixture of every test must not use what only some of them observe.
    """
    subject.describe_input("image sources", IMAGE)
    sources = image.copied(tmp_path_factory.mktemp("image"))
    return world.background(lambda: image.build(world.engine(), sources))


@pytest.fixture(scope="session", autouse=True)
def image_in_cluster(request: pytest.FixtureRequest, world: World, image_under_way: Future[str]) -> Future[str]:
    """Begin to bring the image to the nodes as soon as both are there, while the first checks go on."""
    wanted = any("cluster" in getattr(item, "fixturenames", ()) for item in request.session.items)

    def provide() -> str:
        name = image_under_way.result()
        return world.cluster().provide(name, DEFAULT_IMAGE) if wanted else name

    return world.background(provide)


@pytest.fixture(scope="session")
def spark_image(image_under_way: Future[str], engine: Engine, subject: Subject) -> str:
    """Give the name of the Spark image, once it is built."""
    name = image_under_way.result()
    packages = engine.run("run", "--rm", "--network", "none", name, "cat", "/usr/share/workstream/packages.txt").stdout
    subject.describe("image", name)
    subject.describe("image digest", engine.image_id(name))
    subject.describe("Debian packages of the image", packages.split("\n"))
    return name


@pytest.fixture(scope="session")
def values(image_in_cluster: Future[str]) -> dict[str, Any]:
    """Give the values of the release: the chart's defaults, but for an image that nodes pull from a registry."""
    name = image_in_cluster.result()
    if name == DEFAULT_IMAGE:
        return {}
    repository, _, tag = name.rpartition(":")
    return {"image": {"repository": repository, "tag": tag}}


@pytest.fixture(scope="session")
def place_of_commands(values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Give where completion commands run: here, or where the chart's default image is one that nodes can pull."""
    return staging.place(tmp_path_factory.mktemp("staged"), values)


@pytest.fixture(scope="session")
def eligible_nodes(cluster: Cluster) -> frozenset[str]:
    """Give the names of the eligible nodes; a criterion that speaks of them is blocked where they cannot be listed."""
    return cluster.eligible_nodes()


@pytest.fixture(scope="session")
def clean_nodes(cluster: Cluster, image_in_cluster: Future[str]) -> Iterator[None]:
    """Leave no folders of the product on the nodes of a cluster of others."""
    if cluster.ours:
        yield
        return
    name = image_in_cluster.result()
    before = node_folders.look(cluster, name)
    yield
    with processes.cleaning_up():
        node_folders.remove(cluster, name, before)


@pytest.fixture(scope="session")
def release(
    cluster: Cluster, spark_image: str, values: dict[str, Any], subject: Subject, clean_nodes: None
) -> Iterator[Release]:
    """Give the release that the document speaks of, installed anew and whole; on a cluster of others, leave none."""
    del spark_image, clean_nodes  # described, because the release runs it; and cleaned behind it
    subject.describe_input("chart", CHART)
    subject.describe_input("the suite's jobs", JOBS)
    there = replace(RELEASE, namespace=cluster.namespace)
    if cluster.ours:  # and was kept, perhaps: its pods may run an older image of the same name
        helm.uninstall(cluster, there)
    elif helm.exists(cluster, there):
        raise errors.ChartError(
            f"{cluster.name} has a release {there.name} in {there.namespace} that this run did not install.",
            instead=f"If it may go: helm uninstall {there.name} --namespace {there.namespace}",
        )
    try:
        revision = install(cluster, there, values)
        subject.describe("release", f"{there.name} in {there.namespace}, revision {revision}")
        yield there
    finally:
        if not cluster.ours:
            with processes.cleaning_up():
                helm.uninstall(cluster, there)


@pytest.fixture
def change(cluster: Cluster, release: Release, values: dict[str, Any]) -> Iterator[Change]:
    """Change the release's values for one test; bring it back to what it was, and whole, in the end."""
    yield lambda changed: install(cluster, release, {**values, **changed})
    install(cluster, release, values)


@pytest.fixture(scope="session")
def submitter(cluster: Cluster, release: Release, subject: Subject) -> Submitter:
    """Give what submits applications to the release, as a user would, but for what the evidence lists."""
    found = Submitter(cluster, release)
    subject.describe("what applications are told because the machine is small", SMALL_MACHINE)
    subject.describe("what applications are told so that small ones use every node", found.spread)
    return found


@pytest.fixture
def reduces() -> Reduces:
    """Give what the reduce tasks of a job are."""
    return FEW


@pytest.fixture
def paused(submitter: Submitter, reduces: Reduces) -> Iterator[Running]:
    """Give such a job whose driver runs in the Master's pod."""
    with pausing(submitter, reduces) as job:
        yield job


@pytest.fixture(scope="session")
def defaults(tools: dict[str, Tool], subject: Subject) -> list[Manifest]:
    """Give what the chart renders as it is."""
    del tools  # helm is on PATH once they are there
    subject.describe_input("chart", CHART)
    return helm.template(RELEASE, {})
