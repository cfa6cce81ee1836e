"""A `helm` that renders the product broken, and what it calls: `python -m workstream.controls.helm CONTROL CHANGED`."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from workstream import errors, files
from workstream.controls.model import Control
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


@contextmanager
def broken_helm(control: Control, helm: Tool) -> Iterator[Path]:
    """Yield a folder whose `helm` installs, upgrades and renders the product broken, and else does what helm does."""
    with files.temporary("control") as folder:
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
