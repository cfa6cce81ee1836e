from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from workstream import errors
from workstream.cluster import diagnose

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cluster.conftest import Kubernetes

    from workstream.cluster.access import Cluster

# Says how it was called, which is then what is found in the files; knows no pod that is called gone.
KUBECTL = """
echo "$@" >> LOG
case "$*" in *" logs gone "*) echo 'Error: pod not found' >&2; exit 1 ;; esac
echo "$@"
"""


@pytest.fixture
def calls(pretend: Callable[[str, str], Path], tmp_path: Path) -> Path:
    """Give the file in which the pretended kubectl writes how it was called."""
    pretend("kubectl", KUBECTL.replace("LOG", str(tmp_path / "calls")))
    return tmp_path / "calls"


def pod(name: str, namespace: str, *, restarts: int = 0, waiting: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a pod of one container, as the API server tells it."""
    state = {"waiting": waiting} if waiting else {"running": {}}
    status = {"name": "main", "restartCount": restarts, "state": state, "image": "i", "imageID": "i", "ready": False}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "main", "image": "i"}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


def files(folder: Path) -> list[str]:
    """Return the files of a folder, with those of the folders in it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.usefixtures("calls")
def test_of_our_cluster_everything_is_kept_but_kubernetes_own(
    reachable: Cluster, kubernetes: Kubernetes, tmp_path: Path
) -> None:
    """Nodes, events and pods; for each namespace its objects and its pods' logs, also those before a restart."""
    found = [pod("a", "one"), pod("b", "two", restarts=1), pod("c", "kube-system")]
    kubernetes.answers["/api/v1/pods"] = found
    folder = tmp_path / "kept" / "test"
    diagnose.collect(reachable, folder)

    in_every_namespace = ["describe.txt", "objects.yaml"]
    assert files(folder) == [
        "events.txt",
        "nodes.txt",
        *(f"one/{name}" for name in ["a.main.log", *in_every_namespace]),
        "pods.txt",
        *(f"two/{name}" for name in ["b.main.log", "b.main.previous.log", *in_every_namespace]),
    ]
    assert (folder / "nodes.txt").read_text() == "--context testing describe nodes\n"
    assert " get pods --all-namespaces " in (folder / "pods.txt").read_text()
    assert (
        " --namespace two logs b --container main --timestamps --previous\n"
        in (folder / "two/b.main.previous.log").read_text()
    )


def test_of_a_cluster_of_others_only_the_default_namespace_is_looked_at(
    reachable: Cluster, kubernetes: Kubernetes, calls: Path, tmp_path: Path
) -> None:
    """Whatever else is there is other people's: neither kubectl nor the API is asked for it."""
    kubernetes.answers["/api/v1/pods"] = [pod("secret", "theirs")]
    kubernetes.answers["/api/v1/namespaces/default/pods"] = [pod("a", "default")]
    diagnose.collect(replace(reachable, ours=False), tmp_path / "kept")

    assert {path for path, _ in kubernetes.asked} == {"/api/v1/namespaces/default/pods"}
    asked = [line.removeprefix("--context testing ") for line in calls.read_text().splitlines()]
    assert asked[0] == "get nodes --output wide"
    assert all("--namespace default" in line and "--all-namespaces" not in line for line in asked[1:])
    assert files(tmp_path / "kept") == [
        *("default/a.main.log", "default/describe.txt", "default/objects.yaml"),
        *("events.txt", "nodes.txt", "pods.txt"),
    ]


def test_secrets_are_never_kept(reachable: Cluster, kubernetes: Kubernetes, calls: Path, tmp_path: Path) -> None:
    """The objects of a namespace are asked for by their kinds, and that of secrets is not among them."""
    kubernetes.answers["/api/v1/pods"] = [pod("a", "one")]
    diagnose.collect(reachable, tmp_path / "kept")

    assert "configmaps" in calls.read_text()
    assert "secret" not in calls.read_text()
    assert " get all " not in calls.read_text()


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
    assert files(tmp_path / "kept") == ["events.txt", "nodes.txt", "pods.txt"]


def test_a_crash_loop_is_told_with_the_last_words_before_the_crash(
    reachable: Cluster, kubernetes: Kubernetes, pretend: Callable[[str, str], Path]
) -> None:
    """Of all pods that the selector finds, the first that cannot recover is told: how often it ended, and its log."""
    pretend("kubectl", 'case "$*" in *" logs p2 --container main "*" --previous") echo "no such file" ;; esac')
    looping = {"reason": "CrashLoopBackOff", "message": "back-off"}
    kubernetes.answers["/api/v1/namespaces/n/pods"] = [
        pod("p1", "n"),
        pod("p2", "n", restarts=3, waiting=looping),
    ]
    found = diagnose.hopeless(reachable, "n", "app=x")

    assert isinstance(found, errors.PodError)
    assert "pod p2, container main: CrashLoopBackOff: it has ended 3 times; its log ends with\n" in found.what
    assert found.what.endswith("no such file")
    assert found.more == "kubectl --namespace n describe pod p2"
    assert kubernetes.asked == [("/api/v1/namespaces/n/pods", {"labelSelector": ["app=x"]})]


def test_an_image_that_cannot_be_pulled_is_told_with_the_nodes_words(
    reachable: Cluster, kubernetes: Kubernetes
) -> None:
    """There is no log of what never started, and none is asked for."""
    refused = {"reason": "ImagePullBackOff", "message": "not found"}
    kubernetes.answers["/api/v1/namespaces/n/pods"] = [pod("p", "n", waiting=refused)]

    assert str(diagnose.hopeless(reachable, "n", "app=x")).startswith(
        "pod p, container main: ImagePullBackOff: not found\n"
    )


def test_the_state_at_the_end_is_pods_and_the_last_events(
    reachable: Cluster, pretend: Callable[[str, str], Path]
) -> None:
    """As people would look at them; where one cannot be had, the other is told all the same."""
    pretend("kubectl", 'case "$*" in *"get pods"*) echo refused >&2; exit 1;; *) seq 20;; esac')

    assert diagnose.state(reachable, "n").split() == [str(number) for number in range(11, 21)]
