"""The fixtures: what a test asks for by name. They exist only when a document is given."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from workstream import errors
from workstream import evidence as evidence_package
from workstream.cluster import description
from workstream.evidence import provenance, records
from workstream.plugin.binding import level_of
from workstream.plugin.session import RUNNING, SESSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_kubernetes.providers.base import AClusterManager

    from workstream.cluster.access import Cluster
    from workstream.cluster.engine import Engine
    from workstream.cluster.programs import Tool
    from workstream.evidence import Recorder
    from workstream.plugin.session import Session
    from workstream.world import World


class Subject:
    """Describes what is under test, for whoever wants to see the same again.

    Args:
        session: this process's part of the session.

    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def describe(self, name: str, value: object) -> None:
        """Say a fact: a version, a digest, the nodes."""
        self._session.keep(records.Subject.model_validate({"name": name, "value": value}))

    def describe_input(self, name: str, path: Path) -> None:
        """Say the hash of a file or folder; when it changes, what was proven with it is stale."""
        where = os.path.relpath(path, self._session.root)
        self._session.keep(records.Subject(name=name, value=provenance.path_sha256(path), path=where))


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Recorder:
    """Record what this test sees; see `workstream.evidence.Recorder`."""
    item, session = request.node, request.config.stash[SESSION]
    running = item.stash[RUNNING]
    return evidence_package.Recorder(
        running.test,
        running.attempt,
        level=lambda: level_of(item),
        phase=lambda: session.watch.phase(running),
        keep=session.keep,
    )


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Subject:
    """Describe what is under test."""
    return Subject(request.config.stash[SESSION])


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """The Docker engine, once it answers; a test that asks for it finds it in its process's environment."""
    session = request.config.stash[SESSION]
    ready_engine = session.world.engine()
    session.process_environment.ask("engine", request)
    return ready_engine


@pytest.fixture(scope="session")
def tools(request: pytest.FixtureRequest) -> dict[str, Tool]:
    """kind, helm and kubectl, once they are there; a test that asks for them finds them on PATH."""
    session = request.config.stash[SESSION]
    programs = session.world.tools()
    session.process_environment.ask("tools", request)
    return programs


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> World:
    """Engine, tools and cluster of this run, for what is to be done in the background while they come up."""
    return request.config.stash[SESSION].world


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The cluster, once it is ready; `kubectl` and `helm` of a test that asks for it act on it."""
    session = request.config.stash[SESSION]
    subject = Subject(session)  # a suite may have a fixture of this name
    world, ready_cluster = session.world, session.world.cluster()
    session.process_environment.ask("cluster", request)
    subject.describe("Kubernetes", ready_cluster.version)
    subject.describe("nodes", _names_of_nodes(ready_cluster))
    for name, value in description.facts(ready_cluster).items():
        subject.describe(name, value)
    for tool in world.tools().values():
        subject.describe(tool.name, tool.described)
    return ready_cluster


def _names_of_nodes(ready_cluster: Cluster) -> list[str] | str:
    try:
        return [node.metadata.name for node in ready_cluster.nodes()]
    except errors.RightMissingError as error:
        ready_cluster.miss("nodes", error.what)
        return f"not seen: {error.what}"


@pytest.fixture(scope="session")
def k8s_manager(cluster: Cluster) -> Callable[..., Callable[..., AClusterManager]]:
    """What the `k8s` fixture of pytest-kubernetes makes its cluster with: it gets ours."""

    def workstream_cluster(*_: object) -> AClusterManager:
        return cluster.manager

    return lambda _provider=None: workstream_cluster
