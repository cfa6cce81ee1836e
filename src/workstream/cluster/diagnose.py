"""What is kept when something fails: the state of every pod, its events, and its logs. Never what a Secret holds.

Secrets are not asked for, what is a ConfigMap of Helm's neither (it holds all values of a release). The values of
variables are left out too: many a chart writes a password there. What a program logs is its own affair.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from workstream import errors, limits, processes
from workstream.cluster import events
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kubernetes import client

    from workstream.cluster.access import Cluster

_LAST_EVENTS = 10  # in a message
_LISTED = 3  # pods, in a line
_FORBIDDEN = re.compile(r"(\S+) is forbidden: (.+)")


def state(cluster: Cluster, *namespaces: str) -> str:
    """Return the pods of namespaces and their last events, for the end of a message."""
    return "\n".join(part for namespace in namespaces for part in _state(cluster, namespace))


def _state(cluster: Cluster, namespace: str) -> Iterator[str]:
    pods = cluster.kubectl("--namespace", namespace, "get", "pods", "--output", "wide", accept=range(256)).stdout
    yield processes.tail(pods)
    try:
        happened = events.of(cluster, namespace)
    except Exception as error:  # noqa: BLE001 - what the message is about must not be hidden by another error
        yield processes.tail(f"no events can be listed: {error}".splitlines()[0])
    else:
        yield processes.tail("\n".join(events.lines(happened)), _LAST_EVENTS)


def unready(cluster: Cluster) -> list[str]:
    """Return which pods of a cluster of ours are not ready, and why: a sentence, or nothing if all are.

    Raises:
        Exception: the API does not answer.

    """
    if not cluster.ours:
        return []  # what is there is other people's
    pods = cluster.core.list_pod_for_all_namespaces(_request_timeout=limits.ANSWER.seconds).items
    lacking = [
        f"{pod.metadata.namespace}/{pod.metadata.name} ({_why(pod)})"
        for pod in pods
        if not pod.metadata.namespace.startswith("kube-") and _why(pod)
    ]
    if not lacking:
        return []
    more = [f"and {len(lacking) - _LISTED} more"] if len(lacking) > _LISTED else []
    return [f"not ready: {', '.join([*lacking[:_LISTED], *more])}"]


def _why(pod: client.V1Pod) -> str:
    """Return why a pod is not ready, in a word or two; empty if it is, or has done its work."""
    if pod.metadata.deletion_timestamp is not None:
        return "being deleted"
    conditions = {condition.type: condition for condition in pod.status.conditions or ()}
    if pod.status.phase == "Succeeded" or ("Ready" in conditions and conditions["Ready"].status == "True"):
        return ""
    statuses = [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]
    states = [status.state.waiting or status.state.terminated for status in statuses if not status.ready]
    reasons = [state.reason for state in states if state is not None and state.reason not in {None, "Completed"}]
    scheduled = conditions.get("PodScheduled")
    unscheduled = [scheduled.reason] if scheduled is not None and scheduled.status == "False" else []
    return str(next(iter([*unscheduled, *reasons]), pod.status.phase))


def collect(cluster: Cluster, folder: Path) -> None:
    """Write what explains a failure into a folder, for every namespace that is not Kubernetes' own.

    On a cluster that is not ours, only for the namespace that the run makes things in: the rest is other people's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    everywhere, api, own = cluster.ours, cluster.core, cluster.namespace
    where = ["--all-namespaces"] if everywhere else ["--namespace", own]
    wanted = {
        "nodes.txt": ["describe", "nodes"] if everywhere else ["get", "nodes", "--output", "wide"],
        "pods.txt": ["get", "pods", *where, "--output", "wide"],
    }
    for name, arguments in wanted.items():
        _write(cluster, folder / name, arguments)
    happened = _listed(
        cluster, "events", api.list_event_for_all_namespaces if everywhere else partial(api.list_namespaced_event, own)
    )
    (folder / "events.txt").write_text("".join(f"{line}\n" for line in events.lines(happened)), encoding="utf-8")
    pods = _listed(
        cluster, "pods", api.list_pod_for_all_namespaces if everywhere else partial(api.list_namespaced_pod, own)
    )
    # A workload whose pods are refused has none, but events.
    namespaces = {seen.metadata.namespace for seen in (*pods, *happened)}
    ours = {namespace for namespace in namespaces if not namespace.startswith("kube-")}
    for namespace in ours:
        _write_objects(cluster, folder / namespace / "objects.yaml", namespace)
    for pod in pods:
        if pod.metadata.namespace in ours:
            _write_logs(cluster, pod, folder / pod.metadata.namespace)


def _listed(cluster: Cluster, what: str, listed: Callable[[], Any]) -> list[Any]:
    """Return what a call of the API lists; if that fails, nothing, and say so: it must not hide what is explained."""
    try:
        return cluster.if_allowed(what, listed)
    except Exception as error:  # noqa: BLE001 - see above
        say("diagnostics", f"no {what} can be listed: {error}")
        return []


_KINDS = "pods,services,daemonsets,deployments,statefulsets,jobs,configmaps,persistentvolumeclaims"
_LEFT_OUT = "(left out)"
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # an annotation that says all of it once more


def _write_objects(cluster: Cluster, path: Path, namespace: str) -> None:
    """Write what a namespace holds, without secrets."""
    printed = _printed(cluster, path, ["--namespace", namespace, "get", _KINDS, "--output", "json"])
    if printed is None:
        return
    objects = [_without_secrets(body) for body in json.loads(printed)["items"]]
    path.write_text(yaml.safe_dump_all(objects, sort_keys=False), encoding="utf-8")


def _without_secrets(body: dict[str, Any]) -> dict[str, Any]:
    """Return an object without the values of its variables, and without what Helm writes of a release."""
    metadata = body["metadata"]
    metadata.pop("managedFields", None)
    metadata.get("annotations", {}).pop(_APPLIED, None)
    if body["kind"] == "ConfigMap" and metadata.get("labels", {}).get("owner") == "helm":
        return {**body, "data": _LEFT_OUT}
    return _without_values(body)  # type: ignore[no-any-return] # an object stays one


def _without_values(part: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a part of an object without the values of variables, wherever containers are described in it."""
    if isinstance(part, list):
        return [_without_values(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: [{**item, "value": _LEFT_OUT} if "value" in item else item for item in value]
        if key == "env" and isinstance(value, list)
        else _without_values(value)
        for key, value in part.items()
    }


def _write_logs(cluster: Cluster, pod: client.V1Pod, folder: Path) -> None:
    for status in [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]:
        name = f"{pod.metadata.name}.{status.name}"
        where = [
            "--namespace",
            pod.metadata.namespace,
            "logs",
            pod.metadata.name,
            "--container",
            status.name,
            "--timestamps",
        ]
        _write(cluster, folder / f"{name}.log", where)
        if status.restart_count:
            _write(cluster, folder / f"{name}.previous.log", [*where, "--previous"])


def _write(cluster: Cluster, path: Path, arguments: list[str]) -> None:
    printed = _printed(cluster, path, arguments)
    if printed is not None:
        path.write_text(printed, encoding="utf-8")


def _printed(cluster: Cluster, path: Path, arguments: list[str]) -> str | None:
    """Return what kubectl prints, for a file whose folder is made; if it fails, say so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        completed = cluster.kubectl(*arguments, limit=limits.DIAGNOSTICS, accept=range(256))
    except errors.WorkstreamError as error:
        say("diagnostics", f"{path.name} cannot be had: {error.what.splitlines()[-1]}")
        return None
    forbidden = _FORBIDDEN.findall(completed.stderr)
    for what, why in forbidden:
        cluster.miss(what, why)
    if completed.returncode and not forbidden:
        say("diagnostics", f"{path.name} cannot be had: {processes.tail(completed.stderr, 1)}")
    # Of several kinds, kubectl tells those that may be seen.
    return completed.stdout if completed.stdout or not completed.returncode else None
