"""What need not be run on a broken product: a criterion that was seen to fail there is seen to fail.

Every test is to be seen to fail on some product, and no more: see `workstream.evidence.matrix`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream.evidence.matrix import holds
from workstream.evidence.records import Result
from workstream.plugin.session import test_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workstream.evidence.records import Manifest, Outcome
    from workstream.plugin.rounds import Round


class Witnesses:
    """Tests that were seen to fail, in the round that goes on and in those before it."""

    def __init__(self) -> None:
        self._criteria: dict[str, set[str]] = {}
        self._aims: dict[str, str] = {}
        self._red: set[str] = set()
        self._failed: set[str] = set()
        self._noticed: set[tuple[str, str]] = set()

    def speak(self, manifest: Iterable[Manifest]) -> None:
        """Take which tests speak of which criteria."""
        for line in manifest:
            self._criteria.setdefault(line.test, set()).add(line.criterion_id)

    def begin(self, round_: Round) -> None:
        """Begin a round: forget what failed in the one before."""
        self._aims = {one: words for aim in round_.broken for one, words in aim.turns_red.items()}
        self._red, self._failed = set(), set()

    def take(self, outcome: Outcome) -> None:
        """Take how a phase of a test ended."""
        if outcome.result is not Result.FAILED or outcome.when not in {"setup", "call"}:
            return
        if outcome.when == "call":  # else what it asserts was never asked
            self._failed.add(outcome.test)
        spoken = self._criteria.get(outcome.test, set())
        self._red |= {one for one in spoken & self._aims.keys() if holds(outcome.message, self._aims[one])}

    @pytest.hookimpl(tryfirst=True)  # and within what other plugins do around a setup
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a test that need not be run in this round."""
        if why := self._needless(test_of(item)):
            pytest.skip(why)

    def _needless(self, test: str) -> str:
        """Return why a test need not be run in this round; nothing if it must.

        All criteria that it speaks of were to fail here, and did, in the words that are named; and in an earlier round
        it was seen to fail itself, for each of them.
        """
        spoken = self._criteria.get(test, set())
        if not spoken or not spoken <= self._red or any((one, _function(test)) not in self._noticed for one in spoken):
            return ""
        return f"{', '.join(sorted(spoken))} failed on this product already, and this test on another."

    def end(self) -> None:
        """End a round that counts: whoever failed in it for a criterion that was to fail has been seen to."""
        for test in self._failed:
            self._noticed |= {(one, _function(test)) for one in self._criteria.get(test, set()) & self._red}


def _function(test: str) -> str:
    """Return a test without its parameters."""
    return test.partition("[")[0]
