"""What months of running bring: many applications, long ones, and nodes that are taken out."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support import shuffle
from support.applications import expected_sums
from support.install import known_workers
from support.paused_jobs import at_pipe, finish, go_on, go_on_to_the_next_pause, map_work
from workstream import limits, processes
from workstream.cluster import waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.applications import Running, Submitter
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

MANY = 20
OUT = "spark-standalone/out"  # the label with which a node is taken out
FORGETS = "no application has data here"
SUMS = {str(key): sum(range(key, 1000, 10)) for key in range(10)}  # of each of many_applications.py


@pytest.mark.criterion(
    "WS-001-05", "Of twenty applications that ended no file is left, and a service that starts again knows none of them"
)
def test_nothing_is_left_of_many_applications(
    cluster: Cluster, release: Release, submitter: Submitter, evidence: Recorder
) -> None:
    """Their workers remove their files, and each service forgets their executors when it starts."""
    began = time.monotonic()
    with submitter.running("many_applications.py", str(MANY)) as job:
        (line,) = [line for line in job.await_end(limits.JOBS).splitlines() if line.startswith("{")]
        command = job.command
    said = json.loads(line)
    evidence.record("applications, and the different sums they came to", said, command=command)
    evidence.record("seconds that they took together", round(time.monotonic() - began, 1))
    known = {number: shuffle.registered(cluster, release, number) for number in said["applications"]}
    unknown = [number for number, nodes in known.items() if not all(nodes.values())]
    waiting.until(
        lambda: not any(shuffle.files(cluster, release, "executor-*").values()),
        limits.IDLE,
        what="no folder of an executor is left",
    )
    left = shuffle.files(cluster, release, "shuffle_*")
    services = [pod.name for pod in shuffle.pods(cluster, release, "shuffle")]
    shuffle.await_restart(cluster, release, shuffle.kill_services(cluster, release))
    forgot = {name: FORGETS in cluster.logs(release.namespace, name) for name in services}
    evidence.record("shuffle files that are left, by node", left)
    evidence.record("whether the service that started again forgot whom it knew, by pod", forgot)

    assert len(set(said["applications"])) == MANY, "applications that ended"
    assert said["sums"] == [SUMS], "the sums are wrong"
    assert unknown == [], "applications of which a service knew no executor"
    assert not any(left.values()), "shuffle files of applications that ended"
    assert all(forgot.values()), "a service still knows executors of applications that ended"


@pytest.mark.criterion(
    "WS-001-05", "A long application leaves no shuffle files that it needs no more, also of executors that it gave back"
)
def test_a_long_application_leaves_no_shuffle_files_that_it_needs_no_more(
    cluster: Cluster, release: Release, submitter: Submitter, evidence: Recorder
) -> None:
    """Its executors gone and its data dropped, the services remove the files; what it does later is right."""
    dynamic = submitter.allocating_dynamically()
    # Spark sees what an application has dropped whenever the driver's JVM collects garbage: every half hour at least.
    told = {**dynamic.properties, "spark.cleaner.periodicGC.interval": "1s"}
    with at_pipe(replace(dynamic, properties=told), "long_application.py") as job:
        # While the driver still takes an executor for alive, it asks that executor to remove files, and no service.
        job.until(
            lambda: job.lost_executors() == len(shuffle.pods(cluster, release, "worker")),
            limits.IDLE,
            "the driver knows that no executor is left",
        )
        wrote = shuffle.files(cluster, release, "shuffle_*.data")
        go_on_to_the_next_pause(job)
        began = time.monotonic()
        job.until(
            lambda: not any(shuffle.files(cluster, release, "shuffle_*.data").values()),
            limits.IDLE,
            "no shuffle file of what the application dropped is left",
        )
        evidence.record("seconds until they were gone", round(time.monotonic() - began, 1))
        go_on(job)
        application = job.ended()
    application.draw(evidence)
    evidence.record("what the application was told besides", told)
    evidence.record("shuffle files of executors that it had given back, by node", wrote)
    evidence.record("what it came to afterwards", application.said["second"])

    assert [node for node, files in wrote.items() if not files] == [], "nodes where there was nothing to remove"
    assert application.said["first"] == application.said["second"] == expected_sums(), "the sums are wrong"


@pytest.fixture
def label(cluster: Cluster) -> Callable[[str, str | None], object]:
    """Give what puts the label on a node, or takes it off; where nobody may do that, its criterion is blocked."""

    def put(node: str, value: str | None, **options: str) -> object:
        change = {"metadata": {"labels": {OUT: value}}}
        return cluster.allowed(lambda: cluster.core.patch_node(node, change, **options))

    put(cluster.nodes()[0].metadata.name, None, dry_run="All")
    return put


@pytest.mark.criterion(
    "WS-001-05", "A node that is taken out as the chart's README says costs its map work once, and no right answer"
)
def test_a_node_that_is_taken_out_costs_its_map_work_once(
    cluster: Cluster,
    release: Release,
    label: Callable[[str, str | None], object],
    paused: Running,
    evidence: Recorder,
) -> None:
    """With the label worker and service leave the node; that node's map work is done elsewhere, in one more attempt."""
    (master,) = shuffle.pods(cluster, release, "master")
    workers = shuffle.pods(cluster, release, "worker")
    victim = next(pod for pod in workers if pod.node != master.node)
    left = {pod.address for pod in workers} - {victim.address}

    def there() -> list[str]:
        return [
            pod.name for part in ("worker", "shuffle") for pod in shuffle.pods(cluster, release, part)
            if pod.node == victim.node
        ]  # fmt: skip

    before = there()
    try:
        with evidence.fault("a node is taken out", lambda: shuffle.pods(cluster, release, "worker")):
            label(victim.node, "")
            waiting.until(
                lambda: not there() and known_workers(cluster, release) == left,
                limits.PODS_GONE,
                what=f"worker and service have left {victim.node}, and the Master knows it",
            )
        application = finish(paused, evidence)
    finally:
        with processes.cleaning_up():
            label(victim.node, None)
    waiting.until(
        lambda: known_workers(cluster, release) == {pod.address for pod in workers},
        limits.PODS_READY,
        what=f"the worker of {victim.node} is back",
    )
    mapped = [stage for stage in application.history.writing if stage.tasks]
    evidence.record("pods that left the node, and the node", {victim.node: before})
    evidence.record("attempts of stages that wrote shuffle bytes", mapped)

    assert len(before) == 2, "worker and service of the node"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application)["map tasks that ran"] > paused.submitter.cores, (
        "nothing of the node had to be done again"
    )
    assert len(mapped) == 2, "attempts of the map work"


@pytest.mark.criterion("WS-001-05", "`helm test` tells a release that works from one that does not")
def test_helm_test_says_that_the_release_works(cluster: Cluster, release: Release, evidence: Recorder) -> None:
    """On a release that works it ends well, and leaves no pod behind."""
    command = ["helm", "test", release.name, "--kube-context", cluster.context, "--namespace", release.namespace]
    said = processes.run(command, limit=limits.HOOK, environment=cluster.environment).stdout
    evidence.record("what helm test said", said, command=shlex.join(command))
    selector = f"app.kubernetes.io/instance={release.name},app.kubernetes.io/component=test"
    left = [pod.metadata.name for pod in cluster.pods(release.namespace, selector)]

    assert "Phase:          Succeeded" in said
    assert left == [], "pods that it left"
