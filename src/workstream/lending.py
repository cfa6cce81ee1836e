"""One engine and one cluster for all processes of a run: the process that owns them lends them through small files.

A request is an empty file, an answer a file that appears whole. The lender holds a lock on a file for as long as it
lends; a lock dies with its process, so that nobody waits for an answer that cannot come.
"""

from __future__ import annotations

import fcntl
import os
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, JsonValue, TypeAdapter

from workstream import errors, files, limits
from workstream.cluster import waiting
from workstream.cluster.engine import Engine
from workstream.cluster.programs import Tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from workstream.cluster.access import Cluster

Part = Literal["engine", "tools", "cluster"]

_PARTS: tuple[Part, ...] = ("engine", "tools", "cluster")
_LENDER = "lender"
_ENGINE = TypeAdapter(Engine)
_TOOLS = TypeAdapter(dict[str, Tool])


class Reach(BaseModel):
    """How a cluster is reached.

    Attributes:
        kubeconfig: see `Cluster`.
        context: likewise.
        name: likewise.
        namespace: likewise.
        ours: likewise.

    """

    kubeconfig: Path
    context: str
    name: str
    namespace: str
    ours: bool


class _Trouble(BaseModel):
    """An error of ours on its way into another process: its class, and what it says."""

    kind: str
    parts: dict[str, JsonValue]

    @classmethod
    def of(cls, error: BaseException) -> _Trouble:
        if not isinstance(error, errors.WorkstreamError):
            error = errors.WorkstreamError(f"{type(error).__name__}: {error}")
        attributes = {name: value for name, value in vars(error).items() if isinstance(value, str | int)}
        parts: dict[str, JsonValue] = {"exit_code": error.exit_code, **attributes}
        return cls(kind=type(error).__name__, parts=parts)

    def error(self) -> errors.WorkstreamError:
        """Return the same error."""
        kind: type[errors.WorkstreamError] = getattr(errors, self.kind, errors.WorkstreamError)
        error = kind.__new__(kind, self.parts["what"])  # not every kind takes the same arguments
        vars(error).update(self.parts)
        return error


class _Answer(BaseModel):
    """What the lender says of a part: what is needed to use it, or why there is none."""

    value: JsonValue = None
    trouble: _Trouble | None = None


class Lender:
    """Answers the other processes of a run until it is stopped.

    Args:
        folder: where requests and answers are; nobody else's, and there before others ask.
        begin: starts to bring up a part, and returns at once; asked again, it returns the same.

    """

    def __init__(self, folder: Path, begin: Callable[[Part], Future[object]]) -> None:
        self._folder = folder
        self._begin = begin
        self._ended = Event()
        folder.mkdir(parents=True, exist_ok=True)
        self._clear()
        # Locked before it has its name: nobody sees it without its lock while the lender lives.
        unnamed = folder / f".{_LENDER}-{os.getpid()}"
        self._lock = unnamed.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unnamed.replace(folder / _LENDER)
        self._thread = Thread(target=self._serve, name="lender", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._ended.set()
        self._thread.join()
        self._lock.close()
        self._clear()

    def _serve(self) -> None:
        unasked = set(_PARTS)
        while not self._ended.wait(limits.POLL_SECONDS):
            for part in [part for part in _PARTS if part in unasked and _request(self._folder, part).exists()]:
                unasked.remove(part)
                self._begin(part).add_done_callback(partial(self._answer, part))

    def _answer(self, part: Part, future: Future[object]) -> None:
        try:
            answer = _Answer(value=_serialised(part, future.result()))
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
            answer = _Answer(trouble=_Trouble.of(error))
        if not self._ended.is_set():
            files.write(_reply(self._folder, part), answer.model_dump_json())

    def _clear(self) -> None:
        for part in _PARTS:
            _request(self._folder, part).unlink(missing_ok=True)
            _reply(self._folder, part).unlink(missing_ok=True)


def engine(folder: Path) -> Engine:
    """Return the engine of this run, once its owner has it; see `_ask`."""
    return _ENGINE.validate_python(_ask(folder, "engine"))


def tools(folder: Path) -> dict[str, Tool]:
    """Return kind, helm and kubectl, once their owner has them; see `_ask`."""
    return _TOOLS.validate_python(_ask(folder, "tools"))


def cluster(folder: Path) -> Reach:
    """Return how to reach the cluster of this run, once its owner has it; see `_ask`."""
    return Reach.model_validate(_ask(folder, "cluster"))


def _ask(folder: Path, part: Part) -> JsonValue:
    """Ask for a part, and wait.

    Raises:
        errors.ClusterFailedError: the lender has ended, or there never was one.
        errors.WorkstreamError: what kept the part from coming up, as the lender saw it.

    """

    def answered() -> _Answer | None:
        alive = _is_lent(folder)  # asked first: the last answer of a lender is there once it has ended
        reply = _read(_reply(folder, part))
        if reply is None and not alive:
            raise errors.ClusterFailedError(
                f"The process of this run that owns the {part} has ended, or lends nothing.",
                instead="Its last lines say why; then run again.",
            )
        return reply

    if _is_lent(folder):
        _request(folder, part).touch()
    answer = waiting.until(answered, limits.LENT, what=f"another process of this run has brought up the {part}")
    assert answer is not None  # noqa: S101 - what was waited for
    if answer.trouble is not None:
        raise answer.trouble.error()
    return answer.value


def _is_lent(folder: Path) -> bool:
    """Whether somebody lends in a folder: whoever does holds the lock."""
    try:
        with (folder / _LENDER).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _serialised(part: Part, value: object) -> JsonValue:
    """Return what another process needs to use a part."""
    if part == "engine":
        return _ENGINE.dump_python(value, mode="json")  # type: ignore[arg-type,no-any-return] # one type a part
    if part == "tools":
        return _TOOLS.dump_python(value, mode="json")  # type: ignore[arg-type,no-any-return]
    cluster: Cluster = value  # type: ignore[assignment]
    names = ("kubeconfig", "context", "name", "namespace", "ours")
    reach = Reach.model_validate({name: getattr(cluster, name) for name in names})
    return reach.model_dump(mode="json")


def _read(path: Path) -> _Answer | None:
    try:
        return _Answer.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None


def _request(folder: Path, part: Part) -> Path:
    return folder / f"wanted-{part}"


def _reply(folder: Path, part: Part) -> Path:
    return folder / f"{part}.json"
