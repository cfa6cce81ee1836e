"""What a project says of its documents: `[tool.workstream]` in the nearest `pyproject.toml` that has it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workstream import errors

FILE = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    r"""The settings of one project.

    Attributes:
        ids: further shapes of ids, as regular expressions: `MAIL-\\d+`.
        dialects: by a pattern of paths below `folder`, the dialect of the documents there.
        folder: where the file is that says so.

    """

    ids: tuple[str, ...] = ()
    dialects: tuple[tuple[str, str], ...] = ()
    folder: Path = Path()

    def dialect(self, path: Path) -> str:
        """Return the dialect that is set for a document; empty if none is."""
        try:
            place = path.resolve().relative_to(self.folder)
        except ValueError:
            return ""
        return next((name for pattern, name in self.dialects if _matches(place, pattern)), "")


def of(path: Path) -> Settings:
    """Return the settings that hold for a document.

    Raises:
        errors.UsageError: they cannot be understood.

    """
    try:
        folders = path.resolve().parents
    except (OSError, RuntimeError):
        return Settings()
    for folder in folders:
        file = folder / FILE
        try:
            if not file.is_file():
                continue
            table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("workstream")
        except (OSError, ValueError):
            continue  # whoever owns the file says what is wrong with it
        if table is not None:
            return _settings(table, file)
    return Settings()


def _settings(table: Any, file: Path) -> Settings:  # noqa: ANN401 - whatever TOML holds
    ids = table.get("ids", []) if isinstance(table, dict) else None
    dialects = table.get("dialects", {}) if isinstance(table, dict) else None
    if (
        not isinstance(ids, list)
        or not isinstance(dialects, dict)
        or not all(isinstance(one, str) and _is_pattern(one) for one in ids)
        or not all(isinstance(name, str) for name in dialects.values())
    ):
        raise errors.UsageError(
            f"{file}: [tool.workstream] cannot be understood.",
            instead='Write ids = ["MAIL-\\\\d+"], a list of regular expressions, and dialects = {"docs/**" = "bmad"}.',
        )
    return Settings(tuple(ids), tuple(dialects.items()), file.parent)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return bool(text)


def _matches(place: Path, pattern: str) -> bool:
    """Whether a path matches a pattern in which `**` is any number of folders."""
    parts = "".join(
        ".*" if part == "**" else "[^/]*" if part == "*" else "[^/]" if part == "?" else re.escape(part)
        for part in re.split(r"(\*\*/?|\*|\?)", pattern)
        if part
    )
    return re.fullmatch(parts.replace(r"\*\*/", "(?:.*/)?"), place.as_posix()) is not None
