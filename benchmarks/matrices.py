"""Compares what controls showed in sessions that ran them in different ways, cell by cell.

    nox -s "controls(WS-001-04)"; cp build/controls/WS-001-04/controls.json apart.json
    nox -s "controls(WS-001-04)" -- --mixed; cp build/controls/WS-001-04/controls.json mixed.json
    python benchmarks/matrices.py apart.json mixed.json

The first is the measure: each control in a round of its own. Where a session says of a cell that it does not know (a
dash: another control of the round turned that criterion red), there is nothing to compare; how many of these there are
is said. Ends with 1 if any other cell differs, if a control is missing, or if one says that all is as it must be and
another that it is not.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE = "the whole product"


def cells(matrix: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return the state of every cell that a session knows, by product and criterion."""
    found = {
        (f"{WHOLE}, {when}", place): state
        for when, states in zip(("before", "after"), matrix["whole"], strict=False)
        for place, state in states.items()
    }
    for row in matrix["controls"]:
        known = row["seen"].keys() - set(row["hidden"])
        found |= {(row["name"], place): row["seen"][place]["state"] for place in known}
    return found


def differences(measure: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """Yield a line for all in which a session differs from the measure."""
    here, there = cells(measure), cells(other)
    hidden = {(row["name"], place) for row in other["controls"] for place in row["hidden"]}
    for product, place in sorted((here.keys() | there.keys()) - hidden):
        states = [one.get((product, place), "missing") for one in (here, there)]
        if len(set(states)) > 1:
            yield f"{product}, {place}: {states[0]}, and here {states[1]}"
    agrees = {row["name"]: row["agrees"] for row in measure["controls"]}
    for row in other["controls"]:
        if agrees.get(row["name"], row["agrees"]) != row["agrees"]:
            yield f"{row['name']}: as it must be is {agrees[row['name']]}, and here {row['agrees']}"


def main() -> int:
    """Compare, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", type=Path, help="controls.json of the session with each control apart")
    parser.add_argument("others", nargs="+", type=Path, help="controls.json of other sessions")
    options = parser.parse_args()
    measure = json.loads(options.measure.read_text(encoding="utf-8"))
    found = False
    for path in options.others:
        other = json.loads(path.read_text(encoding="utf-8"))
        lines = list(differences(measure, other))
        found |= bool(lines)
        known, hidden = len(cells(other)), sum(len(row["hidden"]) for row in other["controls"])
        print(f"{path}: {known} cells are known, {hidden} are not, {len(lines) or 'none'} differ")
        print("".join(f"  {line}\n" for line in lines), end="")
    return int(found)


if __name__ == "__main__":
    raise SystemExit(main())
