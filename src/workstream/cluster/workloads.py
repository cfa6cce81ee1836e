"""What belongs to a release: what its manifest names, and what that owns; and whether it is whole.

No label says what belongs together: charts choose theirs freely. Kubernetes itself goes by owners: a Deployment owns
its ReplicaSets and these their pods, a CronJob its Jobs and these theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from kubernetes import client

    from workstream.cluster.access import Cluster

# What has pods or is one, by API version; owners before what they own.
_KINDS = {
    "apps/v1": ("DaemonSet", "Deployment", "StatefulSet", "ReplicaSet"),
    "batch/v1": ("CronJob", "Job"),
    "v1": ("Pod",),
}
_OWNS = {"CronJob": "Job", "Deployment": "ReplicaSet"}
_REVISION = "deployment.kubernetes.io/revision"  # of a Deployment, and of the ReplicaSet that is its newest form
_GENERATION = "deprecated.daemonset.template.generation"  # of a DaemonSet; its pods have it as the label below
_POD_GENERATION = "pod-template-generation"
_POD_REVISION = "controller-revision-hash"


class Name(NamedTuple):
    """What an object is found by.

    Attributes:
        kind: as manifests write it.
        namespace: where it is.
        name: its name there.

    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name} in {self.namespace}"


@dataclass(frozen=True, slots=True)
class Part:
    """An object that belongs to a release.

    Attributes:
        kind: as manifests write it: the API leaves it out of lists.
        body: the object.

    """

    kind: str
    body: Any

    @property
    def name(self) -> Name:
        """What it is found by."""
        return Name(self.kind, self.body.metadata.namespace, self.body.metadata.name)

    @property
    def uid(self) -> str:
        """What no other object ever had."""
        return str(self.body.metadata.uid)

    @property
    def owners(self) -> frozenset[str]:
        """The `uid`s of its owners."""
        return frozenset(owner.uid for owner in self.body.metadata.owner_references or ())

    @property
    def created(self) -> datetime:
        """When it was made, in the API server's time."""
        made: datetime = self.body.metadata.creation_timestamp
        return made


@dataclass(frozen=True, slots=True)
class Present:
    """What of a release is there at one moment.

    Attributes:
        names: what its manifest names.
        parts: what is there of that, and what it owns; owners come first.

    """

    names: tuple[Name, ...]
    parts: tuple[Part, ...]

    @property
    def pods(self) -> list[client.V1Pod]:
        """All its pods."""
        return [part.body for part in self.parts if part.kind == "Pod"]

    @property
    def named(self) -> list[Part]:
        """What the manifest names and is there."""
        return [part for part in self.parts if part.name in self.names]

    def lacking(self) -> list[Name]:
        """Return what the manifest names and is not whole, or not there."""
        whole = {part.name for part in self.named if is_whole(part)}
        return [name for name in self.names if name not in whole]

    def owned_by(self, owner: Part) -> list[Part]:
        """Return what an object owns itself."""
        return [part for part in self.parts if owner.uid in part.owners]

    def maker(self, part: Part) -> Part | None:
        """Return what makes the pods of a part's newest form: itself, or the newest ReplicaSet of a Deployment."""
        if part.kind != "Deployment":
            return part
        revision = _annotation(part, _REVISION)
        newest = [owned for owned in self.owned_by(part) if _annotation(owned, _REVISION) == revision]
        return newest[0] if newest else None

    def newest_pods(self, part: Part) -> list[client.V1Pod]:
        """Return the pods of a part's newest form that are to stay: old ones go, whatever state they are in."""
        maker = self.maker(part)
        owned = [] if maker is None else [maker, *self.owned_by(maker)]
        pods = [candidate.body for candidate in owned if candidate.kind == "Pod"]
        return [pod for pod in pods if pod.metadata.deletion_timestamp is None and not _is_old(pod, part)]


def named(manifests: Iterable[Mapping[str, Any]], namespace: str) -> tuple[Name, ...]:
    """Return what has pods, or is one, of what manifests name.

    Args:
        manifests: the objects.
        namespace: where an object is that does not say so.

    """
    return tuple(
        Name(manifest["kind"], manifest["metadata"].get("namespace") or namespace, manifest["metadata"]["name"])
        for manifest in _flat(manifests)
        if manifest["kind"] in _KINDS.get(manifest["apiVersion"], ())
    )


def kept(manifest: Mapping[str, Any]) -> bool:
    """Whether Helm leaves an object where it is when its release is removed."""
    return ((manifest.get("metadata") or {}).get("annotations") or {}).get("helm.sh/resource-policy") == "keep"


def find(cluster: Cluster, names: Iterable[Name], known: Collection[str] = ()) -> Present:
    """Look for what belongs together.

    Args:
        cluster: where.
        names: what a manifest names.
        known: the `uid`s of what belongs to it too and may be gone: what that owns is found all the same.

    Raises:
        errors.RightMissingError: the account that the run acts as may not list one of the kinds that matter.

    """
    names = tuple(names)
    wanted, belonging = set(names), set(known)
    parts = []
    for namespace in sorted({name.namespace for name in names}):
        for part in _listed(cluster, namespace, {name.kind for name in names if name.namespace == namespace}):
            if part.name in wanted or part.uid in belonging or part.owners & belonging:
                belonging.add(part.uid)
                parts.append(part)
    return Present(names, tuple(parts))


def is_seen(part: Part) -> bool:
    """Whether its controller has looked at its newest form."""
    if part.kind in {"CronJob", "Job", "Pod"}:
        return True  # these cannot be changed, or do not say
    return bool(part.body.status.observed_generation == part.body.metadata.generation)


def is_whole(part: Part) -> bool:
    """Whether all that it wants is there, new and ready, and nothing else: a Job is whole when it is complete."""
    body, status = part.body, part.body.status
    if not is_seen(part):
        return False
    if part.kind == "CronJob":
        return True  # what it makes, it makes later
    if part.kind == "Pod":
        return status.phase == "Succeeded" or (status.phase == "Running" and condition(part, "Ready") is not None)
    if part.kind == "Job":
        return bool(body.spec.suspend) or condition(part, "Complete") is not None
    wanted = expected(part)
    if part.kind == "DaemonSet":
        counts = (status.number_ready, status.current_number_scheduled)
        return bool(counts == (wanted, wanted) and updated(part) >= renewed(part) and not status.number_misscheduled)
    counts = (status.ready_replicas or 0, status.replicas or 0)
    return counts == (wanted, wanted) and updated(part) >= renewed(part)


def updated(part: Part) -> int:
    """Return how many pods of a workload are of its newest form."""
    status = part.body.status
    if part.kind == "DaemonSet":
        return status.updated_number_scheduled or 0
    return int((status.replicas if part.kind == "ReplicaSet" else status.updated_replicas) or 0)


def renewed(part: Part) -> int:
    """Return how many pods of a workload are replaced when its form changes; the others wait for being deleted."""
    strategy = getattr(part.body.spec, "update_strategy", None)
    if strategy is None:
        return expected(part)
    if strategy.type == "OnDelete":
        return 0
    partition = getattr(strategy.rolling_update, "partition", None) or 0
    return max(0, expected(part) - int(partition))


def expected(part: Part) -> int:
    """Return how many pods it is to have."""
    if part.kind == "DaemonSet":
        return int(part.body.status.desired_number_scheduled)
    if part.kind == "Pod":
        return 1
    wanted = part.body.spec.parallelism if part.kind == "Job" else part.body.spec.replicas
    return 1 if wanted is None else int(wanted)


def made(part: Part) -> int:
    """Return how many pods it has, whatever state they are in, that have not ended."""
    status = part.body.status
    if part.kind == "DaemonSet":
        return int(status.current_number_scheduled)
    if part.kind == "Pod":
        return 1
    return int((status.active if part.kind == "Job" else status.replicas) or 0)


def condition(part: Part, kind: str) -> Any:  # noqa: ANN401 - each kind of object has a type of its own for them
    """Return a condition of an object if it is true, else None."""
    holding = (one for one in part.body.status.conditions or () if one.type == kind and one.status == "True")
    return next(holding, None)


def _flat(manifests: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for manifest in manifests:
        if manifest["kind"] == "List":
            yield from _flat(manifest.get("items") or ())
        else:
            yield manifest


def _listed(cluster: Cluster, namespace: str, kinds: Collection[str]) -> Iterator[Part]:
    """Yield all objects of a namespace of some kinds, and of those that these own; owners come first."""
    lists: dict[str, Callable[[str], Any]] = {
        "DaemonSet": cluster.apps.list_namespaced_daemon_set,
        "Deployment": cluster.apps.list_namespaced_deployment,
        "StatefulSet": cluster.apps.list_namespaced_stateful_set,
        "ReplicaSet": cluster.apps.list_namespaced_replica_set,
        "CronJob": cluster.batch.list_namespaced_cron_job,
        "Job": cluster.batch.list_namespaced_job,
        "Pod": cluster.core.list_namespaced_pod,
    }
    wanted = {*kinds, *(_OWNS[kind] for kind in kinds if kind in _OWNS), "Pod"}
    for kind, listed in lists.items():
        if kind in wanted:
            yield from (Part(kind, body) for body in cluster.allowed(partial(listed, namespace)).items)


def _annotation(part: Part, name: str) -> str | None:
    value: str | None = (part.body.metadata.annotations or {}).get(name)
    return value


def _is_old(pod: client.V1Pod, part: Part) -> bool:
    """Whether a pod is of a former form of what made it, and will be replaced."""
    labels = pod.metadata.labels or {}
    if part.kind in {"DaemonSet", "StatefulSet"} and renewed(part) < expected(part):
        return False  # some stay
    if part.kind == "DaemonSet":
        now = _annotation(part, _GENERATION)
        return bool(now) and labels.get(_POD_GENERATION, now) != now
    # A StatefulSet that keeps an order replaces no pod before all are ready, so an old one that cannot be holds it up.
    if part.kind == "StatefulSet" and part.body.spec.pod_management_policy == "Parallel":
        now = part.body.status.update_revision
        return bool(now) and labels.get(_POD_REVISION, now) != now
    return False
