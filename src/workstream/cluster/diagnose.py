"""What is kept when something fails: the state of every pod, its events, and its logs. Never what a Secret holds.

Secrets are not asked for, and pods, as `kubectl` lists and describes them, name the Secrets that they use and no more.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from workstream import errors, limits, processes
from workstream.cluster import events
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kubernetes import client

    from workstream.cluster.access import Cluster

_LAST_EVENTS = 10  # in a message
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
        where = ["--namespace", namespace]
        kinds = "pods,services,daemonsets,deployments,statefulsets,jobs,configmaps,persistentvolumeclaims"
        _write(cluster, folder / namespace / "objects.yaml", [*where, "get", kinds, "--output", "yaml"])
        _write(cluster, folder / namespace / "describe.txt", [*where, "describe", "pods"])
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
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        completed = cluster.kubectl(*arguments, limit=limits.DIAGNOSTICS, accept=range(256))
    except errors.WorkstreamError as error:
        say("diagnostics", f"{path.name} cannot be had: {error.what.splitlines()[-1]}")
        return
    forbidden = _FORBIDDEN.findall(completed.stderr)
    for what, why in forbidden:
        cluster.miss(what, why)
    if completed.returncode and not forbidden:
        say("diagnostics", f"{path.name} cannot be had: {processes.tail(completed.stderr, 1)}")
    if completed.stdout or not completed.returncode:  # of several kinds, kubectl tells those that may be seen
        path.write_text(completed.stdout, encoding="utf-8")
