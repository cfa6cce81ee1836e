"""A `helm` that renders the product broken, or keeps what it renders of the whole one.

Helm calls `python -m workstream.controls.helm CONTROL CHANGED` for what is rendered, before it installs that.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from workstream import errors, files
from workstream.controls.breaking import broken
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pydantic import JsonValue

    from workstream.cluster.programs import Tool
    from workstream.controls.model import Control

    # Of each control's values, by its name; of the whole product by an empty one.
    Recorded = Callable[[], dict[str, tuple[str, ...]]]

# As much as the chart's objects are takes Python's own a tenth of a second.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# A word may be of base64.
_BETWEEN_WORDS = re.compile(r"([^\w+/.-]+)")
_PLUGIN = "workstream-control"
_RENDERED = "WORKSTREAM_RENDERED"  # the file in which the renderer of `recording_helm` keeps what it passes on
# What such a file is of: of the product as it is installed; of the same once more; all others of a control's values.
_WHOLE, _AGAIN = "0", "again"
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
def recording_helm(helm: Tool, values: Mapping[str, Mapping[str, JsonValue]]) -> Iterator[tuple[Path, Recorded]]:
    """Yield a folder whose `helm` does what helm does, and what returns the hashes of all that it rendered by then.

    What is rendered may hold passwords: it is kept for as long as the context lasts. Helm 3 does not show its hooks to
    anybody, so of that nothing is known, and there are no hashes.

    Args:
        helm: the real one.
        values: values that everything is rendered with as well, without being installed, by the names of controls.

    """
    with files.temporary("rendered") as folder:
        parts = {"": _WHOLE, **{name: str(number) for number, name in enumerate(values, 1)}}
        plain = {_AGAIN: {}, **{parts[name]: dict(one) for name, one in values.items()}}
        calls = folder / "calls"
        calls.mkdir()
        _program(folder / "try", *_try(helm, _renderer(folder, helm)))
        before = [f"call=$(mktemp -d {_line([calls / 'XXXXXXXX'])})"]
        for part, more in plain.items():
            file = folder / f"values-{part}.yaml"
            file.write_text(yaml.safe_dump(more))
            before.append(
                f'{_line([folder / "try"])} "$call/{part}" {_line([file])} "$@" $dry < /dev/null > /dev/null 2>&1'
            )
        before.append(f'export {_RENDERED}="$call/{_WHOLE}"')
        render = f'echo --- >> "${_RENDERED}"; exec tee -a "${_RENDERED}"'

        def hashes() -> dict[str, tuple[str, ...]]:
            return {} if _is_legacy(helm) else {name: _hashes(calls, part) for name, part in parts.items()}

        yield _rendering(folder, helm, render, before=before), hashes


def _try(helm: Tool, renderer: str) -> Iterator[str]:
    """Yield the lines of a shell that keep what Helm would render with other values, or that it refuses to.

    It is called with the file to keep it in, a file of values and arguments for Helm. What those let Helm read from the
    standard input, it reads once: of that nothing is known, and what is kept never comes again.
    """
    yield "rendered=$1 values=$2 said="
    yield "shift 2"
    yield 'case " $* " in'
    yield '    *" - "* | *"=- "* | *" -f- "*) said="$(date) $$" ;;'
    command = f'{shlex.quote(str(helm.path))} "$@" --values "$values" --post-renderer {shlex.quote(renderer)}'
    yield f"    *) {_RENDERED}=$rendered {command} || said=refused ;;"
    yield "esac"
    yield '[ -z "$said" ] || echo "$said" > "$rendered"'


def _hashes(calls: Path, part: str) -> tuple[str, ...]:
    """Return the hashes of the rendered objects of all calls, however they are written.

    A word that the same call renders anew each time, such as a password, counts by its length.

    Args:
        calls: a folder of each call, with a file of each part of it, see `recording_helm`.
        part: the name of the file.

    """
    found = set()
    for call in calls.iterdir():
        if (call / part).exists():  # else Helm came to nothing
            steady = _steady(*(_objects(call / name) for name in (part, _WHOLE, _AGAIN)))
            found.add(hashlib.sha256(json.dumps(steady, sort_keys=True, default=str).encode()).hexdigest())
    return tuple(sorted(found))


def _objects(rendered: Path) -> dict[str, list[Any]]:
    """Return what a file holds by what it is, whatever the order; nothing where there is no such file."""
    found: dict[str, list[Any]] = {}
    for one in filter(None, yaml.load_all(rendered.read_bytes(), _LOADER) if rendered.exists() else ()):
        metadata = one.get("metadata") if isinstance(one, dict) else None
        named = [one.get("kind"), metadata.get("namespace"), metadata.get("name")] if isinstance(metadata, dict) else []
        found.setdefault(json.dumps(named, default=str), []).append(one)
    return found


def _steady(value: object, first: object, second: object) -> object:
    """Return a value, with the length of each word in the place of which two others hold two different ones."""
    match value, first, second:
        case dict(), dict(), dict():
            return {key: _steady(part, first.get(key), second.get(key)) for key, part in value.items()}
        case list(), list(), list() if len(value) == len(first) == len(second):
            return [_steady(*parts) for parts in zip(value, first, second, strict=True)]
        case str(), str(), str() if first != second:
            words = [_BETWEEN_WORDS.split(text) for text in (value, first, second)]
            if len({len(one) for one in words}) == 1:
                return [len(word) if one != other else word for word, one, other in zip(*words, strict=True)]
    return value


def _is_legacy(helm: Tool) -> bool:
    return int(helm.version.partition(".")[0]) < 4  # noqa: PLR2004 - Helm 4


def _renderer(folder: Path, helm: Tool) -> str:
    """Return how Helm is told what passes on what it renders: Helm 3 takes a program, Helm 4 the name of a plugin."""
    return str(folder / "plugins" / _PLUGIN / "render") if _is_legacy(helm) else _PLUGIN


def _rendering(folder: Path, helm: Tool, render: str, *more: str | Path, before: Iterable[str] = ()) -> Path:
    """Return a folder with a `helm` that passes on what it renders, before it installs, upgrades or prints that.

    Args:
        folder: where it is made.
        helm: the real one.
        render: a line of a shell that reads what is rendered, and writes what is to be.
        more: further options.
        before: lines of a shell to run first; `$dry` is what lets Helm change nothing.

    """
    plugin = folder / "plugins" / _PLUGIN
    plugin.mkdir(parents=True)
    (plugin / "plugin.yaml").write_text(yaml.safe_dump(_PLUGIN_FILE))
    _program(plugin / "render", render)
    options = _line([*more, "--post-renderer", _renderer(folder, helm)])
    _program(
        folder / "bin" / "helm",
        f"export HELM_PLUGINS={shlex.quote(str(folder / 'plugins'))}",
        'for argument in "$@"; do',
        '    case "$argument" in',
        "        install | upgrade | template)",
        '            [ "$argument" = template ] && dry= || dry=--dry-run=server',
        *(f"            {line}" for line in before),
        f'            exec {shlex.quote(str(helm.path))} "$@" {options} ;;',
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
    control = json.loads(Path(sys.argv[1]).read_bytes())
    try:
        manifests, changed = broken(yaml.load_all(sys.stdin, _LOADER), control)
    except errors.WorkstreamError as error:
        sys.exit(str(error))
    with Path(sys.argv[2]).open("a", encoding="utf-8") as file:
        file.writelines(f"{number}\n" for number in changed)
    yaml.dump_all(manifests, sys.stdout, _DUMPER)


if __name__ == "__main__":
    main()
