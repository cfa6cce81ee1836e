"""What the acceptance suite does on the nodes of other people's clusters."""

from __future__ import annotations

import fcntl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support import node_folders
from workstream import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import JsonValue
    from tests.unit.cluster.conftest import Objects

    from workstream.cluster.access import Cluster

SHUFFLE, RECOVERY, SMALL = FOLDERS = ("tmp/spark-shuffle", "var/lib/spark-standalone", "dev/shm/spark-shuffle")
NOTHING = {f"/{folder}": False for folder in FOLDERS}

# A pod sees of its node, a folder of NODES, what lies below /node.
KUBECTL = """
case "$5" in
    create) [ ! -e NODES/refusal ] || { cat NODES/refusal >&2; exit 1; }; cat >> NODES/made ;;
    delete) rm -f NODES/made ;;
    exec) sh -c "${10}" "$(printf '%s' "${11}" | sed "s,^/node,NODES/$6,")" ;;
esac
"""


class Nodes:
    """The nodes `a`, `b` and `c` of a cluster, and what is told of them.

    Args:
        folder: has a folder for each, its root.
        cluster: the cluster.

    """

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder = folder
        self.told: dict[str, JsonValue] = {}
        self.cluster = replace(cluster, namespace="n", notice=self.told.__setitem__)

    def make(self, *names: str) -> None:
        """Let the product make its folders, with something in them, on nodes."""
        for name in names:
            for folder in (SHUFFLE, SMALL):
                (self.folder / name / folder / "blockmgr-1").mkdir(parents=True)
                (self.folder / name / folder / ".shuffle-service.lock").touch()
            (self.folder / name / RECOVERY / "n" / "spark-sa").mkdir(parents=True)
            (self.folder / name / RECOVERY / "n" / "spark-sa" / ".master.lock").touch()

    def has(self, *folders: str) -> list[list[str]]:
        """Return the nodes that have each of these folders."""
        return [[path.name for path in sorted(self.folder.iterdir()) if (path / one).exists()] for one in folders]


@pytest.fixture
def nodes(
    reachable: Cluster,
    objects: Objects,
    pretend: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Nodes]:
    """Give the nodes; the DaemonSet that is to be made there has a pod of the node's name on each."""
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.01)
    folder = tmp_path / "nodes"
    owner = objects.daemonset("workstream-node-folders")
    for name in "abc":
        for parent in ("tmp", "var/lib", "dev/shm"):
            (folder / name / parent).mkdir(parents=True)
        objects.pod(name, owner=owner)["spec"] = {"nodeName": name, "containers": [{"name": "look", "image": "i"}]}
    pretend("kubectl", KUBECTL.replace("NODES", str(folder)))
    yield Nodes(folder, reachable)
    assert not (folder / "made").exists(), "what was made to look is left"


def test_what_the_product_made_on_nodes_is_removed(nodes: Nodes) -> None:
    """With all that is in it; nothing is told then."""
    before = node_folders.look(nodes.cluster, "r/spark:1")
    nodes.make("a", "b", "c")
    node_folders.remove(nodes.cluster, "r/spark:1", before)

    assert before == dict.fromkeys("abc", NOTHING)
    assert nodes.has(*FOLDERS) == [[], [], []]
    assert nodes.has("tmp", "var/lib", "dev/shm") == [list("abc")] * 3
    assert nodes.told == {}


@pytest.mark.parametrize(
    ("folder", "lock"),
    [
        (SHUFFLE, ".shuffle-service.lock"),
        (RECOVERY, "n/spark-sa/.master.lock"),
        (SMALL, ".shuffle-service.lock"),
    ],
)
def test_what_was_there_before_or_is_in_use_stays_and_is_told(nodes: Nodes, folder: str, lock: str) -> None:
    """Folder by folder and node by node, with the reason; nobody looked at a new node before."""
    others = [one for one in FOLDERS if one != folder]
    (nodes.folder / "a" / folder).mkdir(parents=True)
    before = node_folders.look(nodes.cluster, "r/spark:1")
    (nodes.folder / "a" / folder).rmdir()
    nodes.make("a", "b", "c")
    with (nodes.folder / "b" / folder / lock).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        node_folders.remove(nodes.cluster, "r/spark:1", {"a": before["a"], "b": before["b"], "d": NOTHING})

    assert before == {"a": {**NOTHING, f"/{folder}": True}, "b": NOTHING, "c": NOTHING}
    assert nodes.has(folder, *others) == [["a", "b", "c"], ["c"], ["c"]]
    assert nodes.told == {
        f"stays: /{folder} on a": "it was there before",
        f"stays: /{folder} on b": "another release uses it by now",
        **{f"stays: /{one} on c": "the node is new: nobody looked before" for one in FOLDERS},
        **{f"stays: /{one} on d": "the node takes no pods any more" for one in FOLDERS},
    }


def test_where_nobody_may_look_nothing_is_removed_and_that_is_told(
    nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing right, or a policy, is no reason not to run the suite."""
    (nodes.folder / "refusal").write_text('daemonsets.apps is forbidden: User "someone" cannot create')
    with caplog.at_level("INFO", logger="workstream"):
        before = node_folders.look(nodes.cluster, "r/spark:1")
    nodes.make("a")
    node_folders.remove(nodes.cluster, "r/spark:1", before)

    assert before == {}
    assert "daemonsets.apps is forbidden" in caplog.text
    assert nodes.has(*FOLDERS) == [["a"]] * 3
    assert list(nodes.told) == [f"stays: /{folder} on every node that ran the product" for folder in FOLDERS]
