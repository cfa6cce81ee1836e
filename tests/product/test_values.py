"""The chart's values: each documented, each checked, wrong ones refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from support import manifests, values_table
from support.places import CHART, RELEASE
from workstream import errors
from workstream.cluster import helm
from workstream.cluster.helm import Release

pytestmark = pytest.mark.usefixtures("tools")  # helm on PATH

VOLUME = {"name": "mine", "emptyDir": {}}
LINES = {"of Unix": "\n", "of Windows": "\r\n", "next line": "\x85", "separator": "\u2028", "paragraph": "\u2029"}
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES: dict[str, Any] = yaml.safe_load(values_table.VALUES.read_text(encoding="utf-8"))


def schema_at(path: tuple[str, ...]) -> dict[str, Any]:
    """Return the part of the schema that speaks of a value."""
    found = SCHEMA
    for key in path:
        found = found["properties"][key]
        reference = found.get("$ref", "")
        found = SCHEMA["definitions"][reference.rpartition("/")[2]] if reference else found
    return found


def mappings(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every part of the schema that lists the keys of a mapping."""
    inner = [one for one in schema.get("properties", {}).values() if isinstance(one, dict)]
    return [*([schema] if "properties" in schema else []), *(found for one in inner for found in mappings(one))]


def test_every_value_is_documented() -> None:
    """Every value has a comment above it, its own or that of the mapping that it stands in."""
    described = {tuple(value.path.split(".")) for value in values_table.documented(values_table.VALUES.read_text())}
    leaves = set(manifests.leaves(VALUES))

    assert all(any(leaf[: len(path)] == path for path in described) for leaf in leaves)
    assert all(any(leaf[: len(path)] == path for leaf in leaves) for path in described)


def test_the_schema_knows_every_value_and_no_other() -> None:
    """Each mapping of the schema lists exactly the keys of values.yaml, and takes no others."""
    known = {
        ("global",),  # Helm gives it to every chart
        ("enabled",),  # and this to one that is a dependency with a condition
        *((key,) for key in VALUES),
    }

    assert {(key,) for key in SCHEMA["properties"]} == known
    for leaf in manifests.leaves({key: value for key, value in VALUES.items() if key != "sparkConf"}):
        assert schema_at(leaf[:2])
    assert all(part["additionalProperties"] is False for part in mappings(SCHEMA))


def test_the_readme_has_the_table_that_the_values_make() -> None:
    """The README's table is the generated one; `python tests/acceptance/support/values_table.py` writes it."""
    readme = values_table.README.read_text(encoding="utf-8")

    assert readme == values_table.with_table(
        readme, values_table.table(values_table.VALUES.read_text(encoding="utf-8"))
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"shuffleServce": {"enabled": True}}, "shuffleServce", id="misspelt section"),
        pytest.param({"shuffleService": {"enable": True}}, "enable", id="misspelt key"),
        pytest.param({"shuffleService": {"enabled": "yes"}}, "/shuffleService/enabled", id="word for a boolean"),
        pytest.param({"shuffleService": {"port": 0}}, "/shuffleService/port", id="port 0"),
        pytest.param({"worker": {"ports": {"ui": 65536}}}, "/worker/ports/ui", id="port too high"),
        pytest.param({"worker": {"memory": "2048"}}, "/worker/memory", id="memory without a unit"),
        pytest.param({"worker": {"cores": 0}}, "/worker/cores", id="no cores"),
        pytest.param({"shuffleService": {"hostPath": "/"}}, "/shuffleService/hostPath", id="root as folder"),
        pytest.param({"shuffleService": {"hostPath": "/etc"}}, "/shuffleService/hostPath", id="folder of the system"),
        pytest.param({"shuffleService": {"port": None}}, "port", id="no port"),
        pytest.param({"image": {"repository": None}}, "repository", id="no image"),
        pytest.param({"worker": {"ports": {"rpc": 7337}}}, "shuffleService.port", id="one port twice on a node"),
        pytest.param({"master": {"ports": {"ui": 7077}}}, "master.ports.ui", id="one port twice in a pod"),
        pytest.param({"shuffleService": {"hostPath": "/a/../b"}}, "/shuffleService/hostPath", id="way up in a path"),
        pytest.param({"shuffleService": {"hostPath": "/a,/b"}}, "/shuffleService/hostPath", id="two folders"),
        pytest.param({"sparkConf": {"spark.local.dir": "/x"}}, "spark.local.dir", id="property of the chart's own"),
        pytest.param(
            {"sparkConf": {"spark.executor.pyspark.memory": "9g"}}, "pyspark.memory", id="memory past its own value"
        ),
        pytest.param({"worker": {"resources": {"limits": {"memory": "much"}}}}, "memory", id="no quantity"),
        *(
            pytest.param({"sparkConf": {"spark.x": f"1{line}spark.y 2"}}, "/sparkConf/spark.x", id=f"line break {name}")
            for name, line in LINES.items()
        ),
        pytest.param(
            {"sparkConf": {"spark.shuffle.service.port": "1"}},
            "expected no spark.shuffle.service.port in sparkConf, set shuffleService.port",
            id="port of the service as a property",
        ),
        pytest.param(
            {"sparkConf": {"spark.worker.preferConfiguredMasterAddress": "false"}},
            "expected no spark.worker.preferConfiguredMasterAddress",
            id="address of the Master",
        ),
        pytest.param(
            {"sparkConf": {"spark.executor.memory": "3g"}},
            "expected worker.memory to be at least what an executor takes, which is 3g",
            id="executors larger than a worker",
        ),
        pytest.param(
            {"sparkConf": {"spark.executor.memory": "2049MB"}}, "which is 2049MB", id="by one MiB, in another notation"
        ),
        pytest.param({"worker": {"memory": "1023m"}}, "which is 1g", id="a worker too small for any executor"),
        pytest.param(
            {"sparkConf": {"spark.executor.cores": "3"}},
            "expected worker.cores to be at least spark.executor.cores of sparkConf, which is 3",
            id="executors with more cores than a worker",
        ),
        pytest.param(
            {"worker": {"resources": {"requests": {"memory": "8Gi"}}}},
            "expected worker.resources.requests.memory to be at most the limit, which is 5632Mi",
            id="request above its limit",
        ),
        pytest.param(
            {"shuffleService": {"resources": {"limits": {"cpu": "0.04"}}}},
            "expected shuffleService.resources.requests.cpu to be at most the limit, which is 0.04",
            id="request of cores above its limit",
        ),
        pytest.param(
            {"master": {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}}},
            "expected master.resources.requests.cpu",
            id="thousandths of cores",
        ),
        pytest.param(
            {"sparkConf": {"spark.authenticate.secret": "x"}}, "spark.authenticate.secret", id="secret in a ConfigMap"
        ),
        pytest.param(
            {"sparkConf": {"spark.shuffle.service.db.enabled": "false"}}, "db.enabled", id="service that forgets"
        ),
        pytest.param(
            {"sparkConf": {"spark.worker.cleanup.enabled": "false"}}, "cleanup.enabled", id="clean-up of one's own"
        ),
        pytest.param({"image": {"digest": "sha256:0"}}, "/image/digest", id="no digest"),
        pytest.param({"shuffleService": {"image": {"name": "x"}}}, "name", id="misspelt key of an image of its own"),
        pytest.param(
            {"shuffleService": {"image": {"tag": "-"}}}, "/shuffleService/image/tag", id="no tag of an image of its own"
        ),
        pytest.param({"enabled": "yes"}, "/enabled", id="word for a condition"),
        pytest.param({"pods": {"labels": {"app": "x"}}}, "no app in pods.labels", id="label of the chart's own"),
        pytest.param({"pods": {"labels": {"team": "data platform"}}}, "/pods/labels/team", id="no value of a label"),
        pytest.param({"pods": {"labels": {"a b": "x"}}}, "'a b'", id="no name of a label"),
        pytest.param({"pods": {"labels": {"a": "x" * 64}}}, "/pods/labels/a", id="value of a label that is too long"),
        pytest.param({"pods": {"annotations": {"a/b/c": "x"}}}, "'a/b/c'", id="no name of an annotation"),
        pytest.param({"pods": {"annotations": {"helm.sh/hook": "x"}}}, "helm.sh/hook", id="annotation that Helm reads"),
        pytest.param({"pods": {"annotations": {"checksum/config": "x"}}}, "checksum/config", id="own annotation"),
        pytest.param(
            {"pods": {"env": [{"name": "SPARK_MODE"}]}}, "no SPARK_MODE in pods.env", id="variable of the chart's own"
        ),
        pytest.param(
            {"pods": {"env": [{"name": "SPARK_LOCAL_DIRS", "value": "/x"}]}},
            "no SPARK_LOCAL_DIRS in pods.env, set shuffleService.hostPath",
            id="variable that another value sets",
        ),
        pytest.param({"pods": {"env": [{"name": "A"}, {"name": "A"}]}}, "one A in pods.env", id="variable twice"),
        pytest.param({"pods": {"env": [{"name": "A=B"}]}}, "/pods/env/0/name", id="no name of a variable"),
        pytest.param(
            {"pods": {"env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "y"}}}]}},
            "/pods/env/0",
            id="variable from two places",
        ),
        pytest.param({"pods": {"env": [{"name": "A", "valueFrom": {}}]}}, "/pods/env/0", id="variable from nowhere"),
        pytest.param(
            {"pods": {"volumes": [{"name": "local"}]}}, "no local in pods.volumes", id="volume of the chart's own"
        ),
        pytest.param({"pods": {"volumes": [{"name": "My_Vol"}]}}, "/pods/volumes/0/name", id="no name of a volume"),
        pytest.param({"pods": {"volumes": [VOLUME, VOLUME]}}, "one mine in pods.volumes", id="volume twice"),
        pytest.param(
            {"pods": {"volumes": [VOLUME | {"secret": {"secretName": "x"}}]}},
            "/pods/volumes/0",
            id="volume of two kinds",
        ),
        pytest.param(
            {"pods": {"volumeMounts": [{"name": "work", "mountPath": "/mnt/x"}]}},
            "expected pods.volumes to have work",
            id="mount of a volume that some pods have",
        ),
        *(
            pytest.param(
                {"pods": {"volumes": [VOLUME], "volumeMounts": [{"name": "mine", "mountPath": place}]}},
                f"got {place}. Take a folder of your own",
                id=f"mount over {place}",
            )
            for place in ("/opt/spark/conf/", "/opt/spark", "/", "/opt/spark/jars", "/tmp/spark-shuffle", "/tmp")
        ),
        pytest.param(
            {"pods": {"volumes": [VOLUME], "volumeMounts": [{"name": "mine", "mountPath": "/mnt/x"}] * 2}},
            "one at /mnt/x",
            id="two mounts at one place",
        ),
        pytest.param({"pods": {"javaOptions": "-Xss2m -Xmx2g"}}, "no -Xmx in pods.javaOptions", id="heap of daemons"),
        *(
            pytest.param({"nodes": {"tolerations": [wrong]}}, "/nodes/tolerations/0", id=f"toleration {wrong}")
            for wrong in (
                {},
                {"operator": "Equal", "value": "x"},
                {"key": "a", "operator": "Exists", "value": "x"},
                {"key": "a", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5},
            )
        ),
        pytest.param({"nodes": {"selector": {"a": "b c"}}}, "/nodes/selector/a", id="selector that no node has"),
        pytest.param(
            {"shuffleService": {"hostPath": "/opt/spark/work"}}, "a folder that the image has", id="folder of the image"
        ),
        pytest.param({"sparkConf": {"spark.x": 1}}, "/sparkConf/spark.x", id="number as property"),
        pytest.param({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy", id="unknown pull policy"),
        pytest.param({"nodes": {"tolerations": [{"taint": "x"}]}}, "taint", id="no toleration"),
        pytest.param({"master": {"nodes": {"label": {}}}}, "label", id="misspelt placement of the Master"),
        pytest.param({"worker": {"cleanup": {"keep": 10**20}}}, "/worker/cleanup/keep", id="more seconds than fit"),
        pytest.param({"worker": {"cores": 10**6}}, "/worker/cores", id="more cores than any node has"),
        pytest.param({"worker": {"memory": "9999999999g"}}, "/worker/memory", id="more memory than can be added up"),
        pytest.param({"worker": {"resources": {"limits": {"memroy": "9Gi"}}}}, "memroy", id="misspelt resource"),
        pytest.param({"master": {"resources": {"requests": {"cpu": "lots"}}}}, "requests/cpu", id="no number of cores"),
        pytest.param({"image": {"repository": "x:1"}}, "/image/repository", id="tag in a repository"),
        pytest.param(
            {"shuffleService": {"image": {"repository": "x:1"}}}, "image/repository", id="tag in its own repository"
        ),
        pytest.param({"authentication": {"existingSecret": "A_b"}}, "existingSecret", id="name that no Secret has"),
        pytest.param({"master": {"recovery": {"existingClaim": "a/b"}}}, "existingClaim", id="name that no claim has"),
        pytest.param({"imagePullSecrets": [{"name": ""}]}, "/imagePullSecrets/0/name", id="credentials without a name"),
        pytest.param(
            {"sparkConf": {"spark.worker.ui.port": "9"}}, "set worker.ports.ui", id="port that another value sets"
        ),
        pytest.param({"sparkConf": {"spark.driver.host": "x"}}, "spark.driver.host", id="one address for all drivers"),
        pytest.param(
            {"sparkConf": {"spark.driver.bindAddress": "x"}},
            "one address for every driver",
            id="one address to which all drivers bind",
        ),
        pytest.param(
            {"shuffleService": {"hostPath": "/var/lib/spark-standalone"}}, "must differ", id="one folder for two parts"
        ),
        pytest.param(
            {"master": {"recovery": {"hostPath": "/tmp/spark-shuffle/x"}}}, "must differ", id="folder in the other"
        ),
        pytest.param(
            {"shuffleService": {"hostPath": "/var/lib/spark-standalone/x"}}, "must differ", id="folder below the other"
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], said: str) -> None:
    """Nothing is rendered, and the message names the value."""
    with pytest.raises(errors.ChartError) as refused:
        helm.template(RELEASE, values)

    assert said in str(refused.value)


@pytest.mark.parametrize("value", ["shuffleService.hostPath", "master.recovery.hostPath"])
@pytest.mark.parametrize(
    "folder",
    [
        "/etc/kubernetes",
        "/usr/bin",
        "/run/containerd",
        "/var/run/docker",
        "/dev/disk",
        "/root/x",
        "/var/lib",
        "/var/log",
        "/var/log/pods",
        "/var/lib/kubelet",
        "/var/lib/kubelet/pods",
        "/var/lib/etcd",
        "/home/somebody",
        "/opt/cni/bin",
    ],
)
def test_a_folder_of_the_nodes_own_is_refused(value: str, folder: str) -> None:
    """The message names the value and the folder: it would be given to uid 185."""
    part, *keys = value.split(".")
    given: Any = folder
    for key in reversed(keys):
        given = {key: given}
    with pytest.raises(errors.ChartError) as refused:
        helm.template(RELEASE, {part: given})

    assert f"expected {value} to be a folder that nobody else uses" in str(refused.value)
    assert f"got {folder}," in str(refused.value)


@pytest.mark.parametrize(
    "folder", ["/tmp/spark-shuffle", "/dev/shm/spark", "/mnt/disk1", "/var/lib/spark-shuffle", "/data/etc/x"]
)
def test_a_folder_of_the_releases_own_is_accepted(folder: str) -> None:
    """Wherever it lies."""
    rendered = helm.template(RELEASE, {"shuffleService": {"hostPath": folder}})

    assert manifests.host_path(manifests.named(rendered, "DaemonSet", "spark-sa-worker")) == (folder, folder)


@pytest.mark.parametrize(
    "name",
    [
        "spark.ssl.keyPassword",
        "spark.ssl.trustStorePassword",
        "spark.hadoop.fs.s3a.secret.key",
        "spark.hadoop.fs.s3a.access.key",
        "spark.hadoop.fs.s3a.session.token",
        "spark.hadoop.fs.azure.account.key.mine.blob.example",
        "spark.hadoop.fs.azure.account.oauth2.client.secret.mine.dfs.example",
        "spark.hadoop.fs.azure.sas.fixed.token.mine.dfs.example",
        "spark.hadoop.fs.s3a.encryption.key",
        "spark.sql.catalog.mine.credential",
        "spark.executorEnv.DB_PASS",
        "spark.io.encryption.secret",
    ],
)
def test_a_secret_in_a_config_map_is_refused(name: str) -> None:
    """The message says where to bring it from, and does not say it."""
    with pytest.raises(errors.ChartError, match="a secret in a ConfigMap") as refused:
        helm.template(RELEASE, {"sparkConf": {name: "hidden-word"}})

    assert name in str(refused.value)
    assert "Secret, by pods.env" in str(refused.value)
    assert "hidden-word" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "spark.metrics.conf.*.sink.jmx.class",
        "spark.hadoop.fs.s3a.endpoint",
        "spark.executorEnv.A_B",
        "spark.x-y",
        "spark.authenticate.secretBitLength",
        "spark.hadoop.fs.s3a.aws.credentials.provider",
        "spark.ssl.keyStore",
    ],
)
def test_a_property_of_any_form_is_accepted(name: str) -> None:
    """Whatever Spark and its libraries call their properties can be said."""
    assert manifests.properties(helm.template(RELEASE, {"sparkConf": {name: "x"}}))[name] == "x"


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"sparkConf": None}, id="properties that are all commented out"),
        pytest.param({"pods": {"labels": {"app.kubernetes.io/part-of": "x"}}}, id="label that many tools set"),
        pytest.param({"nodes": {"tolerations": [{"operator": "Exists"}]}}, id="every taint"),
        pytest.param({"nodes": {"tolerations": [{"key": "a", "value": "b"}]}}, id="taint without an operator"),
        pytest.param(
            {
                "nodes": {
                    "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}]
                }
            },
            id="taint for a while",
        ),
        pytest.param(
            {"worker": {"memory": "512m"}, "sparkConf": {"spark.executor.memory": "512m"}}, id="small executors"
        ),
        pytest.param({"worker": {"resources": {"requests": {"memory": "5632Mi"}}}}, id="request that is the limit"),
        pytest.param(
            {"pods": {"volumes": [VOLUME], "volumeMounts": [{"name": "mine", "mountPath": "/opt/spark/conf-of-mine"}]}},
            id="mount beside the configuration",
        ),
        pytest.param(
            {"sparkConf": {"spark.executor.extraJavaOptions": "-Dkey.of.mine=x"}}, id="option that is no secret"
        ),
    ],
)
def test_a_value_that_means_something_is_accepted(values: dict[str, Any]) -> None:
    """What is refused leaves room for what users say."""
    assert helm.template(RELEASE, values)


def test_a_secret_among_javas_options_is_refused() -> None:
    """There, too, it would lie open."""
    with pytest.raises(errors.ChartError, match="a secret in a ConfigMap") as refused:
        helm.template(RELEASE, {"sparkConf": {"spark.driver.extraJavaOptions": "-Da=b -Dmy.keyPassword=hidden-word"}})

    assert "spark.driver.extraJavaOptions" in str(refused.value)
    assert "hidden-word" not in str(refused.value)


def worker_memory(limit: object, **values: object) -> dict[str, Any]:
    """Return values for a worker's pod with a limit."""
    return {"worker": {**values, "resources": {"limits": {"memory": limit}}}}


OFF_HEAP = {"sparkConf": {"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "512m"}}


@pytest.mark.parametrize(
    "limit", ["5376Mi", "5.25Gi", 5637144576, "5637144576", "5637144.576k", "6G", "1Ti", "1Ei", None]
)
def test_a_limit_that_is_enough_is_accepted(limit: object) -> None:
    """What a worker's pod may take at most fits, to the byte, in every notation; or there is no limit."""
    assert helm.template(RELEASE, worker_memory(limit))


@pytest.mark.parametrize(
    ("values", "limit", "needed"),
    [
        pytest.param(worker_memory("5375Mi"), "5375 MiB", 5376, id="a MiB too little"),
        pytest.param(worker_memory(5637144575), "5375 MiB", 5376, id="a byte too little"),
        pytest.param(worker_memory("5G"), "4768 MiB", 5376, id="decimal units"),
        pytest.param({"worker": {"cores": 3}}, "5632 MiB", 6784, id="more cores"),
        pytest.param({"worker": {"memory": "3g"}}, "5632 MiB", 6400, id="more for executors"),
        pytest.param({"worker": {"memory": "20g"}}, "5632 MiB", 25088, id="a tenth beside large heaps"),
        pytest.param({"worker": {"pythonMemory": "2g"}}, "5632 MiB", 7424, id="more for Python"),
        pytest.param({"worker": {"daemonMemory": "1g"}}, "5632 MiB", 6144, id="more for the daemon"),
        pytest.param(OFF_HEAP, "5632 MiB", 6400, id="off the heaps"),
        pytest.param(
            {"sparkConf": {**OFF_HEAP["sparkConf"], "spark.memory.offHeap.size": str(512 * 1024**2)}},
            "5632 MiB",
            6400,
            id="off the heaps, in bytes",
        ),
        pytest.param(worker_memory(0), "0 MiB", 5376, id="no memory at all"),
        pytest.param({"master": {"resources": {"limits": {"memory": "0"}}}}, "0 MiB", 768, id="none for the Master"),
        pytest.param({"master": {"memory": "3g"}}, "3072 MiB", 3328, id="master"),
        pytest.param({"shuffleService": {"memory": "1g"}}, "1024 MiB", 2304, id="shuffle service"),
    ],
)
def test_memory_that_does_not_add_up_is_refused_with_the_sum(values: dict[str, Any], limit: str, needed: int) -> None:
    """Nothing is rendered; the message says what the pod has, what it may take, and of what that is the sum."""
    with pytest.raises(errors.ChartError, match="memory that does not add up") as refused:
        helm.template(RELEASE, values)

    said = str(refused.value)
    assert f"({limit})" in said
    assert f"may take {needed} MiB" in said
    terms = said[said.index(f"{needed} MiB = ") :].partition(". ")[0]
    assert sum(int(term.split()[0]) for term in terms.partition(" = ")[2].split(" + ")) == needed


@pytest.mark.parametrize(
    ("release", "values"),
    [
        pytest.param("1st", {}, id="digit first"),
        pytest.param("a.b", {}, id="dot"),
        pytest.param("spark-sa", {"fullnameOverride": "Spark"}, id="capital letter"),
        pytest.param("spark-sa", {"fullnameOverride": "x" * 54}, id="too long"),
    ],
)
def test_a_name_that_no_service_can_have_is_refused(release: str, values: dict[str, Any]) -> None:
    """The chart says so before the API server would, and says what to set."""
    with pytest.raises(errors.ChartError, match="fullnameOverride"):
        helm.template(Release(release, "default", CHART), values)
