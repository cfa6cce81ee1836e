"""Which tests pytest-xdist keeps in one process: those of a group, and those that share the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workstream.plugin.binding import uses

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

CLUSTER = "cluster"
_GROUP = "xdist_group"


def group_of(item: pytest.Item) -> str:
    """Return the group of a test: the suite's marker names it, else it is that of the cluster; empty if it has none."""
    names = [
        str(mark.args[0] if mark.args else mark.kwargs.get("name", "default")) for mark in item.iter_markers(_GROUP)
    ]
    return "_".join(sorted(set(names))) or (CLUSTER if uses(item, "cluster") else "")


def scheduler(config: pytest.Config, log: object, group: Callable[[str], str]) -> Any:  # noqa: ANN401 - pytest-xdist may not be there
    """Return what hands out tests: those of a group to one process, the others as `--dist` says.

    pytest-xdist's own `--dist=loadgroup` writes groups into node ids, which pytest 9.2 does not take any more.

    Args:
        config: pytest's.
        log: pytest-xdist's.
        group: tells a test's group, by its node id.

    """
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - who asks for a scheduler has it

    scopes: dict[str, Callable[[str], str]] = {
        "loadscope": lambda node_id: node_id.rpartition("::")[0],
        "loadfile": lambda node_id: node_id.partition("::")[0],
    }
    scope = scopes.get(config.getoption("dist"), str)

    class Grouped(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid) or scope(nodeid)

        def schedule(self) -> None:
            super().schedule()
            # A process that takes a dead one's place gets one test, and would wait for ever for the next: it runs a
            # test when it knows what follows, or that nothing does.
            for node in self.nodes:
                self._reschedule(node)

        def remove_node(self, node: object) -> str | None:
            """Take back what a process that died was to run, except the test that it died in: that one has crashed."""
            units: dict[str, dict[str, bool]] = self.assigned_work.pop(node)
            waiting = [(scope, test) for scope, unit in units.items() for test, done in unit.items() if not done]
            if not waiting:
                return None
            scope, died = waiting[0]
            units[scope][died] = True
            self.workqueue.update({scope: unit for scope, unit in units.items() if not all(unit.values())})
            for other in self.assigned_work:
                self._reschedule(other)
            return died

    return Grouped(config, log)
