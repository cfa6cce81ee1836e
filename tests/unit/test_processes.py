from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from workstream import errors, processes
from workstream.limits import Limit

SHORT = Limit("a test", 2)
LONG = Limit("a test", 30)


def python(code: str) -> list[str]:
    """Return the command that runs a line of Python."""
    return [sys.executable, "-c", code]


def alive(process_id: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ends(process_id: int) -> bool:
    """Whether a process that was sent a signal is gone before long; the kernel takes a moment."""
    deadline = time.monotonic() + 10
    while alive(process_id) and time.monotonic() < deadline:
        pass
    return not alive(process_id)


def test_what_a_program_said_and_how_it_ended_are_kept() -> None:
    """Output, complaints and exit code come back, also when the code is not 0 and that is accepted."""
    ended = processes.run(python("import sys; print(input()); sys.exit('no')"), limit=LONG, stdin=b"hi\n", accept=(1,))

    assert (ended.stdout, ended.stderr, ended.returncode) == ("hi\n", "no\n", 1)


def test_output_that_is_no_utf_8_is_no_error() -> None:
    """Bytes that are no text are replaced, not raised."""
    code = "import sys; sys.stdout.buffer.write(bytes([255, 65]))"

    assert processes.run(python(code), limit=LONG).stdout == "\N{REPLACEMENT CHARACTER}A"


def test_a_failure_is_told_with_the_command_its_code_and_its_last_words() -> None:
    """The error names command, exit code and the end of stderr."""
    with pytest.raises(errors.ProgramFailedError, match="exit code 3") as caught:
        processes.run(python("import sys; print('gone', file=sys.stderr); sys.exit(3)"), limit=LONG)

    assert sys.executable in caught.value.what
    assert "gone" in caught.value.what


def test_a_program_that_is_not_there_is_named() -> None:
    """The error says which program, and what to do."""
    with pytest.raises(errors.ProgramMissingError, match="no-such-program") as caught:
        processes.run(["no-such-program"], limit=LONG)

    assert "PATH" in caught.value.instead


def test_a_program_that_takes_too_long_is_stopped_with_its_children(tmp_path: Path) -> None:
    """After the limit neither the program nor what it started runs on, even if that does not listen."""
    note = tmp_path / "child"
    code = (
        "import subprocess, sys, time, pathlib;"
        "deaf = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)';"
        "child = subprocess.Popen([sys.executable, '-c', deaf]);"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid)); time.sleep(60)"
    )
    with pytest.raises(errors.ProgramTimeoutError, match="a test") as caught:
        processes.run(python(code), limit=SHORT)

    assert "WORKSTREAM_PATIENCE" in caught.value.instead
    assert ends(int(note.read_text()))


def test_a_cancelled_run_stops_what_is_under_way_and_starts_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `cancel` a thread's program ends, and the thread can start another only to clean up."""
    monkeypatch.setattr(processes, "_cancelled", threading.Event())
    seen: list[BaseException] = []
    started = threading.Event()

    def work() -> None:
        try:
            process = processes.start(python("import time; time.sleep(60)"))
            started.set()
            process.wait()
            processes.run(python("print()"), limit=LONG)
        except errors.WorkstreamError as error:
            seen.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    processes.cancel()
    thread.join(timeout=20)

    assert not thread.is_alive()
    assert [type(error) for error in seen] == [errors.CancelledError]
    with processes.cleaning_up():
        cleaner = processes.start(python("import time; time.sleep(60)"))
        processes.cancel()
        assert alive(cleaner.pid), "a second cancel ended the cleaning up"
        processes.stop(cleaner)


def test_an_interrupt_takes_the_program_with_it(tmp_path: Path) -> None:
    """Ctrl-C while a program runs ends the program."""
    note = tmp_path / "program"
    code = f"import os, pathlib, time; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(60)"

    def interrupt_once_it_runs() -> None:
        while not (note.exists() and note.read_text()):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_once_it_runs).start()
    with pytest.raises(KeyboardInterrupt):
        processes.run(python(code), limit=LONG)

    assert ends(int(note.read_text()))


def test_a_program_that_is_to_outlive_us_is_no_lost_one(recwarn: pytest.WarningsRecorder) -> None:
    """Python does not complain about a server that is left running on purpose, and `cancel` would not end it."""
    process_id = processes.start(python("import time; time.sleep(60)"), outlives_us=True).pid
    gc.collect()

    assert alive(process_id)
    assert [str(one.message) for one in recwarn if one.category is ResourceWarning] == []
    (process,) = [one for one in processes._outliving if one.pid == process_id]  # noqa: SLF001 - to end it
    processes.stop(process)


def test_only_the_end_of_what_was_said_is_shown() -> None:
    """A long log is cut to its last lines."""
    assert processes.tail("\n".join(map(str, range(100))), lines=2) == "    98\n    99"
