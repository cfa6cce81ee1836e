"""How a control changes what Helm renders.

Helm starts a Python for everything that it renders, and reading what a control is (`model`) would take most of that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workstream import limits, processes
from workstream.manifests import identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def broken(manifests: Iterable[dict[str, Any]], control: Mapping[str, Any]) -> tuple[list[dict[str, Any]], set[int]]:
    """Return rendered objects, broken, and which patches changed something.

    A patch may have nothing to change: with other values the chart renders other objects.

    Args:
        manifests: what is rendered.
        control: the fields of a `Control`, as JSON.

    """
    rendered = list(manifests)
    changed = set()
    for number, patch in enumerate(control["patches"]):
        for place, manifest in enumerate(rendered):
            kind, _, name = identity(manifest)
            if f"{kind.lower()}/{name}" == patch["target"]:
                rendered[place] = _patched(manifest, patch)
                changed |= {number} if rendered[place] != manifest else set()
    return [*rendered, *control["objects"]], changed


def _patched(manifest: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    if patch["merge"]:
        command = ["kubectl", "patch", "--local", "--filename", "-", "--type", "strategic", "--output", "json"]
        document = json.dumps(manifest).encode()
        printed = processes.run(
            [*command, "--patch", json.dumps(patch["merge"])], limit=limits.QUERY, stdin=document
        ).stdout
        manifest = json.loads(printed)
    for old, new in patch["replace"].items():
        manifest = _replaced(manifest, old, new)
    return manifest


def _replaced(value: Any, old: str, new: str) -> Any:  # noqa: ANN401 - anything that YAML holds
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {key: _replaced(item, old, new) for key, item in value.items()}
    return [_replaced(item, old, new) for item in value] if isinstance(value, list) else value
