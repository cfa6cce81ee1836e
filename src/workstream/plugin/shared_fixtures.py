"""Fixtures of several tests: what they find out when they end is of every test that used them.

pytest tells it of the test that happens to run last.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from _pytest.fixtures import FixtureDef, SubRequest

from workstream.plugin.lost import in_one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workstream.plugin.running import Running


@contextlib.contextmanager
def watched(under_way: Callable[[], Running | None], lose: Callable[[Running, str], None]) -> Iterator[None]:
    """See who uses fixtures, and how these end.

    Args:
        under_way: tells the run that is under way.
        lose: takes a run that has ended, and what a fixture that it used found out since.

    """
    users: WeakKeyDictionary[FixtureDef[Any], list[Running]] = WeakKeyDictionary()
    told: list[BaseException] = []  # a fixture that another one rests on ends with the same exception once more
    execute, finish = FixtureDef.execute, FixtureDef.finish

    def executed(fixture: FixtureDef[Any], request: SubRequest) -> Any:  # noqa: ANN401 - anything
        running = under_way()
        using = users.setdefault(fixture, [])
        if running is not None and running not in using:
            using.append(running)
        return execute(fixture, request)

    def finished(fixture: FixtureDef[Any], request: SubRequest) -> None:
        using = users.pop(fixture, [])
        try:
            finish(fixture, request)
        except BaseException as error:
            if all(error is not one for one in told):
                told.append(error)
                for running in using:
                    if running is not under_way():
                        lose(running, f"The fixture {fixture.argname}, which it used, ended with {in_one_line(error)}")
            raise

    everywhere: Any = FixtureDef
    everywhere.execute, everywhere.finish = executed, finished
    try:
        yield
    finally:
        everywhere.execute, everywhere.finish = execute, finish
