"""Rules of the acceptance suite's own fixtures that need no cluster."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from support import image

if TYPE_CHECKING:
    import pytest

CONFTEST = Path(__file__).parents[1] / "acceptance" / "conftest.py"


def fixtures() -> tuple[dict[str, list[str]], list[str]]:
    """Return what each fixture of the suite's conftest asks for, and which ones every test has."""
    found, every = {}, []
    for one in ast.parse(CONFTEST.read_text(encoding="utf-8")).body:
        if isinstance(one, ast.FunctionDef):
            found[one.name] = [argument.arg for argument in one.args.args]
            every += [one.name for decorator in one.decorator_list if "autouse=True" in ast.unparse(decorator)]
    return found, every


def test_what_every_test_has_observes_nothing() -> None:
    """Neither engine nor cluster is among what the fixtures ask for that every test has, near or far."""
    asks, left = fixtures()
    seen: set[str] = set()
    while left:
        name = left.pop()
        seen.add(name)
        left += [one for one in asks.get(name, []) if one not in seen]

    assert {"image_under_way", "world"} <= seen
    assert seen.isdisjoint({"engine", "cluster", "tools"})


def test_the_image_is_built_from_what_was_there_when_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is saved in place, while the engine still comes up, is not what gets into the image."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(image, "IMAGE", tmp_path / "sources")
    names = ("Dockerfile", "entrypoint.sh", "versions.toml")
    for name in names:
        (tmp_path / "sources" / name).write_text("before")
    (tmp_path / "sources" / "entrypoint.sh").chmod(0o755)
    copies = image.copied(tmp_path / "copies")
    for name in names:
        (tmp_path / "sources" / name).write_text("after")

    assert {path.name: path.read_text() for path in copies.iterdir()} == dict.fromkeys(names, "before")
    assert (copies / "entrypoint.sh").stat().st_mode & 0o111
