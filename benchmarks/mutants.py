"""Tries whether unit tests notice small faults: mutants of some sources, each run by the tests that reach its line.

    python benchmarks/mutants.py src/workstream/evidence src/workstream/plugin --count 200

First all unit tests run once, to learn which of them reaches which line and how long each takes. Then, from as many
clones of the last commit as there are processors, each mutant runs those tests, the quickest first, until one fails;
one that survives these also runs a test of every other function that reaches it, the longest first, and then all
others for which there is time. What every mutant came to is kept in a file of its own in the folder: called again, it
goes on where it was stopped.

A mutant is killed if a test fails, or if the tests do not end in the time that they take four times over. The
others survived those tests that reach them and fit into the seconds that a mutant may take, or are reached by none:
those are listed in the end, for people to look at.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coverage.numbits import numbits_to_nums

from workstream import errors, limits, processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
SEED, COUNT = 8, 200
QUICK, LONG = 40.0, 240.0  # seconds of tests for each
_OF_ONE_FUNCTION = 3  # tests that differ in their parameters: what these do not notice, the others seldom do
_ALL_TESTS = 4 * 3600.0  # seconds that all of them may take
_STARTUP = 60.0  # seconds that pytest takes at the most beside its tests

_COMPARISONS = {ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"} | {
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
_OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.BitOr: "&", ast.BitAnd: "|"}
_COMPARISON = re.compile(r"not\s+in|is\s+not|==|!=|<=|>=|<|>|\bin\b|\bis\b")
_OPERATOR = re.compile(r"[-+*/|&]")

# A plugin of pytest: tells coverage which test runs, and writes how long each took.
_LEARNS = """
import json, os, coverage, pytest

def switch(to):
    running = coverage.Coverage.current()
    if running is not None:
        running.switch_context(to)

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    os.environ["MUTANTS_TEST"] = item.nodeid  # for the processes that it starts
    switch(item.nodeid)
    try:
        return (yield)
    finally:
        del os.environ["MUTANTS_TEST"]
        switch("")

def pytest_runtest_logreport(report):
    if hasattr(report, "node"):  # once, where pytest-xdist collects them
        with open(os.environ["MUTANTS_TIMES"], "a", encoding="utf-8") as file:
            file.write(json.dumps([report.nodeid, report.duration, report.passed]) + "\\n")
"""
_COVERAGE = """[run]
source_pkgs = workstream
parallel = true
patch = _exit
data_file = {folder}/coverage/data
context = ${{MUTANTS_TEST-}}
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A small fault.

    Attributes:
        path: the file, from the root of the repository.
        line: its line.
        start: the first byte that it changes.
        end: the byte behind the last.
        new: what takes their place.
        kind: what is done, in a word or two.

    """

    path: str
    line: int
    start: int
    end: int
    new: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What a mutant came to.

    Attributes:
        mutant: the mutant.
        result: `killed`, `survived` or `unreached`.
        reached_by: how many tests reach its line.
        ran: how many of these were to run.
        seconds: how long that took.
        said: the end of what pytest printed.

    """

    mutant: Mutant
    result: str
    reached_by: int
    ran: int
    seconds: float = 0.0
    said: str = ""


class Source:
    """A file, and the faults that can be made in it.

    Args:
        path: the file.
        name: its path from the root of the repository.

    """

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._content = path.read_bytes()
        self._starts = [0]
        for line in self._content.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._tree = ast.parse(self._content)

    def mutants(self) -> list[Mutant]:
        """Return every fault that leaves a program of Python, by its place."""
        passed_over = {id(node) for root in _uninteresting(self._tree) for node in ast.walk(root)}
        nodes = (node for node in ast.walk(self._tree) if id(node) not in passed_over)
        return sorted((one for node in nodes for one in self._of(node) if self._compiles(one)), key=_place)

    def _compiles(self, mutant: Mutant) -> bool:
        try:
            compile(mutated(self._content, mutant), self._name, "exec")
        except SyntaxError:
            return False
        return True

    def _of(self, node: ast.AST) -> Iterator[Mutant]:
        yield from self._of_statement(node)
        yield from self._of_expression(node)
        tests = [node.test] if isinstance(node, ast.If | ast.While | ast.IfExp) else getattr(node, "ifs", [])
        for test in tests:
            if not isinstance(test, ast.UnaryOp):
                yield self._instead(test, f"(not ({self._text(test)}))", "condition")

    def _of_statement(self, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            yield self._instead(node, "return None", "no result")
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
            yield self._instead(node, "pass", "no call")
        elif isinstance(node, ast.Raise):
            yield self._instead(node, "pass", "no error")
        elif isinstance(node, ast.Break | ast.Continue):
            yield self._instead(node, "continue" if isinstance(node, ast.Break) else "break", "loop")

    def _of_expression(self, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            new = _COMPARISONS[type(node.ops[0])]
            yield from self._between(node.left, node.comparators[0], _COMPARISON, new, "comparison")
        elif isinstance(node, ast.BoolOp):
            new = "or" if isinstance(node.op, ast.And) else "and"
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield from self._between(left, right, re.compile(r"\b(and|or)\b"), new, "boolean")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield self._instead(node, f"({self._text(node.operand)})", "no not")
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            new = str(not node.value) if isinstance(node.value, bool) else repr(node.value + 1)
            yield self._instead(node, new, "constant")
        elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            yield from self._between(node.left, node.right, _OPERATOR, _OPERATORS[type(node.op)], "operator")

    def _at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column

    def _span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        last, column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._at(node.lineno, node.col_offset), self._at(last, column)

    def _text(self, node: ast.expr) -> str:
        return self._content[slice(*self._span(node))].decode()

    def _instead(self, node: ast.stmt | ast.expr, new: str, kind: str) -> Mutant:
        return Mutant(self._name, node.lineno, *self._span(node), new, kind)

    def _between(
        self, left: ast.expr, right: ast.expr, pattern: re.Pattern[str], new: str, kind: str
    ) -> Iterator[Mutant]:
        begin, end = self._span(left)[1], self._span(right)[0]
        found = pattern.search(self._content[begin:end].decode())
        if found:
            yield Mutant(self._name, left.lineno, begin + found.start(), begin + found.end(), new, kind)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _place(mutant: Mutant) -> tuple[int, int, str]:
    return mutant.start, mutant.end, mutant.new


def _uninteresting(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what no test can notice: annotations, decorators, arguments of classes, what only type checkers read."""
    for node in ast.walk(tree):
        yield from (one for name in ("annotation", "returns") if isinstance(one := getattr(node, name, None), ast.AST))
        yield from getattr(node, "decorator_list", [])
        if isinstance(node, ast.ClassDef):
            yield from node.keywords
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield node


def mutated(content: bytes, mutant: Mutant) -> bytes:
    """Return the content of a file with a fault."""
    return content[: mutant.start] + mutant.new.encode() + content[mutant.end :]


def sample(paths: Sequence[Path], root: Path, seed: int, count: int) -> list[Mutant]:
    """Return mutants of files, or of all files in folders, drawn by a seed."""
    found = {file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])}
    every = [one for file in sorted(found) for one in Source(file, str(file.relative_to(root))).mutants()]
    print(f"{len(every)} mutants in {len(found)} files, of which {min(count, len(every))} are tried (seed {seed})")
    return random.Random(seed).sample(every, min(count, len(every)))  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class Place:
    """A clone of the last commit, with an environment in which it is installed.

    Attributes:
        folder: where both stand.

    """

    folder: Path

    @property
    def clone(self) -> Path:
        """The clone."""
        return self.folder / "clone"

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return self.folder / "environment" / "bin" / "python"

    def prepare(self) -> None:
        """Make both, unless they are there; take out the fault of a run that was ended in the middle."""
        if self.python.is_file():
            _run("git", "-C", self.clone, "checkout", "--quiet", "--", ".")
            return
        _run("git", "clone", "--quiet", ROOT, self.clone)
        _run(sys.executable, "-m", "venv", self.folder / "environment")
        install: list[str | Path] = [self.python, "-m", "pip", "install", "--quiet"]
        _run(*install, "--requirement", self.clone / "requirements" / "development.txt")
        _run(*install, "--no-deps", "--no-build-isolation", "--editable", self.clone)

    def pytest(self, arguments: Sequence[str], limit: float | None, environment: Mapping[str, str]) -> tuple[bool, str]:
        """Run pytest; return whether all passed in time, and what it printed."""
        command = [
            str(self.python),
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={self.folder}/temporary",
        ]
        within = limits.Limit("a run of unit tests", limit or _ALL_TESTS)
        try:
            ended = processes.run(
                [*command, *arguments], limit=within, environment=environment, folder=self.clone, accept=range(256)
            )
        except (errors.ProgramTimeoutError, errors.ProgramFailedError) as error:  # by a signal
            return False, str(error)
        processes.require_not_cancelled()  # what was told to end may end with any exit code
        return ended.returncode == 0, ended.stdout + ended.stderr


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)  # noqa: S603 - an argument list, no shell


class Reach:
    """Which tests reach which lines, and how long each takes.

    Args:
        folder: where that is kept.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._seconds: dict[str, float] = {}

    def learn(self, place: Place) -> None:
        """Run all unit tests once, unless that was done."""
        data = self._folder / "coverage" / "data"
        if not data.is_file():
            shutil.rmtree(data.parent, ignore_errors=True)  # of a run that was ended in the middle
            (self._folder / "times.jsonl").unlink(missing_ok=True)
            data.parent.mkdir(parents=True)
            (self._folder / "learns.py").write_text(_LEARNS)
            rules = self._folder / "coverage.ini"
            rules.write_text(_COVERAGE.format(folder=self._folder))
            (library,) = place.folder.glob("environment/lib/python*/site-packages")
            hook = library / "mutants.pth"  # every process of a test that starts Python is measured
            hook.write_text("import os; os.environ.get('MUTANTS_TIMES') and __import__('coverage').process_startup()\n")
            print("all unit tests run once, to learn which lines each reaches", flush=True)
            environment = {
                "COVERAGE_PROCESS_START": str(rules),
                "MUTANTS_TIMES": str(self._folder / "times.jsonl"),
                "PYTHONPATH": str(self._folder),
            }
            try:
                _, said = place.pytest(["-n", "2", "-p", "learns", "--tb=no"], None, environment)
            finally:
                hook.unlink()
            print(said.strip().splitlines()[-1])
            _run(place.python, "-m", "coverage", "combine", "--quiet", f"--rcfile={rules}", data.parent)
        passed: dict[str, bool] = {}
        for line in (self._folder / "times.jsonl").read_text(encoding="utf-8").splitlines():
            test, seconds, good = json.loads(line)
            self._seconds[test] = self._seconds.get(test, 0.0) + seconds
            passed[test] = passed.get(test, True) and good
        self._seconds = {test: seconds for test, seconds in self._seconds.items() if passed[test] and "\n" not in test}

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that reach a mutant's line and pass without it, the quickest first."""
        query = (
            "select context.context, line_bits.numbits from line_bits join context on context.id = context_id "
            "join file on file.id = file_id where file.path like ?"
        )
        with self._lock, sqlite3.connect(self._folder / "coverage" / "data") as data:
            rows = data.execute(query, (f"%/{mutant.path}",)).fetchall()
        named = {part for context, bits in rows if mutant.line in numbits_to_nums(bits) for part in context.split("|")}
        return sorted(named & self._seconds.keys(), key=self._seconds.__getitem__)

    def chosen(self, tests: Sequence[str], quick: float, long: float) -> Iterator[tuple[list[str], float]]:
        """Yield which of these are to run, the quickest first, and how long they take; then what else there is.

        Args:
            tests: tests, the quickest first.
            quick: how many seconds the first may take together, a few of each function.
            long: how many seconds the others may take: one of each function that has none among the first, then any.

        """
        first, functions = list[str](), Counter[str]()
        left = quick
        for test in tests:
            function = test.partition("[")[0]
            if functions[function] < _OF_ONE_FUNCTION and self._seconds[test] <= left:
                functions[function] += 1
                left -= self._seconds[test]
                first.append(test)
        yield first, quick - left
        others, left = list[str](), long
        for test, any_of_function in [*((one, False) for one in reversed(tests)), *((one, True) for one in tests)]:
            function = test.partition("[")[0]
            known = test in first or test in others if any_of_function else functions[function] > 0
            if not known and self._seconds[test] <= left:
                functions[function] += 1
                left -= self._seconds[test]
                others.append(test)
        yield others, long - left


def tried(mutant: Mutant, place: Place, reach: Reach, quick: float, long: float) -> Tried:
    """Run the tests that reach a mutant on it."""
    tests = reach.tests(mutant)
    result, ran, said = "unreached", 0, ""
    arguments = place.folder / "tests"
    file = place.clone / mutant.path
    content, times = file.read_bytes(), file.stat()
    began = time.monotonic()
    try:
        file.write_bytes(mutated(content, mutant))
        for chosen, seconds in reach.chosen(tests, quick, long):
            if chosen and result != "killed":
                arguments.write_text("\n".join(chosen))
                ran += len(chosen)
                # Nothing is compiled into a file: Python would take it for the original's, which has the same time.
                good, said = place.pytest(
                    ["-x", "--tb=line", f"@{arguments}"], _STARTUP + 4 * seconds, {"PYTHONDONTWRITEBYTECODE": "1"}
                )
                result = "survived" if good else "killed"
    finally:
        file.write_bytes(content)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    return Tried(mutant, result, len(tests), ran, round(time.monotonic() - began, 1), said[-600:])


def try_all(mutants: Sequence[Mutant], places: Sequence[Place], folder: Path, quick: float, long: float) -> None:
    """Try mutants side by side, and keep what each came to; those that were tried before are passed over."""
    reach = Reach(folder)
    reach.learn(places[0])
    waiting, lock = iter(enumerate(mutants)), threading.Lock()

    def work(place: Place) -> None:
        while True:
            with lock:
                number, mutant = next(waiting, (0, None))
            if mutant is None:
                return
            kept = folder / "results" / f"{number:04}.json"
            if not kept.exists():
                try:
                    one = tried(mutant, place, reach, quick, long)
                except errors.CancelledError:
                    return
                kept.write_text(json.dumps(asdict(one), indent=1))
                print(
                    f"{number:4} {one.result:9} {one.seconds:5.1f} s  {mutant.path}:{mutant.line} {mutant.kind}",
                    flush=True,
                )

    threads = [threading.Thread(target=work, args=[place], daemon=True) for place in places]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        processes.cancel()  # whatever runs: what it would have come to, nobody knows
        for thread in threads:
            thread.join()
        raise


def main() -> None:
    """Try the mutants, and print what they came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="files and folders of this repository")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--count", type=int, default=COUNT, help=f"how many are tried (default: {COUNT})")
    parser.add_argument(
        "--seconds",
        nargs=2,
        type=float,
        default=(QUICK, LONG),
        metavar=("QUICK", "LONG"),
        help=f"of tests for each, and of others for each that survives these (default: {QUICK:g} {LONG:g})",
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mutants", help="what is kept, and resumed")
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    (folder / "results").mkdir(parents=True, exist_ok=True)
    places = [Place(folder / f"place-{number}") for number in range(os.cpu_count() or 1)]
    for place in places:
        place.prepare()
    clone = places[0].clone
    paths = [clone / path.absolute().relative_to(ROOT) for path in options.paths]
    try_all(sample(paths, clone, options.seed, options.count), places, folder, *options.seconds)
    results = [json.loads(path.read_text()) for path in sorted((folder / "results").glob("*.json"))]
    for one in results:
        if one["result"] != "killed":
            mutant = one["mutant"]
            print(f"{one['result']}: {mutant['path']}:{mutant['line']} {mutant['kind']}: {mutant['new']}")
    counts = Counter(one["result"] for one in results)
    print(
        f"{counts['killed']} of {len(results)} killed, {counts['survived']} survived, {counts['unreached']} unreached"
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped: what was tried is kept, and the same command goes on")
