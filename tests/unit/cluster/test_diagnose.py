from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from workstream.cluster import diagnose

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cluster.conftest import Kubernetes, Objects

    from workstream.cluster.access import Cluster

# Says how it was called, which is then what is found in the files; knows no pod that is called gone.
KUBECTL = """
echo "$@" >> LOG
case "$*" in
    *" logs gone "*) echo 'Error: pod not found' >&2; exit 1 ;;
    *"--output json") cat "OBJECTS" 2>/dev/null || echo '{"items": []}' ;;
    *) echo "$@" ;;
esac
"""


@pytest.fixture
def calls(pretend: Callable[[str, str], Path], tmp_path: Path) -> Path:
    """Give the file in which the pretended kubectl writes how it was called."""
    pretend("kubectl", KUBECTL.replace("LOG", str(tmp_path / "calls")).replace("OBJECTS", str(tmp_path / "objects")))
    return tmp_path / "calls"


def pod(name: str, namespace: str, *, restarts: int = 0) -> dict[str, Any]:
    """Return a pod of one container, as the API server tells it."""
    state: dict[str, Any] = {"running": {}}
    status = {"name": "main", "restartCount": restarts, "state": state, "image": "i", "imageID": "i", "ready": False}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "main", "image": "i"}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


def event(namespace: str) -> dict[str, Any]:
    """Return an event, as the API server tells it."""
    happened = {"creationTimestamp": "2026-01-01T00:00:00Z", "name": "e", "namespace": namespace}
    involved = {"kind": "DaemonSet", "name": "d", "namespace": namespace}
    return {"metadata": happened, "involvedObject": involved, "type": "Warning", "reason": "R", "message": "why"}


def files(folder: Path) -> list[str]:
    """Return the files of a folder, with those of the folders in it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.usefixtures("calls")
def test_of_our_cluster_everything_is_kept_but_kubernetes_own(
    reachable: Cluster, kubernetes: Kubernetes, tmp_path: Path
) -> None:
    """Nodes, events and pods; for each namespace its objects and its pods' logs, also those before a restart.

    A namespace whose pods are refused has only events.
    """
    found = [pod("a", "one"), pod("b", "two", restarts=1), pod("c", "kube-system")]
    kubernetes.answers["/api/v1/pods"] = found
    kubernetes.answers["/api/v1/events"] = [event("three"), event("kube-system")]
    folder = tmp_path / "kept" / "test"
    diagnose.collect(reachable, folder)

    in_every_namespace = ["objects.yaml"]
    assert files(folder) == [
        "events.txt",
        "nodes.txt",
        *(f"one/{name}" for name in ["a.main.log", *in_every_namespace]),
        "pods.txt",
        *(f"three/{name}" for name in in_every_namespace),
        *(f"two/{name}" for name in ["b.main.log", "b.main.previous.log", *in_every_namespace]),
    ]
    assert "2026-01-01T00:00:00Z three Warning R daemonset/d x1: why\n" in (folder / "events.txt").read_text()
    assert (folder / "nodes.txt").read_text() == "--context testing describe nodes\n"
    assert " get pods --all-namespaces " in (folder / "pods.txt").read_text()
    assert (
        " --namespace two logs b --container main --timestamps --previous\n"
        in (folder / "two/b.main.previous.log").read_text()
    )


def test_of_a_cluster_of_others_only_the_runs_own_namespace_is_looked_at(
    reachable: Cluster, kubernetes: Kubernetes, calls: Path, tmp_path: Path
) -> None:
    """Whatever else is there is other people's: neither kubectl nor the API is asked for it."""
    kubernetes.answers["/api/v1/pods"] = [pod("secret", "theirs")]
    kubernetes.answers["/api/v1/namespaces/own/pods"] = [pod("a", "own")]
    kubernetes.answers["/api/v1/namespaces/own/events"] = [event("own")]
    diagnose.collect(replace(reachable, ours=False, namespace="own"), tmp_path / "kept")

    assert {path for path, _ in kubernetes.asked} == {f"/api/v1/namespaces/own/{kind}" for kind in ("events", "pods")}
    asked = [line.removeprefix("--context testing ") for line in calls.read_text().splitlines()]
    assert asked[0] == "get nodes --output wide"
    assert all("--namespace own" in line and "--all-namespaces" not in line for line in asked[1:])
    assert files(tmp_path / "kept") == [
        *("events.txt", "nodes.txt"),
        *("own/a.main.log", "own/objects.yaml"),
        "pods.txt",
    ]


@pytest.mark.usefixtures("calls")
def test_logs_of_init_containers_are_kept(reachable: Cluster, kubernetes: Kubernetes, tmp_path: Path) -> None:
    """Also those before a restart: a pod whose init container fails has no other logs."""
    found = pod("a", "one")
    (main,) = found["status"]["containerStatuses"]
    found["status"]["initContainerStatuses"] = [{**main, "name": "first", "restartCount": 2}]
    kubernetes.answers["/api/v1/pods"] = [found]
    diagnose.collect(reachable, tmp_path / "kept")

    logs = [name for name in files(tmp_path / "kept" / "one") if name.endswith(".log")]
    assert logs == ["a.first.log", "a.first.previous.log", "a.main.log"]
    assert " logs a --container first " in (tmp_path / "kept/one/a.first.log").read_text()


def test_secrets_are_never_kept(reachable: Cluster, kubernetes: Kubernetes, calls: Path, tmp_path: Path) -> None:
    """The objects of a namespace are asked for by their kinds, and that of secrets is not among them."""
    kubernetes.answers["/api/v1/pods"] = [pod("a", "one")]
    diagnose.collect(reachable, tmp_path / "kept")

    assert "configmaps" in calls.read_text()
    assert "secret" not in calls.read_text()
    assert " get all " not in calls.read_text()


def test_values_of_variables_are_left_out_and_what_helm_keeps_of_a_release(
    reachable: Cluster, kubernetes: Kubernetes, calls: Path, tmp_path: Path
) -> None:
    """In whatever object a container is described, in what was applied too; where a value comes from stays."""
    reference = {"name": "B", "valueFrom": {"secretKeyRef": {"name": "login", "key": "user"}}}
    container = {"name": "main", "args": ["--verbose"], "env": [{"name": "A", "value": "s3cret"}, reference]}
    pod_spec = {"containers": [container], "initContainers": [container]}
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "s3cret", "mine": "kept"}
    metadata = {"name": "a", "namespace": "one", "annotations": applied, "managedFields": [{"manager": "m"}]}
    of_helm = {"name": "sh.helm.release.v1.r.v1", "namespace": "one", "labels": {"owner": "helm"}}
    items = [
        {"kind": "Pod", "metadata": metadata, "spec": pod_spec},
        {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": pod_spec}}},
        {"kind": "ConfigMap", "metadata": of_helm, "data": {"release": "s3cret"}},
        {"kind": "ConfigMap", "metadata": {"name": "mine"}, "data": {"key": "known"}},
    ]
    (tmp_path / "objects").write_text(json.dumps({"items": items}))
    kubernetes.answers["/api/v1/pods"] = [pod("a", "one")]
    diagnose.collect(reachable, tmp_path / "kept")

    text = (tmp_path / "kept/one/objects.yaml").read_text()
    assert "s3cret" not in text
    assert "manager" not in text
    kept = list(yaml.safe_load_all(text))
    assert [one["metadata"]["name"] for one in kept] == ["a", "d", "sh.helm.release.v1.r.v1", "mine"]
    assert kept[0]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "(left out)"}, reference]
    assert kept[0]["spec"]["containers"][0]["args"] == ["--verbose"]
    assert kept[0]["metadata"]["annotations"] == {"mine": "kept"}
    assert kept[3]["data"] == {"key": "known"}
    assert "describe pods" not in calls.read_text()


def test_what_cannot_be_had_is_told_and_everything_else_is_kept(
    reachable: Cluster, kubernetes: Kubernetes, calls: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A pod that is gone meanwhile leaves no file that looks like an empty log."""
    del calls
    kubernetes.answers["/api/v1/pods"] = [pod("gone", "one"), pod("later", "one")]
    with caplog.at_level("INFO", logger="workstream"):
        diagnose.collect(reachable, tmp_path / "kept")

    assert "gone.main.log cannot be had:     Error: pod not found" in caplog.text
    assert [name for name in files(tmp_path / "kept") if name.endswith(".log")] == ["one/later.main.log"]


@pytest.mark.usefixtures("calls")
def test_an_api_server_that_refuses_hides_no_failure(
    reachable: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is being explained must not be hidden by another error: that is told, and what kubectl said is kept."""
    with caplog.at_level("INFO", logger="workstream"):
        diagnose.collect(reachable, tmp_path / "kept")

    assert "no pods can be listed: (404)" in caplog.text
    assert "no events can be listed: (404)" in caplog.text
    assert files(tmp_path / "kept") == ["events.txt", "nodes.txt", "pods.txt"]


LISTED = '{"items": [{"kind": "Pod", "metadata": {"name": "a"}}]}'


def test_what_an_account_may_not_see_is_told_once_and_what_it_may_is_kept(
    reachable: Cluster,
    kubernetes: Kubernetes,
    pretend: Callable[[str, str], Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of several kinds of which one is forbidden, kubectl ends with an error, and tells the others."""
    forbidden = 'jobs.batch is forbidden: User "someone" cannot list resource "jobs" in API group "batch"'
    refusing = f"echo 'Error from server (Forbidden): {forbidden}' >&2; exit 1"
    listing = f"echo '{LISTED}'"
    pretend("kubectl", f'case "$*" in *" get pods,"*) {listing}; {refusing} ;; *nodes*) {refusing} ;; esac')
    kubernetes.forbid("/api/v1/namespaces/own/events", "events")
    kubernetes.answers["/api/v1/namespaces/own/pods"] = [pod("a", "own")]
    theirs = replace(reachable, ours=False, namespace="own")
    with caplog.at_level("INFO", logger="workstream"):
        for name in ("first", "second"):
            diagnose.collect(theirs, tmp_path / name)

    assert (tmp_path / "first" / "own" / "objects.yaml").read_text() == "kind: Pod\nmetadata:\n  name: a\n"
    assert not (tmp_path / "first" / "nodes.txt").exists()
    told = [line for line in caplog.messages if "cannot be" in line]
    assert [line.split()[1] for line in told] == ["jobs.batch", "events"]


def test_the_state_at_the_end_is_pods_and_the_last_events(
    reachable: Cluster, objects: Objects, pretend: Callable[[str, str], Path]
) -> None:
    """Of every namespace that is asked for, the last event last, whichever of its times it has."""
    pretend("kubectl", 'case "$*" in *"--namespace n get pods --output wide") echo "p Pending" ;; esac')
    about = objects.pod()
    old = {"lastTimestamp": objects.at(-900), "metadata": {"creationTimestamp": objects.at(-900)}}
    scheduled = {"lastTimestamp": None, "eventTime": f"{objects.at(-20)[:-1]}.000001Z", "reason": "FailedScheduling"}
    series = {"count": 7, "lastObservedTime": f"{objects.at(-10)[:-1]}.000001Z"}
    objects.event(about, "Pod", "third", **scheduled, metadata={"creationTimestamp": objects.at(-35)})
    objects.event(about, "Pod", "last", **old, series=series)
    objects.event(about, "Pod", "second", lastTimestamp=objects.at(-30), count=3)
    objects.event(about, "Pod", "first\n of all", lastTimestamp=objects.at(-40))
    for number in range(10):
        objects.event(about, "Pod", f"older {number}", lastTimestamp=objects.at(-100 - number))
    objects.event({"metadata": {**about["metadata"], "namespace": "o"}}, "Pod", "elsewhere")

    pods, *told = [line.strip() for line in diagnose.state(reachable, "n", "o").splitlines() if line.strip()]
    assert pods == "p Pending"
    assert [line.partition(": ")[2] for line in told[-5:]] == ["first of all", "second", "third", "last", "elsewhere"]
    assert told[-4].endswith("n Warning FailedCreate pod/p x3: second")
    assert told[-2].endswith("n Warning FailedCreate pod/p x7: last")
    assert len(told) == 10 + 1


def test_what_cannot_be_had_of_the_state_hides_nothing(reachable: Cluster, pretend: Callable[[str, str], Path]) -> None:
    """It is the end of a message about something else."""
    pretend("kubectl", "echo 'p Pending'; exit 1")

    assert diagnose.state(reachable, "n").splitlines() == ["    p Pending", "    no events can be listed: (404)"]


def test_what_is_not_ready_is_said_in_a_line(reachable: Cluster, objects: Objects, kubernetes: Kubernetes) -> None:
    """Each pod with its reason, but those of Kubernetes itself, and those that are ready or have done their work."""
    waiting = objects.container(waiting={"reason": "ImagePullBackOff"})
    creating = {"type": "Ready", "status": "False"}
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    objects.pod("ready")
    objects.pod("done", phase="Succeeded", conditions=[])
    objects.pod("a", phase="Pending", conditions=[creating], containerStatuses=[{**waiting, "ready": False}])
    objects.pod("b", phase="Pending", conditions=[unscheduled], containerStatuses=[])
    objects.pod("c", conditions=[creating], containerStatuses=[{**objects.container(), "ready": False}])
    objects.pod("d", metadata={"deletionTimestamp": objects.at()})
    objects.pod("e", phase="Failed", conditions=[], containerStatuses=[])
    objects.pod("f", metadata={"namespace": "o"}, phase="Pending", conditions=[], containerStatuses=[])
    pods = [*kubernetes.answers["/api/v1/namespaces/n/pods"], *kubernetes.answers["/api/v1/namespaces/o/pods"]]
    pods.append({**pods[2], "metadata": {**pods[2]["metadata"], "namespace": "kube-system"}})
    kubernetes.answers["/api/v1/pods"] = pods

    assert diagnose.unready(reachable) == [
        "not ready: n/a (ImagePullBackOff), n/b (Unschedulable), n/c (Running), and 3 more"
    ]
    kubernetes.answers["/api/v1/pods"] = pods[-3:-1]
    assert diagnose.unready(reachable) == ["not ready: n/e (Failed), o/f (Pending)"]
    assert diagnose.unready(replace(reachable, ours=False)) == []
    kubernetes.answers["/api/v1/pods"] = pods[:2]
    assert diagnose.unready(reachable) == []
