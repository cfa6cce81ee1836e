"""Programs, a cache and a Kubernetes API that answer as a test wants; nothing of the real world."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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


# What a docker client says of an engine: its version, and that it is not rootless.
ANSWERS = """
case "$1" in
    version) echo '{"Client": {}, "Server": {"Version": "28.2.2", "ApiVersion": "1.50", "Os": "linux"}}'; exit ;;
    info) echo '["name=seccomp,profile=builtin"]'; exit ;;
esac
"""


@pytest.fixture
def answering_docker(pretend: Callable[[str, str], Path]) -> Callable[[str], Path]:
    """Give a way to put a docker client on PATH that reaches an engine: what it does besides saying so."""
    return lambda script: pretend("docker", ANSWERS + script)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache of its own, which is made when it is first used; no engine is named."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def known_id(own_cache: Path) -> str:
    """Let the cache have an id that a test can spell."""
    own_cache.mkdir()
    (own_cache / "id").write_text("c0ffee0123456789")
    return "c0ffee0123456789"


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


_VERSION = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.4",
    "gitCommit": "c",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "go1.25.0",
    "compiler": "gc",
    "platform": "linux/amd64",
}


@dataclass
class Kubernetes:
    """A Kubernetes API server that holds what a test puts there.

    Attributes:
        answers: by path, as the API's documentation writes it: an object, a list of objects, a text that is no JSON,
            or what returns one of them whenever it is asked; a number is the code of a refusal.
        asked: the paths that were asked for, in order, each with its query.
        forbidden: the paths that the account may not use, whatever for, and what it is told.
        lingers: what is deleted is there for so many more looks.
        date: what it holds for the time, as HTTP writes it; this machine's unless it is said.

    """

    answers: dict[str, Any] = field(default_factory=lambda: {"/version/": _VERSION})
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    forbidden: dict[str, str] = field(default_factory=dict)
    lingers: int = 0
    date: str = ""

    def forbid(self, path: str, resource: str, verb: str = "list") -> str:
        """Let the account lack a right; return the words in which it is told."""
        message = f'{resource} is forbidden: User "someone" cannot {verb} resource "{resource}" in API group ""'
        self.forbidden[path] = message
        return message

    def put(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Let there be an object; return the answer."""
        if path in self.forbidden:
            return self._refuse(path)
        made = json.loads(body)
        self.answers[f"{path}/{made['metadata']['name']}"] = made
        return 201, body

    def remove(self, path: str) -> tuple[int, bytes]:
        """Let an object be gone, at once or after some more looks; return the answer."""
        looks = iter([self.answers[path]] * self.lingers)
        self.answers[path] = lambda: next(looks, None)
        return 200, b'{"kind": "Status"}'

    def _refuse(self, path: str) -> tuple[int, bytes]:
        return 403, json.dumps({"kind": "Status", "code": 403, "message": self.forbidden[path]}).encode()

    def answer(self, path: str) -> tuple[int, bytes]:
        """Return the code and the content of an answer to a request for a path and its query."""
        parts = urlsplit(path)
        self.asked.append((parts.path, parse_qs(parts.query)))
        if parts.path in self.forbidden:
            return self._refuse(parts.path)
        found = self.answers.get(parts.path)
        found = found() if callable(found) else found
        if found is None:
            return 404, b'{"kind": "Status", "code": 404}'
        if isinstance(found, int):
            return found, b'{"kind": "Status"}'
        if isinstance(found, str):
            return 200, found.encode()
        if isinstance(found, list):
            wanted = [one.split("=") for one in parse_qs(parts.query).get("fieldSelector", [])]
            found = {"items": [one for one in found if all(one.get(name) == value for name, value in wanted)]}
        return 200, json.dumps(found).encode()


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[Kubernetes]:
    """Give a Kubernetes API server, which the file `kubeconfig` leads to under the context `testing`."""
    found = Kubernetes()

    class Handler(BaseHTTPRequestHandler):
        """Answers from what the test put there."""

        def do_GET(self) -> None:
            """Answer."""
            self._answer(*found.answer(self.path))

        def do_POST(self) -> None:
            """Let there be an object."""
            self._answer(*found.put(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

        def do_DELETE(self) -> None:
            """Let an object be gone."""
            self._answer(*found.remove(self.path))

        def _answer(self, code: int, content: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content)

        def date_time_string(self, timestamp: float | None = None) -> str:
            """Return the time that every answer tells."""
            return found.date or super().date_time_string(timestamp)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), name="a Kubernetes API")
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


_PATHS = {
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Event": "/api/v1/namespaces/{}/events",
}
_TEMPLATE = {"metadata": {"labels": {"any": "w"}}, "spec": {"containers": [{"name": "main", "image": "i"}]}}
_SELECTED = {"selector": {"matchLabels": {"any": "w"}}, "template": _TEMPLATE}

Body = dict[str, Any]


@dataclass
class Objects:
    """What a cluster holds in its namespaces `n` and `o`, in the words of its API server; none has a label of Helm's.

    Attributes:
        kubernetes: the API server.

    """

    kubernetes: Kubernetes

    def __post_init__(self) -> None:
        for path in _PATHS.values():
            for namespace in ("n", "o"):
                self.kubernetes.answers[path.format(namespace)] = []

    @staticmethod
    def at(seconds: float = 0) -> str:
        """Return a time as Kubernetes writes it: now, or so many seconds later."""
        return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"

    @staticmethod
    def container(name: str = "main", *, restarts: int = 0, **state: Body) -> Body:
        """Return what the API server says of a pod's container: that it runs, or is in another state."""
        usual = {"name": name, "image": "i", "imageID": "i@sha256:m", "ready": True, "restartCount": restarts}
        return {**usual, "state": state or {"running": {"startedAt": Objects.at()}}, "lastState": {}}

    def put(self, kind: str, name: str, body: Body, owner: Body | None = None) -> Body:
        """Let there be an object; what is said of its metadata comes on top of what every object has."""
        more = body.pop("metadata", {})
        namespace = more.get("namespace", "n")
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": f"{kind}-{namespace}-{name}",
            "creationTimestamp": self.at(),
            "generation": 1,
            **({"ownerReferences": [_owned(owner)]} if owner else {}),
            **more,
        }
        made = {"metadata": metadata, **body}
        self.kubernetes.answers[_PATHS[kind].format(metadata["namespace"])].append(made)
        return made

    def remove(self, kind: str, body: Body) -> None:
        """Let an object be gone."""
        self.kubernetes.answers[_PATHS[kind].format(body["metadata"]["namespace"])].remove(body)

    def daemonset(self, name: str = "w", *, metadata: Body | None = None, **status: int) -> Body:
        """Let there be a DaemonSet that wants one pod and has it, but for what is said of its status."""
        counts = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberReady")
        usual = {"observedGeneration": 1, "numberMisscheduled": 0, **dict.fromkeys(counts, 1)}
        return self.put("DaemonSet", name, {"metadata": metadata or {}, "spec": _SELECTED, "status": usual | status})

    def replicated(self, kind: str, name: str = "w", *, replicas: int = 1, **more: Any) -> Body:  # noqa: ANN401 - JSON
        """Let there be a Deployment or the like whose replicas are all there; its metadata, spec, status as said."""
        counts = ("replicas", "readyReplicas", *(() if kind == "ReplicaSet" else ("updatedReplicas",)))
        status = {"observedGeneration": 1, **dict.fromkeys(counts, replicas), **more.get("status", {})}
        spec = {**_SELECTED, "replicas": replicas, "serviceName": "s", **more.get("spec", {})}
        body = {"metadata": more.get("metadata", {}), "spec": spec, "status": status}
        return self.put(kind, name, body, more.get("owner"))

    def job(self, name: str = "w", *, owner: Body | None = None, metadata: Body | None = None, **status: Any) -> Body:  # noqa: ANN401 - JSON
        """Let there be a Job whose pod runs, but for what is said of its status."""
        spec = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "suspend": False, "template": _TEMPLATE}
        body = {"metadata": metadata or {}, "spec": spec, "status": {"active": 1, **status}}
        return self.put("Job", name, body, owner)

    def pod(self, name: str = "p", *, owner: Body | None = None, **more: Any) -> Body:  # noqa: ANN401 - JSON
        """Let there be a pod that runs and is ready, but for its metadata and what is said of its status."""
        usual = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [self.container()],
        }
        metadata = more.pop("metadata", {})
        return self.put("Pod", name, {"metadata": metadata, "spec": _TEMPLATE["spec"], "status": usual | more}, owner)

    def event(self, about: Body, kind: str, message: str, **more: Any) -> Body:  # noqa: ANN401 - JSON
        """Let a pod of something be refused just now, or let something else have happened to it."""
        where = about["metadata"]
        involved = {"kind": kind, "name": where["name"], "namespace": where["namespace"], "uid": where["uid"]}
        usual = {"type": "Warning", "reason": "FailedCreate", "count": 1, "lastTimestamp": self.at(), "eventTime": None}
        number = len(self.kubernetes.answers[_PATHS["Event"].format(where["namespace"])])
        body = {**usual, "involvedObject": involved, "message": message, **more}
        made = {"creationTimestamp": body["lastTimestamp"]} if body["lastTimestamp"] else {}
        body["metadata"] = {"namespace": where["namespace"], **made, **body.get("metadata", {})}
        return self.put("Event", f"{where['name']}.{number}", body)


def _owned(owner: Body) -> Body:
    where = owner["metadata"]
    kind, _, _ = where["uid"].partition("-")
    return {"apiVersion": "v1", "kind": kind, "name": where["name"], "uid": where["uid"], "controller": True}


@pytest.fixture
def objects(kubernetes: Kubernetes) -> Objects:
    """Give what the cluster of the Kubernetes API server holds; nothing yet."""
    return Objects(kubernetes)
