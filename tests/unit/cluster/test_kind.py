from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workstream import errors
from workstream.cluster import cache
from workstream.cluster.engine import Engine
from workstream.cluster.kind import KindCluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from workstream.cluster.access import Cluster


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give the file in which the pretended docker writes how it was called."""
    return tmp_path / "calls"


def cluster(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> KindCluster:
    """Return a cluster in an engine whose client runs a script."""
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "cache"))
    calls = tmp_path / "calls"
    docker = pretend("docker", f'echo "$@" >> {calls}\n{script.replace("{calls}", str(calls))}')
    return KindCluster(Engine(str(docker), "28", private=False), "node:1", "mine", tmp_path / "diagnostics")


FOREIGN = 'case "$1" in ps) echo abc;; inspect) echo kind;; esac'
# `rm` is believed: what was removed is not listed again.
OURS = (
    'case "$1" in ps) grep -q ^rm {calls} || echo abc;; inspect) echo workstream-mine;; '
    'network) [ "$2" = rm ] || echo net;; esac'
)


def test_a_cluster_that_somebody_else_made_is_refused_and_not_touched(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    """A cluster of our name whose nodes are not in our network stays as it is; the error says how to go on."""
    with pytest.raises(errors.ClusterNotOursError) as caught:
        cluster(pretend, tmp_path, monkeypatch, FOREIGN).down()

    assert "--workstream-cluster-name" in caught.value.instead
    assert not any(line.startswith(("rm", "network rm")) for line in log.read_text().splitlines())


def test_our_cluster_is_removed_with_its_volumes_and_its_network(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    """Nodes, their volumes and the network that carries our label go, and nothing else."""
    cluster(pretend, tmp_path, monkeypatch, OURS).down()
    removed = [line for line in log.read_text().splitlines() if line.startswith(("rm", "network rm"))]

    assert removed == ["rm --force --volumes abc", "network rm net"]


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ("ERROR: failed to create cluster: node(s) exited", errors.ClusterFailedError),
        ("ERROR: listen tcp 127.0.0.1:6443: bind: address already in use", errors.PortTakenError),
    ],
)
def test_kind_dying_half_way_is_told_with_its_reason_and_leaves_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    pretend: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: Path,
    says: str,
    error: type[errors.WorkstreamError],
) -> None:
    """The error carries kind's own words and where the logs are; what kind had made is removed."""
    pretend("kind", f'[ "$1" = create ] && {{ echo "{says}" >&2; exit 1; }}; exit 0')
    manager = cluster(pretend, tmp_path, monkeypatch, OURS)

    with pytest.raises(error, match=says.partition(": ")[2][:20]) as caught, manager.running(keep=False):
        pytest.fail("a cluster that is not there")

    assert caught.value.more == str(tmp_path / "diagnostics")
    assert log.read_text().splitlines()[-1] == "network rm net"


def test_a_test_that_lets_go_of_the_cluster_does_not_delete_it(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    """pytest-kubernetes deletes at the end of every test; ours stays until the session ends."""
    cluster(pretend, tmp_path, monkeypatch, OURS).delete()

    assert not log.exists()
    assert Path(tmp_path / "cache" / "clusters" / "mine").is_dir()


# What a node's containerd says, of the image of a name and of its content.
MANIFEST = '{"config": {"digest": "sha256:engine"}}'
INDEX = '{"manifests": [{"digest": "sha256:part"}, {"digest": "sha256:attestation"}]}'
CONTAINERD = """
case "$*" in
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
    monkeypatch: pytest.MonkeyPatch,
    log: Path,
    listed: str,
    content: str,
    loads: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The name alone is no reason: a kept cluster may have an older image under it."""
    pretend("kind", f'echo kind "$@" >> {log}')
    script = CONTAINERD.replace("LISTED", listed).replace("CONTENT", content)
    cluster(pretend, tmp_path, monkeypatch, script).load_image("team/app:1")

    assert any(line.startswith("kind load") for line in log.read_text().splitlines()) is loads


@pytest.fixture
def provided(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path
) -> Callable[..., Cluster]:
    """Give a cluster whose engine has one image, `sha256:engine`; its nodes have it under the name of its content."""
    pretend("kind", f'echo kind "$@" >> {log}')

    def give(listed: str = "hub.example/library/queue:dev-engine type sha256:m 1.0 MiB linux/amd64 -") -> Cluster:
        script = CONTAINERD.replace("LISTED", listed).replace("CONTENT", MANIFEST)
        return cluster(pretend, tmp_path, monkeypatch, script).access()

    return give


def test_an_image_is_brought_under_a_name_that_carries_its_content(provided: Callable[..., Cluster], log: Path) -> None:
    """The name is the engine's and the nodes', and what it stands for is remembered."""
    found = provided()

    assert found.provide("queue:dev") == "queue:dev-engine"
    assert "tag sha256:engine queue:dev-engine" in log.read_text().splitlines()
    assert not any(line.startswith("kind load") for line in log.read_text().splitlines())
    assert found.images.brought == {"queue:dev-engine": ("sha256:m", "sha256:engine")}


def test_what_the_nodes_do_not_have_is_loaded_and_expected_of_them(provided: Callable[..., Cluster], log: Path) -> None:
    """Where they do not list what was loaded, the engine's word for it is still what pods are compared with."""
    found = provided(listed="")
    found.provide("queue:dev")

    assert any(line.startswith("kind load docker-image queue:dev-engine ") for line in log.read_text().splitlines())
    assert found.images.brought == {"queue:dev-engine": ("sha256:engine",)}


def test_a_name_that_is_wished_for_stands_for_the_same_on_every_worker(
    provided: Callable[..., Cluster], log: Path
) -> None:
    """Whatever the name stood for before on a node, it is the image's now, and that is remembered."""
    found = provided()
    assert found.provide("queue:dev", "queue:1") == "queue:1"
    names = "hub.example/library/queue:dev-engine hub.example/library/queue:1"
    tagged = f"ctr --namespace k8s.io images tag --force {names}"
    assert [line for line in log.read_text().splitlines() if " tag --force" in line] == [
        f"exec mine-worker {tagged}",
        f"exec mine-worker2 {tagged}",
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
    assert [line.split()[3] for line in lines if line.startswith("kind load")] == ["queue:1"]
    assert found.images.expected("queue:1") == ("sha256:m", "sha256:engine")
