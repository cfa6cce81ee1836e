"""Faults: what is done to a healthy product, and must not cost a right answer or do work twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import shuffle
from support.applications import EXPECTED_SUMS, KEYS, MAPS, NUMBERS, REDUCES, Application, Submitter
from workstream import limits

if TYPE_CHECKING:
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

JOB = "executor_loss.py"
LOST_FILES = "Shuffle files lost for executor"


def arguments(pipe: str) -> list[str]:
    """Return the arguments of the job that pauses between map and reduce."""
    return [*map(str, (NUMBERS, KEYS, MAPS, REDUCES)), pipe, str(int(limits.JOB.seconds))]


def map_work(application: Application) -> dict[str, Any]:
    """Return what tells whether map work was done again: a right answer does not."""
    writing = application.history.writing
    return {
        "map tasks that ran": sum(stage.tasks for stage in writing),
        "stages that wrote shuffle bytes": len({stage.id for stage in writing}),
        "driver held shuffle files for lost": LOST_FILES in application.log,
    }


DONE_ONCE = {
    "map tasks that ran": MAPS,
    "stages that wrote shuffle bytes": 1,
    "driver held shuffle files for lost": False,
}


@pytest.mark.criterion("WS-001-04", "Shuffle data outlives the executors that wrote it")
def test_the_map_work_of_killed_executors_is_not_done_again(
    cluster: Cluster, release: Release, submitter: Submitter, evidence: Recorder
) -> None:
    """With every executor killed between map and reduce the sums are exact, and the map work was done once."""
    pipe = "/tmp/between-map-and-reduce"
    with submitter.running(JOB, *arguments(pipe)) as job:
        job.paused_at(pipe)
        killed = shuffle.kill_executors(cluster, release)
        job.go_on(pipe)
        application = job.ended()
    evidence.record("executors killed between map and reduce, by node", killed, command="pkill -KILL in every worker")
    evidence.record("sums", application.said["sums"], command=application.command)
    evidence.record("map work", map_work(application))
    evidence.record("executors lost", application.history.lost_executors)
    evidence.record("shuffle bytes read from other hosts", application.history.bytes_read_remote)

    assert set(killed) == cluster.eligible_nodes(), "nodes with a worker, and eligible nodes"
    assert [node for node, count in killed.items() if not count] == [], "nodes where there was no executor to kill"
    assert application.said["sums"] == EXPECTED_SUMS, "the sums are wrong"
    assert map_work(application) == DONE_ONCE, "the map work was done again: nobody served what dead executors wrote"
    assert application.history.bytes_read_remote > 0


@pytest.mark.criterion("WS-001-04", "The service knows those executors again after a restart of its own")
def test_a_shuffle_pod_that_comes_back_serves_what_dead_executors_wrote(
    cluster: Cluster, release: Release, submitter: Submitter, evidence: Recorder
) -> None:
    """With executors killed and every shuffle pod replaced between map and reduce, the map work was done once."""
    pipe = "/tmp/between-map-and-reduce-with-restart"
    with submitter.running(JOB, *arguments(pipe)) as job:
        job.paused_at(pipe)
        killed = shuffle.kill_executors(cluster, release)
        replaced = {
            victim.name: shuffle.delete_and_await(cluster, release, victim).name
            for victim in shuffle.pods(cluster, release, "shuffle")
        }
        job.go_on(pipe)
        application = job.ended()
    evidence.record("executors killed between map and reduce, by node", killed)
    evidence.record("shuffle pods deleted, and who took their place", replaced)
    evidence.record("sums", application.said["sums"], command=application.command)
    evidence.record("map work", map_work(application))

    assert [node for node, count in killed.items() if not count] == [], "nodes where there was no executor to kill"
    assert len(replaced) == len(cluster.eligible_nodes()), "shuffle pods that were replaced"
    assert application.said["sums"] == EXPECTED_SUMS, "the sums are wrong"
    assert map_work(application) == DONE_ONCE, "the map work was done again: the service forgot the executors"
