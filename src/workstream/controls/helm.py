"""A `helm` that renders the product broken, or keeps what it renders of the whole one.

Helm calls `python -m workstream.controls.helm CONTROL CHANGED` for what is rendered, before it installs that.
"""

from __future__ import annotations

import hashlib
import json
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
    from collections.abc import Callable, Iterable, Iterator

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
        (folder / "control.json").write_text(control.model_dump_json())
        (folder / "values.yaml").write_text(yaml.safe_dump(control.values))
        changed = folder / "changed"
        changed.touch()
        render = _line(["exec", sys.executable, "-m", __name__, folder / "control.json", changed])
        yield _rendering(folder, helm, render, "--values", folder / "values.yaml")
        idle = set(range(len(control.patches))) - {int(line) for line in changed.read_text().split()}
        for number in sorted(idle):
            say("control", f"{control.name}: its patch of {control.patches[number].target} never changed anything")


@contextmanager
def recording_helm(helm: Tool) -> Iterator[tuple[Path, Callable[[], tuple[str, ...]]]]:
    """Yield a folder whose `helm` does what helm does, and what returns the hashes of all that it rendered by then.

    What it rendered may hold passwords: it is kept for as long as the context lasts. Helm 3 does not show its hooks to
    anybody, so of that nothing is known, and there are no hashes.
    """
    with files.temporary("rendered") as folder:
        rendered = folder / "rendered"
        rendered.mkdir()
        render = f'exec tee "$(mktemp {shlex.quote(str(rendered))}/XXXXXXXX)"'

        def hashes() -> tuple[str, ...]:
            return () if _is_legacy(helm) else tuple(sorted({_sha256(path) for path in rendered.iterdir()}))

        yield _rendering(folder, helm, render), hashes


def _is_legacy(helm: Tool) -> bool:
    return int(helm.version.partition(".")[0]) < 4  # noqa: PLR2004 - Helm 4


def _sha256(rendered: Path) -> str:
    """Return the hash of rendered objects, however they are written."""
    objects = [one for one in yaml.safe_load_all(rendered.read_bytes()) if one]
    return hashlib.sha256(json.dumps(objects, sort_keys=True, default=str).encode()).hexdigest()


def _rendering(folder: Path, helm: Tool, render: str, *more: str | Path) -> Path:
    """Return a folder with a `helm` that passes on what it renders, before it installs, upgrades or prints that.

    Args:
        folder: where it is made.
        helm: the real one.
        render: a line of a shell that reads what is rendered, and writes what is to be.
        more: further options.

    """
    plugin = folder / "plugins" / _PLUGIN
    plugin.mkdir(parents=True)
    (plugin / "plugin.yaml").write_text(yaml.safe_dump(_PLUGIN_FILE))
    _program(plugin / "render", render)
    # Helm 3 takes a program, Helm 4 the name of a plugin.
    options = _line([*more, "--post-renderer", plugin / "render" if _is_legacy(helm) else _PLUGIN])
    _program(
        folder / "bin" / "helm",
        f"export HELM_PLUGINS={shlex.quote(str(folder / 'plugins'))}",
        'for argument in "$@"; do',
        '    case "$argument" in',
        f'        install | upgrade | template) exec {shlex.quote(str(helm.path))} "$@" {options} ;;',
        "    esac",
        "done",
        f'exec {shlex.quote(str(helm.path))} "$@"',
    )
    return folder / "bin"


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
