"""The programs that harm runs and make states: what they look at, and that they can fail."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from workstream.cluster import cache

if TYPE_CHECKING:
    from types import ModuleType

    from tests.unit.conftest import Story

FOLDER = Path(__file__).parents[2] / "benchmarks"


def program(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a program as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:  # noqa: ANN401 - a module
    """Give the program that harms runs, with a cache of its own."""
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return program("chaos", monkeypatch)


def test_what_is_left_is_found(chaos: Any, tmp_path: Path) -> None:  # noqa: ANN401 - a module
    """A process, a temporary folder, a lock, a container's data: each is named; what was there before is not."""
    work = tmp_path / "work"
    (work / "tmp" / "before").mkdir(parents=True)
    before = chaos.held(work)
    # Of the machine only what is this test's: others run beside it.
    assert [thing for thing in chaos.left(before, chaos.held(work)) if str(tmp_path) in thing] == []
    (work / "tmp" / "workstream-exchange-x").mkdir()
    for name in ("locks/cluster-chaos", "engine-data/containers/abc"):
        (tmp_path / "cache" / name).mkdir(parents=True)
    command = [sys.executable, "-c", "import signal; signal.pause()", str(work)]
    with subprocess.Popen(command) as process:  # noqa: S603 - ours
        while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
            pass  # a program that has just been started has no command line yet
        found = chaos.left(before, chaos.held(work))
        process.kill()

    assert f"temporary folders: {work}/tmp/workstream-exchange-x" in found
    assert f"locks and clusters: {tmp_path}/cache/locks/cluster-chaos" in found
    assert "engine: containers: abc" in found
    assert any(thing.startswith(f"processes: {process.pid} ") for thing in found)
    assert not any(f"{work}/tmp/before" in thing for thing in found)


def test_the_seed_decides_what_is_done_and_when(chaos: Any) -> None:  # noqa: ANN401 - a module
    """A call that was stopped goes on where it was; another seed is another order."""
    kinds = {"kill": 20, "stop": 5, "disk": 5}
    assert chaos.drawn(kinds, "1") == chaos.drawn(kinds, "1")
    assert chaos.drawn(kinds, "1") != chaos.drawn(kinds, "2")
    assert sorted(chaos.drawn(kinds, "1")) == sorted(chaos.drawn(kinds, "2"))


def test_a_log_that_cannot_be_read_or_says_too_much_is_noticed(
    chaos: Any,  # noqa: ANN401 - a module
    story: type[Story],
    tmp_path: Path,
) -> None:
    """Proven without a test whose phases all ended well would be false; a log that was cut may say less."""
    suite = chaos.Suite(tmp_path)
    suite.write()
    assert chaos.judged(suite) == (True, True)
    told = story("What is installed runs")
    (tmp_path / "WS-900.md").write_bytes(told.document.content)
    told.proved("test_chaos.py::test_it_runs").write(suite.log)
    assert suite.state() == "proven"
    assert chaos.judged(suite) == (True, True)

    lines = suite.log.read_text().splitlines(keepends=True)
    executions = [line for line in lines if '"record":"execution"' in line]
    assert len(executions) == 1
    suite.log.write_text("".join(line for line in lines if line not in executions))
    assert chaos.judged(suite)[0]
    suite.log.write_text(lines[0] + "no line\n" + "".join(lines[1:]))
    assert chaos.judged(suite) == (False, False)


def test_every_state_is_a_chart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each has objects, and a name of its own; what they name is written whole."""
    states = program("states", monkeypatch)
    names = [state.name for state in states.STATES]
    assert len(set(names)) == len(names)
    for number, state in enumerate(states.STATES):
        states.write(tmp_path / str(number), state.objects, "some/image:1")
        text = (tmp_path / str(number) / "templates" / "all.yaml").read_text()
        assert "IMAGE" not in text
        assert "name: w" in text


def test_mutants_are_small_faults_of_code_that_tests_can_notice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each is made once, and leaves a program; annotations and decorators stay as they are."""
    mutants = program("mutants", monkeypatch)
    path = tmp_path / "source.py"
    path.write_text(
        "@decorated(1)\n"
        "def answer(number: int | None, *others: int) -> int | None:\n"
        "    if not others:\n"
        "        raise ValueError\n"
        "    seen(number)\n"
        "    if number == 7:\n"
        "        return None\n"
        "    return number + 1 if number in others and number > 0 else None\n"
    )
    found = mutants.Source(path, "source.py").mutants()
    lines = [mutants.mutated(path.read_bytes(), one).decode().splitlines()[one.line - 1].strip() for one in found]
    assert lines == [
        "if (others):",
        "pass",
        "pass",
        "if (not (number == 7)):",
        "if number != 7:",
        "if number == 8:",
        "return None",
        "return number - 1 if number in others and number > 0 else None",
        "return number + 2 if number in others and number > 0 else None",
        "return number + 1 if (not (number in others and number > 0)) else None",
        "return number + 1 if number not in others and number > 0 else None",
        "return number + 1 if number in others or number > 0 else None",
        "return number + 1 if number in others and number >= 0 else None",
        "return number + 1 if number in others and number > 1 else None",
    ]


def test_a_mutant_that_survives_the_quick_tests_meets_one_of_every_other_function(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """First the quickest, a few of each function; then one of each other, the longest first; then any."""
    mutants = program("mutants", monkeypatch)
    took = {"t.py::a": 1, "t.py::b[1]": 1, "t.py::b[2]": 1, "t.py::b[3]": 1, "t.py::b[4]": 1} | {
        "t.py::c[1]": 20,
        "t.py::c[2]": 21,
        "t.py::d": 30,
        "t.py::e": 300,
    }
    (tmp_path / "coverage").mkdir()
    (tmp_path / "coverage" / "data").touch()
    (tmp_path / "times.jsonl").write_text("".join(f"{json.dumps([test, took[test], True])}\n" for test in took))
    reach = mutants.Reach(tmp_path)
    reach.learn(mutants.Place(tmp_path))

    assert list(reach.chosen(list(took), 10, 60)) == [
        (["t.py::a", "t.py::b[1]", "t.py::b[2]", "t.py::b[3]"], 4),
        (["t.py::d", "t.py::c[2]", "t.py::b[4]"], 52),
    ]


def test_two_commits_take_turns_and_no_run_is_done_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who was first in a pair is second in the next; a call that was stopped goes on where it was."""
    speed = program("speed", monkeypatch)
    done: list[tuple[str, str]] = []

    def run(side: Any, case: str) -> float:  # noqa: ANN401 - a class of the program
        done.append((side.name, case))
        return 2.0 if side.name == "before" else 1.0

    monkeypatch.setattr(speed.Side, "run", run)
    monkeypatch.setattr(speed.Side, "leave", lambda *_: None)
    sides = [speed.Side(name, "HEAD", tmp_path / name, tmp_path) for name in ("before", "after")]
    times = speed.Times(tmp_path / "times.jsonl")
    times.keep("warm", "before", 2.5)
    speed.measure("warm", sides, 2, times)

    assert done == [("after", "warm"), ("after", "warm"), ("before", "warm")]
    assert times.of("warm", "before") == [2.5, 2.0]
    assert times.of("warm", "after") == [1.0, 1.0]


def test_a_pull_request_is_measured_on_the_second_commit_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what all controls showed accepted, once; its change is one line."""
    speed = program("speed", monkeypatch)
    side = speed.Side("after", "HEAD", tmp_path / "after", tmp_path)
    for path, _ in speed.PULL_REQUESTS.values():
        (side.clone / path).parent.mkdir(parents=True)
        (side.clone / path).write_text("before\n")
    (side.clone / "tests" / "controls" / "one").mkdir(parents=True)
    said: list[tuple[str, ...]] = []

    def accept(side: Any, *arguments: str) -> None:  # noqa: ANN401 - a class of the program
        said.append(arguments)
        (side.clone / "checklists" / "controls").mkdir(parents=True)
        (side.clone / "checklists" / "controls" / "one.json").touch()

    def nox(_: object, *arguments: str) -> float:
        said.append(arguments[-2:])
        return 1.0

    monkeypatch.setattr(speed.Side, "workstream", accept)
    monkeypatch.setattr(speed.Side, "nox", nox)
    monkeypatch.setattr(speed.Side, "leave", lambda *_: None)
    before = speed.Side("before", "HEAD", tmp_path / "before", tmp_path)
    times = speed.Times(tmp_path / "times.jsonl")
    for case in speed.PULL_REQUESTS:
        speed.measure(case, [before, side], 1, times)

    assert said == [("accept", speed.DOCUMENT, "--controls"), *[("--mixed", "--incremental")] * 2]
    for path, line in speed.PULL_REQUESTS.values():
        assert (side.clone / path).read_text() == f"before\n{line}"


def matrix(*, harmless: str = "", hidden: str = "") -> dict[str, Any]:
    """Return what two controls showed, each of a criterion; one may be harmless, and one hidden in the other's row."""
    row = {"left": ("failed", "proven"), "right": ("proven", "failed")}
    states = {name: ("proven", "proven") if name == harmless else seen for name, seen in row.items()}
    return {
        "whole": [{"AC1": "proven", "AC2": "proven"}] * 2,
        "controls": [
            {
                "name": name,
                "agrees": name != harmless,
                "hidden": ["AC2"] if name == hidden else [],
                "seen": {"AC1": {"state": seen[0]}, "AC2": {"state": "failed" if name == hidden else seen[1]}},
            }
            for name, seen in states.items()
        ],
    }


def less(found: dict[str, Any]) -> dict[str, Any]:
    """Return it without its last control."""
    return {**found, "controls": found["controls"][:-1]}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (matrix(), []),
        (matrix(hidden="left"), []),
        (
            matrix(harmless="right"),
            ["right, AC2: failed, and here proven", "right: as it must be is True, and here False"],
        ),
        (less(matrix()), ["right, AC1: proven, and here missing", "right, AC2: failed, and here missing"]),
        (
            {**matrix(), "whole": [{"AC1": "proven", "AC2": "proven"}]},
            [f"the whole product, after, {place}: proven, and here missing" for place in ("AC1", "AC2")],
        ),
    ],
    ids=["same", "hidden", "harmless", "missing", "not seen again"],
)
def test_matrices_are_compared_cell_by_cell(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    other: dict[str, Any],
    said: list[str],
) -> None:
    """A cell that differs or is missing is named; one that a session does not know is none that differs."""
    paths = [tmp_path / "apart.json", tmp_path / "other.json"]
    for path, found in zip(paths, (matrix(), other), strict=True):
        path.write_text(json.dumps(found))
    monkeypatch.setattr(sys, "argv", ["matrices.py", *map(str, paths)])

    assert program("matrices", monkeypatch).main() == (1 if said else 0)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()[1:]] == said


def test_controls_run_in_every_way_on_every_change_and_what_differs_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every change is one that can be made; a session that fails and leaves a matrix counts; none is run twice."""
    monkeypatch.syspath_prepend(str(FOLDER))
    ways = program("ways", monkeypatch)
    clone = tmp_path / "product" / "clone"
    (clone / ways.ACCEPTED.parent).mkdir(parents=True)
    done: list[tuple[str, ...]] = []
    chosen = {"silent", "security-context"}

    def restore(_: object) -> None:
        for path in (*ways.CONTROLS.glob("*"), *(path for path, *_ in ways.CHANGES.values())):
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            (clone / path).write_bytes((FOLDER.parent / path).read_bytes())

    def nox(_: object, *arguments: str, leaves: Path) -> None:
        done.append(arguments[3:])
        there = {path.stem for path in (clone / ways.CONTROLS).iterdir()}
        assert there == (chosen if len(done) > 3 else {path.stem for path in ways.CONTROLS.iterdir()})
        leaves.parent.mkdir(parents=True, exist_ok=True)
        leaves.write_text(json.dumps(matrix(harmless="right" if len(done) == 6 else "")))
        assert (clone / ways.ACCEPTED).exists() == (len(done) > 1)

    def accept(*_: object) -> None:
        (clone / ways.ACCEPTED).write_text("accepted")

    monkeypatch.chdir(FOLDER.parent)
    monkeypatch.setattr(ways.Side, "prepare", lambda _: None)
    monkeypatch.setattr(ways.Side, "restore", restore)
    monkeypatch.setattr(ways.Side, "nox", nox)
    monkeypatch.setattr(ways.Side, "workstream", accept)
    controls = [part for name in sorted(chosen) for part in ("--control", name)]
    monkeypatch.setattr(sys, "argv", ["ways.py", "--folder", str(tmp_path), *controls])

    assert ways.main() == 1
    mixed, apart, taken = ("--mixed",), (), ("--mixed", "--incremental")
    assert done == [mixed, apart, taken, *[apart, mixed, taken] * 3]
    said = capsys.readouterr().out
    assert "control, taken: of 8 cells 8 are known, 2 differ\n  right, AC2: failed, and here proven\n" in said
    assert said.count(" 0 differ\n") == 7
    assert ways.main() == 1
    assert len(done) == 12
