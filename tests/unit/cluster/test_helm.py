from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from workstream import errors, limits
from workstream.cluster import diagnose, helm, images

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cluster.conftest import Kubernetes

    from workstream.cluster.access import Cluster

RELEASE = helm.Release("r", "n", Path("charts/c"))


def daemonset(**status: int) -> dict[str, Any]:
    """Return a DaemonSet of generation 2 with a status."""
    return {"kind": "DaemonSet", "metadata": {"generation": 2}, "spec": {}, "status": status}


WHOLE = {
    "observedGeneration": 2,
    "desiredNumberScheduled": 2,
    "currentNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberReady": 2,
}


@pytest.mark.parametrize(
    ("changed", "whole"),
    [
        ({}, True),
        ({"observedGeneration": 1}, False),
        ({"numberReady": 1}, False),
        ({"updatedNumberScheduled": 1}, False),
        ({"numberMisscheduled": 1}, False),
    ],
)
def test_a_daemonset_is_whole_when_its_controller_saw_it_and_every_pod_is_new_and_ready(
    changed: dict[str, int],
    whole: bool,  # noqa: FBT001 - a table
) -> None:
    """A DaemonSet whose controller has not acted yet, or of which a pod is old or not ready, is not whole."""
    assert helm._is_whole(daemonset(**{**WHOLE, **changed})) is whole  # noqa: SLF001 - the rule itself


def test_a_daemonset_without_a_status_is_not_whole() -> None:
    """Zero of zero, before the controller has looked, is not whole."""
    assert not helm._is_whole(daemonset())  # noqa: SLF001 - the rule itself


def test_a_chart_that_does_not_render_is_told_with_helms_words(pretend: Callable[[str, str], Path]) -> None:
    """The error carries what Helm said."""
    pretend("helm", "echo 'Error: values do not meet the schema' >&2; exit 1")
    with pytest.raises(errors.ChartError, match="values do not meet the schema") as caught:
        helm.template(helm.Release("r", "n", Path.cwd() / "charts" / "c"), {"no": "such value"})

    assert caught.value.more == "helm template r charts/c --namespace n"


def pod(reason: str, restarts: int = 0) -> SimpleNamespace:
    """Return a pod one of whose containers waits."""
    state = SimpleNamespace(waiting=SimpleNamespace(reason=reason, message="because"))
    status = SimpleNamespace(name="main", state=state, restart_count=restarts)
    return SimpleNamespace(
        metadata=SimpleNamespace(name="p"),
        status=SimpleNamespace(conditions=None, init_container_statuses=None, container_statuses=[status]),
    )


def unschedulable(message: str) -> SimpleNamespace:
    """Return a pod that finds no node."""
    condition = SimpleNamespace(reason="Unschedulable", message=message)
    status = SimpleNamespace(conditions=[condition], init_container_statuses=None, container_statuses=None)
    return SimpleNamespace(metadata=SimpleNamespace(name="p"), status=status)


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (pod("ContainerCreating"), None),
        (pod("ErrImagePull"), None),
        (pod("ImagePullBackOff"), errors.PodError),
        (pod("CrashLoopBackOff", restarts=1), None),
        (pod("CrashLoopBackOff", restarts=2), errors.PodError),
        (unschedulable("0/2 nodes are available: insufficient memory"), None),
        (unschedulable("2 node(s) didn't have free ports"), errors.PortTakenError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_a_pod_cannot_leave_by_itself_is_hopeless(
    found: SimpleNamespace, error: type[errors.WorkstreamError] | None
) -> None:
    """A crash loop, an image that cannot be pulled and a taken port are hopeless; what may still come is not."""
    logs = SimpleNamespace(stdout="the last words")
    fake = SimpleNamespace(pods=lambda *_: [found], kubectl=lambda *_, **__: logs)
    seen = diagnose.hopeless(cast("Cluster", fake), "n", "app=x")

    assert (type(seen) if seen else None) is error
    assert seen is None or "p" in seen.what


# A helm that has installed a workload whose pods do not carry the release's label.
HELM = """
case "$*" in
    "get manifest"*) echo "{kind: Deployment, metadata: {name: w}, spec: {template: {metadata: {labels: {app: w}}}}}" ;;
    list*) echo '[{"revision": "3"}]' ;;
esac
"""


@pytest.fixture
def noticing(pretend: Callable[[str, str], Path]) -> SimpleNamespace:
    """A cluster with a whole release; `noticed` is what it was seen to run, `digest` what it runs."""
    pretend("helm", HELM)
    status = {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 1, "replicas": 1}
    listed = {"kind": "Deployment", "metadata": {"generation": 1}, "spec": {"replicas": 1}, "status": status}
    fake = SimpleNamespace(images=images.Images(), noticed=[], environment={}, digest="sha256:m")
    fake.notice = lambda name, value: fake.noticed.append((name, value))
    fake.kubectl = lambda *_: SimpleNamespace(stdout=json.dumps(listed))
    fake.pods = lambda _, selector: [labelled(fake.digest)] if selector == "app=w" else []
    return fake


def labelled(digest: str) -> SimpleNamespace:
    """Return a pod that runs a digest."""
    state = SimpleNamespace(waiting=None)
    status = SimpleNamespace(name="main", image_id=f"x@{digest}", state=state, restart_count=0)
    return SimpleNamespace(
        metadata=SimpleNamespace(name="p", namespace="n", uid="1", deletion_timestamp=None),
        spec=SimpleNamespace(init_containers=None, containers=[SimpleNamespace(name="main", image="queue:dev")]),
        status=SimpleNamespace(
            phase="Running", conditions=None, init_container_statuses=None, container_statuses=[status]
        ),
    )


def changed(how: str, fake: SimpleNamespace) -> int:
    """Install a release, or roll it back."""
    cluster = cast("Cluster", fake)
    return helm.rollback(cluster, RELEASE) if how == "rollback" else helm.install(cluster, RELEASE, {})


@pytest.mark.parametrize("how", ["install", "rollback"])
def test_what_a_releases_pods_run_is_noticed_once(noticing: SimpleNamespace, how: str) -> None:
    """Told when it is something new, by the name that the pods have for it."""
    assert [changed(how, noticing), changed(how, noticing)] == [3, 3]
    noticing.digest = "sha256:n"
    changed(how, noticing)

    told = "images that the pods of r run"
    assert noticing.noticed == [(told, {"queue:dev": "sha256:m"}), (told, {"queue:dev": "sha256:n"})]


@pytest.mark.parametrize("how", ["install", "rollback"])
def test_a_release_that_runs_another_content_than_was_brought_is_an_error(noticing: SimpleNamespace, how: str) -> None:
    """Whether or not the chart labels its pods as the release's; nothing of it is told as what is under test."""
    noticing.images.bring("queue:dev", ["sha256:new"])
    with pytest.raises(errors.ChartError, match="another content of queue:dev"):
        changed(how, noticing)

    assert noticing.noticed == []


# Says what it was called with, and given: a line each.
TELLING_HELM = """
echo "$@ KUBECONFIG=$KUBECONFIG HELM_KUBECONTEXT=$HELM_KUBECONTEXT" >> CALLS
case "$*" in *" --values -") cat >> CALLS ;; esac
case "$1" in
    get) cat MANIFEST ;;
    list) cat LISTED ;;
    template) printf -- '---\\n# only a comment\\n---\\nkind: A\\n---\\nkind: B\\n' ;;
esac
"""


@dataclass(frozen=True)
class Helm:
    """What helm answers, and was asked.

    Attributes:
        calls: the file of how it was called and what it was given, a line each.
        manifest: the file of what is installed.
        listed: the file of what `helm list` prints.

    """

    calls: Path
    manifest: Path
    listed: Path


@pytest.fixture
def telling(pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helm:
    """Give a helm that tells what it was asked, and has nothing installed."""
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.01)
    found = Helm(tmp_path / "calls", tmp_path / "manifest", tmp_path / "listed")
    found.manifest.touch()
    found.listed.write_text("[]")
    script = TELLING_HELM
    for name in ("calls", "manifest", "listed"):
        script = script.replace(name.upper(), str(getattr(found, name)))
    pretend("helm", script)
    return found


def plain_pod(**waiting_for: str) -> dict[str, Any]:
    """Return a pod as the API server tells it, which runs, or waits for something."""
    state = {"waiting": waiting_for} if waiting_for else {"running": {}}
    status = {"name": "main", "restartCount": 0, "state": state, "image": "i", "imageID": "", "ready": False}
    return {
        "metadata": {"name": "p", "namespace": "n", "uid": "1"},
        "spec": {"containers": [{"name": "main", "image": "i"}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


def test_a_chart_is_linted_strictly_with_the_values_that_are_given(telling: Helm) -> None:
    """Without values with none: those of a file that lies around do not count."""
    helm.lint(Path("charts/c"), {"a": 1})
    helm.lint(Path("charts/c"))
    lines = [line.partition(" KUBECONFIG")[0] for line in telling.calls.read_text().splitlines()]

    assert lines == ["lint --strict charts/c --values -", "a: 1", "lint --strict charts/c --values -", "{}"]


def test_a_chart_renders_objects_and_nothing_that_is_empty(telling: Helm) -> None:
    """A template that renders nothing leaves no object; no cluster is asked."""
    assert helm.template(RELEASE, {"a": 1}) == [{"kind": "A"}, {"kind": "B"}]
    assert telling.calls.read_text().splitlines()[1] == "a: 1"


def test_a_release_is_installed_into_the_cluster_that_is_meant_with_these_values_and_no_others(
    telling: Helm, reachable: Cluster, kubernetes: Kubernetes
) -> None:
    """Whatever values it had before are forgotten; what is no workload is not waited for."""
    kubernetes.answers["/api/v1/namespaces/n/pods"] = []
    telling.listed.write_text('[{"revision": "7"}]')
    telling.manifest.write_text("kind: ConfigMap\nmetadata: {name: c}\n")

    assert helm.install(reachable, RELEASE, {"a": 1}) == 7
    called, values, *_ = telling.calls.read_text().splitlines()
    assert called == (
        "upgrade --install r charts/c --namespace n --create-namespace --reset-values --values - "
        f"KUBECONFIG={reachable.kubeconfig} HELM_KUBECONTEXT=testing"
    )
    assert values == "a: 1"


def test_a_release_is_gone_when_none_of_its_pods_is_left(
    telling: Helm, reachable: Cluster, kubernetes: Kubernetes
) -> None:
    """Its pods are found by the label that charts give them; one that ends slowly is waited for."""
    answers = iter([[plain_pod()], [plain_pod()], []])
    kubernetes.answers["/api/v1/namespaces/n/pods"] = lambda: next(answers)
    helm.uninstall(reachable, RELEASE)

    assert telling.calls.read_text().startswith("uninstall r --namespace n --ignore-not-found ")
    asked = ("/api/v1/namespaces/n/pods", {"labelSelector": ["app.kubernetes.io/instance=r"]})
    assert kubernetes.asked == [asked] * 3


@pytest.mark.usefixtures("telling")
def test_a_pod_that_does_not_go_is_told_with_the_state_of_its_namespace(
    reachable: Cluster,
    kubernetes: Kubernetes,
    pretend: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says what was waited for, and shows what is left."""
    monkeypatch.setattr(limits, "RELEASE_UNINSTALL", limits.Limit("removal of a release", 0.05))
    kubernetes.answers["/api/v1/namespaces/n/pods"] = [plain_pod()]
    pretend("kubectl", 'case "$*" in *"--namespace n get pods"*) echo "p Terminating" ;; esac')
    with pytest.raises(errors.WaitError, match="no pod of r is left") as caught:
        helm.uninstall(reachable, RELEASE)

    assert "p Terminating" in caught.value.what


def test_a_release_whose_pods_cannot_start_is_not_waited_for(
    telling: Helm, reachable: Cluster, kubernetes: Kubernetes
) -> None:
    """The error is the pod's, and comes at once."""
    telling.manifest.write_text("kind: Deployment\nmetadata: {name: w}\n")
    kubernetes.answers["/api/v1/namespaces/n/pods"] = [plain_pod(reason="InvalidImageName", message="no name")]

    with pytest.raises(errors.PodError, match="InvalidImageName: no name"):
        helm.install(reachable, RELEASE, {})


def test_every_workload_of_a_release_is_waited_for(
    telling: Helm, reachable: Cluster, kubernetes: Kubernetes, pretend: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """All are asked for at once; one that is whole is not enough."""
    kubernetes.answers["/api/v1/namespaces/n/pods"] = []
    kinds = {"Deployment": "w", "StatefulSet": "s", "Service": "not waited for"}
    telling.manifest.write_text(yaml.safe_dump_all([{"kind": k, "metadata": {"name": n}} for k, n in kinds.items()]))
    for file, ready in (("first", 1), ("second", 2)):
        items = [daemonset(**WHOLE), replicated("StatefulSet", replicas=2, updated=2, ready=ready)]
        (tmp_path / file).write_text(json.dumps({"kind": "List", "items": items}))
    pretend("kubectl", f'echo "$@" >> {tmp_path}/asked; cat {tmp_path}/first; cp {tmp_path}/second {tmp_path}/first')
    helm.until_whole(reachable, RELEASE)

    asked = "--context testing --namespace n get deployment/w statefulset/s --output json"
    assert (tmp_path / "asked").read_text().splitlines() == [asked, asked]


def replicated(kind: str, *, replicas: int, updated: int, ready: int, wanted: int | None = 2) -> dict[str, Any]:
    """Return a workload of replicas, with a status that its controller has made of its newest form."""
    status = {"observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready}
    spec = {} if wanted is None else {"replicas": wanted}
    return {"kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("workload", "whole"),
    [
        (replicated("Deployment", replicas=2, updated=2, ready=2), True),
        (replicated("Deployment", replicas=2, updated=2, ready=1), False),
        (replicated("Deployment", replicas=3, updated=2, ready=2), False),
        (replicated("StatefulSet", replicas=2, updated=1, ready=2), False),
        (replicated("Deployment", replicas=1, updated=1, ready=1, wanted=None), True),
        (replicated("Deployment", replicas=0, updated=0, ready=0, wanted=0), True),
    ],
    ids=["all", "one is not ready", "an old one is left", "one is not new", "one unless said", "none"],
)
def test_replicas_are_whole_when_all_are_new_and_ready_and_no_old_one_is_left(
    workload: dict[str, Any],
    whole: bool,  # noqa: FBT001 - a table
) -> None:
    """As many as are wanted, no more and no fewer."""
    assert helm._is_whole(workload) is whole  # noqa: SLF001 - the rule itself


@pytest.mark.parametrize(("listed", "there"), [("[]", False), ('[{"name": "r", "status": "failed"}]', True)])
def test_a_release_that_failed_is_there(telling: Helm, reachable: Cluster, listed: str, there: bool) -> None:  # noqa: FBT001 - a table
    """Helm is asked for all states, in words that 3 and 4 know, and for that very name."""
    telling.listed.write_text(listed)

    assert helm.exists(reachable, RELEASE) is there
    states = "--deployed --failed --pending --superseded --uninstalled --uninstalling"
    assert f"list --namespace n --filter ^r$ --output json {states} " in telling.calls.read_text()
