"""Faults: what is done to a healthy product, and must not cost a right answer or do work twice."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from support import shuffle
from support.applications import KEYS, NUMBERS, REDUCES, Application, Submitter, expected_sums
from support.extra_pods import driver_pod, outsider, stranger
from support.install import known_workers, told_by_master
from support.places import SHUFFLE_FOLDER, SHUFFLE_PORT, WORKER_PORT
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
SPARKS_RETRIES = 3  # of a fetch, unless told otherwise
AWAITS_MASTER, CONNECTS, MISLED = "waiting for a master", "Connecting to master", "Master has changed"
WAITS = "waiting for the shuffle service"
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


@contextmanager
def pausing(submitter: Submitter, reduces: int) -> Iterator[Running]:
    """Give a job that did its map work and waits at a pipe."""
    submitter.cluster.execute(submitter.release.namespace, submitter.place, "rm", "--force", PIPE)
    # A map task for every core, so that every node has map work to lose.
    numbers = (NUMBERS, max(KEYS, reduces), submitter.cores, reduces)
    arguments = (*map(str, numbers), PIPE, str(int(limits.JOB.seconds)))
    with submitter.running("executor_loss.py", *arguments) as job:
        job.paused_at(PIPE)
        yield job


@pytest.fixture
def paused(submitter: Submitter, reduces: int) -> Iterator[Running]:
    """Give such a job whose driver runs in the Master's pod."""
    with pausing(submitter, reduces) as job:
        yield job


@pytest.fixture
def paused_elsewhere(cluster: Cluster, release: Release) -> Iterator[Running]:
    """Give such a job whose driver runs in a pod of its own."""
    with driver_pod(cluster, release) as pod, pausing(Submitter(cluster, release, pod), REDUCES) as job:
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
    assert len(application.history.writing[0].hosts) == len(killed), "hosts that had map output to lose"
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
def test_a_service_that_is_away_for_longer_than_spark_would_wait_serves_what_dead_executors_wrote(
    cluster: Cluster, release: Release, paused: Running, evidence: Recorder
) -> None:
    """With no service while new executors fetch more often than Spark's own retries, the map work was done once."""
    killed = shuffle.kill_executors(cluster, release)
    number = paused.application_id

    def registered() -> int:
        return sum(map(len, shuffle.registered(cluster, release, number).values()))

    first = sum(killed.values())
    waiting.until(lambda: registered() >= 2 * first, limits.JOB, what="new executors are registered with the service")
    began = time.monotonic()
    with shuffle.away(cluster, release):
        paused.go_on(PIPE)
        waiting.until(
            lambda: shuffle.retries(cluster, release, number) > SPARKS_RETRIES or paused.failed_fetches(),
            limits.JOB,
            what=f"a fetch is tried again more than {SPARKS_RETRIES} times, or given up",
        )
        retries, given_up = shuffle.retries(cluster, release, number), paused.failed_fetches()
    evidence.record("executors killed between map and reduce, by node", killed)
    evidence.record("retries of one fetch while the service was away", retries)
    evidence.record("fetches given up while it was away", given_up)
    evidence.record("seconds until it was back", round(time.monotonic() - began, 1))
    application = end(paused, evidence)

    assert [node for node, count in killed.items() if not count] == [], "nodes where there was no executor to kill"
    assert given_up == 0, "the service was away for seconds, and executors gave up their fetches"
    assert retries > SPARKS_RETRIES, "the service was not away for longer than Spark itself would wait"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(paused), (
        "the map work was done again: fetches did not wait for the service"
    )


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


@pytest.mark.criterion("WS-001-04", "Jobs with several stages succeed, and the service serves their shuffle")
def test_an_application_outlives_its_master(
    cluster: Cluster, release: Release, paused_elsewhere: Running, evidence: Recorder
) -> None:
    """A Master's successor knows workers and application, gives it new executors, and the map work was done once."""
    number = paused_elsewhere.application_id
    (victim,) = shuffle.pods(cluster, release, "master")
    workers = known_workers(cluster, release)
    began = time.monotonic()
    successor = shuffle.delete_and_await(cluster, release, victim, "master")
    waiting.until(
        lambda: (
            known_workers(cluster, release) == workers and told_by_master(cluster, release).get("status") == "ALIVE"
        ),
        limits.PODS_READY,
        what=f"the new Master knows the workers at {', '.join(sorted(workers))}",
    )
    known = [one["id"] for one in told_by_master(cluster, release)["activeapps"]]
    evidence.record("Master's pod deleted, and who took its place", {victim.name: successor.name})
    evidence.record("seconds until the new Master was alive and knew the workers", round(time.monotonic() - began, 1))
    evidence.record("applications that it knew then", known, command="curl http://spark-sa-master:8080/json/")
    assert known == [number], "applications that the new Master knows: it forgot those of the one before"

    killed = shuffle.kill_executors(cluster, release)
    application = finish(paused_elsewhere, evidence)
    evidence.record("executors killed after that, by node", killed)

    assert application.id == number, "the application's id"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(paused_elsewhere), "the map work was done again"


@pytest.mark.criterion("WS-001-04", "Jobs with several stages succeed, and the service serves their shuffle")
def test_a_worker_that_comes_while_there_is_no_master_is_known_to_the_next(
    cluster: Cluster, release: Release, evidence: Recorder
) -> None:
    """It is not taken for the worker before, whom the Master before knew at its address, and does not think so."""
    workers = known_workers(cluster, release)
    victim = shuffle.pods(cluster, release, "worker")[0]
    scale = ("--namespace", release.namespace, "scale", f"deployment/{release.name}-master")
    cluster.kubectl(*scale, "--replicas", "0")
    try:
        waiting.until(
            lambda: not shuffle.pods(cluster, release, "master"), limits.PODS_READY, what="there is no Master"
        )
        shuffle.delete(cluster, release, victim)
        waiting.until(
            lambda: (
                (pod := shuffle.successor(cluster, release, victim, "worker"))
                and (said(cluster, release, pod, AWAITS_MASTER) or said(cluster, release, pod, CONNECTS))
            ),
            limits.PODS_READY,
            what="the new worker looks for a Master",
        )
    finally:
        cluster.kubectl(*scale, "--replicas", "1")
    successor = shuffle.successor(cluster, release, victim, "worker")
    assert successor
    began = time.monotonic()
    waiting.until(
        lambda: known_workers(cluster, release) == workers or said(cluster, release, successor, MISLED),
        limits.PODS_READY,
        what="the Master knows the worker, or the worker believes that it does",
    )
    misled = said(cluster, release, successor, MISLED)
    evidence.record("worker's pod that came meanwhile, and the one before", [successor.name, victim.name])
    evidence.record("whether it took the Master's word to the one before for its own", misled)
    evidence.record("seconds until the new Master knew it", round(time.monotonic() - began, 1))

    assert not misled, "the worker believes that the Master knows it, and never registers: it is lost"
    assert known_workers(cluster, release) == workers, "workers that the new Master knows"


@pytest.mark.criterion("WS-001-04", "Port 7337 of the shuffle service is reachable from every worker")
def test_no_worker_is_offered_without_its_service_nor_at_a_port_of_a_stranger(
    cluster: Cluster, release: Release, evidence: Recorder
) -> None:
    """A worker comes before its node's service, and then meets a stranger on its port: the Master hears of neither."""
    victim = shuffle.pods(cluster, release, "worker")[0]

    def at_the_master() -> list[int]:
        """The ports at which the Master knows living workers of that node."""
        workers = told_by_master(cluster, release).get("workers", ())
        return [one["port"] for one in workers if (one["host"], one["state"]) == (victim.address, "ALIVE")]

    def now() -> shuffle.Pod | None:
        return shuffle.successor(cluster, release, victim, "worker")

    with ExitStack() as held:
        with shuffle.away(cluster, release):
            shuffle.delete(cluster, release, victim)
            waiting.until(lambda: not at_the_master(), limits.PODS_READY, what="the Master misses the worker")
            waiting.until(
                lambda: (pod := now()) and (said(cluster, release, pod, WAITS) or at_the_master()),
                limits.PODS_READY,
                what="the new worker waits for its service, or is offered without",
            )
            ungated = at_the_master()
            evidence.record("ports at which the Master knew a worker where no service listened", ungated)
            assert ungated == [], "a worker was offered on a node without a shuffle service"
            held.enter_context(stranger(cluster, release, victim.node, WORKER_PORT))
        waiting.until(
            lambda: (pod := now()) and (pod.restarts or at_the_master()),
            limits.PODS_READY,
            what="the worker gives up over the taken port, or is offered at another",
        )
        other, pod = at_the_master(), now()
        evidence.record("ports at which the Master knew it while a stranger held its own", other)
        evidence.record("the worker's pod then", pod)
        assert other == [], "a worker was offered at another port than its own, which a stranger held"
        assert pod
        assert not pod.ready, "the worker's pod was ready because a stranger answered its probe"
    waiting.until(
        lambda: at_the_master() == [WORKER_PORT], limits.PODS_READY, what=f"the worker is back at port {WORKER_PORT}"
    )


def said(cluster: Cluster, release: Release, pod: shuffle.Pod, words: str) -> bool:
    """Whether a pod's container that has started logged some words."""
    return bool(pod.started) and words in cluster.logs(release.namespace, pod.name)


@pytest.mark.criterion("WS-001-04", "Jobs with several stages succeed, and the service serves their shuffle")
def test_a_task_that_takes_all_memory_fails_by_itself(
    cluster: Cluster, release: Release, submitter: Submitter, evidence: Recorder
) -> None:
    """Its Python process meets a limit of its own, below the pod's: worker and executors live, the answer is exact."""
    workers = shuffle.pods(cluster, release, "worker")
    application = submitter.run("greedy.py", str(NUMBERS), str(KEYS), str(submitter.cores))
    used = {pod.node: shuffle.memory(cluster, release, pod) for pod in workers}
    failed = application.log.count("MemoryError")
    evidence.record("sums", application.said["sums"], command=application.command)
    evidence.record("most memory that a worker's pod ever had, and its limit, in bytes, by node", used)
    evidence.record("whether the task failed by its own limit", failed > 0)
    evidence.record("executors lost", application.history.lost_executors)

    assert workers
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert failed, "the task met no limit of its own: it took memory until the kernel killed something in the pod"
    assert [node for node, (peak, limit) in used.items() if peak >= limit] == [], "pods that reached their limit"
    assert shuffle.pods(cluster, release, "worker") == workers, "workers that were started again"


@pytest.mark.criterion("WS-001-04", "Jobs with several stages succeed, and the service serves their shuffle")
def test_with_authentication_jobs_succeed_and_an_outsider_gets_nothing(
    cluster: Cluster, release: Release, change: Change, submitter: Submitter, evidence: Recorder
) -> None:
    """Without the secret, Spark's own client reads nothing and deletes nothing; the job loses nothing."""
    change({"authentication": {"enabled": True}})
    with outsider(cluster, release) as pod, pausing(submitter, REDUCES) as job:
        known = shuffle.registered(cluster, release, job.application_id)
        node, executor = next((node, ids[0]) for node, ids in known.items() if ids)
        (host,) = [one.address for one in shuffle.pods(cluster, release, "shuffle") if one.node == node]
        answers, command = Submitter(cluster, release, pod).run_here(
            "outsider.py", host, str(SHUFFLE_PORT), job.application_id, executor
        )
        application = finish(job, evidence)
    evidence.record("what the service answered to a pod without the secret", answers, command=command)
    told = application.history.properties.get("spark.authenticate")
    evidence.record("spark.authenticate of the application", told)

    assert answers
    assert [name for name, said in answers.items() if not said.startswith("refused: ")] == [], (
        "what a pod without the secret was given: the service asks nobody who he is"
    )
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(job), "the map work was done again"
    assert told == "true", "the application ran without authentication"
