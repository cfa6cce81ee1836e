from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from workstream.cluster import workloads
from workstream.cluster.workloads import Name

if TYPE_CHECKING:
    from tests.unit.cluster.conftest import Kubernetes, Objects

    from workstream.cluster.access import Cluster


def only(cluster: Cluster, kind: str) -> workloads.Part:
    """Return the object of a kind that is called w."""
    (part,) = workloads.find(cluster, [Name(kind, "n", "w")]).named
    return part


def pods(cluster: Cluster, *names: Name, known: frozenset[str] = frozenset()) -> list[str]:
    """Return the names of the pods that belong to what has these names."""
    return [pod.metadata.name for pod in workloads.find(cluster, names, known).pods]


def test_what_has_pods_is_found_in_a_manifest_by_its_kind_in_whatever_namespace() -> None:
    """Lists are looked into; objects of other APIs that are called the same are none of Kubernetes' own."""
    manifests: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d", "namespace": "o"}},
        {"apiVersion": "batch.example.org/v1", "kind": "Job", "metadata": {"name": "theirs"}},
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [
                {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}},
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}},
            ],
        },
    ]

    assert workloads.named(manifests, "n") == (
        Name("DaemonSet", "o", "d"),
        Name("Job", "n", "j"),
        Name("Pod", "n", "p"),
    )


def test_pods_belong_to_what_owns_them_whatever_their_labels_are(reachable: Cluster, objects: Objects) -> None:
    """Through a ReplicaSet or a Job too; a pod of others with the same labels does not belong."""
    deployment = objects.replicated("Deployment")
    replicaset = objects.replicated("ReplicaSet", "w-1", owner=deployment)
    cronjob = objects.put(
        "CronJob", "c", {"spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": {}}}}}
    )
    objects.pod("of-deployment", owner=replicaset)
    objects.pod("of-cronjob", owner=objects.job("c-1", owner=cronjob))
    objects.pod("of-daemonset", owner=objects.daemonset())
    objects.pod("of-nobody")
    objects.pod("of-others", owner=objects.daemonset("other"))

    assert pods(reachable, Name("Deployment", "n", "w")) == ["of-deployment"]
    assert pods(reachable, Name("CronJob", "n", "c")) == ["of-cronjob"]
    assert pods(reachable, Name("DaemonSet", "n", "w"), Name("Pod", "n", "of-nobody")) == [
        "of-daemonset",
        "of-nobody",
    ]


def test_what_belongs_together_is_found_in_every_namespace_that_is_named(
    reachable: Cluster, objects: Objects, kubernetes: Kubernetes
) -> None:
    """An object of the same name in another namespace is another; kinds that nobody named are not asked for."""
    here, there = objects.daemonset(), objects.daemonset(metadata={"namespace": "o"})
    objects.pod("here", owner=here)
    objects.pod("there", owner=there, metadata={"namespace": "o"})

    assert pods(reachable, Name("DaemonSet", "n", "w"), Name("DaemonSet", "o", "w")) == ["here", "there"]
    assert pods(reachable, Name("DaemonSet", "o", "w")) == ["there"]
    assert {path.rpartition("/")[2] for path, _ in kubernetes.asked} == {"daemonsets", "pods"}


def test_pods_of_what_is_gone_are_still_found(reachable: Cluster, objects: Objects) -> None:
    """A workload that was removed goes before its pods do: whoever knew it finds them."""
    pod = objects.pod(owner={"metadata": {"name": "gone", "uid": "ReplicaSet-n-gone"}})

    assert pods(reachable, Name("Deployment", "n", "w"), known=frozenset({"ReplicaSet-n-gone"})) == ["p"]
    assert pods(reachable, Name("Deployment", "n", "w"), known=frozenset({pod["metadata"]["uid"]})) == ["p"]
    assert pods(reachable, Name("Deployment", "n", "w")) == []


@pytest.mark.parametrize(
    ("status", "whole"),
    [
        ({}, True),
        ({"observedGeneration": 0}, False),
        ({"numberReady": 0}, False),
        ({"updatedNumberScheduled": 0}, False),
        ({"currentNumberScheduled": 0}, False),
        ({"numberMisscheduled": 1}, False),
    ],
)
def test_a_daemonset_is_whole_when_its_controller_saw_it_and_every_pod_is_new_and_ready(
    reachable: Cluster,
    objects: Objects,
    status: dict[str, int],
    whole: bool,  # noqa: FBT001 - a table
) -> None:
    """A DaemonSet whose controller has not acted yet, or of which a pod is old or not ready, is not whole."""
    objects.daemonset()["status"].update(status)

    assert workloads.is_whole(only(reachable, "DaemonSet")) is whole


def test_a_daemonset_at_which_nobody_looked_is_not_whole(reachable: Cluster, objects: Objects) -> None:
    """Zero of zero, before the controller has looked, is not whole."""
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberMisscheduled")
    objects.daemonset()["status"] = dict.fromkeys(counts, 0)

    assert not workloads.is_whole(only(reachable, "DaemonSet"))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet"])
@pytest.mark.parametrize(
    ("wanted", "status", "whole"),
    [
        (2, {}, True),
        (2, {"readyReplicas": 1}, False),
        (2, {"replicas": 3}, False),
        (2, {"observedGeneration": 0}, False),
        (1, {"readyReplicas": 1, "replicas": 1}, True),
        (0, {"readyReplicas": None}, True),
    ],
    ids=["all", "one is not ready", "an old one is left", "not seen", "one", "none"],
)
def test_replicas_are_whole_when_all_are_new_and_ready_and_no_old_one_is_left(  # noqa: PLR0913, PLR0917 - a table
    reachable: Cluster,
    objects: Objects,
    kind: str,
    wanted: int,
    status: dict[str, Any],
    whole: bool,  # noqa: FBT001 - a table
) -> None:
    """As many as are wanted, no more and no fewer."""
    objects.replicated(kind, replicas=wanted, status=status)

    assert workloads.is_whole(only(reachable, kind)) is whole


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_replicas_of_a_former_form_do_not_count(reachable: Cluster, objects: Objects, kind: str) -> None:
    """Two that are ready, one of which is old, are not what two new ones are."""
    objects.replicated(kind, replicas=2, status={"updatedReplicas": 1})

    assert not workloads.is_whole(only(reachable, kind))


@pytest.mark.parametrize(
    ("status", "suspended", "whole"),
    [
        ({}, False, False),
        ({"active": 0, "conditions": [{"type": "Complete", "status": "True"}]}, False, True),
        ({"active": 0, "conditions": [{"type": "Failed", "status": "True"}]}, False, False),
        ({"active": 0, "conditions": [{"type": "Complete", "status": "False"}]}, False, False),
        ({"active": 0}, True, True),
    ],
    ids=["runs", "complete", "failed", "not complete", "suspended"],
)
def test_a_job_is_whole_when_it_is_complete(
    reachable: Cluster,
    objects: Objects,
    status: dict[str, Any],
    suspended: bool,  # noqa: FBT001 - a table
    whole: bool,  # noqa: FBT001 - a table
) -> None:
    """One that is suspended wants nothing."""
    objects.job(**status)["spec"]["suspend"] = suspended

    assert workloads.is_whole(only(reachable, "Job")) is whole


@pytest.mark.parametrize(
    ("phase", "ready", "whole"),
    [
        ("Running", "True", True),
        ("Running", "False", False),
        ("Pending", "False", False),
        ("Succeeded", "False", True),
        ("Failed", "False", False),
    ],
)
def test_a_pod_of_its_own_is_whole_when_it_is_ready_or_has_done_its_work(
    reachable: Cluster,
    objects: Objects,
    phase: str,
    ready: str,
    whole: bool,  # noqa: FBT001 - a table
) -> None:
    """One that failed has not done it."""
    objects.pod("w", phase=phase, conditions=[{"type": "Ready", "status": ready}])

    assert workloads.is_whole(only(reachable, "Pod")) is whole


def test_what_a_release_lacks_is_what_is_not_whole_or_not_there(reachable: Cluster, objects: Objects) -> None:
    """Each by its kind, name and namespace."""
    objects.daemonset()
    objects.daemonset("broken", numberReady=0)
    names = [Name("DaemonSet", "n", name) for name in ("w", "broken", "missing")]

    lacking = workloads.find(reachable, names).lacking()
    assert [str(name) for name in lacking] == ["daemonset/broken in n", "daemonset/missing in n"]


def test_of_a_deployment_only_the_pods_of_its_newest_form_count(reachable: Cluster, objects: Objects) -> None:
    """Those of former ones go, whatever state they are in, and so does one that is being deleted."""
    revision = "deployment.kubernetes.io/revision"
    deployment = objects.replicated("Deployment", metadata={"annotations": {revision: "2"}})
    for number in ("1", "2"):
        annotated = {"annotations": {revision: number}}
        replicaset = objects.replicated("ReplicaSet", f"w-{number}", owner=deployment, metadata=annotated)
        objects.pod(f"p-{number}", owner=replicaset)
    objects.pod("leaves", owner=replicaset, metadata={"deletionTimestamp": objects.at()})
    present = workloads.find(reachable, [Name("Deployment", "n", "w")])

    assert [pod.metadata.name for pod in present.newest_pods(present.named[0])] == ["p-2"]
    assert [pod.metadata.name for pod in present.pods] == ["p-1", "p-2", "leaves"]


def test_of_a_daemonset_only_the_pods_of_its_newest_form_count(reachable: Cluster, objects: Objects) -> None:
    """An old one is replaced, whatever state it is in."""
    daemonset = objects.daemonset(metadata={"annotations": {"deprecated.daemonset.template.generation": "2"}})
    for number in ("1", "2"):
        objects.pod(f"p-{number}", owner=daemonset, metadata={"labels": {"pod-template-generation": number}})
    present = workloads.find(reachable, [Name("DaemonSet", "n", "w")])

    assert [pod.metadata.name for pod in present.newest_pods(present.named[0])] == ["p-2"]


@pytest.mark.parametrize(("policy", "counts"), [("Parallel", ["p-2"]), ("OrderedReady", ["p-1", "p-2"])])
def test_an_old_pod_of_a_statefulset_counts_where_it_holds_up_the_others(
    reachable: Cluster, objects: Objects, policy: str, counts: list[str]
) -> None:
    """A StatefulSet that keeps an order replaces nothing before every pod is ready, old ones too."""
    spec = {"podManagementPolicy": policy}
    statefulset = objects.replicated("StatefulSet", spec=spec, status={"updateRevision": "w-2"})
    for number in ("1", "2"):
        objects.pod(f"p-{number}", owner=statefulset, metadata={"labels": {"controller-revision-hash": f"w-{number}"}})
    present = workloads.find(reachable, [Name("StatefulSet", "n", "w")])

    assert [pod.metadata.name for pod in present.newest_pods(present.named[0])] == counts


@pytest.mark.parametrize(
    ("manifest", "kept"),
    [
        ({"kind": "A", "metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}, True),
        ({"kind": "A", "metadata": {"annotations": None}}, False),
        ({"kind": "A"}, False),
    ],
    ids=["asked for", "no annotation", "no metadata"],
)
def test_what_a_chart_asks_to_keep_is_known(manifest: dict[str, Any], kept: bool) -> None:  # noqa: FBT001 - a table
    """Helm leaves it where it is when the release goes."""
    assert workloads.kept(manifest) is kept


@pytest.mark.parametrize(
    ("kind", "strategy", "new", "whole"),
    [
        ("StatefulSet", {"type": "OnDelete"}, 0, True),
        ("StatefulSet", {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}, 1, True),
        ("StatefulSet", {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}, 0, False),
        ("StatefulSet", {"type": "RollingUpdate", "rollingUpdate": {"partition": 9}}, 0, True),
        ("StatefulSet", {"type": "RollingUpdate"}, 2, False),
        ("DaemonSet", {"type": "OnDelete"}, 0, True),
        ("DaemonSet", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}, 2, False),
    ],
)
def test_pods_that_nobody_replaces_are_not_waited_for(  # noqa: PLR0913, PLR0917 - a table
    reachable: Cluster,
    objects: Objects,
    kind: str,
    strategy: dict[str, Any],
    new: int,
    whole: bool,  # noqa: FBT001 - a table
) -> None:
    """A chart may ask that old pods stay until somebody deletes them, or that only some are replaced."""
    if kind == "DaemonSet":
        made = objects.daemonset(
            desiredNumberScheduled=3, currentNumberScheduled=3, numberReady=3, updatedNumberScheduled=new
        )
        made["spec"] = {**made["spec"], "updateStrategy": strategy}
    else:
        objects.replicated(kind, replicas=3, spec={"updateStrategy": strategy}, status={"updatedReplicas": new})
    present = workloads.find(reachable, [Name(kind, "n", "w")])

    assert (present.lacking() == []) is whole


def test_an_old_pod_that_is_to_stay_is_looked_at(reachable: Cluster, objects: Objects) -> None:
    """Nobody replaces it, so that it is broken is not the past."""
    generation = {"annotations": {"deprecated.daemonset.template.generation": "2"}}
    owner = objects.daemonset(metadata=generation)
    objects.pod(owner=owner, metadata={"labels": {"pod-template-generation": "1"}})
    name = Name("DaemonSet", "n", "w")

    def looked_at() -> int:
        present = workloads.find(reachable, [name])
        return len(present.newest_pods(present.named[0]))

    assert looked_at() == 0
    owner["spec"] = {**owner["spec"], "updateStrategy": {"type": "OnDelete"}}
    assert looked_at() == 1
