"""Which files this process runs as Python, however it comes to them: `runpy`, or an import that leaves no module."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from types import CodeType

_names: set[str] = set()


@functools.cache
def watch() -> None:
    """Begin to take what is run; for good, since Python takes no such hook away again."""
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    # What an import runs is told as well; a relative name holds only now.
    if event == "exec" and arguments and isinstance(arguments[0], CodeType):
        name = arguments[0].co_filename
        if name.endswith(".py"):
            _names.add(name if name.startswith("/") else os.path.abspath(name))  # noqa: PTH100 - a link stays one


def files() -> set[Path]:
    """Return the files that were run since."""
    return {Path(name) for name in _names.copy()}
