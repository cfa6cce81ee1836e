"""Controls: a product that is broken on purpose, so that a suite can be seen to notice.

A control breaks the product on its way into the cluster, whoever brings it there: the `helm` on PATH renders it
broken, and images get one more layer. The suite that is under test knows nothing of it.
"""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from workstream import errors, limits, processes
from workstream.cluster import node_image
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workstream.cluster.engine import Engine
    from workstream.cluster.programs import Tool

_PLUGIN = "workstream-control"
_PLUGIN_FILE = {
    "apiVersion": "v1",
    "type": "postrenderer/v1",
    "name": _PLUGIN,
    "version": "1.0.0",
    "runtime": "subprocess",
    "runtimeConfig": {"platformCommand": [{"command": "${HELM_PLUGIN_DIR}/render"}]},
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Patch(_Strict):
    """A change of one rendered object.

    Attributes:
        target: `kind/name`, as kubectl writes it.
        merge: a strategic merge patch, as `kubectl patch` takes it.
        replace: texts within the object's strings, and what takes their place.

    """

    target: str
    merge: dict[str, JsonValue] = {}
    replace: dict[str, str] = {}


class Control(_Strict):
    """A deliberately broken product.

    Attributes:
        name: its file's name without the ending.
        sentence: what is broken, for people.
        turns_red: the ids of the criteria that must not be proven on it; every other one must.
        values: values of the chart that win over whatever the suite gives.
        patches: changes of rendered objects.
        objects: objects that are rendered beside the chart's own.
        layer: instructions of a Dockerfile on top of each image that the suite brings to the cluster.

    """

    name: str
    sentence: str
    turns_red: tuple[str, ...]
    values: dict[str, JsonValue] = {}
    patches: tuple[Patch, ...] = ()
    objects: tuple[dict[str, JsonValue], ...] = ()
    layer: str = ""

    def render(self, manifests: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], set[int]]:
        """Return rendered objects, broken, and which patches changed something.

        A patch may have nothing to change: with other values the chart renders other objects.
        """
        found = [manifest for manifest in manifests if manifest]
        changed = set()
        for number, patch in enumerate(self.patches):
            for place, manifest in enumerate(found):
                if f"{manifest['kind'].lower()}/{manifest['metadata']['name']}" == patch.target:
                    found[place] = _patched(manifest, patch)
                    changed |= {number} if found[place] != manifest else set()
        return [*found, *self.objects], changed


def load(path: Path) -> tuple[Control, ...]:
    """Read one control, or all `*.yaml` and `*.yml` of a folder, by name.

    Raises:
        errors.ControlError: there is none, or one is none.

    """
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    if not files:
        raise errors.ControlError(f"{path} holds no control: no file *.yaml.")
    return tuple(_read(file) for file in files)


def _read(file: Path) -> Control:
    expected = f"Keys of a control: {', '.join(name for name in Control.model_fields if name != 'name')}."
    try:
        plain = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(plain, dict) or "name" in plain:
            raise errors.ControlError(f"{file} is no control: no mapping, or it names itself.", instead=expected)
        control = Control.model_validate({**plain, "name": file.stem})
    except OSError as error:
        raise errors.ControlError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise errors.ControlError(f"{file} is no control: {error}", instead=expected) from error
    if not (control.values or control.patches or control.objects or control.layer):
        raise errors.ControlError(f"{file} breaks nothing.", instead=expected)
    if not control.turns_red:
        raise errors.ControlError(
            f"{file} turns nothing red.", instead="Name the criteria that it takes the proof from: turns_red: [AC1]."
        )
    return control


def _patched(manifest: dict[str, Any], patch: Patch) -> dict[str, Any]:
    if patch.merge:
        command = ["kubectl", "patch", "--local", "--filename", "-", "--type", "strategic", "--output", "json"]
        given = json.dumps(manifest).encode()
        printed = processes.run([*command, "--patch", json.dumps(patch.merge)], limit=limits.QUERY, stdin=given).stdout
        manifest = json.loads(printed)
    for old, new in patch.replace.items():
        manifest = _replaced(manifest, old, new)
    return manifest


def _replaced(value: Any, old: str, new: str) -> Any:  # noqa: ANN401 - anything that YAML holds
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {key: _replaced(one, old, new) for key, one in value.items()}
    return [_replaced(one, old, new) for one in value] if isinstance(value, list) else value


@contextmanager
def broken_helm(control: Control, helm: Tool) -> Iterator[Path]:
    """Give a folder whose `helm` installs, upgrades and renders the product broken, and else does what helm does."""
    with tempfile.TemporaryDirectory(prefix="workstream-control-") as name:
        folder = Path(name)
        plugin = folder / "plugins" / _PLUGIN
        plugin.mkdir(parents=True)
        (plugin / "plugin.yaml").write_text(yaml.safe_dump(_PLUGIN_FILE))
        (folder / "control.json").write_text(control.model_dump_json())
        (folder / "values.yaml").write_text(yaml.safe_dump(control.values))
        changed = folder / "changed"
        changed.touch()
        _program(plugin / "render", _line(["exec", sys.executable, "-m", __name__, folder / "control.json", changed]))
        # Helm 3 takes a program, Helm 4 the name of a plugin.
        legacy = int(helm.version.partition(".")[0]) < 4  # noqa: PLR2004 - Helm 4
        renderer = plugin / "render" if legacy else _PLUGIN
        more = _line(["--values", folder / "values.yaml", "--post-renderer", renderer])
        _program(
            folder / "bin" / "helm",
            f"export HELM_PLUGINS={shlex.quote(str(folder / 'plugins'))}",
            'for argument in "$@"; do',
            '    case "$argument" in',
            f'        install | upgrade | template) exec {shlex.quote(str(helm.path))} "$@" {more} ;;',
            "    esac",
            "done",
            f'exec {shlex.quote(str(helm.path))} "$@"',
        )
        yield folder / "bin"
        idle = set(range(len(control.patches))) - {int(line) for line in changed.read_text().split()}
        for number in sorted(idle):
            say("control", f"{control.name}: its patch of {control.patches[number].target} never changed anything")


def _line(command: Iterable[str | Path]) -> str:
    return shlex.join(str(part) for part in command)


def _program(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def broken_image(control: Control, engine: Engine, image: str) -> str:
    """Build an image with the control's layer, and return its name."""
    name = f"{image}-{control.name}"
    with tempfile.TemporaryDirectory(prefix="workstream-control-") as folder:
        (Path(folder) / "Dockerfile").write_text(f"FROM {image}\n{control.layer}\n")
        with step("control", f"building {name}"):
            node_image.build(engine, Path(folder), name)
    return name


def main() -> None:
    """Read rendered objects, write them broken: what Helm calls."""
    control = Control.model_validate_json(Path(sys.argv[1]).read_bytes())
    try:
        manifests, changed = control.render(yaml.safe_load_all(sys.stdin))
    except errors.WorkstreamError as error:
        sys.exit(str(error))
    with Path(sys.argv[2]).open("a", encoding="utf-8") as file:
        file.writelines(f"{number}\n" for number in changed)
    yaml.safe_dump_all(manifests, sys.stdout)


if __name__ == "__main__":
    main()
