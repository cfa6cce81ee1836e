"""Compares how long two commits take for the same thing, in turn on one machine, and prints the ratio.

    python benchmarks/speed.py 6d0d27a --case warm --case kept --pairs 3

Both stand in clones of their own, each with the packages that it locks, and share a cache folder that is no other's.
Before anything is measured each commit proves all once, so that what is to be there is there. Then they take turns: the
commit that was first in a pair is second in the next. The machine must have nothing else to do: each line says how
much it had to do when that run began. Every time is kept in the folder: called again, it goes on where it was stopped.

What is compared is WS-001-04 alone, which both commits must have:

warm      all its criteria, on a cluster that is made for it
kept      the same on a cluster that was kept
image     warm, after a change of the image
cold      warm, with an empty cache folder: nothing is fetched, built or compiled
controls  all controls of that document, as each commit runs them fastest
test      those of a pull request that changes one module of tests, as the second commit runs them
template  those of a pull request that changes one template of the chart, which renders what it did

The last two are compared with all controls of the first commit, so `controls` is measured before them. What a template
that renders something else costs is what `controls` costs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = "workstreams/WS-001-04-external-shuffle-service.md"
CASES = ("warm", "kept", "image", "cold", "controls", "test", "template")
PULL_REQUESTS = {
    "test": ("tests/acceptance/test_3_service.py", "# One more line.\n"),
    "template": ("charts/spark-standalone/templates/master.yaml", "{{- /* One more line. */}}\n"),
}
SHOWN = 15  # lines of what a run that failed printed last


@dataclass(frozen=True, slots=True)
class Side:
    """A commit, in a clone, with an environment in which its nox is.

    Attributes:
        name: `before` or `after`.
        commit: the commit.
        folder: where clone, environment and the output of every run stand.
        cache: the cache folder of both sides.

    """

    name: str
    commit: str
    folder: Path
    cache: Path

    @property
    def clone(self) -> Path:
        """The clone."""
        return self.folder / "clone"

    @property
    def _bin(self) -> Path:
        return self.folder / "environment" / "bin"

    def prepare(self) -> None:
        """Make the clone and its environment, unless they are there."""
        if not (self._bin / "nox").is_file():
            shutil.rmtree(self.folder, ignore_errors=True)
            _call("git", "clone", "--quiet", ROOT, self.clone)
            _call("git", "-C", self.clone, "checkout", "--quiet", self.commit)
            _call(sys.executable, "-m", "venv", self.folder / "environment")
            _call(self._bin / "python", "-m", "pip", "install", "-q", "-r", self.clone / "requirements" / "nox.txt")
        for session in ("acceptance", "controls"):
            self.nox("--install-only", "-s", session)

    def nox(self, *arguments: str, leaves: Path | None = None) -> float:
        """Run nox, and return how many seconds it took.

        A run that does not end well ends the benchmark, unless it leaves a file that is all that is wanted of it.
        """
        output = self.folder / "output.log"
        environment = {
            **os.environ,
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "WORKSTREAM_CACHE": str(self.cache),
            "PYTHONDONTWRITEBYTECODE": "",  # as people have it: Python keeps what it compiled
        }
        began = time.monotonic()
        with output.open("w", encoding="utf-8") as file:
            ended = subprocess.run(  # noqa: S603 - an argument list, no shell
                [str(self._bin / "python"), "-m", "nox", "--reuse-existing-virtualenvs", *arguments],
                cwd=self.clone,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if ended.returncode and not (leaves and leaves.exists()):
            last = "\n".join(output.read_text(encoding="utf-8").splitlines()[-SHOWN:])
            sys.exit(
                f"nox {' '.join(arguments)} of {self.name} ended with {ended.returncode}; all it said: {output}\n{last}"
            )
        return time.monotonic() - began

    @property
    def knows_one_document(self) -> bool:
        """Whether it is from before there were several documents: then it takes no choice."""
        return not any((self.clone / "tests" / "controls").glob("*/"))

    def acceptance(self, *options: str) -> float:
        """Prove the document's criteria."""
        chosen = [] if self.knows_one_document else ["--workstream", DOCUMENT]
        return self.nox("-s", "acceptance", "--", *chosen, *options)

    def controls(self, *options: str) -> float:
        """Run the document's controls."""
        if self.knows_one_document:
            return self.nox("-s", "controls")
        return self.nox("-s", "controls(WS-001-04)", "--", "--mixed", *options)

    def pull_request(self, case: str) -> float:
        """Run the controls of a pull request; what all of them showed is accepted before."""
        if not list((self.clone / "checklists" / "controls").glob("*.json")):
            self.workstream("accept", DOCUMENT, "--controls")
        path, line = PULL_REQUESTS[case]
        with (self.clone / path).open("a", encoding="utf-8") as file:
            file.write(line)
        return self.controls("--incremental")

    def run(self, case: str) -> float:
        """Do what a case is about, and return how many seconds it took."""
        if case == "controls":
            return self.controls()
        if case in PULL_REQUESTS:
            return self.pull_request(case)
        if case == "kept":
            return self.acceptance("--keep")
        if case == "cold":
            shutil.rmtree(self.cache, ignore_errors=True)
        if case == "image":
            with (self.clone / "docker" / "spark" / "entrypoint.sh").open("a", encoding="utf-8") as file:
                file.write("# one more line\n")
        return self.acceptance()

    def leave(self, case: str) -> None:
        """Take away what a case left."""
        if case == "kept":
            self.workstream("cluster", "down")
        self.restore()

    def restore(self) -> None:
        """Make every file of the commit what it was."""
        _call("git", "-C", self.clone, "checkout", "--quiet", "--", ".")

    def workstream(self, *arguments: str) -> None:
        """Call the command of the clone."""
        command = next(self.clone.glob(".nox/acceptance*/bin/workstream"))
        environment = {**os.environ, "WORKSTREAM_CACHE": str(self.cache)}
        subprocess.run([command, *arguments], env=environment, check=True, cwd=self.clone)  # noqa: S603 - ours


def _call(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)  # noqa: S603 - an argument list, no shell


@dataclass(frozen=True, slots=True)
class Times:
    """What was measured, in a file.

    Attributes:
        file: a line of JSON for each run.

    """

    file: Path

    def of(self, case: str, side: str) -> list[float]:
        """Return how many seconds each run of a case took."""
        return [seconds for one, name, seconds in self._lines() if (one, name) == (case, side)]

    def _lines(self) -> Iterator[tuple[str, str, float]]:
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                case, side, seconds = json.loads(line)
                yield case, side, seconds

    def keep(self, case: str, side: str, seconds: float) -> None:
        """Keep a time."""
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([case, side, round(seconds, 1)]) + "\n")


def measure(case: str, sides: Sequence[Side], pairs: int, times: Times) -> None:
    """Let both sides take turns until each has done a case often enough; of a pull request's cases the second alone."""
    for number in range(pairs):
        for side in sides[1:] if case in PULL_REQUESTS else sides if number % 2 == 0 else reversed(sides):
            if len(times.of(case, side.name)) > number:
                continue
            if case == "kept":  # the engine of a side is not the other's: each makes its cluster, and takes it down
                side.run(case)
            load = os.getloadavg()[0]
            seconds = side.run(case)
            times.keep(case, side.name, seconds)
            print(f"{case:8} {number + 1} {side.name:6} {seconds:7.1f} s   load before: {load:.1f}", flush=True)
            side.leave(case)


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", help="a commit")
    parser.add_argument("after", nargs="?", default="HEAD", help="another one (default: HEAD)")
    parser.add_argument("--case", action="append", choices=CASES, help="what is compared; may be given several times")
    parser.add_argument("--pairs", type=int, default=3, help="how often each commit does it (default: 3)")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "speed", help="what is kept, and resumed")
    parser.add_argument("--cache", type=Path, help="a cache folder that is there, in place of one in that folder")
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    commits = {"before": options.before, "after": options.after}
    cases = options.case or ["warm"]
    if set(cases) & PULL_REQUESTS.keys() and "controls" not in cases:
        parser.error("test and template are compared with all controls: name --case controls, too")
    cases.sort(key=CASES.index)
    if options.cache and "cold" in cases:
        parser.error("cold empties the cache folder: leave --cache away")
    cache = (options.cache or folder / "cache").absolute()
    sides = [Side(name, commit, folder / name, cache) for name, commit in commits.items()]
    times = Times(folder / "times.jsonl")
    for side in sides:
        side.prepare()
    if set(cases) - {"cold"}:
        for side in sides:
            print(f"once, for what is to be there: {side.name}, {side.acceptance():.1f} s", flush=True)
    for case in cases:
        measure(case, sides, options.pairs, times)
    for case in cases:
        before = statistics.median(times.of("controls" if case in PULL_REQUESTS else case, sides[0].name))
        after = statistics.median(times.of(case, sides[1].name))
        print(f"{case}: {after / before:.2f} (medians of {options.pairs}: {after:.1f} s after {before:.1f} s)")


if __name__ == "__main__":
    main()
