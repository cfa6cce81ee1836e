"""Engine, tools and cluster of one run, coming up in the background while checks that need none of them go on."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from workstream import errors, lending, processes
from workstream.cluster import programs, provisioning
from workstream.controls.helm import broken_helm, recording_helm
from workstream.controls.image import broken_image
from workstream.lending import Lender
from workstream.processes import Environment
from workstream.progress import say, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from workstream.cluster.access import Cluster
    from workstream.cluster.engine import Engine
    from workstream.cluster.programs import Tool
    from workstream.cluster.provisioning import Options
    from workstream.controls.helm import Recorded
    from workstream.controls.model import Control
    from workstream.lending import Part

T = TypeVar("T")


class _Awaited(Future[T]):
    """What a thread is to bring; whoever waits for it is seen to wait.

    Args:
        thread: the thread's name.

    """

    def __init__(self, thread: str) -> None:
        super().__init__()
        self._thread = thread

    def result(self, timeout: float | None = None) -> T:
        """Return the result, once it is there."""
        if self.done():
            return super().result(timeout)
        with timed("wait", f"for {self._thread}", waits_for=self._thread):
            return super().result(timeout)


class World:
    """Engine, tools and cluster, each begun when it is first wanted, and all taken away at the end.

    What fails to come up raises the same error for everybody who asks for it.

    Args:
        options: what the run is to use.

    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stack = ExitStack()
        self._threads: list[Thread] = []
        self._count = 0
        self._lock = RLock()
        self._begun: dict[Part, Future[object]] = {}
        self._control: Control | None = None
        self._programs_in_front = Environment()
        self._lender: Lender | None = None
        self._reserved = False

    @property
    def has_cluster(self) -> bool:
        """Whether there is a cluster that answered."""
        return self._is_ready("cluster")

    def _is_ready(self, part: Part) -> bool:
        future = self._begun.get(part)
        return future is not None and future.done() and future.exception() is None

    def engine(self) -> Engine:
        """Return the engine, once it answers."""
        return self._begin_engine().result()

    def tools(self) -> dict[str, Tool]:
        """Return kind, helm and kubectl, once they are there."""
        return self._begin_tools().result()

    def cluster(self) -> Cluster:
        """Return the cluster, once it is ready; programs that act on it are those of the round, if it has any."""
        cluster = self.begin_cluster().result()
        front = self._programs_in_front
        return replace(cluster, programs=cluster.programs | front) if front else cluster

    def environment(self, part: Part) -> Environment:
        """Return what makes programs use a part, and all that it rests on; nothing as long as it is not ready."""
        if not self._is_ready(part):
            return Environment()
        if part == "engine":
            return self.engine().environment
        if part == "tools":
            return self.engine().environment | programs.environment(self.tools()) | self._programs_in_front
        return self.environment("tools") | self.cluster().environment

    def _begin_engine(self) -> Future[Engine]:
        return self._once("engine", lambda: self._stack.enter_context(self._engine_ready()))

    def _begin_tools(self) -> Future[dict[str, Tool]]:
        return self._once("tools", lambda: self._tools_ready(self.engine()))

    def begin_cluster(self) -> Future[Cluster]:
        """Start to bring up the cluster, and return at once.

        Raises:
            errors.BusyError: another run uses it.

        """
        self._reserve()

        def enter() -> Cluster:
            engine, tools = self.engine(), self.tools()
            cluster = self._stack.enter_context(self._cluster_ready(engine, tools))
            return replace(cluster, provide=lambda image, name="": self._provide(cluster, image, name))

        return self._once("cluster", enter)

    def _reserve(self) -> None:
        with self._lock:
            if not self._reserved:
                self._stack.enter_context(provisioning.reserved(self._options))
                self._reserved = True

    # Where they come from

    def _engine_ready(self) -> AbstractContextManager[Engine]:
        return provisioning.engine_ready()

    def _tools_ready(self, engine: Engine) -> dict[str, Tool]:
        return provisioning.tools_ready(engine, self._options)

    def _cluster_ready(self, engine: Engine, tools: dict[str, Tool]) -> AbstractContextManager[Cluster]:
        return provisioning.cluster_ready(engine, tools, self._options)

    def lend(self, folder: Path) -> None:
        """Let other processes of this run use what is here, each by a `Borrowed` of the same folder.

        Args:
            folder: where they ask, and are answered; this run's own. To be called before they are started.

        """
        begin: dict[Part, Callable[[], Future[Any]]] = {
            "engine": self._begin_engine,
            "tools": self._begin_tools,
            "cluster": self.begin_cluster,
        }

        def lent(part: Part) -> Future[Any]:
            try:
                return begin[part]()
            except errors.WorkstreamError as error:
                refused: Future[Any] = Future()
                refused.set_exception(error)
                return refused

        self._lender = Lender(folder, lent)

    @property
    def is_broken(self) -> bool:
        """Whether a control breaks the product now."""
        return self._control is not None

    @contextmanager
    def broken(self, control: Control) -> Iterator[None]:
        """Break whatever is installed, for a while: what helm installs, and images that are brought to the cluster."""
        with broken_helm(control, self.tools()["helm"]) as folder:
            self._control, self._programs_in_front = control, Environment(folders=(folder,))
            try:
                yield
            finally:
                self._control, self._programs_in_front = None, Environment()

    @contextmanager
    def recorded(self, controls: Iterable[Control]) -> Iterator[Recorded]:
        """Yield what returns the hashes of all that helm rendered by then, for a while: see `recording_helm`.

        Args:
            controls: with the values of each of these everything is rendered, too.

        """
        values = {one.name: one.values for one in controls if one.values}
        with recording_helm(self.tools()["helm"], values) as (folder, hashes):
            self._programs_in_front = Environment(folders=(folder,))
            try:
                yield hashes
            finally:
                self._programs_in_front = Environment()

    def _provide(self, cluster: Cluster, image: str, name: str) -> str:
        if self._control is not None and self._control.layer:
            image = broken_image(self._control, self.engine(), image)
        return cluster.provide(image, name)

    def background(self, work: Callable[[], T], name: str = "") -> Future[T]:
        """Do something in the background.

        In a thread of its own: a pool whose threads all wait for the cluster would have none left to bring it up.

        Args:
            work: what is to be done.
            name: what it brings, as no other of this run is called.

        """
        with self._lock:
            self._count += 1
            name = name or f"background {self._count}"
        future: Future[T] = _Awaited(name)

        def run() -> None:
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
                future.set_exception(error)
            else:
                future.set_result(result)

        thread = Thread(target=run, name=name)
        self._threads.append(thread)
        thread.start()
        return future

    def _once(self, name: Part, work: Callable[[], T]) -> Future[T]:
        with self._lock:
            if name not in self._begun:
                self._begun[name] = self.background(work, name)
        return self._begun[name]  # type: ignore[return-value] # likewise

    def close(self, *, interrupted: bool) -> None:
        """Take everything away again, in the opposite order; what is still under way is stopped.

        Args:
            interrupted: whether somebody stopped the run; then no program is to be started after this either.

        """
        under_way = any(thread.is_alive() for thread in self._threads)
        if under_way and not interrupted:
            say("run", "has ended: stopping what no test has waited for")
        if under_way or interrupted:
            processes.cancel()
        if self._lender is not None:
            self._lender.stop()
            self._lender = None
        while self._threads:  # one may start another before it ends
            self._threads.pop().join()
        if not interrupted:
            processes.resume()
        with processes.cleaning_up():
            self._stack.close()


class Borrowed(World):
    """Engine, tools and cluster that another process of this run owns and lends; this process removes none of them.

    Args:
        folder: where that process lends; see `World.lend`.
        options: what the run is to use; the same as there.

    """

    def __init__(self, folder: Path, options: Options) -> None:
        super().__init__(options)
        self._folder = folder
        self._reserved = True  # by whoever lends

    @contextmanager
    def _engine_ready(self) -> Iterator[Engine]:
        yield lending.engine(self._folder)

    def _tools_ready(self, engine: Engine) -> dict[str, Tool]:
        del engine
        return lending.tools(self._folder)

    @contextmanager
    def _cluster_ready(self, engine: Engine, tools: dict[str, Tool]) -> Iterator[Cluster]:
        reach = lending.cluster(self._folder)
        yield provisioning.lent_cluster(engine, tools, self._options, reach.kubeconfig, reach.namespace)
