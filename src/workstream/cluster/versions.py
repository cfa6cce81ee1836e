"""Reads `docker/versions.toml`, the one place for versions and digests, and finds the recipes beside it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

# Installed, the folder travels inside the package; in a checkout it stands at the top.
_CANDIDATES = (Path(__file__).parents[1] / "docker", Path(__file__).parents[3] / "docker")


def recipes() -> Path:
    """Return the folder that holds versions.toml and node/."""
    return next(path for path in _CANDIDATES if (path / "versions.toml").is_file())


@cache
def pinned() -> dict[str, dict[str, Any]]:
    """Return the tables of versions.toml."""
    return tomllib.loads((recipes() / "versions.toml").read_text(encoding="utf-8"))
