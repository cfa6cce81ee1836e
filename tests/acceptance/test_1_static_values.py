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
        pytest.param({"sparkConf": {"spark.x": "1\nspark.y 2"}}, "/sparkConf/spark.x", id="line break in a property"),
        pytest.param({"sparkConf": {"spark.x": 1}}, "/sparkConf/spark.x", id="number as property"),
        pytest.param({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy", id="unknown pull policy"),
        pytest.param({"nodes": {"tolerations": [{"taint": "x"}]}}, "taint", id="no toleration"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], said: str) -> None:
    """Nothing is rendered, and the message names the value."""
    with pytest.raises(errors.ChartError) as refused:
        helm.template(RELEASE, values)

    assert said in str(refused.value)


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
