"""Cache folders of several users, or of several containers, on one engine."""

from __future__ import annotations

import json
import os
import shlex
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import containers
from workstream import errors, limits, processes
from workstream.cluster import cache, provisioning
from workstream.cluster.engine import Engine
from workstream.cluster.provisioning import Options

if TYPE_CHECKING:
    from collections.abc import Callable

# An engine that knows of containers and networks what a file says, and changes it as it is asked.
DOCKER = """
import fcntl, json, sys

arguments = sys.argv[1:]
filters = [arguments[place + 1] for place, one in enumerate(arguments) if one == "--filter"]
labels = [arguments[place + 1] for place, one in enumerate(arguments) if one == "--label"]
with open(STATE, "r+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    state = json.loads(file.read())
    said, code = [], 0

    def chosen(things):
        wanted = {one.partition("=")[2] for one in filters}
        either = {
            name: {part for label in one["labels"] for part in (label, label.partition("=")[0])}
            for name, one in things.items()}
        return [name for name in things if wanted <= either[name]]

    match arguments[:2]:
        case ["version", _]: said = ['{"Server": {"Version": "28.2.2", "ApiVersion": "1.50"}}']
        case ["image", _]: said = ["sha256:51a7"]
        case ["ps", _]: said = chosen(state["containers"])
        case ["inspect", _]: said = [state["containers"][arguments[-1]]["network"]]
        case ["rm", _]:
            for name in arguments[3:]:
                state["containers"].pop(name)
        case ["network", "inspect"]:
            network = state["networks"].get(arguments[-1])
            code = 0 if network else 1
            home = "workstream.home="
            said = [one.removeprefix(home) for one in (network or {"labels": []})["labels"] if one.startswith(home)]
        case ["network", "create"]:
            code = 1 if arguments[-1] in state["networks"] else 0
            state["networks"][arguments[-1]] = {"labels": labels}
        case ["network", "ls"]:
            said = chosen(state["networks"])
            if "--format" in arguments:
                cluster = "workstream.cluster="
                said = [
                    one.removeprefix(cluster)
                    for name in said for one in state["networks"][name]["labels"] if one.startswith(cluster)
                ]
        case ["network", "rm"]: state["networks"].pop(arguments[2])
        case ["nodes", _]:
            for number in range(3):
                node = {"labels": ["io.x-k8s.kind.cluster=" + arguments[1]], "network": arguments[2]}
                state["containers"][arguments[1] + "-" + str(number)] = node
    file.seek(0)
    file.truncate()
    file.write(json.dumps(state))
print(*said, sep="\\n")
sys.exit(code)
"""
KIND = """
[ "$1 $2" = "create cluster" ] || exit 0
docker nodes "$4" "$KIND_EXPERIMENTAL_DOCKER_NETWORK"
while [ "$1" != --kubeconfig ]; do shift; done
echo '{}' > "$2"
"""
KUBECTL = """
case "$*" in
    *"get nodes"*) echo "node True" ;;
    *"get deployment coredns"*) printf 2/2 ;;
esac
"""


@dataclass(frozen=True)
class Shared:
    """An engine that several cache folders use.

    Attributes:
        engine: the engine.
        file: what there is in it.
        homes: the folder of the cache folders.
        use: makes one of them, by its name, that of this process.

    """

    engine: Engine
    file: Path
    homes: Path
    use: Callable[[str], None]

    def has(self) -> dict[str, set[str]]:
        """Return the names of the clusters that have nodes, and of all networks."""
        state = json.loads(self.file.read_text())
        nodes = {name.rpartition("-")[0] for name in state["containers"]}
        return {"clusters": nodes, "networks": set(state["networks"])}

    def run(self, home: str, name: str, *, keep: bool = False) -> ExitStack:
        """Bring up a cluster for a run of a home, that ends when what is returned is closed: from that home."""
        self.use(home)
        options = Options(name=name, keep=lambda: keep, diagnostics=self.homes / "diagnostics")
        run = ExitStack()
        run.callback(self.use, home)
        run.enter_context(provisioning.reserved(options))
        run.enter_context(provisioning.cluster_ready(self.engine, {}, options))
        run.callback(self.use, home)
        return run

    def kill(self, run: ExitStack) -> None:
        """End a run and leave in the engine what `kill -9` would."""
        left = self.file.read_text()
        run.close()
        self.file.write_text(left)


@pytest.fixture
def shared(pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shared:
    """Give an engine in which there is nothing yet, and the homes `a` and `b`."""
    file = tmp_path / "engine.json"
    file.write_text(json.dumps({"containers": {}, "networks": {}}))
    script = tmp_path / "engine.py"
    script.write_text(DOCKER.replace("STATE", repr(str(file))))
    client = pretend("docker", f'exec {sys.executable} -IS {script} "$@"')
    pretend("kind", KIND)
    pretend("kubectl", KUBECTL)
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.01)
    homes = tmp_path / "homes"

    def use(name: str) -> None:
        monkeypatch.setenv(cache.FOLDER_VARIABLE, str(homes / name))

    return Shared(Engine(str(client), "28.2.2", private=False), file, homes, use)


def of(shared: Shared, home: str, name: str = "workstream") -> str:
    """Return what the engine calls a home's cluster."""
    shared.use(home)
    return f"{name}-{cache.home_id()[:6]}"


def test_two_homes_have_clusters_of_one_name_side_by_side(shared: Shared) -> None:
    """Whichever begins or ends first, neither touches nodes or networks of the other."""
    first = shared.run("a", "workstream")
    second = shared.run("b", "workstream")
    ours, theirs = of(shared, "a"), of(shared, "b")
    assert ours != theirs
    networks = {f"workstream-{one}" for one in (ours, theirs)}
    assert shared.has() == {"clusters": {ours, theirs}, "networks": networks}
    first.close()
    assert shared.has() == {"clusters": {theirs}, "networks": {f"workstream-{theirs}"}}
    third = shared.run("a", "workstream")
    second.close()
    assert shared.has() == {"clusters": {ours}, "networks": {f"workstream-{ours}"}}
    third.close()
    assert shared.has() == {"clusters": set(), "networks": set()}


def test_what_a_killed_run_left_is_removed_by_the_next_of_its_home_and_by_no_other(
    shared: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the name of its cluster was; another home leaves it alone, and says nothing of it."""
    caplog.set_level("INFO", "workstream")
    shared.kill(shared.run("a", "mine"))
    left = of(shared, "a", "mine")
    shared.run("b", "mine").close()
    shared.run("b", "other").close()
    assert "was left by" not in caplog.text
    assert shared.has() == {"clusters": {left}, "networks": {f"workstream-{left}"}}
    shared.run("a", "other").close()
    assert "mine was left behind" in caplog.text
    assert shared.has() == {"clusters": set(), "networks": set()}


def test_a_network_that_is_all_that_a_killed_run_made_is_removed_too(shared: Shared) -> None:
    """It is made before the first node is."""
    shared.kill(shared.run("a", "mine"))
    state = json.loads(shared.file.read_text())
    shared.file.write_text(json.dumps({**state, "containers": {}}))
    shared.run("a", "other").close()

    assert shared.has() == {"clusters": set(), "networks": set()}


def test_a_cluster_that_was_kept_is_no_leftover(shared: Shared) -> None:
    """Runs of the same home with other clusters leave it alone, until somebody takes it away by its name."""
    shared.run("a", "kept", keep=True).close()
    shared.run("a", "other").close()
    kept = of(shared, "a", "kept")
    assert shared.has() == {"clusters": {kept}, "networks": {f"workstream-{kept}"}}
    assert provisioning.down("kept")
    assert shared.has() == {"clusters": set(), "networks": set()}


def test_a_cluster_that_another_run_uses_is_no_leftover(shared: Shared) -> None:
    """Two runs of one home, each with a cluster of its own: the second finds the first's and leaves it alone."""
    first = shared.run("a", "one")
    shared.run("a", "two").close()
    one = of(shared, "a", "one")
    assert shared.has() == {"clusters": {one}, "networks": {f"workstream-{one}"}}
    first.close()
    assert shared.has() == {"clusters": set(), "networks": set()}


def test_a_network_of_our_name_that_another_home_made_is_refused(shared: Shared) -> None:
    """Should two ids begin alike, the whole of them tells: nothing is made over what is another's."""
    first = shared.run("a", "mine")
    (shared.homes / "b").mkdir()
    (shared.homes / "b" / "id").write_text(f"{cache.home_id()[:6]}0000000000")
    before = shared.has()
    with pytest.raises(errors.ClusterNotOursError, match="not make from this cache folder"):
        shared.run("b", "mine")
    with pytest.raises(errors.ClusterNotOursError):
        provisioning.down("mine")
    assert shared.has() == before
    first.close()
    assert shared.has() == {"clusters": set(), "networks": set()}


def test_what_is_kept_is_taken_away_by_what_was_printed(
    shared: Shared, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Typed as it stands there, from any shell: with the name, and with the cache folder that was chosen."""
    with caplog.at_level("INFO", logger="workstream"):
        shared.run("a", "it's", keep=True).close()
    (line,) = [one for one in caplog.messages if "to delete it: " in one]
    typed = line.partition("to delete it: ")[2]
    program, *arguments = [one for one in shlex.split(typed) if "=" not in one]
    assert arguments == ["cluster", "down", "--cluster-name", "it's"]
    assert Path(program).exists()
    del os.environ[cache.FOLDER_VARIABLE]
    said = processes.run(["sh", "-c", typed], limit=limits.QUICK_COMMAND, folder=tmp_path).stdout

    assert said == "it's: deleted\n"
    assert shared.has() == {"clusters": set(), "networks": set()}


def test_a_deleted_cluster_leaves_no_folder(shared: Shared) -> None:
    """Nor does one that was looked for and never was."""
    shared.run("a", "mine").close()
    provisioning.status("nothere")
    provisioning.down("nothere")

    assert list((shared.homes / "a" / "clusters").iterdir()) == []
    assert [one.name for one in (shared.homes / "a" / "locks").iterdir()] == ["id"]


def put_lab(shared: Shared, *homes: str) -> None:
    """Let killed runs of homes have left a container and a network of the image tests."""
    state = json.loads(shared.file.read_text())
    for home in homes:
        shared.use(home)
        labels = [f"{name}={value}" for name, value in containers.labels().items()]
        state["containers"][f"{home}-lab"] = {"labels": labels, "network": "lab"}
        state["networks"][f"{home}-lab"] = {"labels": labels}
    shared.file.write_text(json.dumps(state))


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let testcontainers reach no engine."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


@pytest.mark.usefixtures("refusing")
def test_what_tests_of_the_image_left_is_removed_by_the_next_run_of_their_home(shared: Shared) -> None:
    """Before it makes anything of its own; what another home has there stays, and so do clusters."""
    cluster = shared.run("a", "mine")
    put_lab(shared, "b", "a")
    with (
        pytest.raises(Exception, match="Error while fetching server API version"),
        containers.lab(shared.engine, "w/spark:1"),
    ):
        pytest.fail("a place without an engine")
    found = json.loads(shared.file.read_text())
    ours = of(shared, "a", "mine")

    assert {name for name in found["containers"] if not name.startswith(ours)} == {"b-lab"}
    assert set(found["networks"]) == {"b-lab", f"workstream-{ours}"}
    cluster.close()


@pytest.mark.usefixtures("refusing")
def test_what_tests_of_the_image_use_just_now_is_no_leftover(shared: Shared) -> None:
    """Another run of the same home, or another process of the same run, has such a place too."""
    put_lab(shared, "a")
    with (
        cache.lease("lab"),
        pytest.raises(Exception, match="Error while fetching server API version"),
        containers.lab(shared.engine, "w/spark:1"),
    ):
        pytest.fail("a place without an engine")

    assert set(json.loads(shared.file.read_text())["containers"]) == {"a-lab"}
