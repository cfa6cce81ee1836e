"""Everything that a run needs of the real world, found or made, and taken away again.

Nothing here is silent: what is used and where it comes from is one line of output each.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workstream.cluster import access, cache, images, kind, node_image, programs
from workstream.cluster.engine import Engine, PrivateEngine, engine, running_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from pydantic import JsonValue

    from workstream.cluster.access import Cluster
    from workstream.cluster.programs import Tool


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run wants of the real world.

    Attributes:
        name: the name of the kind cluster.
        keep: leave it running at the end.
        kube_context: use the cluster of this context instead of a kind cluster.
        registry: where the nodes of that cluster pull images from.
        diagnostics: where logs go when the cluster does not come up.
        notice: see `Cluster`.

    """

    name: str = kind.DEFAULT_NAME
    keep: bool = False
    kube_context: str = ""
    registry: str = ""
    diagnostics: Path = Path("build/diagnostics")
    notice: Callable[[str, JsonValue], None] = access.unnoticed


@contextmanager
def engine_ready() -> Iterator[Engine]:
    """Give an engine, and make every program that this process starts use it."""
    with engine() as found, variables(found.environment):
        yield found


def reserved(wish: Wish) -> AbstractContextManager[None]:
    """Hold the cluster that a run is to use, from before it begins; one that is not ours needs no holding.

    Raises:
        errors.BusyError: another run uses the cluster of that name.

    """
    return nullcontext() if wish.kube_context else cache.exclusive(f"cluster-{wish.name}", f"the cluster {wish.name}")


@contextmanager
def cluster_ready(found: Engine, wish: Wish) -> Iterator[Cluster]:
    """Give a cluster that answers, with kind, helm and kubectl on PATH.

    Raises:
        errors.WorkstreamError: whatever kept it from coming up.

    """
    with ExitStack() as stack:
        if wish.kube_context:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="workstream-kubeconfig-")))
            there = access.existing(wish.kube_context, wish.registry, folder, lambda *where: images.push(found, *where))
            yield replace(there, notice=wish.notice)
            return
        image = node_image.available(found) or node_image.build_node_image(found)
        manager = kind.KindCluster(found, image, wish.name, wish.diagnostics)
        cluster = stack.enter_context(manager.running(keep=wish.keep))
        if found.private:
            PrivateEngine().keep_running(keep=wish.keep)
        yield replace(cluster, notice=wish.notice)


def lent_cluster(found: Engine, wish: Wish, kubeconfig: Path) -> Cluster:
    """Return the cluster that another process of this run has ready.

    Args:
        found: the engine, which that process has too.
        wish: what the run wants.
        kubeconfig: the file that says how to reach the cluster.

    """
    if wish.kube_context:
        there = access.reached(wish.kube_context, wish.registry, kubeconfig, lambda *where: images.push(found, *where))
    else:
        there = kind.KindCluster(found, "", wish.name, wish.diagnostics).access()
    return replace(there, notice=wish.notice)


@contextmanager
def tools_ready(found: Engine, wish: Wish) -> Iterator[dict[str, Tool]]:
    """Give kind, helm and kubectl, and put them on this process's PATH under their names."""
    node_programs = () if wish.kube_context or node_image.available(found) else programs.NODE_PROGRAMS
    tools = programs.tools(also=node_programs)
    with variables({"PATH": programs.on_front_of_path(tools.values())}):
        yield tools


@contextmanager
def variables(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables of this process (libraries read them there), and restore them."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass(frozen=True, slots=True)
class Status:
    """What is there of a cluster.

    Attributes:
        engine: the engine that answers, in words; empty if none does.
        exists: whether there is a cluster of that name in it.
        ready: whether every node of it is Ready and CoreDNS runs.
        kubeconfig: the file that says how to reach it.

    """

    engine: str
    exists: bool
    ready: bool
    kubeconfig: Path


def status(name: str) -> Status:
    """Look, without starting or making anything."""
    found = running_engine()
    if found is None:
        return Status("", exists=False, ready=False, kubeconfig=Path())
    manager = kind.KindCluster(found, "", name, Path())
    said = f"Docker {found.version}{' (private)' if found.private else ''}"
    return Status(said, manager.exists(), manager.exists() and manager.ready(), Path(manager.kubeconfig))


def down(name: str) -> bool:
    """Delete our cluster of that name and stop the private engine that it ran in; return whether there was one.

    Raises:
        errors.BusyError: a run uses the cluster.
        errors.ClusterNotOursError: a cluster of that name is there that we did not make.

    """
    found = running_engine()
    if found is None:
        return False
    with ExitStack() as stack:
        stack.enter_context(cache.exclusive(f"cluster-{name}", f"the cluster {name}"))
        if found.private:
            private = PrivateEngine()
            stack.enter_context(private.lease())
            stack.callback(private.leave)
            private.keep_running(keep=False)
        manager = kind.KindCluster(found, "", name, Path())
        there = manager.exists()
        if there:
            manager.down()
        return there
