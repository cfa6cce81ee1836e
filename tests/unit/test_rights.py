"""What docs/how-to/use-an-existing-cluster.md says that a run may do, and what is done."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from workstream.cluster import namespaces

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "use-an-existing-cluster.md"

HELM = {"get", "create", "patch", "delete"}  # what it does with every object of a release

Rights = dict[str, set[str]]


def manifests() -> list[dict[str, Any]]:
    """Return all manifests of the page."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [manifest for block in blocks for manifest in yaml.safe_load_all(block)]


def rights(name: str, kind: str = "ClusterRole") -> Rights:
    """Return the verbs that a role of the page allows, by resource."""
    (role,) = [one for one in manifests() if one["kind"] == kind and one["metadata"]["name"] == name]
    found: Rights = {}
    for rule in role["rules"]:
        for resource in rule["resources"]:
            found.setdefault(resource, set()).update(rule["verbs"])
    return found


def listed(folder: Path) -> set[str]:
    """Return the resources that the modules of a folder list, by the Kubernetes API or by kubectl."""
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.py")]
    calls = {call for text in texts for call in re.findall(r"\.list_(?:namespaced_)?(\w+)", text)}
    found = {call.replace("_", "") for call in calls if not call.endswith("_for_all_namespaces")}
    named = {
        name for text in texts for kinds in re.findall(r"\.objects\(\"([a-z,]+)\"", text) for name in kinds.split(",")
    }
    return named | {f"{call}es" if call.endswith("s") else f"{call}s" for call in found}


def test_every_binding_of_the_page_binds_a_role_of_it_to_its_account() -> None:
    """Whoever applies the page has an account with these rights."""
    known = {(one["kind"], one["metadata"]["name"]) for one in manifests()}
    bindings = [one for one in manifests() if "roleRef" in one]

    assert bindings
    for one in bindings:
        assert (one["roleRef"]["kind"], one["roleRef"]["name"]) in known
        assert {(subject["kind"], subject["name"]) for subject in one["subjects"]} <= known


def test_helm_may_do_what_it_does_with_all_that_the_chart_consists_of() -> None:
    """Every kind that a template of the chart renders, whatever its values are."""
    templates = ROOT.glob("charts/spark-standalone/templates/*.yaml")
    kinds = {kind for path in templates for kind in re.findall(r"^kind: (\w+)$", path.read_text(), re.MULTILINE)}
    role = rights("workstream", "Role")

    assert {"DaemonSet", "Deployment", "Service"} <= kinds
    assert {kind for kind in kinds if not role.get(f"{kind.lower()}s", set()) >= HELM} == set()


@pytest.mark.parametrize("folder", ["tests/acceptance", "src/workstream"])
def test_what_is_listed_may_be_listed(folder: str) -> None:
    """In the namespace or of the cluster; of kinds with pods those that the chart has, and what they own.

    What storage classes there are is told where it may be seen, and proves nothing.
    """
    wanted = listed(ROOT / folder) - {"cronjobs", "jobs", "statefulsets", "storageclasses"}
    allowed = {**rights("workstream", "Role"), **rights("workstream-reader")}

    assert wanted
    assert {resource for resource in wanted if "list" not in allowed.get(resource, ())} == set()


def test_nothing_of_the_whole_cluster_may_be_changed() -> None:
    """By an account that is given a namespace: it sees nodes, and no more; unless one may be taken out, by a label."""
    assert rights("workstream-reader") == {"nodes": {"list"}}
    assert rights("workstream-labels") == {"nodes": {"patch"}}


def test_a_run_that_makes_a_namespace_may_do_that_and_no_more_with_namespaces() -> None:
    """Just what the module calls that makes and removes them."""
    calls = re.findall(r"\.(\w+)_namespace\(", Path(namespaces.__file__).read_text(encoding="utf-8"))

    assert rights("workstream-namespaces") == {"namespaces": {call.replace("read", "get") for call in calls}}
