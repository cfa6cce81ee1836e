"""The pytest plugin: binds tests to criteria, keeps what they saw, and writes the checklist.

It does nothing unless `--workstream DOCUMENT` is given: this module imports nothing but pytest, since every run of an
environment that has the package pays for it. This package is the only one that knows pytest.
"""

from __future__ import annotations

import argparse

import pytest

_SHOW_ONLY = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("workstream", "prove the criteria of a workstream document")
    group.addoption("--workstream", metavar="DOCUMENT", help="The document whose criteria the tests prove.")
    group.addoption(
        "--workstream-folder",
        metavar="FOLDER",
        help="Where evidence, checklist and diagnostics go (default: build/acceptance/ID).",
    )
    group.addoption("--cluster-name", default="", metavar="NAME", help="The name of the kind cluster, if not ours.")
    group.addoption(
        "--repeat",
        type=_count,
        default=1,
        metavar="N",
        help="Prove the criteria N times on one cluster, with fixtures anew, and say how often each was proven.",
    )
    group.addoption(
        "--controls",
        metavar="FOLDER",
        help="See whether the tests notice: prove the criteria, then once for each control of the folder (or the one "
        "of this file) on a product that is broken with it. Nothing is ticked; controls.md says what was seen.",
    )
    group.addoption("--keep", action="store_true", help="Keep the cluster; the next run uses it.")
    group.addoption(
        "--kube-context", default="", metavar="NAME", help="Use the cluster of this context instead of a kind cluster."
    )
    group.addoption(
        "--registry", default="", metavar="HOST/PATH", help="Where the nodes of that cluster pull images from."
    )
    # Given by a run to the process that looks at the whole suite for it: where that leaves what it found.
    group.addoption("--workstream-inventory", help=argparse.SUPPRESS)
    parser.addini(
        "workstream_testpaths",
        type="linelist",
        help="Where the tests of documents stand: what is to be run for a criterion (default: testpaths, else all).",
    )
    parser.addini(
        "workstream_documents",
        type="linelist",
        help="Documents, or folders of them, that markers may name (default: those beside the one that is given).",
    )
    parser.addini(
        "workstream_levels",
        type="linelist",
        help="Criteria that need no cluster: lines `LEVEL DOCUMENT` or `LEVEL DOCUMENT TEXT`, LEVEL static or image.",
    )


@pytest.hookimpl(tryfirst=True)  # before junitxml looks at its option
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; begin a session if a document is given."""
    config.addinivalue_line(
        "markers",
        "criterion(document, text, level=None): this test proves that criterion of that document, if its own function "
        "records something that it saw at the level that the criterion takes, or at this one if that is nearer to the "
        "world: static, image or cluster.",
    )
    if any(config.getoption(name, default=False) for name in _SHOW_ONLY):
        return
    if config.getoption("--workstream") or config.getoption("--repeat") > 1 or config.getoption("--controls"):
        from workstream.plugin import beginning  # noqa: PLC0415 - who gives no document does not pay for it

        beginning.begin(config)


def _count(text: str) -> int:
    """Return a number of rounds.

    Raises:
        argparse.ArgumentTypeError: it is none.

    """
    if not text.isdecimal() or int(text) < 1:
        message = f"{text!r}: expected a whole number above zero"
        raise argparse.ArgumentTypeError(message)
    return int(text)
