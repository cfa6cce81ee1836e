from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from workstream import documents
from workstream.evidence import provenance

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "## WS-900: Story\n\n### Acceptance Criteria\n\n- [ ] one\n- [ ] two\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one document in it, committed."""
    (tmp_path / "WS-900.md").write_text(TEXT)
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.invalid")
    for arguments in (("init", "-q"), ("add", "WS-900.md"), (*identity, "commit", "-q", "-m", "Begin")):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)  # noqa: S603, S607 - ours
    return tmp_path


def test_the_first_line_says_where_the_evidence_comes_from(root: Path) -> None:
    """A session knows its document by path, id, hash and criteria, and the commit of its tree."""
    session = provenance.session(documents.read(root / "WS-900.md"), root, "pytest")
    assert (session.document_path, session.document_id, session.command) == ("WS-900.md", "WS-900", "pytest")
    assert list(session.criteria) == ["AC1", "AC2"]
    assert len(session.commit) == 40
    assert not session.dirty
    assert session.time.endswith("+00:00")


def test_a_tree_that_differs_from_its_commit_is_dirty(root: Path) -> None:
    """A change that is not committed, or a file that git does not know, is told."""
    (root / "more.md").touch()
    assert provenance.session(documents.read(root / "WS-900.md"), root, "pytest").dirty


def test_outside_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    """Without git's folder the commit is empty and nothing is dirty."""
    (tmp_path / "WS-900.md").write_text(TEXT)
    session = provenance.session(documents.read(tmp_path / "WS-900.md"), tmp_path, "pytest")
    assert (session.commit, session.dirty) == ("", False)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [("[ ] one", "[x] one", True), ("[ ] two", "[X] two", True), ("one", "more", False), ("Story", "Tale", False)],
)
def test_a_tick_does_not_change_the_hash_of_a_document(tmp_path: Path, before: str, after: str, *, same: bool) -> None:
    """Ticked or not, a document has one hash; any other byte changes it."""
    path = tmp_path / "WS-900.md"
    hashes = {
        provenance.document_sha256(documents.parse(text.encode(), path)) for text in (TEXT, TEXT.replace(before, after))
    }
    assert (len(hashes) == 1) == same
