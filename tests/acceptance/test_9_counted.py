"""What the product counts, and what a full disk costs: on a release that shows what it counts and has small disks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support import shuffle
from support.applications import expected_sums
from support.install import install
from support.paused_jobs import done_once, finish, map_work, pausing
from support.places import SMALL_FOLDER
from workstream import limits
from workstream.cluster import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from support.applications import Running, Submitter
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

NO_ROOM = "No space left on device"
# Each service writes what it counts into its log, each second, as the chart's README says.
_SINK = "spark.metrics.conf.shuffleService.sink.slf4j"
COUNTED = {f"{_SINK}.class": "org.apache.spark.metrics.sink.Slf4jSink", f"{_SINK}.period": "1"}
_FETCH = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())"


@pytest.fixture(scope="module")
def counted(cluster: Cluster, release: Release, values: dict[str, Any]) -> Iterator[None]:
    """Let everything of the release show what it counts, and keep shuffle files on a small disk."""
    small = {"hostPath": SMALL_FOLDER}
    install(cluster, release, {**values, "metrics": {"enabled": True}, "shuffleService": small, "sparkConf": COUNTED})
    yield
    install(cluster, release, values)


@pytest.mark.criterion(
    "WS-001-05", "Bytes that executors read from other hosts are those that the services served, by their own metrics"
)
def test_what_the_services_count_is_what_executors_read(
    cluster: Cluster, release: Release, counted: None, paused: Running, evidence: Recorder
) -> None:
    """With all who wrote dead, what the services say they served is to the byte what the driver says was read."""
    del counted
    before = {node: said[-1:] for node, said in shuffle.served(cluster, release).items()}
    killed = shuffle.kill_executors(cluster, release)
    application = finish(paused, evidence)
    reports = {node: len(said) for node, said in shuffle.served(cluster, release).items()}
    waiting.until(
        lambda: all(len(said) >= reports.get(node, 0) + 2 for node, said in shuffle.served(cluster, release).items()),
        limits.ANSWER,
        what="every service says twice more what it has served",
    )
    served = {node: said[-1] for node, said in shuffle.served(cluster, release).items()}
    read = application.history.bytes_read_remote
    evidence.record("bytes that services said they had served before, by node", before)
    evidence.record("executors killed between map and reduce, by node", killed)
    evidence.record("bytes that executors read from other hosts", read, command=application.command)
    evidence.record("bytes that services say they served, by node", served)

    assert [node for node, count in killed.items() if not count] == [], "nodes where there was no executor to kill"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert [node for node, count in served.items() if not count] == [], "nodes whose service served nothing"
    assert sum(served.values()) == read, "bytes that services served, and bytes that executors read"


@pytest.mark.criterion("WS-001-05", "Metrics are where the annotations of the pods of Master and workers say")
def test_metrics_are_where_annotations_say(
    cluster: Cluster, release: Release, counted: None, evidence: Recorder
) -> None:
    """At the port and the path of its annotations each of these pods shows metrics in Prometheus' form."""
    del counted
    found: dict[str, list[str]] = {}
    for component in ("master", "worker"):
        selector = f"app.kubernetes.io/instance={release.name},app.kubernetes.io/component={component}"
        for pod in cluster.pods(release.namespace, selector):
            told = pod.metadata.annotations
            address = f"http://{pod.status.pod_ip}:{told['prometheus.io/port']}{told['prometheus.io/path']}"
            command = ("python3", "-c", _FETCH, address)
            answer = cluster.execute(release.namespace, f"deploy/{release.name}-master", *command, accept=range(256))
            said = [line for line in answer.stdout.splitlines() if line.startswith(f"metrics_{component}_")]
            found[f"{pod.metadata.name} {address}"] = said
            assert told["prometheus.io/scrape"] == "true"
    evidence.record("metrics, by pod and address", found, command="curl")

    assert len(found) == 1 + len(shuffle.pods(cluster, release, "worker")), "pods of Master and workers"
    assert [where for where, said in found.items() if not said] == [], "addresses of annotations without metrics"


@pytest.mark.criterion(
    "WS-001-05", "On full disks a job fails and says why, and the next one is right once there is room again"
)
def test_a_full_disk_is_said_and_costs_no_right_answer(
    cluster: Cluster, release: Release, counted: None, submitter: Submitter, evidence: Recorder
) -> None:
    """With no room where shuffle files go a job ends, and says so; with room again, services remember as before."""
    del counted
    parts = ("worker", "shuffle")
    before = {part: [(pod.name, pod.restarts) for pod in shuffle.pods(cluster, release, part)] for part in parts}
    began = time.monotonic()
    with shuffle.full(cluster, release, SMALL_FOLDER) as filled, submitter.running("word_count.py") as job:
        log = job.await_failure()
        answers = [line for line in job.said.splitlines() if line.startswith("{")]
    evidence.record("bytes that filled the disks, by node", filled)
    evidence.record("seconds until the job ended", round(time.monotonic() - began, 1))
    evidence.record("how often the driver said that there is no space", log.count(NO_ROOM), command=job.command)
    evidence.record("answers that the job printed", answers)
    ran = {part: [(pod.name, pod.restarts) for pod in shuffle.pods(cluster, release, part)] for part in parts}
    evidence.record("pods and restarts, before and after", {"before": before, "after": ran})
    with pausing(submitter) as job:
        killed = shuffle.kill_executors(cluster, release)
        shuffle.await_restart(cluster, release, shuffle.kill_services(cluster, release))
        application = finish(job, evidence)
    evidence.record("executors of the next job killed between map and reduce, by node", killed)

    assert [node for node, size in filled.items() if not size] == [], "nodes whose disk was full before"
    assert NO_ROOM in log, "the job did not fail for want of room, or did not say so"
    assert answers == [], "the job printed an answer"
    assert ran == before, "pods that were replaced or started again"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(job), "the map work was done again: a service lost what it must remember"
