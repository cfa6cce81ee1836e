from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from workstream import errors, limits

SOURCES = Path(errors.__file__).parent
ACCEPTANCE = Path(__file__).parents[1] / "acceptance"


def kinds(above: type[errors.WorkstreamError] = errors.WorkstreamError) -> list[type[errors.WorkstreamError]]:
    """Return every kind of error."""
    return [above, *(one for direct in above.__subclasses__() for one in kinds(direct))]


def test_every_kind_of_error_has_an_exit_code_of_its_own() -> None:
    """No two kinds share a code, and none takes one of pytest's."""
    codes = Counter(kind.exit_code for kind in kinds())

    assert [code for code, count in codes.items() if count > 1] == []
    assert min(codes) > 5


def test_an_error_says_its_three_parts() -> None:
    """What failed, what to do, where to see more: one below the other, and empty parts leave no line."""
    assert str(errors.PodError("it loops", instead="mend it", more="the log")) == "it loops\nmend it\nSee: the log"
    assert str(errors.PodError("it loops")) == "it loops"


def test_every_limit_is_used() -> None:
    """A limit that nothing uses is not kept; that it is spoken of is no use."""
    defined = {name for name, value in vars(limits).items() if isinstance(value, limits.Limit)}
    used = {
        node.attr
        for path in [*SOURCES.rglob("*.py"), *ACCEPTANCE.rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "limits" and isinstance(node.ctx, ast.Load)
    }

    assert defined - used == set()


def test_patience_multiplies_every_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine doubles all limits with one variable."""
    monkeypatch.setenv(limits.PATIENCE_VARIABLE, "2.5")

    assert limits.Limit("x", 10).seconds == 25


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf", "1e300", "101"])
def test_patience_that_nobody_can_have_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable and what was expected."""
    monkeypatch.setenv(limits.PATIENCE_VARIABLE, text)
    with pytest.raises(errors.UsageError, match="expected a number above zero"):
        limits.patience()


@pytest.mark.parametrize("name", [name for name, value in vars(limits).items() if isinstance(value, limits.Limit)])
def test_every_limit_with_the_most_patience_is_one_that_can_be_waited_for(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No limit is longer than the operating system can wait: some 24 days, in milliseconds in 31 bits."""
    monkeypatch.setenv(limits.PATIENCE_VARIABLE, "100")

    assert 0 < getattr(limits, name).seconds * 1000 < 2**31


def test_an_empty_patience_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set to nothing is as good as unset."""
    monkeypatch.setenv(limits.PATIENCE_VARIABLE, "")

    assert limits.patience() == 1
