"""Everything that a run needs: engine, tools and cluster, found or made, and removed again.

Nothing here is silent: what is used and where it comes from is one line of output each.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import files, processes
from workstream.cluster import (
    access,
    cache,
    housekeeping,
    images,
    kind,
    namespaces,
    node_image,
    prepared_nodes,
    private_engine,
    programs,
)
from workstream.cluster.engine import Engine, answering
from workstream.cluster.private_engine import PrivateEngine
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from pydantic import JsonValue

    from workstream.cluster.access import Cluster
    from workstream.cluster.programs import Tool


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is to use.

    Attributes:
        name: the name of the kind cluster.
        keep: asked at the end, whether it is to be left running.
        kube_context: use the cluster of this context instead of a kind cluster.
        registry: where the nodes of that cluster pull images from.
        namespace: a namespace that is there, for what the run makes on that cluster; empty for one of its own.
        diagnostics: where logs go when the cluster does not come up.
        notice: see `Cluster`.
        show: likewise.

    """

    name: str = kind.DEFAULT_NAME
    keep: Callable[[], bool] = lambda: False
    kube_context: str = ""
    registry: str = ""
    namespace: str = ""
    diagnostics: Path = Path("build/diagnostics")
    notice: Callable[[str, JsonValue], None] = access.unnoticed
    show: Callable[[Mapping[str, JsonValue]], None] = access.unshown


@contextmanager
def engine_ready() -> Iterator[Engine]:
    """Yield an engine for as long as the context lasts: the one that answers, else a private one.

    Raises:
        errors.EngineUnavailableError: none answers, and this machine cannot run a private one, or the user's
            environment names one that does not.
        errors.EngineUnfitError: the one that answers cannot be used.
        errors.EngineFailedError: the private one does not start.

    """
    engine = answering()
    if isinstance(engine, Engine):
        say("engine", f"Docker {engine.version} answers: using it")
        yield engine
        housekeeping.keep_to_limits()
        return
    private_engine.require_possible(engine.reason)
    say("engine", f"no Docker engine answers ({engine.reason}): using a private one (nothing is installed)")
    private = PrivateEngine()
    with private.lease():
        try:
            yield private.start()
        finally:
            with processes.cleaning_up():
                private.leave()
                housekeeping.keep_to_limits()


def running_engine() -> Engine | None:
    """Return the engine that answers, be it the private one; start none.

    Raises:
        errors.EngineUnavailableError: none answers, and the user's environment names one.
        errors.EngineUnfitError: the one that answers cannot be used.

    """
    engine = answering()
    if isinstance(engine, Engine):
        return engine
    private = PrivateEngine()
    return None if private.process_id() is None else private.reach()


def reserved(options: Options) -> AbstractContextManager[None]:
    """Hold the cluster that a run is to use, from before it begins; one that is not ours needs no holding.

    Raises:
        errors.BusyError: another run uses the cluster of that name.

    """
    if options.kube_context:
        return nullcontext()
    return cache.exclusive(*kind.hold(options.name))


@contextmanager
def cluster_ready(engine: Engine, tools: Mapping[str, Tool], options: Options) -> Iterator[Cluster]:
    """Yield a cluster that answers.

    Args:
        engine: the engine.
        tools: kind, helm and kubectl.
        options: what the run is to use.

    Raises:
        errors.WorkstreamError: what kept it from coming up.

    """
    with ExitStack() as stack:
        if options.kube_context:
            folder = stack.enter_context(files.temporary("kubeconfig"))
            there = access.existing(_external(engine, tools, options, folder / "kubeconfig"))
            if options.namespace:
                namespaces.require(there, options.namespace)
            yield access.within(there, options.namespace or stack.enter_context(namespaces.own(there)))
            return
        for other in kind.left_behind(engine):
            if other != options.name:
                gone = kind.KindCluster(engine, "", other, options.diagnostics).remove_if_left()
                if gone and engine.private:
                    PrivateEngine().forget(other)
        image = node_image.available(engine) or node_image.build_node_image(engine)
        image = prepared_nodes.newest(engine, image)
        manager = kind.KindCluster(engine, image, options.name, options.diagnostics, programs.environment(tools))
        stack.callback(lambda: prepared_nodes.prepare(engine, image, manager.loaded))  # when the cluster is gone
        cluster = stack.enter_context(manager.running(keep=lambda: _kept(engine, options)))
        yield replace(cluster, notice=options.notice, show=options.show)


def _kept(engine: Engine, options: Options) -> bool:
    """Whether the cluster is to be left running; a private engine is told so, which else ends with the run."""
    keep = options.keep()
    if engine.private:
        (PrivateEngine().keep if keep else PrivateEngine().forget)(options.name)
    return keep


def lent_cluster(
    engine: Engine, tools: Mapping[str, Tool], options: Options, kubeconfig: Path, namespace: str
) -> Cluster:
    """Return the cluster that another process of this run has ready.

    Args:
        engine: the engine, which that process has too.
        tools: kind, helm and kubectl, likewise.
        options: what the run is to use.
        kubeconfig: the file that says how to reach the cluster.
        namespace: see `Cluster`.

    """
    if options.kube_context:
        return replace(access.reached(_external(engine, tools, options, kubeconfig)), namespace=namespace)
    environment = programs.environment(tools)
    there = kind.KindCluster(engine, "", options.name, options.diagnostics, environment).access()
    return replace(there, notice=options.notice, show=options.show)


def _external(engine: Engine, tools: Mapping[str, Tool], options: Options, kubeconfig: Path) -> access.External:
    return access.External(
        options.kube_context,
        options.registry,
        kubeconfig,
        push=lambda *where: images.push(engine, *where),
        notice=options.notice,
        show=options.show,
        programs=programs.environment(tools),
    )


def tools_ready(engine: Engine, options: Options) -> dict[str, Tool]:
    """Return kind, helm and kubectl, building what PATH does not offer in an accepted version.

    Raises:
        errors.BuildError: they cannot be built, or a node image will be wanted that cannot.

    """
    if options.kube_context or node_image.available(engine):
        return programs.tools()
    node_image.require_buildable()
    return programs.tools(also=programs.NODE_PROGRAMS)


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
    engine = running_engine()
    if engine is None:
        return Status("", exists=False, ready=False, kubeconfig=Path())
    manager = kind.KindCluster(engine, "", name, Path(), programs.environment(programs.present()))
    description = f"Docker {engine.version}{' (private)' if engine.private else ''}"
    return Status(description, manager.exists(), manager.exists() and manager.ready(), Path(manager.kubeconfig))


def down(name: str) -> bool:
    """Delete our cluster of that name and stop the private engine that it ran in; return whether there was one.

    A private engine that was killed is started for that: its containers go on without it.

    Raises:
        errors.BusyError: a run uses the cluster.
        errors.ClusterNotOursError: a cluster of that name is there that we did not make.

    """
    engine, private = running_engine(), PrivateEngine()
    if engine is None and not private.was_left_behind:
        return False
    with ExitStack() as stack:
        stack.enter_context(cache.exclusive(*kind.hold(name)))
        if engine is None or engine.private:
            stack.enter_context(private.lease())
            stack.callback(private.leave)
            engine = engine or private.start()
            private.forget(name)
        return kind.KindCluster(engine, "", name, Path()).down()
