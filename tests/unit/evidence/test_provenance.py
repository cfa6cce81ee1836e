from __future__ import annotations

import os
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


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A folder with a file and a folder in it, beside a file and a folder that it may have links to."""
    for name in ("chart/values.yaml", "chart/templates/pod.yaml", "shared/file.yaml", "alone.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "chart"


@pytest.mark.parametrize(
    ("target", "changed"), [("../alone.yaml", "alone.yaml"), ("../shared", "shared/file.yaml")], ids=["file", "folder"]
)
def test_what_a_link_inside_a_folder_leads_to_counts(chart: Path, target: str, changed: str) -> None:
    """A folder's hash changes with a file that only a link leads to."""
    (chart / "linked").symlink_to(target)
    before = provenance.path_sha256(chart)
    (chart.parent / changed).write_text("other")

    assert provenance.path_sha256(chart) != before


def test_a_link_counts_as_what_it_leads_to(chart: Path) -> None:
    """A folder with a link has the hash of one with a copy: what is built or installed from both is the same."""
    (chart / "linked").symlink_to("../shared")
    linked = provenance.path_sha256(chart)
    (chart / "linked").unlink()
    (chart / "linked").mkdir()
    (chart / "linked" / "file.yaml").write_text("shared/file.yaml")

    assert provenance.path_sha256(chart) == linked


def test_a_link_to_the_folder_itself_is_followed(chart: Path) -> None:
    """A description by way of a link is one of the folder."""
    (chart.parent / "link").symlink_to("chart")

    assert provenance.path_sha256(chart.parent / "link") == provenance.path_sha256(chart)


def test_where_in_a_folder_a_file_stands_counts(chart: Path) -> None:
    """A chart of the same files in other folders is another chart."""
    before = provenance.path_sha256(chart)
    (chart / "templates" / "pod.yaml").rename(chart / "pod.yaml")

    assert provenance.path_sha256(chart) != before


@pytest.mark.parametrize("target", ["nowhere", "linked", "."], ids=["leads nowhere", "to itself", "back up"])
def test_a_link_that_cannot_be_followed_counts_as_a_link(chart: Path, target: str) -> None:
    """It has a hash, by the text of its target, and so has the folder: other than without it, or with a file."""
    link = chart / "linked"
    hashes = {provenance.path_sha256(chart)}
    link.symlink_to(target)
    hashes.add(provenance.path_sha256(chart))
    link.unlink()
    link.symlink_to("elsewhere")
    hashes.add(provenance.path_sha256(chart))
    link.unlink()
    link.write_text(target)
    hashes.add(provenance.path_sha256(chart))

    assert len(hashes) == 4


def contents(folder: Path) -> list[str]:
    """Return what counts in a folder: the operating system would end a loop too, after forty rounds in each link."""
    found = provenance._contents(folder, frozenset({folder.resolve()}))  # noqa: SLF001 - the rule itself
    return sorted(path.relative_to(folder).as_posix() for path, _ in found)


def test_a_link_back_up_is_not_followed(chart: Path) -> None:
    """Every file counts once, and the link as itself."""
    (chart / "templates" / "up").symlink_to("..")

    assert contents(chart) == ["templates/pod.yaml", "templates/up", "values.yaml"]


def test_folders_that_lead_to_each_other_are_walked_once(chart: Path) -> None:
    """A loop through two folders is cut where it leads back, and the files on the way count."""
    (chart / "templates" / "shared").symlink_to("../../shared")
    (chart.parent / "shared" / "templates").symlink_to("../chart/templates")

    inside = ["templates/shared/file.yaml", "templates/shared/templates"]
    assert contents(chart) == ["templates/pod.yaml", *inside, "values.yaml"]


@pytest.mark.parametrize(
    ("name", "counts"),
    [(".helmignore", True), (".hidden/file", True), ("__pycache__/a.pyc", False), ("templates/__pycache__/a", False)],
)
def test_hidden_files_count_and_what_python_compiled_does_not(chart: Path, name: str, *, counts: bool) -> None:
    """A file that a listing passes over changes the hash; one that running the tests leaves does not."""
    before = provenance.path_sha256(chart)
    (chart / name).parent.mkdir(exist_ok=True)
    (chart / name).touch()

    assert (provenance.path_sha256(chart) != before) == counts


def test_what_stands_below_a_folder_of_that_name_counts(chart: Path) -> None:
    """Only what is inside the folder is left out for its name: where the folder itself stands says nothing."""
    place = chart.parent / "__pycache__"
    place.mkdir()
    before = provenance.path_sha256(chart)

    assert provenance.path_sha256(chart.rename(place / "chart")) == before


def test_what_is_no_file_is_passed_over(chart: Path) -> None:
    """A pipe has no content to read: nobody waits for one."""
    before = provenance.path_sha256(chart)
    os.mkfifo(chart / "pipe")

    assert provenance.path_sha256(chart) == before
