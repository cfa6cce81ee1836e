from __future__ import annotations

import fcntl
import json
import re
from threading import Event
from typing import TYPE_CHECKING

import pytest

from workstream import errors, limits, processes
from workstream.cluster import namespaces

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cluster.conftest import Kubernetes

    from workstream.cluster.access import Cluster

ALL = "/api/v1/namespaces"


@pytest.fixture(autouse=True)
def _no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.01)


def there(kubernetes: Kubernetes) -> list[str]:
    """Return the names of the namespaces that the API server has."""
    return [
        path.removeprefix(f"{ALL}/")
        for path, answer in kubernetes.answers.items()
        if path.startswith(f"{ALL}/") and not callable(answer)
    ]


def test_a_run_has_a_namespace_of_its_own_and_leaves_none(reachable: Cluster, kubernetes: Kubernetes) -> None:
    """Its name is nobody else's, a label tells people whose it is, and at the end it is waited for until it is gone."""
    kubernetes.lingers = 3
    names = []
    for _ in range(2):
        with namespaces.own(reachable) as name:
            names.append(name)
            assert there(kubernetes) == [name]
            assert kubernetes.answers[f"{ALL}/{name}"]["metadata"]["labels"] == {namespaces.LABEL: name}
        assert there(kubernetes) == []
        assert kubernetes.answer(f"{ALL}/{name}")[0] == 404

    assert all(re.fullmatch(r"workstream-[0-9a-f]{10}", name) for name in names)
    assert names[0] != names[1]


@pytest.mark.parametrize("how", ["failure", "interrupt"])
def test_it_goes_too_when_the_run_ends_early(
    reachable: Cluster, kubernetes: Kubernetes, own_cache: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Also when no program may be started any more, and what was noted of it for later runs goes with it."""
    if how == "interrupt":
        cancelled = Event()
        cancelled.set()
        monkeypatch.setattr(processes, "_cancelled", cancelled)
    with pytest.raises(KeyboardInterrupt), namespaces.own(reachable):
        raise KeyboardInterrupt

    assert there(kubernetes) == []
    assert list((own_cache / "namespaces").iterdir()) == []


def left(kubernetes: Kubernetes, own_cache: Path, *, context: str = "testing", label: str = "workstream-0a") -> Path:
    """Let a killed run have left the namespace `workstream-0a`; return the file that it noted it in."""
    body = {"metadata": {"name": "workstream-0a", "labels": {namespaces.LABEL: label}}}
    kubernetes.answers[f"{ALL}/workstream-0a"] = body
    record = own_cache / "namespaces" / "workstream-0a"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"context": context}))
    return record


def test_what_a_killed_run_left_is_named_and_removed(
    reachable: Cluster, kubernetes: Kubernetes, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next run from the same machine does it."""
    record = left(kubernetes, own_cache)
    with caplog.at_level("INFO", logger="workstream"), namespaces.own(reachable) as name:
        assert there(kubernetes) == [name]

    assert "namespace workstream-0a was left by a run from this machine that was killed" in caplog.text
    assert not record.exists()


@pytest.mark.parametrize("why", ["another cluster", "not ours", "in use"])
def test_what_is_not_surely_left_by_a_killed_run_stays(
    reachable: Cluster, kubernetes: Kubernetes, own_cache: Path, why: str
) -> None:
    """It is on a cluster of another name, somebody else made it, or its run still goes on."""
    context = "elsewhere" if why == "another cluster" else "testing"
    label = "theirs" if why == "not ours" else "workstream-0a"
    with left(kubernetes, own_cache, context=context, label=label).open() as file:
        if why == "in use":
            fcntl.flock(file, fcntl.LOCK_EX)
        with namespaces.own(reachable):
            pass

    assert there(kubernetes) == ["workstream-0a"]


def test_an_account_that_may_make_none_is_told_what_it_lacks(
    reachable: Cluster, kubernetes: Kubernetes, own_cache: Path
) -> None:
    """The error names the right, and the option that does without it."""
    message = kubernetes.forbid(ALL, "namespaces", "create")
    with pytest.raises(errors.RightMissingError) as caught, namespaces.own(reachable):
        pass

    assert caught.value.what == message
    assert "--workstream-namespace" in caught.value.instead
    assert list((own_cache / "namespaces").iterdir()) == []


def test_a_namespace_that_is_named_must_be_there(reachable: Cluster, kubernetes: Kubernetes) -> None:
    """Whoever may not look at it is believed."""
    kubernetes.answers[f"{ALL}/here"] = {"metadata": {"name": "here"}}
    kubernetes.forbid(f"{ALL}/hidden", "namespaces", "get")
    namespaces.require(reachable, "here")
    namespaces.require(reachable, "hidden")

    with pytest.raises(errors.ClusterFailedError, match="has no namespace elsewhere") as caught:
        namespaces.require(reachable, "elsewhere")
    assert "create namespace elsewhere" in caught.value.instead
