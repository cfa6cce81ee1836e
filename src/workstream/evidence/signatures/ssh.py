"""Signatures by OpenSSH: `ssh-keygen -Y`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workstream import errors, limits, processes

if TYPE_CHECKING:
    from pathlib import Path

UNTOLD = "whose that is"
_NAMESPACE = "workstream"  # what the signature is for: one that was made for something else is none
_KEY = re.compile(r"\b(\S+) key (SHA256:\S+)")


def path_of(accepted: Path) -> Path:
    """Return where `ssh-keygen -Y sign` leaves the signature of an accepted result."""
    return accepted.with_name(f"{accepted.name}.sig")


def command(accepted: Path) -> str:
    """Return the command that signs an accepted result, but for the key."""
    return f"ssh-keygen -Y sign -n {_NAMESPACE} -f KEY {accepted}"


def recognises(signers: bytes) -> bool:
    """Whether a file holds what `man ssh-keygen` calls allowed signers: text that is no PEM."""
    return b"-----BEGIN " not in signers


def key_of(accepted: Path) -> str:
    """Return which key signed an accepted result: that its owner may do so, nobody says.

    Raises:
        errors.AcceptedError: the signature is not one of these bytes.
        errors.ProgramMissingError: there is no OpenSSH here.

    """
    return _checked(accepted, "check-novalidate")


def signer_of(accepted: Path, signers: Path) -> str:
    """Return who signed an accepted result, of those who may.

    Args:
        accepted: its file; it is signed.
        signers: who may sign, and with which key.

    Raises:
        errors.AcceptedError: the signature is not one of these bytes, or its key is nobody's who may sign.
        errors.ProgramMissingError: there is no OpenSSH here.

    """
    found = processes.run(
        ["ssh-keygen", "-Y", "find-principals", "-s", path_of(accepted), "-f", signers],
        limit=limits.QUERY,
        accept=range(256),
    )
    name = re.split(r"[,\n]", found.stdout)[0].strip() if found.returncode == 0 else ""
    if not name:
        raise errors.AcceptedError(
            f"{accepted} is signed by {key_of(accepted)}, which is none of {signers}.",
            instead="Let somebody sign it who may, or add the key to that file.",
        )
    _checked(accepted, "verify", "-f", str(signers), "-I", name)
    return name


def _checked(accepted: Path, how: str, *more: str) -> str:
    """Return the key of a signature that is one of these bytes.

    Raises:
        errors.AcceptedError: it is none.

    """
    checked = processes.run(
        ["ssh-keygen", "-Y", how, *more, "-n", _NAMESPACE, "-s", path_of(accepted)],
        limit=limits.QUERY,
        stdin=accepted.read_bytes(),
        accept=range(256),
    )
    if checked.returncode != 0:
        why = " ".join((checked.stderr or checked.stdout).split())
        raise errors.AcceptedError(
            f"{path_of(accepted)} is no signature of {accepted}: {why}", instead=f"Sign it again: {command(accepted)}"
        )
    key = _KEY.search(checked.stdout)
    return f"the {key[1]} key {key[2]}" if key else "a key"
