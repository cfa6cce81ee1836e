"""Sessions that run tests several times: to see whether they are reliable, and whether they notice a broken product."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors
from workstream.controls import mixing, model
from workstream.controls.mixing import Aim
from workstream.documents import identified
from workstream.evidence import accepted, accepted_controls, provenance, records
from workstream.evidence.accepted_controls import Taking
from workstream.evidence.verdict import text_sha256
from workstream.plugin import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pytest

    from workstream.controls.model import Control
    from workstream.documents import Document


@dataclass(frozen=True, slots=True)
class Round:
    """Tests that run one after the other, with fixtures of their own.

    Attributes:
        broken: what the product is broken with; empty if it is whole.
        only_criteria: whether only tests run that speak of a criterion.
        leaves: tests that do not run, because what they come to is taken over.

    """

    broken: tuple[Aim, ...] = ()
    only_criteria: bool = True
    leaves: frozenset[str] = frozenset()

    @property
    def control(self) -> Control | None:
        """What breaks the product; None if it is whole."""
        return mixing.joined([aim.control for aim in self.broken]) if self.broken else None

    def records(self, number: int) -> Iterator[records.Round]:
        """Yield the lines of the log with which it begins: one for each control."""
        time = provenance.now()
        if not self.broken:
            yield records.Round(number=number, time=time)
        for aim in self.broken:
            yield records.Round(
                number=number,
                time=time,
                control=aim.control.name,
                sentence=aim.control.sentence,
                turns_red=tuple(aim.turns_red),
                says={criterion_id: words for criterion_id, words in aim.turns_red.items() if words},
                sha256=aim.control.sha256,
            )

    @property
    def title(self) -> str:
        """What it is, for readers."""
        if len(self.broken) > 1:
            return ", ".join(aim.control.name for aim in self.broken)
        return "; ".join(f"{aim.control.name}: {aim.control.sentence}" for aim in self.broken) or "the product as it is"

    def halves(self) -> tuple[Round, Round]:
        """Return two rounds, of half of its controls each."""
        middle = len(self.broken) // 2
        return replace(self, broken=self.broken[:middle]), replace(self, broken=self.broken[middle:])


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session is to run.

    Attributes:
        rounds: its rounds; none of an ordinary session.
        controls: how many controls it is about.
        taken: what is taken over, and is not run.
        why: why the rest is run, a sentence each; nothing where all was to be.
        subjects: what that rests on which is taken over.
        rendering: the controls with whose values Helm is to render what it does of the whole product.
        instead: takes what Helm rendered in the first round, on the whole product, see `Taking.rendered`; returns what
            the session is to run behind it, or None if that changes nothing.

    """

    rounds: tuple[Round, ...] = ()
    controls: int = 0
    taken: tuple[records.TakenOver, ...] = ()
    why: tuple[str, ...] = ()
    subjects: tuple[records.Subject, ...] = ()
    rendering: tuple[Control, ...] = ()
    instead: Callable[[Mapping[str, tuple[str, ...]]], Plan | None] = lambda _: None


def planned(options: pytest.Config, documents: Sequence[Document]) -> Plan:
    """Return what the options ask for.

    Args:
        options: pytest's.
        documents: the documents under acceptance.

    Raises:
        errors.UsageError: options exclude each other.
        errors.ControlError: a control cannot be read, or names a criterion that there is not, or not any more.
        errors.AcceptedError: what was accepted of the document was changed.

    """
    repeat, path = options.getoption("--workstream-repeat"), options.getoption("--workstream-controls")
    if (repeat > 1 or path) and getattr(options.option, "numprocesses", None):
        raise errors.UsageError(
            "--workstream-repeat and --workstream-controls exclude -n: rounds come one after the other.",
            instead="Leave -n of pytest-xdist away.",
        )
    if options.getoption("--workstream-mixed") and not path:
        raise errors.UsageError(
            "--workstream-mixed is about controls, and there are none.", instead="Name them with --workstream-controls."
        )
    if options.getoption("--workstream-incremental") and not path:
        raise errors.UsageError(
            "--workstream-incremental is about controls, and there are none.",
            instead="Name them with --workstream-controls.",
        )
    if options.getoption("--workstream-against") and not options.getoption("--workstream-incremental"):
        raise errors.UsageError(
            "--workstream-against says whose controls are taken over, and none are.",
            instead="Add --workstream-incremental.",
        )
    if not path:
        repeated = (Round(only_criteria=False), *(Round() for _ in range(1, repeat))) if repeat > 1 else ()
        return Plan(repeated)
    if repeat > 1:
        raise errors.UsageError(
            "--workstream-repeat and --workstream-controls exclude each other.", instead="Leave one of them away."
        )
    if len(documents) > 1:
        raise errors.UsageError(
            "--workstream-controls is about one document: a control names criteria by their places in it.",
            instead="Name one document with --workstream.",
        )
    (document,) = documents
    changed = _changed(document)
    aims = [Aim(control, _found(control, document, changed)) for control in model.load(Path(path))]
    taking = _taking(options, document, aims)
    mixed = bool(options.getoption("--workstream-mixed"))
    valued = tuple(aim.control for aim in aims if aim.control.values)

    def instead(seen: Mapping[str, tuple[str, ...]]) -> Plan | None:
        now = taking.rendered(seen, {control.name for control in valued})
        if now is None:
            return None
        rest = [aim for aim in aims if aim.control.name not in now.products]
        taken = tuple(now.products[aim.control.name] for aim in aims if aim.control.name in now.products)
        rounds = _plan(rest, Taking({}), mixed=mixed).rounds[1:]
        return Plan(rounds, len(aims), taken, now.why_not, now.subjects)

    return replace(_plan(aims, taking, mixed=mixed), rendering=valued, instead=instead)


def _plan(aims: Sequence[Aim], taking: Taking, *, mixed: bool) -> Plan:
    """Return rounds on the whole product, before and after rounds with controls, of all that is not taken over."""
    products = taking.products
    parts: dict[frozenset[str], list[Aim]] = {}
    for aim in aims:
        product = products.get(aim.control.name)
        parts.setdefault(frozenset(product.tests if product else ()), []).append(aim)
    rounds = [
        Round(group, leaves=leaves)
        for leaves, part in parts.items()
        if not leaves or leaves != taking.tests
        for group in (mixing.mixed(part) if mixed else [(aim,) for aim in part])
    ]
    # What one that turns little red makes fail need not fail again on one that turns much red, see `witnesses`.
    rounds.sort(key=lambda round_: max(len(aim.turns_red) for aim in round_.broken))
    whole = products.get("")
    leaves = frozenset(whole.tests if whole else ()).intersection(*(round_.leaves for round_ in rounds))
    taken = [products[aim.control.name] for aim in aims if aim.control.name in products]
    if whole:
        taken.append(whole.model_copy(update={"tests": tuple(sorted(leaves))}))
    whole_product = Round(leaves=leaves)
    return Plan((whole_product, *rounds, whole_product), len(aims), tuple(taken), taking.why_not, taking.subjects)


def _taking(options: pytest.Config, document: Document, aims: Sequence[Aim]) -> Taking:
    """Return what is taken over of controls: nothing, unless that is asked for.

    Raises:
        errors.WorkstreamError: what was accepted cannot be read; or there is nothing, or no such commit.

    """
    if not options.getoption("--workstream-incremental"):
        return Taking({})
    against = options.getoption("--workstream-against")
    if against:
        kept = accepted_controls.read_of_commit(document.id, options.rootpath, against)
    else:
        kept = accepted_controls.read(accepted_controls.path_of(document.id, options.rootpath))
    if kept is None:  # a document that the change brings
        return Taking({}, (f"In {against} nothing was accepted of the controls of {document.id}.",))
    if options.getoption("--workstream-kube-context") or options.getini("workstream_kube_context"):
        return Taking({}, ("The cluster is none of ours: nobody knows what changed there.",))
    now = {aim.control.name: aim.control.sha256 for aim in aims}
    return accepted_controls.taking(kept, document, options.rootpath, now, told.around(options))


def _found(control: Control, document: Document, changed: Mapping[str, str]) -> dict[str, str]:
    """Return the criteria that a control means, by what they say, else by their places: see `Aim.turns_red`.

    Args:
        control: the control.
        document: the document.
        changed: see `_changed`.

    Raises:
        errors.ControlError: there is no such criterion, or what stands in its place is another one.

    """
    texts = {criterion.id: criterion.text for criterion in document.criteria}
    unknown = ", ".join(sorted(red.id for red in control.turns_red if not red.words and red.id not in texts))
    if unknown:
        raise errors.ControlError(
            f"The control {control.name} is to turn {unknown} red, and {document.path} has no such criterion.",
            instead=f"Its criteria are {', '.join(texts)}.",
        )
    found: dict[str, str] = {}
    for red in control.turns_red:
        same = [criterion.id for criterion in identified(red.words, document)] if red.words else [red.id]
        if not same or (not red.words and red.id in changed):
            before = red.words or changed[red.id]
            now = f"and {red.id} is {texts[red.id]!r} now" if red.id in texts else f"and there is no {red.id} any more"
            raise errors.ControlError(
                f"The control {control.name} is to turn {red.id} red, which was {before!r}, {now}.",
                instead="If it breaks that, too, say so in turns_red, by what it says: "
                f"`- {red.id}: {texts.get(red.id, 'what it says')}`.",
            )
        found |= dict.fromkeys(same, control.says.get(red.id, ""))
    return found


def _changed(document: Document) -> Mapping[str, str]:
    """Return what was accepted of places at which another text stands now, by their ids; nothing if nothing was."""
    path = accepted.find(document)
    if path is None:
        return {}
    now = {criterion.id: text_sha256(criterion) for criterion in document.criteria}
    kept = accepted.read(path).statement.details.criteria
    return {one.id: one.text for one in kept if one.id in now and now[one.id] != one.sha256}
