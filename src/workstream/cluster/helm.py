"""Helm releases: rendered, installed, changed, removed. Values are given as a mapping and passed as a file."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstream import errors, limits, manifests, processes
from workstream.cluster import diagnose, hopeless, images, programs, sight, waiting, workloads
from workstream.cluster.workloads import Present
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from workstream.cluster.access import Cluster
    from workstream.cluster.workloads import Name

Manifest = dict[str, Any]

# Helm 3 has `--all` for them, Helm 4 has not.
_EVERY_STATE = ("--deployed", "--failed", "--pending", "--superseded", "--uninstalled", "--uninstalling")
_PENDING = "another operation (install/upgrade/rollback) is in progress"  # what Helm says of it
# What the API server says to an account that lacks a right, which it names.
_FORBIDDEN = re.compile(r'\S+ is forbidden: User "[^"\n]+" cannot [^\n]+')
_SERVER_SIDE = 4  # the first Helm that lets the API server merge, and knows conflicts


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
        errors.ChartError: it finds something; the message has its findings.

    """
    return _helm("lint", "--strict", str(chart), values=values or {})


def template(release: Release, values: Mapping[str, Any]) -> list[Manifest]:
    """Return what the chart renders, one object per manifest.

    Raises:
        errors.ChartError: it does not render; values that the schema refuses are a reason.

    """
    arguments = ["template", release.name, str(release.chart), "--namespace", release.namespace]
    return _manifests(_helm(*arguments, values=values).stdout)


def install(cluster: Cluster, release: Release, values: Mapping[str, Any]) -> int:
    """Install a release, or change it to these values, and wait until it is whole and runs what was brought.

    Returns:
        The revision of the release.

    Raises:
        errors.ChartError: Helm refuses; a hook failed; a pod is refused; a pod runs another content of an image than
            was brought under its name.
        errors.PodError: a pod or a Job, one of a hook too, is in a state that it cannot leave by itself.
        errors.PortTakenError: a pod wants a port of its node that another has.
        errors.WaitError: it is not whole within its limit.

    """
    since = cluster.now()
    with step("helm", f"installing {release.chart.name} as {release.name} in {release.namespace}"):
        arguments = [
            "upgrade",
            "--install",
            release.name,
            str(release.chart),
            "--namespace",
            release.namespace,
            # The cluster's own is there, and asking for it takes a right that the account may not have.
            *([] if release.namespace == cluster.namespace else ["--create-namespace"]),
            "--reset-values",
            *_changing(cluster),
        ]
        hooks = _Hooks(cluster, release, since)

        def upgrade() -> None:
            with hooks.explained():
                _helm(*arguments, values=values, cluster=cluster, meanwhile=hooks.look)

        try:
            upgrade()
        except errors.ChartError as error:
            if _PENDING not in error.what or not cluster.ours:
                raise
            _end_what_is_pending(cluster, release)
            upgrade()
        present = until_whole(cluster, release, since=since)
        _look_at_images(cluster, release, present)
        sight.look(cluster, *_namespaces(release, present.names))
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
        since = cluster.now()
        arguments = ["rollback", release.name, "--namespace", release.namespace, *_changing(cluster)]
        # Not looked at meanwhile: a rollback that is stopped stays pending for ever.
        with _Hooks(cluster, release, since).explained():
            _helm(*arguments, cluster=cluster)
        present = until_whole(cluster, release, since=since)
        _look_at_images(cluster, release, present)
        sight.look(cluster, *_namespaces(release, present.names))
    return _revision(cluster, release)


def uninstall(cluster: Cluster, release: Release) -> None:
    """Remove a release and wait until none of its pods is left; a release that is not there is no error.

    What Helm leaves where it is, as hooks and what the chart asks to keep, is not waited for.

    Raises:
        errors.ChartError: Helm refuses; a hook failed.
        errors.WaitError: a pod is left when its limit passed.

    """
    if not exists(cluster, release):
        return
    with step("helm", f"removing {release.name} from {release.namespace}"):
        manifests = [manifest for manifest in _installed(cluster, release) if not workloads.kept(manifest)]
        names = workloads.named(manifests, release.namespace)
        belonging = {part.uid for part in workloads.find(cluster, names).parts}
        arguments = ["uninstall", release.name, "--namespace", release.namespace, "--ignore-not-found"]
        with _Hooks(cluster, release, cluster.now()).explained():
            _helm(*arguments, f"--timeout={limits.HOOK.seconds:g}s", cluster=cluster)

        def gone() -> bool:
            # What stands between goes before its pods do: what was seen once is remembered.
            present = workloads.find(cluster, names, belonging)
            belonging.update(part.uid for part in present.parts)
            return not present.pods

        waiting.until(
            gone,
            limits.RELEASE_UNINSTALL,
            what=f"no pod of {release.name} is left",
            last_seen=lambda: diagnose.state(cluster, *_namespaces(release, names)),
        )
        sight.look(cluster)


def until_whole(cluster: Cluster, release: Release, *, since: datetime | None = None) -> Present:
    """Wait until all of a release runs as its newest revision wants it: its Jobs are complete, its pods ready.

    Args:
        cluster: where.
        release: which one.
        since: when that revision was brought, in the API server's time; now if it is not known. What was refused
            before does not count.

    Returns:
        What is there of it then.

    Raises:
        errors.ChartError: a pod that it wants is refused.
        errors.PodError: a pod or a Job is in a state that it cannot leave by itself.
        errors.PortTakenError: a pod wants a port of its node that another has.
        errors.WaitError: the limit passed.

    """
    names = workloads.named(_installed(cluster, release), release.namespace)
    wait = _Wait(cluster, names, since or cluster.now())

    def last_seen() -> str:
        lacking = f"not whole: {', '.join(map(str, wait.lacking()))}"
        return "\n".join([lacking, diagnose.state(cluster, *_namespaces(release, names))])

    try:
        waiting.until(wait.whole, limits.PODS_READY, what=f"all of {release.name} is whole", last_seen=last_seen)
    except errors.WaitError as error:
        if not wait.notice.waits:
            raise
        raise errors.WaitError(error.what, instead=f"This held it up: {'; '.join(wait.notice.waits)}") from error
    for line in hopeless.kept_old(wait.present):
        say("helm", line)
    return wait.present


@dataclass(slots=True)
class _Wait:
    """Waits until a release is whole.

    Attributes:
        cluster: where.
        names: what its manifest names.
        since: when it was brought.
        present: what was there of it last.
        complete: Jobs that were seen complete: they may be removed then.
        notice: tells what holds it up.

    """

    cluster: Cluster
    names: tuple[Name, ...]
    since: datetime
    present: Present = field(init=False)
    complete: set[Name] = field(default_factory=set)
    notice: hopeless.Notice = field(default_factory=hopeless.Notice)

    def __post_init__(self) -> None:
        self.present = Present(self.names, ())

    def whole(self) -> bool:
        """Whether it is whole now.

        Raises:
            errors.WorkstreamError: it will never be; see `hopeless.look`.

        """
        self.present = workloads.find(self.cluster, self.names)
        jobs = [part for part in self.present.named if part.kind == "Job"]
        self.complete |= {job.name for job in jobs if workloads.is_whole(job)}
        self.notice.take(hopeless.look(self.cluster, self.present, self.since))
        return not self.lacking()

    def lacking(self) -> list[Name]:
        """Return what was not whole, or not there, when it was looked at last."""
        return [name for name in self.present.lacking() if name not in self.complete]


@dataclass(frozen=True, slots=True)
class _Hooks:
    """The hooks of a release that is being changed or removed.

    Attributes:
        cluster: where.
        release: which one.
        since: when that began: hooks of a former revision do not count.
        notice: tells what holds them up.

    """

    cluster: Cluster
    release: Release
    since: datetime
    notice: hopeless.Notice = field(default_factory=hopeless.Notice)

    def look(self) -> None:
        """Look whether a hook that Helm waits for can succeed.

        Raises:
            errors.WorkstreamError: it cannot; see `hopeless.look`.

        """
        arguments = ["get", "hooks", self.release.name, "--namespace", self.release.namespace]
        try:
            manifests = _manifests(_helm(*arguments, cluster=self.cluster).stdout)
            present = workloads.find(self.cluster, workloads.named(manifests, self.release.namespace))
        except errors.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - there is no such release yet, or no answer: no reason to stop Helm
            return
        parts = tuple(part for part in present.parts if part.created >= self.since)
        self.notice.take(hopeless.look(self.cluster, replace(present, parts=parts), self.since))

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Add what is known of a hook that failed to what Helm says.

        Raises:
            errors.ChartError: Helm's, with the reason if one was found.

        """
        try:
            yield
        except errors.ChartError as error:
            try:
                self.look()
            except (errors.ChartError, errors.PodError, errors.PortTakenError) as reason:
                what = f"{error.what}\n{reason.what}"
                raise errors.ChartError(what, instead=reason.instead, more=reason.more) from error
            if not self.notice.waits:
                raise
            what = f"{error.what}\nThis held up its hooks: {'; '.join(self.notice.waits)}"
            raise errors.ChartError(what, instead=error.instead, more=error.more) from error


def _changing(cluster: Cluster) -> list[str]:
    """Return the options of Helm for what changes a release.

    Helm 4 lets the API server merge, which refuses to touch a field that somebody else wrote, as `kubectl scale` in a
    test. Helm 3 knows no owners and takes every field back: so do we, whatever made the release.
    """
    timeout = f"--timeout={limits.HOOK.seconds:g}s"
    version = programs.version_of(Path("helm"), "helm", cluster.environment)
    merging = int(version.partition(".")[0]) >= _SERVER_SIDE
    return [timeout, *(["--server-side=true", "--force-conflicts"] if merging else [])]


def _end_what_is_pending(cluster: Cluster, release: Release) -> None:
    """End a change that Helm takes for being under way: on our cluster only this run acts, so a killed one left it."""
    status = next((found["status"] for found in _listed(cluster, release, "--pending")), "pending")
    say("helm", f"{release.name} is {status}: a run that was killed left it; that change is taken back")
    where = [release.name, "--namespace", release.namespace]
    if status == "pending-install":
        _helm("uninstall", *where, "--no-hooks", "--ignore-not-found", cluster=cluster)
    else:
        _helm("rollback", *where, "--no-hooks", cluster=cluster)


def _namespaces(release: Release, names: Iterable[Name]) -> list[str]:
    return sorted({release.namespace, *(name.namespace for name in names)})


def _installed(cluster: Cluster, release: Release) -> list[Manifest]:
    """Return the objects of a release, as it was installed last; without its hooks."""
    return _manifests(_helm("get", "manifest", release.name, "--namespace", release.namespace, cluster=cluster).stdout)


def _manifests(printed: str) -> list[Manifest]:
    return [*manifests.read(printed)]


def _look_at_images(cluster: Cluster, release: Release, present: Present) -> None:
    """Record what the pods of a release run.

    Raises:
        errors.ChartError: one runs another content than was brought under that name.

    """
    runs = list(images.running(present.pods))
    images.require_brought(cluster.images, runs)
    name, value = f"images that the pods of {release.name} run", images.digests_by_name(runs)
    if value and cluster.images.is_new(name, value):
        cluster.notice(name, value)


def exists(cluster: Cluster, release: Release) -> bool:
    """Whether there is a release of that name, whoever installed it and in whatever state."""
    return bool(_listed(cluster, release, *_EVERY_STATE))


def _revision(cluster: Cluster, release: Release) -> int:
    return int(_listed(cluster, release)[0]["revision"])


def _listed(cluster: Cluster, release: Release, *options: str) -> list[Manifest]:
    arguments = ["list", "--namespace", release.namespace, "--filter", f"^{release.name}$", "--output", "json"]
    releases: list[Manifest] = json.loads(_helm(*arguments, *options, cluster=cluster).stdout)
    return releases


def _helm(
    *arguments: str,
    values: Mapping[str, Any] | None = None,
    cluster: Cluster | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> processes.Completed:
    options = [] if values is None else ["--values", "-"]
    environment = None if cluster is None else cluster.environment
    stdin = None if values is None else manifests.written(dict(values)).encode()
    try:
        return processes.run(
            ["helm", *arguments, *options],
            limit=limits.RELEASE_INSTALL,
            environment=environment,
            stdin=stdin,
            meanwhile=meanwhile,
        )
    except errors.ProgramFailedError as error:
        # As one would type it here: what is kept of a run names no folder of the machine that it ran on.
        typed = [argument.removeprefix(f"{Path.cwd()}/") for argument in arguments]
        output = [error.stderr.strip() or error.stdout.strip()]
        if arguments[0] == "lint":  # it complains of having found something, and prints what
            output = [error.stdout.strip(), error.stderr.strip()]
        forbidden = _FORBIDDEN.search(error.stderr)
        if forbidden is not None:
            what = f"helm {arguments[0]} failed: {forbidden[0]}"
            raise errors.RightMissingError(what) from error
        raise errors.ChartError(
            f"helm {arguments[0]} failed: " + "\n".join(filter(None, output)),
            instead="Mend the chart or the values.",
            more=shlex.join(["helm", *typed]),
        ) from error
