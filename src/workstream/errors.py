"""Every error that a user can meet, in one place.

Each says three things: what failed and because of what; what to do if something else was meant; where
to see more. Each kind has an exit code of its own, above pytest's (0 to 5). `docs/reference/exit-codes.md`
lists them.
"""

from __future__ import annotations

from typing import ClassVar


class WorkstreamError(Exception):
    """Something a user can act on.

    Args:
        what: what failed, for which object, and because of what.
        instead: what to do about it: "if you meant X, do Y".
        more: where to see more; a path, a command or a page of the documentation.

    """

    exit_code: ClassVar[int] = 70
    summary: ClassVar[str] = "an error of workstream itself"

    def __init__(self, what: str, *, instead: str = "", more: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.instead = instead
        self.more = more

    def __str__(self) -> str:
        """Return the message, one part a line."""
        parts = (self.what, self.instead, self.more and f"See: {self.more}")
        return "\n".join(part for part in parts if part)


class UsageError(WorkstreamError):
    """An option or an argument that cannot be used as given."""

    exit_code = 64
    summary = "an option or argument that cannot be used as given"


class EngineUnavailableError(WorkstreamError):
    """No Docker engine answers, and this machine cannot run a private one."""

    exit_code = 10
    summary = "no Docker engine answers, and none can be started here"


class EngineFailedError(WorkstreamError):
    """The private Docker engine did not start, or died."""

    exit_code = 11
    summary = "the private Docker engine did not start, or died"


class NoSpaceError(WorkstreamError):
    """There is not enough room on the disk."""

    exit_code = 12
    summary = "not enough room on the disk"


class BuildError(WorkstreamError):
    """An image or a tool could not be built."""

    exit_code = 13
    summary = "an image or a tool could not be built"


class InputError(WorkstreamError):
    """A pinned input could not be fetched, or is not what was pinned."""

    exit_code = 14
    summary = "a pinned input could not be fetched, or is not what was pinned"


class ClusterFailedError(WorkstreamError):
    """The kind cluster did not come up."""

    exit_code = 15
    summary = "the cluster did not come up, or cannot be reached"


class ClusterNotOursError(WorkstreamError):
    """A cluster of the wanted name exists that this project did not make."""

    exit_code = 16
    summary = "a cluster of that name exists that workstream did not make"


class PortTakenError(WorkstreamError):
    """A port that is needed is in use."""

    exit_code = 17
    summary = "a port that is needed is already in use"


class ChartError(WorkstreamError):
    """The chart does not render, or its release could not be installed or upgraded."""

    exit_code = 18
    summary = "the chart does not render, or its release could not be installed"


class EngineUnfitError(WorkstreamError):
    """The Docker engine that answers cannot be used: Podman, rootless, Windows containers, too old."""

    exit_code = 19
    summary = "the Docker engine that answers cannot be used: Podman, rootless, Windows containers, too old"


class PodError(WorkstreamError):
    """A pod is in a state that it cannot leave by itself: crash loop, image that cannot be pulled."""

    exit_code = 20
    summary = "a pod is in a state that it cannot leave by itself"


class WaitError(WorkstreamError):
    """A condition was not met within its limit."""

    exit_code = 21
    summary = "a condition was not met within its limit"


class ProgramMissingError(WorkstreamError):
    """A program that is needed is not there, or cannot be run."""

    exit_code = 22
    summary = "a program that is needed is not there, or cannot be run"


class ProgramFailedError(WorkstreamError):
    """A program ended with an exit code that was not expected.

    Args:
        what: see `WorkstreamError`.
        returncode: the program's exit code; negative for the signal that ended it.
        stdout: what it printed.
        stderr: what it complained about.
        instead: see `WorkstreamError`.
        more: see `WorkstreamError`.

    """

    exit_code = 23
    summary = "a program failed"

    def __init__(  # noqa: PLR0913 - an error carries what the program said
        self, what: str, *, returncode: int, stdout: str, stderr: str, instead: str = "", more: str = ""
    ) -> None:
        super().__init__(what, instead=instead, more=more)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr


class ProgramTimeoutError(WorkstreamError):
    """A program did not end within its limit and was stopped."""

    exit_code = 24
    summary = "a program did not end within its limit"


class CancelledError(WorkstreamError):
    """The run was interrupted; what was under way ends here."""

    exit_code = 130
    summary = "the run was interrupted (143 if by SIGTERM, 129 by SIGHUP)"


class BusyError(WorkstreamError):
    """Another run holds what this one needs."""

    exit_code = 25
    summary = "another run holds what this one needs"


class RightMissingError(WorkstreamError):
    """The account that a run acts as on a cluster of others may not do something; what failed has the right's name."""

    exit_code = 27
    summary = "the account that the run acts as on a cluster of others lacks a right"

    def __init__(self, what: str, *, instead: str = "", more: str = "") -> None:
        advice = "Let it be given the right, or use another account."
        super().__init__(what, instead=instead or advice, more=more or "docs/how-to/use-an-existing-cluster.md")


class PartialRunError(WorkstreamError):
    """A run was a part of the suite: what it ran holds, and proves no criterion whose other tests it left out."""

    exit_code = 26
    summary = "a run was a part of the suite: what it ran passed, and not all of a criterion's tests were run"


class DocumentError(WorkstreamError):
    """A document cannot be read."""

    exit_code = 30
    summary = "a document cannot be read"


class ForeignDocumentError(DocumentError):
    """A file can be read, and is no workstream document."""

    exit_code = 33
    summary = "a file is no workstream document: it has no id like WS-001-04"


class DependencyError(WorkstreamError):
    """Documents cannot be run together: two of them have one id, or they depend on each other in a circle."""

    exit_code = 37
    summary = "documents do not go together: two have one id, or they depend on each other in a circle"


class EvidenceError(WorkstreamError):
    """An evidence log cannot be read, or belongs to something else."""

    exit_code = 31
    summary = "an evidence log cannot be read, or belongs to something else"


class TickRefusedError(WorkstreamError):
    """Boxes were not written, because document and evidence do not belong together."""

    exit_code = 32
    summary = "boxes were not written: document and evidence do not belong together"


class ControlError(WorkstreamError):
    """A control cannot be read, or does not fit the document."""

    exit_code = 34
    summary = "a control cannot be read, or does not fit the document"


class AcceptedError(WorkstreamError):
    """An accepted result was changed, or is not signed by somebody who may sign."""

    exit_code = 35
    summary = "an accepted result was changed, or is not signed by somebody who may sign"


class PublishError(WorkstreamError):
    """GitHub does not take a comment. What it was to say stands in the job's summary, too."""

    exit_code = 36
    summary = "GitHub did not take the comment on a pull request: told as a warning"
