from __future__ import annotations

import os
import signal
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workstream import errors, limits
from workstream.cluster.engine import Engine
from workstream.cluster.kind import KindCluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from workstream.cluster.access import Cluster


pytestmark = pytest.mark.usefixtures("known_id")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give the file in which the pretended docker writes how it was called."""
    return tmp_path / "calls"


def cluster(pretend: Callable[[str, str], Path], tmp_path: Path, script: str) -> KindCluster:
    """Return a cluster in an engine whose client runs a script."""
    calls = tmp_path / "calls"
    docker = pretend("docker", f'echo "$@" >> {calls}\n{script.replace("{calls}", str(calls))}')
    return KindCluster(Engine(str(docker), "28", private=False), "node:1", "mine", tmp_path / "diagnostics")


FOREIGN = 'case "$1" in ps) echo abc;; inspect) echo kind;; network) exit 1;; esac'
# `rm` is believed: what was removed is not listed again.
OURS = (
    'case "$1" in ps) grep -q ^rm {calls} || echo abc;; inspect) echo workstream-mine-c0ffee;; '
    'network) case "$2" in inspect) echo c0ffee0123456789;; rm) ;; *) echo net;; esac;; esac'
)


def test_a_cluster_that_somebody_else_made_is_refused_and_not_touched(
    pretend: Callable[[str, str], Path], tmp_path: Path, log: Path
) -> None:
    """A cluster of our name whose nodes are not in our network stays as it is; the error says how to go on."""
    with pytest.raises(errors.ClusterNotOursError) as caught:
        cluster(pretend, tmp_path, FOREIGN).down()

    assert "--workstream-cluster-name" in caught.value.instead
    assert not any(line.startswith(("rm", "network rm")) for line in log.read_text().splitlines())


def test_our_cluster_is_removed_with_its_volumes_and_its_network(
    pretend: Callable[[str, str], Path], tmp_path: Path, log: Path
) -> None:
    """Nodes, their volumes and the network that carries our label go, and nothing else."""
    cluster(pretend, tmp_path, OURS).down()
    removed = [line for line in log.read_text().splitlines() if line.startswith(("rm", "network rm"))]

    assert removed == ["rm --force --volumes abc", "network rm net"]


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ("ERROR: failed to create cluster: node(s) exited", errors.ClusterFailedError),
        ("ERROR: listen tcp 127.0.0.1:6443: bind: address already in use", errors.PortTakenError),
    ],
)
def test_kind_dying_half_way_is_told_with_its_reason_and_leaves_nothing(
    pretend: Callable[[str, str], Path],
    tmp_path: Path,
    log: Path,
    says: str,
    error: type[errors.WorkstreamError],
) -> None:
    """The error carries kind's own words and where the logs are; what kind had made is removed."""
    pretend("kind", f'[ "$1" = create ] && {{ echo "{says}" >&2; exit 1; }}; exit 0')
    manager = cluster(pretend, tmp_path, OURS)

    with pytest.raises(error, match=says.partition(": ")[2][:20]) as caught, manager.running(keep=lambda: False):
        pytest.fail("a cluster that is not there")

    assert caught.value.more == str(tmp_path / "diagnostics")
    assert log.read_text().splitlines()[-1] == "network rm net"


def test_what_kubectl_remembered_of_our_cluster_goes_with_it(
    pretend: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """It stands beside the file that leads there, and names a port that is another cluster's next time."""
    manager = cluster(pretend, tmp_path, OURS)
    remembered = Path(manager.access().environment["KUBECACHEDIR"])
    (remembered / "discovery").mkdir(parents=True)
    manager.down()

    assert not remembered.exists()


def test_a_test_that_lets_go_of_the_cluster_does_not_delete_it(
    pretend: Callable[[str, str], Path], tmp_path: Path, log: Path
) -> None:
    """pytest-kubernetes deletes at the end of every test; ours stays until the session ends."""
    cluster(pretend, tmp_path, OURS).delete()

    assert not log.exists()


def test_looking_at_a_cluster_makes_nothing(pretend: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Of one that never was, no folder is left behind."""
    assert not cluster(pretend, tmp_path, 'case "$1" in ps) ;; esac').exists()
    assert not (tmp_path / "cache" / "clusters").exists()


def loaded(log: Path) -> list[str]:
    """Return the nodes that were given an archive of images, without what all their names begin with."""
    calls = [line.split() for line in log.read_text().splitlines() if " images import " in line]
    return sorted(call[2].removeprefix("mine-c0ffee-") for call in calls)


# What a node's containerd says, of the image of a name and of its content.
MANIFEST = '{"config": {"digest": "sha256:engine"}}'
INDEX = '{"manifests": [{"digest": "sha256:part"}, {"digest": "sha256:attestation"}]}'
CONTAINERD = """
case "$*" in
    save*) tar --create --file "$3" --files-from /dev/null ;;
    *"images list") echo 'REF TYPE DIGEST'; echo 'LISTED' ;;
    *"content get sha256:attestation") exit 1 ;;
    *"content get sha256:part") echo 'MANIFEST' ;;
    *content*) echo 'CONTENT' ;;
    *inspect*) echo sha256:engine ;;
esac
""".replace("MANIFEST", MANIFEST)


@pytest.mark.parametrize(
    ("listed", "content", "loads"),
    [
        ("hub.example/team/app:1 type sha256:m 1.0 MiB linux/amd64 -", MANIFEST, False),
        ("hub.example/team/app:1 type sha256:m 1.0 MiB linux/amd64 -", '{"config": {"digest": "sha256:old"}}', True),
        ("hub.example/team/app:1 type sha256:engine 1.0 MiB linux/amd64 -", INDEX, False),
        ("hub.example/team/app:1 type sha256:i 1.0 MiB linux/amd64 -", INDEX, False),
        ("hub.example/team/other-app:1 type sha256:m 1.0 MiB linux/amd64 -", MANIFEST, True),
        ("hub.example/more/team/app:1 type sha256:m 1.0 MiB linux/amd64 -", MANIFEST, True),
        ("", "", True),
    ],
    ids=[
        "the same",
        "another of that name",
        "by its index",
        "within an index",
        "another name",
        "another folder",
        "none",
    ],
)
def test_an_image_is_loaded_unless_every_worker_has_its_very_content(  # noqa: PLR0913, PLR0917 - fixtures
    pretend: Callable[[str, str], Path],
    tmp_path: Path,
    log: Path,
    listed: str,
    content: str,
    loads: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The name alone is no reason: a kept cluster may have an older image under it."""
    script = CONTAINERD.replace("LISTED", listed).replace("CONTENT", content)
    cluster(pretend, tmp_path, script).load_image("team/app:1")

    assert loaded(log) == (["worker", "worker2"] if loads else [])


HELD = """DIGEST SIZE AGE LABELS
sha256:aa 1B 1h containerd.io/gc.ref.content.config=sha256:bb,containerd.io/gc.ref.content.l.0=sha256:cc
sha256:bb 1B 1h containerd.io/gc.ref.snapshot.overlayfs=sha256:ee
sha256:cc 1B 1h -
sha256:dd 1B 1h -"""


@pytest.mark.parametrize(
    ("other", "sent"),
    [(HELD, ["blobs/sha256/dd", "blobs/sha256/ff", "index.json"]), ("", None)],
    ids=["both", "one"],
)
def test_of_an_image_only_that_is_loaded_which_the_images_of_a_worker_lack(
    pretend: Callable[[str, str], Path], tmp_path: Path, other: str, sent: list[str] | None
) -> None:
    """What belongs to no image there is sent again: it may be gone in a moment. So is what one of the workers lacks."""
    saved = [*(f"blobs/sha256/{name}" for name in ("aa", "bb", "cc", "dd", "ff")), "index.json"]
    with tarfile.open(tmp_path / "saved.tar", "w") as archive:
        for name in saved:
            archive.addfile(tarfile.TarInfo(name))
    script = f"""
case "$*" in
    *worker2*"images import"*) tar --list > {tmp_path}/sent2 ;;
    *"images import"*) tar --list > {tmp_path}/sent ;;
    save*) cp {tmp_path}/saved.tar "$3" ;;
    *"images list") echo 'REF TYPE DIGEST'; echo 'hub.example/library/app:1 type sha256:aa' ;;
    *"worker2 ctr --namespace k8s.io content list") echo '{other}' ;;
    *"content list") echo '{HELD}' ;;
    *inspect*) echo sha256:engine ;;
esac
"""
    cluster(pretend, tmp_path, script).load_image("app:2")

    for found in ("sent", "sent2"):
        assert (tmp_path / found).read_text().splitlines() == (sent or saved)


@pytest.mark.parametrize(
    ("dumped", "snapshotter"),
    [
        ('[plugins."io.containerd.cri.v1.images"]\nsnapshotter = "native"', "native"),
        ('[plugins."io.containerd.grpc.v1.cri".containerd]\nsnapshotter = "fuse"', "fuse"),
        ("", "overlayfs"),
    ],
    ids=["containerd 2", "containerd 1", "of its own"],
)
def test_an_image_is_unpacked_for_what_kubernetes_unpacks_with(
    pretend: Callable[[str, str], Path], tmp_path: Path, log: Path, dumped: str, snapshotter: str
) -> None:
    """Unpacked for another, it would be unpacked once more when the first pod wants it."""
    script = f"""case "$*" in *"config dump") echo '{dumped}' ;; esac\n{CONTAINERD.replace("LISTED", "")}"""
    cluster(pretend, tmp_path, script).load_image("team/app:1")

    assert f"images import --snapshotter {snapshotter} -\n" in log.read_text()


def test_what_a_node_does_not_take_in_part_it_gets_whole(
    pretend: Callable[[str, str], Path], tmp_path: Path, log: Path
) -> None:
    """A node that lost what it had, meanwhile, is no reason to fail."""
    pretend("kind", f'echo kind "$@" >> {log}')
    script = CONTAINERD.replace("LISTED", "").replace("case", 'case "$*" in *worker2*import*) exit 1 ;; esac\ncase', 1)
    cluster(pretend, tmp_path, script).load_image("team/app:1")

    assert log.read_text().splitlines()[-1].startswith("kind load docker-image team/app:1 ")


def test_what_kind_leaves_when_it_is_interrupted_goes(
    pretend: Callable[[str, str], Path], tmp_path: Path, log: Path
) -> None:
    """It keeps a whole image in the folder for temporary files, which is one of this call."""
    pretend("kind", f'mkdir "$TMPDIR/images-tar" && echo "$TMPDIR" >> {log}; exit 1')
    script = CONTAINERD.replace("LISTED", "").replace("case", 'case "$*" in *import*) exit 1 ;; esac\ncase', 1)
    with pytest.raises(errors.ProgramFailedError):
        cluster(pretend, tmp_path, script).load_image("team/app:1")

    folder = Path(log.read_text().splitlines()[-1])
    assert folder.is_relative_to(tmp_path / "cache")
    assert not folder.exists()


@pytest.fixture
def provided(pretend: Callable[[str, str], Path], tmp_path: Path) -> Callable[..., Cluster]:
    """Give a cluster whose engine has one image, `sha256:engine`; its nodes have it under the name of its content."""

    def give(listed: str = "hub.example/library/queue:dev-engine type sha256:m 1.0 MiB linux/amd64 -") -> Cluster:
        script = CONTAINERD.replace("LISTED", listed).replace("CONTENT", MANIFEST)
        return cluster(pretend, tmp_path, script).access()

    return give


def test_an_image_is_brought_under_a_name_that_carries_its_content(provided: Callable[..., Cluster], log: Path) -> None:
    """The name is the engine's and the nodes', and what it stands for is remembered."""
    found = provided()

    assert found.provide("queue:dev") == "queue:dev-engine"
    assert "tag sha256:engine queue:dev-engine" in log.read_text().splitlines()
    assert loaded(log) == []
    assert found.images.brought == {"queue:dev-engine": ("sha256:m", "sha256:engine")}


def test_what_the_nodes_do_not_have_is_loaded_and_expected_of_them(provided: Callable[..., Cluster], log: Path) -> None:
    """Where they do not list what was loaded, the engine's word for it is still what pods are compared with."""
    found = provided(listed="")
    found.provide("queue:dev")

    assert loaded(log) == ["worker", "worker2"]
    assert "/image.tar queue:dev-engine\n" in log.read_text()
    assert found.images.brought == {"queue:dev-engine": ("sha256:engine",)}


@pytest.mark.parametrize(
    ("first", "loaded"), [("queue:dev", []), ("queue:new", ["queue:new-engine"])], ids=["was there", "was loaded"]
)
def test_the_next_run_may_want_the_image_that_was_brought_first_and_none_that_a_control_broke(
    pretend: Callable[[str, str], Path], tmp_path: Path, log: Path, first: str, loaded: list[str]
) -> None:
    """A node image that held a broken one in the place of the whole one would make the next run load that again."""
    there = "hub.example/library/queue:dev-engine type sha256:m 1.0 MiB linux/amd64 -"
    manager = cluster(pretend, tmp_path, CONTAINERD.replace("LISTED", there).replace("CONTENT", MANIFEST))
    for image in (first, "queue:broken"):
        manager.access().provide(image)

    assert "save --output " in log.read_text()
    assert "/image.tar queue:broken-engine\n" in log.read_text()
    assert manager.loaded == loaded


def test_a_name_that_is_wished_for_stands_for_the_same_on_every_worker(
    provided: Callable[..., Cluster], log: Path
) -> None:
    """Whatever the name stood for before on a node, it is the image's now, and that is remembered."""
    found = provided()
    assert found.provide("queue:dev", "queue:1") == "queue:1"
    names = "hub.example/library/queue:dev-engine hub.example/library/queue:1"
    tagged = f"ctr --namespace k8s.io images tag --force {names}"
    assert [line for line in log.read_text().splitlines() if " tag --force" in line] == [
        f"exec mine-c0ffee-worker {tagged}",
        f"exec mine-c0ffee-worker2 {tagged}",
    ]
    assert found.images.expected("hub.example/library/queue:1") == ("sha256:m", "sha256:engine")


def test_a_name_that_stands_for_the_image_already_is_left_alone(provided: Callable[..., Cluster], log: Path) -> None:
    """Named anew it would be gone for a moment, and a pod that starts just then would find nothing."""
    lines = [f"hub.example/library/queue:{tag} type sha256:m 1.0 MiB linux/amd64 -" for tag in ("dev-engine", "1")]
    found = provided(listed="\n".join(lines))

    assert found.provide("queue:dev", "queue:1") == "queue:1"
    assert " tag --force" not in log.read_text()
    assert found.images.expected("queue:1") == ("sha256:m", "sha256:engine")


def test_where_it_is_not_seen_how_nodes_write_a_name_kind_gives_it(provided: Callable[..., Cluster], log: Path) -> None:
    """The image's own name has a host, the one that is wished for has none: it is loaded under that, too."""
    found = provided(listed="example.org/queue:dev-engine type sha256:m 1.0 MiB linux/amd64 -")
    assert found.provide("example.org/queue:dev", "queue:1") == "queue:1"
    lines = log.read_text().splitlines()

    assert "tag sha256:engine queue:1" in lines
    assert [line.split()[-1] for line in lines if line.startswith("save")] == ["queue:1"]
    assert found.images.expected("queue:1") == ("sha256:m", "sha256:engine")


# An engine and a kind that make what they are asked for, and know of it by files in STATE.
STATEFUL_DOCKER = """
case "$1 $2" in
    "ps --all") cat STATE/nodes 2>/dev/null ;;
    "rm --force") rm STATE/nodes ;;
    "inspect --format") cat STATE/networks ;;
    "network inspect") case "$4" in *Labels*) cat STATE/home; exit ;; *) cat STATE/mtu ;; esac ;;
    "network ls") cat STATE/network 2>/dev/null ;;
    "network create")
        echo net > STATE/network
        echo workstream-mine-c0ffee > STATE/networks
        echo "${4#workstream.home=}" > STATE/home ;;
    "network rm") rm STATE/network STATE/home ;;
esac
exit 0
"""
STATEFUL_KIND = """
echo kind "$@" >> CALLS
case "$1" in
    create)
        echo "$KIND_EXPERIMENTAL_PROVIDER $KIND_EXPERIMENTAL_DOCKER_NETWORK" > STATE/asked_with
        echo "node-$$" > STATE/nodes
        . STATE/create ;;
    export)
        [ -e STATE/nodes ] || exit 7
        . STATE/export ;;
esac
"""
# The control plane is asked for the state of the nodes, and then for CoreDNS. It answers what stands in a file of
# the number of times that it was asked, or else in the last one.
KUBECTL = """
case "$*" in
    *"get nodes"*)
        number=$(($(cat STATE/number 2>/dev/null || echo 0) + 1))
        [ -e STATE/answer-$number ] && echo $number > STATE/number
        sed '$d' STATE/answer-$(cat STATE/number) ;;
    *"get deployment coredns"*) printf %s "$(sed -n '$p' STATE/answer-$(cat STATE/number))" ;;
esac
"""
READY = "mine-control-plane True\nmine-worker True\nmine-worker2 True\n2/2"
COMING_UP = "mine-control-plane True\nmine-worker False\nmine-worker2 True\n0/2"


@dataclass(frozen=True)
class Machine:
    """What there is of clusters and networks, and what was asked for.

    Attributes:
        manager: the cluster `mine`.
        state: the folder whose files are what there is.
        log: the file of all calls of docker and kind.

    """

    manager: KindCluster
    state: Path
    log: Path

    def calls(self, *beginnings: str) -> list[str]:
        """Return the calls that begin like one of these."""
        return [line for line in self.log.read_text().splitlines() if line.startswith(beginnings)]

    def answers(self, *given: str) -> None:
        """Let the control plane answer this, one after the other; the last one stays."""
        for number, answer in enumerate(given, start=1):
            (self.state / f"answer-{number}").write_text(f"{answer}\n")
        (self.state / "number").unlink(missing_ok=True)

    @property
    def left(self) -> list[str]:
        """What there is of a cluster: its nodes, its network."""
        return sorted({"nodes", "network"} & {path.name for path in self.state.iterdir()})


@pytest.fixture
def machine(pretend: Callable[[str, str], Path], tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Give a machine with no cluster, on which one comes up at once."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "mtu").write_text("1450\n")
    (state / "create").touch()
    (state / "export").touch()
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.01)
    for name, script in (("kind", STATEFUL_KIND), ("kubectl", KUBECTL)):
        pretend(name, script.replace("CALLS", str(log)).replace("STATE", str(state)))
    manager = cluster(pretend, tmp_path, STATEFUL_DOCKER.replace("STATE", str(state)))
    found = Machine(manager, state, log)
    found.answers(READY)
    return found


def test_no_cluster_is_made_over_one_that_somebody_else_made(machine: Machine) -> None:
    """A run that finds a cluster of its name in another network makes none, removes nothing, and says how to go on."""
    (machine.state / "nodes").write_text("theirs\n")
    (machine.state / "networks").write_text("kind\n")
    with (
        pytest.raises(errors.ClusterNotOursError, match="named mine-c0ffee"),
        machine.manager.running(keep=lambda: False),
    ):
        pytest.fail("a cluster that is not ours")

    assert machine.calls("rm", "network rm", "network create", "kind") == []
    assert (machine.state / "nodes").read_text() == "theirs\n"


def test_a_cluster_is_made_in_a_network_of_its_own_and_taken_away_at_the_end(machine: Machine) -> None:
    """Its network carries our label, by which it is known later; nothing of both is left."""
    with machine.manager.running(keep=lambda: False) as found:
        assert machine.left == ["network", "nodes"]
        assert found.context == "kind-mine-c0ffee"

    labels = "--label workstream.home=c0ffee0123456789 --label workstream.cluster=mine"
    network = f"network create {labels} --opt com.docker.network.driver.mtu=1450 workstream-mine-c0ffee"
    assert machine.calls("network create") == [network]
    assert (machine.state / "asked_with").read_text() == "docker workstream-mine-c0ffee\n"
    (created,) = machine.calls("kind create")
    assert "--name mine-c0ffee --image node:1 --retain" in created
    assert f"--kubeconfig {found.kubeconfig}" in created
    assert machine.left == []


def test_an_engine_that_tells_no_packet_size_gets_none(machine: Machine) -> None:
    """A private engine has no default network to take the size from: the new one has Docker's own."""
    (machine.state / "mtu").write_text("<no value>\n")
    with machine.manager.running(keep=lambda: False):
        pass

    (created,) = machine.calls("network create")
    assert "--opt" not in created


def test_the_image_of_its_nodes_is_told_with_its_digest(pretend: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Once for all nodes, as they tell it: one that was kept may be of another image than this run would take."""
    inspected = '[ "$4 $5" = "a b" ] && printf "n:1 sha256:n\\nn:1 sha256:n\\n"'
    told = f'case "$1" in ps) printf "a\\nb\\n" ;; inspect) {inspected} ;; esac'

    assert cluster(pretend, tmp_path, told).access().node_images() == ["n:1 sha256:n"]


def test_what_is_left_of_our_own_cluster_is_removed_before_it_is_made_anew(machine: Machine) -> None:
    """Half a cluster, of a run that was killed, is in nobody's way."""
    (machine.state / "nodes").write_text("half\n")
    (machine.state / "networks").write_text("workstream-mine-c0ffee\n")
    (machine.state / "home").write_text("c0ffee0123456789\n")
    (machine.state / "network").write_text("old\n")
    with machine.manager.running(keep=lambda: False):
        pass

    assert machine.calls("rm", "network rm", "network create", "kind create")[:2] == [
        "rm --force --volumes half",
        "network rm old",
    ]


def test_a_cluster_is_given_when_every_node_and_coredns_are_ready(machine: Machine) -> None:
    """Until then it is waited for, however often it has to be asked."""
    machine.answers("0/2", "mine-control-plane False\n0/2", COMING_UP, COMING_UP.replace("False", "True"), READY)
    with machine.manager.running(keep=lambda: False):
        assert (machine.state / "number").read_text() == "5\n"


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (READY, True),
        (READY.replace("worker2 True", "worker2 Unknown"), False),
        (READY.replace("2/2", "1/2"), True),
        (READY.replace("2/2", "/2"), False),
        (READY.replace("2/2", "0/2"), False),
        ("2/2", False),
    ],
    ids=["all", "a node is lost", "half of CoreDNS", "none of CoreDNS", "none, written as a number", "no nodes"],
)
def test_ready_means_every_node_and_a_coredns_that_answers(
    machine: Machine,
    answer: str,
    ready: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """pytest-kubernetes looks at one node only."""
    machine.answers(answer)

    assert machine.manager.ready() is ready


def test_a_cluster_that_does_not_answer_is_not_ready(machine: Machine, pretend: Callable[[str, str], Path]) -> None:
    """That is no error: whoever asks wants to know just that."""
    pretend("kubectl", "echo refused >&2; exit 1")

    assert not machine.manager.ready()


def test_nodes_that_do_not_come_up_in_time_are_named_and_removed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what was missing last; the logs of the nodes are kept before these are gone."""
    machine.answers(COMING_UP)
    monkeypatch.setattr(limits, "NODES_READY", limits.Limit("nodes ready", 0.05))
    with pytest.raises(errors.WaitError) as caught, machine.manager.running(keep=lambda: False):
        pytest.fail("a cluster that is not ready")

    assert "mine-worker False\ncoredns 0/2" in caught.value.what
    assert len(machine.calls("kind export logs")) == 1
    assert machine.left == []


def test_logs_that_cannot_be_had_do_not_hide_why_the_cluster_failed(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What keeps kind from exporting them is told beside the error."""
    (machine.state / "create").write_text("echo 'ERROR: no room' >&2; exit 1")
    (machine.state / "export").write_text("echo 'ERROR: no such node' >&2; exit 1")
    with (
        caplog.at_level("INFO", logger="workstream"),
        pytest.raises(errors.ClusterFailedError, match="no room"),
        machine.manager.running(keep=lambda: False),
    ):
        pytest.fail("a cluster that is not there")

    assert machine.calls("kind export") == [f"kind export logs {tmp_path / 'diagnostics'} --name mine-c0ffee"]
    assert "could not export all logs:     ERROR: no such node" in caplog.text
    assert machine.left == []


def test_ctrl_c_while_a_cluster_is_made_leaves_nothing_and_asks_for_no_logs(machine: Machine) -> None:
    """Whoever interrupts does not want to wait for them; the nodes that there are already go."""
    (machine.state / "create").write_text("kill -INT $PPID; sleep 60")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started us may have had it ignored
    try:
        with pytest.raises(KeyboardInterrupt), machine.manager.running(keep=lambda: False):
            pytest.fail("a cluster that was interrupted")
    finally:
        signal.signal(signal.SIGINT, before)

    assert machine.calls("kind export") == []
    assert machine.calls("rm") != []
    assert machine.left == []


def test_a_cluster_that_was_kept_is_used_again(machine: Machine) -> None:
    """The next run makes none, and takes it away if that one does not keep it."""
    with machine.manager.running(keep=lambda: True):
        pass
    assert machine.left == ["network", "nodes"]
    with machine.manager.running(keep=lambda: False):
        pass

    assert len(machine.calls("kind create")) == 1
    assert machine.left == []


@pytest.mark.parametrize(
    "harm",
    ["its nodes are others now", "it is not whole", "nobody said that it is to be used", "no run used it for long"],
)
def test_a_cluster_that_is_not_the_one_that_was_kept_is_made_anew(machine: Machine, harm: str) -> None:
    """What a run left behind that was killed, and what has broken since, is not built upon."""
    with machine.manager.running(keep=lambda: True):
        pass
    if harm == "its nodes are others now":
        (machine.state / "nodes").write_text("another\n")
    elif harm == "it is not whole":
        machine.answers(COMING_UP, READY)
    elif harm == "no run used it for long":
        kept = machine.state.parent / "cache" / "clusters" / "mine" / "kept.json"
        os.utime(kept, times=(0, kept.stat().st_mtime - limits.kept_seconds() - 1))
    else:
        (machine.state.parent / "cache" / "clusters" / "mine" / "kept.json").write_text("")
    with machine.manager.running(keep=lambda: False):
        assert len(machine.calls("kind create")) == 2


def test_a_cluster_is_kept_for_as_long_as_runs_use_it(machine: Machine) -> None:
    """Each that keeps it begins its time anew, and says when that ends."""
    kept = machine.state.parent / "cache" / "clusters" / "mine" / "kept.json"
    for _ in range(2):
        with machine.manager.running(keep=lambda: True):
            if kept.exists():
                os.utime(kept, times=(0, kept.stat().st_mtime - limits.kept_seconds() / 2))
        assert time.time() - kept.stat().st_mtime < limits.kept_seconds() / 2

    assert len(machine.calls("kind create")) == 1


def test_a_kept_cluster_of_which_nothing_is_left_is_made_anew(machine: Machine) -> None:
    """As many nodes as were kept are there, none, and still there is no cluster."""
    home = machine.state.parent / "cache" / "clusters" / "mine"
    home.mkdir(parents=True)
    (home / "kept.json").write_text("[]")
    with machine.manager.running(keep=lambda: False):
        assert len(machine.calls("kind create")) == 1


def test_nothing_but_our_own_way_starts_a_program(machine: Machine) -> None:
    """pytest-kubernetes would start it by a shell, without a limit: what it still tries of that is an error."""
    with pytest.raises(NotImplementedError):
        machine.manager._exec(["delete", "cluster"])  # noqa: SLF001 - what its base class calls


# A node's log, of which one line tells why it does not come up.
FULL = """
mkdir -p "$3/mine-c0ffee-worker"
echo 'E1126 kubelet: failed to create fsnotify watcher: too many open files' > "$3/mine-c0ffee-worker/kubelet.log"
echo 'more' >> "$3/mine-c0ffee-worker/kubelet.log"
mkdir -p "$3/another"
echo 'no space left on device' > "$3/another/kubelet.log"
"""


@pytest.mark.parametrize("create", ["", "echo 'ERROR: failed to join' >&2; exit 1"])
def test_what_the_machine_ran_out_of_is_told_where_only_a_nodes_log_says_so(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, create: str
) -> None:
    """Whether kind gives up or the nodes are waited for in vain: that line, and what to set."""
    machine.answers(COMING_UP)
    (machine.state / "create").write_text(create)
    (machine.state / "export").write_text(FULL)
    monkeypatch.setattr(limits, "NODES_READY", limits.Limit("nodes ready", 0.05))
    with pytest.raises(errors.ClusterFailedError) as caught, machine.manager.running(keep=lambda: False):
        pytest.fail("a cluster that is not ready")

    assert ("failed to join" if create else "mine-worker False") in caught.value.what
    assert caught.value.what.endswith(
        "A node says: E1126 kubelet: failed to create fsnotify watcher: too many open files"
    )
    assert "sysctl fs.inotify.max_user_watches=524288" in caught.value.instead


def test_of_a_cluster_whose_nodes_are_gone_the_network_is_removed(machine: Machine) -> None:
    """`down` says that there was something, and nothing is left; where there is nothing, it says so."""
    (machine.state / "network").write_text("net\n")

    assert machine.manager.down()
    assert machine.left == []
    assert not machine.manager.down()
