"""Applications: what they are configured with, and that the service serves their shuffle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support import config, shuffle
from support.applications import EXPECTED_COUNTS, Application, Submitter
from support.places import SHUFFLE_PORT

if TYPE_CHECKING:
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

PI_SCRIPT = "/opt/spark/examples/src/main/python/pi.py"


@pytest.fixture(scope="module")
def word_count(submitter: Submitter) -> Application:
    """Give a word count that ended well."""
    return submitter.run("word_count.py")


@pytest.mark.criterion("WS-001-04", "Applications run with `spark.shuffle.service.enabled=true`")
def test_an_application_runs_with_the_service_and_the_worker_daemon_without(
    cluster: Cluster, release: Release, word_count: Application, evidence: Recorder
) -> None:
    """The application runs with what the chart ships, true and the service's port; every Worker daemon has false."""
    properties = word_count.history.properties
    told = {name: value for name, value in properties.items() if name.startswith("spark.shuffle.")}
    shipped = config.properties(cluster, release)
    daemons = {
        pod.name: re.findall(
            r"-Dspark\.shuffle\.service\.enabled=(\w+)",
            cluster.execute(release.namespace, pod.name, "pgrep", "--full", "--list-full", "worker.Worker").stdout,
        )
        for pod in shuffle.pods(cluster, release, "worker")
    }
    evidence.record(f"properties of {word_count.id}", told, command=word_count.command)
    evidence.record("spark.shuffle.service.enabled of the Worker daemons", daemons)

    assert told == {name: value for name, value in shipped.items() if name.startswith("spark.shuffle.")}, (
        "what the application was told about shuffles, and what the chart ships to everybody"
    )
    assert told.get("spark.shuffle.service.enabled") == "true", "what the application was told"
    assert told.get("spark.shuffle.service.port") == str(SHUFFLE_PORT), "another port than the service's"
    assert daemons, "there is no worker"
    assert [name for name, values in daemons.items() if values != ["false"]] == [], (
        "workers that would start a service of their own"
    )


@pytest.mark.criterion("WS-001-04", "Jobs with several stages succeed, and the service serves their shuffle")
def test_a_word_count_is_right_and_its_shuffle_crosses_the_network(
    cluster: Cluster,
    release: Release,
    word_count: Application,
    eligible_nodes: frozenset[str],
    evidence: Recorder,
) -> None:
    """The counts are exact, several stages ran, bytes came from other hosts, every shuffle pod knew executors."""
    history = word_count.history
    known = shuffle.registered(cluster, release, word_count.id)
    word_count.draw(evidence)
    evidence.record("counts", word_count.said["counts"], command=word_count.command)
    evidence.record("stages", history.stages)
    evidence.record("shuffle bytes read from other hosts", history.bytes_read_remote)
    evidence.record(
        f"executors of {word_count.id} that registered, by node",
        known,
        command=f"kubectl logs -l {shuffle.SELECTOR} --tail=-1 | grep {word_count.id}",
    )

    stages, remote = len({stage.id for stage in history.stages}), history.bytes_read_remote
    assert word_count.said["counts"] == EXPECTED_COUNTS, "the counts are wrong"
    assert history.ended, "the application did not end"
    assert stages >= 2, "stages that ran"
    # One executor a host: what is read from another executor is read from another host.
    assert sorted(history.executors.values()) == sorted(set(history.executors.values())), "hosts of the executors"
    assert remote > 0, "no shuffle byte crossed the network"
    assert set(known) == eligible_nodes
    assert [node for node, executors in known.items() if not executors] == [], "nodes whose shuffle pod knew none"


@pytest.mark.criterion(
    "WS-001-04",
    "Spark jobs fetch their shuffle data from a service that runs as a DaemonSet beside the workers",
)
def test_every_executor_registers_with_the_shuffle_pod_of_its_node(
    cluster: Cluster, release: Release, word_count: Application, evidence: Recorder
) -> None:
    """Each executor is known to the DaemonSet's pod on its own node, and to no other."""
    workers = {pod.address: pod for pod in shuffle.pods(cluster, release, "worker")}
    node_of = {address: pod.node for address, pod in workers.items()}
    ran = {number: node_of.get(host, host) for number, host in word_count.history.executors.items()}
    known = shuffle.registered(cluster, release, word_count.id)
    owner = cluster.kubectl(
        "--namespace", release.namespace, "get", "pods", "--selector", shuffle.SELECTOR,
        "--output", "jsonpath={.items[*].metadata.ownerReferences[*].kind}",
    ).stdout.split()  # fmt: skip
    evidence.record(f"executors of {word_count.id}, by the node that they ran on", ran)
    evidence.record("executors, by the node of the shuffle pod that knows them", known)
    evidence.record("owners of the shuffle pods", owner)
    services = {pod.node: pod.name for pod in shuffle.pods(cluster, release, "shuffle")}
    for node in [node for node, numbers in known.items() if numbers]:
        for worker in [pod for pod in workers.values() if pod.node == node]:
            evidence.link(worker.name, services[node], SHUFFLE_PORT)

    assert set(owner) == {"DaemonSet"}, "who made the shuffle pods"
    assert {number: node for node, numbers in known.items() for number in numbers} == ran, (
        "nodes whose service knows an executor, and nodes where executors ran"
    )
    assert sum(len(numbers) for numbers in known.values()) == len(ran)


@pytest.mark.criterion("WS-001-04", "Jobs with several stages succeed, and the service serves their shuffle")
def test_spark_pi_succeeds(cluster: Cluster, submitter: Submitter, evidence: Recorder) -> None:
    """Spark's own example estimates pi; it is one stage and shuffles nothing, so it proves only that jobs run."""
    del cluster
    said, command = submitter.run_python(PI_SCRIPT, "4")
    found = re.search(r"Pi is roughly (\d\.\d+)", said)
    evidence.record("SparkPi", said.strip(), command=command)

    assert found is not None
    assert abs(float(found[1]) - 3.14159) < 0.1
