from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import errors, limits
from workstream.cluster import programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "says", "version"),
    [
        ("kind", "kind v0.30.0 go1.24.6 linux/amd64", "0.30.0"),
        ("helm", "v3.19.0+g3d8990f", "3.19.0"),
        ("helm", "v4.0", "4.0.0"),
        ("kubectl", '{"clientVersion": {"major": "1", "minor": "34", "gitVersion": "v1.34.4-rc.1"}}', "1.34.4"),
        ("go", "go version go1.26.8 linux/amd64", "1.26.8"),
    ],
)
def test_a_program_on_path_in_an_accepted_version_is_used(
    pretend: Callable[[str, str], Path], name: str, says: str, version: str
) -> None:
    """What a program says of its version is understood, and the program is used as it is."""
    path = pretend(name, f"echo '{says}'")
    tool = programs.on_path(name)

    assert tool == programs.Tool(name, path, version, built=False)


@pytest.mark.parametrize(
    ("name", "says"),
    [("kubectl", '{"clientVersion": {"gitVersion": "v1.32.4-dispatcher"}}'), ("helm", "v2.17.0"), ("kind", "what?")],
)
def test_a_program_in_another_version_is_not_used(pretend: Callable[[str, str], Path], name: str, says: str) -> None:
    """A program that is too old, or tells no version, is passed over."""
    pretend(name, f"echo '{says}'")

    assert programs.on_path(name) is None


def test_a_compiler_that_fails_is_told_with_its_last_words(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what was compiled, what the compiler said, and what else would do; nothing half-made stays."""
    monkeypatch.setattr(limits, "COMPILE_BYTES", 0)
    pretend("go", 'if [ "$1" = version ]; then echo go version go1.26.8 x; else echo no such module >&2; exit 1; fi')

    with pytest.raises(errors.BuildError, match="no such module") as caught:
        programs.built(["kind"])

    assert "kind" in caught.value.what
    assert "GOPROXY" in caught.value.instead
    assert list((tmp_path / "cache" / "programs" / programs.key()).iterdir()) == []
