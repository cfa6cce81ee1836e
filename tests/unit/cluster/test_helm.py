from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from workstream import errors
from workstream.cluster import diagnose, helm, images

if TYPE_CHECKING:
    from collections.abc import Callable

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
