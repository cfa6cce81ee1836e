"""A live cluster: typed reads through the Kubernetes API, and kubectl for what people would type."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from kubernetes import client, config
from kubernetes.client import rest
from kubernetes.client.exceptions import ApiException
from pytest_kubernetes.providers.external import ExternalManagerBase
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from workstream import errors, limits, processes
from workstream.cluster.images import Images
from workstream.processes import Environment
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime
    from pathlib import Path

    from pydantic import JsonValue
    from pytest_kubernetes.providers.base import AClusterManager

    from workstream.cluster.images import Provided

T = TypeVar("T")

DEFAULT_NAMESPACE = "default"
STAYS = "stays: "  # what the name begins with of what is noticed to stay where it is when a run is over

_FORBIDDEN = 403
_REPELLING = {"NoSchedule", "NoExecute"}

# An API server that is being restarted, or has too much to do, answers again within seconds; only reads are repeated.
_RETRIES = Retry(
    total=5,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=("GET",),
    raise_on_status=False,
)


class _Requests(rest.RESTClientObject):
    """Says in our words that an API server does not answer."""

    def request(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the client passes on
        """Ask, as the client does."""
        try:
            return super().request(*arguments, **named)
        except HTTPError as error:
            raise errors.ClusterFailedError(
                f"The cluster's API server does not answer: {error}",
                instead="If its node was stopped or the engine ended, run again: the cluster is made anew.",
            ) from error


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


def _remembering(kubeconfig: Path) -> dict[str, str]:
    """Return what lets kubectl and Helm keep what they remember of an API beside a file, and not in ~/.kube."""
    return {"KUBECACHEDIR": str(kubeconfig.with_name("kube-cache"))}


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


def unshown(_seen: Mapping[str, JsonValue]) -> None:
    """Draw nothing."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that answers.

    Attributes:
        kubeconfig: the file that says how to reach it.
        context: the context of that file.
        name: what people call it.
        provide: makes an image of the engine available to its pods; see `Provide`.
        manager: the same cluster as pytest-kubernetes knows it.
        namespace: the one for whatever a run makes there; kubectl and helm use it unless they are told another. It is
            there.
        ours: whether this project made it, so that whatever is on it may be removed.
        images: what was brought to it, and what its pods were seen to run.
        notice: is called with what is seen of it that tests did not ask for: a name, and a value.
        show: is called with what was there of it at a moment; see `sight`.
        namespaces: where the run has installed something.
        programs: what lets kubectl and helm be found; by default they are on PATH.
        unseen: what the account that the run acts as may not see, and that was told.
        node_images: tells what its nodes were made of, each image once: name, and digest; nothing if nobody knows.

    """

    kubeconfig: Path
    context: str
    name: str
    provide: Provide
    manager: AClusterManager
    namespace: str = DEFAULT_NAMESPACE
    ours: bool = True
    images: Images = field(default_factory=Images, compare=False)
    notice: Callable[[str, JsonValue], None] = field(default=unnoticed, compare=False)
    show: Callable[[Mapping[str, JsonValue]], None] = field(default=unshown, compare=False)
    namespaces: set[str] = field(default_factory=set, compare=False)
    programs: Environment = field(default_factory=Environment)
    unseen: set[str] = field(default_factory=set, compare=False)
    node_images: Callable[[], list[str]] = field(default=list, compare=False)

    @cached_property
    def _api(self) -> client.ApiClient:
        settings = client.Configuration()
        # It writes certificates and keys into files, which a killed run leaves behind: they go where the cluster's file
        # goes, which the next run removes.
        files = str(self.kubeconfig.with_name("certificates"))
        config.load_kube_config(str(self.kubeconfig), self.context, client_configuration=settings, temp_file_path=files)
        # As kubectl and every other program in Go: what runs on this machine is not reached through a proxy.
        host = urlsplit(settings.host).hostname or ""
        if _is_this_machine(host):
            settings.no_proxy = ",".join(filter(None, [settings.no_proxy, host]))
        settings.retries = _RETRIES
        api = client.ApiClient(settings)
        api.rest_client = _Requests(settings)
        return api

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
        where = {
            "KUBECONFIG": str(self.kubeconfig),
            "HELM_KUBECONTEXT": self.context,
            **_remembering(self.kubeconfig),
        }
        return self.programs | Environment({**_UNSET, **_NO_PREFERENCES, **where})

    @cached_property
    def version(self) -> str:
        """The version of the Kubernetes API server, `v1.34.4`."""
        return str(client.VersionApi(self._api).get_code().git_version)

    def now(self) -> datetime:
        """Return the API server's time, to the second: what happens on a cluster has that, and not this machine's."""
        headers = client.VersionApi(self._api).get_code_with_http_info()[2]
        return parsedate_to_datetime(headers["Date"])

    def allowed(self, call: Callable[[], T]) -> T:
        """Return what a call of the API returns.

        Raises:
            errors.RightMissingError: the account that the run acts as may not; the message has the right's name.

        """
        try:
            return call()
        except ApiException as error:
            if error.status != _FORBIDDEN:
                raise
            raise errors.RightMissingError(_message(error)) from error

    def if_allowed(self, what: str, call: Callable[[], Any]) -> list[Any]:
        """Return what a call of the API lists that nothing is proven by: nothing if that is forbidden.

        Args:
            what: what is listed, for the one line that tells people that it cannot be seen.
            call: lists it.

        """
        try:
            return list(self.allowed(call).items)
        except errors.RightMissingError as error:
            self.miss(what, error.what)
            return []

    def miss(self, what: str, why: str) -> None:
        """Tell once that something cannot be seen, and so is not looked at."""
        if what not in self.unseen:
            self.unseen.add(what)
            say("cluster", f"{what} cannot be seen, and the run goes on without: {why}")

    def nodes(self) -> list[client.V1Node]:
        """Return all nodes, by name.

        Raises:
            errors.RightMissingError: the account that the run acts as may not list them.

        """
        return sorted(self.allowed(self.core.list_node).items, key=lambda node: str(node.metadata.name))

    def eligible_nodes(self) -> frozenset[str]:
        """Return the names of the nodes that take pods of a DaemonSet that names no tolerations.

        Raises:
            errors.RightMissingError: see `nodes`.

        """
        return frozenset(
            node.metadata.name
            for node in self.nodes()
            if not any(taint.effect in _REPELLING and taint.key not in _TOLERATED for taint in node.spec.taints or ())
        )

    def pods(self, namespace: str, selector: str) -> list[client.V1Pod]:
        """Return the pods that a label selector finds, by name.

        Raises:
            errors.RightMissingError: the account that the run acts as may not list them.

        """
        pods = self.allowed(lambda: self.core.list_namespaced_pod(namespace, label_selector=selector)).items
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


class _TheirManager(ExternalManagerBase):
    """A cluster of others, as pytest-kubernetes knows it."""

    def delete(self) -> None:
        """Do nothing: that of pytest-kubernetes deletes the kubeconfig file, after each test, and not the cluster."""


@dataclass(frozen=True, slots=True)
class External:
    """A cluster that somebody else made.

    Attributes:
        context: a context that kubectl knows.
        registry: where its nodes pull images from; empty if none was named.
        kubeconfig: the file that says how to reach it, and knows nothing else; it holds credentials.
        push: pushes an image (first argument) to a registry (second).
        notice: see `Cluster`.
        show: see `Cluster`.
        programs: see `Cluster`.

    """

    context: str
    registry: str
    kubeconfig: Path
    push: Callable[[str, str], Provided]
    notice: Callable[[str, JsonValue], None] = unnoticed
    show: Callable[[Mapping[str, JsonValue]], None] = unshown
    programs: Environment = field(default_factory=Environment)


def existing(there: External) -> Cluster:
    """Return a cluster that is there, by its context.

    A program that is told no context, like completion commands of a document, must not act on another cluster: we use a
    kubeconfig file that knows this context only. See `within` for its namespace.

    Args:
        there: the cluster; its kubeconfig file is written.

    Raises:
        errors.ClusterFailedError: there is no such context, or its cluster does not answer.

    """
    cluster = reached(there)
    try:
        only = ["kubectl", "--context", there.context, "config", "view", "--minify", "--flatten", "--raw"]
        # Some kubectl look at the cluster whatever they are asked for, and remember what they saw.
        environment = there.programs | Environment(_remembering(there.kubeconfig))
        printed = processes.run(only, limit=limits.QUERY, environment=environment).stdout
        there.kubeconfig.write_text(printed, encoding="utf-8")
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
        there.notice(
            f"{STAYS}image {pushed.name}",
            f"{pushed.digests[0]}, in the registry; nodes that pulled it keep it until their kubelet makes room",
        )
        return pushed.name

    context = there.context
    manager = _TheirManager(context, None, there.kubeconfig)
    return Cluster(
        there.kubeconfig,
        context,
        context,
        provide,
        manager,
        ours=False,
        images=images,
        notice=there.notice,
        show=there.show,
        programs=there.programs,
    )


def within(cluster: Cluster, namespace: str) -> Cluster:
    """Return a cluster with another namespace for what a run makes, which its kubeconfig file then says too."""
    cluster.kubectl("config", "set-context", cluster.context, "--namespace", namespace)
    return replace(cluster, namespace=namespace)


def _message(error: ApiException) -> str:
    """Return what the API server says of an error."""
    try:
        return str(json.loads(error.body)["message"])
    except (KeyError, TypeError, ValueError):
        return str(error.reason)
