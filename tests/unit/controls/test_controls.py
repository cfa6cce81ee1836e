from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from workstream import controls, errors, limits, processes
from workstream.cluster.programs import Tool
from workstream.controls import Control, Patch
from workstream.controls.helm import broken_helm

CONFIGURATION = {"kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"lines": ["port 1", "host 1"]}}
SERVICE = {"kind": "Service", "metadata": {"name": "config"}, "spec": {"port": 1}}

# A helm that says how it was called, and lets the post-renderer that it was given have its say.
HELM = """#!/usr/bin/env python3
import json, os, subprocess, sys
renderer = sys.argv[sys.argv.index("--post-renderer") + 1] if "--post-renderer" in sys.argv else ""
if "/" not in renderer and renderer:
    folder = os.path.join(os.environ["HELM_PLUGINS"], renderer)
    assert os.path.exists(os.path.join(folder, "plugin.yaml"))
    renderer = os.path.join(folder, "render")
said = ""
if renderer:
    said = subprocess.run([renderer], input=sys.stdin.read(), stdout=subprocess.PIPE, text=True, check=True).stdout
print(json.dumps({"arguments": sys.argv[1:], "rendered": said}))
"""


def a_control(**parts: object) -> Control:
    """Return a control with these parts."""
    return Control.model_validate({"name": "one", "sentence": "It is broken.", "turns_red": ["AC1"], **parts})


def test_texts_of_the_object_that_is_named_are_replaced_wherever_they_stand() -> None:
    """Of two objects with one name only that of the kind is changed; objects of the control come on top."""
    more = {"kind": "Secret", "metadata": {"name": "more"}}
    broken = a_control(patches=[{"target": "configmap/config", "replace": {"port 1": "port 2"}}], objects=[more])

    found, changed = broken.render([CONFIGURATION, SERVICE])
    assert [one["kind"] for one in found] == ["ConfigMap", "Service", "Secret"]
    assert found[0]["data"]["lines"] == ["port 2", "host 1"]
    assert found[1] == SERVICE
    assert changed == {0}


@pytest.mark.parametrize(
    "patch",
    [
        Patch(target="configmap/other", replace={"port 1": "port 2"}),
        Patch(target="deployment/config", replace={"port 1": "port 2"}),
        Patch(target="configmap/config", replace={"port 3": "port 2"}),
    ],
)
def test_a_patch_that_changes_nothing_is_not_counted(patch: Patch) -> None:
    """With other values a chart renders other objects, so that is no error; that it never happens is told."""
    found, changed = a_control(patches=[patch]).render([CONFIGURATION])

    assert found == [CONFIGURATION]
    assert changed == set()


@pytest.mark.parametrize("version", ["3.14.0", "4.0.5"])
def test_helm_on_path_renders_the_product_broken(version: str, tmp_path: Path) -> None:
    """The control's values come last and win; what is rendered is patched; other commands are left alone."""
    helm = tmp_path / "real" / "helm"
    helm.parent.mkdir()
    helm.write_text(HELM)
    helm.chmod(0o755)
    broken = a_control(values={"a": 1}, patches=[{"target": "configmap/config", "replace": {"port 1": "port 2"}}])
    with broken_helm(broken, Tool("helm", helm, version, built=False)) as folder:
        path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        given = yaml.safe_dump(CONFIGURATION).encode()
        upgrade = ["helm", "-n", "x y", "upgrade", "--values", "-"]
        said = json.loads(processes.run(upgrade, limit=limits.QUERY, environment=path, stdin=given).stdout)
        assert said["arguments"][:5] == upgrade[1:]
        assert said["arguments"][5] == "--values"
        assert yaml.safe_load(Path(said["arguments"][6]).read_bytes()) == {"a": 1}
        assert "port 2" in said["rendered"]
        said = json.loads(processes.run(["helm", "list"], limit=limits.QUERY, environment=path).stdout)
        assert said["arguments"] == ["list"]
    assert not folder.exists()


def test_a_patch_that_never_changed_anything_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The control may be harmless: its target has another name by now."""
    broken = a_control(patches=[{"target": "configmap/gone", "replace": {"a": "b"}}])
    with caplog.at_level("INFO", logger="workstream"):  # noqa: SIM117 - said at its end
        with broken_helm(broken, Tool("helm", tmp_path / "helm", "4.0.5", built=False)):
            pass

    assert "its patch of configmap/gone never changed anything" in caplog.text


def test_the_controls_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    """A control is named by its file."""
    for name in ("b", "a"):
        plain = {"sentence": "It is broken.", "turns_red": ["AC1"], "layer": "RUN false"}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(plain))

    assert [one.name for one in controls.load(tmp_path)] == ["a", "b"]
    assert [one.name for one in controls.load(tmp_path / "b.yaml")] == ["b"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: [", b"sentence: 1\nturns_red: 2\nvalues: {a: 1}"])
def test_a_file_that_is_no_control_is_an_error_of_ours(content: bytes, tmp_path: Path) -> None:
    """Whatever stands in it."""
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    with pytest.raises(errors.ControlError, match=r"x\.yaml"):
        controls.load(file)
