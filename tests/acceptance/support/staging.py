"""A copy of the charts for commands that rely on the chart's default image, where nodes cannot pull that."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from support.places import CHART, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where completion commands run.

    Attributes:
        folder: the repository's root, or a folder that holds a copy of what they need.
        differs: of a copy, each default value of the chart that is another one there: before, and after.

    """

    folder: Path = ROOT
    differs: dict[str, list[object]] = field(default_factory=dict)


def place(folder: Path, values: Mapping[str, Any]) -> Place:
    """Return where commands that rely on the chart's default values find those of the release.

    Args:
        folder: an empty folder.
        values: the release's, as far as they are not the chart's defaults; a mapping for each section.

    """
    if not values:
        return Place()
    shutil.copytree(CHART.parent, folder / CHART.parent.name)
    file = folder / CHART.relative_to(ROOT) / "values.yaml"
    defaults = yaml.safe_load(file.read_text(encoding="utf-8"))
    differs = {
        f"{section}.{name}": [defaults[section][name], value]
        for section, inner in values.items()
        for name, value in inner.items()
    }
    for section, inner in values.items():
        defaults[section] |= inner
    file.write_text(yaml.safe_dump(defaults, sort_keys=False), encoding="utf-8")
    return Place(folder, differs)
