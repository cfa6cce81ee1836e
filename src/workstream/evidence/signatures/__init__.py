"""Signatures of accepted results, made and checked by the user's own programs: a module each, all of one shape.

No key is kept here. A signature stands in a file of its own beside what is signed; several may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from workstream import errors
from workstream.evidence.signatures import cosign, ssh

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Kind(Protocol):
    """Signatures by one program."""

    UNTOLD: str  # what only those who may sign can say of a signature

    def path_of(self, accepted: Path) -> Path:
        """Return where the signature of an accepted result stands."""

    def command(self, accepted: Path) -> str:
        """Return the command that signs an accepted result, but for the key."""

    def recognises(self, signers: bytes) -> bool:
        """Whether a file says who may sign in the form of this program."""

    def key_of(self, accepted: Path) -> str:
        """Return what can be said of the key that signed an accepted result.

        Raises:
            errors.AcceptedError: the signature is not one of these bytes.
            errors.ProgramMissingError: the program is not there.

        """

    def signer_of(self, accepted: Path, signers: Path) -> str:
        """Return who signed an accepted result, of those who may.

        Raises:
            errors.AcceptedError: the signature is not one of these bytes, or its key is nobody's who may sign.
            errors.UsageError: the file does not say who may sign.
            errors.ProgramMissingError: the program is not there.

        """


ALL: tuple[Kind, ...] = (ssh, cosign)


def commands(accepted: Path) -> tuple[str, ...]:
    """Return the commands that sign an accepted result, but for the key: one of them is enough."""
    return tuple(kind.command(accepted) for kind in ALL)


def of(accepted: Path) -> tuple[str, ...]:
    """Return a sentence for each signature of an accepted result; none that it is true.

    Raises:
        errors.AcceptedError: one is not of these bytes.
        errors.ProgramMissingError: a program that takes is not there.

    """
    return tuple(f"signed with {kind.key_of(accepted)}; {kind.UNTOLD}, --signers says." for kind in _kinds_of(accepted))


def signer_of(accepted: Path, signers: Sequence[Path]) -> str:
    """Return who signed an accepted result, of those who may: one of them is enough.

    Args:
        accepted: its file.
        signers: files that say who may sign, each in the form of one of the programs.

    Raises:
        errors.AcceptedError: there is no signature, one is not of these bytes, or none is of somebody who may sign.
        errors.UsageError: a file of signers is none.
        errors.ProgramMissingError: a program that this takes is not there.

    """
    forms = {file: _kind_of_signers(file) for file in signers}
    kinds = _kinds_of(accepted)
    if not kinds:
        raise errors.AcceptedError(
            f"{accepted} is not signed.", instead=f"Whoever may sign it: {', or '.join(commands(accepted))}"
        )
    keys = [kind.key_of(accepted) for kind in kinds]
    refused = []
    for file in (file for file, kind in forms.items() if kind in kinds):
        try:
            return forms[file].signer_of(accepted, file)
        except errors.AcceptedError as error:
            refused.append(error.what)
    if not refused:
        named = ", ".join(map(str, signers))
        refused = [f"{accepted} is signed with {' and '.join(keys)}, and {named} says nothing of such keys."]
    raise errors.AcceptedError(" ".join(refused), instead="Let somebody sign it who may, or name that key, too.")


def _kinds_of(accepted: Path) -> list[Kind]:
    """Return the kinds of the signatures that stand beside an accepted result."""
    return [kind for kind in ALL if kind.path_of(accepted).is_file()]


def _kind_of_signers(file: Path) -> Kind:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise errors.UsageError(
            f"{file} cannot be read: {error.strerror}.",
            instead="Name a file of allowed signers (see man ssh-keygen), or a public key of cosign.",
        ) from error
    return next(kind for kind in ALL if kind.recognises(content))
