from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from workstream import errors, limits, processes
from workstream.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Callable

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


def before_long(condition: Callable[[], bool]) -> bool:
    """Whether something comes true in half a minute; what another process does takes a moment."""
    deadline = time.monotonic() + LONG.seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def ends(process_id: int) -> bool:
    """Whether a process that was sent a signal is gone before long."""
    return before_long(lambda: not alive(process_id))


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

    name = Path(sys.executable).name
    assert caught.value.what.splitlines() == [f"{name} ended with exit code 3. It said last:", "    gone"]
    assert sys.executable in caught.value.more


def test_a_program_that_is_not_there_is_named() -> None:
    """The error says which program, and what to do."""
    with pytest.raises(errors.ProgramMissingError, match="no-such-program") as caught:
        processes.run(["no-such-program"], limit=LONG)

    assert "PATH" in caught.value.instead


def test_a_program_that_was_killed_is_said_to_be_killed() -> None:
    """The error names the signal: the kernel may have needed the memory."""
    with pytest.raises(errors.ProgramFailedError, match=r"ended by signal 9 \(Killed\)"):
        processes.run(python("import os; os.kill(os.getpid(), 9)"), limit=LONG)


def test_a_file_that_is_no_program_for_this_machine_is_named(tmp_path: Path) -> None:
    """A program of another kind of machine is an error for people, not a traceback."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF of another kind")
    program.chmod(0o755)
    with pytest.raises(errors.ProgramMissingError, match="format") as caught:
        processes.run([program], limit=LONG)

    assert str(program) in caught.value.what


def test_a_folder_that_is_not_there_is_not_blamed_on_the_program(tmp_path: Path) -> None:
    """The error says that the folder is missing."""
    with pytest.raises(errors.ProgramMissingError, match="no such folder"):
        processes.run(python(""), limit=LONG, folder=tmp_path / "gone")


def test_a_program_need_not_read_what_it_is_given() -> None:
    """More input than a pipe holds, to a program that reads none, is no error."""
    assert processes.run(python(""), limit=LONG, stdin=b"x" * 1_000_000).returncode == 0


def test_a_program_that_is_given_nothing_does_not_read_from_the_terminal() -> None:
    """What is typed while a program runs is not read by it."""
    ours, typed = os.dup(0), os.pipe()
    os.write(typed[1], b"typed")
    os.close(typed[1])
    os.dup2(typed[0], 0)
    try:
        assert processes.run(python("import sys; print(sys.stdin.read())"), limit=LONG).stdout == "\n"
    finally:
        os.dup2(ours, 0)
        os.close(ours)
        os.close(typed[0])


def test_last_words_are_those_of_stdout_if_there_were_no_others() -> None:
    """A program that complains on stdout is heard too, also when it took too long."""
    with pytest.raises(errors.ProgramFailedError, match="said last:\n    42"):
        processes.run(python("import sys; print(6 * 7); sys.exit(1)"), limit=LONG)
    with pytest.raises(errors.ProgramTimeoutError, match="said last:\n    42"):
        processes.run(python("import time; print(6 * 7, flush=True); time.sleep(60)"), limit=SHORT)


def test_variables_are_added_to_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program sees our variables, and those that are set for it."""
    monkeypatch.setenv("OURS", "1")
    ended = processes.run(
        python("import os; print(os.environ['OURS'], os.environ['ITS'])"), limit=LONG, environment={"ITS": "2"}
    )

    assert ended.stdout == "1 2\n"


def test_every_command_is_logged_before_it_runs(caplog: pytest.LogCaptureFixture) -> None:
    """The log holds the command as one would type it, then how it ended."""
    with caplog.at_level("DEBUG", logger="workstream"):
        ended = processes.run(python("print('a b')"), limit=LONG)

    assert [line.split()[0] for line in caplog.messages] == ["$", "exit"]
    assert caplog.messages[0] == f"$ {ended.line}"


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


def test_what_is_done_while_a_program_runs_takes_nothing_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads all that it is given, and all that it says comes back, however often something is done meanwhile."""
    monkeypatch.setattr(limits, "LOOK_SECONDS", 0.01)
    given = b"x" * 1_000_000
    go_on = tmp_path / "go on"
    code = (
        "import pathlib, sys; print('first', flush=True);"
        f"\nwhile not pathlib.Path({str(go_on)!r}).exists(): pass\nprint(len(sys.stdin.read()))"
    )
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            go_on.touch()

    assert processes.run(python(code), limit=LONG, stdin=given, meanwhile=look).stdout == "first\n1000000\n"


def test_what_is_found_while_a_program_runs_can_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is ended, and the error is what was found."""
    monkeypatch.setattr(limits, "LOOK_SECONDS", 0.01)
    note = tmp_path / "process"
    code = f"import os, pathlib, time; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(60)"

    def look() -> None:
        if note.exists() and note.read_text():
            raise errors.PodError("crash loop")

    with pytest.raises(errors.PodError, match="crash loop"):
        processes.run(python(code), limit=LONG, meanwhile=look)
    assert ends(int(note.read_text()))


def test_a_program_that_takes_too_long_is_stopped_whatever_is_done_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is that of the program as a whole; what it said is told."""
    monkeypatch.setattr(limits, "LOOK_SECONDS", 0.01)
    with pytest.raises(errors.ProgramTimeoutError, match="It said last:\n    begun"):
        processes.run(["sh", "-c", "echo begun; sleep 60"], limit=Limit("a test", 0.5), meanwhile=lambda: None)


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


def test_a_program_that_was_starting_while_the_run_was_cancelled_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no moment at which a program can slip past `cancel`."""
    monkeypatch.setattr(processes, "_cancelled", threading.Event())
    slipped: list[subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen[bytes]):
        """Is cancelled when it has started and before anybody knows of it."""

        def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as they are
            super().__init__(*arguments, **options)
            slipped.append(self)
            processes.cancel()

    monkeypatch.setattr(subprocess, "Popen", Popen)
    with pytest.raises(errors.CancelledError):
        processes.start(python("import time; time.sleep(60)"))

    assert ends(slipped[0].pid)


def test_what_a_cancelled_run_ended_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that `cancel` ended is not reported as one that failed."""
    monkeypatch.setattr(processes, "_cancelled", threading.Event())
    seen: list[BaseException] = []

    def work() -> None:
        try:
            processes.run(python("import time; time.sleep(60)"), limit=LONG)
        except errors.WorkstreamError as error:
            seen.append(error)

    before = set(processes._running)  # noqa: SLF001 - to know that it runs
    thread = threading.Thread(target=work)
    thread.start()
    assert before_long(lambda: processes._running > before)  # noqa: SLF001 - likewise
    processes.cancel()
    thread.join(timeout=20)

    assert [type(error) for error in seen] == [errors.CancelledError]


def test_an_interrupt_takes_the_program_with_it(tmp_path: Path) -> None:
    """Ctrl-C while a program runs ends the program."""
    note = tmp_path / "program"
    code = f"import os, pathlib, time; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(60)"

    def interrupt_once_it_runs() -> None:
        before_long(lambda: note.exists() and note.read_text() != "")
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started us may have had it ignored
    try:
        threading.Thread(target=interrupt_once_it_runs).start()
        with pytest.raises(KeyboardInterrupt):
            processes.run(python(code), limit=LONG)
    finally:
        signal.signal(signal.SIGINT, before)

    assert ends(int(note.read_text()))


def test_a_program_that_is_to_outlive_us_is_no_lost_one(recwarn: pytest.WarningsRecorder) -> None:
    """Python does not complain about a server that is left running on purpose, and `cancel` would not end it."""
    process_id = processes.start(python("import time; time.sleep(60)"), outlives_us=True).pid
    gc.collect()

    assert alive(process_id)
    assert [str(one.message) for one in recwarn if one.category is ResourceWarning] == []
    assert not processes.has_ended(process_id)
    (process,) = [one for one in processes._outliving if one.pid == process_id]  # noqa: SLF001 - to end it
    processes.stop(process)
    assert processes.has_ended(process_id)


def test_nothing_that_ended_is_held_on_to() -> None:
    """A program that ended is not one that `cancel` would have to end."""
    before = set(processes._running)  # noqa: SLF001 - what is remembered
    processes.run(python(""), limit=LONG)

    assert processes._running == before  # noqa: SLF001 - likewise


def test_a_server_that_outlives_us_is_left_in_silence() -> None:
    """At our own end Python says nothing of what is left running."""
    code = (
        "import sys\nfrom workstream import processes\n"
        "print(processes.start([sys.executable, '-c', 'import time; time.sleep(60)'], outlives_us=True).pid)"
    )
    ended = processes.run([sys.executable, "-W", "error", "-c", code], limit=LONG)
    server = int(ended.stdout)

    assert alive(server)
    assert not processes.has_ended(server)
    assert ended.stderr == ""
    os.kill(server, signal.SIGKILL)


def test_only_the_end_of_what_was_said_is_shown() -> None:
    """A long log is cut to its last lines."""
    assert processes.tail("\n".join(map(str, range(100))), lines=2) == "    98\n    99"
