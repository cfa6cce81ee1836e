from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from workstream import errors, limits
from workstream.cluster import helm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue
    from tests.unit.cluster.conftest import Body, Kubernetes, Objects

    from workstream.cluster.access import Cluster

RELEASE = helm.Release("r", "n", Path("charts/c"))


def test_a_chart_that_does_not_render_is_told_with_helms_words(pretend: Callable[[str, str], Path]) -> None:
    """The error carries what Helm said."""
    pretend("helm", "echo 'Error: values do not meet the schema' >&2; exit 1")
    with pytest.raises(errors.ChartError, match="values do not meet the schema") as caught:
        helm.template(helm.Release("r", "n", Path.cwd() / "charts" / "c"), {"no": "such value"})

    assert caught.value.more == "helm template r charts/c --namespace n"


def test_what_linting_finds_is_told(pretend: Callable[[str, str], Path]) -> None:
    """Helm prints what it finds, and complains only of having found something."""
    pretend("helm", "echo '[ERROR] Chart.yaml: version is required'; echo 'Error: 1 chart(s) failed' >&2; exit 1")
    with pytest.raises(errors.ChartError) as caught:
        helm.lint(Path("charts/c"))

    assert caught.value.what.splitlines() == [
        "helm lint failed: [ERROR] Chart.yaml: version is required",
        "Error: 1 chart(s) failed",
    ]


# Says what it was called with, and given: a line each. The file `change` is what a change or a removal does then.
TELLING_HELM = """
[ "$1" = version ] && { echo VERSION; exit; }
echo "$@ KUBECONFIG=$KUBECONFIG HELM_KUBECONTEXT=$HELM_KUBECONTEXT" >> FOLDER/calls
case "$*" in *" --values -") cat >> FOLDER/calls ;; esac
case "$1 $2" in
    "get hooks") cat FOLDER/hooks ;;
    get*) cat FOLDER/manifest ;;
    list*) cat FOLDER/listed ;;
    template*) printf -- '---\\n# only a comment\\n---\\nkind: A\\n---\\nkind: B\\n' ;;
    upgrade* | rollback* | uninstall*) . FOLDER/change ;;
esac
"""


@dataclass
class Helm:
    """What helm answers, and was asked.

    Attributes:
        folder: of its files: `calls`, how it was called and what it was given, a line each; `manifest` and `hooks`,
            what is installed; `listed`, what `helm list` prints; `change`, what an upgrade does.
        put: puts a program on PATH.

    """

    folder: Path
    put: Callable[[str, str], Path]

    def __post_init__(self) -> None:
        for name in ("calls", "manifest", "hooks", "change"):
            (self.folder / name).touch()
        self.has("listed", '[{"revision": "3"}]')
        self.be("v3.19.0")

    def be(self, version: str) -> None:
        """Have a version."""
        self.put("helm", TELLING_HELM.replace("FOLDER", str(self.folder)).replace("VERSION", version))

    def has(self, name: str, text: str) -> None:
        """Write a file."""
        (self.folder / name).write_text(text)

    def installed(self, *kinds: str, namespace: str | None = None, file: str = "manifest", **annotations: str) -> None:
        """Let a release have an object called w of each of these kinds."""
        versions = {"Pod": "v1", "Job": "batch/v1"}
        where = {"name": "w", "annotations": annotations, **({"namespace": namespace} if namespace else {})}
        manifests = [{"apiVersion": versions.get(kind, "apps/v1"), "kind": kind, "metadata": where} for kind in kinds]
        self.has(file, yaml.safe_dump_all(manifests))

    def calls(self, beginning: str = "") -> list[str]:
        """Return how it was called, but for the environment."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [line.partition(" KUBECONFIG=")[0] for line in lines if line.startswith(beginning)]


@pytest.fixture
def telling(pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helm:
    """Give a helm that tells what it was asked; a release is there, with nothing in it."""
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.01)
    (tmp_path / "helm").mkdir()
    return Helm(tmp_path / "helm", pretend)


@dataclass
class Noticing:
    """A cluster with a whole release.

    Attributes:
        cluster: the cluster.
        pod: the pod of the release.
        noticed: what was told of it.

    """

    cluster: Cluster
    pod: Body
    noticed: list[tuple[str, JsonValue]] = field(default_factory=list)

    def run(self, digest: str) -> None:
        """Let the pod run a content of an image that it calls queue:dev."""
        self.pod["spec"] = {"containers": [{"name": "main", "image": "queue:dev"}]}
        self.pod["status"]["containerStatuses"][0]["imageID"] = f"x@{digest}"


@pytest.fixture
def noticing(telling: Helm, reachable: Cluster, objects: Objects) -> Noticing:
    """Give a cluster with a whole release, of whose pod no label says that it is the release's."""
    telling.installed("DaemonSet", namespace="o")
    daemonset = objects.daemonset(metadata={"namespace": "o"})
    found = Noticing(reachable, objects.pod(owner=daemonset, metadata={"namespace": "o"}))
    found.cluster = replace(reachable, notice=lambda name, value: found.noticed.append((name, value)))
    found.run("sha256:m")
    return found


def changed(how: str, cluster: Cluster) -> int | None:
    """Install a release, roll it back, or remove it."""
    if how == "uninstall":
        helm.uninstall(cluster, RELEASE)
        return None
    return helm.rollback(cluster, RELEASE) if how == "rollback" else helm.install(cluster, RELEASE, {})


@pytest.mark.parametrize("how", ["install", "rollback"])
def test_what_a_releases_pods_run_is_noticed_once(noticing: Noticing, how: str) -> None:
    """Told when it is something new, by the name that the pods have for it, in whatever namespace they are."""
    assert [changed(how, noticing.cluster), changed(how, noticing.cluster)] == [3, 3]
    noticing.run("sha256:n")
    changed(how, noticing.cluster)

    told = "images that the pods of r run"
    assert noticing.noticed == [(told, {"queue:dev": "sha256:m"}), (told, {"queue:dev": "sha256:n"})]


@pytest.mark.parametrize("how", ["install", "rollback", "uninstall"])
def test_what_there_is_of_a_release_that_changed_is_shown(
    noticing: Noticing, kubernetes: Kubernetes, objects: Objects, how: str
) -> None:
    """For the report to draw: its pods are shown once it is whole, in whatever namespace; none once it is gone."""
    kubernetes.answers["/api/v1/nodes"] = []
    shown: list[list[str]] = []
    cluster = replace(noticing.cluster, show=lambda seen: shown.append([pod["name"] for pod in named(seen)]))
    if how == "uninstall":
        helm.install(cluster, RELEASE, {})
        objects.remove("Pod", noticing.pod)
    changed(how, cluster)

    assert shown == ([["p"], []] if how == "uninstall" else [["p"]])


def named(seen: Mapping[str, JsonValue]) -> list[dict[str, Any]]:
    """Return the pods that were shown."""
    return cast("list[dict[str, Any]]", seen["pods"])


@pytest.mark.parametrize("how", ["install", "rollback"])
def test_a_release_that_runs_another_content_than_was_brought_is_an_error(noticing: Noticing, how: str) -> None:
    """Whether or not the chart labels its pods as the release's; nothing of it is told as what is under test."""
    noticing.cluster.images.bring("queue:dev", ["sha256:new"])
    with pytest.raises(errors.ChartError, match="another content of queue:dev"):
        changed(how, noticing.cluster)

    assert noticing.noticed == []


def test_a_chart_is_linted_strictly_with_the_values_that_are_given(telling: Helm) -> None:
    """Without values with none: those of a file that lies around do not count."""
    helm.lint(Path("charts/c"), {"a": 1})
    helm.lint(Path("charts/c"))

    assert telling.calls() == [
        "lint --strict charts/c --values -",
        '"a": 1',
        "lint --strict charts/c --values -",
        "{}",
    ]


def test_a_chart_renders_objects_and_nothing_that_is_empty(telling: Helm) -> None:
    """A template that renders nothing leaves no object; no cluster is asked."""
    assert helm.template(RELEASE, {"a": 1}) == [{"kind": "A"}, {"kind": "B"}]
    assert telling.calls()[1] == '"a": 1'


def test_a_release_is_installed_into_the_cluster_that_is_meant_with_these_values_and_no_others(
    telling: Helm, reachable: Cluster
) -> None:
    """Whatever values it had before are forgotten; what is no workload is not waited for."""
    telling.has("listed", '[{"revision": "7"}]')
    telling.has("manifest", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n")

    assert helm.install(reachable, RELEASE, {"a": 1}) == 7
    called, values, *_ = (telling.folder / "calls").read_text().splitlines()
    assert called == (
        "upgrade --install r charts/c --namespace n --create-namespace --reset-values --timeout=240s --values - "
        f"KUBECONFIG={reachable.kubeconfig} HELM_KUBECONTEXT=testing"
    )
    assert values == '"a": 1'


@pytest.mark.parametrize(
    ("version", "options"),
    [("v3.19.0", "--timeout=240s"), ("v4.0", "--timeout=240s --server-side=true --force-conflicts")],
)
def test_fields_that_a_test_changed_by_itself_are_taken_back(
    telling: Helm, reachable: Cluster, version: str, options: str
) -> None:
    """Helm 4 would refuse after `kubectl scale`; Helm 3 takes everything back, and knows no option for it.

    No hook is waited for beyond our limit.
    """
    telling.be(version)
    helm.install(reachable, RELEASE, {})
    helm.rollback(reachable, RELEASE)

    assert telling.calls("upgrade")[0].endswith(f" --reset-values {options} --values -")
    assert telling.calls("rollback") == [f"rollback r --namespace n {options}"]


def test_a_release_is_gone_when_none_of_its_pods_is_left(telling: Helm, reachable: Cluster, objects: Objects) -> None:
    """Whatever labels they have; one that ends slowly is waited for, also when what made it is gone."""
    telling.installed("DaemonSet", "Deployment")
    deployment = objects.replicated("Deployment")
    replicaset = objects.replicated("ReplicaSet", "w-1", owner=deployment)
    pod, other = objects.pod("slow", owner=replicaset), objects.pod("of-others")
    looks = iter([[pod, other], [pod, other], [other]])
    answers = objects.kubernetes.answers
    for path, made in (("deployments", deployment), ("replicasets", replicaset)):
        answers[f"/apis/apps/v1/namespaces/n/{path}"] = partial(
            lambda made: [] if telling.calls("uninstall") else [made], made
        )
    answers["/api/v1/namespaces/n/pods"] = lambda: next(looks) if telling.calls("uninstall") else [pod, other]
    helm.uninstall(reachable, RELEASE)

    assert telling.calls("uninstall") == ["uninstall r --namespace n --ignore-not-found --timeout=240s"]
    assert list(looks) == []


def test_a_pod_that_was_made_while_its_release_was_being_removed_is_waited_for_too(
    telling: Helm, reachable: Cluster, objects: Objects
) -> None:
    """What made it is seen once, after the removal began, and gone at the next look."""
    telling.installed("Deployment")
    deployment = objects.replicated("Deployment")
    replicaset = objects.replicated("ReplicaSet", "w-1", owner=deployment)
    pod = objects.pod(owner=replicaset)
    replicasets, pods = iter([[], [replicaset], [], []]), iter([[], [pod], [pod], []])
    objects.kubernetes.answers["/apis/apps/v1/namespaces/n/replicasets"] = lambda: next(replicasets)
    objects.kubernetes.answers["/api/v1/namespaces/n/pods"] = lambda: next(pods)
    helm.uninstall(reachable, RELEASE)

    assert list(pods) == []


def test_what_a_chart_asks_to_keep_is_not_waited_for(telling: Helm, reachable: Cluster, objects: Objects) -> None:
    """Helm leaves it where it is, with its pods."""
    telling.installed("DaemonSet", **{"helm.sh/resource-policy": "keep"})
    objects.pod(owner=objects.daemonset())
    helm.uninstall(reachable, RELEASE)

    assert telling.calls("uninstall")


def test_a_release_that_is_not_there_is_removed_already(telling: Helm, reachable: Cluster) -> None:
    """That is no error, and nothing is done."""
    telling.has("listed", "[]")
    helm.uninstall(reachable, RELEASE)

    assert telling.calls("uninstall") == []


def test_a_pod_that_does_not_go_is_told_with_the_state_of_its_namespace(
    telling: Helm,
    reachable: Cluster,
    objects: Objects,
    pretend: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says what was waited for, and shows what is left, in every namespace that the release is in."""
    monkeypatch.setattr(limits, "RELEASE_UNINSTALL", limits.Limit("removal of a release", 0.05))
    telling.installed("DaemonSet", namespace="o")
    objects.pod(owner=objects.daemonset(metadata={"namespace": "o"}), metadata={"namespace": "o"})
    pretend("kubectl", 'case "$*" in *"--namespace o get pods"*) echo "p Terminating" ;; esac')
    with pytest.raises(errors.WaitError, match="no pod of r is left") as caught:
        helm.uninstall(reachable, RELEASE)

    assert "p Terminating" in caught.value.what


@pytest.mark.parametrize("how", ["install", "rollback"])
def test_a_release_whose_pods_cannot_start_is_not_waited_for(
    telling: Helm, reachable: Cluster, objects: Objects, how: str
) -> None:
    """The error is the pod's, and comes at once."""
    telling.installed("DaemonSet")
    waiting = {"reason": "InvalidImageName", "message": "no name"}
    statuses = [objects.container(waiting=waiting)]
    objects.pod(owner=objects.daemonset(numberReady=0), containerStatuses=statuses)

    with pytest.raises(errors.PodError, match="InvalidImageName: daemonset/w in n is to have 1 ready pod\nno name"):
        changed(how, reachable)


@pytest.mark.parametrize("how", ["install", "rollback"])
def test_a_release_whose_pods_are_refused_is_not_waited_for(
    telling: Helm, reachable: Cluster, objects: Objects, how: str
) -> None:
    """Only what was refused since it was changed counts: the change may be what mends it."""
    telling.installed("DaemonSet")
    daemonset = objects.daemonset(currentNumberScheduled=0, numberReady=0)
    message = 'Error creating: pods "w-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    before = objects.event(daemonset, "DaemonSet", message, lastTimestamp=objects.at(-3600))
    since = objects.event(daemonset, "DaemonSet", message, lastTimestamp=objects.at(60))
    looks = iter([[before], [before], [before, since]])
    objects.kubernetes.answers["/api/v1/namespaces/n/events"] = lambda: next(looks)
    with pytest.raises(errors.ChartError, match="daemonset/w in n is refused its pods: violates PodSecurity"):
        changed(how, reachable)

    assert list(looks) == []


def test_everything_that_a_release_wants_is_waited_for(telling: Helm, reachable: Cluster, objects: Objects) -> None:
    """Workloads, Jobs and pods of its own, in whatever namespace; what is whole is not enough while another is not."""
    kinds = ("DaemonSet", "Deployment", "StatefulSet", "Job", "Pod")
    telling.installed(*kinds, namespace="o")
    there = {"namespace": "o"}
    objects.daemonset(metadata=there)
    bodies: list[tuple[Body, Body]] = [
        (objects.replicated("Deployment", metadata=there), {"readyReplicas": 0}),
        (objects.replicated("StatefulSet", metadata=there), {"readyReplicas": 0}),
        (objects.job(metadata=there), {}),
        (objects.pod("w", metadata=there), {"phase": "Pending"}),
    ]
    looks: list[int] = []

    def daemonsets() -> list[Body]:
        """Let one after the other be whole, from look to look."""
        looks.append(len(looks))
        for number, (body, broken) in enumerate(bodies):
            whole = {"conditions": [{"type": kind, "status": "True"} for kind in ("Complete", "Ready")]}
            body["status"].update({"readyReplicas": 1, "phase": "Running", **whole})
            if number >= looks[-1]:
                body["status"].update({"conditions": [], **broken})
        return listed

    path = "/apis/apps/v1/namespaces/o/daemonsets"
    listed: list[Body] = objects.kubernetes.answers[path]
    objects.kubernetes.answers[path] = daemonsets
    helm.until_whole(reachable, RELEASE)

    assert len(looks) == len(bodies) + 1


def test_a_job_that_was_complete_may_be_removed(telling: Helm, reachable: Cluster, objects: Objects) -> None:
    """One that has `ttlSecondsAfterFinished` goes while others are waited for; one that nobody saw is missing."""
    telling.installed("Job", "DaemonSet")
    daemonset = objects.daemonset(numberReady=0)
    job = objects.job(conditions=[{"type": "Complete", "status": "True"}])
    looks = iter([[job], [], []])

    def jobs() -> list[Body]:
        found = next(looks)
        daemonset["status"]["numberReady"] = int(not found)
        return found

    objects.kubernetes.answers["/apis/batch/v1/namespaces/n/jobs"] = jobs
    helm.until_whole(reachable, RELEASE)

    assert list(looks) == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, pretend: Callable[[str, str], Path]) -> None:
    """Wait for pods for a moment only, and tell at once what holds them up."""
    pretend("kubectl", "echo pods")
    monkeypatch.setattr(limits, "PODS_READY", limits.Limit("pods ready", 0.1))
    monkeypatch.setattr(limits, "SETTLED_SECONDS", 0)


@pytest.mark.usefixtures("impatient")
def test_what_held_up_a_release_is_told_at_the_limit_too(
    telling: Helm, reachable: Cluster, objects: Objects, caplog: pytest.LogCaptureFixture
) -> None:
    """And while it is waited for, once; nobody is told that the machine is slow."""
    telling.installed("DaemonSet")
    reason = "daemonset/w in n: no node takes a pod: 1 Insufficient cpu."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "1 Insufficient cpu."}
    objects.pod(owner=objects.daemonset(numberReady=0), phase="Pending", conditions=[condition])
    with caplog.at_level("INFO", logger="workstream"), pytest.raises(errors.WaitError) as caught:
        helm.until_whole(reachable, RELEASE)

    assert caught.value.instead == f"This held it up: {reason}"
    told = [record.getMessage().split(maxsplit=1) for record in caplog.records]
    assert [what for subject, what in told if subject == "waiting"] == [reason]


@pytest.mark.usefixtures("impatient")
def test_what_a_release_lacks_is_told_at_the_limit(telling: Helm, reachable: Cluster, objects: Objects) -> None:
    """What is not whole, and what is not there, by name, and not what is whole."""
    telling.installed("DaemonSet", "StatefulSet", "Job", "Pod")
    objects.daemonset()
    objects.job()
    objects.pod("w")
    with pytest.raises(errors.WaitError) as caught:
        helm.until_whole(reachable, RELEASE)

    assert "not whole: statefulset/w in n, job/w in n\n" in caught.value.what
    assert "WORKSTREAM_PATIENCE" in caught.value.instead


# Waits for a hook until it is asked to end, and says so.
WAITING_FOR_A_HOOK = "trap 'echo stopped > FOLDER/stopped; exit 1' TERM; sleep 60 & wait"


@pytest.fixture
def hook(telling: Helm, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> Body:
    """Give the Job of a hook that Helm waits for; its pod cannot be pulled."""
    monkeypatch.setattr(limits, "LOOK_SECONDS", 0.05)
    telling.installed("Job", file="hooks", **{"helm.sh/hook": "pre-install"})
    telling.has("change", WAITING_FOR_A_HOOK.replace("FOLDER", str(telling.folder)))
    job = objects.job()
    waiting = {"reason": "ImagePullBackOff", "message": "not found"}
    objects.pod(owner=job, containerStatuses=[objects.container(waiting=waiting)])
    return job


@pytest.mark.usefixtures("hook")
def test_a_hook_that_cannot_succeed_is_not_waited_for(telling: Helm, reachable: Cluster) -> None:
    """Helm would wait for minutes: it is asked to end, and leaves a release that failed and can be changed again."""
    with pytest.raises(errors.PodError, match="ImagePullBackOff: job/w in n is to have 1 ready pod"):
        helm.install(reachable, RELEASE, {})

    assert (telling.folder / "stopped").exists()


@pytest.mark.parametrize("obstacle", ["of an earlier revision", "no release yet", "no answer"])
def test_what_says_nothing_of_the_hooks_that_helm_waits_for_stops_nothing(
    telling: Helm, reachable: Cluster, objects: Objects, hook: Body, obstacle: str
) -> None:
    """A Job that a hook left an hour ago, a release that is only being made, an API server that does not answer."""
    if obstacle == "of an earlier revision":
        hook["metadata"]["creationTimestamp"] = objects.at(-3600)
    elif obstacle == "no release yet":
        (telling.folder / "hooks").unlink()
    else:
        objects.kubernetes.answers.pop("/apis/batch/v1/namespaces/n/jobs")
    telling.has("change", f"until [ $(grep -c 'get hooks' {telling.folder}/calls) -ge 2 ]; do sleep 0.05; done")

    assert helm.install(reachable, RELEASE, {}) == 3


@pytest.mark.parametrize("how", ["install", "rollback", "uninstall"])
def test_a_hook_that_failed_is_told_with_the_log_of_its_pod(
    telling: Helm, reachable: Cluster, objects: Objects, pretend: Callable[[str, str], Path], how: str
) -> None:
    """Helm says that it failed; why stands in its log."""
    telling.installed("Pod", file="hooks", **{"helm.sh/hook": "post-upgrade"})
    telling.has("change", "echo 'Error: post-upgrade hooks failed: pod w failed' >&2; exit 1")
    pretend("kubectl", 'case "$*" in *" logs w "*) echo "no table" ;; esac')
    ended = objects.container(terminated={"exitCode": 3})
    objects.pod("w", phase="Failed", containerStatuses=[ended], metadata={"creationTimestamp": objects.at(60)})
    with pytest.raises(errors.ChartError) as caught:
        changed(how, reachable)

    assert "post-upgrade hooks failed: pod w failed\npod/w in n has failed\n" in caught.value.what
    assert caught.value.what.endswith("no table")
    assert caught.value.more == "kubectl --namespace n describe pod w"


def test_a_hook_for_which_time_ran_out_is_told_with_what_it_waited_for(
    telling: Helm, reachable: Cluster, objects: Objects
) -> None:
    """Helm says only that time ran out."""
    telling.installed("Job", file="hooks", **{"helm.sh/hook": "post-upgrade"})
    telling.has("change", "echo 'Error: timed out waiting for the condition' >&2; exit 1")
    objects.job(failed=2, metadata={"creationTimestamp": objects.at(60)})
    with pytest.raises(errors.ChartError) as caught:
        helm.install(reachable, RELEASE, {})

    assert caught.value.what.splitlines() == [
        "helm upgrade failed: Error: timed out waiting for the condition",
        "This held up its hooks: job/w in n has failed 2 times and tries again (backoffLimit 6)",
    ]


def test_what_helm_refuses_for_another_reason_is_told_as_it_is(telling: Helm, reachable: Cluster) -> None:
    """Without hooks there is nothing to add."""
    telling.has("change", "echo 'Error: values do not meet the schema' >&2; exit 1")
    with pytest.raises(errors.ChartError) as caught:
        helm.install(reachable, RELEASE, {})

    assert caught.value.what == "helm upgrade failed: Error: values do not meet the schema"
    assert caught.value.more.startswith("helm upgrade --install r charts/c ")


def test_in_the_clusters_own_namespace_nothing_is_asked_that_takes_a_right_to_make_one(
    telling: Helm, reachable: Cluster
) -> None:
    """It is there; any other namespace is made if need be."""
    helm.install(replace(reachable, namespace="n"), RELEASE, {})
    there = [call for call in telling.calls() if call.startswith("upgrade")]
    helm.install(replace(reachable, namespace="o"), RELEASE, {})
    elsewhere = [call for call in telling.calls() if call.startswith("upgrade")][len(there) :]

    assert ["--create-namespace" in call for call in (*there, *elsewhere)] == [False, True]


def test_a_right_that_helm_lacks_is_no_fault_of_the_chart(telling: Helm, reachable: Cluster) -> None:
    """It is named, in the API server's words."""
    message = 'secrets is forbidden: User "someone" cannot list resource "secrets" in API group "" in the namespace "n"'
    telling.has("change", f"echo 'Error: query: failed to query with labels: {message}' >&2; exit 1")
    with pytest.raises(errors.RightMissingError) as caught:
        helm.install(reachable, RELEASE, {})

    assert caught.value.what == f"helm upgrade failed: {message}"


@pytest.mark.parametrize(("listed", "there"), [("[]", False), ('[{"name": "r", "status": "failed"}]', True)])
def test_a_release_that_failed_is_there(telling: Helm, reachable: Cluster, listed: str, there: bool) -> None:  # noqa: FBT001 - a table
    """Helm is asked for all states, in words that 3 and 4 know, and for that very name."""
    telling.has("listed", listed)

    assert helm.exists(reachable, RELEASE) is there
    states = "--deployed --failed --pending --superseded --uninstalled --uninstalling"
    assert telling.calls() == [f"list --namespace n --filter ^r$ --output json {states}"]


# Refuses the first upgrade, as while another change is under way.
PENDING = """
if [ "$1" = upgrade ] && ! [ -e FOLDER/refused ]; then
    touch FOLDER/refused
    echo 'Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress' >&2
    exit 1
fi
"""


@pytest.mark.parametrize(
    ("status", "mended"),
    [
        ("pending-install", "uninstall r --namespace n --no-hooks --ignore-not-found"),
        ("pending-upgrade", "rollback r --namespace n --no-hooks"),
        ("pending-rollback", "rollback r --namespace n --no-hooks"),
    ],
)
def test_a_change_that_a_killed_run_left_half_done_is_taken_back(
    telling: Helm, reachable: Cluster, caplog: pytest.LogCaptureFixture, status: str, mended: str
) -> None:
    """Helm refuses every other change for ever then. On a cluster of ours no other run acts, so it is nobody's."""
    telling.has("change", PENDING.replace("FOLDER", str(telling.folder)))
    telling.has("listed", f'[{{"revision": "3", "status": "{status}"}}]')
    with caplog.at_level("INFO", logger="workstream"):
        assert helm.install(reachable, RELEASE, {}) == 3

    changes = [call for call in telling.calls() if call.startswith(("upgrade", "uninstall", "rollback"))]
    assert [call.split()[0] for call in changes] == ["upgrade", mended.split(maxsplit=1)[0], "upgrade"]
    assert changes[1] == mended
    assert f"r is {status}: a run that was killed left it" in caplog.text


def test_a_change_that_is_under_way_on_a_cluster_of_others_is_left_alone(telling: Helm, reachable: Cluster) -> None:
    """It may be theirs: the error says what Helm said."""
    telling.has("change", PENDING.replace("FOLDER", str(telling.folder)))
    with pytest.raises(errors.ChartError, match="another operation"):
        helm.install(replace(reachable, ours=False), RELEASE, {})

    assert [call for call in telling.calls() if call.startswith(("uninstall", "rollback"))] == []
