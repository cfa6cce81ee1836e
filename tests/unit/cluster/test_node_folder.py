"""What the acceptance suite does on the nodes of other people's clusters."""

from __future__ import annotations

import fcntl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support import node_folder
from workstream import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import JsonValue
    from tests.unit.cluster.conftest import Objects

    from workstream.cluster.access import Cluster

# A pod of a node sees its /tmp, a folder of NODES, as /node.
KUBECTL = """
case "$5" in
    create) [ ! -e NODES/refusal ] || { cat NODES/refusal >&2; exit 1; }; cat >> NODES/made ;;
    delete) rm -f NODES/made ;;
    exec) sh -c "$(printf '%s' "${10}" | sed "s,/node,NODES/$6,g")" ;;
esac
"""


class Nodes:
    """The nodes `a`, `b` and `c` of a cluster, and what is told of them.

    Args:
        folder: has a folder for each, its /tmp.
        cluster: the cluster.

    """

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder = folder
        self.told: dict[str, JsonValue] = {}
        self.cluster = replace(cluster, namespace="n", notice=self.told.__setitem__)

    def make(self, *names: str) -> None:
        """Let the product make its folder, with something in it, on nodes."""
        for name in names:
            (self.folder / name / "spark-shuffle" / "blockmgr-1").mkdir(parents=True)
            (self.folder / name / "spark-shuffle" / ".shuffle-service.lock").touch()

    def has(self) -> list[str]:
        """Return the nodes that have it."""
        return sorted(path.parent.name for path in self.folder.glob("*/spark-shuffle"))


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
    owner = objects.daemonset("workstream-node-folder")
    for name in "abc":
        (folder / name).mkdir(parents=True)
        objects.pod(name, owner=owner)["spec"] = {"nodeName": name, "containers": [{"name": "look", "image": "i"}]}
    pretend("kubectl", KUBECTL.replace("NODES", str(folder)))
    yield Nodes(folder, reachable)
    assert not (folder / "made").exists(), "what was made to look is left"


def test_what_the_product_made_on_nodes_is_removed(nodes: Nodes) -> None:
    """With all that is in it; nothing is told then."""
    before = node_folder.look(nodes.cluster, "r/spark:1")
    nodes.make("a", "b", "c")
    node_folder.remove(nodes.cluster, "r/spark:1", before)

    assert before == {"a": False, "b": False, "c": False}
    assert nodes.has() == []
    assert [path.name for path in nodes.folder.glob("[abc]")] != []
    assert nodes.told == {}


def test_what_was_there_before_or_is_in_use_stays_and_is_told(nodes: Nodes) -> None:
    """Node by node, with the reason; nobody looked at a new node before."""
    nodes.make("a")
    before = node_folder.look(nodes.cluster, "r/spark:1")
    nodes.make("b", "c")
    with (nodes.folder / "b" / "spark-shuffle" / ".shuffle-service.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        node_folder.remove(nodes.cluster, "r/spark:1", {"a": before["a"], "b": before["b"], "d": False})

    assert before == {"a": True, "b": False, "c": False}
    assert nodes.has() == ["a", "b", "c"]
    assert nodes.told == {
        "stays: /tmp/spark-shuffle on a": "it was there before",
        "stays: /tmp/spark-shuffle on b": "another release uses it by now",
        "stays: /tmp/spark-shuffle on c": "the node is new: nobody looked before",
        "stays: /tmp/spark-shuffle on d": "the node takes no pods any more",
    }


def test_where_nobody_may_look_nothing_is_removed_and_that_is_told(
    nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing right, or a policy, is no reason not to run the suite."""
    (nodes.folder / "refusal").write_text('daemonsets.apps is forbidden: User "someone" cannot create')
    with caplog.at_level("INFO", logger="workstream"):
        before = node_folder.look(nodes.cluster, "r/spark:1")
    nodes.make("a")
    node_folder.remove(nodes.cluster, "r/spark:1", before)

    assert before == {}
    assert "daemonsets.apps is forbidden" in caplog.text
    assert nodes.has() == ["a"]
    assert list(nodes.told) == ["stays: /tmp/spark-shuffle on every node that ran the product"]
