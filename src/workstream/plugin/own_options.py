"""Options that a project's own conftest files and plugins add to pytest: what they do to a collection, nobody knows."""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstream.plugin import PARSER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest


def given(config: pytest.Config, is_own: Callable[[Path], bool]) -> dict[str, Any]:
    """Return which of these options were said, on whatever way, to be something else than their default.

    Args:
        config: pytest's.
        is_own: whether a file belongs to the project.

    Returns:
        the default of each, by the name under which pytest keeps its value.

    """
    options = _Options(config.stash.get(PARSER, None))
    for caller in config.hook.pytest_addoption.get_hookimpls():
        if is_own(Path(getattr(sys.modules.get(caller.function.__module__), "__file__", None) or "")):
            known = {"parser": options, "pluginmanager": config.pluginmanager}
            caller.function(*(known[name] for name in caller.argnames))
    return {name: value for name, value in options.defaults.items() if config.getoption(name, value) != value}


def plugins(config: pytest.Config, is_own: Callable[[Path], bool]) -> Iterator[str]:
    """Yield the modules of the project that the command line or the environment makes plugins of this run alone.

    Args:
        config: pytest's.
        is_own: whether a file belongs to the project.

    """
    said = [*map(str, config.invocation_params.args), *shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))]
    behind = [after for before, after in itertools.pairwise(said) if before == "-p"]
    joined = [one[2:] for one in said if one.startswith("-p") and one[2:3].isidentifier()]
    for name in map(str.strip, [*behind, *joined, *os.environ.get("PYTEST_PLUGINS", "").split(",")]):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and is_own(Path(file)) and name not in config.getini("addopts"):
            yield name


class _Options:
    """Stands in for pytest's parser and its groups, and keeps the defaults of what is added to them.

    Args:
        parser: the parser itself, for whatever else a conftest file asks it.

    """

    def __init__(self, parser: pytest.Parser | None) -> None:
        self.defaults: dict[str, Any] = {}
        self._parser = parser

    def __getattr__(self, name: str) -> object:
        """Return what the parser itself has."""
        return getattr(self._parser, name)

    def addoption(self, *names: str, **settings: Any) -> None:  # noqa: ANN401 - as argparse takes them
        """Keep the default of one option; one that must be given has none."""
        parser = argparse.ArgumentParser(add_help=False)
        action = parser.add_argument(*names, **settings)
        if not action.required:
            self.defaults |= vars(parser.parse_args([]))  # as its type makes it of a text

    def addini(self, *_: object, **__: object) -> None:
        """Pass over settings: they hold for every run, and one that does not makes the run a part."""

    def getgroup(self, *_: object, **__: object) -> _Options:
        """Take a group's options as all others."""
        return self
