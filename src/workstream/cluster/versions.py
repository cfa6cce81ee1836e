"""Finds what travels with the package: the node image's recipe, and versions and digests of what is fetched."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


def recipes() -> Path:
    """Return the folder that holds versions.toml and node/."""
    return Path(__file__).parents[1] / "resources"


@cache
def pinned() -> dict[str, dict[str, Any]]:
    """Return the tables of versions.toml."""
    return tomllib.loads((recipes() / "versions.toml").read_text(encoding="utf-8"))
