from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workstream import errors, evidence
from workstream.evidence import records

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Story

T = "test_a.py::test_it"


def test_what_is_written_is_read(story: type[Story], tmp_path: Path) -> None:
    """Every kind of line comes back as it was written, in its order."""
    told = story("one").proved(T).described("chart", "abc", "charts/x").ended()
    log = told.log(tmp_path)
    lines = [log.session, log.selection, *log.manifest, *log.observations, *log.outcomes, *log.executions]
    assert [*lines, *log.subjects, log.end] == told.lines
    assert not log.cut


def test_a_line_is_on_the_disk_when_write_returns(story: type[Story], tmp_path: Path) -> None:
    """What was seen can be read while the run goes on."""
    path = tmp_path / "evidence.jsonl"
    writer = evidence.Writer(path)
    for number, line in enumerate(story("one").proved(T).lines, start=1):
        writer.write(line)
        assert path.read_bytes().count(b"\n") == number
        assert path.read_bytes().endswith(b"\n")
    assert evidence.read(path).cut
    writer.close()


def test_a_log_cut_anywhere_is_read_and_proves_no_more(story: type[Story], tmp_path: Path) -> None:
    """However much of its end is missing: what is left is read, and nothing is proven that was not proven whole."""
    told = story("one", "two", "three").bind(T + "1", "AC1").bind(T + "2", "AC2").bind(T + "3", "AC3")
    told.bind(T + "1", "AC3").saw(T + "1", "ä").ran(T + "1").saw(T + "2")
    told.ran(T + "2", records.Result.PASSED, records.Result.FAILED, records.Result.PASSED).ran(T + "3").ended()
    path = told.write(tmp_path / "evidence.jsonl")
    content = path.read_bytes()
    whole = told.states(tmp_path)
    assert whole == ["proven", "failed", "unproven"]
    first = content.index(b"\n") + 1
    for length in range(len(content)):
        path.write_bytes(content[:length])
        if length < first:
            with pytest.raises(errors.EvidenceError, match="session line"):
                evidence.read(path)
            continue
        log = evidence.read(path)
        assert log.cut
        for before, now in zip(whole, evidence.verdicts(log, told.document), strict=True):
            assert not now.proven or before == "proven"


def test_what_a_newer_version_adds_is_passed_over(story: type[Story], tmp_path: Path) -> None:
    """Unknown kinds of lines and unknown fields of known ones do no harm."""
    told = story("one").proved(T).ended()
    path = told.write(tmp_path / "evidence.jsonl")
    lines = [{**json.loads(line), "colour": "red"} for line in path.read_text().splitlines()]
    lines[0]["schema_version"] = "2.99"
    lines.insert(1, {"record": "weather", "sky": "blue"})
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    log = evidence.read(path)
    assert log.observations == tuple(line for line in told.lines if isinstance(line, records.Observation))
    assert evidence.verdicts(log, told.document)[0].proven


def test_a_newer_major_version_is_refused(story: type[Story], tmp_path: Path) -> None:
    """Where fields may mean something else, nothing is guessed."""
    path = story("one").write(tmp_path / "evidence.jsonl")
    path.write_text(path.read_text().replace(f'"schema_version":"{records.SCHEMA_VERSION}"', '"schema_version":"3.0"'))
    with pytest.raises(errors.EvidenceError, match=r"version 3\.0 .* reads 2\.x") as caught:
        evidence.read(path)
    assert caught.value.exit_code == 31


def test_an_older_major_version_is_refused(story: type[Story], tmp_path: Path) -> None:
    """It does not say what the run left out: nothing of it proves anything today, and the message says why."""
    path = story("one").proved(T).ended().write(tmp_path / "evidence.jsonl")
    path.write_text(path.read_text().replace(f'"schema_version":"{records.SCHEMA_VERSION}"', '"schema_version":"1.1"'))
    with pytest.raises(errors.EvidenceError, match="does not say what the run left out"):
        evidence.read(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "no json\n",
        "[]\n",
        "1\n",
        '{"record": "session"}\n',
        '{"record": "session", "schema_version": "one"}\n',
        '{"record": "end", "time": "", "exit_status": 0, "interrupted": false}\n',
        "\x00\xff\n",
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, text: str) -> None:
    """A file that does not start with a session is refused with its name, never with a traceback."""
    path = tmp_path / "evidence.jsonl"
    path.write_text(text)
    with pytest.raises(errors.EvidenceError, match=r"evidence\.jsonl"):
        evidence.read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The error names the file and what to name instead."""
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(errors.EvidenceError, match="cannot be read"):
            evidence.read(path)


def test_a_damaged_line_is_refused(story: type[Story], tmp_path: Path) -> None:
    """A line in the middle that cannot be understood is no cut: somebody edited the log."""
    path = story("one").proved(T).ended().write(tmp_path / "evidence.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    lines[3] = lines[3].replace('"record":"observation"', '"record":"observation","value":')
    path.write_text("".join(lines))
    with pytest.raises(errors.EvidenceError, match=r"evidence\.jsonl:4: "):
        evidence.read(path)


def test_two_logs_in_one_file_are_refused(story: type[Story], tmp_path: Path) -> None:
    """Evidence of two runs is not added up."""
    path = story("one").proved(T).ended().write(tmp_path / "evidence.jsonl")
    path.write_text(path.read_text() * 2)
    with pytest.raises(errors.EvidenceError, match="one session line"):
        evidence.read(path)


@pytest.mark.parametrize(
    ("which", "said"),
    [("selection", "twice what was selected"), ("end", "behind its end"), ("outcome", "behind its end")],
)
def test_what_no_run_writes_is_refused(story: type[Story], tmp_path: Path, which: str, said: str) -> None:
    """A second selection, and whatever stands behind the end, was put there by somebody."""
    path = story("one").proved(T).ended().write(tmp_path / "evidence.jsonl")
    text = path.read_text()
    again = next(line for line in text.splitlines(keepends=True) if f'"record":"{which}"' in line)
    path.write_text(text + again if which != "selection" else text.replace(again, again * 2))
    with pytest.raises(errors.EvidenceError, match=said):
        evidence.read(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["seconds", "value"])
def test_a_number_that_is_none_is_refused(story: type[Story], tmp_path: Path, number: str, field: str) -> None:
    """JSON has no such numbers: what is made of a log could not be read, nor the time be told."""
    path = story("one").proved(T).ended().write(tmp_path / "evidence.jsonl")
    path.write_text(re.sub(rf'"{field}":[^,}}]+', f'"{field}":{number}', path.read_text(), count=1))
    with pytest.raises(errors.EvidenceError, match=r"evidence\.jsonl:\d+: this is no line"):
        evidence.read(path)


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    """Nothing but our own error comes out of reading."""
    path = tmp_path / "evidence.jsonl"
    path.write_bytes(content)
    with pytest.raises(errors.EvidenceError):
        evidence.read(path)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_log_with_any_line_broken_is_read_or_refused(story: type[Story], tmp_path: Path, data: st.DataObject) -> None:
    """Bytes that changed in the middle of a log give our own error, or a log."""
    content = bytearray(story("one").proved(T).ended().write(tmp_path / "evidence.jsonl").read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    (tmp_path / "evidence.jsonl").write_bytes(content)
    try:
        evidence.read(tmp_path / "evidence.jsonl")
    except errors.EvidenceError as error:
        assert "evidence.jsonl" in error.what  # noqa: PT017 - it need not be raised


def test_only_one_run_writes_a_log(tmp_path: Path) -> None:
    """A second writer is refused while the first one lives, in this process and in another."""
    path = tmp_path / "evidence.jsonl"
    first = evidence.Writer(path)
    with pytest.raises(errors.BusyError, match="Another run"):
        evidence.Writer(path)
    other = f"import pathlib; from workstream import evidence; evidence.Writer(pathlib.Path({str(path)!r}))"
    ended = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert "BusyError" in ended.stderr
    first.close()
    evidence.Writer(path).close()


def test_a_refused_writer_leaves_the_log_alone(story: type[Story], tmp_path: Path) -> None:
    """What the first run wrote is still there after the second was refused."""
    path = tmp_path / "evidence.jsonl"
    first = evidence.Writer(path)
    first.write(story("one").lines[0])
    before = path.read_bytes()
    with pytest.raises(errors.BusyError):
        evidence.Writer(path)
    assert path.read_bytes() == before
    first.close()


def test_a_writer_whose_file_somebody_took_away_closes_it_all_the_same(story: type[Story], tmp_path: Path) -> None:
    """A folder that is cleaned up under it leaves no open file behind."""
    path = tmp_path / "evidence.jsonl"
    writer = evidence.Writer(path)
    path.unlink()
    writer.close()
    with pytest.raises(ValueError, match="closed file"):
        writer.write(story("one").lines[0])


def test_a_new_run_replaces_the_log(story: type[Story], tmp_path: Path) -> None:
    """A log holds one run."""
    story("one").proved(T).write(tmp_path / "evidence.jsonl")
    assert story("two").log(tmp_path).manifest == ()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file in the folder's place, or a folder in the file's, is an error of ours."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "evidence.jsonl", tmp_path):
        with pytest.raises(errors.EvidenceError, match="cannot be written"):
            evidence.Writer(path)


def test_what_is_no_log_is_not_written_over(story: type[Story], tmp_path: Path) -> None:
    """A pipe would wait for ever, and a file that a link names would be lost; a log that broke off goes."""
    document, path = tmp_path / "document.md", tmp_path / "evidence.jsonl"
    document.write_text("# WS-900")
    path.symlink_to(document)
    with pytest.raises(errors.EvidenceError, match="is no evidence log"):
        evidence.Writer(path)
    assert document.read_text() == "# WS-900"
    path.unlink()
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # without the check, the writer would find it and go on
    with pytest.raises(errors.EvidenceError, match="is no evidence log"):
        evidence.Writer(path)
    os.close(reader)
    path.unlink()
    path.write_text('{"record":"ses')
    assert len(story("one").log(tmp_path).session.criteria) == 1


def test_a_full_disk_is_told(story: type[Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that does not reach the disk is an error at that line."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    writer = evidence.Writer(tmp_path / "evidence.jsonl")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(errors.EvidenceError, match="No space left on device"):
        writer.write(story("one").lines[0])
    writer.close()


def test_half_a_character_in_a_message_spoils_no_log(story: type[Story], tmp_path: Path) -> None:
    """Python puts file names that are no UTF-8 into messages; a file cannot hold them."""
    path = tmp_path / "evidence.jsonl"
    writer = evidence.Writer(path)
    told = story("one").bind("t").ran("t", records.Result.FAILED)
    for line in told.lines:
        broken = line.model_copy(update={"message": "bad name \udcff"}) if isinstance(line, records.Outcome) else line
        writer.write(broken)
    writer.close()

    assert {one.message for one in evidence.read(path).outcomes} == {"bad name ?"}


def test_a_log_nested_too_deeply_and_what_is_no_file_are_no_logs(tmp_path: Path) -> None:
    """Neither a traceback nor a wait for ever."""
    deep = tmp_path / "deep.jsonl"
    deep.write_text("[" * 100_000 + "\n", encoding="utf-8")
    with pytest.raises(errors.EvidenceError, match="no line of an evidence log"):
        evidence.read(deep)

    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    with pytest.raises(errors.EvidenceError, match="it is no file"):
        evidence.read(pipe)
