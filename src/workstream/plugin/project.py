"""What a project says once, in pytest's configuration file: where tests and documents stand, what needs no cluster."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from _pytest.config.findpaths import locate_config  # what pytest itself would take, which it does not tell

from workstream import documents, errors
from workstream.evidence import Level, records
from workstream.evidence.settings import NAME as SETTINGS
from workstream.evidence.settings import PATHS, settings_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pytest

    from workstream.documents import Criterion, Document

# Settings that one run may have for itself: what it prints and keeps, and where it runs. Any other may decide what is a
# test, which plugins check it, or what its fixtures do.
_FOR_ONE_RUN = re.compile(
    r"(log|junit|verbosity|truncation_limit|tmp_path_retention|faulthandler)_|(console_output_style|cache_dir|testpaths"
    r"|strict(_config|_markers)?"  # what --strict and its like make of themselves
    r"|workstream_(testpaths|cluster_name|kube_context|registry|namespace))$"
)


@dataclass(frozen=True)
class Project:
    """The project whose suite runs.

    Attributes:
        config: pytest's.
        documents: the documents under acceptance, each behind those that it depends on.
        needs: see `documents.Ordered`.
        several: whether the run was asked for several, or for all of a folder, and not for a single document.

    """

    config: pytest.Config
    documents: tuple[Document, ...]
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    several: bool = False

    @cached_property
    def by_id(self) -> Mapping[str, Document]:
        """The documents by their ids."""
        return {document.id: document for document in self.documents}

    @cached_property
    def folder(self) -> Path:
        """Where the project stands: its configuration file, else all that the run knows of."""
        if self.config.inipath is not None and not self.config.getoption("inifilename"):
            return self.config.inipath.parent
        known = [self.config.rootpath, self.config.invocation_params.dir]
        return Path(os.path.commonpath([*known, *(document.path.resolve().parent for document in self.documents)]))

    @cached_property
    def around(self) -> Path:
        """The project; of a document that stands outside of it, the folder of the one around it that has both."""
        outside = (one.path.resolve() for one in self.documents if not one.path.resolve().is_relative_to(self.folder))
        around = (folder for path in outside for folder in path.parents if self.folder.is_relative_to(folder))
        return next((one for one in around if (one / ".git").exists() or locate_config(one, [one])[1]), self.folder)

    @property
    def overridden(self) -> set[str]:
        """The settings that the command line sets for this run."""
        return {override.partition("=")[0] for override in self.config.getoption("override_ini") or ()}

    def only_of_this_run(self) -> Iterator[str]:
        """Yield what this run alone says of tests and of what a criterion takes, and not the project."""
        settings = ", ".join(sorted(name for name in self.overridden if not _FOR_ONE_RUN.match(name)))
        if settings:
            yield f"{settings} was set for this run alone, and not by the project."
        chosen, folder = self.config.getoption("inifilename"), self.config.invocation_params.dir
        own = locate_config(folder, [folder])[1] if chosen else None
        if own is not None and own.resolve() != self.config.inipath:
            yield f"{chosen} was set for this run alone: the configuration of the project is {own.name}."

    @cached_property
    def settings(self) -> records.Subject | None:
        """What the configuration says of what a test is, and of what a criterion takes; None where there is none."""
        path = self.config.inipath
        if path is None or self.config.getoption("inifilename"):
            return None
        return records.Subject(
            name=SETTINGS, value=settings_sha256(path), path=os.path.relpath(path, self.config.rootpath)
        )

    def setting(self, name: str) -> str:
        """Return what the command line says for this run, else the configuration for all; empty if neither does."""
        option = self.config.getoption(f"--workstream-{name}")
        return str(option or self.config.getini(f"workstream_{name.replace('-', '_')}") or "")

    @cached_property
    def test_paths(self) -> tuple[Path, ...]:
        """Where tests stand: the configuration says it, unless it was given for this run alone."""
        configured = not self.config.getoption("inifilename") and not set(PATHS) & self.overridden
        for name in PATHS if configured else ():
            patterns = self.config.getini(name)
            paths = [Path(path) for pattern in patterns for path in self._matches(pattern)]
            if paths:
                return tuple(paths)
        return (self.folder,)

    @cached_property
    def document_ids(self) -> frozenset[str]:
        """The ids of the documents that a marker may name."""
        patterns = self.config.getini("workstream_documents")
        named = [Path(path) for pattern in patterns for path in self._matches(pattern)]
        folders = dict.fromkeys(document.path.resolve().parent for document in self.documents)
        beside = (path for folder in folders for path in folder.glob("*.md"))
        return frozenset([*self.by_id, *_ids(named or beside)])

    def _matches(self, pattern: str) -> list[str]:
        return sorted(glob.glob(str(self.folder / pattern), recursive=True))  # noqa: PTH207 - the pattern may be absolute

    @cached_property
    def _allowed(self) -> list[tuple[Level, Criterion]]:
        """The criteria that need no cluster, with the level that they take."""
        return [allowance for line in self.config.getini("workstream_levels") for allowance in self._allowance(line)]

    def _allowance(self, line: str) -> Iterator[tuple[Level, Criterion]]:
        """Yield the criteria of our documents that a line of `workstream_levels` means.

        Raises:
            errors.UsageError: it cannot be understood.

        """
        level, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if level not in set(Level) or not rest:
            raise errors.UsageError(
                f"workstream_levels: {line!r} says no level and document.",
                instead=f"Write `LEVEL DOCUMENT` or `LEVEL DOCUMENT TEXT`, LEVEL one of {', '.join(Level)}.",
            )
        # The name of a spec's folder may have several words, and so has its id.
        meant = [one for one in self.documents if f"{rest} ".upper().startswith(f"{one.id} ")]
        if not meant:
            return
        document = max(meant, key=lambda one: len(one.id))
        text = rest[len(document.id) :]
        criteria = documents.identified(text, document) if text.strip() else document.criteria
        if text.strip() and not criteria:
            near = documents.nearest(text, document)
            raise errors.UsageError(
                f"workstream_levels: {document.path} has no criterion {text.strip()!r}.",
                instead=f"The nearest is {near.id}: {near.text}" if near else "Copy the criterion's text.",
            )
        yield from ((Level(level), criterion) for criterion in criteria)

    def require_sense(self) -> None:
        """Read the levels now, so that a mistake in them is reported before any test runs.

        Raises:
            errors.UsageError: the configuration cannot be understood.

        """
        _ = self._allowed

    def level(self, criterion: Criterion) -> Level:
        """Return the level that a criterion takes: the cluster, unless the configuration allows less."""
        levels = [level for level, other in self._allowed if other is criterion]
        return levels[-1] if levels else Level.CLUSTER


def _ids(paths: Iterable[Path]) -> Iterator[str]:
    """Yield the ids of documents, and of those in folders; skip files that are no documents."""
    for path in paths:
        for file in sorted(path.glob("**/*.md")) if path.is_dir() else [path]:
            try:
                yield documents.read(file).id
            except errors.DocumentError:
                continue
