"""What is kept when something fails: the state of every pod, its events, and its logs. Never a Secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstream import errors, limits, processes
from workstream.progress import say

if TYPE_CHECKING:
    from pathlib import Path

    from kubernetes import client

    from workstream.cluster.access import Cluster

# Waiting does not end these. ErrImagePull becomes ImagePullBackOff when it repeats.
_HOPELESS = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
}
_HOPELESS_RESTARTS = 2


def hopeless(cluster: Cluster, namespace: str, selector: str) -> errors.WorkstreamError | None:
    """Return what a pod that a label selector finds cannot recover from by itself, or None."""
    for pod in cluster.pods(namespace, selector):
        for condition in pod.status.conditions or ():
            if condition.reason == "Unschedulable" and "free ports" in (condition.message or ""):
                return errors.PortTakenError(
                    f"pod {pod.metadata.name} finds no node where the port that it wants is free: {condition.message}",
                    instead="Another release or program holds the port on the node: stop it, or choose another port.",
                    more=f"kubectl --namespace {namespace} describe pod {pod.metadata.name}",
                )
        for status in [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]:
            waiting = status.state.waiting
            if waiting is None:
                continue
            looping = waiting.reason == "CrashLoopBackOff" and status.restart_count >= _HOPELESS_RESTARTS
            if waiting.reason in _HOPELESS or looping:
                return _pod_error(cluster, namespace, str(pod.metadata.name), status)
    return None


def _pod_error(cluster: Cluster, namespace: str, pod: str, status: client.V1ContainerStatus) -> errors.PodError:
    name, reason = status.name, status.state.waiting.reason
    message = status.state.waiting.message or ""
    log = ""
    if reason == "CrashLoopBackOff":
        arguments = ["--namespace", namespace, "logs", pod, "--container", name, "--tail=15", "--previous"]
        log = processes.tail(cluster.kubectl(*arguments, accept=range(256)).stdout)
        message = f"it has ended {status.restart_count} times; its log ends with"
    return errors.PodError(
        f"pod {pod}, container {name}: {reason}: {message}" + (f"\n{log}" if log else ""),
        instead="Mend the image or the values that it was given; waiting does not help.",
        more=f"kubectl --namespace {namespace} describe pod {pod}",
    )


def state(cluster: Cluster, namespace: str) -> str:
    """Return the pods of a namespace and its last events, for the end of a message."""
    pods = cluster.kubectl("--namespace", namespace, "get", "pods", "--output", "wide", accept=range(256)).stdout
    events = cluster.kubectl(
        "--namespace", namespace, "get", "events", "--sort-by", ".lastTimestamp", accept=range(256)
    ).stdout
    return f"{processes.tail(pods)}\n{processes.tail(events, 10)}"


def collect(cluster: Cluster, folder: Path) -> None:
    """Write what explains a failure into a folder, for every namespace that is not Kubernetes' own.

    On a cluster that is not ours, only for `default`: the rest is other people's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    where = ["--all-namespaces"] if cluster.ours else ["--namespace", "default"]
    wanted = {
        "nodes.txt": ["describe", "nodes"] if cluster.ours else ["get", "nodes", "--output", "wide"],
        "events.txt": ["get", "events", *where, "--sort-by", ".lastTimestamp"],
        "pods.txt": ["get", "pods", *where, "--output", "wide"],
    }
    for name, arguments in wanted.items():
        _write(cluster, folder / name, arguments)
    try:
        api = cluster.core
        pods = (api.list_pod_for_all_namespaces() if cluster.ours else api.list_namespaced_pod("default")).items
    except Exception as error:  # noqa: BLE001 - the failure being explained must not be hidden by another
        say("diagnostics", f"no pods can be listed: {error}")
        return
    ours = [pod for pod in pods if not pod.metadata.namespace.startswith("kube-")]
    for namespace in {pod.metadata.namespace for pod in ours}:
        where = ["--namespace", namespace]
        kinds = "pods,services,daemonsets,deployments,statefulsets,jobs,configmaps,persistentvolumeclaims"
        _write(cluster, folder / namespace / "objects.yaml", [*where, "get", kinds, "--output", "yaml"])
        _write(cluster, folder / namespace / "describe.txt", [*where, "describe", "pods"])
    for pod in ours:
        _write_logs(cluster, pod, folder / pod.metadata.namespace)


def _write_logs(cluster: Cluster, pod: client.V1Pod, folder: Path) -> None:
    for status in pod.status.container_statuses or ():
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
        completed = cluster.kubectl(*arguments, limit=limits.DIAGNOSTICS)
    except errors.WorkstreamError as error:
        say("diagnostics", f"{path.name} cannot be had: {error.what.splitlines()[-1]}")
        return
    path.write_text(completed.stdout, encoding="utf-8")
