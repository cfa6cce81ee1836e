"""The real world of one run, coming up in the background while checks that need none of it go on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from workstream import processes
from workstream.cluster import environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from workstream.cluster.access import Cluster
    from workstream.cluster.engine import Engine
    from workstream.cluster.environment import Wish
    from workstream.cluster.programs import Tool

T = TypeVar("T")


class World:
    """Engine, tools and cluster, each begun when it is first wanted, and all taken away at the end.

    What fails to come up raises the same error for everybody who asks for it.

    Args:
        wish: what the run wants.

    """

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._stack = ExitStack()
        self._threads = ThreadPoolExecutor(thread_name_prefix="world")
        self._lock = Lock()
        self._begun: dict[str, Future[object]] = {}

    @property
    def has_cluster(self) -> bool:
        """Whether there is a cluster that answered."""
        future = self._begun.get("cluster")
        return future is not None and future.done() and future.exception() is None

    def engine(self) -> Engine:
        """Return the engine, once it answers."""
        return self._once("engine", lambda: self._stack.enter_context(environment.engine_ready())).result()

    def tools(self) -> dict[str, Tool]:
        """Return kind, helm and kubectl, once they are there."""
        return self._once(
            "tools", lambda: self._stack.enter_context(environment.tools_ready(self.engine(), self._wish))
        ).result()

    def cluster(self) -> Cluster:
        """Return the cluster, once it is ready."""
        return self.begin_cluster().result()

    def begin_cluster(self) -> Future[Cluster]:
        """Start to bring up the cluster, and return at once."""

        def enter() -> Cluster:
            engine = self.engine()
            self.tools()
            return self._stack.enter_context(environment.cluster_ready(engine, self._wish))

        return self._once("cluster", enter)

    def background(self, work: Callable[[], T]) -> Future[T]:
        """Do something beside everything else."""
        return self._threads.submit(work)

    def _once(self, name: str, work: Callable[[], T]) -> Future[T]:
        with self._lock:
            if name not in self._begun:
                self._begun[name] = self._threads.submit(work)
        return self._begun[name]  # type: ignore[return-value] # one type a name

    def close(self, *, interrupted: bool) -> None:
        """Take everything away again, in the opposite order; what is under way is stopped first if interrupted."""
        if interrupted:
            processes.cancel()
        self._threads.shutdown(wait=True, cancel_futures=interrupted)
        with processes.cleaning_up():
            self._stack.close()
