"""Lets Python read what a zip archive of modules holds again only if the archive changed.

Before every task PySpark asks Python to look anew for modules (`importlib.invalidate_caches`). Python 3.10 to 3.12
then reads the whole table of contents of every archive on its path, once for every package in it that it knows: for
Spark's own archives more than the work of a small task. Python 3.13 puts it off until somebody looks
(https://github.com/python/cpython/issues/103200); this does without it where it would find the same.

Python imports this module at its start, by the .pth file beside it.
"""

import os
import sys
import zipimport

State = tuple[int, int, int]

_read: dict[str, State | None] = {}  # the state of each archive when its contents were read last
_read_directory = zipimport._read_directory  # type: ignore[attr-defined] # noqa: SLF001 - Python's own has no hook
_reads_again = zipimport.zipimporter.invalidate_caches


def _state(archive: str) -> State | None:
    """Return what differs once an archive was written again; None if it is not there."""
    try:
        found = os.stat(archive)  # noqa: PTH116 - pathlib would make every start of Python slower
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _remembering(archive: str) -> object:
    _read[archive] = _state(archive)  # before: what changes while it is read is read again
    return _read_directory(archive)


def _only_if_changed(importer: zipimport.zipimporter) -> None:
    archive = importer.archive
    state = _state(archive)
    contents = zipimport._zip_directory_cache.get(archive)  # type: ignore[attr-defined] # noqa: SLF001 - likewise
    if state is None or state != _read.get(archive) or contents is None:
        _reads_again(importer)
    else:  # another importer of the same archive may have read it anew
        importer._files = contents  # type: ignore[attr-defined] # noqa: SLF001 - likewise


if sys.version_info < (3, 13):
    zipimport._read_directory = _remembering  # type: ignore[attr-defined] # noqa: SLF001 - likewise
    zipimport.zipimporter.invalidate_caches = _only_if_changed  # type: ignore[method-assign]
