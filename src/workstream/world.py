"""The real world of one run, coming up in the background while checks that need none of it go on."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from workstream import processes
from workstream.cluster import environment
from workstream.cluster.control import broken_helm, broken_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workstream.cluster.access import Cluster
    from workstream.cluster.control import Control
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
        self._control: Control | None = None

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
            found = self._stack.enter_context(environment.cluster_ready(engine, self._wish))
            return replace(found, provide=lambda image, name="": self._provide(found, image, name))

        return self._once("cluster", enter)

    @property
    def is_broken(self) -> bool:
        """Whether a control breaks the product now."""
        return self._control is not None

    @contextmanager
    def broken(self, control: Control) -> Iterator[None]:
        """Break whatever is installed, for a while: what helm installs, and images that are brought to the cluster."""
        with broken_helm(control, self.tools()["helm"]) as folder:
            path = os.pathsep.join([str(folder), os.environ["PATH"]])
            with environment.variables({"PATH": path}):
                self._control = control
                try:
                    yield
                finally:
                    self._control = None

    def _provide(self, cluster: Cluster, image: str, name: str) -> str:
        if self._control is not None and self._control.layer:
            image = broken_image(self._control, self.engine(), image)
        return cluster.provide(image, name)

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
