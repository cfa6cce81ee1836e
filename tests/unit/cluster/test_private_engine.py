from __future__ import annotations

import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from workstream import errors, limits, processes
from workstream.cluster import private_engine, provisioning, waiting
from workstream.cluster.engine import Engine
from workstream.cluster.versions import pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.cluster.conftest import DebianMachine

pytestmark = pytest.mark.usefixtures("enough_room")

# An engine that only is there: it makes its socket and the file of its process id, and takes both away when it ends.
DOCKERD = """
echo "$@" > STATE/started
echo $$ >> STATE/process_ids
echo "$DOCKERD_SAYS"
[ -z "$DOCKERD_SAYS" ] || exit 5
while [ $# -gt 0 ]; do
    case "$1" in --pidfile) pidfile=$2 ;; --host) socket=${2#unix://} ;; esac
    shift
done
trap 'kill $!; rm -f "$socket" "$pidfile"; exit 0' TERM
echo $$ > "$pidfile"
until [ -e STATE/go_on ]; do sleep 0.01; done
touch "$socket"
sleep 600 & wait
"""
# Its client, which reaches it by its socket. The first time it does not, it lets it go on.
DOCKER = """
echo "$@" >> STATE/calls
[ -e "${DOCKER_HOST#unix://}" ] || { touch STATE/go_on; echo "Cannot connect" >&2; exit 1; }
case "$1 $2" in
    "version --format") echo 28.2.2 ;;
    "ps --all") cat STATE/containers 2>/dev/null || true ;;
    "inspect --format") echo workstream-mine-c0ffee ;;
    "rm --force") rm STATE/containers ;;
    "network inspect") exit 1 ;;
    "network prune") while [ -e STATE/slow ]; do sleep 0.01; done; [ ! -e STATE/stuck ] ;;
esac
"""
DROPPING = "echo '-P FORWARD DROP'"


@dataclass(frozen=True)
class Machine:
    """A machine without an engine that answers, on which a private one can run.

    Attributes:
        state: the folder in which the private engine's programs tell what they were asked.
        run: the folder of what runs.
        bridge_filter: the file that says whether the firewall sees what bridges pass on.
        debian: where its packages come from.

    """

    state: Path
    run: Path
    bridge_filter: Path
    debian: DebianMachine

    def calls(self, *beginnings: str) -> list[str]:
        """Return the calls of the private engine's client that begin like one of these."""
        path = self.state / "calls"
        return [line for line in path.read_text().splitlines() if line.startswith(beginnings)] if path.exists() else []


@pytest.fixture
def machine(
    debian_machine: DebianMachine,
    pretend: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Machine]:
    """Give such a machine; what was left running on it is ended."""
    found = Machine(tmp_path / "state", tmp_path / "run", tmp_path / "filter", debian_machine)
    found.state.mkdir()
    found.run.mkdir()
    monkeypatch.setattr(private_engine, "RUN", found.run)
    monkeypatch.setattr(private_engine, "BRIDGE_FILTER", found.bridge_filter)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.01)
    monkeypatch.delenv("DOCKERD_SAYS", raising=False)
    pretend("docker", "echo 'Cannot connect' >&2; exit 1")
    pretend("iptables", "echo '-P FORWARD ACCEPT'")
    for package in ("containerd", "runc"):
        debian_machine.has(package, f"usr/bin/{package}")
    debian_machine.has("tini", "usr/bin/tini-static")
    debian_machine.has("docker.io", "usr/sbin/docker-proxy")
    debian_machine.has("docker.io", "usr/sbin/dockerd", says=DOCKERD.replace("STATE", str(found.state)))
    debian_machine.has("docker-cli", "usr/bin/docker", says=DOCKER.replace("STATE", str(found.state)))
    yield found
    started = found.state / "process_ids"
    for process_id in map(int, started.read_text().split() if started.exists() else ()):
        if not processes.has_ended(process_id):
            os.kill(process_id, signal.SIGTERM)


def test_where_no_engine_answers_a_private_one_does_for_as_long_as_it_is_needed(
    machine: Machine, own_cache: Path
) -> None:
    """Programs reach it by its own socket; at the end nothing of it runs, and nothing is left but what it keeps."""
    with provisioning.engine_ready() as found:
        assert found.private
        assert found.version == "28.2.2"
        assert found.environment["DOCKER_HOST"] == f"unix://{found.socket}"
        assert found.environment["PATH"].startswith(str(Path(found.docker).parent))
        process_id = private_engine.PrivateEngine().process_id()
        assert process_id is not None
        (machine.state / "containers").write_text("abc\n")

    assert processes.has_ended(process_id)
    assert list(machine.run.iterdir()) == []
    assert machine.calls("rm", "volume", "network") == [
        "rm --force --volumes abc",
        "volume prune --force --all",
        "network prune --force",
    ]
    started = (machine.state / "started").read_text()
    assert f"--data-root {own_cache}/engine-data " in started
    assert all(part in started for part in ("--bridge none", "--iptables=false", "--ip6tables=false"))


def test_the_engine_that_answers_is_used_and_left_alone(
    machine: Machine, answering_docker: Callable[[str], Path]
) -> None:
    """No private one is made where there is another."""
    client = answering_docker("")
    with provisioning.engine_ready() as found:
        assert found == Engine(str(client), "28.2.2", private=False)

    assert not (machine.state / "started").exists()
    assert list(machine.run.iterdir()) == []


def test_an_engine_that_another_run_uses_is_not_stopped(machine: Machine) -> None:
    """Both use one, and the last to leave stops it."""
    with ExitStack() as first, ExitStack() as second:
        one, other = first.enter_context(provisioning.engine_ready()), second.enter_context(provisioning.engine_ready())
        assert one == other
        process_id = private_engine.PrivateEngine().process_id()
        assert process_id is not None
        first.close()
        assert private_engine.PrivateEngine().process_id() == process_id
        assert machine.calls("network") == []
        second.close()

    assert processes.has_ended(process_id)
    assert list(machine.run.iterdir()) == []


def test_whoever_comes_while_an_engine_is_being_stopped_gets_one_of_its_own(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits for the end of the one, says so, and starts another."""
    caplog.set_level("INFO", "workstream")
    runs = Event()

    def come() -> int | None:
        with provisioning.engine_ready() as found:
            assert found.version == "28.2.2"
            runs.wait(limits.ENGINE_START.base)
            return private_engine.PrivateEngine().process_id()

    with ThreadPoolExecutor(2) as pool:
        with ExitStack() as first:
            first.enter_context(provisioning.engine_ready())
            stopped = private_engine.PrivateEngine().process_id()
            (machine.state / "slow").touch()
            leaving = pool.submit(first.close)
            limit = limits.ENGINE_STOP
            waiting.until(lambda: machine.calls("network prune"), limit, what="the engine is being stopped")
            other = pool.submit(come)
            said = "waiting for whoever has the engine alone"
            try:
                waiting.until(lambda: said in caplog.text, limits.GRACE, what="the other waits")
            finally:
                (machine.state / "slow").unlink()
                runs.set()
            leaving.result()
        runs.set()
        started = other.result()

    assert started not in {None, stopped}
    assert list(machine.run.iterdir()) == []


def test_an_engine_that_was_left_behind_is_taken_over_and_stopped(machine: Machine) -> None:
    """A lease ends with its process, so that of a run that was killed keeps nothing running."""
    with private_engine.PrivateEngine().lease():
        private_engine.PrivateEngine().start()
    left = private_engine.PrivateEngine().process_id()
    assert left is not None
    with provisioning.engine_ready():
        assert private_engine.PrivateEngine().process_id() == left

    assert processes.has_ended(left)
    assert list(machine.run.iterdir()) == []


def killed(machine: Machine) -> None:
    """Kill the engine, in which there is a container."""
    (machine.state / "containers").write_text("abc\n")
    number = private_engine.PrivateEngine().process_id()
    assert number is not None
    os.kill(number, signal.SIGKILL)
    waiting.until(lambda: processes.has_ended(number), limits.QUERY, what="the engine is gone")
    assert private_engine.PrivateEngine().was_left_behind
    private_engine.PrivateEngine().socket.unlink()  # a socket of a killed engine does not answer; a file always does


def test_an_engine_that_was_killed_is_started_again_to_end_what_goes_on_without_it(machine: Machine) -> None:
    """Its containers outlive it, and nobody but an engine knows how to end them."""
    with provisioning.engine_ready():
        killed(machine)

    assert machine.calls("rm") == ["rm --force --volumes abc"]
    assert len((machine.state / "process_ids").read_text().split()) == 2
    assert list(machine.run.iterdir()) == []


@pytest.mark.usefixtures("known_id")
def test_by_hand_an_engine_that_was_killed_is_taken_over_too(machine: Machine) -> None:
    """`workstream cluster down` leaves nothing of it; where there was none, it starts none."""
    assert not provisioning.down("mine")
    assert not (machine.state / "process_ids").exists()
    with private_engine.PrivateEngine().lease():
        private_engine.PrivateEngine().start()
    killed(machine)
    provisioning.down("mine")

    assert not (machine.state / "containers").exists()
    assert list(machine.run.iterdir()) == []


@pytest.mark.usefixtures("machine")
def test_an_engine_in_which_clusters_are_kept_keeps_running_until_all_are_gone() -> None:
    """Also when nobody uses it; once none is to be kept any longer, the last one to leave stops it."""
    with provisioning.engine_ready():
        private_engine.PrivateEngine().keep("mine")
        private_engine.PrivateEngine().keep("other")
    kept = private_engine.PrivateEngine().process_id()
    assert kept is not None
    for name in ("mine", "other"):
        with provisioning.engine_ready():
            assert private_engine.PrivateEngine().process_id() == kept
            private_engine.PrivateEngine().forget(name)

    assert processes.has_ended(kept)


@pytest.mark.parametrize("left", ["ours", "of nobody", "no number"])
def test_a_process_id_that_is_not_the_engines_is_not_taken_for_it(machine: Machine, left: str) -> None:
    """After a crash another program may have the number that the file has: it is neither used nor ended."""
    with provisioning.engine_ready():
        (folder,) = machine.run.iterdir()
    folder.mkdir()
    ended = processes.start(["true"])
    ended.wait()
    (folder / "docker.pid").write_text({"ours": str(os.getpid()), "of nobody": str(ended.pid), "no number": ""}[left])

    assert private_engine.PrivateEngine().process_id() is None
    assert provisioning.running_engine() is None
    with provisioning.engine_ready():
        assert private_engine.PrivateEngine().process_id() not in {None, os.getpid()}


@pytest.mark.usefixtures("machine")
def test_an_engine_that_runs_is_found_and_none_is_started(answering_docker: Callable[[str], Path]) -> None:
    """Whoever only looks gets the one that answers, else the private one, else none."""
    assert provisioning.running_engine() is None
    with provisioning.engine_ready() as found:
        assert provisioning.running_engine() == found
        client = answering_docker("")
        assert provisioning.running_engine() == Engine(str(client), "28.2.2", private=False)


def test_an_engine_that_dies_while_it_starts_is_told_with_its_last_words(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    """The error has its exit code and the end of its log, and says where all of that is; nothing is left."""
    monkeypatch.setenv("DOCKERD_SAYS", "failed to mount overlay")
    with pytest.raises(errors.EngineFailedError, match="exit code 5") as caught, provisioning.engine_ready():
        pytest.fail("an engine that is not there")

    assert "failed to mount overlay" in caught.value.what
    assert caught.value.more == str(own_cache / "engine.log")
    assert list(machine.run.iterdir()) == []


def test_an_engine_whose_networks_cannot_be_removed_is_stopped_all_the_same(machine: Machine) -> None:
    """The error is told, and nothing runs on."""
    with ExitStack() as run:
        run.enter_context(provisioning.engine_ready())
        process_id = private_engine.PrivateEngine().process_id()
        assert process_id is not None
        (machine.state / "stuck").touch()
        with pytest.raises(errors.ProgramFailedError, match="docker ended"):
            run.close()

    assert processes.has_ended(process_id)


def test_mounts_that_the_engine_leaves_are_taken_away_and_no_others(
    machine: Machine,
    own_cache: Path,
    pretend: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Those of its run and of its data, the inner before the outer: a folder beside them with a like name stays."""
    monkeypatch.setattr(private_engine, "MOUNTS", tmp_path / "mounts")
    pretend("umount", f'echo "$@" >> {tmp_path}/unmounted')
    with provisioning.engine_ready():
        (run,) = machine.run.iterdir()
        data = own_cache / "engine-data"
        paths = [f"{run}-of-others/x", f"{data}/overlay2", f"{data}/overlay2/inner", "/", f"{run}/netns/default", data]
        (tmp_path / "mounts").write_text("".join(f"36 35 98:0 / {path} rw shared:1\n" for path in paths))

    unmounted = (tmp_path / "unmounted").read_text().splitlines()
    assert set(unmounted) == {f"{data}/overlay2/inner", f"{data}/overlay2", f"{run}/netns/default"}
    assert unmounted.index(f"{data}/overlay2/inner") < unmounted.index(f"{data}/overlay2")


@pytest.mark.parametrize(
    ("filtered", "iptables", "possible"),
    [
        ("1", DROPPING, False),
        ("0", DROPPING, True),
        ("", DROPPING, True),
        ("1", "echo '-P FORWARD ACCEPT'", True),
        ("1", "echo no such table >&2; exit 3", True),
    ],
    ids=["dropped", "not looked at", "no such filter", "let through", "no firewall that works"],
)
def test_a_firewall_that_would_part_the_nodes_is_told_before_anything_starts(
    machine: Machine,
    pretend: Callable[[str, str], Path],
    filtered: str,
    iptables: str,
    possible: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """No rule of the machine is changed: the error says what to allow."""
    if filtered:
        machine.bridge_filter.write_text(f"{filtered}\n")
    pretend("iptables", iptables)
    if possible:
        with provisioning.engine_ready() as found:
            assert found.private
        return
    with pytest.raises(errors.EngineFailedError, match="FORWARD DROP") as caught, provisioning.engine_ready():
        pytest.fail("an engine whose nodes could not talk")

    assert "iptables -P FORWARD ACCEPT" in caught.value.instead
    assert not (machine.state / "started").exists()


@pytest.mark.usefixtures("machine")
def test_the_engine_is_unpacked_once_and_says_what_of() -> None:
    """Its packages are listed with their versions; what apt needed for that is gone."""
    root = private_engine.unpacked()

    assert private_engine.unpacked() == root
    assert sorted(path.name for path in root.iterdir()) == ["packages.txt", "root"]
    listed = (root / "packages.txt").read_text().splitlines()
    assert sorted(listed) == [f"{name}_1.0_all" for name in ("containerd", "docker-cli", "docker.io", "runc", "tini")]


def test_a_machine_without_iptables_gets_those_of_debian(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One program goes by every name of theirs, and finds its libraries where they were unpacked."""
    for package in pinned()["engine"]["iptables-packages"]:
        machine.debian.has(package)
    says = 'echo "$@ $LD_LIBRARY_PATH $XTABLES_LIBDIR"'
    machine.debian.has("iptables", "usr/sbin/xtables-nft-multi", "usr/lib/x-linux-gnu/lib.so", says=says)
    (tmp_path / "programs" / "iptables").unlink()
    few = tmp_path / "few"
    few.mkdir()
    for name in ("cat", "cp", "dirname", "basename", "rm", "touch", "sleep"):
        (few / name).symlink_to(str(processes.find(name)))
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "programs"), str(few)]))
    root = private_engine.unpacked() / "root"
    commands = sorted((root / "usr/wrapped").iterdir())

    plain = ["ip6tables", "ip6tables-restore", "ip6tables-save", "iptables", "iptables-restore", "iptables-save"]
    assert [path.name for path in commands] == plain
    libraries = root / "usr/lib/x-linux-gnu"
    for command in commands:
        said = processes.run([command, "-S", "a b"], limit=limits.QUERY).stdout
        assert said == f"{command.name} -S a b {libraries} {libraries}/xtables\n"
    with provisioning.engine_ready() as found:
        assert found.private


KUBECTL = """
case "$*" in
    *"get nodes"*) echo "control-plane True" ;;
    *"get deployment coredns"*) printf 2/2 ;;
esac
"""


@pytest.mark.usefixtures("machine")
def test_an_engine_lives_as_long_as_the_cluster_that_is_kept_in_it(pretend: Callable[[str, str], Path]) -> None:
    """A run that keeps its cluster keeps its engine; who takes the cluster away stops it."""
    pretend("kind", "")
    pretend("kubectl", KUBECTL)
    options = provisioning.Options(name="mine", keep=lambda: True)
    with provisioning.engine_ready() as found, provisioning.cluster_ready(found, {}, options):
        process_id = private_engine.PrivateEngine().process_id()
    assert process_id is not None
    assert private_engine.PrivateEngine().process_id() == process_id
    assert provisioning.status("mine").engine == "Docker 28.2.2 (private)"
    provisioning.down("mine")

    assert processes.has_ended(process_id)


@pytest.mark.usefixtures("machine")
def test_a_run_that_keeps_its_cluster_no_longer_keeps_no_engine(pretend: Callable[[str, str], Path]) -> None:
    """Both go at its end, whatever the run before wanted."""
    pretend("kind", "")
    pretend("kubectl", KUBECTL)
    for keep in (True, False):
        options = provisioning.Options(name="mine", keep=itertools.repeat(keep).__next__)
        with provisioning.engine_ready() as found, provisioning.cluster_ready(found, {}, options):
            process_id = private_engine.PrivateEngine().process_id()
            assert process_id is not None
        assert processes.has_ended(process_id) is not keep
