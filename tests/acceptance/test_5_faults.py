"""Faults: what is done to a healthy product, and must not cost a right answer or do work twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from support import shuffle
from support.applications import KEYS, NUMBERS, REDUCES, Application, Submitter, expected_sums
from support.install import known_workers
from workstream import limits
from workstream.cluster import helm, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.applications import Running
    from support.install import Change
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

MANY = 400  # keys and reduce tasks, so that fetching takes some seconds and every task fetches something
PIPE = "/tmp/between-map-and-reduce"
LOST_FILES = "Shuffle files lost for executor"

SURVIVES_RESTART = "The service knows those executors again after a restart of its own"


def map_work(application: Application) -> dict[str, Any]:
    """Return what tells whether map work was done again: a right answer does not."""
    writing = application.history.writing
    return {
        "map tasks that ran": sum(stage.tasks for stage in writing),
        "stages that wrote shuffle bytes": len({stage.id for stage in writing}),
        "driver held shuffle files for lost": LOST_FILES in application.log,
    }


def done_once(job: Running) -> dict[str, Any]:
    """Return what `map_work` is of a job whose map work was done once."""
    return {
        "map tasks that ran": job.submitter.cores,
        "stages that wrote shuffle bytes": 1,
        "driver held shuffle files for lost": False,
    }


@pytest.fixture
def reduces() -> int:
    """Give how many reduce tasks a job has."""
    return REDUCES


@pytest.fixture
def paused(cluster: Cluster, submitter: Submitter, reduces: int) -> Iterator[Running]:
    """Give a job that did its map work and waits at a pipe."""
    cluster.execute(submitter.release.namespace, submitter.master, "rm", "--force", PIPE)
    # A map task for every core, so that every node has map work to lose.
    numbers = (NUMBERS, max(KEYS, reduces), submitter.cores, reduces)
    arguments = (*map(str, numbers), PIPE, str(int(limits.JOB.seconds)))
    with submitter.running("executor_loss.py", *arguments) as job:
        job.paused_at(PIPE)
        yield job


def finish(job: Running, evidence: Recorder) -> Application:
    """Let a job go on to its end, and record what it did."""
    job.go_on(PIPE)
    return end(job, evidence)


def end(job: Running, evidence: Recorder) -> Application:
    """Wait for a job's end, and record what it did."""
    began = time.monotonic()
    application = job.ended()
    application.draw(evidence)
    evidence.record("sums", application.said["sums"], command=application.command)
    evidence.record("map work", map_work(application))
    evidence.record("stages that ran, in order", application.history.stages)
    evidence.record("executors lost, and why", application.history.lost_executors)
    failed = [line for line in application.log.splitlines() if "FetchFailed(" in line]
    evidence.record("fetches that failed, in the driver's words (the first ones)", failed[:3])
    evidence.record("seconds from the fault's end to the job's", round(time.monotonic() - began, 1))
    return application


@pytest.mark.criterion("WS-001-04", "Shuffle data outlives the executors that wrote it")
def test_the_map_work_of_killed_executors_is_not_done_again(
    cluster: Cluster,
    release: Release,
    paused: Running,
    eligible_nodes: frozenset[str],
    evidence: Recorder,
) -> None:
    """With every executor killed between map and reduce the sums are exact, and the map work was done once."""
    with evidence.fault("every executor is killed", lambda: shuffle.executors(cluster, release)):
        killed = shuffle.kill_executors(cluster, release)
    application = finish(paused, evidence)
    evidence.record("executors killed between map and reduce, by node", killed, command="pkill -KILL in every worker")
    # The stages of the job before the pause are 0 and 1.
    read = sum(stage.bytes_read_remote for stage in application.history.stages if stage.id > 1)
    evidence.record("shuffle bytes read from other hosts after that", read)

    assert set(killed) == eligible_nodes, "nodes with a worker, and eligible nodes"
    assert [node for node, count in killed.items() if not count] == [], "nodes where there was no executor to kill"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(paused), (
        "the map work was done again: nobody served what dead executors wrote"
    )
    assert read > 0, "nothing of the dead executors' files crossed the network"


@pytest.mark.criterion("WS-001-04", SURVIVES_RESTART)
@pytest.mark.parametrize("reduces", [MANY])
def test_a_service_that_is_killed_under_load_serves_what_dead_executors_wrote(
    cluster: Cluster,
    release: Release,
    paused: Running,
    eligible_nodes: frozenset[str],
    evidence: Recorder,
) -> None:
    """With the executors killed before, and every service while reducers fetch, the map work was done once."""
    with evidence.fault("every executor is killed", lambda: shuffle.executors(cluster, release)):
        killed = shuffle.kill_executors(cluster, release)
    finished = paused.finished_tasks()
    paused.go_on(PIPE)
    paused.until_finished(finished + 1)
    with evidence.fault("every shuffle service is killed while reducers fetch"):  # no time to look: they fetch on
        before = shuffle.kill_services(cluster, release)
    fetched = paused.finished_tasks() - finished
    began = time.monotonic()
    application = end(paused, evidence)
    evidence.record("reduce tasks that had ended when the last service was killed, of all", [fetched, MANY])
    after = shuffle.await_restart(cluster, release, before)
    evidence.record("executors killed between map and reduce, by node", killed)
    evidence.record("starts of the shuffle pods' containers, before and after", {"before": before, "after": after})
    evidence.record("seconds from the kill until all was over", round(time.monotonic() - began, 1))

    assert [node for node, count in killed.items() if not count] == [], "nodes where there was no executor to kill"
    assert len(before) == len(eligible_nodes), "shuffle pods whose service was killed"
    assert 0 < fetched < MANY, "reduce tasks that had ended: the services were not killed under load"
    assert application.said["sums"] == expected_sums(MANY), "the sums are wrong"
    assert map_work(application) == done_once(paused), "the map work was done again: the service forgot the executors"


@pytest.mark.criterion("WS-001-04", SURVIVES_RESTART)
def test_a_shuffle_pod_that_comes_back_serves_what_dead_executors_wrote(
    cluster: Cluster,
    release: Release,
    paused: Running,
    eligible_nodes: frozenset[str],
    evidence: Recorder,
) -> None:
    """With executors killed and every shuffle pod replaced between map and reduce, the map work was done once."""
    with evidence.fault("every executor is killed", lambda: shuffle.executors(cluster, release)):
        killed = shuffle.kill_executors(cluster, release)
    began = time.monotonic()
    with evidence.fault("every shuffle pod is deleted", lambda: shuffle.pods(cluster, release, "shuffle")):
        replaced = {
            victim.name: shuffle.delete_and_await(cluster, release, victim, "shuffle").name
            for victim in shuffle.pods(cluster, release, "shuffle")
        }
    evidence.record("seconds until every pod was replaced", round(time.monotonic() - began, 1))
    application = finish(paused, evidence)
    evidence.record("executors killed between map and reduce, by node", killed)
    evidence.record("shuffle pods deleted, and who took their place", replaced)
    evidence.record("executors that registered with the new pods", shuffle.registered(cluster, release, application.id))

    assert [node for node, count in killed.items() if not count] == [], "nodes where there was no executor to kill"
    assert len(replaced) == len(eligible_nodes), "shuffle pods that were replaced"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(paused), "the map work was done again: the service forgot the executors"


@pytest.mark.criterion("WS-001-04", SURVIVES_RESTART)
def test_an_upgrade_and_a_rollback_cost_a_running_job_nothing(
    cluster: Cluster, release: Release, change: Change, paused: Running, evidence: Recorder
) -> None:
    """With every shuffle pod replaced by an upgrade, and again by a rollback, the map work was done once."""
    first = {pod.name for pod in shuffle.pods(cluster, release, "shuffle")}
    began = time.monotonic()
    with evidence.fault("the release is upgraded", lambda: shuffle.pods(cluster, release, "shuffle")):
        upgraded = change({"shuffleService": {"memory": "320m"}})
    second = {pod.name for pod in shuffle.pods(cluster, release, "shuffle")}
    middle = time.monotonic()
    with evidence.fault("the upgrade is rolled back", lambda: shuffle.pods(cluster, release, "shuffle")):
        rolled_back = helm.rollback(cluster, release)
    third = {pod.name for pod in shuffle.pods(cluster, release, "shuffle")}
    evidence.record("revisions, by upgrade and by rollback", [upgraded, rolled_back], command="helm history spark-sa")
    evidence.record("seconds of the upgrade and of the rollback", [middle - began, time.monotonic() - middle])
    evidence.record("shuffle pods before, after the upgrade, after the rollback", [first, second, third])
    application = finish(paused, evidence)

    assert first.isdisjoint(second), "the upgrade replaced no shuffle pod"
    assert second.isdisjoint(third), "the rollback replaced no shuffle pod"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(paused), "the map work was done again"


@pytest.mark.criterion("WS-001-04", "Jobs with several stages succeed, and the service serves their shuffle")
def test_a_job_survives_the_loss_of_a_worker_pod(
    cluster: Cluster, release: Release, paused: Running, evidence: Recorder
) -> None:
    """With a worker's pod deleted between map and reduce the sums are exact; Spark does that node's map work again."""
    workers = shuffle.pods(cluster, release, "worker")
    victim = workers[0]
    began = time.monotonic()
    with evidence.fault("a worker's pod is deleted", lambda: shuffle.pods(cluster, release, "worker")):
        successor = shuffle.delete_and_await(cluster, release, victim, "worker")
    waiting.until(
        lambda: successor.address in known_workers(cluster, release),
        limits.PODS_READY,
        what=f"the Master knows the new worker at {successor.address}",
    )
    evidence.record("worker pod deleted, and who took its place", {victim.name: successor.name})
    evidence.record("seconds until the Master knew it", round(time.monotonic() - began, 1))
    application = finish(paused, evidence)
    mapped = application.history.writing[0].hosts
    evidence.record("hosts of the map work before the loss", mapped)

    assert [one.node for one in workers if one.address not in mapped] == [], "nodes with no map work to lose"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    # Some are lost before they ever registered with the driver, so that it knows no host of theirs.
    lost = application.history.lost_executors.keys() & application.history.executors.keys()
    assert victim.address in {application.history.executors[number] for number in lost}, "that worker lost no executor"
