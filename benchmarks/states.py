"""Brings a cluster up, makes on it every state that keeps a release from coming up, and says how soon that is said.

    python benchmarks/states.py

For each state a chart of its own is installed with `helm.install`, as a test does. The table has the seconds until the
first line speaks of it, the exit code with which a run would end (0: it came up), after how many seconds, and the last
line of what is said. States that something outside may end are waited for until the limit, which is short here.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from workstream import errors, limits, progress
from workstream.cluster import helm, node_image, provisioning

if TYPE_CHECKING:
    from workstream.cluster.access import Cluster

NAME = "states"
WAITS_SECONDS = 25  # for pods, and for hooks
IMAGE = "IMAGE"  # stands for an image that the nodes have

Body = dict[str, Any]


def container(*command: str, **more: Any) -> Body:  # noqa: ANN401 - JSON
    """Return a container that runs a command in a shell; it goes on for ever unless one is given."""
    run = ["sh", "-c", " ".join(command) or "trap exit TERM; sleep 9999 & wait"]
    return {"name": "main", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": run, **more}


def pod_spec(*containers: Body, **more: Any) -> Body:  # noqa: ANN401 - JSON
    """Return what a pod is made of."""
    return {"terminationGracePeriodSeconds": 1, "containers": list(containers or (container(),)), **more}


def workload(kind: str, spec: Body, **more: Any) -> Body:  # noqa: ANN401 - JSON
    """Return a Deployment, a DaemonSet or a StatefulSet called w."""
    labels = {"app": "w"}
    body = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}, **more}
    if kind != "DaemonSet":
        body.setdefault("replicas", 1)
    if kind == "StatefulSet":
        body["serviceName"] = "w"
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "w"}, "spec": body}


def job(retries: int, **metadata: Any) -> Body:  # noqa: ANN401 - JSON
    """Return a Job that fails, and tries again so often."""
    failing = pod_spec(container("echo no luck; exit 3"), restartPolicy="Never")
    spec = {"backoffLimit": retries, "template": {"spec": failing}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "w", **metadata}, "spec": spec}


def hook(retries: int) -> Body:
    """Return a hook that fails, and tries again so often."""
    return job(retries, annotations={"helm.sh/hook": "pre-install"})


def quota(**hard: str) -> Body:
    """Return a quota."""
    named = {name.replace("_", "."): amount for name, amount in hard.items()}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": named}}


def bare(name: str, spec: Body) -> Body:
    """Return a pod of its own."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def policy() -> list[Body]:
    """Return what refuses every pod of a namespace, as a webhook does."""
    api = "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "NAMESPACE"}}}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "no pods today"}],
    }
    binding = {"policyName": "NAMESPACE", "validationActions": ["Deny"], "matchResources": where}
    return [
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "NAMESPACE"}, "spec": spec},
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "NAMESPACE"},
            "spec": binding,
        },
    ]


def silent_webhook() -> Body:
    """Return a webhook that nobody answers."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    webhook = {
        "name": "nobody.example.com",
        "clientConfig": {"service": {"name": "nobody", "namespace": "NAMESPACE"}},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "NAMESPACE"}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
    }
    kind = "ValidatingWebhookConfiguration"
    api = "admissionregistration.k8s.io/v1"
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "NAMESPACE"}, "webhooks": [webhook]}


@dataclass(frozen=True)
class State:
    """A state that keeps a release from coming up.

    Attributes:
        name: what people call it.
        objects: of the chart.
        before: what is there before; NAMESPACE stands for the release's namespace.
        level: what the namespace asks of pods.
        first: the objects of an earlier revision.

    """

    name: str
    objects: list[Body]
    before: list[Body] = field(default_factory=list)
    level: str = "privileged"
    first: list[Body] = field(default_factory=list)


PORT = [{"containerPort": 7337, "hostPort": 7337}]
LIMITED = {"resources": {"limits": {"memory": "64Mi"}, "requests": {"memory": "64Mi"}}}
WITH_SECRET = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "missing", "key": "a"}}}]
WITH_CONFIG = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "missing", "key": "a"}}}]
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}


def mounting(**volume: Body) -> Body:
    """Return a pod that mounts a volume."""
    mounted = container(volumeMounts=[{"name": "v", "mountPath": "/v"}])
    return pod_spec(mounted, volumes=[{"name": "v", **volume}])


STATES = [
    *(
        State(f"Pod Security refuses the pods of a {kind}", [workload(kind, pod_spec())], level="restricted")
        for kind in ("Deployment", "DaemonSet", "StatefulSet")
    ),
    *(
        State(f"a policy refuses the pods of a {kind}", [workload(kind, pod_spec())], policy())
        for kind in ("Deployment", "DaemonSet", "StatefulSet")
    ),
    *(
        State(
            f"one pod of a {kind} wants more than the whole quota",
            [workload(kind, pod_spec(container(**LIMITED)))],
            [quota(limits_memory="16Mi")],
        )
        for kind in ("Deployment", "DaemonSet", "StatefulSet")
    ),
    State("others use the quota", [workload("Deployment", pod_spec())], [bare("other", pod_spec()), quota(pods="1")]),
    State("a webhook does not answer", [workload("Deployment", pod_spec())], [silent_webhook()]),
    State("no node takes the pod", [workload("Deployment", pod_spec(nodeSelector={"no": "such"}))]),
    State(
        "no volume is bound",
        [workload("Deployment", mounting(persistentVolumeClaim={"claimName": "missing"}))],
    ),
    State(
        "a port of the node is held",
        [workload("Deployment", pod_spec(container(ports=PORT)))],
        [
            {
                **workload("DaemonSet", pod_spec(container(ports=PORT))),
                "metadata": {"name": "holder"},
            }
        ],
    ),
    State(
        "ErrImageNeverPull", [workload("Deployment", pod_spec(container(image="no/such:1", imagePullPolicy="Never")))]
    ),
    State("ImagePullBackOff", [workload("Deployment", pod_spec(container(image="registry.invalid/no/such:1")))]),
    State("InvalidImageName", [workload("Deployment", pod_spec(container(image="No Such Name")))]),
    State("no such program in the image", [workload("Deployment", pod_spec(container() | {"command": ["/no/such"]}))]),
    State("crash loop", [workload("Deployment", pod_spec(container("echo no luck; exit 3")))]),
    State(
        "crash loop of an init container",
        [workload("DaemonSet", pod_spec(container(), initContainers=[container("exit 3") | {"name": "first"}]))],
    ),
    State("a hook fails", [hook(0)]),
    State("a hook fails and tries again", [hook(6)]),
    State("a Job fails", [job(0)]),
    State("a Job fails and tries again", [job(6)]),
    State("a pod of its own fails", [bare("w", pod_spec(container("echo no luck; exit 3"), restartPolicy="Never"))]),
    State("a Secret of a variable is missing", [workload("Deployment", pod_spec(container(env=WITH_SECRET)))]),
    State("a ConfigMap of a variable is missing", [workload("Deployment", pod_spec(container(env=WITH_CONFIG)))]),
    State("a Secret of a volume is missing", [workload("StatefulSet", mounting(secret={"secretName": "missing"}))]),
    State("a ConfigMap of a volume is missing", [workload("DaemonSet", mounting(configMap={"name": "missing"}))]),
    State(
        "a StatefulSet is changed whose updateStrategy is OnDelete",
        [workload("StatefulSet", pod_spec(container(env=[{"name": "A", "value": "new"}])), **ON_DELETE)],
        first=[workload("StatefulSet", pod_spec(), **ON_DELETE)],
    ),
]


class Ear(logging.Handler):
    """Hears when something is said of a state for the first time."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: list[tuple[float, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember what holds something up; that something is begun or ends tells nothing."""
        text = " ".join(record.getMessage().split())
        if text.startswith("waiting ") or "stay of a former form" in text:
            self.said.append((time.monotonic(), text))


def observed(cluster: Cluster, state: State, namespace: str, image: str, folder: Path) -> tuple[str, ...]:
    """Make a state and return its row: when it was said, the exit code, when that was, the last line."""
    create(cluster, state, namespace, image)
    release = helm.Release("r", namespace, folder / namespace)
    if state.first:
        write(release.chart, state.first, image)
        helm.install(cluster, release, {})
    write(release.chart, state.objects, image)
    ear = progress.attach(Ear(), logging.INFO)
    started = time.monotonic()
    try:
        helm.install(cluster, release, {})
        code, last = 0, "it is whole"
    except errors.WorkstreamError as error:
        code, last = error.exit_code, str(error).splitlines()[0]
    except Exception as error:  # noqa: BLE001 - it is what the table is to show
        code, last = -1, f"{type(error).__name__}: {error}".splitlines()[0]
    ended = time.monotonic()
    progress.forget(ear)
    told = [(moment, text) for moment, text in ear.said if moment < ended] or ([(ended, last)] if code else [])
    first = f"{told[0][0] - started:.0f}" if told else "-"
    if told and code in {0, errors.WaitError.exit_code}:
        last = told[-1][1]
    remove(cluster, state, namespace)
    return state.name, first, str(code), f"{ended - started:.0f}", last


def create(cluster: Cluster, state: State, namespace: str, image: str) -> None:
    """Make the namespace, and what is to be there before."""
    labels = {"pod-security.kubernetes.io/enforce": state.level}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    apply(cluster, [space], namespace, image)
    pods = [body for body in state.before if body["kind"] in {"Pod", "DaemonSet"}]
    apply(cluster, pods, namespace, image)
    if pods:
        wait = ["wait", "pods", "--all", "--for=condition=Ready", "--timeout=60s"]
        time.sleep(3)  # until its controller has made them
        cluster.kubectl("--namespace", namespace, *wait)
    apply(cluster, [body for body in state.before if body not in pods], namespace, image)
    if state.before:
        time.sleep(3)  # until the API server goes by it


def apply(cluster: Cluster, bodies: list[Body], namespace: str, image: str) -> None:
    """Let there be objects."""
    if bodies:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
        text = text.replace("NAMESPACE", namespace).replace(IMAGE, image)
        cluster.kubectl("--namespace", namespace, "apply", "--filename=-", stdin=text.encode())


def remove(cluster: Cluster, state: State, namespace: str) -> None:
    """Take away what there is of a state, and do not wait for pods."""
    kinds = {body["kind"] for body in state.before if body["apiVersion"].startswith("admissionregistration")}
    for kind in kinds:
        cluster.kubectl("delete", kind.lower(), namespace)
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def write(chart: Path, objects: list[Body], image: str) -> None:
    """Write a chart of these objects."""
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "states", "version": "0.1.0"}))
    text = yaml.safe_dump_all(objects).replace(IMAGE, image)
    (chart / "templates" / "all.yaml").write_text(text)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only states whose name has this in it")
    chosen = [state for state in STATES if parser.parse_args().only in state.name]
    progress.show(sys.stderr)
    options = provisioning.Options(name=NAME)
    rows = []
    with (
        provisioning.reserved(options),
        provisioning.engine_ready() as engine,
        provisioning.cluster_ready(engine, provisioning.tools_ready(engine, options), options) as cluster,
        tempfile.TemporaryDirectory() as folder,
    ):
        image = cluster.provide(node_image.base_image(engine))
        limits.PODS_READY = limits.Limit("pods ready", WAITS_SECONDS)
        limits.HOOK = limits.Limit("one hook of a release", WAITS_SECONDS)
        for number, state in enumerate(chosen):
            rows.append(observed(cluster, state, f"state-{number:02}", image, Path(folder)))
            print("|", " | ".join(rows[-1]), "|", flush=True)
    print("\n| state | said after (s) | exit code | after (s) | last line |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        print("|", " | ".join(row), "|")


if __name__ == "__main__":
    main()
