"""The only module that starts programs.

Every program gets an argument list (never a shell line), a named time limit and a process group of its
own, is written to the log before it runs, and takes its children with it when it is stopped.
"""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors, limits, shortage
from workstream.progress import logger, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from workstream.limits import Limit

TAIL_LINES = 15

_running: set[subprocess.Popen[bytes]] = set()
_outliving: list[subprocess.Popen[bytes]] = []  # kept, because Python complains about a lost one that still runs
_running_lock = threading.Lock()
_cancelled = threading.Event()
_this_thread = threading.local()


@dataclass(frozen=True, slots=True)
class Environment(Mapping[str, str]):
    """What programs are started with on top of this process's own environment: a mapping of variables.

    It is passed on to whatever starts programs, so that nobody has to change the environment of this process, which
    belongs to the tests that run in it. `one | other` has both; the other's come first.

    Attributes:
        variables: by name.
        folders: where programs are looked for before this process's PATH.

    """

    variables: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()

    def __or__(self, other: Environment) -> Environment:
        folders = dict.fromkeys([*other.folders, *self.folders])
        return Environment({**self.variables, **other.variables}, tuple(folders))

    def __getitem__(self, name: str) -> str:
        if name == "PATH" and self.folders:
            return os.pathsep.join([*map(str, self.folders), os.environ.get("PATH", os.defpath)])
        return self.variables[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.variables
        if self.folders:
            yield "PATH"

    def __len__(self) -> int:
        return len(self.variables) + bool(self.folders)


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended.

    Attributes:
        command: the argument list.
        returncode: its exit code.
        stdout: what it printed, decoded as UTF-8 with replacement.
        stderr: likewise.
        seconds: how long it ran.

    """

    command: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def line(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.command)


def run(  # noqa: PLR0913 - a program has this many sides
    command: Sequence[str | os.PathLike[str]],
    *,
    limit: Limit,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    stdin: bytes | Path | None = None,
    accept: Collection[int] = (0,),
    meanwhile: Callable[[], object] | None = None,
) -> Completed:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        limit: how long it may take; it is stopped after that.
        environment: variables to set on top of this process's own.
        folder: where it runs.
        stdin: what it reads, or the file that it reads; nothing unless given.
        accept: the exit codes that are no failure.
        meanwhile: is called every few seconds while it runs. An exception that it raises stops the program.

    Raises:
        errors.ProgramMissingError: the program is not there, or cannot be run.
        errors.ProgramTimeoutError: it took longer than the limit.
        errors.ProgramFailedError: its exit code is not in `accept`.
        errors.CancelledError: likewise, because the run was interrupted.

    """
    arguments = tuple(os.fspath(argument) for argument in command)
    with _reading(stdin) as source:
        process = start(
            arguments,
            environment=environment,
            folder=folder,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    started = time.monotonic()
    said: list[str] = []
    try:
        with waiting(lambda: "; it said last: ".join([shlex.join(arguments), *said])):
            out, err = _communicate(process, limit, meanwhile, said)
    except subprocess.TimeoutExpired as expired:
        stop(process)
        raise _too_slow(arguments, limit, expired) from None
    except BaseException:
        stop(process)
        raise
    finally:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        with _running_lock:
            _running.discard(process)
    completed = Completed(arguments, process.returncode, _text(out), _text(err), seconds=time.monotonic() - started)
    logger.debug("exit %s after %.1f s: %s", completed.returncode, completed.seconds, completed.line)
    if completed.returncode not in accept:
        require_not_cancelled()  # we ended it ourselves: no failure of the program
        raise _failed(completed)
    return completed


@contextmanager
def _reading(what: bytes | Path | None) -> Iterator[int]:
    """Give what a program is to read: a file, of which it takes as much as it wants, whenever it wants."""
    if what is None:
        yield subprocess.DEVNULL
        return
    with what.open("rb") if isinstance(what, Path) else tempfile.TemporaryFile() as file:
        if isinstance(what, bytes):
            file.write(what)
            file.seek(0)
        yield file.fileno()


def _communicate(
    process: subprocess.Popen[bytes], limit: Limit, meanwhile: Callable[[], object] | None, said: list[str]
) -> tuple[bytes | None, bytes | None]:
    """Wait for the end of a program and return what it printed and complained about; keep what it says meanwhile."""
    ends = time.monotonic() + limit.seconds
    while True:
        remaining = max(0.0, ends - time.monotonic())
        try:
            return process.communicate(timeout=min(limits.LOOK_SECONDS, remaining))
        except subprocess.TimeoutExpired as expired:
            if remaining <= limits.LOOK_SECONDS:
                raise
            said[:] = (_text(expired.stderr) or _text(expired.stdout)).split("\n")[-2:-1]  # its last whole line
        if meanwhile is not None:
            meanwhile()


def start(  # noqa: PLR0913 - see `run`
    command: Sequence[str | os.PathLike[str]],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int | None = subprocess.DEVNULL,
    stderr: int | None = subprocess.DEVNULL,
    outlives_us: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program and return at once; `stop` ends it.

    Args:
        command: the program and its arguments.
        environment: variables to set on top of this process's own.
        folder: where it runs.
        stdin: a file descriptor or a constant of `subprocess`.
        stdout: likewise.
        stderr: likewise.
        outlives_us: leave it running when `cancel` ends what this process started.

    Raises:
        errors.ProgramMissingError: the program is not there, or cannot be run.
        errors.CancelledError: the run was interrupted.

    """
    require_not_cancelled()
    arguments = [os.fspath(argument) for argument in command]
    logger.debug("$ %s", shlex.join(arguments))
    variables = {**os.environ, **(environment or {})}
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument list, no shell
            arguments,
            env=variables,
            cwd=folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise _cannot_start(arguments, folder, error) from error
    if outlives_us:
        _outliving.append(process)
    elif not _is_cleaning_up():  # what cleans up is not stopped
        with _running_lock:
            _running.add(process)
        if _cancelled.is_set():  # since we looked: `cancel` may not have seen this one
            stop(process)
            require_not_cancelled()
    return process


def find(name: str) -> str | None:
    """Return the path of a program on PATH, or None."""
    return shutil.which(name)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and everything it started: with SIGTERM first, then with SIGKILL."""
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(limits.GRACE.seconds)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait()
    # What it started had the same signal and as much time; what is left of it now ignores the signal.
    _signal_group(process, signal.SIGKILL)
    with _running_lock:
        _running.discard(process)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left, or only what is ending already
        os.killpg(process.pid, number)


def cancel() -> None:
    """End every program that is still running, and let no thread start another: an interrupted run's first step.

    What has to be cleaned up is cleaned up under `cleaning_up`.
    """
    _cancelled.set()
    with _running_lock:
        processes = list(_running)
    for process in processes:
        stop(process)


def resume() -> None:
    """Let programs be started again: all that was under way has ended."""
    _cancelled.clear()


def is_cancelled() -> bool:
    """Whether the run was interrupted: nothing is to be done any more but cleaning up."""
    return _cancelled.is_set()


def has_ended(process_id: int) -> bool:
    """Whether a process that outlives us, started by this run or by an earlier one, has ended."""
    ours = [process for process in _outliving if process.pid == process_id]
    if ours:
        return ours[0].poll() is not None  # and reaped: it would stay as a zombie otherwise
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in {"Z", "X"}  # nobody reaps it where the first process of a container is no init


def started_otherwise() -> Iterator[tuple[str, float]]:
    """Yield the programs that run and that this process started, but not through this module.

    Yields:
        The command as one would type it, and when it began, on Python's monotonic clock; nothing without a /proc.

    """
    with _running_lock:
        ours = {process.pid for process in [*_running, *_outliving]}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().split(b"\0")[:-1]
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        if int(fields[1]) == os.getpid() and int(folder.name) not in ours and command:
            began = (int(fields[19]) + 1) / os.sysconf("SC_CLK_TCK")  # in that hundredth of a second, at the latest
            ahead = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()  # it goes on in a suspended machine
            yield shlex.join(_text(argument) for argument in command), began - ahead


@atexit.register
def _disown() -> None:
    """Mark what outlives us as ended: Python would complain that it still runs, as it is meant to."""
    for process in _outliving:
        if process.poll() is None:
            process.returncode = 0


def require_not_cancelled() -> None:
    """Raise errors.CancelledError if the run was cancelled and this thread is not cleaning up."""
    if _cancelled.is_set() and not _is_cleaning_up():
        raise errors.CancelledError("The run was interrupted.")


def _is_cleaning_up() -> bool:
    return bool(getattr(_this_thread, "cleaning_up", False))


@contextmanager
def cleaning_up() -> Iterator[None]:
    """Let this thread start programs and wait although the run was cancelled."""
    before = _is_cleaning_up()
    _this_thread.cleaning_up = True
    try:
        yield
    finally:
        _this_thread.cleaning_up = before


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a text, indented for a message."""
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines()[-lines:])


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "replace")


def _too_slow(command: tuple[str, ...], limit: Limit, expired: subprocess.TimeoutExpired) -> errors.ProgramTimeoutError:
    output = tail(_text(expired.stderr) or _text(expired.stdout))
    return errors.ProgramTimeoutError(
        f"{_name(command)} was stopped: {limit.name} took longer than {limit.seconds:g} s."
        + (f" It said last:\n{output}" if output else ""),
        instead="If this machine is only slow, set WORKSTREAM_PATIENCE=2: it doubles every limit.",
        more=shlex.join(command),
    )


def _cannot_start(
    arguments: Sequence[str], folder: Path | None, error: OSError | ValueError
) -> errors.ProgramMissingError:
    if folder is not None and not folder.is_dir():
        return errors.ProgramMissingError(f"cannot run {arguments[0]} in {folder}: there is no such folder")
    reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
    short = shortage.of(error) if isinstance(error, OSError) else ""
    return errors.ProgramMissingError(
        f"cannot run {arguments[0]}: {reason}",
        instead=short
        or f"Install {arguments[0]} for this kind of machine, or put the folder that holds it first on PATH.",
    )


def _name(command: tuple[str, ...]) -> str:
    """Return a program's name: what it said comes first in a message, and a long command last."""
    return Path(command[0]).name


def _ending(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    return f"was ended by signal {-returncode} ({signal.strsignal(-returncode)})"


def _failed(completed: Completed) -> errors.ProgramFailedError:
    output = tail(completed.stderr) or tail(completed.stdout) or "    (nothing)"
    return errors.ProgramFailedError(
        f"{_name(completed.command)} {_ending(completed.returncode)}. It said last:\n{output}",
        returncode=completed.returncode,
        stdout=completed.stdout,
        stderr=completed.stderr,
        instead=shortage.advice(f"{completed.stderr}\n{completed.stdout}"),
        more=completed.line,
    )
