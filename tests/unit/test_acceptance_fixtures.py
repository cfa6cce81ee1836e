"""Rules of the acceptance suite's own fixtures that need no cluster."""

from __future__ import annotations

import ast
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
import yaml

from support import image, staging
from support.containers import Lab, labels
from support.places import CHART, ROOT
from workstream.cluster import cache

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    names = ("Dockerfile", "archive_classes.py", "entrypoint.sh", "unchanged_archives.py", "versions.toml")
    for name in names:
        (tmp_path / "sources" / name).write_text("before")
    (tmp_path / "sources" / "entrypoint.sh").chmod(0o755)
    copies = image.copied(tmp_path / "copies")
    for name in names:
        (tmp_path / "sources" / name).write_text("after")

    assert {path.name: path.read_text() for path in copies.iterdir()} == dict.fromkeys(names, "before")
    assert (copies / "entrypoint.sh").stat().st_mode & 0o111


def test_commands_run_where_the_charts_default_image_is_one_that_nodes_can_pull(tmp_path: Path) -> None:
    """In a copy of the charts that differs in those values and no other; which they are is told."""
    place = staging.place(tmp_path, {"image": {"repository": "r.example/team/spark", "tag": "3.5.7-51a7"}})
    there = place.folder / CHART.relative_to(ROOT)
    before, after = (yaml.safe_load((one / "values.yaml").read_text(encoding="utf-8")) for one in (CHART, there))
    files = {path.relative_to(CHART) for path in CHART.rglob("*") if path.is_file()}

    assert place.differs == {
        "image.repository": ["workstream/spark", "r.example/team/spark"],
        "image.tag": ["", "3.5.7-51a7"],
    }
    before["image"] |= {"repository": "r.example/team/spark", "tag": "3.5.7-51a7"}
    assert after == before
    assert {path.relative_to(there) for path in there.rglob("*") if path.is_file()} == files
    assert all((there / name).read_bytes() == (CHART / name).read_bytes() for name in files - {Path("values.yaml")})


def test_commands_run_here_where_nodes_have_the_charts_default_image(tmp_path: Path) -> None:
    """Nothing is copied, and there is nothing to tell."""
    assert staging.place(tmp_path, {}) == staging.Place(ROOT, {})
    assert list(tmp_path.iterdir()) == []


class Api(BaseHTTPRequestHandler):
    """An engine that tells its version, and makes no container."""

    wanted: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        """Tell the version, whatever was asked."""
        self._answer(200, {"ApiVersion": "1.41", "Version": "20.10"})

    def do_POST(self) -> None:
        """Remember what was wanted, and refuse it."""
        self.wanted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(500, {"message": "no container today"})

    def _answer(self, status: int, told: dict[str, str]) -> None:
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What an engine was asked to make."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        Api.wanted.clear()
        yield Api.wanted
        server.shutdown()


@pytest.mark.parametrize("user", ["", "1234"])
def test_a_container_carries_the_labels_by_which_the_next_run_finds_it(
    wanted: list[dict[str, Any]], user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts it: a run that is killed leaves its containers, and the next one removes them by those labels."""
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path))
    lab = Lab("w/spark:1", cast("Any", None))
    with pytest.raises(Exception, match="no container today"):
        lab.ended("true", user=user)

    (container,) = wanted
    assert labels().items() <= container["Labels"].items()
    assert container.get("User") == (user or None)
