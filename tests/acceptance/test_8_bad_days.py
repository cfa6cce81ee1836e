"""Bad days: what an operator meets sooner or later, and what it may cost."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from support import shuffle
from support.applications import KEYS, NUMBERS, Submitter, expected_sums
from support.extra_pods import driver_pod, outsider, stranger
from support.install import known_workers, told_by_master
from support.paused_jobs import done_once, end, finish, go_on, map_work, pausing
from support.places import SHUFFLE_PORT, WORKER_PORT
from workstream import limits
from workstream.cluster import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.applications import Running
    from support.install import Change
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

SPARKS_RETRIES = 3  # of a fetch, unless told otherwise
AWAITS_MASTER, CONNECTS, MISLED = "waiting for a master", "Connecting to master", "Master has changed"
WAITS = "waiting for the shuffle service"


@pytest.fixture
def paused_elsewhere(cluster: Cluster, release: Release) -> Iterator[Running]:
    """Give such a job whose driver runs in a pod of its own."""
    with driver_pod(cluster, release) as pod, pausing(Submitter(cluster, release, pod)) as job:
        yield job


@pytest.mark.criterion("WS-001-05", "Fetches wait for a service that is away for longer than Spark itself would wait")
def test_a_service_that_is_away_for_longer_than_spark_would_wait_serves_what_dead_executors_wrote(
    cluster: Cluster, release: Release, paused: Running, evidence: Recorder
) -> None:
    """With no service while new executors fetch more often than Spark's own retries, the map work was done once."""
    killed = shuffle.kill_executors(cluster, release)
    number = paused.application_id

    def registered() -> int:
        return sum(map(len, shuffle.registered(cluster, release, number).values()))

    first = sum(killed.values())
    paused.until(lambda: registered() >= 2 * first, limits.JOB, "new executors are registered with the service")
    began = time.monotonic()
    with shuffle.away(cluster, release):
        go_on(paused)
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


@pytest.mark.criterion(
    "WS-001-05",
    "A replaced Master knows the applications: they keep their id and their map work, and get new executors",
)
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


@pytest.mark.criterion("WS-001-05", "A worker that comes while there is no Master is known to the next Master")
def test_a_worker_that_comes_while_there_is_no_master_is_known_to_the_next(
    cluster: Cluster, release: Release, paused_elsewhere: Running, evidence: Recorder
) -> None:
    """It is not taken for the worker before, whom the Master before knew at its address, and does not think so.

    While an application runs: without one the next Master knows no worker before, and takes nobody for another.
    """
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
    evidence.record("application that ran meanwhile", paused_elsewhere.application_id)
    evidence.record("worker's pod that came meanwhile, and the one before", [successor.name, victim.name])
    evidence.record("whether it took the Master's word to the one before for its own", misled)
    evidence.record("seconds until the new Master knew it", round(time.monotonic() - began, 1))

    assert not misled, "the worker believes that the Master knows it, and never registers: it is lost"
    assert known_workers(cluster, release) == workers, "workers that the new Master knows"


@pytest.mark.criterion(
    "WS-001-05",
    "After the service was switched off or on while no application ran, the Master waits for no replaced worker",
)
def test_after_a_switch_the_master_waits_for_nobody(
    cluster: Cluster, release: Release, change: Change, evidence: Recorder
) -> None:
    """Its workers come back at other addresses: none that registers tells the Master that one has ended."""

    def now() -> dict[str, str]:
        parts = ("master", "worker")
        return {pod.name: pod.address for part in parts for pod in shuffle.pods(cluster, release, part)}

    for switched, values in (("off", {"shuffleService": {"enabled": False}}), ("on", {})):
        before = now()
        change(values)
        state, after = told_by_master(cluster, release).get("status"), now()
        evidence.record(f"pods before the service was switched {switched}, and their addresses", before)
        evidence.record(f"pods after it was switched {switched}, and their addresses", after)
        evidence.record(
            f"state of the Master once it was switched {switched}",
            state,
            command="curl http://spark-sa-master:8080/json/",
        )

        assert before
        assert not before.keys() & after.keys(), f"pods that switching the service {switched} did not replace"
        assert state == "ALIVE", (
            f"switched {switched}: the Master waits for workers that have ended, and gives nobody executors meanwhile"
        )


@pytest.mark.criterion(
    "WS-001-05", "No worker is offered where no shuffle service listens, or at a port that somebody else holds"
)
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
        lambda: at_the_master() == [WORKER_PORT] and (pod := now()) and pod.ready,
        limits.PODS_READY,
        what=f"the worker is back at port {WORKER_PORT}, and ready",
    )


def starts(pods: list[shuffle.Pod]) -> list[tuple[str, int]]:
    """Return pods' names, and how often the container of each was started again."""
    return [(pod.name, pod.restarts) for pod in pods]


def said(cluster: Cluster, release: Release, pod: shuffle.Pod, words: str) -> bool:
    """Whether a pod's container that has started logged some words."""
    return bool(pod.started) and words in cluster.logs(release.namespace, pod.name)


@pytest.mark.criterion("WS-001-05", "A task that takes all memory fails by its own limit, and its worker lives on")
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
    assert starts(shuffle.pods(cluster, release, "worker")) == starts(workers), "workers that were started again"


@pytest.mark.criterion(
    "WS-001-05", "With authentication, a client without the secret reads nothing and deletes nothing"
)
def test_with_authentication_jobs_succeed_and_an_outsider_gets_nothing(
    cluster: Cluster, release: Release, change: Change, submitter: Submitter, evidence: Recorder
) -> None:
    """Without the secret, Spark's own client reads nothing and deletes nothing; the job loses nothing."""
    change({"authentication": {"enabled": True}})
    with outsider(cluster, release) as pod, pausing(submitter) as job:
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


@pytest.mark.criterion(
    "WS-001-05",
    "With dynamic allocation an application gives back every executor, and reduces without doing map work again",
)
def test_an_application_gives_back_every_executor_and_reduces_what_they_wrote(
    cluster: Cluster, release: Release, submitter: Submitter, evidence: Recorder
) -> None:
    """While it pauses after its map work no executor runs; new ones fetch what those wrote, and the sums are exact."""
    dynamic = submitter.allocating_dynamically()
    with pausing(dynamic) as job:
        began = time.monotonic()
        job.until(
            lambda: not any(shuffle.executors(cluster, release).values()),
            limits.IDLE,
            "no executor of the application that pauses is left",
        )
        evidence.record("seconds until no executor was left", round(time.monotonic() - began, 1))
        known = shuffle.registered(cluster, release, job.application_id)
        application = finish(job, evidence)
    evidence.record("what the application was told besides", dynamic.properties)
    evidence.record("executors that had registered with the services by then, by node", known)
    later = [
        name for name in application.history.executors if name not in {one for ids in known.values() for one in ids}
    ]
    evidence.record("executors that came after the pause", later)

    assert [node for node, ids in known.items() if not ids] == [], "nodes whose executors wrote nothing"
    assert later, "no executor came after the pause: those before never went"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application) == done_once(job), "the map work was done again"


@pytest.mark.criterion("WS-001-05", "A byte that flips in a shuffle file costs map work, and no right answer")
def test_a_byte_that_flips_is_noticed(cluster: Cluster, release: Release, paused: Running, evidence: Recorder) -> None:
    """The map task whose file it was in runs again, and the sums are exact."""
    victim = shuffle.pods(cluster, release, "worker")[0]
    with evidence.fault("a bit flips in a shuffle file", lambda: shuffle.pods(cluster, release, "worker")):
        file = shuffle.flip_byte(cluster, release, victim)
    application = finish(paused, evidence)
    evidence.record("file in which a bit was flipped, and its node", {victim.node: file})

    assert file, "no shuffle file to flip a bit in"
    assert application.said["sums"] == expected_sums(), "the sums are wrong"
    assert map_work(application)["map tasks that ran"] > paused.submitter.cores, "nothing noticed the bit that flipped"
