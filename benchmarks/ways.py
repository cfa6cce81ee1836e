"""Runs controls in every way there is, on the product and on changes of it, and says whether they show the same.

    python benchmarks/ways.py
    python benchmarks/ways.py --change test --change chart --control silent --control forgetful

Of each product the controls of WS-001-04 run apart, mixed, and mixed with what did not change taken over from what the
mixed ones showed before the change. The first is the measure for the others, cell by cell (`matrices.py`). The changes
are faults, each of which must be seen in all three ways:

none     the product as it is; all is taken over
control  a control breaks nothing any more
test     a test of a criterion asserts nothing any more, so no control can make it fail
chart    a template renders something else, on which a control breaks nothing any more

It takes hours: name the controls that are to run on products with a change. On the product as it is all run, because
only what all showed can be accepted, and taken over. Every matrix is kept in the folder: called again, it goes on where
it was stopped.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matrices import cells, differences
from speed import DOCUMENT, ROOT, Side

if TYPE_CHECKING:
    from collections.abc import Collection

ID = "WS-001-04"
NONE = "none"
CONTROLS = Path("tests", "controls", ID)
ACCEPTED = Path("checklists", "controls", f"{ID}.json")
MATRIX = Path("build", "controls", ID, "controls.json")
WAYS = {"apart": (), "mixed": ("--mixed",), "taken": ("--mixed", "--incremental")}
# A file, a text that it holds once, and what takes its place.
CHANGES = {
    "control": (
        CONTROLS / "security-context.yaml",
        "            securityContext:\n              seccompProfile:\n                type: RuntimeDefault\n",
        "            terminationGracePeriodSeconds: 30\n",
    ),
    "test": (
        Path("tests", "acceptance", "test_3_service.py"),
        '    assert pods, "there is no shuffle pod"\n    for pod in pods:\n',
        '    assert pods, "there is no shuffle pod"\n    for pod in pods[:0]:\n',
    ),
    "chart": (
        Path("charts", "spark-standalone", "templates", "shuffle-service.yaml"),
        "        - name: shuffle\n",
        "        - name: shuffle\n          args: [env, --unset=SPARK_SHUFFLE_OPTS, entrypoint.sh, shuffle]\n",
    ),
}


@dataclass(frozen=True, slots=True)
class Product:
    """What controls are run on: a clone, with a change in it.

    Attributes:
        side: the clone.
        change: its name.
        controls: the names of those that run on it, if it has a change; none: all.
        folder: where matrices are kept.

    """

    side: Side
    change: str
    controls: Collection[str]
    folder: Path

    def make(self) -> None:
        """Make the change, and leave only the controls that are to run."""
        self.side.restore()
        if self._accepted.exists():
            shutil.copy(self._accepted, self.side.clone / ACCEPTED)
        if self.change == NONE:
            return
        path, old, new = CHANGES[self.change]
        text = (self.side.clone / path).read_text(encoding="utf-8")
        if text.count(old) != 1:
            sys.exit(f"{path} holds this {text.count(old)} times, and not once:\n{old}")
        (self.side.clone / path).write_text(text.replace(old, new), encoding="utf-8")
        for path in (self.side.clone / CONTROLS).iterdir():
            if self.controls and path.stem not in self.controls:
                path.unlink()

    def run(self, way: str) -> Path:
        """Run the controls in a way, unless it was done before; return where the matrix is."""
        names = () if self.change == NONE else sorted(self.controls)
        kept = self.folder / ("-".join([self.change, way, *names]) + ".json")
        if not kept.exists():
            self.make()
            matrix = self.side.clone / MATRIX
            matrix.unlink(missing_ok=True)
            began = time.monotonic()
            self.side.nox("-s", f"controls({ID})", "--", *WAYS[way], leaves=matrix)
            rows = json.loads(matrix.read_text(encoding="utf-8"))["controls"]
            right = sum(row["agrees"] for row in rows)
            took = time.monotonic() - began
            print(f"{self.change:8} {way:6} {took:7.1f} s   {right} of {len(rows)} are as they must be", flush=True)
            if (self.change, way) == (NONE, "mixed"):
                self.side.workstream("accept", DOCUMENT, "--controls")
                shutil.copy(self.side.clone / ACCEPTED, self._accepted)
            shutil.copy(matrix, kept)
        return kept

    @property
    def _accepted(self) -> Path:
        return self.folder / "accepted.json"


def main() -> int:
    """Run, compare, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    changes = (NONE, *CHANGES)
    parser.add_argument("--change", action="append", choices=changes, help="default: all; may be given several times")
    parser.add_argument("--control", action="append", metavar="NAME", help="default: all; may be given several times")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "ways", help="what is kept, and resumed")
    parser.add_argument("--cache", type=Path, help="a cache folder that is there, in place of one in that folder")
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    chosen = frozenset(options.control or ())
    if unknown := chosen - {path.stem for path in (ROOT / CONTROLS).glob("*.yaml")}:
        parser.error(f"no control of {CONTROLS}: {', '.join(sorted(unknown))}")
    folder.mkdir(parents=True, exist_ok=True)
    side = Side("product", "HEAD", folder / "product", (options.cache or folder / "cache").absolute())
    side.prepare()
    Product(side, NONE, chosen, folder).run("mixed")  # whatever is taken over, is from there
    found = False
    for change in (one for one in changes if one in (options.change or changes)):
        product = Product(side, change, chosen, folder)
        measure, *others = [json.loads(product.run(way).read_text(encoding="utf-8")) for way in WAYS]
        for way, other in zip(list(WAYS)[1:], others, strict=True):
            lines = list(differences(measure, other))
            found |= bool(lines)
            print(f"{change}, {way}: of {len(cells(measure))} cells {len(cells(other))} are known, {len(lines)} differ")
            print("".join(f"  {line}\n" for line in lines), end="", flush=True)
    return int(found)


if __name__ == "__main__":
    raise SystemExit(main())
