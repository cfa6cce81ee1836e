"""The folders that the product makes on nodes: looked for before it is installed, and removed when it is gone.

On a cluster of others nobody else would remove them. Nothing is removed that was there before, or that is in use.
"""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from support.places import RECOVERY_FOLDER, SHUFFLE_FOLDER, SMALL_FOLDER
from workstream import errors, limits, processes
from workstream.cluster import hopeless, waiting, workloads
from workstream.cluster.access import STAYS
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from workstream.cluster.access import Cluster
    from workstream.cluster.workloads import Present

    # By the names of nodes: for each folder, whether it is there.
    Seen = Mapping[str, Mapping[str, bool]]

_NAME = "workstream-node-folders"
_FOLDERS = (SHUFFLE_FOLDER, RECOVERY_FOLDER, SMALL_FOLDER)
_NODE = "/node"  # where a pod sees those folders of its node that hold the product's
_IN_USE = 75
# Whoever uses a folder holds a lock in it: see the image's entrypoint.
_REMOVE = f"""
[ -d "$0" ] || exit 0
find "$0" -type f -name '.*.lock' | while read -r lock; do
    flock --nonblock "$lock" true || exit {_IN_USE}
done || exit {_IN_USE}
rm -r "$0"
"""


def look(cluster: Cluster, image: str) -> Seen:
    """Return which folders are there, for each node that takes pods; nothing, and that is told, if nobody may look.

    Args:
        cluster: a cluster of others.
        image: the product's, as its nodes pull it.

    """
    try:
        with step("nodes", f"looking for {_listed(_FOLDERS)}"), _on_every_node(cluster, image) as pods:
            return {
                node: {folder: _is_there(cluster, pod, folder) for folder in _FOLDERS} for node, pod in pods.items()
            }
    except errors.CancelledError:
        raise
    except errors.WorkstreamError as error:
        say("nodes", f"nobody may look for {_listed(_FOLDERS)}: they stay where the product makes them: {error.what}")
        return {}


def remove(cluster: Cluster, image: str, before: Seen) -> None:
    """Remove the folders from every node where they were not before, and say where one stays, and why.

    Args:
        cluster: a cluster of others.
        image: the product's, as its nodes pull it.
        before: what `look` found before the product was installed.

    """
    if not before:
        reason = "nobody may look for it, or remove it; the run says why"
        _stay(cluster, _FOLDERS, "every node that ran the product", reason)
        return
    try:
        with step("nodes", f"removing {_listed(_FOLDERS)}"), _on_every_node(cluster, image) as pods:
            for node, pod in pods.items():
                for folder in _FOLDERS:
                    _remove(cluster, pod, folder, node, before.get(node))
            for node in before.keys() - pods.keys():
                _stay(cluster, _FOLDERS, node, "the node takes no pods any more")
    except errors.WorkstreamError as error:
        nodes = defaultdict(list)
        for node, there in before.items():
            for folder in there:
                if not there[folder]:
                    nodes[folder].append(node)
        for folder, names in nodes.items():
            _stay(cluster, (folder,), ", ".join(names), error.what)


def _remove(cluster: Cluster, pod: str, folder: str, node: str, before: Mapping[str, bool] | None) -> None:
    if before is None or before[folder]:
        if _is_there(cluster, pod, folder):
            reason = "the node is new: nobody looked before" if before is None else "it was there before"
            _stay(cluster, (folder,), node, reason)
    elif _run(cluster, pod, _REMOVE, folder, (0, _IN_USE)) == _IN_USE:
        _stay(cluster, (folder,), node, "another release uses it by now")


def _is_there(cluster: Cluster, pod: str, folder: str) -> bool:
    return _run(cluster, pod, 'test -e "$0"', folder, (0, 1)) == 0


def _stay(cluster: Cluster, folders: Iterable[str], where: str, why: str) -> None:
    for folder in folders:
        cluster.notice(f"{STAYS}{folder} on {where}", why)


def _listed(folders: Iterable[str]) -> str:
    return " and ".join(folders)


def _run(cluster: Cluster, pod: str, script: str, folder: str, accept: tuple[int, ...]) -> int:
    command = ("sh", "-c", script, f"{_NODE}{folder}")
    return cluster.execute(cluster.namespace, pod, *command, accept=accept).returncode


@contextmanager
def _on_every_node(cluster: Cluster, image: str) -> Iterator[dict[str, str]]:
    """Run a pod that sees where the folders are on every node that takes pods; yield its name by the node's."""
    since, there = cluster.now(), ["--namespace", cluster.namespace]
    names = workloads.named([_manifest(image)], cluster.namespace)

    def whole() -> Present | None:
        present = workloads.find(cluster, names)
        hopeless.look(cluster, present, since)
        return None if present.lacking() else present

    def delete() -> None:
        cluster.kubectl(*there, "delete", "daemonset", _NAME, "--cascade=foreground", "--ignore-not-found")

    delete()  # what a run left that was killed, in a namespace that is not its own
    cluster.kubectl(*there, "create", "--filename", "-", stdin=json.dumps(_manifest(image)).encode())
    try:
        present = waiting.until(
            whole, limits.PODS_READY, what=f"a pod on every node sees where {_listed(_FOLDERS)} are"
        )
        assert present is not None
        yield {pod.spec.node_name: pod.metadata.name for pod in present.pods}
    finally:
        with processes.cleaning_up():
            delete()


def _manifest(image: str) -> dict[str, Any]:
    """Return a DaemonSet, so that its pods go where those of the product go."""
    labels = {"app": _NAME}
    parents = {f"node-{number}": str(PurePosixPath(folder).parent) for number, folder in enumerate(_FOLDERS)}
    container = {
        "name": "look",
        "image": image,
        "command": ["sleep", "infinity"],
        "volumeMounts": [{"name": name, "mountPath": f"{_NODE}{parent}"} for name, parent in parents.items()],
    }
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [
            {"name": name, "hostPath": {"path": parent, "type": "Directory"}} for name, parent in parents.items()
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": _NAME},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
