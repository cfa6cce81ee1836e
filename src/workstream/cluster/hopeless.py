"""What waiting cannot heal, and what it may: the first is an error at once, the second is told.

Only what nothing but a change of the chart, its values or the cluster can mend is hopeless. A node may be added, a
volume be bound, a Secret be written by somebody else, a pod of others may go: such things are waited for.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubernetes.utils.quantity import parse_quantity

from workstream import errors, limits, processes
from workstream.cluster import events, workloads
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from decimal import Decimal

    from kubernetes import client

    from workstream.cluster.access import Cluster
    from workstream.cluster.workloads import Part, Present

# Waiting for these to pass is in vain. ErrImagePull becomes ImagePullBackOff when it repeats.
_HOPELESS = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
}
_CRASH_LOOP = "CrashLoopBackOff"
_HOPELESS_RESTARTS = 2
# A ConfigMap or Secret that somebody may still write, or a key of one.
_MAY_COME = re.compile(r"(configmap|secret) .*not found|couldn't find key")
_BEING_MADE = {"ContainerCreating", "PodInitializing"}
_NOT_MADE = {"FailedAttachVolume", "FailedCreatePodSandBox", "FailedMount"}
_CHANGING = re.compile(r"[0-9a-f]{32,}")  # of a message that is the same each time but for that
_DENIED = re.compile(r"violates PodSecurity|denied (the )?request|is invalid: ")
_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<requested>.+), used: .+, limited: (?P<limited>.+)"
)
_QUOTA_UNMET = re.compile(r"failed quota: (?P<name>[^:]+): must specify")


@dataclass(slots=True)
class Notice:
    """Tells what holds something up, when it has done so for a while, each thing once."""

    _since: dict[str, float] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    @property
    def waits(self) -> list[str]:
        """What holds it up now."""
        return list(self._since)

    def take(self, waits: list[str]) -> None:
        """Take what was seen just now."""
        now = time.monotonic()
        self._since = {wait: self._since.get(wait, now) for wait in waits}
        settled = [wait for wait, since in self._since.items() if now - since >= limits.SETTLED_SECONDS]
        news = [wait for wait in settled if wait not in self._told]
        if news:
            say("waiting", "; ".join(news))
        self._told.update(news)


def look(cluster: Cluster, present: Present, since: datetime) -> list[str]:
    """Return what holds up a release and may heal, a sentence each.

    Args:
        cluster: where.
        present: the release.
        since: when its newest form was brought, in the API server's time: refusals before that do not count.

    Raises:
        errors.ChartError: a pod that a workload wants is refused.
        errors.PodError: a pod, or a Job, is in a state that it cannot leave by itself.
        errors.PortTakenError: a pod wants a port of its node that another has.

    """
    waits: dict[str, None] = {}
    for part in present.named:
        if workloads.is_whole(part) or not workloads.is_seen(part):
            continue
        pods = present.newest_pods(part)
        if part.kind == "Job":
            waits.update(dict.fromkeys(_look_at_job(cluster, part, pods)))
        elif part.kind == "Pod" and part.body.status.phase == "Failed":
            raise _ended(cluster, part, pods)
        waits.update(dict.fromkeys(_look_at_refusals(cluster, present, part, since)))
        leaving = any(pod.metadata.deletion_timestamp is not None for pod in present.pods)
        for pod in pods:
            waits.update(dict.fromkeys(_look_at_pod(cluster, part, pod, leaving=leaving)))
    return list(waits)


def kept_old(present: Present) -> list[str]:
    """Return which workloads of a whole release keep pods of a former form, as they are told to: a sentence each."""
    old = {
        part.name: workloads.expected(part) - workloads.updated(part)
        for part in present.named
        if part.kind in {"DaemonSet", "StatefulSet"} and workloads.renewed(part) <= workloads.updated(part)
    }
    why = "of a former form until somebody deletes them: its updateStrategy says so"
    return [f"{name}: {count} pods stay {why}" for name, count in old.items() if count > 0]


def _look_at_job(cluster: Cluster, job: Part, pods: list[client.V1Pod]) -> Iterator[str]:
    """Yield that a Job tries again.

    Raises:
        errors.PodError: it does not.

    """
    failed = workloads.condition(job, "Failed")
    if failed is not None:
        raise _ended(cluster, job, pods, f"{failed.reason}: {failed.message}")
    if job.body.status.failed:
        limit = job.body.spec.backoff_limit
        yield f"{job.name} has failed {job.body.status.failed} times and tries again (backoffLimit {limit})"


def _ended(cluster: Cluster, part: Part, pods: list[client.V1Pod], reason: str = "") -> errors.PodError:
    """Return that a Job or a pod has failed for good, with the log of the container that failed last."""
    failed = [pod for pod in pods if pod.status.phase == "Failed"] or pods
    lines = [f"{part.name} has failed" + (f": {reason}" if reason else "")]
    if failed:
        pod = max(failed, key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.name))
        if pod.status.reason or pod.status.message:
            lines.append(f"pod {pod.metadata.name}: {pod.status.reason}: {pod.status.message or ''}")
        for status in _containers(pod):
            ended = status.state.terminated or (status.last_state and status.last_state.terminated)
            if ended and ended.exit_code:
                log = _log(cluster, pod, status.name, previous=not status.state.terminated)
                lines.append(
                    f"pod {pod.metadata.name}, container {status.name}, ended with exit code {ended.exit_code}; "
                    f"its log ends with\n{log}"
                )
    return errors.PodError(
        "\n".join([lines[0], "expected: it ends with exit code 0, or goes on and is ready", *lines[1:]]),
        instead="Mend the image or the values that it was given; it is not tried again.",
        more=_describe(part),
    )


def _look_at_refusals(cluster: Cluster, present: Present, part: Part, since: datetime) -> Iterator[str]:
    """Yield why a workload is not given its pods for now.

    Raises:
        errors.ChartError: it never will be.

    """
    maker = present.maker(part)
    if maker is None or part.kind == "Pod" or workloads.made(maker) >= workloads.expected(maker):
        return
    message = _refusal(cluster, present, maker, since)
    if not message:
        return
    # What comes before that names the pod, anew each time.
    reason = message.partition(" is forbidden: ")[2] or message
    advice = _advice(part, reason)
    if advice:
        wanted, there = workloads.expected(maker), workloads.made(maker)
        raise errors.ChartError(
            f"{part.name} is refused its pods: {reason}\nexpected: {wanted} pods\nfound:    {there}",
            instead=advice,
            more=_describe(maker),
        )
    yield f"{part.name} is not given its pods: {reason}"


def _refusal(cluster: Cluster, present: Present, maker: Part, since: datetime) -> str:
    """Return why the last pod that something was to make could not be made; empty if it could, or was before."""
    failed = workloads.condition(maker, "ReplicaFailure") if maker.kind == "ReplicaSet" else None
    if failed is not None and failed.last_transition_time >= since:
        return str(failed.message)
    refusals = events.of(cluster, maker.name.namespace, field_selector="reason=FailedCreate")
    mine = [event for event in refusals if event.involved_object.uid == maker.uid and events.when(event) >= since]
    if not mine:
        return ""
    last = max(mine, key=events.when)
    if any(pod.created >= events.when(last) for pod in present.owned_by(maker) if pod.kind == "Pod"):
        return ""  # it was made after all
    return str(last.message)


def _advice(part: Part, reason: str) -> str:
    """Return what to do about a refusal that nothing else can end; empty if something may."""
    namespace = part.name.namespace
    quota = _QUOTA.search(reason)
    if quota is not None:
        requested, limited = _amounts(quota["requested"]), _amounts(quota["limited"])
        if not any(requested[name] > limited.get(name, requested[name]) for name in requested):
            return ""
        return (
            f"One pod alone wants more than the whole quota {quota['name']}: ask for less in the values, or raise the "
            f"quota: kubectl --namespace {namespace} edit resourcequota {quota['name']}"
        )
    unmet = _QUOTA_UNMET.search(reason)
    if unmet is not None:
        return f"Say in the values what the quota {unmet['name']} asks for: requests and limits of every container."
    if _DENIED.search(reason) is None:
        return ""
    if "violates PodSecurity" in reason:
        return (
            "Give the pods the security context that their namespace asks for, or let it ask for less: "
            f"kubectl label --overwrite namespace {namespace} pod-security.kubernetes.io/enforce=privileged"
        )
    return "Change in the chart or its values what is refused; waiting does not help."


def _amounts(text: str) -> dict[str, Decimal]:
    """Return the amounts of a quota's message, `limits.cpu=2,pods=1`, by what they are of."""
    pairs = (pair.strip().rpartition("=") for pair in text.split(","))
    return {name: parse_quantity(amount) for name, _, amount in pairs}


def _look_at_pod(cluster: Cluster, part: Part, pod: client.V1Pod, *, leaving: bool) -> Iterator[str]:
    """Yield what holds up a pod and may heal.

    Args:
        cluster: where.
        part: what the pod belongs to.
        pod: the pod.
        leaving: whether another pod of the release is about to go, and will leave a port.

    Raises:
        errors.PodError: it is in a state that it cannot leave by itself.
        errors.PortTakenError: another has the port.

    """
    name, namespace = pod.metadata.name, pod.metadata.namespace
    for condition in pod.status.conditions or ():
        if condition.reason != "Unschedulable":
            continue
        message = " ".join((condition.message or "").split())
        if "free ports" in message and not leaving:
            raise errors.PortTakenError(
                f"pod {name} finds no node where the port that it wants is free: {message}\n{_wanted(part)}",
                instead="Another release or program holds the port on the node: stop it, or choose another port.",
                more=f"kubectl --namespace {namespace} describe pod {name}",
            )
        yield f"{part.name}: no node takes a pod: {message}" + _pressure(message)
    yield from _look_at_ends(cluster, part, pod)
    waiting_containers = [status for status in _containers(pod) if status.state.waiting is not None]
    if any(status.state.waiting.reason in _BEING_MADE for status in waiting_containers):
        yield from _look_at_making(cluster, part, pod)
    for status in waiting_containers:
        waiting = status.state.waiting
        message = " ".join((waiting.message or "").split())
        if waiting.reason == "ErrImagePull":
            yield f"{part.name}: container {status.name} of a pod has no image: {message}"
        elif waiting.reason == "CreateContainerConfigError" and _MAY_COME.search(message):
            yield f"{part.name}: container {status.name} of a pod waits: {message}"
        elif waiting.reason in _HOPELESS:
            raise _cannot_leave(part, pod, status, message)


def _look_at_ends(cluster: Cluster, part: Part, pod: client.V1Pod) -> Iterator[str]:
    """Yield which containers ended and are started again.

    Raises:
        errors.PodError: one has ended too often.

    """
    for status in _containers(pod):
        if not _is_started_again(pod, status):
            continue
        # A Job says itself how often it tries.
        if part.kind != "Job" and status.restart_count >= _HOPELESS_RESTARTS:
            over = status.state.terminated is not None
            log = _log(cluster, pod, status.name, previous=not over)
            ended = f"it has ended {status.restart_count + over} times{_for_want(status)}; its log ends with"
            raise _cannot_leave(part, pod, status, f"{ended}\n{log}")
        yield f"{part.name}: container {status.name} of a pod ended, and is started again"


def _is_started_again(pod: client.V1Pod, status: client.V1ContainerStatus) -> bool:
    """Whether a container ended and is to be started again.

    The kubelet may say for the whole back-off that it ended, and not that it waits.
    """
    ended = status.state.terminated
    if ended is None:
        return status.state.waiting is not None and status.state.waiting.reason == _CRASH_LOOP
    policy = pod.spec.restart_policy or "Always"
    if policy == "Never" or pod.status.phase in {"Failed", "Succeeded"}:
        return False
    first = {one.name for one in pod.spec.init_containers or ()}
    return ended.exit_code != 0 or (policy == "Always" and status.name not in first)


def _for_want(status: client.V1ContainerStatus) -> str:
    """Return that a container was ended because it took more memory than it may; empty if it was not."""
    last = status.state.terminated or (status.last_state and status.last_state.terminated)
    return (
        ", last because it took more memory than its limit (OOMKilled)" if last and last.reason == "OOMKilled" else ""
    )


def _pressure(message: str) -> str:
    """Return what a node's complaint about itself means: nodes of kind have this machine's disk and memory."""
    for lack, what in (("disk-pressure", "its disk is full"), ("memory-pressure", "its memory is short")):
        if lack in message:
            return f" (a node says that {what})"
    return ""


def _look_at_making(cluster: Cluster, part: Part, pod: client.V1Pod) -> Iterator[str]:
    """Yield why a pod's containers are not made yet: only events tell."""
    warnings = cluster.core.list_namespaced_event(pod.metadata.namespace, field_selector="type=Warning").items
    about = [event for event in warnings if event.involved_object.uid == pod.metadata.uid and event.reason in _NOT_MADE]
    if about:
        last = max(about, key=events.when)
        message = _CHANGING.sub("…", " ".join((last.message or "").split()))
        yield f"{part.name}: a pod waits: {last.reason}: {message}"


def _cannot_leave(part: Part, pod: client.V1Pod, status: client.V1ContainerStatus, details: str) -> errors.PodError:
    name = pod.metadata.name
    reason = status.state.waiting.reason if status.state.waiting else _CRASH_LOOP
    return errors.PodError(
        f"pod {name}, container {status.name}: {reason}: {_wanted(part)}\n{details}",
        instead="Mend the image or the values that it was given; waiting does not help.",
        more=f"kubectl --namespace {pod.metadata.namespace} describe pod {name}",
    )


def _wanted(part: Part) -> str:
    count = workloads.expected(part)
    return f"{part.name} is to have {count} ready {'pod' if count == 1 else 'pods'}"


def _describe(part: Part) -> str:
    kind, namespace, name = part.name
    return f"kubectl --namespace {namespace} describe {kind.lower()} {name}"


def _containers(pod: client.V1Pod) -> Iterable[client.V1ContainerStatus]:
    return [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]


def _log(cluster: Cluster, pod: client.V1Pod, container: str, *, previous: bool) -> str:
    """Return the end of a log; what cannot be had is empty: it is a part of an error, and is to hide nothing."""
    where = ["--namespace", pod.metadata.namespace, "logs", pod.metadata.name, "--container", container]
    options = ["--tail=15", *(["--previous"] if previous else [])]
    return processes.tail(cluster.kubectl(*where, *options, accept=range(256)).stdout)
