"""What a pytest process does with documents: look at the whole suite, run tests, or run them and write."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workstream import documents, errors, limits
from workstream.plugin import executed
from workstream.plugin.project import Project

if TYPE_CHECKING:
    from workstream.plugin.session import Session

# With these, pytest runs no test: what the last run left behind stays as it is.
_RUNS_NOTHING = ("collectonly", "setupplan", "setuponly")


def begin(config: pytest.Config) -> None:
    """Register what this process does.

    Raises:
        pytest.exit.Exception: the options contradict each other, or a document cannot be read.

    """
    try:
        _require_sense(config)
        limits.patience()  # an error in it is reported now, not by every test
        project = _project(config)
        executed.watch()
        if config.getoption("--workstream-inventory"):
            from workstream.plugin.inventory import Inventory  # noqa: PLC0415 - that process needs nothing else

            config.pluginmanager.register(Inventory(config, project), "workstream-inventory")
            return
        session = _session(config)(config, project)
    except errors.WorkstreamError as error:
        pytest.exit(str(error), returncode=error.exit_code)
    from workstream.plugin import fixtures  # noqa: PLC0415 - they need the session's module

    config.pluginmanager.register(session, "workstream-session")
    # After every other plugin: `k8s_manager` must be ours.
    config.pluginmanager.register(fixtures, "workstream-fixtures")


def _project(config: pytest.Config) -> Project:
    """Return the project, with the documents that the run is asked for.

    Raises:
        errors.DocumentError: one cannot be read, or there is none.
        errors.DependencyError: they do not go together.

    """
    paths = [Path(path) for path in config.getoption("--workstream")]
    several = len(paths) > 1 or not documents.names_one(paths[0])
    found = documents.search(paths) if several else documents.Found((documents.read(paths[0]),))
    found.require(f"workstream criteria --passed-over {paths[0]} says why.")
    together = documents.ordered(found.documents)
    return Project(config, together.documents, together.needs, several=several)


def _require_sense(config: pytest.Config) -> None:
    """Refuse options that make no sense.

    Raises:
        errors.UsageError: there is no document, no cluster that an option is about, or no assertion that Python runs.

    """
    paths = config.getoption("--workstream") or []
    if not any(paths):
        raise errors.UsageError(
            "--workstream-repeat and --workstream-controls are about the criteria of a document, and none is given.",
            instead="Name it with --workstream.",
        )
    if not all(paths):
        raise errors.UsageError(
            "--workstream is given several times, and one of them names no path.", instead="Leave that one away."
        )
    of_others = config.getoption("--workstream-kube-context") or config.getini("workstream_kube_context")
    for name in () if of_others else ("--workstream-namespace", "--workstream-registry"):
        if config.getoption(name):
            raise errors.UsageError(
                f"{name} is about a cluster that is there, and none is named.",
                instead="Name its context with --workstream-kube-context, or leave it away for a kind cluster.",
            )
    if sys.flags.optimize:
        raise errors.UsageError(
            "Python runs with -O or PYTHONOPTIMIZE, which removes assertions: tests that assert nothing prove nothing.",
            instead="Run it without.",
        )
    if config.getoption("dist", "no") == "each":
        raise errors.UsageError(
            "--dist=each runs every test several times, and a test that is run again proves nothing.",
            instead="Leave --dist away.",
        )


def _session(config: pytest.Config) -> type[Session]:
    """Return this process's part: only one process writes, and only if it runs tests."""
    from workstream.plugin.controller import Controller  # noqa: PLC0415 - see `begin`
    from workstream.plugin.session import Session  # noqa: PLC0415 - see `begin`

    runs_nothing = any(config.getoption(name, default=False) for name in _RUNS_NOTHING)
    return Session if runs_nothing or hasattr(config, "workerinput") else Controller
