"""The pytest plugin: binds tests to criteria, keeps what they saw, and writes the checklist.

It does nothing unless `--workstream DOCUMENT` is given. This package is the only one that knows pytest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from workstream import documents, errors, limits
from workstream.cluster.kind import DEFAULT_NAME
from workstream.plugin import fixtures
from workstream.plugin.session import SESSION, Session
from workstream.plugin.writing import Writing

_SHOW_ONLY = ("help", "markers", "showfixtures", "show_fixtures_per_test")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("workstream", "prove the criteria of a workstream document")
    group.addoption("--workstream", metavar="DOCUMENT", help="The document whose criteria the tests prove.")
    group.addoption(
        "--workstream-folder",
        metavar="FOLDER",
        help="Where evidence, checklist and diagnostics go (default: build/acceptance/ID).",
    )
    group.addoption("--cluster-name", default=DEFAULT_NAME, help="The name of the kind cluster (default: %(default)s).")
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


@pytest.hookimpl(tryfirst=True)  # before junitxml looks at its option
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; begin a session if a document is given."""
    config.addinivalue_line(
        "markers",
        "criterion(document, text, level='cluster'): this test proves that criterion of that document, "
        "if it records something that it saw at that level.",
    )
    config.addinivalue_line(
        "markers",
        "observes(level): this test observes at that level: 'static' or 'image'.",
    )
    if any(config.getoption(name, default=False) for name in _SHOW_ONLY):
        return
    if config.getoption("--workstream"):
        # A test that returns what it should assert, and a class of tests that cannot be collected, prove nothing.
        for warning in ("PytestReturnNotNoneWarning", "PytestCollectionWarning"):
            config.addinivalue_line("filterwarnings", f"error::pytest.{warning}")
    try:
        path = _document_path(config)
        if not path:
            return
        limits.patience()  # said now, not by every test
        session = _session(config)(config, documents.read(Path(path)))
    except errors.WorkstreamError as error:
        pytest.exit(str(error), returncode=error.exit_code)
    config.stash[SESSION] = session
    config.pluginmanager.register(session, "workstream-session")
    # After every other plugin: `k8s_manager` must be ours.
    config.pluginmanager.register(fixtures, "workstream-fixtures")


def _document_path(config: pytest.Config) -> str:
    """Return which document is asked for; empty if none is, and nothing else of ours.

    Raises:
        errors.UsageError: an option is given that means nothing without a document.

    """
    path = str(config.getoption("--workstream") or "")
    if not path and (config.getoption("--repeat") > 1 or config.getoption("--controls")):
        raise errors.UsageError(
            "--repeat and --controls are about the criteria of a document, and none is given.",
            instead="Name it with --workstream.",
        )
    return path


def _count(text: str) -> int:
    """Return a number of rounds.

    Raises:
        argparse.ArgumentTypeError: it is none.

    """
    if not text.isdecimal() or int(text) < 1:
        message = f"{text!r}: expected a whole number above zero"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _session(config: pytest.Config) -> type[Session]:
    """Return this process's part: only one process writes, and none that does not run tests."""
    return Session if config.option.collectonly or hasattr(config, "workerinput") else Writing
