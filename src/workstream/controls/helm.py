"""A `helm` that renders the product broken, or keeps what it renders of the whole one.

Helm calls `python -m workstream.controls.helm CONTROL CHANGED` for what is rendered, before it installs that.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstream import errors, files, manifests
from workstream.controls.breaking import broken
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pydantic import JsonValue

    from workstream.cluster.programs import Tool
    from workstream.controls.model import Control

    # Of each control's values, by its name; of the whole product by an empty one.
    Recorded = Callable[[], dict[str, tuple[str, ...]]]

_BASE64 = re.compile(r"([A-Za-z0-9+/]+={0,2})")
_BETWEEN_WORDS = re.compile(r"([\W_]+)")
_PLUGIN = "workstream-control"
_RENDERED = "WORKSTREAM_RENDERED"  # the file in which the renderer of `recording_helm` keeps what it passes on
_TWICE = ("", "-again")  # what the names of files end with of what is rendered twice
_SAID, _REFUSED = ".said", ".refused"  # and of what Helm printed, and where it failed
_UNKNOWN = "unknown"
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
        (folder / "values.yaml").write_text(manifests.written(control.values))
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
        parts = {name: str(number) for number, name in enumerate(("", *values))}
        calls = folder / "calls"
        calls.mkdir()
        _program(folder / "try", *_try(helm, _renderer(folder, helm)))
        before = [f"call=$(mktemp -d {_line([calls / 'XXXXXXXX'])}) input=/dev/null", *_reading()]
        for name, part in parts.items():
            file = folder / f"values-{part}.yaml"
            file.write_text(manifests.written(dict(values.get(name, {}))))
            # What the product is installed with is rendered once more, what it is not, twice.
            beginnings = (f'"$call/{part}{number}"' for number in (_TWICE if name else _TWICE[1:]))
            attempt, behind = _line([folder / "try"]), f'{_line([file])} "$@" $dry < "$input" &'
            before += [f"{attempt} {rendered} {behind}" for rendered in beginnings]
        before += ["wait", f'export {_RENDERED}="$call/{parts[""]}{_TWICE[0]}"']
        render = f'echo --- >> "${_RENDERED}"; exec tee -a "${_RENDERED}"'

        def hashes() -> dict[str, tuple[str, ...]]:
            return {} if _is_legacy(helm) else {name: _hashes(calls, part) for name, part in parts.items()}

        yield _rendering(folder, helm, render, before=before), hashes


def _reading() -> Iterator[str]:
    """Yield the lines of a shell that keep what Helm is to read from the standard input, for all that are to read it.

    Where something else is to be printed than what Helm has to say, nobody knows what that is.
    """
    yield 'case " $* " in'
    yield r'    *[\ =,]-[\ ,]* | *\ -f-[\ ,]*) input="$call/input"; cat > "$input"; exec < "$input" ;;'
    yield "esac"
    yield 'case " $* " in'
    yield f'    *" -o"* | *" --output"*) touch "$call/{_UNKNOWN}" ;;'
    yield "esac"


def _try(helm: Tool, renderer: str) -> Iterator[str]:
    """Yield the lines of a shell that keep what Helm would render with other values, and what it says of that.

    It is called with the file to keep it in, a file of values and arguments for Helm.
    """
    yield "rendered=$1 values=$2"
    yield "shift 2"
    command = f'{shlex.quote(str(helm.path))} "$@" --values "$values" --post-renderer {shlex.quote(renderer)}'
    yield f'{_RENDERED}=$rendered {command} > "$rendered{_SAID}" 2>&1 || touch "$rendered{_REFUSED}"'


def _hashes(calls: Path, part: str) -> tuple[str, ...]:
    """Return the hashes of what Helm came to in all calls, however it is written; another one each time if unknown.

    A word that the same call makes anew each time, of a password, counts by its length.

    Args:
        calls: a folder of each call, with files of each part of it, see `recording_helm`.
        part: what their names begin with.

    """
    found = set()
    for call in calls.iterdir():
        first, second = (call / f"{part}{number}" for number in _TWICE)
        if not any(path.exists() for path in (first, _beside(first, _SAID))):
            continue  # the product was not installed: Helm came to nothing
        try:
            known = _steady(_rendered(first), _rendered(second))
        except errors.ChartError:
            known = None
        if known is None or (_beside(first, _SAID).exists() and (call / _UNKNOWN).exists()):
            known = str(uuid.uuid4())
        found.add(hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest())
    return tuple(sorted(found))


def _beside(rendered: Path, what: str) -> Path:
    return rendered.with_name(rendered.name + what)


def _rendered(path: Path) -> dict[str, Any]:
    """Return the objects of a file by what they are, whatever their order, and what Helm had to say of them.

    Raises:
        errors.ChartError: they cannot be read.

    """
    found: dict[str, Any] = {}
    for one in manifests.read(path.read_bytes()) if path.exists() else ():
        found.setdefault(json.dumps(manifests.identity(one)), []).append(_decoded(one))
    said = _beside(path, _SAID)
    text = said.read_text(encoding="utf-8", errors="replace") if said.exists() else ""
    text = f"refused: {text}" if _beside(path, _REFUSED).exists() else text.partition("\nNOTES:\n")[2]
    # It may name our own files.
    return {**found, "said": text.replace(str(path.parents[2]), "")}


def _decoded(one: dict[str, Any]) -> dict[str, Any]:
    """Return an object; of a Secret what it holds: its text, or that it is none."""
    data = one.get("data")
    if one.get("kind") != "Secret" or not isinstance(data, dict):
        return one
    return {**one, "data": {key: _text(value) or {"bytes": value} for key, value in data.items()}}


def _text(word: object) -> str:
    """Return the text that a word of base64 stands for; empty if it is none."""
    try:
        return base64.b64decode(str(word), validate=True).decode()
    except ValueError:
        return ""


def _steady(first: object, second: object) -> object:
    """Return the first of two values, with the length of each word in the place of which the second has another one.

    Where the two are not made alike it is returned as it is.
    """
    match first, second:
        case {"bytes": _}, _:  # where in it something is made anew, nobody can see
            return first
        case dict(), dict():
            return {key: _steady(value, second.get(key)) for key, value in first.items()}
        case list(), list() if len(first) == len(second):
            return [_steady(*pair) for pair in zip(first, second, strict=True)]
        case str(), str() if first != second:
            return _words(first, second, _BASE64, _steady_word)
    return first


def _words(first: str, second: str, between: re.Pattern[str], steady: Callable[[str, str], object]) -> object:
    """Return the parts of a text, made steady one by one; the text itself, if the other one has not as many."""
    pairs = [between.split(text) for text in (first, second)]
    if len({*map(len, pairs)}) > 1:
        return first
    return [one if one == other else steady(one, other) for one, other in zip(*pairs, strict=True)]


def _steady_word(first: str, second: str) -> object:
    if (text := _text(first)) and (other := _text(second)):
        return _steady(text, other)
    return _words(first, second, _BETWEEN_WORDS, lambda one, _: len(one))


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
    (plugin / "plugin.yaml").write_text(manifests.written(_PLUGIN_FILE))
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
        objects, changed = broken(manifests.read(sys.stdin.read()), control)
        text = manifests.written(*objects)
    except errors.WorkstreamError as error:
        sys.exit(str(error))
    with Path(sys.argv[2]).open("a", encoding="utf-8") as file:
        file.writelines(f"{number}\n" for number in changed)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
