from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from workstream import errors, limits
from workstream.cluster import hopeless, workloads
from workstream.cluster.workloads import Name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cluster.conftest import Body, Kubernetes, Objects

    from workstream.cluster.access import Cluster

PODSECURITY = (
    'Error creating: pods "w-x7k2p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation '
    '!= false (container "main" must set securityContext.allowPrivilegeEscalation=false)'
)
QUOTA = (
    'Error creating: pods "w-x7k2p" is forbidden: exceeded quota: q, requested: limits.cpu={wanted},pods=1, '
    "used: limits.cpu=500m,pods=1, limited: limits.cpu=1,pods=2"
)


@dataclass(frozen=True)
class Look:
    """A way to look at the objects that are called w.

    Attributes:
        cluster: where they are.

    """

    cluster: Cluster

    def __call__(self, kind: str, *, seconds_ago: float = 60) -> list[str]:
        """Look at the one of a kind, whose newest form was brought so many seconds ago."""
        present = workloads.find(self.cluster, [Name(kind, "n", "w")])
        since = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        return hopeless.look(self.cluster, present, since)


@pytest.fixture
def look(reachable: Cluster) -> Look:
    """Give a way to look for what is hopeless."""
    return Look(reachable)


def lacking(objects: Objects, kind: str) -> Body:
    """Let there be a workload that wants a pod and was given none; return what makes its pods."""
    if kind == "DaemonSet":
        return objects.daemonset(currentNumberScheduled=0, updatedNumberScheduled=0, numberReady=0)
    none = {"replicas": 0, "readyReplicas": 0}
    if kind == "Job":
        return objects.job(active=0)
    if kind != "Deployment":
        return objects.replicated(kind, status=none)
    revision = {"annotations": {"deployment.kubernetes.io/revision": "1"}}
    deployment = objects.replicated("Deployment", metadata=revision, status={**none, "updatedReplicas": 0})
    return objects.replicated("ReplicaSet", "w-1", owner=deployment, metadata=revision, status=none)


def starting(objects: Objects, kind: str = "DaemonSet", **status: Any) -> Body:  # noqa: ANN401 - JSON
    """Let there be a workload whose one pod is not ready yet; return the pod."""
    if kind == "DaemonSet":
        owner = objects.daemonset(numberReady=0)
    else:
        owner = objects.replicated(kind, status={"readyReplicas": 0})
    return objects.pod(owner=owner, phase="Pending", conditions=[], **status)


MADE_BY = {
    "Deployment": "ReplicaSet",
    "DaemonSet": "DaemonSet",
    "StatefulSet": "StatefulSet",
    "ReplicaSet": "ReplicaSet",
    "Job": "Job",
}


@pytest.mark.parametrize("kind", MADE_BY)
def test_pods_that_a_security_level_refuses_are_not_waited_for(look: Look, objects: Objects, kind: str) -> None:
    """The error names the workload, the level, what was expected, and how to meet the level or to lower it."""
    maker = lacking(objects, kind)
    objects.event(maker, MADE_BY[kind], PODSECURITY)
    with pytest.raises(errors.ChartError) as caught:
        look(kind)

    first, *rest = caught.value.what.splitlines()
    assert first.startswith(f'{kind.lower()}/w in n is refused its pods: violates PodSecurity "restricted:latest": ')
    assert rest == ["expected: 1 pods", "found:    0"]
    assert "security context" in caught.value.instead
    assert "pod-security.kubernetes.io/enforce=privileged" in caught.value.instead
    assert caught.value.more == f"kubectl --namespace n describe {MADE_BY[kind].lower()} {maker['metadata']['name']}"


def test_a_refusal_is_known_without_an_event_too(look: Look, objects: Objects) -> None:
    """Events are dropped where there are many; a ReplicaSet keeps why it cannot make its pods."""
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": PODSECURITY}
    maker = lacking(objects, "Deployment")
    maker["status"]["conditions"] = [{**condition, "lastTransitionTime": objects.at()}]
    with pytest.raises(errors.ChartError, match="violates PodSecurity"):
        look("Deployment")

    maker["status"]["conditions"] = [{**condition, "lastTransitionTime": objects.at(-90)}]
    assert look("Deployment") == []


def test_where_events_may_not_be_seen_refusals_are_not_and_that_is_told_once(
    look: Look, objects: Objects, caplog: pytest.LogCaptureFixture
) -> None:
    """A release that comes up is no worse for it; one that does not is waited for."""
    objects.event(lacking(objects, "DaemonSet"), "DaemonSet", PODSECURITY)
    message = objects.kubernetes.forbid("/api/v1/namespaces/n/events", "events")
    with caplog.at_level("INFO", logger="workstream"):
        assert [look("DaemonSet"), look("DaemonSet")] == [[], []]

    assert caplog.text.count(f"events in n cannot be seen, and the run goes on without: {message}") == 1


@pytest.mark.parametrize(
    "said",
    [
        'Error creating: admission webhook "policy.example.org" denied the request: no latest tags',
        "Error creating: pods \"w-1\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
        'create Pod w-0 in StatefulSet w failed error: Pod "w-0" is invalid: spec.containers[0].image: Required value',
        'Error creating: pods "w-1" is forbidden: failed quota: q: must specify limits.cpu for: main',
    ],
    ids=["webhook", "policy", "invalid", "no limits under a quota"],
)
def test_pods_that_are_refused_for_what_they_are_are_not_waited_for(look: Look, objects: Objects, said: str) -> None:
    """As long as chart and values are as they are, waiting does not help."""
    objects.event(lacking(objects, "StatefulSet"), "StatefulSet", said)
    with pytest.raises(errors.ChartError) as caught:
        look("StatefulSet")

    assert said.partition(" is forbidden: ")[2] or said in caught.value.what
    assert "values" in caught.value.instead


@pytest.mark.parametrize(
    "said",
    [
        QUOTA.format(wanted="1"),
        'Error creating: Internal error occurred: failed calling webhook "w": connection refused',
        'Error creating: pods "w-1" is forbidden: error looking up service account n/w: serviceaccount "w" not found',
    ],
    ids=["quota that others use up", "a webhook that does not answer yet", "a service account that is not there yet"],
)
def test_a_refusal_that_something_else_may_end_is_told_and_waited_out(look: Look, objects: Objects, said: str) -> None:
    """The text is the same whenever it is looked at, though each pod that is refused has another name."""
    maker = lacking(objects, "DaemonSet")
    objects.event(maker, "DaemonSet", said, lastTimestamp=objects.at(-5))
    (first,) = look("DaemonSet")
    objects.event(maker, "DaemonSet", said.replace("w-x7k2p", "w-9bq4d"))

    assert look("DaemonSet") == [first]
    assert first.startswith("daemonset/w in n is not given its pods: ")
    assert said.endswith(first.removeprefix("daemonset/w in n is not given its pods: "))


def test_a_pod_that_wants_more_than_a_whole_quota_is_not_waited_for(look: Look, objects: Objects) -> None:
    """Whatever else goes, there will never be enough: 1500 thousandths are more than one."""
    objects.event(lacking(objects, "DaemonSet"), "DaemonSet", QUOTA.format(wanted="1500m"))
    with pytest.raises(errors.ChartError, match="exceeded quota: q") as caught:
        look("DaemonSet")

    assert "more than the whole quota q" in caught.value.instead


def test_what_was_refused_before_does_not_count(look: Look, objects: Objects) -> None:
    """An event of a former form of the release stays for an hour; that form may be what was mended."""
    objects.event(lacking(objects, "DaemonSet"), "DaemonSet", PODSECURITY, lastTimestamp=objects.at(-90))

    assert look("DaemonSet", seconds_ago=60) == []
    with pytest.raises(errors.ChartError):
        look("DaemonSet", seconds_ago=120)


def test_a_refusal_that_is_over_does_not_count(look: Look, objects: Objects) -> None:
    """A pod that was made since then, or as many as are wanted, say that it is over; so does a whole workload."""
    maker = lacking(objects, "DaemonSet")
    objects.event(maker, "DaemonSet", PODSECURITY, lastTimestamp=objects.at(-5))
    pod = objects.pod(owner=maker)
    assert look("DaemonSet") == []
    objects.remove("Pod", pod)
    maker["status"]["currentNumberScheduled"] = 1
    assert look("DaemonSet") == []


def test_refusals_of_others_and_other_events_do_not_count(look: Look, objects: Objects) -> None:
    """Only what happened to this very workload, and not to one of the same name that was there before."""
    maker = lacking(objects, "DaemonSet")
    objects.event({"metadata": {**maker["metadata"], "uid": "another"}}, "DaemonSet", PODSECURITY)
    objects.event(maker, "DaemonSet", PODSECURITY, reason="FailedDaemonPod")

    assert look("DaemonSet") == []


def test_what_its_controller_has_not_seen_yet_is_not_judged(look: Look, objects: Objects) -> None:
    """Its state is that of its former form."""
    maker = lacking(objects, "DaemonSet")
    maker["status"]["observedGeneration"] = 0
    objects.event(maker, "DaemonSet", PODSECURITY)
    objects.pod(owner=maker, containerStatuses=[objects.container(waiting={"reason": "InvalidImageName"})])

    assert look("DaemonSet") == []


@pytest.mark.parametrize("where", ["initContainerStatuses", "containerStatuses"])
@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("ImagePullBackOff", 'Back-off pulling image "i"'),
        ("ErrImageNeverPull", 'Container image "i" is not present with pull policy of Never'),
        ("InvalidImageName", 'Failed to apply default image tag "A:B:C"'),
        ("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
        ("RunContainerError", "exec: no such file"),
    ],
)
def test_a_container_that_can_never_start_is_not_waited_for(
    look: Look, objects: Objects, where: str, reason: str, message: str
) -> None:
    """The error has the node's words, says whose pod it is and how many are wanted; init containers count too."""
    waiting = {"reason": reason, "message": message}
    starting(objects)["status"][where] = [objects.container("c", waiting=waiting)]
    with pytest.raises(errors.PodError) as caught:
        look("DaemonSet")

    expected = f"pod p, container c: {reason}: daemonset/w in n is to have 1 ready pod"
    assert caught.value.what.splitlines() == [expected, message]
    assert caught.value.more == "kubectl --namespace n describe pod p"


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("CreateContainerConfigError", 'secret "db" not found'),
        ("CreateContainerConfigError", 'configmap "settings" not found'),
        ("CreateContainerConfigError", "couldn't find key password in Secret n/db"),
    ],
)
def test_a_container_that_waits_for_what_others_may_write_is_told_and_waited_for(
    look: Look, objects: Objects, reason: str, message: str
) -> None:
    """A Secret may be written by a controller that is not done yet."""
    starting(objects, containerStatuses=[objects.container(waiting={"reason": reason, "message": message})])

    assert look("DaemonSet") == [f"daemonset/w in n: container main of a pod waits: {message}"]


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_container_that_is_on_its_way_is_no_news(look: Look, objects: Objects, reason: str) -> None:
    """Nothing has failed yet."""
    starting(objects, containerStatuses=[objects.container(waiting={"reason": reason, "message": "m"})])

    assert look("DaemonSet") == []


def test_a_pull_that_failed_is_told_and_tried_again(look: Look, objects: Objects) -> None:
    """The kubelet may take half a minute to call it hopeless."""
    starting(objects, containerStatuses=[objects.container(waiting={"reason": "ErrImagePull", "message": "no such"})])

    assert look("DaemonSet") == ["daemonset/w in n: container main of a pod has no image: no such"]


def test_a_container_that_ended_is_told_before_the_kubelet_calls_it_a_crash_loop(
    look: Look, objects: Objects, pretend: Callable[[str, str], Path]
) -> None:
    """For the whole back-off it may say no more than that it ended; the log is the present one's then."""
    pretend("kubectl", 'case "$*" in *"logs p --container c --tail=15") echo "no file" ;; esac')
    ended = {"exitCode": 3, "reason": "Error"}
    pod = starting(objects, "StatefulSet", containerStatuses=[objects.container("c", restarts=1, terminated=ended)])

    assert look("StatefulSet") == ["statefulset/w in n: container c of a pod ended, and is started again"]
    pod["status"]["containerStatuses"] = [objects.container("c", restarts=2, terminated=ended)]
    with pytest.raises(errors.PodError) as caught:
        look("StatefulSet")
    assert [line.strip() for line in caught.value.what.splitlines()[1:]] == [
        "it has ended 3 times; its log ends with",
        "no file",
    ]


@pytest.mark.parametrize(
    ("code", "spec", "phase"),
    [
        pytest.param(0, {"initContainers": [{"name": "c", "image": "i"}]}, "Pending", id="an init container is done"),
        pytest.param(0, {"restartPolicy": "OnFailure"}, "Running", id="it may end"),
        pytest.param(3, {"restartPolicy": "Never"}, "Running", id="it is not started again"),
        pytest.param(143, {}, "Failed", id="its node put the pod out"),
    ],
)
def test_a_container_that_ended_as_it_may_is_no_news(
    look: Look, objects: Objects, code: int, spec: Body, phase: str
) -> None:
    """However often it was started before."""
    ended = objects.container("c", restarts=5, terminated={"exitCode": code, "reason": "Error"})
    pod = starting(objects, containerStatuses=[ended])
    pod["spec"] = pod["spec"] | spec
    pod["status"]["phase"] = phase

    assert look("DaemonSet") == []


@pytest.mark.parametrize("where", ["initContainerStatuses", "containerStatuses"])
def test_a_crash_loop_is_told_with_the_last_words_before_the_crash(
    look: Look, objects: Objects, pretend: Callable[[str, str], Path], where: str
) -> None:
    """After the second end: how often it ended, and its log. The first may have been for want of another."""
    pretend(
        "kubectl", 'case "$*" in *"--namespace n logs p --container c --tail=15 --previous") echo "no file" ;; esac'
    )
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off"}
    pod = starting(objects, "StatefulSet", **{where: [objects.container("c", restarts=1, waiting=waiting)]})

    assert look("StatefulSet") == ["statefulset/w in n: container c of a pod ended, and is started again"]
    pod["status"][where] = [objects.container("c", restarts=2, waiting=waiting)]
    with pytest.raises(errors.PodError) as caught:
        look("StatefulSet")
    first, *rest = caught.value.what.splitlines()
    assert first == "pod p, container c: CrashLoopBackOff: statefulset/w in n is to have 1 ready pod"
    assert [line.strip() for line in rest] == ["it has ended 2 times; its log ends with", "no file"]


def unschedulable(message: str) -> Body:
    """Return what the scheduler says of a pod for which it has no node."""
    return {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}


def test_a_port_that_another_has_is_not_waited_for(look: Look, objects: Objects) -> None:
    """Unless the other is a pod of the release itself that is about to go."""
    message = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
    pod = starting(objects)
    pod["status"]["conditions"] = [unschedulable(message)]
    with pytest.raises(errors.PortTakenError, match="daemonset/w in n is to have 1 ready pod"):
        look("DaemonSet")

    owner = {"metadata": {"name": "w", "uid": "DaemonSet-n-w"}}
    objects.pod("old", owner=owner, metadata={"deletionTimestamp": objects.at()})
    assert look("DaemonSet") == [f"daemonset/w in n: no node takes a pod: {message}"]


@pytest.mark.parametrize(
    "message",
    [
        "0/1 nodes are available: 1 Insufficient memory.",
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
    ],
)
def test_a_pod_for_which_there_is_no_node_is_told_and_waited_for(look: Look, objects: Objects, message: str) -> None:
    """A node may be added, a volume be bound."""
    pod = starting(objects, "StatefulSet")
    pod["status"]["conditions"] = [unschedulable(message)]

    assert look("StatefulSet") == [f"statefulset/w in n: no node takes a pod: {message}"]


def failing(objects: Objects, name: str, owner: Body | None = None) -> Body:
    """Let there be a pod whose container has ended with exit code 3."""
    ended = objects.container(terminated={"exitCode": 3, "reason": "Error"})
    return objects.pod(name, owner=owner, phase="Failed", conditions=[], containerStatuses=[ended])


LOG = 'case "$*" in *"--namespace n logs {} --container main --tail=15") echo "no table" ;; esac'


def test_a_job_that_failed_is_told_with_the_log_of_its_last_pod(
    look: Look, objects: Objects, pretend: Callable[[str, str], Path]
) -> None:
    """Its own reason first; then the container that ended, with which exit code, and what it said last."""
    pretend("kubectl", LOG.format("p2"))
    said = {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}
    job = objects.job(active=0, failed=2, conditions=[{"type": "Failed", "status": "True", **said}])
    failing(objects, "p1", job)
    failing(objects, "p2", job)
    with pytest.raises(errors.PodError) as caught:
        look("Job")

    assert [line.strip() for line in caught.value.what.splitlines()] == [
        "job/w in n has failed: BackoffLimitExceeded: Job has reached the specified backoff limit",
        "expected: it ends with exit code 0, or goes on and is ready",
        "pod p2, container main, ended with exit code 3; its log ends with",
        "no table",
    ]
    assert caught.value.more == "kubectl --namespace n describe job w"


def test_a_job_that_tries_again_is_told_and_waited_for(look: Look, objects: Objects) -> None:
    """Its author says how often it may fail, by its pods as by the containers in one."""
    job = objects.job(failed=2)
    failing(objects, "p1", job)
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off"}
    objects.pod("p2", owner=job, containerStatuses=[objects.container(restarts=5, waiting=waiting)])

    assert look("Job") == [
        "job/w in n has failed 2 times and tries again (backoffLimit 6)",
        "job/w in n: container main of a pod ended, and is started again",
    ]


def test_a_pod_of_its_own_that_failed_is_told_with_its_log(
    look: Look, objects: Objects, pretend: Callable[[str, str], Path]
) -> None:
    """Nobody starts it again."""
    pretend("kubectl", LOG.format("w"))
    failing(objects, "w")
    with pytest.raises(errors.PodError) as caught:
        look("Pod")

    assert caught.value.what.startswith("pod/w in n has failed\n")
    assert caught.value.what.endswith("ended with exit code 3; its log ends with\n    no table")


def test_a_pod_that_was_put_out_is_told_with_the_nodes_reason(look: Look, objects: Objects) -> None:
    """No container has to have failed."""
    objects.pod("w", phase="Failed", reason="Evicted", message="The node was low on memory", containerStatuses=[])
    with pytest.raises(errors.PodError, match="pod w: Evicted: The node was low on memory"):
        look("Pod")


def test_what_is_whole_is_not_looked_at(look: Look, objects: Objects, kubernetes: Kubernetes) -> None:
    """A pod that runs may have been started again often; and no event is asked for."""
    daemonset = objects.daemonset()
    waiting = {"reason": "CrashLoopBackOff"}
    objects.pod(owner=daemonset, containerStatuses=[objects.container(restarts=9, waiting=waiting)])

    assert look("DaemonSet") == []
    assert [path.rpartition("/")[2] for path, _ in kubernetes.asked] == ["daemonsets", "pods"]


def test_what_a_cronjob_makes_is_not_looked_at(look: Look, objects: Objects) -> None:
    """It is made later, when it is time, and not to bring up the release."""
    template: Body = {"spec": {"template": {}}}
    cronjob = objects.put("CronJob", "w", {"spec": {"schedule": "0 0 * * *", "jobTemplate": template}})
    failing(objects, "p", objects.job("w-1", owner=cronjob, conditions=[{"type": "Failed", "status": "True"}]))

    assert look("CronJob") == []


def test_what_holds_up_is_told_once_when_it_has_stood_for_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What passes at once is no news, nor is what comes back; something else is."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    settled = limits.SETTLED_SECONDS
    notice = hopeless.Notice()
    told: list[list[str]] = []
    with caplog.at_level("INFO", logger="workstream"):
        for seconds, waits in [
            (0, ["no node"]),
            (settled - 0.1, []),
            (settled, ["no node", "quota"]),
            (2 * settled - 0.1, ["no node", "quota"]),
            (2 * settled, ["no node", "quota"]),
            (100, ["quota"]),
            (101, ["no node", "a webhook"]),
            (101 + settled, ["no node", "a webhook"]),
        ]:
            now[0] = seconds
            notice.take(waits)
            told.append([record.getMessage().split(maxsplit=1)[1] for record in caplog.records])
            assert notice.waits == waits

    assert [len(lines) for lines in told] == [0, 0, 0, 0, 1, 1, 1, 2]
    assert told[-1] == ["no node; quota", "a webhook"]


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_volume_that_cannot_be_mounted_yet_is_told_and_waited_for(look: Look, objects: Objects, reason: str) -> None:
    """Only events tell, the last one counts, and those of other pods do not; somebody may still write the Secret."""
    containers = [objects.container(name, waiting={"reason": reason}) for name in ("main", "beside")]
    pod = starting(objects, containerStatuses=containers)
    assert look("DaemonSet") == []
    objects.event(pod, "Pod", "MountVolume.SetUp failed: no disk", reason="FailedMount", lastTimestamp=objects.at(-30))
    objects.event(pod, "Pod", 'MountVolume.SetUp failed: secret "s"\n not found', reason="FailedMount")
    objects.event(pod, "Pod", "something else", reason="Unhealthy", lastTimestamp=objects.at(5))
    objects.event(objects.pod("other"), "Pod", "of another", reason="FailedMount", lastTimestamp=objects.at(9))

    told = 'daemonset/w in n: a pod waits: FailedMount: MountVolume.SetUp failed: secret "s" not found'
    assert look("DaemonSet") == [told]


def test_what_changes_in_a_message_each_time_is_left_out(look: Look, objects: Objects) -> None:
    """The same trouble is the same sentence, and is told once."""
    pod = starting(objects, containerStatuses=[objects.container(waiting={"reason": "ContainerCreating"})])
    objects.event(pod, "Pod", f'sandbox "{"0f" * 32}": no IP addresses', reason="FailedCreatePodSandBox")

    assert look("DaemonSet") == ['daemonset/w in n: a pod waits: FailedCreatePodSandBox: sandbox "…": no IP addresses']


@pytest.mark.parametrize(("lack", "told"), [("disk", "its disk is full"), ("memory", "its memory is short")])
def test_a_node_that_runs_out_of_something_is_told_in_words(look: Look, objects: Objects, lack: str, told: str) -> None:
    """The scheduler speaks of taints; with kind it is the machine's own disk that is full."""
    message = f"0/3 nodes are available: 3 node(s) had untolerated taint {{node.kubernetes.io/{lack}-pressure: }}."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    starting(objects, containerStatuses=[])["status"]["conditions"] = [condition]
    (line,) = look("DaemonSet")

    assert line.endswith(f"pressure: }}. (a node says that {told})")


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_pods_that_stay_old_by_the_charts_will_are_told(reachable: Cluster, objects: Objects, kind: str) -> None:
    """A workload that is whole although some of its pods are not new says so; one whose pods are all new does not."""
    strategy = {"updateStrategy": {"type": "OnDelete"}}
    for name, new in (("w", 1), ("x", 2)):
        if kind == "DaemonSet":
            made = objects.daemonset(name, desiredNumberScheduled=2, updatedNumberScheduled=new)
            made["spec"] = {**made["spec"], **strategy}
        else:
            objects.replicated(kind, name, replicas=2, spec=strategy, status={"updatedReplicas": new})
    present = workloads.find(reachable, [Name(kind, "n", "w"), Name(kind, "n", "x")])
    (line,) = hopeless.kept_old(present)

    assert line.startswith(f"{kind.lower()}/w in n: 1 pods stay of a former form")


def test_a_container_that_takes_too_much_memory_is_told_so(
    look: Look, objects: Objects, pretend: Callable[[str, str], Path]
) -> None:
    """Its log says nothing of it: it is killed in the middle of a line."""
    pretend("kubectl", "exit 1")
    crashed = objects.container("c", restarts=2, waiting={"reason": "CrashLoopBackOff", "message": "back-off"})
    crashed["lastState"] = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    starting(objects, containerStatuses=[crashed])

    with pytest.raises(errors.PodError, match="it has ended 2 times, last because it took more memory than its limit"):
        look("DaemonSet")
