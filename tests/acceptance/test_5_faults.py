"""Faults: what is done to a healthy product, and must not cost a right answer or do work twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support import shuffle
from support.applications import expected_sums
from support.install import known_workers
from support.paused_jobs import Reduces, done_once, end, finish, go_on, map_work
from support.places import SHUFFLE_FOLDER
from workstream import limits
from workstream.cluster import helm, waiting

if TYPE_CHECKING:
    from support.applications import Running
    from support.install import Change
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

# So many, and so long, that tasks fetch for some seconds on whatever machine; each of them fetches something.
MANY = Reduces(tasks=60, lasting=0.25)

SURVIVES_RESTART = "The service knows those executors again after a restart of its own"


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
    assert len(application.history.writing[0].hosts) == len(killed), "hosts that had map output to lose"
    assert read > 0, "nothing of the dead executors' files crossed the network"


@pytest.mark.criterion("WS-001-04", SURVIVES_RESTART)
@pytest.mark.parametrize("reduces", [pytest.param(MANY, id="many")])
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
    go_on(paused)
    paused.until_finished(finished + 1)
    with evidence.fault("every shuffle service is killed while reducers fetch"):  # no time to look: they fetch on
        before = shuffle.kill_services(cluster, release)
    fetched = paused.finished_tasks() - finished
    began = time.monotonic()
    try:
        assert len(before) == len(eligible_nodes), "shuffle pods whose service was killed"  # else none is started again
        application = end(paused, evidence)
    finally:  # the next test is not to meet a service that is away
        after = shuffle.await_restart(cluster, release, before) if before else {}
    evidence.record("reduce tasks that had ended when the last service was killed, of all", [fetched, MANY.tasks])
    evidence.record("executors killed between map and reduce, by node", killed)
    evidence.record("starts of the shuffle pods' containers, before and after", {"before": before, "after": after})
    evidence.record("seconds from the kill until all was over", round(time.monotonic() - began, 1))

    assert [node for node, count in killed.items() if not count] == [], "nodes where there was no executor to kill"
    assert 0 < fetched < MANY.tasks, "reduce tasks that had ended: the services were not killed under load"
    assert application.said["sums"] == expected_sums(MANY.tasks), "the sums are wrong"
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
        victims = shuffle.pods(cluster, release, "shuffle")
        for victim in victims:
            shuffle.delete(cluster, release, victim)
        replaced = {one.name: shuffle.await_successor(cluster, release, one, "shuffle").name for one in victims}
    evidence.record("seconds until every pod was replaced", round(time.monotonic() - began, 1))
    application = finish(paused, evidence)
    evidence.record("executors killed between map and reduce, by node", killed)
    evidence.record("shuffle pods deleted, and who took their place", replaced)
    evidence.record("executors that registered with the new pods", shuffle.registered(cluster, release, application.id))

    assert [node for node, count in killed.items() if not count] == [], "nodes where there was no executor to kill"
    assert len(replaced) == len(eligible_nodes), "shuffle pods that were replaced"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(paused), "the map work was done again: the service forgot the executors"


def all_pods(cluster: Cluster, release: Release) -> set[str]:
    """Return the names of all pods of the release."""
    return {pod.name for part in ("master", "worker", "shuffle") for pod in shuffle.pods(cluster, release, part)}


@pytest.mark.criterion("WS-001-04", SURVIVES_RESTART)
def test_an_upgrade_and_a_rollback_cost_a_running_job_nothing(
    cluster: Cluster, release: Release, change: Change, paused: Running, evidence: Recorder
) -> None:
    """An upgrade and a rollback replace every shuffle pod, one of a driver's property none: map work was done once."""
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
    whole = all_pods(cluster, release)
    change({"sparkConf": {"spark.sql.shuffle.partitions": "7"}})
    replaced = whole - all_pods(cluster, release)
    evidence.record("pods that an upgrade of what only drivers read replaced", replaced)
    application = finish(paused, evidence)

    assert first.isdisjoint(second), "the upgrade replaced no shuffle pod"
    assert second.isdisjoint(third), "the rollback replaced no shuffle pod"
    assert replaced == set(), "pods that were replaced for a property that only drivers read"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(paused), "the map work was done again"


@pytest.mark.criterion("WS-001-04", "Jobs with several stages succeed, and the service serves their shuffle")
def test_a_job_survives_the_loss_of_a_worker_pod(
    cluster: Cluster, release: Release, paused: Running, evidence: Recorder
) -> None:
    """With a worker's pod deleted between map and reduce the sums are exact; Spark does that node's map work again."""
    workers = shuffle.pods(cluster, release, "worker")
    victim = workers[0]
    # A driver that somebody started in the worker's pod by `kubectl exec`, and that was killed, leaves such a folder.
    left = f"{SHUFFLE_FOLDER}/spark-0f1e2d3c-0000-4000-8000-000000000000"
    cluster.execute(release.namespace, victim.name, "sh", "-c", f"mkdir -m 700 {left} && mkdir -m 700 {left}/root")
    began = time.monotonic()
    with evidence.fault("a worker's pod is deleted", lambda: shuffle.pods(cluster, release, "worker")):
        successor = shuffle.delete_and_await(cluster, release, victim, "worker")
    waiting.until(
        lambda: successor.address in known_workers(cluster, release),
        limits.PODS_READY,
        what=f"the Master knows the new worker at {successor.address}",
    )
    stays = cluster.execute(release.namespace, successor.name, "ls", "-d", left, accept=range(256)).returncode == 0
    evidence.record("worker pod deleted, and who took its place", {victim.name: successor.name})
    evidence.record("whether what a driver of root left is still there", stays)
    evidence.record("seconds until the Master knew it", round(time.monotonic() - began, 1))
    application = finish(paused, evidence)
    mapped = application.history.writing[0].hosts
    evidence.record("hosts of the map work before the loss", mapped)

    assert [one.node for one in workers if one.address not in mapped] == [], "nodes with no map work to lose"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    # Some are lost before they ever registered with the driver, so that it knows no host of theirs.
    lost = application.history.lost_executors.keys() & application.history.executors.keys()
    assert not stays, "the new worker could not remove what a driver of root left"
    assert victim.address in {application.history.executors[number] for number in lost}, "that worker lost no executor"
