"""The pytest plugin: binds tests to criteria, keeps what they saw, and writes the checklist.

It does nothing unless `--workstream PATH` is given: this module imports nothing but pytest, since every run of an
environment that has the package pays for it. This package is the only one that knows pytest.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_SHOW_ONLY = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")
_FIXTURES = ("cluster", "engine", "evidence", "subject", "tools", "world")
# What options were called before their names began with --workstream.
_FORMER = ("--cluster-name", "--controls", "--keep", "--kube-context", "--registry", "--repeat")
_SESSION = "workstream-session"
PARSER = pytest.StashKey[pytest.Parser]()  # whoever asks what options a suite adds, asks this one


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("workstream", "prove the criteria of a workstream document")
    group.addoption(
        "--workstream",
        action="append",
        metavar="PATH",
        help="The document whose criteria the tests prove, or a folder of them; several times for several.",
    )
    group.addoption(
        "--workstream-folder",
        metavar="FOLDER",
        help="Where evidence, checklist and diagnostics go (default: build/acceptance/ID); of several documents, a "
        "folder for each below it (default: build/acceptance).",
    )
    group.addoption(
        "--workstream-repeat",
        type=_count,
        default=1,
        metavar="N",
        help="Prove the criteria N times on one cluster, with fixtures anew, and say how often each was proven.",
    )
    group.addoption(
        "--workstream-controls",
        metavar="FOLDER",
        help="See whether the tests notice: prove the criteria, then once for each control of the folder (or the one "
        "of this file) on a product that is broken with it. Nothing is ticked; controls.md says what was seen.",
    )
    group.addoption(
        "--workstream-mixed",
        action="store_true",
        help="Let controls share a round that turn different criteria red, each with words that it names, and change "
        "different things; where not each is seen to do its own, they run apart.",
    )
    group.addoption(
        "--workstream-incremental",
        action="store_true",
        help="Take over what controls showed when that was accepted (workstream accept DOCUMENT --controls), and run "
        "on them only the tests that changed; all of them if anything else did that could change what they show.",
    )
    group.addoption(
        "--workstream-against",
        metavar="REVISION",
        help="The commit whose accepted controls are taken over, such as origin/main, on which a change is to land "
        "(default: those of the files that are there, which the change itself may edit).",
    )
    group.addoption("--workstream-keep", action="store_true", help="Keep the cluster; the next run uses it.")
    group.addoption(
        "--workstream-keep-on-failure",
        action="store_true",
        help="Keep the cluster if a test failed, for you to look at what is on it; the next run uses it.",
    )
    places = {
        "cluster-name": ("NAME", "The name of the kind cluster (default: workstream)."),
        "kube-context": ("NAME", "Use the cluster of this context instead of a kind cluster."),
        "registry": ("HOST/PATH", "Where the nodes of that cluster pull images from."),
        "namespace": ("NAME", "Use this namespace of that cluster, which is there, and not one of the run's own."),
    }
    for name, (metavar, sentence) in places.items():
        setting = f"workstream_{name.replace('-', '_')}"
        group.addoption(
            f"--workstream-{name}", metavar=metavar, help=f"{sentence} The setting {setting} is for every run."
        )
        parser.addini(setting, help=f"{sentence} The option --workstream-{name} comes before it.")
    # A run gives it to the process that collects the whole suite: the file into which that writes what it found.
    group.addoption("--workstream-inventory", help=argparse.SUPPRESS)
    # And this, if the project has options of its own and some were given: as if they had not been.
    group.addoption("--workstream-inventory-of-defaults", action="store_true", help=argparse.SUPPRESS)
    parser.addini(
        "workstream_testpaths",
        type="linelist",
        help="Where the tests of documents stand: what is to be run for a criterion (default: testpaths, else all).",
    )
    parser.addini(
        "workstream_documents",
        type="linelist",
        help="Documents, or folders of them, that markers may name (default: those beside the ones that are given).",
    )
    parser.addini(
        "workstream_levels",
        type="linelist",
        help="Criteria that need no cluster: lines `LEVEL DOCUMENT` or `LEVEL DOCUMENT TEXT`, LEVEL static or image.",
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Refuse a former name of our options and say the new one, unless another plugin has an option of that name."""
    early_config.stash[PARSER] = parser
    result = yield  # by now conftest files have added their options
    if any(argument.partition("=")[0] == "--workstream" for argument in args):
        _require_new_names(parser, args)
    return result


def _require_new_names(parser: pytest.Parser, args: Sequence[str]) -> None:
    """Refuse former names.

    Raises:
        pytest.UsageError: there is one.

    """
    _, unknown = parser.parse_known_and_unknown_args(args)
    former = sorted({name for argument in unknown if (name := argument.partition("=")[0]) in _FORMER})
    if former:
        renamed = (f"{name} is called --workstream-{name.removeprefix('--')} now" for name in former)
        raise pytest.UsageError("; ".join(renamed) + ".")


@pytest.hookimpl(tryfirst=True)  # before junitxml looks at its option
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; begin a session if a document is given."""
    config.addinivalue_line(
        "markers",
        "criterion(document, text, level=None): this test proves that criterion of that document, if its own function "
        "records something that it saw at the level that the criterion takes, or at this one if that is nearer to a "
        "real cluster: static, image or cluster.",
    )
    if any(config.getoption(name, default=False) for name in _SHOW_ONLY):
        return
    rounds = config.getoption("--workstream-repeat") > 1 or config.getoption("--workstream-controls")
    if any(config.getoption("--workstream") or ()) or rounds:
        from workstream.plugin import beginning  # noqa: PLC0415 - who gives no document does not pay for it

        beginning.begin(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Tell a test that asks for one of our fixtures in a run without a document when they are there."""
    return (yield from _explained(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Likewise for a test that asks while it runs."""
    return (yield from _explained(item))


def _explained(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    except pytest.FixtureLookupError as error:
        if error.argname in _FIXTURES and error.msg is None and not item.config.pluginmanager.has_plugin(_SESSION):
            error.msg = (
                f"the fixture {error.argname!r} is one of workstream's, which are there in a run that proves the "
                "criteria of documents: pytest --workstream PATH"
            )
        raise


def _count(text: str) -> int:
    """Return a number of rounds.

    Raises:
        argparse.ArgumentTypeError: it is none.

    """
    if not text.isdecimal() or int(text) < 1:
        message = f"{text!r}: expected a whole number above zero"
        raise argparse.ArgumentTypeError(message)
    return int(text)
