"""What controls showed when that was accepted, in `checklists/controls/` of a project: what need not be run again.

A control is taken over only where nothing changed that could change what it shows. Unknown means run.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from workstream import errors
from workstream.evidence import freshness, provenance
from workstream.evidence.records import Manifest, Subject, TakenOver

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from workstream.documents import Document
    from workstream.evidence.log import Log

FOLDER = Path("checklists", "controls")
FORMAT = "1.0"
_KIND = re.compile(r"""\bkind["']?\s*:""")  # of a file that kubectl would apply
HARNESS = "workstream and the packages beside it"  # the name of the subject that holds their hash
CONFIGURATION = "options and settings of pytest"  # likewise
_AROUND = (CONFIGURATION, "kind", "helm", "kubectl")


class Kept(BaseModel):
    """The file.

    Attributes:
        format: `major.minor`; a reader refuses another major version.
        document: the document's id.
        context_sha256: see `records.Session`.
        criteria: likewise.
        harness_sha256: see `harness_sha256`.
        around: what else the run was told, and which programs it called, by the names of the subjects that say it.
        commit: the commit of the run.
        test_paths: see `records.Selection`.
        manifest: which test speaks of which criterion, each with the hash of its module.
        subjects: what was described by the hash of a file or folder.
        products: what every test came to, on the whole product and on each broken one.

    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: str
    document: str
    context_sha256: str
    criteria: dict[str, str]
    harness_sha256: str
    around: dict[str, str] = {}
    commit: str
    test_paths: tuple[str, ...]
    manifest: tuple[Manifest, ...]
    subjects: tuple[Subject, ...]
    products: tuple[TakenOver, ...]


@dataclass(frozen=True, slots=True)
class Taking:
    """What can be taken over.

    Attributes:
        products: what is taken over of the whole product, under an empty name, and of each control.
        why_not: why the rest must run, a sentence each.
        tests: all tests that there were.
        subjects: what that rests on which is taken over: tests that do not run do not describe it.
        once_rendered: what can be taken over once it is seen that Helm renders of the whole product what it did, and
            with the values of a control; None if nothing can be, or that need not be seen.

    """

    products: Mapping[str, TakenOver]
    why_not: tuple[str, ...] = ()
    tests: frozenset[str] = frozenset()
    subjects: tuple[Subject, ...] = ()
    once_rendered: Taking | None = None

    def rendered(self, seen: Mapping[str, tuple[str, ...]], own_values: Collection[str]) -> Taking | None:
        """Return what is taken over now that it is known what Helm renders; None if that is nothing.

        Args:
            seen: its hashes, with the values of each control; of the whole product under an empty name.
            own_values: the controls that have values of their own.

        """
        if self.once_rendered is None:
            return None
        kept = self.once_rendered.products
        same = {name for name, one in kept.items() if one.renderings and seen.get(name) == one.renderings}
        if "" not in same:
            return None
        others = [name for name in kept if name in own_values and name not in same]
        why = [
            f"With the values of the control {name} Helm renders something else, or nobody knows." for name in others
        ]
        products = {name: one for name, one in kept.items() if name and name not in others}
        return replace(self.once_rendered, products=products, why_not=(*self.once_rendered.why_not, *why))


def path_of(document_id: str, root: Path) -> Path:
    """Return where a project keeps what controls of a document showed."""
    return root / FOLDER / f"{document_id}.json"


def harness_sha256() -> str:
    """Return the hash of what proves: this package, Python and all packages that are installed beside it."""
    installed = sorted(f"{one.name}=={one.version}" for one in importlib.metadata.distributions())
    ours = provenance.path_sha256(Path(__file__).parents[1])
    return hashlib.sha256(json.dumps([ours, platform.python_version(), installed]).encode()).hexdigest()


def content_of(log: Log, products: Iterable[TakenOver]) -> bytes:
    """Return the bytes of the file.

    Args:
        log: the evidence of a session in which every control did what it must.
        products: see `workstream.evidence.matrix.kept`.

    """
    session = log.session
    found = Kept(
        format=FORMAT,
        document=session.document_id,
        context_sha256=session.context_sha256,
        criteria=session.criteria,
        harness_sha256=next((str(one.value) for one in log.subjects if one.name == HARNESS), ""),
        around={one.name: str(one.value) for one in log.subjects if one.name in _AROUND},
        commit=session.commit,
        test_paths=log.selection.test_paths if log.selection else (),
        manifest=tuple(line.model_copy(update={"doc": ""}) for line in log.manifest),
        subjects=tuple(dict.fromkeys(_hashable(one) for one in log.subjects if one.path)),
        products=tuple(products),
    )
    return (found.model_dump_json(indent=1) + "\n").encode()


def _hashable(one: Subject) -> Subject:
    return one.model_copy(update={"value": str(one.value)})


def read(path: Path) -> Kept:
    """Read what controls showed.

    Raises:
        errors.AcceptedError: it is none of our files, or of another version.
        errors.EvidenceError: it cannot be read.

    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise errors.EvidenceError(
            f"{path} cannot be read: {error.strerror}.",
            instead="Run all controls, and keep what they show: workstream accept DOCUMENT --controls.",
        ) from error
    return _parsed(content, str(path))


def read_of_commit(document_id: str, root: Path, revision: str) -> Kept | None:
    """Read what controls showed as a commit keeps it; None if it keeps nothing of that document.

    Raises:
        errors.AcceptedError: it is none of our files, or of another version.
        errors.UsageError: there is no such commit.

    """
    path = path_of(document_id, Path())
    content = provenance.committed(root, revision, path)
    return None if content is None else _parsed(content.encode(), f"{revision}:{path}")


def _parsed(content: bytes, path: str) -> Kept:
    try:
        kept = Kept.model_validate_json(content)
    except ValidationError as error:
        raise errors.AcceptedError(
            f"{path}: it says nothing of controls that this workstream understands.",
            instead="Nobody edits these files. Run all controls, and accept what they show.",
        ) from error
    if kept.format.partition(".")[0] != FORMAT.partition(".")[0]:
        raise errors.AcceptedError(
            f"{path} has version {kept.format} of its format; this workstream reads {FORMAT.partition('.')[0]}.x.",
            instead="Run all controls, and accept what they show.",
        )
    return kept


def taking(
    kept: Kept, document: Document, root: Path, controls: Mapping[str, str], around: Mapping[str, str]
) -> Taking:
    """Return what can be taken over, test by test.

    Args:
        kept: what was accepted.
        document: the document as it is now.
        root: the folder from which paths start: pytest's root.
        controls: the hash of each control as it is now, by its name.
        around: see `Kept.around`; of a program its version, or what else is known of it: one that is yet to be built
            is the one that was built then, because that is as old as workstream.

    """
    now = provenance.session(document, root, "")
    if (kept.document, kept.criteria, kept.context_sha256) != (document.id, now.criteria, now.context_sha256):
        return Taking({}, (f"{document.path} says something else now.",))
    if kept.harness_sha256 != harness_sha256():
        return Taking({}, ("workstream, Python or a package beside it is another one now.",))
    # Programs that were not described were not called.
    before = {CONFIGURATION: "", **kept.around}
    others = [name for name, value in around.items() if value not in before.get(name, value).split(" ", 1)]
    if others:
        return Taking({}, tuple(f"{name}: another one than when it was accepted." for name in others))
    basis = freshness.Basis(kept.document, kept.manifest, kept.subjects, kept.test_paths)
    since = freshness.changes(basis, root)
    why = tuple(f"{change.what}." for change in since)
    if not any(change.tests is None for change in since):
        return _unchanged(kept, since, controls, why)
    if not all(_is_of_a_chart(change, root) for change in since):
        return Taking({}, why)
    rendered = tuple(f"{change.what}, and Helm renders of the whole product what it did." for change in since)
    return Taking({}, why, once_rendered=_unchanged(kept, since, controls, rendered))


def _unchanged(
    kept: Kept, since: Sequence[freshness.Change], controls: Mapping[str, str], why: tuple[str, ...]
) -> Taking:
    """Return what is taken over but for what changed."""
    changed = frozenset(test for change in since for test in change.tests or ())
    products = {one.control: one for one in kept.products}
    other = [f"The control {name} is another one now." for name in controls if _is_other(products.get(name), controls)]
    same = {name: one for name, one in products.items() if not name or controls.get(name) == one.sha256}
    paths = {change.path for change in since}
    return Taking(
        {name: _part(kept, one, changed) for name, one in same.items()},
        (*why, *other),
        frozenset(line.test for line in kept.manifest),
        (
            *(one for one in kept.subjects if one.path not in paths),
            *(Subject(name=name, value=value) for name, value in kept.around.items() if name != CONFIGURATION),
        ),
    )


def _is_of_a_chart(change: freshness.Change, root: Path) -> bool:
    """Whether what changed is a chart of which everything that reaches a cluster is rendered.

    What it says elsewhere, tests read of the whole product, too.
    """
    folder = root / change.path
    if change.tests is not None or not (folder / "Chart.yaml").is_file():
        return False
    others = (path for path in folder.rglob("*") if "templates" not in path.relative_to(folder).parts)
    return not any(_reaches_a_cluster_by_itself(path) for path in others)


def _reaches_a_cluster_by_itself(path: Path) -> bool:
    """Whether something beside the templates of a chart may be installed without being rendered."""
    if path.is_dir():
        return path.name == "crds"
    if path.suffix == ".md":
        return False
    try:
        return path.suffix == ".tgz" or _KIND.search(path.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:  # nobody knows
        return True


def _is_other(product: TakenOver | None, controls: Mapping[str, str]) -> bool:
    return product is None or controls[product.control] != product.sha256


def _part(kept: Kept, product: TakenOver, changed: frozenset[str]) -> TakenOver:
    """Return what is taken over of a product where some tests changed.

    Of a criterion that the product turns red, all tests run if one changed: some may not have run because that one
    failed. So do those of one that other controls of its round turned red: which of them share its round now, is seen
    anew.
    """
    red = {*product.turns_red, *product.hidden}
    touched = {line.criterion_id for line in kept.manifest if line.test in changed} & red
    again = changed | {line.test for line in kept.manifest if line.criterion_id in touched}
    return product.model_copy(
        update={
            "tests": tuple(test for test in product.tests if test not in again),
            "not_proven": tuple(one for one in product.not_proven if one.test not in again),
            "noticed": tuple(test for test in product.noticed if test not in again),
            "hidden": tuple(one for one in product.hidden if one not in touched),
        }
    )
