"""A namespace of a run's own, on a cluster of others: made when the run begins, and gone with all in it at its end.

What a killed run left is found by a file in the cache that holds the namespace's name, which nobody else ever chose,
and that the run had locked: a lock dies with its process. So nothing is removed that a run still uses, or that others
made.
"""

from __future__ import annotations

import fcntl
import json
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from workstream import errors, limits, processes
from workstream.cluster import cache, waiting
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workstream.cluster.access import Cluster

LABEL = "workstream/run"
_NOT_FOUND, _FORBIDDEN = 404, 403


def require(cluster: Cluster, name: str) -> None:
    """Look whether a namespace is there, as far as the account that the run acts as may see that.

    Raises:
        errors.ClusterFailedError: it is not.

    """
    try:
        cluster.core.read_namespace(name)
    except ApiException as error:
        if error.status == _NOT_FOUND:
            raise errors.ClusterFailedError(
                f"The cluster of the context {cluster.context} has no namespace {name}.",
                instead=f"Make it (kubectl --context {cluster.context} create namespace {name}), or leave "
                "--workstream-namespace away for one of the run's own.",
            ) from error
        if error.status != _FORBIDDEN:
            raise


@contextmanager
def own(cluster: Cluster) -> Iterator[str]:
    """Yield the name of a new namespace, and remove it at the end with all that is in it, however the run ends.

    Raises:
        errors.RightMissingError: the account that the run acts as may make none.
        errors.WaitError: it is not gone when its limit passed.

    """
    _remove_what_killed_runs_left(cluster)
    name = f"workstream-{secrets.token_hex(5)}"
    record = _folder() / name
    unnamed = record.with_name(f".{name}")  # nobody sees it without its lock while this run lives
    with unnamed.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump({"context": cluster.context}, file)
        file.flush()
        unnamed.replace(record)
        try:
            _make(cluster, name)
            say("cluster", f"namespace {name} of {cluster.name} is this run's own")
            yield name
        finally:
            with processes.cleaning_up():
                _remove(cluster, name)
                record.unlink()


def _folder() -> Path:
    folder = cache.folder() / "namespaces"
    folder.mkdir(exist_ok=True)
    return folder


def _make(cluster: Cluster, name: str) -> None:
    body = client.V1Namespace(metadata=client.V1ObjectMeta(name=name, labels={LABEL: name}))
    try:
        cluster.allowed(lambda: cluster.core.create_namespace(body))
    except errors.RightMissingError as error:
        raise errors.RightMissingError(
            error.what, instead="Let it be given that right, or name a namespace that is there: --workstream-namespace."
        ) from error


def _remove(cluster: Cluster, name: str) -> None:
    """Remove a namespace that a run made, and wait until it is gone; none of that name, and label, is no error."""
    if not _is_there(cluster, name):
        return
    with step("cluster", f"removing the namespace {name}"):
        cluster.allowed(lambda: cluster.core.delete_namespace(name))
        waiting.until(
            lambda: not _is_there(cluster, name), limits.NAMESPACE_REMOVAL, what=f"the namespace {name} is gone"
        )


def _is_there(cluster: Cluster, name: str) -> bool:
    try:
        found = cluster.allowed(lambda: cluster.core.read_namespace(name))
    except ApiException as error:
        if error.status == _NOT_FOUND:
            return False
        raise
    return (found.metadata.labels or {}).get(LABEL) == name


def _remove_what_killed_runs_left(cluster: Cluster) -> None:
    for record in sorted(_folder().glob("workstream-*")):
        with record.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its run goes on
            if json.load(file)["context"] == cluster.context:
                if _is_there(cluster, record.name):
                    say("cluster", f"namespace {record.name} was left by a run from this machine that was killed")
                _remove(cluster, record.name)
                record.unlink(missing_ok=True)
