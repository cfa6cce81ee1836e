from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from workstream import errors, limits, processes
from workstream.cluster import cache
from workstream.cluster.engine import Engine
from workstream.cluster.programs import Tool
from workstream.controls.breaking import broken
from workstream.controls.helm import broken_helm, recording_helm
from workstream.controls.image import broken_image
from workstream.controls.model import Control, Patch, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

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
# In the place of its first line: it writes down how it was called, and refuses some values.
CALLED = """
said = ""
print(json.dumps(sys.argv[1:]), file=open({str!r}, "a"))
if "--values" in sys.argv and "refused" in open(sys.argv[sys.argv.index("--values") + 1]).read():
    sys.exit(1)
"""


def a_control(**parts: object) -> Control:
    """Return a control with these parts."""
    return Control.model_validate({"name": "one", "sentence": "It is broken.", "turns_red": ["AC1"], **parts})


def rendered(control: Control, *manifests: dict[str, Any]) -> tuple[list[dict[str, Any]], set[int]]:
    """Return rendered objects as a control breaks them, and which of its patches changed something."""
    return broken(manifests, json.loads(control.model_dump_json()))


def test_texts_of_the_object_that_is_named_are_replaced_wherever_they_stand() -> None:
    """Of two objects with one name only that of the kind is changed; objects of the control come on top."""
    more = {"kind": "Secret", "metadata": {"name": "more"}}
    one = a_control(patches=[{"target": "configmap/config", "replace": {"port 1": "port 2"}}], objects=[more])

    found, changed = rendered(one, CONFIGURATION, SERVICE)
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
    found, changed = rendered(a_control(patches=[patch]), CONFIGURATION)

    assert found == [CONFIGURATION]
    assert changed == set()


def test_what_has_no_name_is_left_as_it_is() -> None:
    """A list of objects is one object to Helm, and none that a patch could mean."""
    roles = {"kind": "RoleList", "items": [{"metadata": {"name": "config"}}]}
    found, changed = rendered(a_control(patches=[Patch(target="rolelist/config", replace={"config": "x"})]), roles)

    assert (found, changed) == ([roles], set())


@pytest.mark.parametrize("version", ["3.14.0", "4.0.5"])
def test_helm_on_path_renders_the_product_broken(version: str, tmp_path: Path) -> None:
    """The control's values come last and win; what is rendered is patched; other commands are left alone."""
    helm = tmp_path / "real" / "helm"
    helm.parent.mkdir()
    helm.write_text(HELM)
    helm.chmod(0o755)
    one = a_control(values={"a": 1}, patches=[{"target": "configmap/config", "replace": {"port 1": "port 2"}}])
    with broken_helm(one, Tool("helm", helm, version, built=False)) as folder:
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


@pytest.mark.parametrize(("version", "seen"), [("3.14.0", 0), ("4.0.5", 2)])
def test_what_helm_renders_is_known_by_its_hash(version: str, seen: int, tmp_path: Path) -> None:
    """The same objects have the same hash, however they are written; Helm 3 does not show all of them."""
    helm = tmp_path / "real" / "helm"
    helm.parent.mkdir()
    helm.write_text(HELM)
    helm.chmod(0o755)
    written = yaml.safe_dump(CONFIGURATION)
    texts = [written, f"# A comment.\n---\n{json.dumps(CONFIGURATION)}\n---\n", written.replace("port 1", "port 2")]
    values = {"left": {"a": 1}, "right's": {"b": 2}}
    with recording_helm(Tool("helm", helm, version, built=False), values) as (folder, hashes):
        path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        for text in texts:
            template = ["helm", "template", "--values", "-"]
            run = processes.run(template, limit=limits.QUERY, environment=path, stdin=text.encode())
            assert json.loads(run.stdout)["rendered"] == text
        assert len(hashes().get("", ())) == seen
        processes.run(["helm", "list"], limit=limits.QUERY, environment=path)
        assert len(hashes().get("", ())) == seen
        others = {name: len(found) for name, found in hashes().items() if name}
        assert others == (dict.fromkeys(values, seen) if seen else {})
    assert not folder.exists()


def test_what_helm_would_render_with_the_values_of_a_control_is_known(tmp_path: Path) -> None:
    """It changes nothing by that; what it refuses is known, too."""
    helm = tmp_path / "helm"
    helm.write_text(HELM.replace('said = ""', CALLED.format(str=str(tmp_path / "calls"))))
    helm.chmod(0o755)
    values: dict[str, dict[str, JsonValue]] = {"left": {"a": 1}, "right's": {"refused": True}}
    with recording_helm(Tool("helm", helm, "4.0.5", built=False), values) as (folder, hashes):
        path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        for command in ("upgrade", "template"):
            given = yaml.safe_dump(CONFIGURATION).encode()
            processes.run(["helm", command, "x y"], limit=limits.QUERY, environment=path, stdin=given)
        calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
        assert [("--dry-run=server" in call, "--values" in call) for call in calls] == [
            *[*[(True, True)] * 5, (False, False)],
            *[*[(False, True)] * 5, (False, False)],
        ]
        assert all("x y" in call for call in calls)
        assert {name: len(found) for name, found in hashes().items()} == {"": 1, "left": 1, "right's": 1}
        assert len(set(hashes().values())) == 3


# A helm that renders a text, which may be another one each time, and says a second one behind; or refuses with a third.
RENDERING = """#!/usr/bin/env python3
import base64, os, random, subprocess, sys
values = open(sys.argv[sys.argv.index("--values") + 1]).read() if "--values" in sys.argv else ""
password = "".join(random.choices("abc", k=30))
if "fixed" in values:
    password = "FIXED"
packed = base64.b64encode(f"port = PORT\\npassword = {password}\\n".encode()).decode()
binary = base64.b64encode(b"\\xff" + password.encode()).decode()
text = open(FILE).read().replace("PASSWORD", password).replace("PACKED", packed).replace("BINARY", binary)
text = text.replace("HIDDEN", base64.b64encode(f"host = HOST\\npassword = {password}\\n".encode()).decode())
text, notes, refusal = text.split("=====")
if "bad" in values:
    sys.exit(f"in {values} of {sys.argv[-1]}: {refusal}")
renderer = os.path.join(os.environ["HELM_PLUGINS"], sys.argv[sys.argv.index("--post-renderer") + 1], "render")
subprocess.run([renderer], input=text, stdout=subprocess.DEVNULL, text=True, check=True)
print("MANIFEST:", random.random(), "\\nNOTES:\\n" + notes)
"""
OBJECTS = """
kind: Secret
metadata: {name: s}
data: {packed: PACKED}
---
kind: ConfigMap
metadata: {name: c}
data:
    address: http://old.example/api/PASSWORD
    options: [--password=PASSWORD --port=1, =]
    packed: HIDDEN
"""


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("# nothing", "# something", set()),
        ("kind: ConfigMap", "{}\n---\nkind: ConfigMap", set()),
        ("--port=1", "--port=2", {"", "fixed", "free"}),
        ("http://old.example", "http://new.example", {"", "fixed", "free"}),
        ("port = PORT", "port = 7338", {"", "fixed", "free"}),
        ("host = HOST", "host = here", {"", "fixed", "free"}),
        ("PASSWORD --port", "PASSWORDS --port", {"", "fixed", "free"}),
        ("k=30", "k=31", {"", "free"}),
        ('password = "FIXED"', 'password = "WRONG"', {"fixed"}),
        ('password = "FIXED"', "pass", {"fixed"}),
        ("Look here.", "Look there.", {"fixed", "free"}),
        ("too small", "too large", {"bad"}),
    ],
)
def test_what_is_made_anew_each_time_counts_by_its_length_and_all_else_as_it_is(
    tmp_path: Path, old: str, new: str, changes: set[str]
) -> None:
    """A password is no reason to run all controls. What Helm says, and why it refuses, may be a control's reason."""
    values: dict[str, dict[str, JsonValue]] = {name: {name: True} for name in ("fixed", "free", "bad")}
    text = tmp_path / "text"
    helm = tmp_path / "helm"

    def seen(old: str, new: str) -> dict[str, tuple[str, ...]]:
        text.write_text(f"# nothing\n{OBJECTS}=====Look here.=====too small".replace(old, new))
        helm.write_text(RENDERING.replace("FILE", repr(str(text))).replace(old, new))
        helm.chmod(0o755)
        with recording_helm(Tool("helm", helm, "4.0.5", built=False), values) as (folder, hashes):
            path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
            for command in ("install", "template"):
                processes.run(["helm", command], limit=limits.QUERY, environment=path)
            return hashes()

    before, after = seen("", ""), seen(old, new)
    assert {name: len(one) for name, one in before.items()} == dict.fromkeys(("", *values), 1)
    assert {name for name in before if before[name] != after[name]} == changes


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--output", "json"], OBJECTS),
        ([], "kind: ["),
        ([], "kind: Secret\nmetadata: {name: s}\ndata: {packed: BINARY}\n"),
    ],
    ids=["nobody sees the notes", "no YAML", "no text"],
)
def test_what_cannot_be_compared_is_another_one_each_time(tmp_path: Path, options: list[str], text: str) -> None:
    """Unknown means run; it is no error, because Helm has its say."""
    (tmp_path / "text").write_text(f"{text}=====Look here.=====")
    helm = tmp_path / "helm"
    helm.write_text(RENDERING.replace("FILE", repr(str(tmp_path / "text"))))
    helm.chmod(0o755)
    found = []
    for _ in range(2):
        with recording_helm(Tool("helm", helm, "4.0.5", built=False), {"free": {"a": 1}}) as (folder, hashes):
            path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
            processes.run(["helm", "install", *options], limit=limits.QUERY, environment=path)
            found.append(hashes()["free"])

    assert found[0] != found[1]


def test_a_patch_that_never_changed_anything_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The control may be harmless: its target has another name by now."""
    one = a_control(patches=[{"target": "configmap/gone", "replace": {"a": "b"}}])
    with caplog.at_level("INFO", logger="workstream"):  # noqa: SIM117 - said at its end
        with broken_helm(one, Tool("helm", tmp_path / "helm", "4.0.5", built=False)):
            pass

    assert "its patch of configmap/gone never changed anything" in caplog.text


def test_the_controls_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    """A control is named by its file."""
    for name in ("b", "a"):
        plain = {"sentence": "It is broken.", "turns_red": ["AC1"], "layer": "RUN false"}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(plain))

    assert [one.name for one in load(tmp_path)] == ["a", "b"]
    assert [one.name for one in load(tmp_path / "b.yaml")] == ["b"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: [", b"sentence: 1\nturns_red: 2\nvalues: {a: 1}"])
def test_a_file_that_is_no_control_is_an_error_of_ours(content: bytes, tmp_path: Path) -> None:
    """Whatever stands in it."""
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    with pytest.raises(errors.ControlError, match=r"x\.yaml"):
        load(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[1]", "no mapping, or it names itself"),
        ("name: other\nsentence: s\nturns_red: [AC1]\nlayer: RUN false", "no mapping, or it names itself"),
        ("sentence: s\nturns_red: [AC1]", "breaks nothing"),
        ("sentence: s\nturns_red: []\nlayer: RUN false", "turns nothing red"),
        (
            "sentence: s\nturns_red: [AC1]\nsays: {AC2: x}\nlayer: RUN false",
            "words AC2 must fail, and does not turn that red",
        ),
        ("sentence: s\nturns_red: [AC1]\nsays: {AC1: ' '}\nlayer: RUN false", "a criterion must fail, and names none"),
    ],
)
def test_a_control_that_could_show_nothing_is_refused(content: str, reason: str, tmp_path: Path) -> None:
    """One that breaks nothing, or from which nothing is expected, would always look well."""
    (tmp_path / "x.yaml").write_text(content)
    with pytest.raises(errors.ControlError, match=rf"x\.yaml .*{reason}") as caught:
        load(tmp_path)

    assert "turns_red" in caught.value.instead


@pytest.mark.parametrize(("name", "reason"), [("", "holds no control"), ("gone.yaml", "cannot be read: No such file")])
def test_where_there_is_no_control_that_is_said(name: str, reason: str, tmp_path: Path) -> None:
    """An empty folder and a mistyped name are errors, not a run without controls."""
    with pytest.raises(errors.ControlError, match=reason):
        load(tmp_path / name)


def test_a_patch_is_merged_as_kubectl_does_it_and_then_texts_are_replaced(
    pretend: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Which list is merged by which key, kubectl knows; no cluster is asked."""
    merged = {**SERVICE, "spec": {"port": 2, "more": ["port 1", 1]}}
    pretend("kubectl", f"echo \"$@\" > {tmp_path}/asked; cat > {tmp_path}/given; echo '{json.dumps(merged)}'")
    patch = {"target": "service/config", "merge": {"spec": {"port": 2}}, "replace": {"port 1": "port 3"}}
    found, changed = rendered(a_control(patches=[patch]), CONFIGURATION, SERVICE)

    assert found == [CONFIGURATION, {**SERVICE, "spec": {"port": 2, "more": ["port 3", 1]}}]
    assert changed == {0}
    assert json.loads((tmp_path / "given").read_text()) == SERVICE
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("patch --local --filename - --type strategic --output json --patch ")
    assert asked.endswith('{"spec": {"port": 2}}\n')


def test_a_patch_that_kubectl_refuses_is_an_error_of_helm(pretend: Callable[[str, str], Path], tmp_path: Path) -> None:
    """What helm calls ends with an error that has kubectl's words: nothing is installed half broken."""
    pretend("kubectl", "echo 'error: no such field' >&2; exit 1")
    helm = tmp_path / "real" / "helm"
    helm.parent.mkdir()
    helm.write_text(HELM.replace("check=True", "check=False"))
    helm.chmod(0o755)
    one = a_control(patches=[{"target": "configmap/config", "merge": {"data": {}}}])
    with broken_helm(one, Tool("helm", helm, "4.0.5", built=False)) as folder:
        path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        given = yaml.safe_dump(CONFIGURATION).encode()
        ended = processes.run(["helm", "template"], limit=limits.QUERY, environment=path, stdin=given)

    assert json.loads(ended.stdout)["rendered"] == ""
    assert "error: no such field" in ended.stderr


def test_an_image_is_broken_by_one_more_layer(pretend: Callable[[str, str], Path], tmp_path: Path) -> None:
    """It has another name, so that the whole one stays what it is, and none that another layer has."""
    script = (
        '[ "$1" = build ] || exit 0; for last; do :; done; echo "$@" > HERE/asked; cat "$last/Dockerfile" > HERE/made'
    )
    client = pretend("docker", script.replace("HERE", str(tmp_path)))
    name = broken_image(a_control(layer="RUN rm /x"), Engine(str(client), "28", private=False), "queue:dev")

    assert name == f"queue:dev-one-{cache.digest('RUN rm /x')}"
    assert (tmp_path / "made").read_text() == "FROM queue:dev\nRUN rm /x\n"
    assert (tmp_path / "asked").read_text().startswith(f"build --tag {name} ")
