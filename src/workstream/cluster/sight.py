"""What of a cluster is there at a moment: its nodes, and the pods of where the run installed something.

To be drawn, and not to prove anything: a cluster that does not answer is not looked at, and nothing fails for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workstream import limits

if TYPE_CHECKING:
    from pydantic import JsonValue

    from workstream.cluster.access import Cluster

_MOST = 200  # pods of one look: more than anybody takes in
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def look(cluster: Cluster, *namespaces: str) -> None:
    """Look at a cluster, and show what is there.

    Args:
        cluster: where.
        namespaces: where the run has installed something; they are looked at from now on.

    """
    cluster.namespaces.update(namespaces)
    try:
        seen = _seen(cluster)
    except Exception:  # noqa: BLE001 - whatever it is: what is only to be drawn ends no run
        return
    cluster.show(seen)


def _seen(cluster: Cluster) -> dict[str, JsonValue]:
    patience = {"_request_timeout": limits.ANSWER.seconds}
    nodes = cluster.core.list_node(**patience).items
    pods = [
        pod
        for namespace in sorted(cluster.namespaces)
        for pod in cluster.core.list_namespaced_pod(namespace, **patience).items
    ]
    pods.sort(key=lambda pod: (str(pod.metadata.namespace), str(pod.metadata.name)))
    return {
        "nodes": [
            {"name": node.metadata.name, "control_plane": _CONTROL_PLANE in (node.metadata.labels or {})}
            for node in sorted(nodes, key=lambda node: str(node.metadata.name))
        ],
        "pods": [_pod(pod) for pod in pods[:_MOST]],
        "more_pods": max(0, len(pods) - _MOST),
    }


def _pod(pod: Any) -> dict[str, JsonValue]:  # noqa: ANN401 - the client has no types
    owner = next(iter(pod.metadata.owner_references or ()), None)
    conditions = {one.type: one.status for one in pod.status.conditions or ()}
    return {
        "uid": pod.metadata.uid,
        "namespace": pod.metadata.namespace,
        "name": pod.metadata.name,
        "node": pod.spec.node_name or "",
        "address": pod.status.pod_ip or "",
        "owner": f"{owner.kind}/{owner.name}" if owner else "",
        "created": pod.metadata.creation_timestamp.isoformat(),
        "ready": conditions.get("Ready") == "True",
        "restarts": sum(status.restart_count for status in pod.status.container_statuses or ()),
    }
