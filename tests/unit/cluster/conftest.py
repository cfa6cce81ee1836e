"""Programs, a cache and a Kubernetes API that answer as a test wants; nothing of the real world."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from workstream.cluster import cache
from workstream.cluster.access import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache of its own, which is made when it is first used."""
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Give a way to put a program on PATH, before all others: its name, and the shell script that it runs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a PATH with nothing on it."""
    folder = tmp_path / "nothing"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@dataclass
class Kubernetes:
    """A Kubernetes API server that holds what a test puts there.

    Attributes:
        answers: by path, as the API's documentation writes it: an object, a list of objects, a text that is no JSON,
            or what returns one of them whenever it is asked.
        asked: the paths that were asked for, in order, each with its query.

    """

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, bytes]:
        """Return the code and the content of an answer to a request for a path and its query."""
        parts = urlsplit(path)
        self.asked.append((parts.path, parse_qs(parts.query)))
        found = self.answers.get(parts.path)
        found = found() if callable(found) else found
        if found is None:
            return 404, b'{"kind": "Status", "code": 404}'
        if isinstance(found, str):
            return 200, found.encode()
        return 200, json.dumps({"items": found} if isinstance(found, list) else found).encode()


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[Kubernetes]:
    """Give a Kubernetes API server, which the file `kubeconfig` leads to under the context `testing`."""
    found = Kubernetes()

    class Handler(BaseHTTPRequestHandler):
        """Answers from what the test put there."""

        def do_GET(self) -> None:
            """Answer."""
            code, content = found.answer(self.path)
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, name="a Kubernetes API")
    thread.start()
    configuration = {
        "current-context": "testing",
        "clusters": [{"name": "testing", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "contexts": [{"name": "testing", "context": {"cluster": "testing", "user": "testing"}}],
        "users": [{"name": "testing", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(configuration))
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reachable(kubernetes: Kubernetes, tmp_path: Path) -> Cluster:
    """Give the cluster that the Kubernetes API server belongs to; it is ours, and nothing can be brought there."""
    del kubernetes
    nothing = cast("Any", None)
    return Cluster(tmp_path / "kubeconfig", "testing", "testing", nothing, nothing)
