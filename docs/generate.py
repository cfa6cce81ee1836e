"""Makes the generated pages of this folder anew; with --check, says which are not current (`nox -s generated`)."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors
from workstream.evidence import records
from workstream.reports.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = Path(__file__).parent / "reference"
UNIT = Path(__file__).parents[1] / "tests" / "unit"
_TRAPS = (
    "plugin/test_traps.py",
    "plugin/test_selection.py",
    "plugin/test_repeat.py",
    "plugin/test_controls.py",
    "evidence/test_verdict.py",
    "evidence/test_log.py",
    "evidence/test_freshness.py",
)


def exit_codes() -> str:
    """Return the table of exit codes, from the errors themselves."""
    kinds: list[type[errors.WorkstreamError]] = [errors.WorkstreamError, *_below(errors.WorkstreamError)]
    rows = [f"| {kind.exit_code} | {kind.summary} |" for kind in sorted(kinds, key=lambda kind: kind.exit_code)]
    head = [
        "# Exit codes",
        "",
        "Made by `nox -s generated` from `src/workstream/errors.py`. Below 10 they are pytest's own: 0, all criteria",
        "are proven, of all documents that the run was asked for; 1, some are not; 2, pytest broke off, or",
        "a module could not be collected; 3, it failed; 4, it was called wrongly; 5, it found no tests. The overview",
        "of a run on several documents",
        "[says why it ended](../how-to/prove-several-documents.md#the-exit-code) with its code.",
        "",
        "| exit code | meaning |",
        "| --- | --- |",
    ]
    return "\n".join([*head, *rows, ""])


def _below(kind: type[errors.WorkstreamError]) -> list[type[errors.WorkstreamError]]:
    return [one for direct in kind.__subclasses__() for one in (direct, *_below(direct))]


def evidence_schema() -> str:
    """Return the JSON Schema of a line of the evidence log."""
    return json.dumps(records.schema(), indent=2, sort_keys=True) + "\n"


def status_schema() -> str:
    """Return the JSON Schema of `verdicts.json`, which is what `workstream status --json` prints."""
    return json.dumps(Status.model_json_schema(), indent=2, sort_keys=True) + "\n"


def traps() -> str:
    """Return what looks like proof and is not, from the tests that try it."""
    head = [
        "# Where a run looks like proof and is not",
        "",
        "Made by `nox -s generated` from the tests. Each makes the run or the log that its line speaks of, and asserts",
        "what must be said of it.",
        "",
        "## One test each",
        "",
        "A test of a suite does this, alone and under pytest-xdist. All are tried in one run, by",
        "`test_only_what_was_proven_is_ticked[alone]` and `[xdist]` of `tests/unit/plugin/test_traps.py`.",
        "",
        "| situation | verdict |",
        "| --- | --- |",
    ]
    rows = [f"| {situation} | {verdict} |" for situation, verdict in _situations()]
    return "\n".join([*head, *rows, *(line for name in _TRAPS for line in _tests(name)), ""])


def _situations() -> Iterator[tuple[str, str]]:
    """Yield the situations of the tests, which are a literal, with their verdicts."""
    yield from ((name, verdict) for name, (_, verdict) in _literal(_TRAPS[0], "SITUATIONS").items())


def _literal(module: str, name: str) -> dict[str, tuple[str, ...]]:
    """Return a mapping that a module of the unit tests holds as a literal."""
    for statement in ast.parse((UNIT / module).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            found: dict[str, tuple[str, ...]] = ast.literal_eval(statement.value)
            return found
    message = f"{module} has no {name}"
    raise LookupError(message)


def _tests(name: str) -> Iterator[str]:
    """Yield a table of the tests of a module, with what each says."""
    yield from ("", f"## `tests/unit/{name}`", "", "| test | what must be |", "| --- | --- |")
    for statement in ast.parse((UNIT / name).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.FunctionDef) and statement.name.startswith("test_"):
            sentence = (ast.get_docstring(statement) or "").partition("\n\n")[0]
            yield f"| `{statement.name}` | {' '.join(sentence.split())} |"


def cheats() -> str:
    """Return what was tried to come by a ticked box, from the tests that try it."""
    head = [
        "# Ways to a box that nobody earned",
        "",
        "Made by `nox -s generated` from `tests/unit/test_cheats.py`, which tries each of them in a repository",
        "whose first criterion is proven, accepted and signed, and whose second fails. The columns say what",
        "[`workstream verify`](accepted-results.md#verify) says where nobody has to sign, what it says with",
        "`--signers`, and what the [gate](gate.md) says by a run of its own, with the accepted results of the",
        "branch that the change is to land on.",
        "",
        "| way | unsigned | with signers | the gate's own run |",
        "| --- | --- | --- | --- |",
    ]
    rows = [f"| {way} | {' | '.join(columns)} |" for way, (_, *columns) in _literal("test_cheats.py", "CHEATS").items()]
    tail = [
        "",
        "**What passes unsigned** was typed by somebody who can write to the repository. That is what unsigned",
        "means, and why neither the gate nor `--signers` believes it.",
        "",
        "**What passes the gate** are changes of the suite, of words around the criteria, or of what it takes to",
        "prove one: nothing can tell that a test of the same name asks less than it did. `workstream diff` names",
        "what changed since the acceptance, and a person has to read it; so has whoever signs. A change of the",
        "workflow, of the harness that it installs, or of the programs of the machine that runs it is the same:",
        "keep them where the change cannot write.",
    ]
    return "\n".join([*head, *rows, *tail, ""])


PAGES = {
    "exit-codes.md": exit_codes,
    "evidence.schema.json": evidence_schema,
    "verdicts.schema.json": status_schema,
    "traps.md": traps,
    "cheats.md": cheats,
}


def main() -> None:
    """Write the pages, or check them."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name, make in PAGES.items():
        path = REFERENCE / name
        if path.exists() and path.read_text(encoding="utf-8") == make():
            continue
        stale.append(name)
        if not check:
            path.write_text(make(), encoding="utf-8")
    if check and stale:
        sys.exit(f"not current: {', '.join(stale)}. Run `nox -s generated` and commit what it changes.")


if __name__ == "__main__":
    main()
