"""A live cluster: typed reads through the Kubernetes API, and kubectl for what people would type."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from kubernetes import client, config
from pytest_kubernetes.providers.external import ExternalManagerBase

from workstream import errors, limits, processes
from workstream.cluster.images import Images
from workstream.processes import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime
    from pathlib import Path

    from pydantic import JsonValue
    from pytest_kubernetes.providers.base import AClusterManager

    from workstream.cluster.images import Provided

_REPELLING = {"NoSchedule", "NoExecute"}

# What the pods of every DaemonSet tolerate: the DaemonSet controller sees to it.
_TOLERATED = {
    f"node.kubernetes.io/{state}"
    for state in (
        "disk-pressure",
        "memory-pressure",
        "network-unavailable",
        "not-ready",
        "pid-pressure",
        "unreachable",
        "unschedulable",
    )
}


def _is_this_machine(host: str) -> bool:
    """Whether a host's name or address is that of this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def request_timeout() -> str:
    """Return the option that limits how long kubectl waits for an answer."""
    return f"--request-timeout={limits.ANSWER.seconds:g}s"


# Settings of the user that lead kubectl and helm elsewhere, or let them do something else: empty is as good as unset.
# KUBERC holds defaults of kubectl's options (`delete` asks back in Kubernetes' own example), and has a word for none.
_UNSET = dict.fromkeys(
    (
        "HELM_DRIVER",
        "HELM_KUBEAPISERVER",
        "HELM_KUBEASGROUPS",
        "HELM_KUBEASUSER",
        "HELM_KUBECAFILE",
        "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
        "HELM_KUBETLS_SERVER_NAME",
        "HELM_KUBETOKEN",
        "HELM_NAMESPACE",
    ),
    "",
)
_NO_PREFERENCES = {"KUBERC": "off"}


class Provide(Protocol):
    """Makes an image of the engine available to a cluster's pods."""

    def __call__(self, image: str, name: str = "") -> str:
        """Return the name that pods use.

        Args:
            image: its name in the engine.
            name: a name that it is to have too, and that is returned then, unless nodes pull it from a registry: what
                a chart has as its default, and commands rely on. Pods that run already keep what the name stood for;
                `helm.install` sees to it that none does. Without it the name that is returned carries the content.

        """
        ...


def unnoticed(_name: str, _value: JsonValue) -> None:
    """Ignore what is seen."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that answers.

    Attributes:
        kubeconfig: the file that says how to reach it.
        context: the context of that file.
        name: what people call it.
        provide: makes an image of the engine available to its pods; see `Provide`.
        manager: the same cluster as pytest-kubernetes knows it.
        ours: whether this project made it, so that whatever is on it may be removed.
        images: what was brought to it, and what its pods were seen to run.
        notice: is called with what is seen of it that tests did not ask for: a name, and a value.
        programs: what lets kubectl and helm be found; by default they are on PATH.
        node_images: tells what its nodes were made of, each image once: name, and digest; nothing if nobody knows.

    """

    kubeconfig: Path
    context: str
    name: str
    provide: Provide
    manager: AClusterManager
    ours: bool = True
    images: Images = field(default_factory=Images, compare=False)
    notice: Callable[[str, JsonValue], None] = field(default=unnoticed, compare=False)
    programs: Environment = field(default_factory=Environment)
    node_images: Callable[[], list[str]] = field(default=list, compare=False)

    @cached_property
    def _api(self) -> client.ApiClient:
        settings = client.Configuration()
        config.load_kube_config(str(self.kubeconfig), self.context, client_configuration=settings)
        # As kubectl and every other program in Go: what runs on this machine is not reached through a proxy.
        host = urlsplit(settings.host).hostname or ""
        if _is_this_machine(host):
            settings.no_proxy = ",".join(filter(None, [settings.no_proxy, host]))
        return client.ApiClient(settings)

    @cached_property
    def core(self) -> client.CoreV1Api:
        """Pods, nodes, services and the like."""
        return client.CoreV1Api(self._api)

    @cached_property
    def apps(self) -> client.AppsV1Api:
        """Deployments and DaemonSets."""
        return client.AppsV1Api(self._api)

    @cached_property
    def batch(self) -> client.BatchV1Api:
        """Jobs and CronJobs."""
        return client.BatchV1Api(self._api)

    @cached_property
    def storage(self) -> client.StorageV1Api:
        """Classes of storage."""
        return client.StorageV1Api(self._api)

    @property
    def environment(self) -> Environment:
        """What makes kubectl and helm use this cluster."""
        where = {"KUBECONFIG": str(self.kubeconfig), "HELM_KUBECONTEXT": self.context}
        return self.programs | Environment({**_UNSET, **_NO_PREFERENCES, **where})

    @cached_property
    def version(self) -> str:
        """The version of the Kubernetes API server, `v1.34.4`."""
        return str(client.VersionApi(self._api).get_code().git_version)

    def now(self) -> datetime:
        """Return the API server's time, to the second: what happens on a cluster has that, and not this machine's."""
        headers = client.VersionApi(self._api).get_code_with_http_info()[2]
        return parsedate_to_datetime(headers["Date"])

    def nodes(self) -> list[client.V1Node]:
        """Return all nodes, by name."""
        return sorted(self.core.list_node().items, key=lambda node: str(node.metadata.name))

    def eligible_nodes(self) -> frozenset[str]:
        """Return the names of the nodes that take pods of a DaemonSet that names no tolerations."""
        return frozenset(
            node.metadata.name
            for node in self.nodes()
            if not any(taint.effect in _REPELLING and taint.key not in _TOLERATED for taint in node.spec.taints or ())
        )

    def pods(self, namespace: str, selector: str) -> list[client.V1Pod]:
        """Return the pods that a label selector finds, by name."""
        pods = self.core.list_namespaced_pod(namespace, label_selector=selector).items
        return sorted(pods, key=lambda pod: str(pod.metadata.name))

    def logs(
        self, namespace: str, pod: str, *, container: str = "", timestamps: bool = False, previous: bool = False
    ) -> str:
        """Return the whole log of a pod's container.

        Args:
            namespace: the pod's namespace.
            pod: its name.
            container: needed only if it has several.
            timestamps: start every line with the time at which it was written (RFC 3339).
            previous: the container before the last restart.

        """
        options: dict[str, Any] = {"container": container} if container else {}
        text: str = self.core.read_namespaced_pod_log(
            pod, namespace, timestamps=timestamps, previous=previous, _preload_content=False, **options
        ).data.decode("utf-8", "replace")
        return text

    def kubectl(
        self,
        *arguments: str,
        limit: limits.Limit = limits.QUICK_COMMAND,
        accept: Collection[int] = (0,),
        stdin: bytes | None = None,
    ) -> processes.Completed:
        """Run kubectl against this cluster.

        Raises:
            errors.ProgramFailedError: it ends with an exit code that is not in `accept`.

        """
        command = ["kubectl", "--context", self.context, *arguments]
        return processes.run(command, limit=limit, environment=self.environment, accept=accept, stdin=stdin)

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what `kubectl get ARGUMENTS` finds, as plain objects."""
        return list(json.loads(self.kubectl("get", *arguments, "--output", "json").stdout)["items"])

    def execute(
        self,
        namespace: str,
        pod: str,
        *command: str,
        container: str = "",
        limit: limits.Limit = limits.QUICK_COMMAND,
        accept: Collection[int] = (0,),
    ) -> processes.Completed:
        """Run a command in a pod's container and return what came of it.

        Raises:
            errors.ProgramFailedError: it ends with an exit code that is not in `accept`.

        """
        chosen = ["--container", container] if container else []
        return self.kubectl("--namespace", namespace, "exec", pod, *chosen, "--", *command, limit=limit, accept=accept)


@dataclass(frozen=True, slots=True)
class External:
    """A cluster that somebody else made.

    Attributes:
        context: a context that kubectl knows.
        registry: where its nodes pull images from; empty if none was named.
        kubeconfig: the file that says how to reach it, and knows nothing else; it holds credentials.
        push: pushes an image (first argument) to a registry (second).
        programs: see `Cluster`.

    """

    context: str
    registry: str
    kubeconfig: Path
    push: Callable[[str, str], Provided]
    programs: Environment = field(default_factory=Environment)


def existing(there: External) -> Cluster:
    """Return a cluster that is there, by its context.

    A program that is told no context, like completion commands of a document, must not act on another cluster: we use a
    kubeconfig file that knows this context only, with the namespace `default`.

    Args:
        there: the cluster; its kubeconfig file is written.

    Raises:
        errors.ClusterFailedError: there is no such context, or its cluster does not answer.

    """
    cluster = reached(there)
    try:
        only = ["kubectl", "--context", there.context, "config", "view", "--minify", "--flatten", "--raw"]
        printed = processes.run(only, limit=limits.QUERY, environment=there.programs).stdout
        there.kubeconfig.write_text(printed, encoding="utf-8")
        cluster.kubectl("config", "set-context", there.context, "--namespace", "default")
        cluster.kubectl("get", "--raw", "/readyz", request_timeout(), limit=limits.QUERY)
    except errors.WorkstreamError as error:
        raise errors.ClusterFailedError(
            f"The cluster of the context {there.context} does not answer.\n{error.what}",
            instead="Name a context of `kubectl config get-contexts`, or leave --workstream-kube-context away for a "
            "kind cluster.",
        ) from error
    return cluster


def reached(there: External) -> Cluster:
    """Return a cluster that is there and answers, by a file that knows it only; see `existing`."""
    images = Images()

    def provide(image: str, name: str = "") -> str:
        if not there.registry:
            raise errors.UsageError(
                f"The cluster of {there.context} has to pull {name or image} from somewhere.",
                instead="Name a registry that you may push to and its nodes may pull from: "
                "--workstream-registry HOST/PATH.",
            )
        pushed = there.push(image, there.registry)
        images.bring(pushed.name, pushed.digests)
        return pushed.name

    context = there.context
    manager = ExternalManagerBase(context, None, there.kubeconfig)
    return Cluster(
        there.kubeconfig, context, context, provide, manager, ours=False, images=images, programs=there.programs
    )
