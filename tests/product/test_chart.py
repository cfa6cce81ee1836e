"""What the chart renders: everything about it that needs no cluster to be seen."""

from __future__ import annotations

import base64
import json
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support import manifests
from support.manifests import FEATURES, values_of
from support.places import CHART, DEFAULT_IMAGE, RELEASE, SHUFFLE_FOLDER, SHUFFLE_PORT
from workstream import limits, processes
from workstream.cluster import helm
from workstream.cluster.helm import Release

if TYPE_CHECKING:
    from pathlib import Path

    from workstream.cluster.helm import Manifest

pytestmark = pytest.mark.usefixtures("tools")  # helm on PATH


@pytest.mark.parametrize("feature", FEATURES, ids=lambda path: path.stem)
def test_every_feature_passes_the_linter_and_changes_what_is_rendered(feature: Path, defaults: list[Manifest]) -> None:
    """Helm finds nothing to say about a feature's values, and they make a difference."""
    helm.lint(CHART, values_of(feature))

    assert helm.template(RELEASE, values_of(feature)) != defaults


@pytest.mark.parametrize("feature", [None, *FEATURES], ids=lambda path: path.stem if path else "defaults")
def test_every_object_has_the_form_of_its_kind(feature: Path | None) -> None:
    """Every field is one that Kubernetes knows there, has its type, and none that must be there is missing."""
    rendered = helm.template(RELEASE, values_of(feature) if feature else {})
    found = {f"{one['kind']}/{one['metadata']['name']}": manifests.misshapen(one) for one in rendered}

    assert {name: said for name, said in found.items() if said} == {}


def test_the_shuffle_service_is_a_daemonset_with_the_names_that_the_document_fixes(defaults: list[Manifest]) -> None:
    """The DaemonSet spark-sa-shuffle labels its pods app: spark-shuffle and offers port 7337 of the node."""
    shuffle = manifests.named(defaults, "DaemonSet", "spark-sa-shuffle")
    (container,) = shuffle["spec"]["template"]["spec"]["containers"]

    assert shuffle["spec"]["template"]["metadata"]["labels"]["app"] == "spark-shuffle"
    assert [port["hostPort"] for port in container["ports"]] == [SHUFFLE_PORT]
    assert manifests.environment(shuffle)["SPARK_SHUFFLE_SERVICE_PORT"] == str(SHUFFLE_PORT)


DAEMONS = ("spark-sa-master", "spark-sa-worker", "spark-sa-shuffle")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
NODE_DAEMONS = ("spark-sa-worker", "spark-sa-shuffle")


def spec_of(rendered: list[Manifest], name: str) -> Manifest:
    """Return the pod of a workload."""
    spec: Manifest = manifests.pod_templates(rendered)[name]["spec"]
    return spec


def test_workers_and_service_go_to_the_nodes_that_the_values_choose() -> None:
    """Selector and tolerations of the values, as they stand there, are those of both."""
    nodes = values_of(CHART / "ci" / "nodes-values.yaml")["nodes"]
    rendered = helm.template(RELEASE, {"nodes": nodes})

    for name in NODE_DAEMONS:
        assert spec_of(rendered, name).get("nodeSelector") == nodes["selector"]
        assert spec_of(rendered, name).get("tolerations") == nodes["tolerations"]


@pytest.mark.parametrize(
    "recovery", [{}, {"enabled": False}, {"existingClaim": "mine"}], ids=["keeper", "none", "claim"]
)
def test_the_master_goes_to_the_nodes_that_the_values_choose(recovery: dict[str, Any]) -> None:
    """Where a keeper holds its node, the keeper goes there, and the Master, which follows it, tolerates as much."""
    nodes = values_of(CHART / "ci" / "master-nodes-values.yaml")["master"]["nodes"]
    rendered = helm.template(RELEASE, {"master": {"nodes": nodes, "recovery": recovery}})
    first = "spark-sa-master-keeper" if recovery == {} else "spark-sa-master"

    assert spec_of(rendered, first).get("nodeSelector") == nodes["selector"]
    for name in {first, "spark-sa-master"}:
        assert spec_of(rendered, name).get("tolerations") == nodes["tolerations"]
    for name in {*manifests.pod_templates(rendered)} - {first, "spark-sa-test"}:
        assert "nodeSelector" not in spec_of(rendered, name), "it would contradict the keeper, or is of others"


def test_workers_and_service_leave_a_node_that_is_taken_out(defaults: list[Manifest]) -> None:
    """Both refuse nodes with the label of the chart's README, and so Kubernetes ends those that run there."""
    expression = {"key": "spark-standalone/out", "operator": "DoesNotExist"}
    readme = (CHART / "README.md").read_text(encoding="utf-8")

    assert f"kubectl label node NODE {expression['key']}=" in readme
    for name in NODE_DAEMONS:
        (term,) = spec_of(defaults, name)["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
        assert term == {"matchExpressions": [expression]}


def test_every_container_runs_the_image_that_the_values_name() -> None:
    """Registry, name, tag, when to pull and with which credentials: everywhere the same."""
    values = values_of(CHART / "ci" / "private-registry-values.yaml")
    rendered = helm.template(RELEASE, values)
    images = {(one["image"], one["imagePullPolicy"]) for one in manifests.containers(rendered)}

    assert images == {("registry.example:5000/spark:3.5.7-1", "Always")}
    for template in manifests.pod_templates(rendered).values():
        assert template["spec"].get("imagePullSecrets") == values["imagePullSecrets"]


def test_every_pod_has_what_the_values_say_of_pods() -> None:
    """Labels, annotations and priority of each; variables and volumes where Spark runs, Java options of each daemon."""
    values = values_of(CHART / "ci" / "pods-values.yaml")
    pods = values["pods"]
    rendered = helm.template(RELEASE, values)
    for template in manifests.pod_templates(rendered).values():
        assert pods["labels"].items() <= template["metadata"]["labels"].items()
        assert pods["annotations"].items() <= template["metadata"].get("annotations", {}).items()
        assert template["spec"].get("priorityClassName") == pods["priorityClassName"]
    for name in (*DAEMONS, "spark-sa-test"):
        spec = spec_of(rendered, name)
        (container,) = spec["containers"]
        options = [one["value"].split() for one in container["env"] if one["name"] == "SPARK_DAEMON_JAVA_OPTS"]

        assert [one for one in pods["env"] if one not in container["env"]] == []
        assert [one for one in pods["volumes"] if one not in spec["volumes"]] == []
        assert [one for one in pods["volumeMounts"] if one not in container["volumeMounts"]] == []
        assert options == [["-XX:+ExitOnOutOfMemoryError", pods["javaOptions"]]] * (name in DAEMONS)


def test_an_image_can_be_named_by_its_content() -> None:
    """The digest stands behind name and tag, in every container."""
    digest = f"sha256:{'0' * 64}"
    rendered = helm.template(RELEASE, {"image": {"digest": digest}})

    assert {one["image"] for one in manifests.containers(rendered)} == {f"{DEFAULT_IMAGE}@{digest}"}


DIGEST = f"sha256:{'0' * 64}"
OTHER_DIGEST = f"sha256:{'1' * 64}"


@pytest.mark.parametrize(
    ("chart", "own", "expected"),
    [
        pytest.param({}, {}, (DEFAULT_IMAGE, "IfNotPresent"), id="nothing"),
        pytest.param({"digest": DIGEST}, {}, (f"{DEFAULT_IMAGE}@{DIGEST}", "IfNotPresent"), id="nothing, by digest"),
        pytest.param(
            {"digest": DIGEST, "tag": "1"},
            {"repository": "registry.example:5000/shuffle"},
            ("registry.example:5000/shuffle:1", "IfNotPresent"),
            id="name",
        ),
        pytest.param({"digest": DIGEST, "repository": "x"}, {"tag": "2"}, ("x:2", "IfNotPresent"), id="tag"),
        pytest.param(
            {"digest": DIGEST},
            {"digest": OTHER_DIGEST},
            (f"{DEFAULT_IMAGE}@{OTHER_DIGEST}", "IfNotPresent"),
            id="digest",
        ),
        pytest.param(
            {"digest": DIGEST},
            {"pullPolicy": "Always"},
            (f"{DEFAULT_IMAGE}@{DIGEST}", "Always"),
            id="when to pull",
        ),
    ],
)
def test_the_service_can_have_an_image_of_its_own(
    chart: dict[str, str], own: dict[str, str], expected: tuple[str, str]
) -> None:
    """What is said of it holds for the service alone; the rest is as the chart says, but for another image's digest."""
    without = helm.template(RELEASE, {"image": chart})
    rendered = helm.template(RELEASE, {"image": chart, "shuffleService": {"image": own}})
    (container,) = spec_of(rendered, "spark-sa-shuffle")["containers"]
    others = {name: spec for name, spec in manifests.pod_templates(rendered).items() if name != "spark-sa-shuffle"}

    assert (container["image"], container["imagePullPolicy"]) == expected
    assert others.items() <= manifests.pod_templates(without).items()


@pytest.mark.parametrize(("enabled", "kinds"), [(True, 7), (False, 0)])
def test_it_can_be_a_dependency_with_a_condition(tmp_path: Path, *, enabled: bool, kinds: int) -> None:
    """A chart that has it under `charts/` switches it by `spark-standalone.enabled`, and gives its own `global`."""
    (tmp_path / "charts").mkdir()
    shutil.copytree(RELEASE.chart, tmp_path / "charts" / CHART.name)
    dependency = {"name": CHART.name, "version": "*", "condition": f"{CHART.name}.enabled"}
    chart = {"apiVersion": "v2", "name": "whole", "version": "1.0.0", "dependencies": [dependency]}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
    values = {"global": {"team": "x"}, CHART.name: {"enabled": enabled}}
    rendered = helm.template(Release("spark-sa", "default", tmp_path), values)

    assert len(rendered) == kinds + enabled


def test_every_daemon_reads_the_configuration(defaults: list[Manifest]) -> None:
    """Its ConfigMap is where Spark looks for it."""
    for name in DAEMONS:
        (container,) = spec_of(defaults, name)["containers"]
        mounted = [one["name"] for one in container["volumeMounts"] if one["mountPath"] == "/opt/spark/conf"]
        volumes = [one["configMap"]["name"] for one in spec_of(defaults, name)["volumes"] if one["name"] in mounted]
        assert volumes == ["spark-sa-config"]


def test_a_daemon_without_memory_ends_and_is_started_again(defaults: list[Manifest]) -> None:
    """Java goes on without the thread that failed, unless told to end."""
    for kind, name in (("Deployment", DAEMONS[0]), ("DaemonSet", DAEMONS[1]), ("DaemonSet", DAEMONS[2])):
        options = manifests.environment(manifests.named(defaults, kind, name)).get("SPARK_DAEMON_JAVA_OPTS", "")
        assert "-XX:+ExitOnOutOfMemoryError" in options.split()


def test_two_masters_never_run_at_once(defaults: list[Manifest]) -> None:
    """An upgrade ends the one before it starts the other."""
    master = manifests.named(defaults, "Deployment", "spark-sa-master")

    assert (master["spec"]["replicas"], master["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_what_the_values_say_of_workers_is_what_they_are_told() -> None:
    """Cores, memory, ports and clean-up; and the Master's name, under which it is found again at another address."""
    values = {
        "cores": 3,
        "memory": "3g",
        "daemonMemory": "300m",
        "ports": {"rpc": 7178, "ui": 8181},
        "cleanup": {"interval": 60, "keep": 3600},
        "resources": {"limits": {"memory": "8Gi"}},
    }
    worker = manifests.named(helm.template(RELEASE, {"worker": values}), "DaemonSet", "spark-sa-worker")
    told = manifests.environment(worker)
    (container,) = worker["spec"]["template"]["spec"]["containers"]

    assert told["SPARK_WORKER_CORES"] == "3"
    assert told["SPARK_WORKER_MEMORY"] == "3g"
    assert told["SPARK_DAEMON_MEMORY"] == "300m"
    assert (told["SPARK_WORKER_PORT"], told["SPARK_WORKER_WEBUI_PORT"]) == ("7178", "8181")
    assert {port["containerPort"] for port in container["ports"]} == {7178, 8181}
    assert container["resources"]["limits"] == {"memory": "8Gi"}
    assert {
        "-Dspark.worker.preferConfiguredMasterAddress=true",
        "-Dspark.worker.cleanup.enabled=true",
        "-Dspark.worker.cleanup.interval=60",
        "-Dspark.worker.cleanup.appDataTtl=3600",
    } <= set(told["SPARK_WORKER_OPTS"].split())


def test_each_service_finds_the_pods_of_one_workload(defaults: list[Manifest]) -> None:
    """Nobody who asks for the Master, or for shuffle pods, is sent to another."""
    pods = {name: one["metadata"]["labels"] for name, one in manifests.pod_templates(defaults).items()}
    found = {
        service["metadata"]["name"]: [
            name for name, labels in pods.items() if service["spec"]["selector"].items() <= labels.items()
        ]
        for service in manifests.of_kind(defaults, "Service")
    }

    assert found == {"spark-sa-master": ["spark-sa-master"], "spark-sa-shuffle": ["spark-sa-shuffle"]}


def test_the_shuffle_pods_have_a_headless_service(defaults: list[Manifest]) -> None:
    """The Service spark-sa-shuffle has no address of its own and finds the shuffle pods."""
    service = manifests.named(defaults, "Service", "spark-sa-shuffle")
    pods = manifests.pod_templates(defaults)["spark-sa-shuffle"]["metadata"]["labels"]

    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"].items() <= pods.items()


def test_workers_and_service_share_the_address_and_one_folder_of_the_node(defaults: list[Manifest]) -> None:
    """Both are on the host network, and see the same folder of the node at the same path."""
    worker = manifests.named(defaults, "DaemonSet", "spark-sa-worker")
    shuffle = manifests.named(defaults, "DaemonSet", "spark-sa-shuffle")

    for workload in (worker, shuffle):
        pod = workload["spec"]["template"]["spec"]
        assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
        assert manifests.host_path(workload) == (SHUFFLE_FOLDER, SHUFFLE_FOLDER)
        assert manifests.environment(workload)["SPARK_LOCAL_DIRS"] == SHUFFLE_FOLDER


def test_only_the_worker_daemon_has_the_embedded_service_off(defaults: list[Manifest]) -> None:
    """Applications read true, the Worker daemon's own options say false, and nothing else does."""
    properties = manifests.properties(defaults)
    options = [
        name
        for name in manifests.pod_templates(defaults)
        for kind in ("DaemonSet", "Deployment")
        for workload in manifests.of_kind(defaults, kind)
        if workload["metadata"]["name"] == name
        for value in manifests.environment(workload).values()
        if "-Dspark.shuffle.service.enabled=false" in value
    ]

    assert properties["spark.shuffle.service.enabled"] == "true"
    assert properties["spark.shuffle.service.port"] == str(SHUFFLE_PORT)
    assert options == ["spark-sa-worker"]


def test_switched_off_nothing_of_the_service_is_rendered(switched_off: list[Manifest]) -> None:
    """Without the service there is no shuffle object, no use of the nodes, and applications read false."""
    names = {manifest["metadata"]["name"] for manifest in switched_off}
    uses = set(manifests.keys(switched_off)) & {"hostNetwork", "hostPort", "hostPath"}

    assert names == {"spark-sa-config", "spark-sa-master", "spark-sa-master-keeper", "spark-sa-worker", "spark-sa-test"}
    assert uses == {"hostPath"}, "the Master's folder"
    assert manifests.volumes_of(switched_off, "SPARK_LOCAL_DIRS") == {"spark-sa-worker": "emptyDir"}
    assert manifests.properties(switched_off)["spark.shuffle.service.enabled"] == "false"


def test_a_property_is_what_was_given(defaults: list[Manifest]) -> None:
    """Java reads back every character, and a value takes nothing of the next line away."""
    given = {"spark.a": "ends in \\", "spark.b": "=starts with a sign", "spark.c": "\\d+ and : and #"}
    properties = manifests.properties(helm.template(RELEASE, {"sparkConf": given}))

    assert properties == {**manifests.properties(defaults), **given}


def test_a_user_can_say_another_number_of_retries() -> None:
    """What the chart ships for applications is what they get unless sparkConf says otherwise, and stands there once."""
    rendered = helm.template(RELEASE, {"sparkConf": {"spark.shuffle.io.maxRetries": "48"}})
    (config,) = manifests.of_kind(rendered, "ConfigMap")
    lines = [line for line in config["data"]["spark-defaults.conf"].splitlines() if "maxRetries" in line]

    assert lines == ["spark.shuffle.io.maxRetries=48"]


def test_without_the_service_nobody_waits_for_it(switched_off: list[Manifest]) -> None:
    """Files of dead executors are gone then: the chart makes no application try for two minutes to fetch them."""
    assert not [name for name in manifests.properties(switched_off) if name.startswith("spark.shuffle.io.")]


METRICS = {"metrics": {"enabled": True}}
SERVLET = "sink.prometheusServlet"


def test_metrics_are_shown_where_annotations_say(defaults: list[Manifest]) -> None:
    """Spark's own servlet shows them on the page of each daemon that has one; a pod says at which port and path."""
    values = {**METRICS, "master": {"ports": {"ui": 8180}}, "worker": {"ports": {"ui": 8181}}}
    rendered = helm.template(RELEASE, values)
    properties = manifests.properties(rendered)
    paths = {
        name: properties.get(f"spark.metrics.conf.{instance}.{SERVLET}.path")
        for name, instance in (("spark-sa-master", "master"), ("spark-sa-worker", "*"))
    }
    said = {
        name: {key: value for key, value in template["metadata"].get("annotations", {}).items() if "prometheus" in key}
        for name, template in manifests.pod_templates(rendered).items()
    }
    ports = {
        name: str(port["containerPort"])
        for name in paths
        for port in spec_of(rendered, name)["containers"][0]["ports"]
        if port["name"] == "ui"
    }

    assert properties.get(f"spark.metrics.conf.*.{SERVLET}.class") == "org.apache.spark.metrics.sink.PrometheusServlet"
    assert properties.get("spark.ui.prometheus.enabled") == "true"
    assert len({*paths.values(), properties.get(f"spark.metrics.conf.applications.{SERVLET}.path")}) == 3
    assert {name: one for name, one in said.items() if one} == {
        name: {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": ports[name],
            "prometheus.io/path": f"{paths[name]}/",
        }
        for name in paths
    }
    assert "prometheus" not in json.dumps(defaults), "nothing of it unless asked for"


def test_annotations_follow_another_path_and_leave_users_the_last_word() -> None:
    """Where sparkConf moves the metrics, the annotation follows; an annotation of the values is as it was given."""
    given = {
        **METRICS,
        "sparkConf": {f"spark.metrics.conf.worker.{SERVLET}.path": "/elsewhere"},
        "pods": {"annotations": {"prometheus.io/scrape": "false"}},
    }
    templates = manifests.pod_templates(helm.template(RELEASE, given))
    worker = templates["spark-sa-worker"]["metadata"]["annotations"]

    assert worker.get("prometheus.io/path") == "/elsewhere/"
    assert {one["metadata"]["annotations"].get("prometheus.io/scrape") for one in templates.values()} == {"false"}


def test_switching_metrics_on_starts_every_daemon_again(defaults: list[Manifest]) -> None:
    """They read it when they start."""
    assert rolled(defaults, helm.template(RELEASE, METRICS)) == set(DAEMONS)


TRACKING = "spark.dynamicAllocation.shuffleTracking.enabled"


def test_without_the_service_executors_are_kept_for_their_files(
    defaults: list[Manifest], switched_off: list[Manifest]
) -> None:
    """Applications are told so where the service is off, unless sparkConf says otherwise; with it, nothing is said."""
    given = {"shuffleService": {"enabled": False}, "sparkConf": {TRACKING: "false"}}

    assert TRACKING not in manifests.properties(defaults)
    assert manifests.properties(switched_off).get(TRACKING) == "true"
    assert manifests.properties(helm.template(RELEASE, given)).get(TRACKING) == "false"


def test_pods_are_found_by_their_own_release_only(defaults: list[Manifest]) -> None:
    """No selector of one release, of a workload or a Service, matches a pod of another, in whatever namespace."""
    other = helm.template(Release("second", "elsewhere", CHART), {})
    pods = [template["metadata"]["labels"] for template in manifests.pod_templates(defaults).values()]
    workloads = [one for one in other if one["kind"] in {"DaemonSet", "Deployment", "StatefulSet"}]
    selectors = [workload["spec"]["selector"]["matchLabels"] for workload in workloads]
    selectors += [service["spec"]["selector"] for service in manifests.of_kind(other, "Service")]

    assert len(selectors) == 6
    for selector in selectors:
        assert not any(selector.items() <= labels.items() for labels in pods)


def test_two_releases_clash_in_nothing_when_the_second_has_ports_and_folder_of_its_own(
    defaults: list[Manifest],
) -> None:
    """With ci/ports-values.yaml no host port and no folder of a node is used twice; nothing is cluster-wide."""
    second = helm.template(Release("second", "elsewhere", CHART), values_of(CHART / "ci" / "ports-values.yaml"))
    folders = [manifests.host_folders(release) for release in (defaults, second)]

    assert not manifests.host_ports(defaults) & manifests.host_ports(second)
    assert not folders[0] & folders[1]
    kinds = {manifest["kind"] for manifest in second}
    assert kinds == {"ConfigMap", "DaemonSet", "Deployment", "Pod", "Service", "StatefulSet"}


def rolled(before: list[Manifest], after: list[Manifest]) -> set[str]:
    """Return the workloads whose pods an upgrade from one rendering to the other replaces."""
    former, later = manifests.pod_templates(before), manifests.pod_templates(after)
    assert former.keys() == later.keys()
    return {name for name in former if former[name] != later[name]}


@pytest.mark.parametrize(
    "name",
    [
        "spark.deploy.defaultCores",
        "spark.worker.ui.retainedExecutors",
        "spark.master.rest.enabled",
        "spark.network.crypto.enabled",
        "spark.rpc.askTimeout",
        "spark.ui.reverseProxy",
        "spark.executor.logs.rolling.strategy",
        "spark.metrics.conf.*.sink.csv.class",
    ],
)
def test_a_property_that_daemons_read_rolls_every_pod(defaults: list[Manifest], name: str) -> None:
    """Master, workers and shuffle service read it when they start, so an upgrade that changes it starts them again."""
    changed = helm.template(RELEASE, {"sparkConf": {name: "1"}})

    assert rolled(defaults, changed) == {"spark-sa-master", "spark-sa-worker", "spark-sa-shuffle"}


def test_a_property_of_the_shuffle_service_leaves_the_master_alone(defaults: list[Manifest]) -> None:
    """What it reads starts workers and services again, and not the Master and the drivers beside it."""
    changed = helm.template(RELEASE, {"sparkConf": {"spark.shuffle.service.index.cache.size": "10m"}})

    assert rolled(defaults, changed) == {"spark-sa-worker", "spark-sa-shuffle"}


@pytest.mark.parametrize("service", [{"port": 7447}, {"enabled": False}])
def test_a_service_that_moves_or_goes_starts_the_master_again(
    defaults: list[Manifest], service: dict[str, object]
) -> None:
    """Drivers in its pod would read for a minute or so that the service is where it was."""
    before, after = (
        manifests.pod_templates(rendered)["spark-sa-master"]
        for rendered in (defaults, helm.template(RELEASE, {"shuffleService": service}))
    )

    assert before != after


@pytest.mark.parametrize(
    "name",
    [
        "spark.sql.shuffle.partitions",
        "spark.executor.memory",
        "spark.dynamicAllocation.enabled",
        "spark.hadoop.fs.s3a.endpoint",
        "spark.shuffle.compress",
        "spark.deployment.of.mine",
        "spark.eventLog.compress",
    ],
)
def test_a_property_that_only_drivers_read_rolls_no_pod(defaults: list[Manifest], name: str) -> None:
    """An upgrade that changes it changes the file that new drivers read, and no pod."""
    changed = helm.template(RELEASE, {"sparkConf": {name: "1"}})

    assert manifests.properties(changed)[name] == "1"
    assert rolled(defaults, changed) == set()


def test_no_pod_gets_variables_of_services_or_a_token(defaults: list[Manifest]) -> None:
    """Service links would set SPARK_…_PORT to addresses; nothing here talks to the Kubernetes API."""
    for template in manifests.pod_templates(defaults).values():
        assert template["spec"]["enableServiceLinks"] is False
        assert template["spec"]["automountServiceAccountToken"] is False


def test_a_container_has_started_when_its_own_process_listens(defaults: list[Manifest]) -> None:
    """Each daemon's first probe asks the container itself; from then on its port tells ready from not, and alive."""
    ports = {"spark-sa-master": 7077, "spark-sa-worker": 7078, "spark-sa-shuffle": SHUFFLE_PORT}
    for name, number in ports.items():
        (container,) = manifests.pod_templates(defaults)[name]["spec"]["containers"]
        (port,) = [one["name"] for one in container["ports"] if one["containerPort"] == number]
        probes = {probe: container.get(probe, {}) for probe in ("startupProbe", "readinessProbe", "livenessProbe")}

        assert probes["startupProbe"].get("exec") == {"command": ["entrypoint.sh", "probe", str(number)]}
        assert probes["readinessProbe"].get("tcpSocket") == {"port": port}
        assert probes["livenessProbe"].get("tcpSocket") == {"port": port}


def test_a_worker_waits_for_the_service_if_there_is_one(defaults: list[Manifest], switched_off: list[Manifest]) -> None:
    """It is told the service's port, and none where the service is switched off."""
    told, untold = (
        manifests.environment(manifests.named(rendered, "DaemonSet", "spark-sa-worker"))
        for rendered in (defaults, switched_off)
    )

    assert told.get("SPARK_SHUFFLE_SERVICE_PORT") == str(SHUFFLE_PORT)
    assert "SPARK_SHUFFLE_SERVICE_PORT" not in untold


def test_every_master_starts_where_the_keeper_of_its_folder_is(defaults: list[Manifest]) -> None:
    """The Master wants the node of a pod that no upgrade moves, and both have one folder of that node."""
    master = manifests.named(defaults, "Deployment", "spark-sa-master")
    keeper = manifests.named(defaults, "StatefulSet", "spark-sa-master-keeper")
    (term,) = master["spec"]["template"]["spec"]["affinity"]["podAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]

    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"].items() <= keeper["spec"]["template"]["metadata"]["labels"].items()
    assert keeper["spec"]["updateStrategy"] == {"type": "OnDelete"}
    assert manifests.host_path(keeper) == manifests.host_path(master)
    for workload in (master, keeper):
        assert manifests.environment(workload)["SPARK_RECOVERY_DIR"] == manifests.host_path(workload)[1]


def test_a_worker_waits_for_a_master_that_recovers(defaults: list[Manifest]) -> None:
    """It would take what the Master says to the worker before for its own; without recovery no Master says it."""
    without = helm.template(RELEASE, {"master": {"recovery": {"enabled": False}}})
    told, untold = (
        manifests.environment(manifests.named(rendered, "DaemonSet", "spark-sa-worker"))
        for rendered in (defaults, without)
    )

    assert told.get("SPARK_AWAIT_MASTER") == "true"
    assert "SPARK_AWAIT_MASTER" not in untold


def test_a_claim_takes_the_place_of_the_folder_and_of_its_keeper() -> None:
    """With a claim the Master keeps what it knows there, and starts on whatever node."""
    rendered = helm.template(RELEASE, {"master": {"recovery": {"existingClaim": "mine"}}})
    pod = manifests.pod_templates(rendered)["spark-sa-master"]["spec"]

    assert manifests.volumes_of(rendered, "SPARK_RECOVERY_DIR") == {"spark-sa-master": "persistentVolumeClaim"}
    assert {"name": "recovery", "persistentVolumeClaim": {"claimName": "mine"}} in pod["volumes"]
    assert "affinity" not in pod
    assert not manifests.of_kind(rendered, "StatefulSet")


def test_without_recovery_nothing_of_a_node_is_the_masters() -> None:
    """Neither folder, nor keeper, nor variable is there."""
    rendered = helm.template(RELEASE, {"master": {"recovery": {"enabled": False}}})

    assert manifests.volumes_of(rendered, "SPARK_RECOVERY_DIR") == {}
    assert "affinity" not in manifests.pod_templates(rendered)["spark-sa-master"]["spec"]
    assert not manifests.of_kind(rendered, "StatefulSet")


def test_authentication_has_one_secret_and_shows_it_nowhere_else() -> None:
    """Every daemon mounts the Secret that the chart makes; no other object holds what is in it."""
    rendered = helm.template(RELEASE, {"authentication": {"enabled": True}})
    (secret,) = manifests.of_kind(rendered, "Secret")
    others = [manifest for manifest in rendered if manifest is not secret]
    text = base64.b64decode(secret["data"]["secret"]).decode()

    assert re.fullmatch("[A-Za-z0-9]{64}", text)
    assert not any(form in json.dumps(others) for form in (text, secret["data"]["secret"]))
    assert manifests.properties(rendered)["spark.authenticate"] == "true"
    for name in ("spark-sa-master", "spark-sa-worker", "spark-sa-shuffle"):
        assert mounted_secret(rendered, name) == "spark-sa-authentication"


def test_authentication_takes_a_secret_of_somebody_else() -> None:
    """Then the chart makes none, and every daemon mounts that one."""
    rendered = helm.template(RELEASE, {"authentication": {"enabled": True, "existingSecret": "of-the-team"}})

    assert not manifests.of_kind(rendered, "Secret")
    for name in ("spark-sa-master", "spark-sa-worker", "spark-sa-shuffle"):
        assert mounted_secret(rendered, name) == "of-the-team"


def test_without_authentication_there_is_no_secret(defaults: list[Manifest]) -> None:
    """Neither object, nor mount, nor property, nor script."""
    assert not manifests.of_kind(defaults, "Secret")
    assert "authentication" not in json.dumps(defaults)
    assert "spark.authenticate" not in manifests.properties(defaults)


def mounted_secret(rendered: list[Manifest], name: str) -> str:
    """Return the Secret of which a workload's container sees the key `secret` where spark-env.sh looks for it."""
    spec = manifests.pod_templates(rendered)[name]["spec"]
    (container,) = spec["containers"]
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == "/opt/spark/authentication"]
    (volume,) = [one for one in spec["volumes"] if one["name"] == mount["name"]]
    assert volume["secret"]["items"] == [{"key": "secret", "path": "secret"}]
    return str(volume["secret"]["secretName"])


def test_helm_test_submits_a_job_as_applications_do() -> None:
    """A pod that no install makes runs Spark's example for the Master's Service, configured as the release is."""
    values = {"master": {"ports": {"rpc": 7177}}, "authentication": {"enabled": True}}
    rendered = helm.template(RELEASE, values)
    pod = manifests.named(rendered, "Pod", "spark-sa-test")
    (container,) = pod["spec"]["containers"]
    service = manifests.named(rendered, "Service", "spark-sa-master")
    (port,) = [one["port"] for one in service["spec"]["ports"] if one["name"] == "rpc"]
    mounted = [one["name"] for one in container["volumeMounts"] if one["mountPath"] == "/opt/spark/conf"]
    configs = [one["configMap"]["name"] for one in pod["spec"]["volumes"] if one["name"] in mounted]
    master = manifests.pod_templates(rendered)["spark-sa-master"]["spec"]["containers"][0]

    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert container["args"][:3] == ["submit", "--master", f"spark://{service['metadata']['name']}:{port}"]
    assert container["args"][-2:] == ["/opt/spark/examples/src/main/python/pi.py", "4"]
    assert [one for one in container["env"] if one not in master["env"]] == [], "it is found as drivers there are"
    assert "SPARK_LOCAL_HOSTNAME" in {one["name"] for one in container["env"]}
    assert configs == ["spark-sa-config"]
    assert mounted_secret(rendered, "spark-sa-test") == "spark-sa-authentication"


def test_helm_test_ends_and_what_failed_can_be_read(defaults: list[Manifest]) -> None:
    """It is tried once, ends before Helm gives up, and goes only when it succeeded or another takes its place."""
    pod = manifests.named(defaults, "Pod", "spark-sa-test")
    policy = pod["metadata"]["annotations"]["helm.sh/hook-delete-policy"]

    assert pod["spec"]["restartPolicy"] == "Never"
    assert 60 <= pod["spec"]["activeDeadlineSeconds"] < 300, "seconds; Helm waits for 300"
    assert set(policy.split(",")) == {"before-hook-creation", "hook-succeeded"}


@pytest.mark.parametrize("name", ["2024", "true", "null"])
def test_a_name_that_yaml_takes_for_something_else_is_a_text(name: str) -> None:
    """Labels, selectors and names of what a user has are texts, whatever a release or a Secret is called."""
    values = {
        "fullnameOverride": "spark-sa",
        "pods": {"priorityClassName": name},
        "authentication": {"enabled": True, "existingSecret": name},
        "master": {"recovery": {"existingClaim": name}},
    }
    rendered = helm.template(replace(RELEASE, name=name), values)

    assert rendered
    for one in rendered:
        assert manifests.misshapen(one) == [], one["kind"]
        assert one["metadata"]["labels"]["app.kubernetes.io/instance"] == name


def test_the_test_job_starts_where_the_master_may() -> None:
    """Nodes that all have a taint would not take it otherwise."""
    placed = {"selector": {"disk": "fast"}, "tolerations": [{"key": "only", "operator": "Exists"}]}
    job = manifests.named(helm.template(RELEASE, {"master": {"nodes": placed}}), "Pod", "spark-sa-test")

    assert job["spec"].get("nodeSelector") == placed["selector"]
    assert job["spec"].get("tolerations") == placed["tolerations"]


def test_the_notes_warn_of_what_is_open() -> None:
    """Who may do what is said while nobody has to show a secret: of the service where there is one, and else not."""

    def notes(values: dict[str, Any]) -> str:
        asked = ["--namespace", RELEASE.namespace, "--dry-run=client", "--output", "json", "--values", "-"]
        command = ["helm", "install", RELEASE.name, str(RELEASE.chart), *asked]
        said = processes.run(command, limit=limits.RELEASE_INSTALL, stdin=json.dumps(values).encode()).stdout
        return str(json.loads(said)["info"]["notes"])

    as_it_is = notes({})
    without_service = notes({"shuffleService": {"enabled": False}})

    assert "WARNING: authentication is off" in as_it_is
    assert f"whoever reaches port {SHUFFLE_PORT} of a node may read and delete the shuffle data there" in as_it_is
    assert "WARNING: authentication is off" in without_service
    assert "shuffle data there" not in without_service
    assert "WARNING" not in notes({"authentication": {"enabled": True}})


def test_the_drivers_address_is_that_of_the_masters_pod(defaults: list[Manifest]) -> None:
    """A driver started by kubectl exec inherits the pod's address as its host name, so that executors find it."""
    (container,) = manifests.pod_templates(defaults)["spark-sa-master"]["spec"]["containers"]
    (variable,) = [one for one in container["env"] if one["name"] == "SPARK_LOCAL_HOSTNAME"]

    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}


def test_all_requests_fit_on_one_small_machine(defaults: list[Manifest]) -> None:
    """Master, worker, service and the job of helm test together ask for at most a third of a core."""
    cores = [container["resources"]["requests"]["cpu"] for container in manifests.containers(defaults)]

    assert all(core.endswith("m") for core in cores)
    assert sum(int(core.removesuffix("m")) for core in cores) <= 333
