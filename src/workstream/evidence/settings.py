"""What a project tells pytest of what a test is, and of what a criterion takes: changed, it makes evidence stale."""

from __future__ import annotations

import configparser
import hashlib
import json
import tomllib
from typing import TYPE_CHECKING, Any

from workstream import errors

if TYPE_CHECKING:
    from pathlib import Path

NAME = "settings of pytest"  # of the subject that the plugin describes
# What counts of it; and where tests stand.
COLLECTING = {
    "python_files",
    "python_classes",
    "python_functions",
    "collect_imported_tests",
    "norecursedirs",
    "workstream_documents",
    "workstream_levels",
}
PATHS = ("workstream_testpaths", "testpaths")

# Files that pytest reads, in its order, and where it looks in each; the first four count even if they say nothing.
# https://docs.pytest.org/en/stable/reference/customize.html
_OWN = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_SECTIONS = {"pyproject.toml": "tool pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def settings_sha256(path: Path) -> str:
    """Return the hash of the settings that count, wherever they stand now in the folder of a file that held them.

    Args:
        path: the configuration file.

    Raises:
        errors.EvidenceError: there is none any more, or it cannot be read.

    """
    try:
        found = said(path)
    except OSError as error:
        raise errors.EvidenceError(
            f"The settings of pytest in {path.parent} cannot be read: {error.strerror}.", instead="Make it readable."
        ) from error
    if not found:
        raise errors.EvidenceError(
            f"{path.parent} holds no settings of pytest any more.", instead=f"Bring {path.name} back."
        )
    counting = {name: found[name] for name in sorted(COLLECTING.union(PATHS) & found.keys())}
    return hashlib.sha256(json.dumps(counting).encode()).hexdigest()


def said(path: Path) -> dict[str, list[str]]:
    """Return all settings, each in lines, wherever they stand now in the folder of a file that held them.

    Args:
        path: the configuration file.

    Returns:
        what each says, and the name of the file under an empty name; nothing if there are none.

    Raises:
        OSError: the file cannot be read.

    """
    found = next(filter(None, map(_said, _candidates(path.parent))), {})
    return {name: _lines(value) for name, value in found.items()}


def _candidates(folder: Path) -> list[Path]:
    return [path for name in (*_OWN, *_SECTIONS) if (path := folder / name).is_file()]


def _said(path: Path) -> dict[str, Any] | None:
    """Return what a file says to pytest, with a key for itself; None if it is not for pytest."""
    section = _SECTIONS.get(path.name, "pytest")
    content = path.read_bytes()
    try:
        found = _table(content.decode(), section) if path.suffix == ".toml" else _section(content.decode(), section)
    except (ValueError, AttributeError, configparser.Error):
        found = {name: hashlib.sha256(content).hexdigest() for name in PATHS}  # pytest may understand it: all counts
    return {"": path.name, **found} if found or path.name in _OWN else None


def _table(text: str, section: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(text)
    for part in section.split():
        found = found.get(part, {})
    return {**found, **found.get("ini_options", {})}


def _section(text: str, section: str) -> dict[str, Any]:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(text)
    return dict(parser[section]) if parser.has_section(section) else {}


def _lines(value: object) -> list[str]:
    """Return what a setting says, however it is laid out: pytest takes a list for as many lines."""
    parts = value if isinstance(value, list) else str(value).splitlines()
    return [text for part in parts if (text := " ".join(str(part).split()))]
