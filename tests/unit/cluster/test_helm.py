from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from workstream import errors
from workstream.cluster import diagnose, helm

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
