"""This process's own environment while tests run: a plain `kubectl` in a test acts on the test's cluster.

Programs that the harness starts get theirs from what they use (see `workstream.processes.Environment`). What a test
starts itself, or a library reads (testcontainers looks for DOCKER_HOST), stands in the environment of the process. It
is set here and nowhere else: from the setup of a test that asks for `engine`, `tools` or `cluster` to the end of its
teardown. In the teardown of every test what any fixture has asked for is set: that fixture may be torn down there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from workstream.lending import Part
    from workstream.world import World


class ProcessEnvironment:
    """Sets variables and PATH for a test, and takes back what is still as it was set.

    Args:
        world: knows what programs need for its parts.

    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: list[Part] = []
        self._set: dict[str, tuple[str | None, str]] = {}
        self._folders: list[str] = []

    def ask(self, part: Part, request: pytest.FixtureRequest) -> None:
        """Set what a part needs, now and whenever a test asks for the fixture that gives it.

        Args:
            part: the part, which is ready.
            request: that fixture's.

        """
        self._use(part)
        if part in self._asked:
            return
        self._asked.append(part)
        # No hook tells that a fixture is asked for that is there already, and pytest's own class is not public.
        definition: Any = request._fixturedef  # type: ignore[attr-defined] # noqa: SLF001
        execute = definition.execute

        def executed(request: pytest.FixtureRequest) -> object:
            value = execute(request=request)
            self._use(part)
            return value

        definition.execute = executed

    def begin_teardown(self) -> None:
        """Set what any fixture may need while it is torn down."""
        for part in self._asked:
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
        """Take everything back that nobody has changed since: what a fixture of the suite has set stays."""
        for name, (before, value) in self._set.items():
            if os.environ.get(name) != value:
                continue
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
        entries = os.environ.get("PATH", "").split(os.pathsep)
        for folder in self._folders:
            if folder in entries:
                entries.remove(folder)
        if self._folders:
            os.environ["PATH"] = os.pathsep.join(entries)
        self._set, self._folders = {}, []
