from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from workstream import errors, limits, processes, progress
from workstream.cli.cluster import cluster
from workstream.cluster import cache, provisioning
from workstream.cluster.engine import Engine
from workstream.cluster.provisioning import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result
    from tests.unit.cluster.conftest import Kubernetes

pytestmark = pytest.mark.usefixtures("known_id")

# An engine that has every image, and what kind makes in it; known by files in STATE.
DOCKER = """
case "$1 $2" in
    "ps --all") cat STATE/nodes 2>/dev/null || true ;;
    "rm --force") rm STATE/nodes ;;
    "inspect --format") cat STATE/network ;;
    "network inspect") exit 1 ;;
    "network create") for last; do :; done; echo "$last" > STATE/network ;;
    "tag "*|"push "*) echo "$@" >> STATE/pushed ;;
    "image inspect") case "$*" in *RepoDigests*) echo null ;; *) echo sha256:51a7 ;; esac ;;
esac
"""
KIND = """
[ "$1" = version ] && { echo kind v0.30.0; exit; }
[ "$1" = create ] || exit 0
echo made >> STATE/made
echo node > STATE/nodes
while [ "$1" != --kubeconfig ]; do shift; done
cp STATE/kubeconfig "$2"
"""
KUBECTL = """
case "$*" in
    "version "*) echo '{"clientVersion": {"gitVersion": "v1.34.4"}}' ;;
    *"get nodes"*) echo "control-plane $(cat STATE/ready)" ;;
    *"get deployment coredns"*) printf 2/2 ;;
    *" config view "*) cat STATE/users ;;
esac
"""


DOCKER_ON_PATH = Engine("docker", "28", private=False)


@pytest.fixture
def state(
    pretend: Callable[[str, str], Path],
    answering_docker: Callable[[str], Path],
    kubernetes: Kubernetes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Give the folder whose files are what there is on a machine with an engine, tools and no cluster."""
    found = tmp_path / "state"
    found.mkdir()
    (found / "ready").write_text("True\n")
    (found / "kubeconfig").write_text((tmp_path / "kubeconfig").read_text().replace("testing", "kind-mine-c0ffee"))
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.01)
    answering_docker(DOCKER.replace("STATE", str(found)))
    for name, script in (("kind", KIND), ("kubectl", KUBECTL), ("helm", "echo v3.19.0")):
        pretend(name, script.replace("STATE", str(found)))
    version = dict.fromkeys(("buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "platform"), "x")
    kubernetes.answers["/version/"] = {**version, "gitVersion": "v1.34.4", "major": "1", "minor": "34"}
    kubernetes.answers["/api/v1/nodes"] = [{"metadata": {"name": name}, "spec": {}} for name in ("worker", "worker2")]
    return found


@pytest.fixture
def command() -> Iterator[Callable[..., Result]]:
    """Give a way to call `workstream cluster … --cluster-name mine`; what it says beside goes nowhere afterwards."""
    before = [*progress.logger.handlers]
    yield lambda name: CliRunner().invoke(cluster, [name, "--cluster-name", "mine"])
    for handler in [one for one in progress.logger.handlers if one not in before]:
        progress.forget(handler)


def test_a_cluster_comes_up_stays_and_goes_by_hand(
    state: Path, command: Callable[..., Result], own_cache: Path
) -> None:
    """`up` says how to use it, and makes it once; `status` sees it until `down` has taken it away."""
    export = f"export KUBECONFIG={own_cache / 'clusters' / 'mine' / 'kubeconfig'}"
    for _ in range(2):
        assert command("up").stdout.splitlines() == ["mine: Kubernetes v1.34.4, 2 nodes take pods", export]
    status = command("status")
    assert status.stdout.splitlines() == ["engine:  Docker 28.2.2", "cluster: mine: ready", export]
    assert status.exit_code == 0
    assert (state / "made").read_text() == "made\n"
    assert command("down").stdout == "mine: deleted\n"
    assert not (state / "nodes").exists()
    assert command("down").stdout == "mine: there was none\n"
    status = command("status")
    assert status.stdout.splitlines() == ["engine:  Docker 28.2.2", "cluster: mine: not there"]
    assert status.exit_code == 1


def test_an_api_server_that_refuses_once_is_asked_again(
    state: Path, command: Callable[..., Result], pretend: Callable[[str, str], Path]
) -> None:
    """One that is still new may; the cluster comes up all the same."""
    refusing = "[ -e STATE/asked ] || { touch STATE/asked; echo connection refused >&2; exit 1; }"
    script = KUBECTL.replace('*"get nodes"*)', f'*"get nodes"*) {refusing};')
    pretend("kubectl", script.replace("STATE", str(state)))

    assert command("up").exit_code == 0
    assert (state / "asked").exists()


# Notes what a process starts, and what it opens of what only Linux has.
NOTING = """
import sys

def note(event, arguments):
    if event == "subprocess.Popen":
        print("started", arguments[1][0], file=notes, flush=True)
    elif event == "open" and str(arguments[0]).startswith(("/proc/", "/sys/", "/run/", "/dev/shm/", "/etc/os-release")):
        print("opened", arguments[0], file=notes, flush=True)

notes = open(sys.argv.pop(1), "w")
sys.addaudithook(note)
from workstream.cli import main
main()
"""


def test_with_an_engine_and_tools_nothing_is_asked_of_linux(
    state: Path, pretend: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """A cluster comes up, is looked at and goes with no other programs than these, and none of Linux' own files."""
    own = "PATH=/usr/bin:/bin\n"  # what the pretended programs themselves need
    scripts = {name: (tmp_path / "programs" / name).read_text() for name in ("docker", "kind", "kubectl", "helm")}
    for name, script in scripts.items():
        pretend(name, own + script)
    started, opened = set(), []
    for number, name in enumerate(("up", "status", "down")):
        notes = tmp_path / f"notes-{number}"
        command = [sys.executable, "-c", NOTING, str(notes), "cluster", name, "--cluster-name", "mine"]
        processes.run(command, limit=limits.QUICK_COMMAND, environment={"PATH": str(tmp_path / "programs")})
        lines = [line.split(maxsplit=1) for line in notes.read_text().splitlines()]
        started |= {Path(what).name for event, what in lines if event == "started"}
        opened += [what for event, what in lines if event == "opened"]

    assert started == {"docker", "kind", "kubectl", "helm"}
    assert opened == []
    assert (state / "made").exists()


@pytest.mark.usefixtures("state")
def test_off_linux_no_node_image_is_built(
    answering_docker: Callable[[str], Path],
    pretend: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What is compiled there could not run in it: that is told before it is. One that is there will do."""
    monkeypatch.setattr(sys, "platform", "darwin")
    engine = Engine(str(tmp_path / "programs" / "docker"), "28", private=False)
    assert set(provisioning.tools_ready(engine, Options())) == {"kind", "helm", "kubectl"}
    answering_docker("echo no such image >&2; exit 1")
    pretend("go", "echo go version go1.26.8 x; exit 1")
    with pytest.raises(errors.BuildError, match="Linux only") as caught:
        provisioning.tools_ready(engine, Options())

    assert "docker load" in caught.value.instead


def test_a_cluster_that_is_there_and_not_ready_is_said_to_be_just_that(
    state: Path, command: Callable[..., Result]
) -> None:
    """It exists, so it is told how to look at it; the exit code is that of one that cannot be used."""
    command("up")
    (state / "ready").write_text("False\n")
    status = command("status")

    assert status.stdout.splitlines()[1] == "cluster: mine: there, but not ready"
    assert "export KUBECONFIG=" in status.stdout
    assert status.exit_code == 1


def test_where_no_engine_answers_there_is_no_cluster(
    pretend: Callable[[str, str], Path], command: Callable[..., Result]
) -> None:
    """Looking and taking away start none."""
    pretend("docker", "exit 1")

    assert command("status").stdout == "engine:  none answers\ncluster: mine: not there\n"
    assert command("down").stdout == "mine: there was none\n"


def test_a_cluster_that_a_run_uses_is_not_taken_away(state: Path, command: Callable[..., Result]) -> None:
    """Nor is one brought up over it: the error says that another run uses it."""
    command("up")
    with provisioning.reserved(Options(name="mine")):
        for name in ("down", "up"):
            assert isinstance(command(name).exception, errors.BusyError)

    assert (state / "nodes").exists()
    assert command("down").stdout == "mine: deleted\n"


def test_a_cluster_that_somebody_else_made_is_not_taken_away(state: Path, command: Callable[..., Result]) -> None:
    """It has our name, and not our network."""
    (state / "nodes").write_text("theirs\n")
    (state / "network").write_text("kind\n")

    assert isinstance(command("down").exception, errors.ClusterNotOursError)
    assert (state / "nodes").read_text() == "theirs\n"


@pytest.mark.usefixtures("state")
def test_runs_on_a_cluster_of_others_keep_nobody_from_it() -> None:
    """It is not ours to hold: only clusters that we make are for one run at a time."""
    options = Options(name="mine", kube_context="theirs")
    with (
        provisioning.reserved(options),
        provisioning.reserved(options),
        cache.exclusive("cluster-mine", "the cluster mine"),
    ):
        pass


@pytest.fixture
def theirs(state: Path, kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch) -> Kubernetes:
    """Give the API server of a cluster of others, which the user's kubeconfig file knows as `theirs`."""
    users = state / "users"
    users.write_text((state / "kubeconfig").read_text().replace("kind-mine-c0ffee", "theirs"))
    monkeypatch.setenv("KUBECONFIG", str(users))
    return kubernetes


def namespaces_of(api: Kubernetes) -> list[str]:
    """Return the namespaces that an API server has."""
    paths = [path for path, answer in api.answers.items() if not callable(answer)]
    return [path.rpartition("/")[2] for path in paths if path.startswith("/api/v1/namespaces/")]


def test_on_a_cluster_of_others_a_run_uses_a_namespace_of_its_own(theirs: Kubernetes) -> None:
    """It is gone with all that is in it when the run ends."""
    with provisioning.cluster_ready(DOCKER_ON_PATH, {}, Options(kube_context="theirs")) as found:
        assert namespaces_of(theirs) == [found.namespace]

    assert found.namespace.startswith("workstream-")
    assert namespaces_of(theirs) == []


def test_a_namespace_that_is_named_is_used_and_stays(theirs: Kubernetes) -> None:
    """None is made, and it is nobody's to remove."""
    theirs.answers["/api/v1/namespaces/team"] = {"metadata": {"name": "team"}}
    options = Options(kube_context="theirs", namespace="team")
    with provisioning.cluster_ready(DOCKER_ON_PATH, {}, options) as found:
        assert found.namespace == "team"

    assert namespaces_of(theirs) == ["team"]


def test_on_a_cluster_of_others_no_node_is_made_and_images_are_pushed(
    state: Path, theirs: Kubernetes, pretend: Callable[[str, str], Path]
) -> None:
    """The file that leads there holds credentials, and is gone at the end; what is seen is told as of any cluster."""
    told: list[tuple[str, object]] = []
    client = pretend("docker", DOCKER.replace("STATE", str(state)))
    options = Options(
        kube_context="theirs", registry="registry.example/team", notice=lambda *seen: told.append((seen[0], seen[1]))
    )
    with provisioning.cluster_ready(Engine(str(client), "28", private=False), {}, options) as found:
        assert (found.context, found.ours) == ("theirs", False)
        assert found.kubeconfig.exists()
        name = found.provide("queue:dev")
        found.notice("answer", 42)

    assert name == "registry.example/team/queue:dev-51a7"
    assert (state / "pushed").read_text().splitlines() == [f"tag sha256:51a7 {name}", f"push {name}"]
    assert [seen for seen, _ in told] == [f"stays: image {name}", "answer"]
    assert namespaces_of(theirs) == []
    assert not found.kubeconfig.parent.exists()
    assert not (state / "made").exists()


def test_a_lent_cluster_is_used_and_never_made(state: Path, tmp_path: Path) -> None:
    """Another process of the run has it: its images are brought there from here too."""
    docker = Engine(str(tmp_path / "programs" / "docker"), "28", private=False)
    ours = provisioning.lent_cluster(docker, {}, Options(name="mine"), Path("unused"), "default")
    theirs = provisioning.lent_cluster(docker, {}, Options(kube_context="theirs"), tmp_path / "kubeconfig", "its-own")

    assert (ours.context, ours.ours, theirs.context, theirs.ours) == ("kind-mine-c0ffee", True, "theirs", False)
    assert (ours.namespace, theirs.namespace) == ("default", "its-own")
    assert theirs.kubeconfig == tmp_path / "kubeconfig"
    assert not (state / "made").exists()
