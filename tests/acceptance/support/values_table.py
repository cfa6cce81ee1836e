"""Makes the table of values in the chart's README from the comments of values.yaml.

Run as a program it writes the table; a test says when that is due.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from support.places import CHART

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"
README = CHART / "README.md"
VALUES = CHART / "values.yaml"

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]+):")
_INDENT = 2


@dataclass(frozen=True, slots=True)
class Value:
    """One documented value.

    Attributes:
        path: its keys, joined by dots.
        default: what it is unless told otherwise.
        description: the comment above it.

    """

    path: str
    default: object
    description: str


def documented(text: str) -> Iterator[Value]:
    """Yield what values.yaml documents: every key below a comment that starts with `# --`."""
    values = yaml.safe_load(text)
    above: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# --"):
            comment = [stripped.removeprefix("# --").strip()]
        elif stripped.startswith("#") and comment:
            comment.append(stripped.removeprefix("#").strip())
        elif (key := _KEY.match(line)) is not None:
            above[len(key["indent"]) // _INDENT :] = [key["key"]]
            if comment:
                yield Value(".".join(above), _at(values, above), " ".join(comment))
            comment = []


def _at(values: dict[str, Any], path: list[str]) -> object:
    return functools.reduce(lambda found, key: found[key], path, values)


def table(text: str) -> str:
    """Return the table, in Markdown."""
    rows = [
        f"| `{value.path}` | `{json.dumps(value.default, ensure_ascii=False)}` | {value.description} |"
        for value in documented(text)
    ]
    return "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows])


def with_table(readme: str, new: str) -> str:
    """Return a README whose table is replaced."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def write() -> None:
    """Write the table into the README."""
    readme = README.read_text(encoding="utf-8")
    README.write_text(with_table(readme, table(VALUES.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    write()
