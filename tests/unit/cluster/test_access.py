from __future__ import annotations

import base64
import json
import socket
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from kubernetes.client.exceptions import ApiException
from urllib3.util import Retry

from workstream import errors
from workstream.cluster import access
from workstream.cluster.access import Cluster
from workstream.cluster.images import Provided

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cluster.conftest import Kubernetes

# What it is asked for stands behind one another in a file; only the context `testing` is known.
KUBECTL = """
echo "$@ KUBECONFIG=$KUBECONFIG" >> LOG
echo "$KUBECACHEDIR" >> LOG.remembered
case "$*" in
    "--context testing config view "*) echo "current-context: testing" ;;
    *" config view "*) echo 'error: context "elsewhere" does not exist' >&2; exit 1 ;;
esac
"""


@pytest.fixture
def existing(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., access.Cluster]:
    """Give a way to use a cluster of the user's kubeconfig file; pushing an image only names it."""
    monkeypatch.setenv("KUBECONFIG", "the users")
    pretend("kubectl", KUBECTL.replace("LOG", str(tmp_path / "log")))
    (tmp_path / "ours").mkdir()

    def push(image: str, registry: str) -> Provided:
        return Provided(f"{registry}{image}-51a7", ("sha256:m",))

    def use(context: str, registry: str = "") -> access.Cluster:
        return access.existing(access.External(context, registry, tmp_path / "ours" / "kubeconfig", push))

    return use


def test_a_cluster_of_others_is_reached_by_a_file_that_knows_no_other(
    existing: Callable[..., access.Cluster], tmp_path: Path
) -> None:
    """A completion command that names no context acts on it too, in the namespace that the run uses there."""
    found = access.within(existing("testing"), "its-own")
    asked, *ours = (tmp_path / "log").read_text().splitlines()

    assert asked == "--context testing config view --minify --flatten --raw KUBECONFIG=the users"
    assert ours[-1].startswith("--context testing config set-context testing --namespace its-own ")
    assert all(line.endswith(f"KUBECONFIG={found.kubeconfig}") for line in ours)
    assert found.namespace == "its-own"
    assert set((tmp_path / "log.remembered").read_text().splitlines()) == {str(tmp_path / "ours" / "kube-cache")}
    assert found.kubeconfig.read_text() == "current-context: testing\n"
    assert found.environment["KUBECONFIG"] == str(found.kubeconfig)
    assert not found.ours


def test_what_kubectl_and_helm_remember_of_a_cluster_stands_beside_the_file_that_leads_there(
    reachable: access.Cluster, tmp_path: Path
) -> None:
    """And not in the user's ~/.kube, which no run writes to."""
    assert reachable.environment["KUBECACHEDIR"] == str(tmp_path / "kube-cache")


def test_keys_of_a_cluster_are_written_beside_the_file_that_leads_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among the machine's temporary files those of a run that was killed would stay for ever."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    data = {name: base64.b64encode(f"{name} of {tmp_path}".encode()).decode() for name in ("certificate", "key")}
    kubeconfig = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {f"client-{name}-data": text for name, text in data.items()}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    nothing = cast("Any", None)
    found = access.Cluster(tmp_path / "kubeconfig", "c", "c", nothing, nothing)

    assert found.core
    written = {path.read_text() for path in (tmp_path / "certificates").iterdir()}
    assert written == {f"certificate of {tmp_path}", f"key of {tmp_path}"}
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["", "queue:1"])
def test_its_nodes_pull_an_image_from_the_registry_whatever_name_it_is_to_have(
    existing: Callable[..., access.Cluster], name: str
) -> None:
    """Pods use the name that it was pushed under, and what was pushed is remembered."""
    cluster = existing("testing", "registry.example/")

    assert cluster.provide("queue:dev", name) == "registry.example/queue:dev-51a7"
    assert cluster.images.brought == {"registry.example/queue:dev-51a7": ("sha256:m",)}


def test_a_test_that_lets_go_of_a_cluster_of_others_takes_nothing_away(
    existing: Callable[..., access.Cluster],
) -> None:
    """pytest-kubernetes does so at the end of every test that asks for `k8s`; the next one has the cluster too."""
    found = existing("testing")
    found.manager.delete()

    assert found.kubeconfig.exists()
    assert found.manager.kubeconfig == found.kubeconfig


def test_an_image_that_stays_in_the_registry_is_told(tmp_path: Path) -> None:
    """By name and digest: nobody else would know what may go there."""
    told: list[tuple[str, object]] = []
    there = access.External(
        "testing", "r", tmp_path / "kubeconfig", lambda *_: Provided("r/queue:1-51a7", ("sha256:m", "sha256:c"))
    )
    access.reached(replace(there, notice=lambda *seen: told.append(seen))).provide("queue:1")

    ((name, value),) = told
    assert name == "stays: image r/queue:1-51a7"
    assert str(value).startswith("sha256:m, in the registry")


def test_without_a_registry_it_cannot_have_the_image(existing: Callable[..., access.Cluster]) -> None:
    """The error says which option is missing."""
    with pytest.raises(errors.UsageError, match="testing") as caught:
        existing("testing").provide("w/spark:3.5.7-0a", "w/spark:3.5.7")

    assert "--workstream-registry" in caught.value.instead


def test_a_context_that_there_is_not_is_named(existing: Callable[..., access.Cluster]) -> None:
    """The error has kubectl's words, and says where to look."""
    with pytest.raises(errors.ClusterFailedError, match='context "elsewhere" does not exist') as caught:
        existing("elsewhere")

    assert "get-contexts" in caught.value.instead


def node(name: str, *taints: tuple[str, str]) -> dict[str, Any]:
    """Return a node as the API server tells it, with taints: a key and an effect each."""
    told = [{"key": key, "effect": effect} for key, effect in taints]
    return {"metadata": {"name": name}, "spec": {"taints": told} if told else {}}


def test_a_node_is_eligible_unless_it_repels_the_pods_of_a_daemonset(
    reachable: access.Cluster, kubernetes: Kubernetes
) -> None:
    """A control plane repels them; a node that is cordoned, lost or short of something does not, nor one that asks."""
    kubernetes.answers["/api/v1/nodes"] = [
        node("worker"),
        node("control-plane", ("node-role.kubernetes.io/control-plane", "NoSchedule")),
        node("drained", ("maintenance", "NoExecute")),
        node("reserved", ("team", "PreferNoSchedule")),
        node("cordoned", ("node.kubernetes.io/unschedulable", "NoSchedule")),
        node("lost", ("node.kubernetes.io/unreachable", "NoExecute"), ("node.kubernetes.io/not-ready", "NoSchedule")),
        node("lost-and-drained", ("node.kubernetes.io/unreachable", "NoExecute"), ("maintenance", "NoSchedule")),
    ]

    assert reachable.eligible_nodes() == {"worker", "reserved", "cordoned", "lost"}


def test_a_right_that_is_missing_is_named(reachable: access.Cluster, kubernetes: Kubernetes) -> None:
    """In the words of the API server; any other refusal is no matter of rights."""
    nodes = kubernetes.forbid("/api/v1/nodes", "nodes")
    pods = kubernetes.forbid("/api/v1/namespaces/n/pods", "pods")
    for call, message in ((reachable.eligible_nodes, nodes), (lambda: reachable.pods("n", "a=b"), pods)):
        with pytest.raises(errors.RightMissingError) as caught:
            call()
        assert caught.value.what == message
        assert caught.value.more == "docs/how-to/use-an-existing-cluster.md"
    with pytest.raises(ApiException):
        reachable.allowed(reachable.core.list_persistent_volume)


def test_what_nothing_is_proven_by_is_done_without_and_that_is_told_once(
    reachable: access.Cluster, kubernetes: Kubernetes, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is asked for; what may be seen is."""
    message = kubernetes.forbid("/api/v1/nodes", "nodes")
    kubernetes.answers["/api/v1/namespaces/n/pods"] = [{"metadata": {"name": "p"}}]
    with caplog.at_level("INFO", logger="workstream"):
        assert [reachable.if_allowed("nodes", reachable.core.list_node) for _ in range(2)] == [[], []]
        found = reachable.if_allowed("pods", lambda: reachable.core.list_namespaced_pod("n"))

    assert [pod.metadata.name for pod in found] == ["p"]
    assert caplog.text.count(f"nodes cannot be seen, and the run goes on without: {message}") == 1


def test_nodes_and_pods_come_by_name(reachable: access.Cluster, kubernetes: Kubernetes) -> None:
    """In whatever order the API server tells them; pods by a label selector, within a namespace."""
    kubernetes.answers["/api/v1/nodes"] = [node("b"), node("a")]
    kubernetes.answers["/api/v1/namespaces/n/pods"] = [{"metadata": {"name": name}} for name in ("q", "p")]

    assert [one.metadata.name for one in reachable.nodes()] == ["a", "b"]
    assert [one.metadata.name for one in reachable.pods("n", "app=x,tier=y")] == ["p", "q"]
    assert kubernetes.asked[-1] == ("/api/v1/namespaces/n/pods", {"labelSelector": ["app=x,tier=y"]})


def test_workloads_and_the_version_are_the_clusters_own(reachable: access.Cluster, kubernetes: Kubernetes) -> None:
    """Both are asked of the API server that the file and the context name."""
    kubernetes.answers["/version/"]["gitVersion"] = "v1.34.5"
    kubernetes.answers["/apis/apps/v1/namespaces/n/daemonsets"] = [
        {"metadata": {"name": "d"}, "spec": {"selector": {}, "template": {}}}
    ]

    kubernetes.answers["/apis/batch/v1/namespaces/n/jobs"] = [{"metadata": {"name": "j"}}]

    assert reachable.version == "v1.34.5"
    assert [one.metadata.name for one in reachable.apps.list_namespaced_daemon_set("n").items] == ["d"]
    assert [one.metadata.name for one in reachable.batch.list_namespaced_job("n").items] == ["j"]


def test_the_time_of_a_cluster_is_its_api_servers(reachable: access.Cluster, kubernetes: Kubernetes) -> None:
    """With its zone: what happens on the cluster is compared with it, wherever this machine's clock stands."""
    kubernetes.date = "Thu, 01 Jan 2026 10:00:00 GMT"

    assert reachable.now() == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, {"previous": "false", "timestamps": "false"}),
        ({"container": "main"}, {"container": "main", "previous": "false", "timestamps": "false"}),
        ({"timestamps": True, "previous": True}, {"previous": "true", "timestamps": "true"}),
    ],
)
def test_a_log_is_whole_and_as_it_was_written(
    reachable: access.Cluster, kubernetes: Kubernetes, options: dict[str, Any], asked: dict[str, str]
) -> None:
    """What looks like JSON in it is no JSON to us; a container is named only where one is."""
    kubernetes.answers["/api/v1/namespaces/n/pods/p/log"] = "{'a': 1}\nÄ\n"

    assert reachable.logs("n", "p", **options) == "{'a': 1}\nÄ\n"
    ((path, query),) = kubernetes.asked
    assert path == "/api/v1/namespaces/n/pods/p/log"
    assert {name: value.lower() for name, (value,) in query.items()} == asked


def test_objects_are_what_kubectl_finds(reachable: access.Cluster, pretend: Callable[[str, str], Path]) -> None:
    """As plain objects, each as it stands in the cluster."""
    pretend(
        "kubectl", '[ "$*" = "--context testing get pods -l a=b --output json" ] && echo \'{"items": [{"kind": 1}]}\''
    )

    assert reachable.objects("pods", "-l", "a=b") == [{"kind": 1}]


@pytest.mark.parametrize(("container", "chosen"), [("", ""), ("main", " --container main")])
def test_a_command_in_a_pod_tells_what_came_of_it(
    reachable: access.Cluster, pretend: Callable[[str, str], Path], container: str, chosen: str
) -> None:
    """Its own options are its own; an exit code that is not accepted is an error with its last words."""
    pretend("kubectl", 'echo "$@ $KUBECONFIG"; echo gone >&2; exit 3')
    ended = reachable.execute("n", "p", "sh", "-c", "ls", container=container, accept=(3,))

    command = f"--context testing --namespace n exec p{chosen} -- sh -c ls"
    assert (ended.stdout, ended.returncode) == (f"{command} {reachable.kubeconfig}\n", 3)
    with pytest.raises(errors.ProgramFailedError, match="gone"):
        reachable.execute("n", "p", "ls")


def test_an_api_server_that_has_too_much_to_do_is_asked_again(reachable: Cluster, kubernetes: Kubernetes) -> None:
    """What it refuses for a moment ends no wait."""
    refusing = iter([503, 429])

    def busy() -> object:
        code = next(refusing, None)
        return [] if code is None else code

    kubernetes.answers["/api/v1/nodes"] = busy
    assert reachable.nodes() == []
    assert len(kubernetes.asked) == 3


def test_an_api_server_that_is_gone_is_told_as_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours, which says where it was, and none of a library."""
    monkeypatch.setattr(access, "_RETRIES", Retry(total=0))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    nothing = cast("Any", None)
    kubeconfig = {
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "contexts": [{"name": "testing", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    gone = Cluster(tmp_path / "kubeconfig", "testing", "testing", nothing, nothing)

    port = address.rpartition(":")[2]
    with pytest.raises(errors.ClusterFailedError, match=f"The cluster's API server does not answer: .*{port}"):
        gone.nodes()
