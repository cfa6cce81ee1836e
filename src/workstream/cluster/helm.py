"""Helm releases: rendered, installed, changed, removed. Values are given as a mapping and passed as a file."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from workstream import errors, limits, processes
from workstream.cluster import diagnose, images, waiting
from workstream.progress import step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes import client

    from workstream.cluster.access import Cluster

Manifest = dict[str, Any]

# Helm 3 has `--all` for them, Helm 4 has not.
_EVERY_STATE = ("--deployed", "--failed", "--pending", "--superseded", "--uninstalled", "--uninstalling")
_WORKLOADS = {"DaemonSet", "Deployment", "StatefulSet"}


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a chart.

    Attributes:
        name: the release's name.
        namespace: where it lives.
        chart: the folder of the chart.

    """

    name: str
    namespace: str
    chart: Path


def lint(chart: Path, values: Mapping[str, Any] | None = None) -> processes.Completed:
    """Run `helm lint --strict`.

    Raises:
        errors.ChartError: it finds something.

    """
    return _helm("lint", "--strict", str(chart), values=values or {})


def template(release: Release, values: Mapping[str, Any]) -> list[Manifest]:
    """Return what the chart renders, one object per manifest.

    Raises:
        errors.ChartError: it does not render; values that the schema refuses are a reason.

    """
    arguments = ["template", release.name, str(release.chart), "--namespace", release.namespace]
    printed = _helm(*arguments, values=values).stdout
    return [manifest for manifest in yaml.safe_load_all(printed) if manifest]


def install(cluster: Cluster, release: Release, values: Mapping[str, Any]) -> int:
    """Install a release, or change it to these values, and wait until it is whole and runs what was brought.

    Returns:
        The revision of the release.

    Raises:
        errors.ChartError: Helm refuses; a pod runs another content of an image than was brought under its name.
        errors.PodError: a pod is in a state that it cannot leave by itself.
        errors.WaitError: it is not whole within its limit.

    """
    where = ["--namespace", release.namespace]
    with step("helm", f"installing {release.chart.name} as {release.name} in {release.namespace}"):
        arguments = [
            "upgrade",
            "--install",
            release.name,
            str(release.chart),
            *where,
            "--create-namespace",
            "--reset-values",
        ]
        _helm(*arguments, values=values, cluster=cluster)
        until_whole(cluster, release)
        _look_at_images(cluster, release)
    return _revision(cluster, release)


def rollback(cluster: Cluster, release: Release) -> int:
    """Bring a release back to its previous revision, and wait until it is whole and runs what was brought.

    Returns:
        The new revision of the release: the previous one again, under a number of its own.

    Raises:
        errors.ChartError: see `install`.
        errors.PodError: a pod is in a state that it cannot leave by itself.
        errors.WaitError: it is not whole within its limit.

    """
    with step("helm", f"rolling back {release.name} in {release.namespace}"):
        _helm("rollback", release.name, "--namespace", release.namespace, cluster=cluster)
        until_whole(cluster, release)
        _look_at_images(cluster, release)
    return _revision(cluster, release)


def uninstall(cluster: Cluster, release: Release) -> None:
    """Remove a release and wait until none of its pods is left; a release that is not there is no error."""
    with step("helm", f"removing {release.name} from {release.namespace}"):
        arguments = ["uninstall", release.name, "--namespace", release.namespace, "--ignore-not-found"]
        _helm(*arguments, cluster=cluster)
        waiting.until(
            lambda: not cluster.pods(release.namespace, _pods_of(release)),
            limits.RELEASE_UNINSTALL,
            what=f"no pod of {release.name} is left",
            last_seen=lambda: diagnose.state(cluster, release.namespace),
        )


def until_whole(cluster: Cluster, release: Release) -> None:
    """Wait until every workload of a release runs as its newest revision wants it.

    Raises:
        errors.PodError: a pod is in a state that it cannot leave by itself.
        errors.WaitError: the limit passed.

    """
    workloads = [
        f"{manifest['kind'].lower()}/{manifest['metadata']['name']}"
        for manifest in _installed(cluster, release)
        if manifest["kind"] in _WORKLOADS
    ]

    def whole() -> bool:
        hopeless = diagnose.hopeless(cluster, release.namespace, _pods_of(release))
        if hopeless is not None:
            raise hopeless
        return all(_is_whole(workload) for workload in _get(cluster, release.namespace, workloads))

    waiting.until(
        whole,
        limits.PODS_READY,
        what=f"{', '.join(workloads)} are whole",
        last_seen=lambda: diagnose.state(cluster, release.namespace),
    )


def _installed(cluster: Cluster, release: Release) -> list[Manifest]:
    """Return the objects of a release, as it was installed last."""
    printed = _helm("get", "manifest", release.name, "--namespace", release.namespace, cluster=cluster).stdout
    return [manifest for manifest in yaml.safe_load_all(printed) if manifest]


def _look_at_images(cluster: Cluster, release: Release) -> None:
    """Record what the pods of a release run.

    Raises:
        errors.ChartError: one runs another content than was brought under that name.

    """
    runs = list(images.running(_every_pod(cluster, release)))
    images.require_brought(cluster.images, runs)
    name, value = f"images that the pods of {release.name} run", images.digests_by_name(runs)
    if value and cluster.images.is_new(name, value):
        cluster.notice(name, value)


def _every_pod(cluster: Cluster, release: Release) -> list[client.V1Pod]:
    """Return the pods of a release: not every chart labels them as its own, but every workload labels them."""
    pods = cluster.pods(release.namespace, _pods_of(release))
    for manifest in _installed(cluster, release):
        labels = manifest.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})
        if manifest["kind"] in _WORKLOADS and labels:
            namespace = manifest["metadata"].get("namespace", release.namespace)
            pods += cluster.pods(namespace, ",".join(f"{name}={value}" for name, value in labels.items()))
    return list({pod.metadata.uid: pod for pod in pods}.values())


def exists(cluster: Cluster, release: Release) -> bool:
    """Whether there is a release of that name, whoever installed it and in whatever state."""
    return bool(_listed(cluster, release, *_EVERY_STATE))


def _revision(cluster: Cluster, release: Release) -> int:
    return int(_listed(cluster, release)[0]["revision"])


def _listed(cluster: Cluster, release: Release, *options: str) -> list[Manifest]:
    arguments = ["list", "--namespace", release.namespace, "--filter", f"^{release.name}$", "--output", "json"]
    releases: list[Manifest] = json.loads(_helm(*arguments, *options, cluster=cluster).stdout)
    return releases


def _pods_of(release: Release) -> str:
    return f"app.kubernetes.io/instance={release.name}"


def _get(cluster: Cluster, namespace: str, names: list[str]) -> list[Manifest]:
    """Return objects by `kind/name`: one call for all, since it is made often."""
    if not names:
        return []
    printed = json.loads(cluster.kubectl("--namespace", namespace, "get", *names, "--output", "json").stdout)
    return list(printed["items"]) if printed["kind"] == "List" else [printed]


def _is_whole(workload: Manifest) -> bool:
    """Whether a workload's controller has seen its newest form, and all its pods are new and ready, with no others."""
    status = workload.get("status", {})
    if status.get("observedGeneration") != workload["metadata"]["generation"]:
        return False
    if workload["kind"] == "DaemonSet":
        wanted = status["desiredNumberScheduled"]
        counts = (
            status.get("updatedNumberScheduled", 0),
            status.get("numberReady", 0),
            status["currentNumberScheduled"],
        )
        return bool(counts == (wanted, wanted, wanted) and not status.get("numberMisscheduled"))
    wanted = workload["spec"].get("replicas", 1)
    counts = (status.get("updatedReplicas", 0), status.get("readyReplicas", 0), status.get("replicas", 0))
    return bool(counts == (wanted, wanted, wanted))


def _helm(
    *arguments: str, values: Mapping[str, Any] | None = None, cluster: Cluster | None = None
) -> processes.Completed:
    options = [] if values is None else ["--values", "-"]
    environment = None if cluster is None else cluster.environment
    stdin = None if values is None else yaml.safe_dump(dict(values)).encode()
    try:
        return processes.run(
            ["helm", *arguments, *options], limit=limits.RELEASE_INSTALL, environment=environment, stdin=stdin
        )
    except errors.ProgramFailedError as error:
        # As one would type it here: what is kept of a run names no folder of the machine that it ran on.
        typed = [argument.removeprefix(f"{Path.cwd()}/") for argument in arguments]
        raise errors.ChartError(
            f"helm {arguments[0]} failed: {error.stderr.strip() or error.stdout.strip()}",
            instead="Mend the chart or the values; nothing was waited for.",
            more=shlex.join(["helm", *typed]),
        ) from error
