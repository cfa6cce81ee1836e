"""Programs, a cache and a Kubernetes API that answer as a test wants; nothing of the real world."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from workstream import progress
from workstream.cluster import cache, debian
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
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a PATH with nothing on it."""
    folder = tmp_path / "nothing"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def enough_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk have room for whatever is built, also on a machine that has not."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[str], Event]]:
    """Give a way to learn when something is said to people: a part of it, for an event that is set then."""
    events: dict[str, Event] = {}

    class Ear(logging.Handler):
        """Sets the events whose text is said."""

        def emit(self, record: logging.LogRecord) -> None:
            """Look whether this is waited for."""
            for text, event in [*events.items()]:
                if text in record.getMessage():
                    event.set()

    ear = Ear()
    progress.logger.addHandler(ear)
    with caplog.at_level("INFO", logger="workstream"):
        yield lambda text: events.setdefault(text, Event())
    progress.logger.removeHandler(ear)


@dataclass(frozen=True)
class DebianMachine:
    """A machine of the Debian family, with an archive of packages.

    Attributes:
        packages: a folder of what each package holds, a folder of its name each; there are no others.
        log: the file of all calls of apt-get: APT_CONFIG, LC_ALL, the arguments.
        keyring: the file of Debian's keys.

    """

    packages: Path
    log: Path
    keyring: Path

    def has(self, package: str, *programs: str, says: str = "") -> None:
        """Let there be a package of these files: programs, each of which is the same shell script."""
        (self.packages / package).mkdir(exist_ok=True)
        for name in programs:
            path = self.packages / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"#!/bin/sh\n{says}\n")
            path.chmod(0o755)


_APT_GET = """
echo "$APT_CONFIG $LC_ALL $@" >> LOG
case "$*" in
    *--print-uris*) echo "'http://mirror.test/debian/dists/bookworm/InRelease' x 0" ;;
    "-q download "*)
        shift 2
        for name in "$@"; do
            [ -d "PACKAGES/$name" ] || { echo "E: Unable to locate package $name" >&2; exit 100; }
            echo "$name" > "${name}_1.0_all.deb"
        done ;;
esac
"""


@pytest.fixture
def debian_machine(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DebianMachine:
    """Give a machine whose apt and dpkg do as these do, with packages that a test makes."""
    found = DebianMachine(tmp_path / "packages", tmp_path / "apt-calls", tmp_path / "keys.gpg")
    found.packages.mkdir()
    found.keyring.touch()
    monkeypatch.setattr(debian, "KEYRING", found.keyring)
    monkeypatch.delenv(debian.MIRROR_VARIABLE, raising=False)
    pretend("apt-get", _APT_GET.replace("LOG", str(found.log)).replace("PACKAGES", str(found.packages)))
    pretend("apt-config", "echo 'Acquire::http::Proxy \"http://proxy.test\";'; echo 'Acquire::IndexTargets \"x\";'")
    pretend("dpkg-deb", f'cp -R "{found.packages}/$(cat "$2")/." "$3"')
    return found


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
