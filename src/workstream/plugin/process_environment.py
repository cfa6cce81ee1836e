"""This process's own environment while tests run: a plain `kubectl` in a test acts on the test's cluster.

Programs that the harness starts are told by whatever they use (see `workstream.processes.Environment`). What a test
starts itself, or a library reads (testcontainers looks for DOCKER_HOST), stands in the environment of the process. It is set
here and nowhere else: from the setup of a test that asks for `engine`, `tools` or `cluster` to the end of its
teardown. In the teardown of every test what any fixture has asked for is set, since that fixture may be let go there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from workstream.plugin.binding import uses

if TYPE_CHECKING:
    import pytest

    from workstream.lending import Part
    from workstream.world import World

_PARTS: tuple[Part, ...] = ("engine", "tools", "cluster")


class ProcessEnvironment:
    """Sets variables and PATH for a test, and takes back what is still as it was set.

    Args:
        world: knows what programs need for its parts.

    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: set[Part] = set()
        self._set: dict[str, tuple[str | None, str]] = {}
        self._folders: list[str] = []

    def ask(self, part: Part) -> None:
        """Set what a part needs: a fixture has it ready now, and may need it again when it is let go."""
        self._asked.add(part)
        self._use(part)

    def begin_phase(self, item: pytest.Item) -> None:
        """Set what a test's setup or call needs."""
        for part in _PARTS:
            if uses(item, part):
                self._use(part)

    def begin_teardown(self) -> None:
        """Set what any fixture may need that is let go."""
        for part in _PARTS:
            if part in self._asked:
                self._use(part)

    def _use(self, part: Part) -> None:
        wanted = self._world.environment(part)
        for name, value in wanted.variables.items():
            before = self._set[name][0] if name in self._set else os.environ.get(name)
            self._set[name] = before, value
            os.environ[name] = value
        more = [folder for folder in map(str, wanted.folders) if folder not in self._folders]
        if more:
            self._folders = [*more, *self._folders]
            os.environ["PATH"] = os.pathsep.join([*more, os.environ.get("PATH", os.defpath)])

    def end(self) -> None:
        """Take everything back that nobody has changed since: a fixture of the suite may have, and keeps its word."""
        for name, (before, value) in self._set.items():
            if os.environ.get(name) != value:
                continue
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
        left = os.environ.get("PATH", "").split(os.pathsep)
        for folder in self._folders:
            if folder in left:
                left.remove(folder)
        if self._folders:
            os.environ["PATH"] = os.pathsep.join(left)
        self._set, self._folders = {}, []
