"""Runs that were narrowed to a part of the suite: a criterion is proven by all of its tests or by none."""

from __future__ import annotations

import os
import textwrap
import zipfile
from typing import TYPE_CHECKING

import pytest

from workstream import errors, evidence
from workstream.evidence import freshness
from workstream.plugin import dropped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.plugin.conftest import Suite

PART = errors.PartialRunError.exit_code
FAILING = "def test_more(evidence):\n    evidence.record('answer', 41)\n    assert 41 == 42\n"


IGNORING = """

def pytest_ignore_collect(collection_path):
    return "more" in collection_path.name or None
"""
DROPPING = """

def pytest_collection_modifyitems(items):
    items[:] = [one for one in items if "more" not in one.name]
"""
DROPPING_FIRST = """

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    items[:] = [one for one in items if "more" not in one.name]
    return (yield)
"""
BEGINNING = """

@contextlib.contextmanager
def cluster(*_):
    open("BEGUN", "w")
    yield Cluster()
"""


@pytest.fixture
def halved(suite: Suite) -> Suite:
    """A criterion of which one module proves one half, and another one fails to prove the other."""
    suite.write({"one": suite.PROVING, "two": ""})
    suite.add("test_more.py", "one", f"@pytest.mark.slow\n{FAILING}")
    ini = suite.path / "pytest.ini"
    ini.write_text(ini.read_text() + "    slow: takes long\n")
    return suite


def append(suite: Suite, name: str, text: str) -> None:
    """Add to a file of a suite."""
    with (suite.path / name).open("a") as file:
        file.write(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("test_00.py",),
        ("test_00.py::test",),
        ("-k", "not more"),
        ("-m", "not slow"),
        ("--ignore=test_more.py",),
        ("--ignore-glob=*more*",),
        ("--deselect=test_more.py::test_more",),
        ("-o", "testpaths=test_00.py"),
        ("-o", "workstream_testpaths=test_00.py", "test_00.py"),
        ("-o", "python_files=test_0*.py"),
        ("-o", "python_functions=test"),
        ("-o", "addopts=-k 'not more'"),
    ],
    ids=" ".join,
)
def test_what_an_option_leaves_out_was_not_run(halved: Suite, arguments: tuple[str, ...]) -> None:
    """The half that was run passed, and the criterion is not proven."""
    result = halved.run(*arguments, own_process=True)
    if "python_functions=test" in arguments:  # that takes both in
        assert halved.states()["one"] == "failed"
        return
    assert halved.states() == {"one": "not-run", "two": "uncovered" if not unknown(halved) else "not-run"}
    assert result.ret in {PART, pytest.ExitCode.TESTS_FAILED}


OWN_OPTION = """

def pytest_addoption(parser):
    parser.addoption("--fast", action="store_true")
    parser.getgroup("mine").addoption("--slow", action="store_true", dest="thorough")
    parser.addoption("--site", default="here")
    parser.addoption("--sizes", type=int, default="7")
    parser.addoption("--must", required=True)
    parser.addini("region", "where")
    assert not parser.parse_known_args(["--must=be"]).fast

def pytest_generate_tests(metafunc):
    if "number" in metafunc.fixturenames:
        fast, thorough = metafunc.config.getoption("fast"), metafunc.config.getoption("thorough")
        metafunc.parametrize("number", range(1 if fast else 3 if thorough else 2))
"""
OF_NUMBERS = "def test(evidence, number):\n    evidence.record('number', number)\n    assert number < {below}\n"


@pytest.mark.parametrize("where", ["command line", "addopts", "PYTEST_ADDOPTS"])
def test_what_an_option_of_the_suites_own_leaves_out_was_not_run(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Without it there is one more test, which fails."""
    suite.write({"one": OF_NUMBERS.format(below=1)})
    append(suite, "conftest.py", OWN_OPTION)
    if where == "addopts":
        append(suite, "pytest.ini", "addopts = --fast\n")
    if where == "PYTEST_ADDOPTS":
        monkeypatch.setenv(where, "--fast")
    result = suite.run("--must=be", *["--fast"][: where == "command line"], own_process=True)

    assert (suite.states(), result.ret) == ({"one": "not-run"}, PART)
    selection = suite.log().selection
    assert selection is not None
    assert selection.left_out == ("test_00.py::test[1]",)


@pytest.mark.parametrize("option", ["--slow", "--site=there", "--fast --slow"])
def test_an_option_of_the_suites_own_that_leaves_nothing_out_makes_no_part(suite: Suite, option: str) -> None:
    """One that adds tests, or says something else, proves as much as none."""
    suite.write({"one": OF_NUMBERS.format(below=3)})
    append(suite, "conftest.py", OWN_OPTION if "--fast" not in option else OWN_OPTION.replace("1 if fast", "2 if fast"))
    result = suite.run("--must=be", *option.split(), own_process=True)

    assert (suite.states(), result.ret) == ({"one": "proven"}, pytest.ExitCode.OK)


def test_an_option_that_a_suite_cannot_do_without_makes_a_part(suite: Suite) -> None:
    """Where nobody can know what there is without it, nothing is proven, and the run says why."""
    suite.write({"one": OF_NUMBERS.format(below=3)})
    append(suite, "conftest.py", OWN_OPTION.replace("1 if fast", "int(metafunc.config.getoption('site')) if True"))
    suite.run("--must=be", "--site=2", own_process=True)
    (outcome,) = [one for one in suite.log().outcomes if one.when == "collect"]

    assert suite.states() == {"one": "blocked"}
    assert "invalid literal for int() with base 10: 'here'" in outcome.message


def unknown(suite: Suite) -> tuple[str, ...]:
    """Return why it is not known what a suite holds."""
    selection = suite.log().selection
    assert selection is not None
    return selection.unknown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "addopts = -k 'not more'\n"),
        ("conftest.py", "\n\ncollect_ignore = ['test_more.py']\n"),
        ("conftest.py", "\n\ncollect_ignore_glob = ['*more*']\n"),
        ("conftest.py", IGNORING),
        ("conftest.py", DROPPING),
        ("conftest.py", f"\n\n@pytest.hookimpl(tryfirst=True){DROPPING[1:]}"),
        ("conftest.py", DROPPING_FIRST),
    ],
    ids=["addopts", "ignored", "by a pattern", "by a hook", "dropped", "dropped first", "dropped first of all"],
)
def test_what_a_setting_or_a_hook_leaves_out_was_not_run(halved: Suite, name: str, text: str) -> None:
    """Whatever the project says once narrows every run of it, and no run is whole."""
    append(halved, name, text)
    result = halved.run(own_process=True)
    assert halved.states() == {"one": "not-run", "two": "uncovered"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_the_tests_in_a_folder_that_a_setting_leaves_out_are_known(suite: Suite) -> None:
    """They are named, and not only something that may have been missed."""
    (suite.path / "more").mkdir()
    suite.write({"one": suite.PROVING})
    suite.add("more/test_more.py", "one", suite.PROVING)
    append(suite, "conftest.py", "\n\ncollect_ignore = ['more']\n")
    suite.run(own_process=True)
    selection = suite.log().selection
    assert selection is not None
    assert (selection.left_out, selection.unknown) == (("more/test_more.py::test",), ())


def test_what_the_environment_leaves_out_was_not_run(halved: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTEST_ADDOPTS stands in the evidence, and so does what is said on the command line."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k 'not more'")
    halved.run()
    assert halved.states()["one"] == "not-run"
    selection = halved.log().selection
    assert selection is not None
    assert selection.options["PYTEST_ADDOPTS"] == "-k 'not more'"
    assert "--workstream=WS-900.md" in selection.options["command line"]
    assert selection.left_out == ("test_more.py::test_more",)


def test_the_last_failed_alone_prove_nothing(suite: Suite) -> None:
    """After a red run one module is mended and another one broken: --lf runs only the mended one."""
    mended = FAILING.replace("41", "42")
    suite.write({"one": mended})
    suite.add("test_more.py", "one", FAILING)
    run = suite.with_cache
    run()
    suite.add("test_more.py", "one", mended)
    suite.add("test_00.py", "one", FAILING)
    assert run("--lf").ret == PART
    assert suite.states() == {"one": "not-run"}


@pytest.mark.parametrize("distributed", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_part_says_that_it_was_one(halved: Suite, distributed: tuple[str, ...]) -> None:
    """Everyday work with -k: the criteria that it spoke of are told, and that the rest was not run."""
    halved.document.write_text("## WS-900: Traps\n\n### Acceptance Criteria\n\n- [ ] one\n- [ ] two\n- [ ] three\n")
    for name in ("two", "three"):
        halved.add(f"test_{name}.py", name, halved.PROVING)
    result = halved.run("-k", "test_two or test_00", *distributed)
    assert result.ret == PART
    result.stdout.fnmatch_lines(
        [
            "[[] ] AC1  one",
            "*not-run: test_more is to prove it, and was not run.",
            "[[]x] AC2  two",
            "*This run was a part of the suite. It spoke of AC1, AC2; 2 tests of criteria were not selected.",
        ]
    )
    assert "three" not in result.stdout.str()
    assert "**This run was a part of the suite.**" in (halved.folder / "checklist.md").read_text()


def test_what_is_odd_where_nothing_speaks_of_criteria_is_nobodys_business(suite: Suite) -> None:
    """Two tests of one name are a typo, but no promise stands on them."""
    suite.write({"one": suite.PROVING})
    (suite.path / "test_plain.py").write_text("def test_plain():\n    pass\n\n\ndef test_plain():\n    pass\n")
    assert suite.run().ret == pytest.ExitCode.OK


def test_what_is_left_out_and_speaks_of_nothing_is_not_missed(suite: Suite) -> None:
    """A run without the project's other tests proves what it proves."""
    suite.write({"one": suite.PROVING})
    (suite.path / "test_plain.py").write_text("def test_plain():\n    assert False\n")
    assert suite.run("test_00.py").ret == pytest.ExitCode.OK
    assert suite.states() == {"one": "proven"}


def test_a_module_that_cannot_be_read_is_missed_by_every_part(suite: Suite) -> None:
    """What stands in a broken module is unknown, whether the run was to read it or not."""
    suite.write({"one": suite.PROVING})
    (suite.path / "test_more.py").write_text("import no_such_module")
    suite.run("test_00.py")
    assert suite.states() == {"one": "blocked"}


def test_a_suite_that_cannot_be_collected_is_unknown(suite: Suite) -> None:
    """A folder whose conftest raises may hold anything: nothing is proven, and the reason is told."""
    suite.write({"one": suite.PROVING})
    (suite.path / "more").mkdir()
    (suite.path / "more" / "conftest.py").write_text("raise RuntimeError('not today')")
    (suite.path / "more" / "test_more.py").write_text("def test():\n    pass\n")
    result = suite.run("test_00.py")
    assert suite.states()["one"] in {"blocked", "not-run"}
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_why_a_suite_cannot_be_collected_is_its_error(suite: Suite) -> None:
    """A conftest file that takes a port, say, takes it twice: of all that pytest prints then, its error is told."""
    suite.write({"one": suite.PROVING})
    append(
        suite,
        "conftest.py",
        "\nimport sys\n\ndef pytest_sessionstart(session):\n    if '--workstream-inventory' in ' '.join(sys.argv):\n"
        "        raise OSError('the port is taken')\n",
    )
    suite.run(own_process=True)
    assert suite.states() == {"one": "not-run"}
    assert unknown(suite)[0].endswith(": OSError: the port is taken")


def test_tests_outside_of_the_test_paths_are_known_to_be_unknown(
    suite: Suite, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that speaks of a criterion and stands where nobody collects makes every run a part."""
    suite.write({"one": suite.PROVING})
    append(suite, "pytest.ini", "")
    (suite.path / "pytest.ini").write_text("[pytest]\nworkstream_levels = static WS-900\ntestpaths = inside\n")
    (suite.path / "inside").mkdir()
    (suite.path / "test_00.py").rename(suite.path / "inside" / "test_00.py")
    assert suite.run().ret == pytest.ExitCode.OK
    suite.add("test_outside.py", "one", suite.PROVING)
    result = suite.run("inside")
    assert suite.states() == {"one": "not-run"}
    assert result.ret == PART
    assert "test_outside.py:3 speaks of a criterion of WS-900" in unknown(suite)[0]
    assert "nothing of WS-900 will be proven" in caplog.text
    suite.run(".")
    assert suite.states() == {"one": "not-run"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--collect-only",),
        ("--setup-plan",),
        ("--setup-only",),
        ("--cache-show",),
        ("-k", "nothing_of_that_name"),
        ("-m", "slow"),
        ("no_such_file.py",),
        ("test_00.py::no_such_test",),
        ("--no-such-option",),
        ("--workstream-folder=",),
    ],
    ids=" ".join,
)
def test_what_is_no_run_leaves_the_last_evidence_alone(suite: Suite, arguments: tuple[str, ...]) -> None:
    """Nothing is written, and no cluster is begun, where no test is run."""
    suite.write({"one": "def test(evidence, cluster):\n    evidence.record('answer', 42)\n"})
    append(suite, "pytest.ini", "    slow: takes long\n")
    suite.run()
    before = everything(suite)
    append(suite, "conftest.py", BEGINNING)
    if arguments != ("--workstream-folder=",):
        suite.with_cache(*arguments, own_process=True)
        assert everything(suite) == before
        assert (suite.path / "BEGUN").exists() == ("--setup-only" in arguments)  # which sets it up, and no more
    else:
        suite.run(*arguments)
        assert (suite.path / "BEGUN").exists()


def everything(suite: Suite) -> dict[str, bytes]:
    """Return all that a run left."""
    return {str(path): path.read_bytes() for path in suite.folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("@pytest.mark.criterium('WS-900', 'one')", "'criterium' is unknown, and looks like 'criterion'"),
        ("@pytest.mark.Criterion('WS-900', 'one')", "'Criterion' is unknown, and looks like 'criterion'"),
        ("@pytest.mark.proves('WS-900', 'one')", "'proves' is unknown, and looks like 'criterion'"),
        ("@pytest.mark.criterion('WS-9OO', 'one')", "no document has the id 'WS-9OO'. Was WS-900 meant?"),
        ("@pytest.mark.criterion('WS-900', 'another')", "has no criterion 'another'"),
    ],
    ids=["a letter", "a capital", "another word", "the document", "the text"],
)
@pytest.mark.parametrize("distributed", [(), ("-n1",)], ids=["alone", "xdist"])
def test_a_typo_drops_no_test_in_silence(suite: Suite, source: str, said: str, distributed: tuple[str, ...]) -> None:
    """A marker that was meant to be one of ours, or names what is not there, stops the run."""
    suite.write({"one": suite.PROVING})
    (suite.path / "test_more.py").write_text(f"import pytest\n\n{source}\ndef test():\n    assert False\n")
    result = suite.run("-W", "ignore", *distributed)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str()


HIDDEN: dict[str, Callable[[str], str]] = {
    "a later one of its name": lambda _: f"{FAILING}\n{FAILING.replace('41', '42')}",
    "a later one of its name in a class": lambda _: (
        "class TestIt:\n"
        "    def test_more(self):\n        assert False\n\n"
        "    def test_more(self, evidence):\n        evidence.record('answer', 42)\n"
    ),
    "a later name": lambda _: f"{FAILING}\ntest_more = len\n",
    "a constructor": lambda _: (
        "class TestIt:\n    def __init__(self):\n        pass\n\n    def test(self):\n        assert False\n"
    ),
    "its own name": lambda mark: f"@{mark}\ndef tset_more(evidence):\n    assert False\n",
    "it was deleted": lambda _: f"{FAILING}\ndel test_more\n",
    "a loop": lambda _: f"{FAILING}\nfor test_more in (1, 2):\n    pass\n",
    "several names at once": lambda _: f"{FAILING}\ntest_more, other = 1, 2\n",
    "a condition": lambda _: "if not __name__:\n" + textwrap.indent(FAILING, "    "),
    "its class has another one now": lambda mark: (
        f"class TestIt:\n    @{mark}\n    def test_more(self):\n        assert False\n\nTestIt.test_more = None\n"
    ),
    "its decorator takes its marker away": lambda mark: (
        "del pytestmark\n\ndef bare(function):\n    return lambda evidence: function(evidence)\n\n"
        f"@bare\n@{mark}\n{FAILING}"
    ),
    "its decorator makes an object of it": lambda mark: (
        "class It:\n    def __init__(self, function):\n        self.function = function\n\n"
        f"    def __call__(self, evidence):\n        pass\n\n@It\n@{mark}\n{FAILING}"
    ),
    "no function of its own": lambda mark: f"test_more = {mark}(lambda evidence: check(evidence))\n",
    "a part of one": lambda mark: f"import functools\n\ntest_more = {mark}(functools.partial(print, 1))\n",
    "its class is named as elsewhere": lambda _: "class QueueTests:\n    def test_more(self):\n        assert False\n",
    "it stands in another function": lambda mark: (
        "def test_it(evidence):\n    evidence.record('answer', 42)\n\n"
        f"    @{mark}\n    def test_more(evidence):\n        assert False\n"
    ),
    "its class's name": lambda mark: f"class It:\n    @{mark}\n    def test_more(self):\n        assert False\n",
}  # fmt: skip


@pytest.mark.parametrize("how", HIDDEN)
def test_a_test_that_pytest_passes_over_stops_the_run(suite: Suite, how: str) -> None:
    """A test that nobody runs looks like one: that is told, whatever warnings are switched off."""
    suite.write({"one": suite.PROVING})
    suite.add("test_more.py", "one", HIDDEN[how]("pytest.mark.criterion('WS-900', 'one')"))
    result = suite.run("-W", "ignore")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.re_match_lines([r".*test_more\.py.*: .*(no test runs it as it|pytest does not collect it)"])


def test_a_test_that_a_helper_marks_and_pytest_passes_over_stops_the_run(suite: Suite) -> None:
    """The marker's name need not stand in the module of a test."""
    (suite.path / "marks.py").write_text("import pytest\n\nlimits = pytest.mark.criterion('WS-900', 'one')\n")
    suite.write({"one": suite.PROVING})
    append(suite, "pytest.ini", "pythonpath = .\n")
    source = f"from marks import limits\n\n@limits\n{HIDDEN['a constructor']('')}"
    (suite.path / "test_more.py").write_text(source)
    result = suite.run("-W", "ignore", own_process=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.re_match_lines([r".*test_more\.py.*: .*pytest does not collect it"])


# Markers that no test gets, in which file, and what is said of them.
UNMARKED = {
    "a second list": (
        "test_more.py",
        "pytestmark = pytest.mark.criterion('WS-900', 'one')\npytestmark = [pytest.mark.filterwarnings('ignore')]",
        ":3: line 4 gives pytestmark another value",
    ),
    "another name": ("test_more.py", "pytestmarks = [pytest.mark.criterion('WS-900', 'one')]", ":3: pytest knows no"),
    "another name in a class": (
        "test_more.py",
        "class TestIt:\n    pytest_mark = pytest.mark.criterion('WS-900', 'one')\n",
        ":4: pytest knows no pytest_mark",
    ),
    "a conftest file": ("conftest.py", "pytestmark = pytest.mark.criterion('WS-900', 'one')", "takes no pytestmark"),
}


@pytest.mark.parametrize("how", UNMARKED)
def test_a_marker_that_no_test_gets_stops_the_run(suite: Suite, how: str) -> None:
    """A criterion would be proven by the others alone."""
    name, source, said = UNMARKED[how]
    suite.write({"one": suite.PROVING})
    append(suite, name, f"import pytest\n\n{source}\n\n{FAILING}" if name != "conftest.py" else f"\n{source}\n")
    result = suite.run(own_process=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str()


def test_a_marker_that_a_test_gets_on_another_way_is_none_that_is_lost(suite: Suite) -> None:
    """A name of one's own for a marker, and a list that grows."""
    source = (
        "pytest_marker = pytest.mark.criterion('WS-900', 'two')\n"
        "pytestmark = pytestmark + [pytest.mark.filterwarnings('ignore')]\n\n"
        f"@pytest_marker\n{suite.PROVING}"
    )
    suite.write({"one": source, "two": suite.PROVING})
    module = suite.path / "test_00.py"
    module.write_text(module.read_text().replace("pytestmark = pytest.mark", "pytestmark = [pytest.mark", 1))
    text = module.read_text()
    first = next(line for line in text.splitlines() if line.startswith("pytestmark = ["))
    module.write_text(text.replace(first, f"{first}]", 1))
    assert suite.run(own_process=True).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("folder", ["build", "dist", ".ci"])
def test_tests_in_a_folder_that_pytest_passes_over_are_missed(suite: Suite, folder: str) -> None:
    """By its settings pytest looks into no folder of that name, also where the project has its tests."""
    suite.write({"one": suite.PROVING})
    append(suite, "pytest.ini", "testpaths = tests\n")
    (suite.path / "tests" / folder).mkdir(parents=True)
    (suite.path / "test_00.py").rename(suite.path / "tests" / "test_00.py")
    suite.run()
    assert suite.states() == {"one": "proven"}
    mark = "@pytest.mark.criterion('WS-900', 'one')"
    (suite.path / "tests" / folder / "test_more.py").write_text(f"import pytest\n\n{mark}\n{FAILING}")
    suite.run()
    assert suite.states() == {"one": "not-run"}
    assert f"tests/{folder}/test_more.py:3 speaks of" in unknown(suite)[0]


@pytest.mark.parametrize("arguments", [("-p", "quick"), ("-pquick",), ()], ids=["-p", "-pquick", "PYTEST_PLUGINS"])
def test_a_plugin_for_one_run_alone_makes_it_a_part(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """A module of the project that is no plugin of every run may leave out what it likes."""
    suite.write({"one": suite.PROVING})
    (suite.path / "quick.py").write_text("QUICK = True\n")
    monkeypatch.setenv("PYTHONPATH", f"{suite.path}:{os.environ.get('PYTHONPATH', '')}")
    if not arguments:
        monkeypatch.setenv("PYTEST_PLUGINS", "quick")
    suite.run(*arguments, own_process=True)
    assert suite.states() == {"one": "not-run"}
    assert "The plugin quick, a module of the project, was taken for this run alone." in unknown(suite)[0]


def test_a_plugin_of_every_run_makes_it_no_part(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project says so in its settings, and what is installed is nobody's choice."""
    suite.write({"one": suite.PROVING})
    append(suite, "pytest.ini", "addopts = -p quick\n")
    (suite.path / "quick.py").write_text("QUICK = True\n")
    monkeypatch.setenv("PYTHONPATH", f"{suite.path}:{os.environ.get('PYTHONPATH', '')}")
    suite.run("-p", "quick", "-p", "xdist", own_process=True)
    assert suite.states() == {"one": "proven"}


SHOWN: dict[str, str] = {
    "by a decorator that hides it": (
        "def hiding(function):\n    return lambda evidence: function(evidence)\n\n@hiding\n{test}"
    ),
    "by a new binding of its name": (
        "import functools\n\n{test}\n"
        "def hiding(function):\n    return functools.wraps(function)(lambda *a, **k: function(*a, **k))\n\n"
        "test = hiding(test)\n"
    ),
    "in one of two branches": "if __name__:\n{indented}else:\n{indented}",
    "where something else cannot be imported": "try:\n    import json\n{indented}except ImportError:\n{indented}",
    "by what makes it": (
        "def made():\n    @pytest.mark.criterion('WS-900', 'one')\n{indented}    return test\n\ntest_made = made()\n"
    ),
    "beside a fixture with a test's name": "{test}\n@pytest.fixture\ndef test_client():\n    return 1\n",
    "beside a method with a test's name": "{test}\nclass Client:\n    def test_it(self):\n        return 1\n",
    "beside a base class whose method it defines anew": (
        "class TestBase:\n    __test__ = False\n\n    def test(self):\n        raise NotImplementedError\n\n"
        "class TestIt(TestBase):\n    __test__ = True\n\n"
        "    def test(self, evidence):\n        evidence.record('answer', 42)\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", SHOWN)
def test_a_test_that_is_run_is_not_missed(suite: Suite, how: str) -> None:
    """However a test comes to its name, and whatever else looks like one: what is run is no test that was left out."""
    source = SHOWN[how].format(test=suite.PROVING, indented=textwrap.indent(suite.PROVING, "    "))
    suite.write({"one": source})
    assert suite.run().ret == pytest.ExitCode.OK


TAKING = """

def pytest_{hook}({argument}):
    for item in {items}:
        if "more" in item.name:
            item.own_markers[:] = [pytest.mark.criterion("WS-900", "two").mark]
"""


@pytest.mark.parametrize(
    ("hook", "argument", "items"), [("itemcollected", "item", "[item]"), ("collection_modifyitems", "items", "items")]
)
def test_no_hook_makes_a_test_speak_of_something_else(suite: Suite, hook: str, argument: str, items: str) -> None:
    """A test speaks of what its module says, and of what a hook says beside that."""
    suite.write({"one": suite.PROVING, "two": ""})
    mark = "@pytest.mark.criterion('WS-900', 'one')"
    (suite.path / "test_more.py").write_text(f"import pytest\n\n{mark}\n{FAILING}")
    append(suite, "conftest.py", TAKING.format(hook=hook, argument=argument, items=items))
    suite.run()
    assert suite.states() == {"one": "failed", "two": "failed"}


# Statements that check nothing, and how each is told.
IDLE = {
    "assert (41 == 42, 'it is')": "this asserts a tuple, which is always true",
    "assert [41 == 42]": "this asserts a list, which is always true",
    "assert {41 == 42}": "this asserts a set, which is always true",
    "assert {'answer': 41 == 42}": "this asserts a mapping, which is always true",
    "assert 'the answer is 42'": "this asserts a text, which is always true",
    "assert lambda: 41 == 42": "this asserts a function, which is always true",
    "assert (number == 42 for number in [41])": "this asserts something that is not run, which is always true",
    "assert map(bool, [0])": "this asserts something that is not run, which is always true",
    "assert number == 41 or 42": "this asserts `or` with something, which is always true",
    "(verify(number) for number in [41])": "nobody takes what this would yield",
    "map(verify, [41])": "nobody takes what this would yield",
    "number == 42": "this compares, and asserts nothing",
    "if number: number == 42": "this compares, and asserts nothing",
    "all(number == 42 for number in [41])": "this compares, and asserts nothing",
    "any([number])": "this compares, and asserts nothing",
    "not number": "this compares, and asserts nothing",
    "number == 4 and number > 7": "this compares, and asserts nothing",
    "with number.subTest(): number == 7": "this compares, and asserts nothing",
    "number.assert_called_once": "this checks only when it is called",
    "pytest.fail": "this checks only when it is called",
    "AssertionError('the answer')": "this makes an error, and raises none",
    "pytest.raises(ValueError)": "this expects an error of nothing",
    "number.assertRaises(ValueError)": "this expects an error of nothing",
    "number.assertRaisesRegex(ValueError, 'answer')": "this expects an error of nothing",
}
CHECKING = """
import pytest

assert True, 'it is'
41 == 42
def filter(names): return names


def test(numbers, names, evidence):
    assert [*numbers]
    assert {**names}
    assert all(number == 42 for number in numbers)
    assert numbers or names
    assert f"{numbers}"
    with pytest.raises(TypeError):
        numbers < 42
    list(map(evidence.record, names, numbers))
    pytest.raises(TypeError, int, None)
    names or pytest.fail("nobody")
    names.assertRaises(ValueError, int, "x")
    names.answer.raises(ValueError)
    names.assert_called_once()
    names.fail
    filter(names)


def test_one(number):
"""


@pytest.mark.parametrize("statement", IDLE)
def test_a_statement_that_checks_nothing_is_found(tmp_path: Path, statement: str) -> None:
    """What is always true, what nobody takes, and a comparison without `assert` are told with their lines."""
    honest, idle = tmp_path / "test_honest.py", tmp_path / "test_idle.py"
    honest.write_text(f"{CHECKING}    assert number == 42\n")
    idle.write_text(f"{CHECKING}    {statement}\n")
    assert list(dropped.idle(honest, "test_honest.py")) == []
    (problem,) = dropped.idle(idle, "test_idle.py")
    assert problem.startswith(f"test_idle.py:28: {IDLE[statement]}")


@pytest.mark.parametrize("file", ["test_00.py", "helper.py"])
def test_an_assertion_that_cannot_fail_stops_the_run(suite: Suite, file: str) -> None:
    """A generator is always true: of that pytest says nothing."""
    suite.write({"one": f"import helper\n\n{suite.PROVING}    assert (42 == 42), 'it is'\n"})
    (suite.path / "helper.py").write_text("assert True, 'it is'\n")
    assert suite.run(own_process=True).ret == pytest.ExitCode.OK
    append(suite, file, "\n\ndef check():\n    assert (number == 42 for number in [41])\n")
    result = suite.run("-W", "ignore", own_process=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{file}:*: this asserts something that is not run, which is always true*"])


STEPS = """
from pytest_bdd import given, then, when


@given("an answer", target_fixture="answer")
def answer():
    return 41


@when("nobody looks")
def nobody():
    return 41


@then("it is there", target_fixture="found")
def found(answer):
    return answer


@then("it is right")
def right(answer):
    def is_right():
        return answer == 42

    assert is_right()
    return
"""


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("def it(answer):\n    return answer == 42", "31: nobody looks at what a step returns"),
        ("async def it(answer):\n    assert answer == 42", "30: pytest-bdd awaits no step"),
    ],
)
def test_a_step_whose_check_nobody_hears_is_found(tmp_path: Path, step: str, said: str) -> None:
    """Of a scenario of pytest-bdd only what is asserted counts."""
    honest, file = tmp_path / "test_honest.py", tmp_path / "test_steps.py"
    honest.write_text(STEPS)
    assert list(dropped.idle(honest, "test_honest.py")) == []
    file.write_text(f"{STEPS}\n\n@then('it is 42')\n{step}\n")
    (problem,) = dropped.idle(file, "test_steps.py")
    assert problem.startswith(f"test_steps.py:{said}")


GENERATORS = """
import contextlib
import helper

def verify():
    assert 41 == 42
    yield

async def verify_later():
    assert 41 == 42
    yield

@contextlib.contextmanager
def verified():
    assert 41 == 42
    yield

class TestMore:
    def verify_here(self):
        assert 41 == 42
        yield

    @pytest.fixture
    def taken(self):
        return list

    def test_more(self, taken, evidence):
        evidence.record("answer", 42)
        with pytest.raises(AssertionError):
            taken(self.verify_here())
        found = verify()
        with pytest.raises(AssertionError):
            next(found)
        # here

def test(evidence):
    evidence.record("answer", 42)
    with pytest.raises(AssertionError):
        next(verify())
    with pytest.raises(AssertionError), verified():
        pass
    # here, too
"""


# Where a call is written, and what is called.
UNTAKEN = {
    "    verify()": "verify",
    "    verify_later()": "verify_later",
    "    verified()": "verified",
    "    helper.verify()": "helper.verify",
    "    assert verify()": "verify",
    "    found = verify()": "verify",
    "        self.verify_here()": "self.verify_here",
}


def test_a_generator_that_a_test_calls_and_nobody_takes_stops_the_run(suite: Suite) -> None:
    """What yields does nothing until somebody goes through it, and a context nothing until it is entered."""
    suite.write({"one": GENERATORS})
    (suite.path / "helper.py").write_text("def verify():\n    assert 41 == 42\n    yield\n")
    assert suite.run(own_process=True).ret == pytest.ExitCode.OK
    module = suite.path / "test_00.py"
    honest = module.read_text()
    for statement in UNTAKEN:
        place = "        # here\n" if statement.startswith("     ") else "    # here, too\n"
        module.write_text(module.read_text().replace(place, f"{statement}\n{place}"))
    assert module.read_text() != honest
    result = suite.run(own_process=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = module.read_text().splitlines()
    for statement, name in UNTAKEN.items():
        number = lines.index(statement) + 1
        assert f"test_00.py:{number}: nobody takes what {name}() would yield, so it never runs" in result.stderr.str()


def test_python_that_leaves_assertions_away_is_refused(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """With -O an assertion of a helper is none."""
    suite.write({"one": suite.PROVING})
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    result = suite.run(own_process=True)
    assert result.ret == 64
    result.stderr.fnmatch_lines(["*removes assertions*"])
    assert not suite.folder.exists()


@pytest.mark.parametrize("option", ["--assert=plain", "--import-mode=importlib", "-p no:cacheprovider"])
def test_a_whole_run_may_have_options(suite: Suite, option: str) -> None:
    """What narrows nothing is no narrowing."""
    suite.write({"one": suite.PROVING})
    assert suite.run(*option.split()).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("distributed", [(), ("-n2",)], ids=["alone", "xdist"])
def test_the_files_of_a_suite_are_inputs_without_anybody_describing_them(
    suite: Suite, distributed: tuple[str, ...]
) -> None:
    """A helper, a conftest, a module that is imported late and one whose tests speak of nothing, with their hashes."""
    (suite.path / "helper.py").write_text("answer = 42\n")
    (suite.path / "late.py").write_text("answer = 42\n")
    (suite.path / "test_plain.py").write_text("def test_plain():\n    pass\n")
    source = "import helper\n\ndef test(evidence):\n    import late\n    evidence.record('answer', late.answer)\n"
    suite.write({"one": source})
    suite.run(*distributed, own_process=True)
    found = {one.path for one in suite.log().subjects if one.name == "file of the suite"}
    assert found == {"conftest.py", "helper.py", "late.py", "test_plain.py"}


@pytest.mark.parametrize("added", [True, False])
def test_a_conftest_file_that_came_between_two_parts_keeps_them_apart(suite: Suite, *, added: bool) -> None:
    """Every part tells all conftest files of the suite, and only the helpers that it imports."""
    for name in ("there", "later"):
        (suite.path / name).mkdir()
    suite.write({"one": "", "two": ""})
    suite.add("there/test_one.py", "one", "def test_one(evidence):\n    evidence.record('answer', 42)\n")
    importing = "def test_two(evidence):\n    import late\n    evidence.record('answer', late.answer)\n"
    suite.add("later/test_two.py", "two", importing)
    (suite.path / "there" / "conftest.py").write_text("import pytest\n")
    (suite.path / "late.py").write_text("answer = 42\n")
    append(suite, "pytest.ini", "pythonpath = .\n")
    assert suite.run("-k", "one", own_process=True).ret == PART
    first = suite.log().path.rename(suite.path / "one.jsonl")
    if added:
        (suite.path / "there" / "conftest.py").rename(suite.path / "later" / "conftest.py")
    assert suite.run("later", own_process=True).ret == PART
    logs = [evidence.read(first), suite.log()]
    if added:
        with pytest.raises(errors.EvidenceError, match=r"there/conftest\.py was there for one of them alone"):
            evidence.combined(logs)
    else:
        verdicts = evidence.verdicts(evidence.combined(logs), suite.read())
        assert [str(one.state) for one in verdicts] == ["proven", "proven"]


RUNNING = """
import importlib.util
import runpy
import sys

sys.path.insert(0, "archive.zip")
import archived


def test(evidence):
    spec = importlib.util.spec_from_file_location("named", "named.py")
    named = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(named)
    import forgotten
    del sys.modules["forgotten"]
    answers = [archived.answer, named.answer, forgotten.answer, runpy.run_path("run.py")["answer"]]
    runpy.run_path("build/made.py")
    evidence.record("answers", answers)
"""


def test_files_that_a_suite_runs_without_a_module_are_inputs(suite: Suite) -> None:
    """However a file comes to run, it is told; of what stands in an archive, the archive; of what was made, nothing."""
    (suite.path / "build").mkdir()
    for name in ("named.py", "forgotten.py", "run.py", "unused.py", "build/made.py"):
        (suite.path / name).write_text("answer = 42\n")
    with zipfile.ZipFile(suite.path / "archive.zip", "w") as archive:
        archive.writestr("archived.py", "answer = 42\n")
    append(suite, "pytest.ini", "pythonpath = .\n")
    suite.write({"one": RUNNING})
    suite.run(own_process=True)
    assert suite.states() == {"one": "proven"}
    found = {one.path for one in suite.log().subjects if one.name == "file of the suite"}
    assert found == {"conftest.py", "archive.zip", "named.py", "forgotten.py", "run.py"}


def test_a_file_that_changes_during_the_run_proves_nothing(suite: Suite) -> None:
    """What was tested with one thing and with another is stale at once."""
    source = "def test(evidence):\n    open('conftest.py', 'a').write('# changed')\n    evidence.record('answer', 42)\n"
    suite.write({"one": source})
    result = suite.run(own_process=True)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*stale: It was proven, but file of the suite (conftest.py) changed since.*"])


def test_a_marker_under_another_name_is_found_outside_of_the_test_paths(suite: Suite) -> None:
    """By what name a file calls the marker does not matter: it holds tests, and names the document."""
    suite.write({"one": suite.PROVING})
    append(suite, "pytest.ini", "testpaths = test_00.py\n")
    source = "import pytest\n\ncriterion = pytest.mark.criterion\n\n\n@criterion('WS-900', 'one')\n" + FAILING
    (suite.path / "test_more.py").write_text(source)
    suite.run("test_00.py")
    assert suite.states() == {"one": "not-run"}
    assert "test_more.py:6 speaks of" in unknown(suite)[0]


PROVES = "def proves(text):\n    return pytest.mark.criterion('WS-900', text)\n"


@pytest.mark.parametrize(
    ("helper", "importing", "mark"),
    [
        (PROVES, "from help import *", ""),
        (
            "def proves(text):\n    return pytest.mark.criterion('WS-900', text)\n",
            "from help import proves",
            "proves('one')",
        ),
        ("ID = 'WS-900'\n", "import help", "pytest.mark.criterion(help.ID, 'one')"),
    ],
    ids=["none", "a marker", "the id"],
)
def test_a_marker_that_a_helper_makes_is_found_outside_of_the_test_paths(
    suite: Suite, helper: str, importing: str, mark: str
) -> None:
    """Where the document's id stands in a helper, a file that marks tests with what that gives speaks of it."""
    suite.write({"one": suite.PROVING})
    append(suite, "pytest.ini", "testpaths = test_00.py\n")
    (suite.path / "help.py").write_text(f"import pytest\n\n{helper}")
    marked = f"@{mark}\n" if mark else ""
    (suite.path / "test_more.py").write_text(f"import pytest\n{importing}\n\n{marked}{FAILING}")
    suite.run("test_00.py")
    assert suite.states() == {"one": "not-run" if mark else "proven"}


@pytest.mark.parametrize(
    "setting",
    [
        "python_functions=test_0*",
        "python_classes=It",
        "workstream_levels=static WS-900",
        "addopts=",
        "usefixtures=",
        "quick=true",
    ],
)
def test_settings_for_one_run_alone_make_it_a_part(suite: Suite, setting: str) -> None:
    """What is a test, what checks it, and what a criterion takes, the project says."""
    suite.write({"one": suite.PROVING.replace("test", "test_0")})
    with (suite.path / "conftest.py").open("a") as file:
        file.write("\ndef pytest_addoption(parser):\n    parser.addini('quick', '', type='bool', default=False)\n")
    suite.run("-o", setting)
    assert suite.states() == {"one": "not-run"}
    assert "was set for this run alone" in unknown(suite)[0]


@pytest.mark.parametrize("setting", ["log_cli=true", "junit_family=xunit1", "console_output_style=count"])
def test_what_one_run_alone_prints_makes_it_no_part(suite: Suite, setting: str) -> None:
    """It has nothing to do with what was checked."""
    suite.write({"one": suite.PROVING})
    suite.run("-o", setting)
    assert suite.states() == {"one": "proven"}


def test_options_that_pytest_keeps_as_settings_make_it_no_part(suite: Suite) -> None:
    """It is strict with what it reads, and leaves nothing out."""
    suite.write({"one": suite.PROVING})
    suite.run("--strict-markers", "--strict-config")
    assert suite.states() == {"one": "proven"}


SAVED = """
import sys

if "--workstream-inventory" in sys.argv:
    test = pathlib.Path("test_00.py")
    test.write_text(test.read_text().replace("42", "41 + 1"))
"""


def test_a_module_that_is_saved_while_the_tests_are_collected_proves_nothing(suite: Suite) -> None:
    """What ran is not what stands there, whichever of both was read first."""
    suite.write({"one": suite.PROVING})
    with (suite.path / "conftest.py").open("a") as file:
        file.write(SAVED)
    suite.run()
    assert suite.states() == {"one": "not-run"}
    assert "test_00.py was changed while the tests were collected" in unknown(suite)[0]


@pytest.mark.parametrize("own", ["", "[pytest]\n"], ids=["the only one", "another one is there"])
def test_a_configuration_for_one_run_alone_makes_it_a_part(suite: Suite, own: str) -> None:
    """Another configuration is the project's only where the project has none of its own."""
    suite.write({"one": suite.PROVING})
    (suite.path / "pytest.ini").rename(suite.path / "other.ini")
    if own:
        (suite.path / "pytest.ini").write_text(own)
    suite.run("-c", "other.ini", own_process=True)
    assert suite.states() == {"one": "not-run" if own else "proven"}
    assert [sentence for sentence in unknown(suite) if "other.ini was set for this run alone" in sentence] == list(
        unknown(suite)
    )


MARKING = """
import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "more" in item.name:
            item.add_marker(pytest.mark.criterion("WS-900", "one"))
"""


@pytest.mark.parametrize("arguments", [(), ("--noconftest",), ("--confcutdir=sub",), ("-pno:marks",)], ids=" ".join)
def test_what_one_run_does_not_read_may_mark_tests(suite: Suite, arguments: tuple[str, ...]) -> None:
    """A conftest file or a plugin of the project that was left out might have said that another test speaks of it."""
    suite.write({"one": ""})
    (suite.path / "sub").mkdir()
    suite.add("sub/test_it.py", "one", suite.PROVING)
    (suite.path / "test_more.py").write_text(suite.PROVING.replace("test", "test_more"))
    (suite.path / "marks.py").write_text(MARKING)
    append(suite, "pytest.ini", "pythonpath = .\naddopts = -p marks\n")
    suite.run(*arguments, own_process=True)
    assert suite.states() == {"one": "not-run" if arguments else "proven"}
    name = "marks.py" if "-pno:marks" in arguments else "conftest.py"
    assert all(sentence.startswith(f"{name} was not read") for sentence in unknown(suite))


@pytest.mark.parametrize("more", [False, True])
def test_tests_around_a_folder_with_its_own_configuration_are_missed(suite: Suite, *, more: bool) -> None:
    """Where the document stands above that folder, so may other tests that speak of it."""
    suite.write({"one": ""})
    inner = suite.path / "inner"
    inner.mkdir()
    (inner / "pytest.ini").write_text((suite.path / "pytest.ini").read_text())
    suite.add("inner/test_it.py", "one", suite.PROVING)
    if more:
        suite.add("test_more.py", "one", FAILING)
    suite.run("inner", f"--workstream-folder={suite.folder}", own_process=True)
    assert suite.states() == {"one": "not-run" if more else "proven"}


def test_tests_of_a_base_class_in_a_helper_are_no_tests_that_are_left_out(suite: Suite) -> None:
    """A file whose functions are collected elsewhere hides nothing."""
    (suite.path / "base.py").write_text(
        "import pytest\n\n\nclass TestBase:\n    @pytest.mark.criterion('WS-900', 'one')\n"
        "    def test(self, evidence):\n        evidence.record('answer', 42)\n"
    )
    suite.write({"one": "import base\n\nclass TestIt(base.TestBase):\n    pass\n"})
    assert suite.run(own_process=True).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("used", [False, True])
def test_a_class_that_a_base_class_marks_is_found_outside_of_the_test_paths(suite: Suite, *, used: bool) -> None:
    """What it inherits is a test of the criterion, unless a class that is collected inherits it in turn."""
    (suite.path / "base.py").write_text(
        "import pytest\n\n\n@pytest.mark.criterion('WS-900', 'one')\nclass Contract:\n    answer = 42\n\n"
        "    def test(self, evidence):\n        evidence.record('answer', self.answer)\n"
    )
    (suite.path / "more.py").write_text("import base\n\n\nclass TestMore(base.Contract):\n    answer = 41\n")
    suite.write({"one": ""})
    append(suite, "pytest.ini", "testpaths = test_00.py\npythonpath = .\n")
    derived = "more.TestMore" if used else "base.Contract"
    (suite.path / "test_00.py").write_text(f"import base\nimport more\n\n\nclass TestIt({derived}):\n    pass\n")
    suite.run(own_process=True)
    assert suite.states() == {"one": "proven" if used else "not-run"}
    assert [sentence.partition(" speaks")[0] for sentence in unknown(suite)] == ([] if used else ["more.py:4"])


def test_a_broken_module_that_speaks_of_criteria_is_told_in_one_line(suite: Suite) -> None:
    """The reason is its own error, whatever was selected."""
    suite.write({"one": suite.PROVING})
    suite.add("test_more.py", "one", "import no_such_module\n")
    result = suite.run("test_00.py")
    assert suite.states() == {"one": "blocked"}
    result.stdout.fnmatch_lines(["*blocked: test_more.py could not be collected*No module named 'no_such_module'*"])
    assert "INTERNALERROR" not in result.stdout.str()


@pytest.mark.parametrize("given", ["limits", "slow"])
def test_a_broken_module_that_a_setting_leaves_out_is_missed_if_a_helper_marks_it(suite: Suite, given: str) -> None:
    """Mended it would be a test of the criterion that was not run; one that is not marked is nobody's business."""
    (suite.path / "marks.py").write_text(
        "import pytest\n\nlimits = pytest.mark.criterion('WS-900', 'one')\nslow = pytest.mark.usefixtures()\n"
    )
    suite.write({"one": suite.PROVING})
    source = f"from marks import {given}\nimport no_such_module\n\n@{given}\n{FAILING}"
    (suite.path / "test_broken.py").write_text(source)
    append(suite, "conftest.py", "\ncollect_ignore = ['test_broken.py']\n")
    append(suite, "pytest.ini", "pythonpath = .\n")
    suite.run(own_process=True)
    assert suite.states() == {"one": "blocked" if given == "limits" else "proven"}


def test_a_path_that_is_not_there_is_told_by_processes_of_xdist_too(suite: Suite) -> None:
    """A process that had nothing to collect left nothing."""
    suite.write({"one": suite.PROVING})
    result = suite.run("-n1", "no_such_file.py")
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
    assert not suite.folder.exists()


def test_two_tests_of_one_node_id_stop_the_run(suite: Suite) -> None:
    """What one of them saw would speak for the other."""
    suite.write({"one": suite.PROVING})
    append(suite, "conftest.py", "\n\ndef pytest_collection_modifyitems(items):\n    items.append(items[0])\n")
    assert suite.run().ret == pytest.ExitCode.USAGE_ERROR


ENDING = """

def pytest_collection_finish():
    pytest.exit("enough", returncode=0)
"""
CHANGING = """

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    yield
    session.exitstatus = 0
"""


LEAVING = """

import os

@pytest.hookimpl({when})
def pytest_{hook}():
    os._exit(0)
"""
LEAVING_IN_A_FIXTURE = """

@pytest.fixture(scope="session", autouse=True)
def leaving():
    import os
    yield
    os._exit(0)
"""


@pytest.mark.parametrize(
    "hook",
    [
        ENDING,
        CHANGING,
        LEAVING_IN_A_FIXTURE,
        LEAVING.format(hook="runtest_call", when="tryfirst=True"),
        LEAVING.format(hook="unconfigure", when="trylast=True"),
    ],
    ids=["ended at once", "changed at the end", "left by a fixture", "left by a hook", "left at the end"],
)
def test_nobody_calls_a_run_a_success_that_proved_nothing(suite: Suite, hook: str) -> None:
    """The exit code is 0 only where every criterion is proven."""
    suite.write({"one": FAILING})
    append(suite, "conftest.py", hook)
    assert suite.run(own_process=True).ret != pytest.ExitCode.OK


@pytest.mark.parametrize(("source", "code"), [(FAILING, 3), (FAILING.replace("41", "42"), 0)], ids=["3", "0"])
def test_what_leaves_in_its_own_way_keeps_its_exit_code_where_that_is_true(
    suite: Suite, source: str, code: int
) -> None:
    """That of an error, and that of a success where every criterion is proven."""
    suite.write({"one": source})
    leaving = LEAVING.format(hook="unconfigure", when="trylast=True")
    append(suite, "conftest.py", leaving.replace("os._exit(0)", f"os._exit({code})"))
    assert suite.run(own_process=True).ret == code


COMPLAINING = """
@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session):
    result = yield
    session.exitstatus = 9
    return result
"""


@pytest.mark.parametrize("when", ["before others", "behind them"])
def test_what_a_plugin_finds_wrong_with_a_run_is_its_exit_code(suite: Suite, when: str) -> None:
    """As with the option --max-warnings of pytest itself: the criteria are proven, and the run is no success."""
    suite.write({"one": suite.PROVING})
    hook = COMPLAINING if when == "behind them" else COMPLAINING.replace("wrapper=True", "wrapper=True, trylast=True")
    append(suite, "conftest.py", hook)
    assert suite.run(own_process=True).ret == 9
    assert suite.states() == {"one": "proven"}


STAND_IN = """
class StandIn:
    def __getattr__(self, name):
        raise RuntimeError("there is no request under way")


current = StandIn()


class TestIt:
    current = current

    def test(self, evidence):
        evidence.record("answer", 42)
"""


def test_what_does_not_let_itself_be_asked_is_no_test(suite: Suite) -> None:
    """Frameworks have such objects, for a request or for settings that are not there: a suite may hold them."""
    suite.write({"one": STAND_IN})
    assert suite.run().ret == pytest.ExitCode.OK
    assert suite.states() == {"one": "proven"}


def test_the_scenarios_of_pytest_bdd_are_inputs(suite: Suite) -> None:
    """Steps are part of the test's own function; a feature that changes makes what it proved stale."""
    feature = suite.path / "pods.feature"
    feature.write_text("Feature: Pods\n  Scenario: All there\n    Given two pods\n    Then there are two\n")
    source = """
        from pytest_bdd import given, scenario, then

        @scenario("pods.feature", "All there")
        def test():
            pass

        @given("two pods", target_fixture="pods")
        def _():
            return 2

        @then("there are two")
        def _(pods, evidence):
            evidence.record("pods", pods)
            assert pods == EXPECTED
    """
    suite.write({"one": source.replace("EXPECTED", "2"), "two": source.replace("EXPECTED", "3")})
    suite.run(without=())
    assert suite.states() == {"one": "proven", "two": "failed"}
    current = freshness.current(suite.log(), suite.read(), suite.path)
    assert [str(one.state) for one in current] == ["proven", "failed"]
    feature.write_text(feature.read_text().replace("two pods", "three pods"))
    current = freshness.current(suite.log(), suite.read(), suite.path)
    assert [str(one.state) for one in current] == ["stale", "failed"]
