"""Makes the generated pages of this folder anew; with --check, says which are not current (`nox -s generated`)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import TypeAdapter

from workstream import errors
from workstream.evidence import records

REFERENCE = Path(__file__).parent / "reference"


def exit_codes() -> str:
    """Return the table of exit codes, from the errors themselves."""
    kinds: list[type[errors.WorkstreamError]] = [errors.WorkstreamError, *_below(errors.WorkstreamError)]
    rows = [f"| {kind.exit_code} | {kind.summary} |" for kind in sorted(kinds, key=lambda kind: kind.exit_code)]
    head = [
        "# Exit codes",
        "",
        "Made by `nox -s generated` from `src/workstream/errors.py`. Below 10 they are pytest's own: 0, all criteria",
        "are proven; 1, some are not; 3, pytest failed; 4, it was called wrongly; 5, it found no tests.",
        "",
        "| exit code | meaning |",
        "| --- | --- |",
    ]
    return "\n".join([*head, *rows, ""])


def _below(kind: type[errors.WorkstreamError]) -> list[type[errors.WorkstreamError]]:
    return [one for direct in kind.__subclasses__() for one in (direct, *_below(direct))]


def evidence_schema() -> str:
    """Return the JSON Schema of a line of the evidence log."""
    schema = TypeAdapter(records.AnyRecord).json_schema()
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


PAGES = {"exit-codes.md": exit_codes, "evidence.schema.json": evidence_schema}


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
