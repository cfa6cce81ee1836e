from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workstream import documents, errors
from workstream.documents import tick as ticking

CASES = 300

ITEM = st.tuples(
    st.sampled_from(["- ", "* ", "1. ", "-\t"]), st.sampled_from(" xX"), st.text("abc ✅ü*`", min_size=1, max_size=9)
)
NEWLINE = st.sampled_from(["\n", "\r\n"])
ANYTHING = st.one_of(
    st.text(max_size=400),
    st.lists(
        st.sampled_from(
            [
                "# WS-001-01",
                "- [ ] a",
                "**Acceptance Criteria:**",
                "```",
                "> ",
                "    ",
                "| a | ✅ |",
                "| --- | --- |",
                "---",
                "1. x",
                "\t",
                "## Goal",
            ]
        ),
        max_size=25,
    ).map("\n".join),
)


def document(items: list[tuple[str, str, str]], newline: str, mark: bytes = b"") -> documents.Document:
    """Return a document with these boxes."""
    lines = ["## WS-001-01: x", "", "### Acceptance Criteria", ""]
    for bullet, tick, text in items:
        lines += [f"{bullet}[{tick}] w{text.strip() or 'w'}", ""]
    return documents.parse(mark + newline.join(lines).encode(), Path("x.md"))


@settings(max_examples=CASES, deadline=None)
@given(st.lists(ITEM, min_size=1, max_size=8), NEWLINE, st.sampled_from([b"", b"\xef\xbb\xbf"]), st.randoms())
def test_as_many_bytes_change_as_boxes_and_back_again_nothing_does(
    items: list[tuple[str, str, str]], newline: str, mark: bytes, random: object
) -> None:
    """Ticking changes one byte for each box that changes; unticking gives the very same bytes."""
    before = document(items, newline, mark)
    boxes = {one.id: one.box.ticked for one in before.criteria if one.box is not None}
    wanted = {name: bool(random.getrandbits(1)) for name in boxes}  # type: ignore[attr-defined] # hypothesis' own
    after = ticking.tick(before, wanted)
    changed = sum(one != other for one, other in zip(before.content, after, strict=True))

    assert changed == sum(boxes[name] != wanted[name] for name in boxes)
    again = documents.parse(after, Path("x.md"))
    assert {one.id: one.box.ticked for one in again.criteria if one.box is not None} == wanted
    back = ticking.tick(again, boxes)
    assert back.replace(b"[X]", b"[x]") == before.content.replace(b"[X]", b"[x]")


@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANYTHING)
def test_any_text_is_read_or_refused_with_a_position(text: str) -> None:
    """Whatever a file holds, it is a document or a clear error that says where."""
    try:
        found = documents.parse(text.encode("utf-8", "surrogatepass"), Path("any.md"))
    except errors.DocumentError as error:
        assert error.what.startswith("any.md:")  # noqa: PT017 - either is right
    else:
        assert all(one.position.line >= 1 and one.position.column >= 1 for one in found.criteria)


@settings(max_examples=CASES, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Bytes that are no text are no traceback."""
    try:
        documents.parse(b"# WS-001-01\n" + content, Path("any.md"))
    except errors.DocumentError as error:
        assert "any.md" in error.what  # noqa: PT017 - either is right


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file with an open box."""
    path = tmp_path / "WS-001-01.md"
    path.write_bytes(b"## WS-001-01\n\n### Acceptance Criteria\n\n- [ ] It works well\n")
    return path


def test_writing_keeps_mode_and_changes_the_file_as_a_whole(file: Path) -> None:
    """The new content is there, the mode is what it was, and nothing is left beside it."""
    file.chmod(0o640)
    before = documents.read(file)
    ticking.write(file, before.content, ticking.tick(before, {"AC1": True}))

    assert b"- [x] It works well" in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to somebody else")
def test_writing_keeps_the_owner(file: Path) -> None:
    """A file that root ticks for somebody is still that person's, and their group's."""
    os.chown(file, 1234, 5678)
    before = documents.read(file)
    ticking.write(file, before.content, ticking.tick(before, {"AC1": True}))

    assert b"- [x] It works well" in file.read_bytes()
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 5678)


def test_a_file_that_changed_meanwhile_is_not_written(file: Path) -> None:
    """What somebody wrote meanwhile stays."""
    before = documents.read(file)
    file.write_bytes(b"somebody else's")
    with pytest.raises(errors.TickRefusedError, match="changed while"):
        ticking.write(file, before.content, b"new")

    assert file.read_bytes() == b"somebody else's"


def test_a_write_protected_file_is_not_written(file: Path) -> None:
    """A file that nobody may write is refused, even to root."""
    before = documents.read(file)
    file.chmod(0o444)
    with pytest.raises(errors.TickRefusedError, match="write-protected"):
        ticking.write(file, before.content, b"new")

    assert file.read_bytes() == before.content


def test_a_link_is_followed_and_stays_a_link(file: Path) -> None:
    """The file that a link names is written, and the link still names it."""
    link = file.with_name("link.md")
    link.symlink_to(file.name)
    before = documents.read(link)
    ticking.write(link, before.content, b"new")

    assert link.is_symlink()
    assert file.read_bytes() == b"new"


def test_a_file_that_vanished_is_an_error(file: Path) -> None:
    """The error says that it cannot be written."""
    before = documents.read(file)
    os.remove(file)  # noqa: PTH107 - as somebody else would
    with pytest.raises(errors.TickRefusedError, match="cannot be written"):
        ticking.write(file, before.content, b"new")


def test_what_is_written_in_the_moment_of_the_exchange_is_put_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who held the former file open and wrote to it has the last word."""
    before = documents.read(file)
    exchange = Path.replace

    def late(self: Path, target: Path) -> Path:
        with file.open("ab") as log:
            log.write(b"late\n")
        monkeypatch.setattr(Path, "replace", exchange)
        return exchange(self, target)

    monkeypatch.setattr(Path, "replace", late)
    with pytest.raises(errors.TickRefusedError, match="changed while"):
        ticking.write(file, before.content, ticking.tick(before, {"AC1": True}))

    assert file.read_bytes() == before.content + b"late\n"
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_file_with_two_names_is_not_written(file: Path) -> None:
    """Ticked under one of them, it would say two things."""
    other = file.with_name("other.md")
    other.hardlink_to(file)
    before = documents.read(file)
    with pytest.raises(errors.TickRefusedError, match="2 names"):
        ticking.write(file, before.content, b"new")

    assert file.read_bytes() == other.read_bytes() == before.content


def test_writing_keeps_extended_attributes(file: Path) -> None:
    """What other programs keep beside the content stays."""
    try:
        os.setxattr(file, "user.kept", b"yes")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    before = documents.read(file)
    ticking.write(file, before.content, ticking.tick(before, {"AC1": True}))

    assert os.getxattr(file, "user.kept") == b"yes"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_a_file_of_somebody_else_is_not_taken_over(file: Path, request: pytest.FixtureRequest) -> None:
    """Who may write a file and is not its owner is told whose it is; the file stays that person's."""
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    request.addfinalizer(lambda: shutil.rmtree(folder))
    folder.chmod(0o777)
    file = file.rename(folder / file.name)
    file.chmod(0o666)
    before = documents.read(file)
    os.chown(file, 1234, 1234)
    child = os.fork()
    if child == 0:  # another user, in a process of its own
        code = 1
        try:
            os.setgid(4321)
            os.setuid(4321)
            ticking.write(file, before.content, ticking.tick(before, {"AC1": True}))
        except errors.TickRefusedError as error:
            code = 0 if "belongs to user 1234" in error.what else 2
        except BaseException:  # noqa: BLE001 - the child must end here
            code = 3
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert file.read_bytes() == before.content
    assert file.stat().st_uid == 1234
