"""The folder that the product makes on nodes: looked for before it is installed, and removed when it is gone.

On a cluster of others nobody else would remove it. Nothing is removed that was there before, or that is in use.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from support.places import SHUFFLE_FOLDER
from workstream import errors, limits, processes
from workstream.cluster import hopeless, waiting, workloads
from workstream.cluster.access import STAYS
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workstream.cluster.access import Cluster
    from workstream.cluster.workloads import Present

_NAME = "workstream-node-folder"
_FOLDER = PurePosixPath(SHUFFLE_FOLDER)
_IN_USE = 75
_LOOK = f"test -e /node/{_FOLDER.name}"
# Whoever uses the folder holds a lock in it: see the image's entrypoint.
_REMOVE = f"""
cd /node/{_FOLDER.name} 2>/dev/null || exit 0
for lock in .*.lock; do
    [ ! -e "$lock" ] || flock --nonblock "$lock" true || exit {_IN_USE}
done
cd /node && rm -r {_FOLDER.name}
"""


def look(cluster: Cluster, image: str) -> Mapping[str, bool]:
    """Return whether the folder is there, for each node that takes pods; nothing, and that is told, if nobody may look.

    Args:
        cluster: a cluster of others.
        image: the product's, as its nodes pull it.

    """
    try:
        with step("nodes", f"looking for {_FOLDER}"), _on_every_node(cluster, image) as pods:
            return {node: _run(cluster, pod, _LOOK, (0, 1)) == 0 for node, pod in pods.items()}
    except errors.CancelledError:
        raise
    except errors.WorkstreamError as error:
        say("nodes", f"nobody may look for {_FOLDER}, so it stays where the product makes it: {error.what}")
        return {}


def remove(cluster: Cluster, image: str, before: Mapping[str, bool]) -> None:
    """Remove the folder from every node where it was not before, and say where it stays, and why.

    Args:
        cluster: a cluster of others.
        image: the product's, as its nodes pull it.
        before: what `look` found before the product was installed.

    """
    if not before:
        _stays(cluster, "every node that ran the product", "nobody may look for it, or remove it; the run says why")
        return
    try:
        with step("nodes", f"removing {_FOLDER}"), _on_every_node(cluster, image) as pods:
            for node, pod in pods.items():
                if before.get(node) is not False:
                    reason = "it was there before" if before.get(node) else "the node is new: nobody looked before"
                    if _run(cluster, pod, _LOOK, (0, 1)) == 0:
                        _stays(cluster, node, reason)
                elif _run(cluster, pod, _REMOVE, (0, _IN_USE)) == _IN_USE:
                    _stays(cluster, node, "another release uses it by now")
            for node in before.keys() - pods.keys():
                _stays(cluster, node, "the node takes no pods any more")
    except errors.WorkstreamError as error:
        _stays(cluster, ", ".join(node for node, there in before.items() if not there), error.what)


def _stays(cluster: Cluster, where: str, why: str) -> None:
    cluster.notice(f"{STAYS}{_FOLDER} on {where}", why)


def _run(cluster: Cluster, pod: str, script: str, accept: tuple[int, ...]) -> int:
    return cluster.execute(cluster.namespace, pod, "sh", "-c", script, accept=accept).returncode


@contextmanager
def _on_every_node(cluster: Cluster, image: str) -> Iterator[dict[str, str]]:
    """Run a pod that sees where the folder is on every node that takes pods; yield its name by the node's."""
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
        present = waiting.until(whole, limits.PODS_READY, what=f"a pod on every node sees {_FOLDER.parent}")
        assert present is not None
        yield {pod.spec.node_name: pod.metadata.name for pod in present.pods}
    finally:
        with processes.cleaning_up():
            delete()


def _manifest(image: str) -> dict[str, Any]:
    """Return a DaemonSet, so that its pods go where those of the product go."""
    labels = {"app": _NAME}
    container = {
        "name": "look",
        "image": image,
        "command": ["sleep", "infinity"],
        "volumeMounts": [{"name": "node", "mountPath": "/node"}],
    }
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "node", "hostPath": {"path": str(_FOLDER.parent), "type": "Directory"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": _NAME},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
