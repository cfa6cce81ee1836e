"""Which test speaks of which criterion: markers become lines of the manifest."""

from __future__ import annotations

import difflib
import inspect
import os
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from workstream import documents, evidence
from workstream.documents.ids import DOCUMENT_ID
from workstream.evidence import provenance, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from workstream.documents import Criterion
    from workstream.plugin.project import Project

MARKER = "criterion"
FIXTURES = "workstream.plugin.fixtures"
# Which of our fixtures a fixture asked for while it was set up (`request.getfixturevalue`), by its identity: later
# tests get its value without asking again.
ASKED = pytest.StashKey[dict[int, frozenset[str]]]()
_ALIKE = 0.75  # how similar to ours a marker's name has to be to count as a misspelling: 1 is the same


class Bindings(BaseModel):
    """What the markers of a suite say.

    Attributes:
        manifest: which test speaks of which criterion, by the id of its document.
        elsewhere: tests that speak of criteria, and of none of the documents that the run is asked for.
        problems: what would drop a test in silence: markers that cannot be understood or match no criterion, tests
            that pytest does not collect; a sentence each.

    """

    manifest: dict[str, list[records.Manifest]] = {}
    elsewhere: list[str] = []
    problems: list[str] = []

    def lines(self) -> Iterator[records.Manifest]:
        """Yield the manifest of every document."""
        for lines in self.manifest.values():
            yield from lines


def bind(items: Iterable[pytest.Item], project: Project) -> Bindings:
    """Return which criteria each test speaks of."""
    bindings = Bindings()
    seen = set()
    for item in items:
        if item.nodeid in seen and item.get_closest_marker(MARKER):
            bindings.problems.append(f"{item.nodeid}: there are two tests of this name, and nobody can tell them apart")
        seen.add(item.nodeid)
        spoken = []
        for marker in item.iter_markers():
            try:
                if marker.name == MARKER:
                    document_id, lines = _lines(item, marker, project)
                    spoken.append(document_id)
                    bindings.manifest.setdefault(document_id, []).extend(lines)
                else:
                    _require_other(marker, project.config)
            except (TypeError, ValueError) as error:
                bindings.problems.append(f"{item.nodeid}: {error}")
        if spoken and project.by_id.keys().isdisjoint(spoken):
            bindings.elsewhere.append(item.nodeid)
    bindings.manifest = {one: bindings.manifest[one] for one in project.by_id if bindings.manifest.get(one)}
    bindings.problems = list(dict.fromkeys(bindings.problems))
    return bindings


def _require_other(marker: pytest.Mark, config: pytest.Config) -> None:
    """Refuse a marker that was probably meant to be ours.

    Raises:
        ValueError: its name is nearly ours, or it names a document.

    """
    known = {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
    near = difflib.SequenceMatcher(None, marker.name.lower(), MARKER).ratio() >= _ALIKE
    names_document = bool(marker.args) and isinstance(marker.args[0], str) and DOCUMENT_ID.fullmatch(marker.args[0])
    if marker.name not in known and (near or names_document):
        message = f"the marker {marker.name!r} is unknown, and looks like {MARKER!r}: was that meant?"
        raise ValueError(message)


def _lines(item: pytest.Item, marker: pytest.Mark, project: Project) -> tuple[str, list[records.Manifest]]:
    """Return the document that one marker means, and a line for each criterion of it, if the run is asked for it.

    Raises:
        TypeError: the marker's arguments are not those that it takes.
        ValueError: its level or its document is unknown, or its text matches no criterion, or several that differ.

    """
    document_id, text, level = _arguments(marker)
    document = project.by_id.get(document_id.upper())
    if document is None:
        _require_known(document_id, project)
        return document_id.upper(), []
    criteria = documents.identified(text, document)
    if not criteria:
        near = documents.nearest(text, document)
        hint = f"\n  The nearest is {near.id}: {near.text}" if near else ""
        message = f"{document.path} has no criterion {text!r}.{hint}"
        raise ValueError(message)
    if len({evidence.verdict.text_sha256(criterion) for criterion in criteria}) > 1:
        names = " and ".join(criterion.id for criterion in criteria)
        message = f"{document.path}: {names} say {text!r} and promise different things: tell them apart by words"
        raise ValueError(message)
    return document.id, [_line(item, criterion, level, project) for criterion in criteria]


def _line(item: pytest.Item, criterion: Criterion, level: evidence.Level | None, project: Project) -> records.Manifest:
    needed = project.level(criterion)
    return records.Manifest(
        test=item.nodeid,
        criterion_id=criterion.id,
        level=level if level is not None and level.reaches(needed) else needed,
        doc=_sentence(item),
        source_path=os.path.relpath(item.path, project.config.rootpath),
        source_sha256=provenance.path_sha256(item.path),
    )


def _require_known(document_id: str, project: Project) -> None:
    """Refuse the id of a document that is not there: a typo would drop the test in silence.

    Raises:
        ValueError: no document has it.

    """
    known = project.document_ids
    if document_id.upper() not in known:
        near = difflib.get_close_matches(document_id.upper(), known, n=1)
        hint = f" Was {near[0]} meant?" if near else ""
        message = (
            f"no document has the id {document_id!r}.{hint} "
            f"Known are {', '.join(sorted(known))}; workstream_documents says where others stand."
        )
        raise ValueError(message)


def _arguments(marker: pytest.Mark) -> tuple[str, str, evidence.Level | None]:
    try:
        document_id, text, level = _criterion(*marker.args, **marker.kwargs)
        return str(document_id), str(text), None if level is None else evidence.Level(str(level))
    except (TypeError, ValueError) as error:
        message = (
            'write @pytest.mark.criterion("WS-001-04", "the criterion\'s text"), with level= one of '
            f"{', '.join(evidence.Level)} if this test is to see more than the criterion takes ({error})"
        )
        raise TypeError(message) from error


def _criterion(document_id: object, text: object, level: object = None) -> tuple[object, ...]:
    """Take the marker's arguments, as Python does."""
    return document_id, text, level


def _sentence(item: pytest.Item) -> str:
    """Return the first paragraph of a test's docstring, on one line."""
    doc = inspect.getdoc(getattr(item, "function", None)) or ""
    return " ".join(doc.partition("\n\n")[0].split())


def level_of(item: pytest.Item) -> evidence.Level:
    """Return the level at which a test observes: which of our fixtures it uses decides, itself or through others."""
    if uses(item, "cluster"):
        return evidence.Level.CLUSTER
    return evidence.Level.IMAGE if uses(item, "engine") else evidence.Level.STATIC


def uses(item: pytest.Item, name: str) -> bool:
    """Whether a test uses a fixture of ours; one that overrides ours without asking for it does not count."""
    # pytest has no other way to ask before the test runs, or while it does.
    named: Mapping[str, Sequence[Any]] = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    if _rests_on_ours(named.get(name, ()), name):
        return True
    active: Mapping[str, Any] = getattr(getattr(item, "_request", None), "_fixture_defs", {})
    earlier = item.config.stash.get(ASKED, {})
    return any(_is_ours(definition, name) or name in earlier.get(id(definition), ()) for definition in active.values())


def asked(request: pytest.FixtureRequest) -> frozenset[str]:
    """Return which of our fixtures that tell a level were asked for on behalf of a test by now."""
    definitions = list(getattr(request, "_fixture_defs", {}).values())
    earlier = request.config.stash.get(ASKED, {})
    return frozenset(
        name
        for name in ("cluster", "engine")
        for definition in definitions
        if _is_ours(definition, name) or name in earlier.get(id(definition), ())
    )


def _rests_on_ours(definitions: Sequence[Any], name: str) -> bool:
    """Whether the last of a name's definitions is ours, or asks for the one before, and so on to ours."""
    for definition in reversed(definitions):
        if _is_ours(definition, name):
            return True
        if name not in definition.argnames:
            return False
    return False


def _is_ours(definition: Any, name: str) -> bool:  # noqa: ANN401 - pytest's own class is not public
    return bool(definition.argname == name and definition.func.__module__ == FIXTURES)
