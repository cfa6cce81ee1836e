"""Looks at the shuffle service on a live cluster."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.places import SHUFFLE_FOLDER, SHUFFLE_PORT
from workstream import errors, limits
from workstream.cluster import waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release

SELECTOR = "app=spark-shuffle"
_NOWHERE = "workstream/away"  # a label that no node has
_FILLABLE = 256 * 1024 * 1024  # bytes: memory of somebody's node

# Which processes of this container listen on a port. A pod on the host network sees every socket of its node, but
# only the processes of its own container: whose the socket is, is told by who holds it open.
_LISTENERS = """
import glob, json, os, sys
port = f":{int(sys.argv[1]):04X}"
sockets = set()
for table in ("/proc/net/tcp", "/proc/net/tcp6"):
    for line in open(table).readlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[1].endswith(port):
            sockets.add(f"socket:[{fields[9]}]")
found = set()
ours = [folder for folder in glob.glob("/proc/[0-9]*") if os.stat(folder).st_uid == os.getuid()]
for path in [path for folder in ours for path in glob.glob(folder + "/fd/*")]:
    try:
        if os.readlink(path) in sockets:
            found.add(open("/proc/%s/cmdline" % path.split("/")[2]).read().split("\\0")[-2])
    except FileNotFoundError:
        pass  # it ended meanwhile
print(json.dumps({"listening": bool(sockets), "ours": sorted(found)}))
"""


# Asks in Spark's own protocol where an unknown application has files on this host; the shuffle service says: nowhere.
# A frame is its length, the kind of message (3: a request), the request's number, the length of its body, the body.
_ASK = """
import json, socket, struct, sys
NUMBER, REQUEST, ANSWER, FAILURE, ASKED, TOLD = 7337, 3, 4, 5, 10, 11
name = b"nobody"
body = struct.pack(">bi", ASKED, len(name)) + name + struct.pack(">i", 0)
message = struct.pack(">bqi", REQUEST, NUMBER, len(body)) + body
answer = b""
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as service:
        service.sendall(struct.pack(">q", 8 + len(message)) + message)
        while len(answer) < 8 or len(answer) < struct.unpack(">q", answer[:8])[0]:
            more = service.recv(65536)
            if not more:
                break
            answer += more
except OSError as error:
    print(error)
else:
    kind, number = struct.unpack(">bq", answer[8:17]) if len(answer) > 17 else (None, None)
    if (kind, number) == (ANSWER, NUMBER) and answer[21] == TOLD:
        print("an answer of Spark's shuffle service")
    elif (kind, number) == (FAILURE, NUMBER):
        print("refused: " + answer[21:].decode(errors="replace").splitlines()[0])
    else:
        print(f"no answer of Spark's shuffle service: {answer[:40]!r}")
"""
ANSWERED = "an answer of Spark's shuffle service"


# Which Java processes map a file, by what they run: those of the user who asks.
_MAPPED = """
import glob, json, os, sys
found = {}
for folder in glob.glob("/proc/[0-9]*"):
    try:
        if os.stat(folder).st_uid == os.getuid() and open(folder + "/comm").read() == "java\\n":
            words = open(folder + "/cmdline").read().split("\\0")
            name = next(word for word in words if word.startswith("org.apache.spark."))
            found[name] = sys.argv[1] in open(folder + "/maps").read()
    except FileNotFoundError:
        pass  # it ended meanwhile
print(json.dumps(found))
"""


_FLIP = """
import pathlib, sys
file = max(pathlib.Path(sys.argv[1]).glob("**/shuffle_*.data"), key=lambda one: one.stat().st_size)
content = bytearray(file.read_bytes())
content[len(content) // 2] ^= 1
file.write_bytes(content)
print(file)
"""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, as far as tests ask.

    Attributes:
        name: its name.
        node: the node that it runs on.
        address: its address.
        ready: whether it is Ready.
        restarts: how often its container was started again.
        started: when its container started, RFC 3339.

    """

    name: str
    node: str
    address: str
    ready: bool
    restarts: int
    started: str


def pods(cluster: Cluster, release: Release, component: str) -> list[Pod]:
    """Return the pods of a component of a release that are not being deleted: `shuffle`, `worker` or `master`."""
    selector = f"app.kubernetes.io/instance={release.name},app.kubernetes.io/component={component}"
    found = [pod for pod in cluster.pods(release.namespace, selector) if pod.metadata.deletion_timestamp is None]
    return [_pod(pod) for pod in found]


def _pod(pod: Any) -> Pod:  # noqa: ANN401 - the client has no types
    status = (pod.status.container_statuses or [None])[0]
    running = status.state.running if status else None
    return Pod(
        name=pod.metadata.name,
        node=pod.spec.node_name,
        address=pod.status.pod_ip,
        ready=any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or ()),
        restarts=status.restart_count if status else 0,
        started=running.started_at.isoformat() if running else "",
    )


def listeners(cluster: Cluster, release: Release, pod: Pod, port: int = SHUFFLE_PORT) -> dict[str, Any]:
    """Return whether anybody listens on a port in a pod's network, and what of the pod's own programs does."""
    # As the user of Spark: root in a container may not look into the processes of others.
    command = (
        "setpriv",
        "--reuid",
        "spark",
        "--regid",
        "spark",
        "--init-groups",
        "python3",
        "-c",
        _LISTENERS,
        str(port),
    )
    found: dict[str, Any] = json.loads(cluster.execute(release.namespace, pod.name, *command).stdout)
    return found


def mapped(cluster: Cluster, release: Release, pod: Pod, file: str) -> dict[str, bool]:
    """Return whether the Java processes of a pod map a file, by the classes that they run."""
    found: dict[str, bool] = {}
    for user in ("spark", "root"):  # root in a container may not look into the processes of others
        command = ("setpriv", "--reuid", user, "--regid", user, "--init-groups", "python3", "-c", _MAPPED, file)
        found |= json.loads(cluster.execute(release.namespace, pod.name, *command).stdout)
    return found


def connects(cluster: Cluster, release: Release, pod: Pod, address: str, port: int = SHUFFLE_PORT) -> bool:
    """Whether a TCP connection from inside a pod to an address opens."""
    command = ("timeout", "10", "bash", "-c", f": < /dev/tcp/{address}/{port}")
    return cluster.execute(release.namespace, pod.name, *command, accept=range(256)).returncode == 0


def answers(cluster: Cluster, release: Release, pod: Pod, address: str, port: int = SHUFFLE_PORT) -> str:
    """Return how a request in Spark's own protocol, from inside a pod, is answered: `ANSWERED` by a shuffle service."""
    return cluster.execute(release.namespace, pod.name, "python3", "-c", _ASK, address, str(port)).stdout.strip()


def registered(cluster: Cluster, release: Release, application_id: str) -> dict[str, list[str]]:
    """Return which executors of an application registered with which shuffle pod, by the pod's node."""
    pattern = re.compile(rf"Registered executor (?:\w+\.)?AppExecId\[appId={re.escape(application_id)},execId=(\d+)\]")
    return {
        pod.node: sorted(set(pattern.findall(cluster.logs(release.namespace, pod.name))))
        for pod in pods(cluster, release, "shuffle")
    }


def executors(cluster: Cluster, release: Release) -> dict[str, list[str]]:
    """Return the executors that run now, by the node of their worker: their process ids there."""
    command = ("pgrep", "--full", "CoarseGrainedExecutorBackend")
    return {
        pod.node: cluster.execute(release.namespace, pod.name, *command, accept=(0, 1)).stdout.split()
        for pod in pods(cluster, release, "worker")
    }


def kill_executors(cluster: Cluster, release: Release) -> dict[str, int]:
    """Kill every executor with signal 9; return how many were killed, by node."""
    command = ("pkill", "--count", "--signal", "KILL", "--full", "CoarseGrainedExecutorBackend")
    workers = pods(cluster, release, "worker")
    return {
        pod.node: int(cluster.execute(release.namespace, pod.name, *command, accept=(0, 1)).stdout.strip() or 0)
        for pod in workers
    }


@contextmanager
def away(cluster: Cluster, release: Release) -> Iterator[None]:
    """Leave no shuffle pod while the body runs: their DaemonSet wants nodes that there are none of.

    Raises:
        errors.WaitError: the pods do not go, or do not come back.

    """
    before = {pod.node for pod in pods(cluster, release, "shuffle")}
    _want_nodes(cluster, release, {_NOWHERE: "true"})
    selector = f"app.kubernetes.io/instance={release.name},app.kubernetes.io/component=shuffle"
    try:
        waiting.until(
            lambda: not cluster.pods(release.namespace, selector), limits.PODS_READY, what="no shuffle pod is left"
        )
        yield
    finally:
        _want_nodes(cluster, release, {_NOWHERE: None})
        waiting.until(
            lambda: {pod.node for pod in pods(cluster, release, "shuffle") if pod.ready} == before,
            limits.PODS_READY,
            what="every shuffle pod is back and ready",
        )


def _want_nodes(cluster: Cluster, release: Release, labels: Mapping[str, str | None]) -> None:
    patch = json.dumps({"spec": {"template": {"spec": {"nodeSelector": labels}}}})
    target = f"daemonset/{release.name}-shuffle"
    cluster.kubectl("--namespace", release.namespace, "patch", target, "--type", "merge", "--patch", patch)


def retries(cluster: Cluster, release: Release, application_id: str) -> int:
    """Return how often in a row executors that live have tried a fetch again, at most, by their own logs."""
    folder = f"/opt/spark/work/{application_id}"
    command = ("grep", "--recursive", "--no-filename", "--only-matching", "Retrying fetch ([0-9]*/", folder)
    told = [
        cluster.execute(release.namespace, pod.name, *command, accept=range(256)).stdout
        for pod in pods(cluster, release, "worker")
    ]
    return max((int(number) for number in re.findall(r"\d+", " ".join(told))), default=0)


def flip_byte(cluster: Cluster, release: Release, pod: Pod) -> str:
    """Flip one bit in the middle of the largest shuffle file on a worker's node; return its path."""
    return cluster.execute(release.namespace, pod.name, "python3", "-c", _FLIP, SHUFFLE_FOLDER).stdout.strip()


def files(cluster: Cluster, release: Release, name: str) -> dict[str, list[str]]:
    """Return what is called so in the folder for shuffle files, at any depth, by node: a pattern as of `find`."""
    command = ("find", SHUFFLE_FOLDER, "-name", name)
    return {
        # What goes while it is looked at is no failure.
        pod.node: cluster.execute(release.namespace, pod.name, *command, accept=(0, 1)).stdout.split()
        for pod in pods(cluster, release, "worker")
    }


def served(cluster: Cluster, release: Release) -> dict[str, list[int]]:
    """Return how many bytes each service says that it has served, by its pod's node: what it said each time."""
    pattern = re.compile(r"name=shuffleService\.blockTransferRateBytes, count=(\d+)")
    return {
        pod.node: [int(count) for count in pattern.findall(cluster.logs(release.namespace, pod.name))]
        for pod in pods(cluster, release, "shuffle")
    }


@contextmanager
def full(cluster: Cluster, release: Release, folder: str) -> Iterator[dict[str, int]]:
    """Fill the disk with a folder on every worker's node; yield how many bytes that took, by node. Empty it again.

    Raises:
        errors.WorkstreamError: a disk is too large to be filled.

    """
    workers = pods(cluster, release, "worker")
    for pod in workers:
        room = int(_shell(cluster, release, pod, f"df --output=avail --block-size=1 {folder} | tail --lines 1"))
        if room > _FILLABLE:
            raise errors.WorkstreamError(
                f"{folder} on {pod.node} has {room} bytes left: what is filled up must be small, {_FILLABLE} at most."
            )
    filler = f"{folder}/filler"
    try:
        yield {
            pod.node: int(_shell(cluster, release, pod, f"cat /dev/zero > {filler}; stat --format %s {filler}"))
            for pod in workers
        }
    finally:
        for pod in pods(cluster, release, "worker"):
            _shell(cluster, release, pod, f"rm --force {filler}")


def _shell(cluster: Cluster, release: Release, pod: Pod, script: str) -> str:
    return cluster.execute(release.namespace, pod.name, "sh", "-c", script).stdout


def memory(cluster: Cluster, release: Release, pod: Pod) -> tuple[int, int]:
    """Return how much memory a pod's container ever had at once, and how much it may have, in bytes.

    By control groups of either version, as the container sees its own; version 2 was not tried.
    """
    first = "/sys/fs/cgroup/memory/memory."
    script = f"cd /sys/fs/cgroup; cat {first}max_usage_in_bytes {first}limit_in_bytes || cat memory.peak memory.max"
    peak, limit = cluster.execute(release.namespace, pod.name, "sh", "-c", script).stdout.split()
    return int(peak), int(limit)


def last_application(cluster: Cluster, release: Release) -> tuple[str, int]:
    """Return which application came last, and how many executors were started for it: each has a folder on its worker.

    The id is empty where none came yet.
    """
    search = "cd /opt/spark/work && for folder in app-*; do echo $folder $(ls $folder | wc -l); done | tail --lines 1"
    counts: dict[str, int] = {}
    for pod in pods(cluster, release, "worker"):
        words = cluster.execute(release.namespace, pod.name, "sh", "-c", search).stdout.split()
        if len(words) == 2:
            counts[words[0]] = counts.get(words[0], 0) + int(words[1])
    last = max(counts, default="")
    return last, counts.get(last, 0)


def last_errors(cluster: Cluster, release: Release) -> list[str]:
    """Return the last error that executors logged on each worker; Spark keeps their logs in the worker's pod."""
    search = "grep --recursive --no-filename --include stderr ' ERROR ' /opt/spark/work | sort | tail --lines 1"
    return [
        f"{pod.node}: {cluster.execute(release.namespace, pod.name, 'sh', '-c', search).stdout.strip()}"
        for pod in pods(cluster, release, "worker")
    ]


def delete(cluster: Cluster, release: Release, victim: Pod) -> None:
    """Delete a pod, and wait for nothing."""
    options = ("--grace-period", "1", "--wait=false")
    cluster.kubectl("--namespace", release.namespace, "delete", "pod", victim.name, *options)


def successor(cluster: Cluster, release: Release, victim: Pod, component: str) -> Pod | None:
    """Return the pod of a component that took the place of another on its node; None as long as there is none."""
    found: Iterable[Pod] = pods(cluster, release, component)
    return next((pod for pod in found if pod.node == victim.node and pod.name != victim.name), None)


def await_successor(cluster: Cluster, release: Release, victim: Pod, component: str) -> Pod:
    """Return the pod that takes the place of a deleted one on its node, once it is ready."""

    def ready() -> Pod | None:
        found = successor(cluster, release, victim, component)
        return found if found and found.ready else None

    found = waiting.until(ready, limits.PODS_READY, what=f"a new {component} pod is ready on {victim.node}")
    assert found is not None
    return found


def delete_and_await(cluster: Cluster, release: Release, victim: Pod, component: str) -> Pod:
    """Delete a pod of a component; return the one that takes its place on the node, once it is ready."""
    delete(cluster, release, victim)
    return await_successor(cluster, release, victim, component)


def kill_services(cluster: Cluster, release: Release) -> dict[str, int]:
    """Kill the service in every shuffle pod with signal 9, as a node without memory does; return restarts by pod."""
    before = {pod.name: pod.restarts for pod in pods(cluster, release, "shuffle")}
    for name in before:
        # The container ends with it, and may take the command's own exit code along.
        command = ("pkill", "--signal", "KILL", "--full", "deploy.ExternalShuffleService")
        cluster.execute(release.namespace, name, *command, accept=range(256))
    return before


def await_restart(cluster: Cluster, release: Release, before: Mapping[str, int]) -> dict[str, int]:
    """Wait until the container of every shuffle pod was started again and is ready; return how often it was by now."""

    def restarted() -> dict[str, int]:
        found = {pod.name: pod.restarts for pod in pods(cluster, release, "shuffle") if pod.ready}
        return found if found.keys() == before.keys() and all(found[one] > before[one] for one in before) else {}

    return waiting.until(restarted, limits.PODS_READY, what=f"{', '.join(before)} were started again and are ready")
