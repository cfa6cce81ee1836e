"""Sessions that break the product on purpose."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from workstream import errors, evidence, limits, processes
from workstream.cluster import programs
from workstream.evidence import accepted_controls
from workstream.evidence.records import Result
from workstream.world import World

if TYPE_CHECKING:
    from tests.unit.conftest import Run
    from tests.unit.plugin.conftest import Suite

# A helm that says what values it got, last; a product of two parts, each of which works unless told otherwise.
HELM = """#!/usr/bin/env python3
import sys
print(*[open(file).read() for option, file in zip(sys.argv, sys.argv[1:]) if option == "--values"])
"""
PRODUCT = """
    import subprocess

    @pytest.fixture(scope="session")
    def product(cluster):
        return subprocess.run(["helm", "install"], stdout=subprocess.PIPE, text=True, check=True).stdout

    def test(product, evidence):
        evidence.record("values", product)
        assert '"PART": "broken"' not in product, "PART is broken"
"""


def control(part: str, *turns_red: str) -> dict[str, Any]:
    """Return a control that breaks one part."""
    return {"sentence": f"{part} is broken.", "turns_red": turns_red, "values": {part: "broken"}}


class Controlled:
    """A suite of two criteria, and controls.

    Args:
        suite: the suite.

    """

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        suite.write({"one": PRODUCT.replace("PART", "left"), "two": PRODUCT.replace("PART", "right")})
        helm = suite.path / "helm"
        helm.write_text(HELM)
        helm.chmod(0o755)
        self.folder = suite.path / "controls"
        self.folder.mkdir()
        self.results = suite.path / "build" / "controls" / suite.ID

    def run(self, *arguments: str, path: str = "controls", **controls: dict[str, Any]) -> pytest.RunResult:
        """Run the suite against controls."""
        for name, plain in controls.items():
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(plain))))
        return self.suite.run(f"--workstream-controls={path}", "--tb=no", *arguments)

    def commit(self, *paths: str) -> None:
        """Commit files or folders of the suite, or nothing, to a repository that is made for it."""
        who = ("-c", "user.name=test", "-c", "user.email=test")
        for command in (["init", "--quiet"], ["add", *paths], ["commit", "--quiet", "--allow-empty", "-m", "kept"]):
            processes.run(["git", "-C", self.suite.path, *who, *command], limit=limits.QUERY)

    def matrix(self) -> dict[str, Any]:
        """Return what the session left for programs."""
        plain: dict[str, Any] = json.loads((self.results / "controls.json").read_text())
        return plain


@pytest.fixture
def controlled(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Controlled:
    """A suite that is run against controls; the helm on PATH is its own."""
    monkeypatch.setenv("PATH", f"{suite.path}:/usr/bin:/bin")
    tool = programs.Tool("helm", suite.path / "helm", "4.0.5", built=False)  # as the suite's world has it
    monkeypatch.setattr(programs, "present", lambda: {"helm": tool})
    return Controlled(suite)


def test_a_suite_that_notices_every_control_is_green(controlled: Controlled) -> None:
    """Each control turns red what it says and nothing else, and what it turned red comes back."""
    result = controlled.run(left=control("left", "AC1"), right=control("right", "AC2"))

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "*AC1 *AC2*",
            "left * F * . *",
            "right * . * F *",
            "2 of 2 controls turned exactly those criteria red that they must.",
        ]
    )
    told = (controlled.results / "run.log").read_text()
    assert "1 of 4: the product as it is\n" in told
    assert "2 of 4: left: left is broken.\n" in told
    found = controlled.matrix()
    assert found["agrees"]
    assert found["problems"] == []
    assert [one["seen"]["AC1"]["state"] for one in found["controls"]] == ["failed", "proven"]
    assert "| left | F | . |" in (controlled.results / "controls.md").read_text()
    assert not (controlled.results / "checklist.md").exists()


@pytest.mark.parametrize(("words", "agrees"), [("left is broken", True), ("the disk is\n  full", False)])
def test_a_control_turns_red_for_the_reason_that_it_names(controlled: Controlled, words: str, *, agrees: bool) -> None:
    """A criterion that fails with other words than the control names has not noticed what is broken."""
    left = {**control("left", "AC1"), "says": {"AC1": words}}
    result = controlled.run(left=left, right=control("right", "AC2"))

    assert (result.ret == pytest.ExitCode.OK) is agrees
    unsaid = [one for one in controlled.matrix()["problems"] if "no test of it said" in one]
    assert len(unsaid) == (0 if agrees else 1)
    assert all(one.startswith(f"left: AC1 turned red, but no test of it said {words!r}: ") for one in unsaid)


def named(part: str, place: str, **more: object) -> dict[str, Any]:
    """Return a control that breaks one part, and names the words with which its criterion fails."""
    return {**control(part, place), "says": {place: f"{part} is broken"}, **more}


def rounds_of(controlled: Controlled) -> list[tuple[int, str]]:
    """Return the rounds of the session: their numbers, and what the product was broken with."""
    return [(one.number, one.control) for one in evidence.read(controlled.results / "evidence.jsonl").rounds]


def test_controls_that_can_be_told_apart_share_a_round(controlled: Controlled) -> None:
    """Each is seen to turn its own criterion red; what it does to the other's nobody saw, and that is said."""
    result = controlled.run("--workstream-mixed", left=named("left", "AC1"), right=named("right", "AC2"))

    assert result.ret == pytest.ExitCode.OK
    assert rounds_of(controlled) == [(1, ""), (2, "left"), (2, "right"), (3, "")]
    result.stdout.fnmatch_lines(
        [
            "left * F * - *",
            "right * - * F *",
            "A dash: *",
            "2 of 2 controls turned exactly those criteria red that they must.",
        ]
    )
    found = controlled.matrix()
    assert found["agrees"]
    assert found["untested"] == found["problems"] == []
    assert [(one["beside"], one["hidden"]) for one in found["controls"]] == [(["right"], ["AC2"]), (["left"], ["AC1"])]
    assert "It shared its round with right." in (controlled.results / "controls.md").read_text()
    assert "It shared its round with right." in (controlled.results / "report.html").read_text()


@pytest.mark.parametrize(
    "more",
    [
        {"says": {}},
        {"turns_red": ["AC1", "AC2"], "says": {"AC1": "right is broken", "AC2": "right is broken"}},
        {"values": {"left": "broken"}},
    ],
    ids=["no words", "the same criterion", "the same value"],
)
def test_controls_that_cannot_be_told_apart_share_no_round(controlled: Controlled, more: dict[str, Any]) -> None:
    """That is known before anything runs."""
    controlled.run("--workstream-mixed", left=named("left", "AC1"), right=named("right", "AC2", **more))

    assert rounds_of(controlled) == [(1, ""), (2, "left"), (3, "right"), (4, "")]


@pytest.mark.parametrize(
    ("right", "problem"),
    [
        ({"values": {"elsewhere": "broken"}}, "right: AC2 did not notice this control"),
        ({"says": {"AC2": "the disk is full"}}, "right: AC2 turned red, but no test of it said 'the disk is full'"),
        ({"values": {"right": "broken", "third": "broken"}}, "right: AC3 was to stay proven, and is failed"),
    ],
    ids=["harmless", "wrong words", "turns more red"],
)
def test_controls_whose_round_is_not_as_it_must_be_run_apart(
    controlled: Controlled, right: dict[str, Any], problem: str
) -> None:
    """Then each says for itself what is not as it must be; of both that was not known."""
    parts = {"one": "left", "two": "right", "three": "third"}
    controlled.suite.write({text: PRODUCT.replace("PART", part) for text, part in parts.items()})
    third = {**control("third", "AC3"), "values": {"third": "broken", "more": 1}}
    result = controlled.run(
        "--workstream-mixed", left=named("left", "AC1"), right=named("right", "AC2", **right), third=third
    )

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert rounds_of(controlled) == [
        (1, ""),
        (2, "left"),
        (2, "right"),
        (3, "left"),
        (4, "right"),
        (5, "third"),
        (6, ""),
    ]
    found = controlled.matrix()
    assert [one["name"] for one in found["controls"]] == ["left", "right", "third"]
    assert [one["agrees"] for one in found["controls"]] == [True, False, True]
    assert found["problems"][0].startswith(problem)
    assert [one["hidden"] for one in found["controls"]] == [[], [], []]


def skipped(controlled: Controlled) -> list[tuple[int, str]]:
    """Return what was not run on a broken product: the rounds, and the tests."""
    outcomes = evidence.read(controlled.results / "evidence.jsonl").outcomes
    return [(one.round, one.test) for one in outcomes if one.result is Result.SKIPPED]


def test_a_criterion_that_was_seen_to_fail_is_asked_no_more(controlled: Controlled) -> None:
    """What else speaks of it does not run on this product, if it was seen to fail on another one before."""
    controlled.suite.add("test_02.py", "one", PRODUCT.replace("PART", "left"))
    first = named("left", "AC1")
    result = controlled.run(a=first, b={**first, "values": {"left": "broken", "more": 1}}, c=control("right", "AC2"))

    assert result.ret == pytest.ExitCode.OK
    assert skipped(controlled) == [(3, "test_02.py::test")]
    result.stdout.fnmatch_lines(["b * F * . *", "3 of 3 controls turned exactly those criteria red that they must."])


def test_a_criterion_that_was_blocked_is_asked_no_more(controlled: Controlled) -> None:
    """What a product that does not come up turned red is red; a test that would wait for it does not run, either."""
    up = PRODUCT.replace("return ", "said = ").replace(
        ".stdout\n", '.stdout\n        assert "gone" not in said\n        return said\n'
    )
    controlled.suite.add("test_00.py", "one", up.replace("PART", "left"))
    controlled.suite.add("test_02.py", "one", PRODUCT.replace("PART", "left"))
    gone = {**control("left", "AC1"), "values": {"left": "gone"}}
    result = controlled.run(a=control("left", "AC1"), b=gone, c=control("right", "AC2"))

    assert result.ret == pytest.ExitCode.OK
    assert skipped(controlled) == [(3, "test_02.py::test")]
    result.stdout.fnmatch_lines(["b * B * . *", "3 of 3 controls turned exactly those criteria red that they must."])


def test_controls_that_turn_little_red_come_first(controlled: Controlled) -> None:
    """What they made fail needs not fail again where much does."""
    both = {**control("left", "AC1", "AC2"), "values": {"left": "broken", "right": "broken"}}
    result = controlled.run(a=both, b=control("left", "AC1"), c=control("right", "AC2"))

    assert result.ret == pytest.ExitCode.OK
    assert rounds_of(controlled) == [(1, ""), (2, "b"), (3, "c"), (4, "a"), (5, "")]


LEFT = {"values": {"left": "broken"}}
ONE = {**LEFT, "turns_red": ["AC1"]}
BOTH = {"values": {"left": "broken", "right": "broken"}}
FULL = {"says": {"AC1": "the disk is full"}}


@pytest.mark.parametrize(
    ("also", "a", "b"),
    [
        ("two", ONE, BOTH),
        ("two", BOTH, LEFT),
        ("one", ONE, {**ONE, **FULL}),
    ],
    ids=["it was not seen to fail for both", "one has not failed here yet", "in other words"],
)
def test_what_is_not_known_yet_is_asked(
    controlled: Controlled, also: str, a: dict[str, Any], b: dict[str, Any]
) -> None:
    """A test runs unless all that it speaks of failed here, in the words that are named, and it did so before."""
    mark = f"@pytest.mark.criterion({controlled.suite.ID!r}, {also!r})\n    def test("
    controlled.suite.add("test_02.py", "one", PRODUCT.replace("PART", "left").replace("def test(", mark))
    both = control("left", "AC1", "AC2")
    controlled.run(a={**both, **a}, b={**both, **b})

    assert skipped(controlled) == []


def test_a_test_that_was_seen_to_fail_only_in_a_round_that_does_not_count_runs_again(controlled: Controlled) -> None:
    """Controls that could not be told apart are asked anew, all of their tests with them."""
    controlled.suite.add("test_02.py", "one", PRODUCT.replace("PART", "left"))
    right = named("right", "AC2", says={"AC2": "the disk is full"})
    controlled.run("--workstream-mixed", left=named("left", "AC1"), right=right)

    assert skipped(controlled) == []
    assert controlled.matrix()["untested"] == []


def test_a_mixed_session_without_controls_is_refused(suite: Suite) -> None:
    """There is nothing to mix."""
    suite.write({"one": suite.PROVING})

    assert suite.run("--workstream-mixed", own_process=True).ret == errors.UsageError.exit_code


def test_a_control_that_breaks_nothing_fails_the_session(controlled: Controlled) -> None:
    """The criterion that did not notice it is named, and that nothing else turns it red."""
    result = controlled.run(left=control("left", "AC1"), right=control("elsewhere", "AC2"))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert controlled.matrix()["problems"] == [
        "right: AC2 did not notice this control: it is proven on the broken product",
        "AC2: test is an untested test: no control makes it fail, so nobody knows whether it can",
    ]
    result.stdout.fnmatch_lines(["right: AC2 did not notice this control*", "AC2: test is an untested test*"])


def test_a_criterion_without_a_control_fails_the_session(controlled: Controlled) -> None:
    """Nobody knows whether its tests can fail."""
    result = controlled.run(left=control("left", "AC1"))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert controlled.matrix()["untested"] == [{"criterion": "AC2", "test": "test_01.py::test"}]


def test_a_test_that_is_only_blocked_is_untested(controlled: Controlled) -> None:
    """Where a product does not even come up, a test that asserts nothing would lose its proof as well."""
    blind = """
        import os

        @pytest.fixture
        def product(tools):
            assert "workstream-control-" not in os.environ["PATH"], "does not come up"

        def test(product, evidence):
            evidence.record("nothing", True)
        """
    controlled.suite.write({"one": PRODUCT.replace("PART", "left"), "two": blind})
    result = controlled.run(left=control("left", "AC1", "AC2"))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (row,) = controlled.matrix()["controls"]
    assert row["agrees"]
    assert row["seen"]["AC2"]["state"] == "blocked"
    assert controlled.matrix()["untested"] == [{"criterion": "AC2", "test": "test_01.py::test"}]


def test_one_test_of_two_that_never_fails_is_untested(controlled: Controlled) -> None:
    """A criterion that turns red because of one of its tests says nothing about the other."""
    controlled.suite.write({"one": PRODUCT.replace("PART", "left")})
    controlled.suite.add("test_01.py", "one", controlled.suite.PROVING)
    result = controlled.run(left=control("left", "AC1"))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert [one["test"] for one in controlled.matrix()["untested"]] == ["test_01.py::test"]


def test_what_is_not_run_has_not_noticed(controlled: Controlled) -> None:
    """A criterion that is not proven because nobody asked is no criterion that turned red."""
    result = controlled.run("-k", "test_00", left=control("left", "AC1"), right=control("right", "AC2"))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    problems = controlled.matrix()["problems"]
    assert "right: AC2 was to notice, and is not-run: test is to prove it, and was not run." in problems
    assert controlled.matrix()["untested"] == [{"criterion": "AC2", "test": "test_01.py::test"}]


def test_of_a_single_control_nobody_asks_for_the_others(controlled: Controlled) -> None:
    """One file is tried while it is written; whether every criterion has a control is asked of the folder."""
    result = controlled.run(path="controls/left.yaml", left=control("left", "AC1"))

    assert result.ret == pytest.ExitCode.OK
    assert controlled.matrix()["untested"] == []


def test_a_criterion_that_turns_red_though_it_must_not_fails_the_session(controlled: Controlled) -> None:
    """A control names all that it breaks."""
    both = {**control("left", "AC1"), "values": {"left": "broken", "right": "broken"}}
    result = controlled.run(both=both, right=control("right", "AC2"))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (problem,) = controlled.matrix()["problems"]
    assert problem.startswith("both: AC2 was to stay proven, and is failed: test: right is broken")


def test_a_product_that_does_not_become_whole_again_fails_the_session(controlled: Controlled) -> None:
    """What a control leaves behind is not taken for its effect."""
    keeping = (
        "        import pathlib\n"
        "        notes = pathlib.Path('notes')\n"
        "        product += notes.read_text() if notes.exists() else ''\n"
        "        notes.write_text(product)\n"
    )
    before, middle, after = PRODUCT.replace("PART", "left").partition("        evidence.record")
    lasting = f"{before}{keeping}{middle}{after}"
    controlled.suite.write({"one": lasting, "two": PRODUCT.replace("PART", "right")})
    result = controlled.run(aright=control("right", "AC2"), left=control("left", "AC1"))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    after, again = controlled.matrix()["problems"]
    assert after.startswith("AC1 is not proven on the whole product, after the controls: failed")
    assert again == "left: AC1 was not proven again in any later round"


def test_where_no_programs_come_up_the_tests_say_so(controlled: Controlled) -> None:
    """It is an error of the environment, with its own exit code, before any control."""
    with (controlled.suite.path / "conftest.py").open("a") as file:
        file.write(
            "\n\ndef tools(*_):\n    from workstream import errors\n    raise errors.EngineFailedError('no tools')\n"
        )
        file.write(
            "\n\n@contextlib.contextmanager\ndef cluster(_engine, tools, options):\n    tools['helm']\n    yield\n"
        )
    result = controlled.run(left=control("left", "AC1"))
    assert result.ret == errors.EngineFailedError.exit_code
    assert "no tools" in result.stdout.str()


def test_a_product_that_is_broken_anyway_fails_the_session(controlled: Controlled) -> None:
    """Before the first control every criterion is proven, or nothing that follows means anything."""
    (controlled.suite.path / "helm").write_text(HELM + """print('"left": "broken"')\n""")
    result = controlled.run(left=control("left", "AC1"), right=control("right", "AC2"))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert controlled.matrix()["problems"][0].startswith(
        "AC1 is not proven on the whole product, before the controls: failed"
    )


def test_a_session_that_is_cut_short_is_not_green(controlled: Controlled) -> None:
    """Controls that did not run are counted."""
    result = controlled.run("--exitfirst", left=control("left", "AC1"), right=control("right", "AC2"))

    assert result.ret != pytest.ExitCode.OK
    assert "2 controls did not run to their end" in controlled.matrix()["problems"]
    assert controlled.matrix()["controls"] == []


def test_evidence_of_controls_ticks_nothing(controlled: Controlled) -> None:
    """The log says in which rounds the product was broken, and with what."""
    controlled.run(left=control("left", "AC1"), right=control("right", "AC2"))
    log = evidence.read(controlled.results / "evidence.jsonl")

    assert log.has_controls
    assert [one.control for one in log.rounds] == ["", "left", "right", ""]
    assert log.rounds[1].turns_red == ("AC1",)


def test_a_control_that_says_what_a_criterion_says_follows_it(controlled: Controlled) -> None:
    """Another criterion above it moves it to another place, and changes nothing of the control."""
    controlled.suite.write({"new": PRODUCT.replace("PART", "right"), "one": PRODUCT.replace("PART", "left")})
    result = controlled.run(
        left={**control("left"), "turns_red": [{"AC1": "`one`"}]}, right={**control("right"), "turns_red": ["AC1"]}
    )

    assert result.ret == pytest.ExitCode.OK
    assert [one["expected_red"] for one in controlled.matrix()["controls"]] == [["AC2"], ["AC1"]]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("AC1", "is to turn AC1 red, which was 'before', and AC1 is 'one' now."),
        ("AC7", "is to turn AC7 red, which was 'before', and there is no AC7 any more."),
    ],
)
def test_a_control_whose_criterion_says_something_else_now_stops_the_session(
    controlled: Controlled, place: str, said: str
) -> None:
    """What it breaks may not be what the new text promises: a person has to look."""
    result = controlled.run(left={**control("left"), "turns_red": [{place: "before"}]})
    assert result.ret == errors.ControlError.exit_code
    assert said in result.stderr.str()
    assert not controlled.results.exists()


def test_a_control_that_names_a_place_is_held_to_what_was_accepted(controlled: Controlled, run: Run) -> None:
    """A place whose text changed since is an error; one that did not, and one that says its words, are none."""
    suite = controlled.suite
    suite.write({"before": suite.PROVING, "two": suite.PROVING})
    suite.run()
    assert run("accept", suite.document)[0] == 0
    suite.write({"one": PRODUCT.replace("PART", "left"), "two": PRODUCT.replace("PART", "right")})

    result = controlled.run(left=control("left", "AC1"), right=control("right", "AC2"))
    assert result.ret == errors.ControlError.exit_code
    assert "The control left is to turn AC1 red, which was 'before', and AC1 is 'one' now." in result.stderr.str()

    result = controlled.run(left={**control("left"), "turns_red": [{"AC1": "one"}]}, right=control("right", "AC2"))
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no mapping"),
        ("[1", "is no control"),
        ("sentence: x\nturns_red: [AC1]\n", "breaks nothing"),
        ("sentence: x\nturns_red: []\nvalues: {a: 1}\n", "turns nothing red"),
        ("sentence: x\nturns_red: [AC9]\nvalues: {a: 1}\n", "no such criterion"),
        ("sentence: x\nturns_red: [{AC1: one, AC2: two}]\nvalues: {a: 1}\n", "is no control"),
        ("sentence: x\nturns_red: [AC1: 1]\nvalues: {a: 1}\n", "is no control"),
        ("sentence: x\nturns_red: [AC1]\nvalues: {a: 1}\nvalue: {}\n", "Extra inputs are not permitted"),
        ("name: x\nsentence: x\nturns_red: [AC1]\nvalues: {a: 1}\n", "names itself"),
    ],
)
def test_what_is_no_control_is_refused(suite: Suite, text: str, said: str) -> None:
    """The error names the file and what was expected, before anything runs."""
    suite.write({"one": suite.PROVING})
    (suite.path / "bad.yaml").write_text(text)
    result = suite.run("--workstream-controls=bad.yaml", own_process=True)

    assert result.ret == 34
    assert "bad" in result.stderr.str() + result.stdout.str()
    assert said in result.stderr.str() + result.stdout.str()


def test_a_control_stays_apart_from_one_that_is_there(controlled: Controlled) -> None:
    """A name that no control has is an error: a mistyped one would be for nothing. One file is read alone."""
    left = {**control("left", "AC1"), "apart": ["write"]}
    result = controlled.run(left=left, right=control("right", "AC2"))

    assert result.ret == errors.ControlError.exit_code
    assert "The control left is to stay apart from write, which" in result.stderr.str()
    assert controlled.run(path="controls/left.yaml").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_where_there_is_no_control_that_is_said(suite: Suite, path: str) -> None:
    """A folder without controls is no folder of controls."""
    suite.write({"one": suite.PROVING})

    assert suite.run(f"--workstream-controls={path}", own_process=True).ret == 34


def test_controls_and_other_ways_to_run_several_times_exclude_each_other(suite: Suite) -> None:
    """That is said at once."""
    suite.write({"one": suite.PROVING})
    (suite.path / "one.yaml").write_text(yaml.safe_dump({**control("left"), "turns_red": ["AC1"]}))

    assert suite.run("--workstream-controls=one.yaml", "--workstream-repeat=2", own_process=True).ret == 64
    assert suite.run("--workstream-controls=one.yaml", "-n2", own_process=True).ret == 64


def accepted(controlled: Controlled, run: Run) -> dict[str, Any]:
    """Run two controls, and accept what they show; return the matrix."""
    result = controlled.run(left=named("left", "AC1"), right=named("right", "AC2"))
    assert result.ret == pytest.ExitCode.OK
    code, said, _ = run("accept", controlled.suite.document, "--controls")
    assert code == 0
    assert "2 of 2 controls turned exactly those criteria red that they must." in said
    return controlled.matrix()


def cells(matrix: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return the states of a matrix."""
    return {one["name"]: {place: seen["state"] for place, seen in one["seen"].items()} for one in matrix["controls"]}


def ran(controlled: Controlled) -> dict[int, set[str]]:
    """Return which tests ran in each round."""
    log = evidence.read(controlled.results / "evidence.jsonl")
    found: dict[int, set[str]] = {one.number: set() for one in log.rounds}
    for outcome in log.outcomes:
        found[outcome.round].add(outcome.test)
    return found


INCREMENTAL = ("--workstream-incremental",)
OWN_SETTING = """
def pytest_addoption(parser):
    parser.addini("spark_image", "The image.")
"""


def test_controls_are_taken_over_where_nothing_changed(controlled: Controlled, run: Run) -> None:
    """Nothing runs, and the matrix is the one that was accepted; it says of when that is."""
    before = accepted(controlled, run)
    result = controlled.run(*INCREMENTAL)

    assert result.ret == pytest.ExitCode.OK
    assert ran(controlled) == {1: set(), 2: set()}
    assert cells(controlled.matrix()) == cells(before)
    day = (
        before["controls"][0]["seen"]["AC1"] and evidence.read(controlled.results / "evidence.jsonl").taken[0].time[:10]
    )
    result.stdout.fnmatch_lines(
        [
            f"left*F*.*{day}",
            f"0 of 2 controls were run, 0 of these only with tests that changed; all else is taken over*{day}*",
            "2 of 2 controls turned exactly those criteria red that they must.",
        ]
    )


def test_where_no_round_runs_anything_no_cluster_is_begun(
    controlled: Controlled, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that wants one and speaks of no criterion runs in no round."""
    (controlled.suite.path / "test_alone.py").write_text("def test(cluster):\n    pass\n")
    accepted(controlled, run)
    begun: list[World] = []
    monkeypatch.setattr(World, "begin_cluster", begun.append)
    result = controlled.run(*INCREMENTAL)

    assert result.ret == pytest.ExitCode.OK
    assert begun == []


def test_what_a_commit_accepted_is_taken_over(controlled: Controlled, run: Run) -> None:
    """What a change accepts itself counts for nothing then."""
    before = accepted(controlled, run)
    controlled.commit("checklists")
    (controlled.suite.path / "checklists" / "controls" / f"{controlled.suite.ID}.json").write_text("{}")
    result = controlled.run(*INCREMENTAL, "--workstream-against", "HEAD")

    assert result.ret == pytest.ExitCode.OK
    assert ran(controlled) == {1: set(), 2: set()}
    assert cells(controlled.matrix()) == cells(before)


def test_where_a_commit_accepted_nothing_all_runs(controlled: Controlled, run: Run) -> None:
    """A document that a change brings has all its controls run, whatever the change accepts."""
    controlled.commit()
    accepted(controlled, run)
    result = controlled.run(*INCREMENTAL, "--workstream-against", "HEAD")

    assert result.ret == pytest.ExitCode.OK
    assert ran(controlled) == {number: {"test_00.py::test", "test_01.py::test"} for number in range(1, 5)}
    result.stdout.fnmatch_lines(["*In HEAD nothing was accepted of the controls of WS-900.*"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--workstream-against", "HEAD"), "*--workstream-against says whose controls are taken over, and none are.*"),
        ((*INCREMENTAL, "--workstream-against", "HEAD"), "*is in no git repository that has a commit HEAD.*"),
    ],
    ids=["not incremental", "no commit"],
)
def test_a_commit_that_cannot_be_taken_over_from_is_refused(
    controlled: Controlled, options: tuple[str, ...], said: str
) -> None:
    """With the exit code of options that are none."""
    result = controlled.run(*options, left=named("left", "AC1"))

    assert result.ret == errors.UsageError.exit_code
    result.stderr.fnmatch_lines([said])


def test_a_test_that_changed_runs_on_every_product_and_no_other_does(controlled: Controlled, run: Run) -> None:
    """The matrix is what a whole run gives."""
    before = accepted(controlled, run)
    path = controlled.suite.path / "test_00.py"
    path.write_text(path.read_text() + "# changed\n")
    result = controlled.run(*INCREMENTAL)

    assert result.ret == pytest.ExitCode.OK
    assert ran(controlled) == {number: {"test_00.py::test"} for number in range(1, 5)}
    assert cells(controlled.matrix()) == cells(before)
    result.stdout.fnmatch_lines(["Not all is taken over: test_00.py changed since.", "2 of 2 controls were run, 2 *"])
    assert run("accept", controlled.suite.document, "--controls")[0] == 0
    assert controlled.run(*INCREMENTAL).ret == pytest.ExitCode.OK
    assert ran(controlled) == {1: set(), 2: set()}


def test_a_test_that_changed_and_notices_nothing_any_more_is_found(controlled: Controlled, run: Run) -> None:
    """What is taken over hides no cell in which the changed test counts."""
    accepted(controlled, run)
    path = controlled.suite.path / "test_00.py"
    path.write_text(path.read_text().replace('"left": "broken"', "nothing"))
    result = controlled.run(*INCREMENTAL)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert cells(controlled.matrix()) == {
        "left": {"AC1": "proven", "AC2": "proven"},
        "right": {"AC1": "proven", "AC2": "failed"},
    }
    assert run("accept", controlled.suite.document, "--controls")[0] == errors.ControlError.exit_code


@pytest.mark.parametrize("mixed", [(), ("--workstream-mixed",)], ids=["apart", "mixed"])
def test_a_control_that_changed_runs_whole_and_no_other_does(
    controlled: Controlled, run: Run, mixed: tuple[str, ...]
) -> None:
    """One that became harmless is found; one that is new runs."""
    accepted(controlled, run)
    harmless = {**named("left", "AC1"), "values": {"elsewhere": "broken"}}
    result = controlled.run(*INCREMENTAL, *mixed, left=harmless)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert rounds_of(controlled) == [(1, ""), (2, "left"), (3, "")]
    assert ran(controlled) == {number: {"test_00.py::test", "test_01.py::test"} for number in (1, 2, 3)}
    assert cells(controlled.matrix())["left"] == {"AC1": "proven", "AC2": "proven"}
    assert cells(controlled.matrix())["right"] == {"AC1": "proven", "AC2": "failed"}
    result.stdout.fnmatch_lines(["*Not all is taken over: The control left is another one now.*"])


def changing(controlled: Controlled, what: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Change something that is neither a test nor a control; return the options that do it."""
    suite = controlled.suite
    appended = {
        "document": (suite.document, "\nMore.\n"),
        "conftest": (suite.path / "conftest.py", "# changed\n"),
        "shared module": (suite.path / "test_00.py", "# changed\n"),
        "own setting": (suite.path / "pytest.ini", "spark_image = a:2\n"),
    }
    if what in appended:
        path, text = appended[what]
        path.write_text(path.read_text() + text)
    elif what == "new module":
        suite.add("test_new.py", "one", suite.PROVING)
    elif what == "harness":
        monkeypatch.setattr(accepted_controls, "harness_sha256", lambda: "another")
    elif what == "helm":
        other = programs.Tool("helm", suite.path / "helm", "4.0.6", built=False)
        monkeypatch.setattr(programs, "present", lambda: {"helm": other})
    elif what == "no helm":
        monkeypatch.setattr(programs, "present", dict)
    elif what == "kept":
        path = suite.path / "checklists" / "controls" / f"{suite.ID}.json"
        path.write_text(path.read_text().replace('"1.0"', '"2.0"'))
    return ("-W", "error::FutureWarning") if what == "option" else ()


@pytest.mark.parametrize(
    "what",
    [
        "",
        "document",
        "conftest",
        "new module",
        "shared module",
        "harness",
        "option",
        "own setting",
        "helm",
        "no helm",
        "kept",
    ],
)
def test_whatever_else_changed_everything_runs(
    controlled: Controlled, run: Run, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Unknown means run."""
    suite = controlled.suite
    (suite.path / "conftest.py").write_text((suite.path / "conftest.py").read_text() + OWN_SETTING)
    if what == "shared module":
        other = suite.path / "test_01.py"
        other.write_text("import test_00\n" + other.read_text())
    accepted(controlled, run)
    result = controlled.run(*INCREMENTAL, *changing(controlled, what, monkeypatch))

    if what == "kept":
        assert result.ret == errors.AcceptedError.exit_code
        result.stderr.fnmatch_lines(["*has version 2.0 of its format; this workstream reads 1.x.*"])
    elif what:
        assert all({"test_00.py::test", "test_01.py::test"} <= tests for tests in ran(controlled).values())
        assert len(ran(controlled)) == 4
    else:
        assert ran(controlled) == {1: set(), 2: set()}


def test_a_program_that_is_yet_to_be_built_is_the_one_that_was(
    controlled: Controlled, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Go module that pins it belongs to workstream, which is compared."""
    accepted(controlled, run)
    path = controlled.suite.path / "checklists" / "controls" / f"{controlled.suite.ID}.json"
    path.write_text(path.read_text().replace("4.0.5 (from PATH)", "4.0.5 (built)"))
    monkeypatch.setattr(programs, "present", dict)
    controlled.run(*INCREMENTAL)

    assert ran(controlled) == {1: set(), 2: set()}


def test_what_was_described_counts_also_where_no_test_described_it_again(charted: Controlled, run: Run) -> None:
    """A session in which nothing ran is accepted, and rests on what that rested on of which it took over."""
    charted_and_accepted(charted, run)
    assert charted.run(*INCREMENTAL).ret == pytest.ExitCode.OK
    assert ran(charted) == {1: set(), 2: set()}
    assert run("accept", charted.suite.document, "--controls")[0] == 0
    chart = charted.suite.path / "chart" / "templates" / "left.yaml"
    chart.write_text(chart.read_text().replace("works", "lives"))
    charted.run(*INCREMENTAL)

    assert all(tests == {"test_00.py::test", "test_01.py::test"} for tests in ran(charted).values())


def test_a_test_that_did_not_run_because_another_had_failed_runs_with_it(controlled: Controlled, run: Run) -> None:
    """A witness that changed is none any more: what it spared has to say for itself."""
    suite = controlled.suite
    suite.add("test_05.py", "one", PRODUCT.replace("PART", "left"))
    third = {**named("left", "AC1"), "values": {"left": "broken", "more": 1}}
    result = controlled.run(left=named("left", "AC1"), right=named("right", "AC2"), third=third)
    assert result.ret == pytest.ExitCode.OK
    assert (4, "test_05.py::test") in skipped(controlled)
    assert run("accept", suite.document, "--controls")[0] == 0

    path = suite.path / "test_00.py"
    path.write_text(path.read_text().replace('"left": "broken"', "nothing"))
    controlled.run(*INCREMENTAL)
    assert cells(controlled.matrix())["third"]["AC1"] == "failed"


def test_what_another_control_of_a_round_hid_is_seen_when_its_test_changed(controlled: Controlled, run: Run) -> None:
    """Taken over as hidden, a criterion that the control turns red, too, by now, would never be seen."""
    left, right = named("left", "AC1"), named("right", "AC2")
    assert controlled.run("--workstream-mixed", left=left, right=right).ret == pytest.ExitCode.OK
    assert controlled.matrix()["controls"][0]["hidden"] == ["AC2"]
    assert run("accept", controlled.suite.document, "--controls")[0] == 0
    path = controlled.suite.path / "test_01.py"
    path.write_text(
        path.read_text().replace(
            "assert ", "assert '\"left\": \"broken\"' not in product, 'right is broken'\n    assert "
        )
    )
    result = controlled.run(*INCREMENTAL)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert controlled.matrix()["controls"][0]["hidden"] == []
    assert cells(controlled.matrix())["left"] == {"AC1": "failed", "AC2": "failed"}


def test_nothing_is_taken_over_where_nothing_was_accepted(controlled: Controlled) -> None:
    """That is said before anything runs, with what to do."""
    result = controlled.run(*INCREMENTAL, left=control("left", "AC1"))
    assert result.ret == errors.EvidenceError.exit_code
    assert "workstream accept DOCUMENT --controls" in result.stderr.str()
    assert not controlled.results.exists()


@pytest.mark.parametrize("logs", [0, 1, 2])
def test_only_the_evidence_of_one_session_with_controls_is_accepted_as_such(
    controlled: Controlled, run: Run, logs: int
) -> None:
    """None, that of an ordinary run, and two are refused in words, and nothing is written."""
    controlled.suite.run()
    ordinary = ("--evidence", controlled.suite.folder / "evidence.jsonl")
    code, _, said = run("accept", controlled.suite.document, "--controls", *ordinary * logs)
    assert code == (errors.UsageError.exit_code if logs == 2 else errors.EvidenceError.exit_code)
    assert ("not taken together" if logs == 2 else "is no evidence of controls of WS-900") in said
    assert not (controlled.suite.path / "checklists").exists()


# A helm that renders a chart as it stands there, and lets a plugin have it; of a release it installs, nothing is left.
RENDERING = """#!/usr/bin/env python3
import os, pathlib, subprocess, sys
rendered = "".join(f"---\\n{path.read_text()}" for path in sorted(pathlib.Path("chart", "templates").glob("*.yaml")))
values = [open(file).read() for option, file in zip(sys.argv, sys.argv[1:]) if option == "--values"]
for text in {*map(str.strip, values)} - {"{}"}:
    rendered += f"---\\nkind: Values\\nmetadata: {{name: values}}\\n{text}\\n"
    rendered += "".join(f"---\\n{path.read_text()}" for path in pathlib.Path("chart", "templates").glob("*.valued"))
rendered = rendered.replace("RANDOM", os.urandom(8).hex())
if "--post-renderer" in sys.argv:
    plugin = sys.argv[sys.argv.index("--post-renderer") + 1]
    render = pathlib.Path(os.environ["HELM_PLUGINS"], plugin, "render")
    rendered = subprocess.run([render], input=rendered, stdout=subprocess.PIPE, text=True, check=True).stdout
print(rendered)
"""
DESCRIBING = """
    import pathlib

    @pytest.fixture(autouse=True)
    def chart(subject):
        subject.describe_input("chart", pathlib.Path("chart").absolute())
"""


def patched(part: str, *turns_red: str) -> dict[str, Any]:
    """Return a control that breaks one part of what is rendered."""
    patch = {"target": f"configmap/{part}", "replace": {"works": "broken"}}
    words = dict.fromkeys(turns_red, f"{part} is broken")
    return {"sentence": f"{part} is broken.", "turns_red": turns_red, "says": words, "patches": [patch]}


@pytest.fixture
def charted(controlled: Controlled) -> Controlled:
    """A suite that installs a chart of two objects, and describes it."""
    suite = controlled.suite
    (suite.path / "helm").write_text(RENDERING)
    (suite.path / "chart" / "templates").mkdir(parents=True)
    (suite.path / "chart" / "Chart.yaml").write_text("name: product\n")
    for part in ("left", "right"):
        made = {"kind": "ConfigMap", "metadata": {"name": part}, "data": {part: "works"}}
        (suite.path / "chart" / "templates" / f"{part}.yaml").write_text(yaml.safe_dump(made))
    for path in suite.path.glob("test_0*.py"):
        path.write_text(path.read_text() + textwrap.dedent(DESCRIBING))
    return controlled


def charted_and_accepted(charted: Controlled, run: Run) -> dict[str, Any]:
    """Run a control for each object, and accept what they show; return the matrix."""
    result = charted.run(left=patched("left", "AC1"), right=patched("right", "AC2"))
    assert result.ret == pytest.ExitCode.OK
    assert run("accept", charted.suite.document, "--controls")[0] == 0
    return charted.matrix()


def valued(charted: Controlled) -> None:
    """Add a control with values of its own, with which the chart renders one object more."""
    plain = {**patched("left", "AC1"), "values": {"more": 1}}
    (charted.folder / "valued.yaml").write_text(yaml.safe_dump(plain))
    more = {"kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"more": "works"}}
    (charted.suite.path / "chart" / "templates" / "more.valued").write_text(yaml.safe_dump(more))


def test_a_chart_that_renders_what_it_did_makes_nothing_run_but_the_whole_product(
    charted: Controlled, run: Run
) -> None:
    """With the values of controls, too; what is accepted of that serves the next session."""
    valued(charted)
    before = charted_and_accepted(charted, run)
    template = charted.suite.path / "chart" / "templates" / "left.yaml"
    for again in range(2):
        template.write_text("# A comment.\n" + template.read_text())
        result = charted.run(*INCREMENTAL)

        assert result.ret == pytest.ExitCode.OK, again
        assert rounds_of(charted) == [(1, ""), (2, "")]
        assert ran(charted) == {number: {"test_00.py::test", "test_01.py::test"} for number in (1, 2)}
        assert cells(charted.matrix()) == cells(before)
        result.stdout.fnmatch_lines(
            [
                "*chart (chart) changed since, and Helm renders of the whole product what it did.",
                "0 of 3 controls were run*",
            ]
        )
        assert run("accept", charted.suite.document, "--controls")[0] == 0
        assert charted.run(*INCREMENTAL).ret == pytest.ExitCode.OK
        assert ran(charted) == {1: set(), 2: set()}
        assert run("accept", charted.suite.document, "--controls")[0] == 0


def test_a_chart_that_renders_something_else_with_the_values_of_a_control_makes_that_run(
    charted: Controlled, run: Run
) -> None:
    """And no other: of the whole product it renders what it did."""
    valued(charted)
    before = charted_and_accepted(charted, run)
    template = charted.suite.path / "chart" / "templates" / "more.valued"
    template.write_text(template.read_text().replace("works", "lives"))
    result = charted.run(*INCREMENTAL)

    assert result.ret == pytest.ExitCode.OK
    assert rounds_of(charted) == [(1, ""), (2, "valued"), (3, "")]
    assert cells(charted.matrix()) == cells(before)
    result.stdout.fnmatch_lines(["*With the values of the control valued Helm renders something else*", "1 of 3 *"])


def test_a_chart_that_renders_something_else_makes_everything_run(charted: Controlled, run: Run) -> None:
    """A control that became harmless by that is found."""
    charted_and_accepted(charted, run)
    template = charted.suite.path / "chart" / "templates" / "left.yaml"
    template.write_text(template.read_text().replace("works", "lives"))
    result = charted.run(*INCREMENTAL)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert rounds_of(charted) == [(1, ""), (2, "left"), (3, "right"), (4, "")]
    assert cells(charted.matrix())["left"] == {"AC1": "proven", "AC2": "proven"}
    result.stdout.fnmatch_lines(["*Not all is taken over: chart (chart) changed since."])


@pytest.mark.parametrize(
    "what",
    ["random", "definitions", "packed", "manifest", "quoted", "another suffix", "unreadable", "test", "no chart"],
)
def test_where_renderings_do_not_say_all_everything_runs(charted: Controlled, run: Run, what: str) -> None:
    """What Helm does not render, or renders anew each time, nobody can compare; and what else changed counts."""
    chart = charted.suite.path / "chart"
    template = chart / "templates" / "left.yaml"
    if what == "random":
        template.write_text(template.read_text().replace("kind:", "'RANDOM': secret\nkind:"))
    elif what == "definitions":
        (chart / "crds").mkdir()
        (chart / "crds" / "one.yaml").touch()
    elif what == "packed":
        (chart / "charts").mkdir()
        (chart / "charts" / "one.tgz").touch()
    elif what == "manifest":
        (chart / "more.yaml").write_text("apiVersion: v1\nkind: ConfigMap\n")
    elif what == "quoted":
        (chart / "more.json").write_text('{"apiVersion": "v1", "kind": "ConfigMap"}\n')
    elif what == "another suffix":
        (chart / "more.yaml.tpl").write_text("- kind: ConfigMap\n")
    elif what == "unreadable":
        (chart / "more.yaml").symlink_to("gone.yaml")
    elif what == "no chart":
        (chart / "Chart.yaml").unlink()
    charted_and_accepted(charted, run)
    template.write_text("# A comment.\n" + template.read_text())
    if what == "test":
        path = charted.suite.path / "test_00.py"
        path.write_text(path.read_text() + "# changed\n")
    result = charted.run(*INCREMENTAL)

    assert result.ret == pytest.ExitCode.OK
    assert rounds_of(charted) == [(1, ""), (2, "left"), (3, "right"), (4, "")]
    result.stdout.fnmatch_lines(["*Not all is taken over:*chart (chart) changed since.*"])
