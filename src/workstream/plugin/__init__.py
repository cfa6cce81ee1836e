"""The pytest plugin: binds tests to criteria, keeps what they saw, and writes the checklist.

It does nothing unless `--workstream DOCUMENT` is given. This package is the only one that knows pytest.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from workstream import documents, errors
from workstream.cluster.kind import DEFAULT_NAME
from workstream.plugin import fixtures
from workstream.plugin.session import SESSION, Session, Writing


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
    group.addoption("--keep", action="store_true", help="Keep the cluster; the next run uses it.")
    group.addoption(
        "--kube-context", default="", metavar="NAME", help="Use the cluster of this context instead of a kind cluster."
    )
    group.addoption(
        "--registry", default="", metavar="HOST/PATH", help="Where the nodes of that cluster pull images from."
    )


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
    path = config.getoption("--workstream")
    if not path or config.option.collectonly:
        return
    try:
        document = documents.read(Path(path))
        is_worker = hasattr(config, "workerinput")
        session = Session(config, document) if is_worker else Writing(config, document)
    except errors.WorkstreamError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[SESSION] = session
    config.pluginmanager.register(session, "workstream-session")
    # After every other plugin: `k8s_manager` must be ours.
    config.pluginmanager.register(fixtures, "workstream-fixtures")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of everything."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        session.close()
