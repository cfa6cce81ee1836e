"""Signatures of accepted results, made and checked by the user's own OpenSSH: `ssh-keygen -Y`. No key is kept here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workstream import errors, limits, processes

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "workstream"  # what the signature is for: one that was made for something else is none
_KEY = re.compile(r"\b(\S+) key (SHA256:\S+)")


def path_of(accepted: Path) -> Path:
    """Return where the signature of an accepted result stands: where `ssh-keygen -Y sign` leaves it."""
    return accepted.with_name(f"{accepted.name}.sig")


def command(accepted: Path) -> str:
    """Return the command that signs an accepted result, but for the key."""
    return f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY {accepted}"


def key_of(accepted: Path) -> str:
    """Return which key signed an accepted result: that its owner may do so, nobody says.

    Raises:
        errors.AcceptedError: the signature is not one of these bytes.
        errors.ProgramMissingError: there is no OpenSSH here.

    """
    return _checked(accepted, "check-novalidate")[1]


def signer_of(accepted: Path, signers: Path) -> str:
    """Return who signed an accepted result, of those who may.

    Args:
        accepted: its file.
        signers: who may sign, and with which key, in the form that `man ssh-keygen` calls allowed signers.

    Raises:
        errors.AcceptedError: there is no signature, it is not one of these bytes, or its key is nobody's who may sign.
        errors.UsageError: there is no such file of signers.
        errors.ProgramMissingError: there is no OpenSSH here.

    """
    if not signers.is_file():
        raise errors.UsageError(f"{signers} is no file.", instead="Name a file of allowed signers; see man ssh-keygen.")
    signature = path_of(accepted)
    if not signature.is_file():
        raise errors.AcceptedError(f"{accepted} is not signed.", instead=f"Whoever may sign it: {command(accepted)}")
    found = processes.run(
        ["ssh-keygen", "-Y", "find-principals", "-s", signature, "-f", signers], limit=limits.QUERY, accept=range(256)
    )
    name = re.split(r"[,\n]", found.stdout)[0].strip() if found.returncode == 0 else ""
    if not name:
        raise errors.AcceptedError(
            f"{accepted} is signed by {_checked(accepted, 'check-novalidate')[1]}, which is none of {signers}.",
            instead="Let somebody sign it who may, or add the key to that file.",
        )
    return _checked(accepted, "verify", "-f", str(signers), "-I", name)[0]


def _checked(accepted: Path, how: str, *more: str) -> tuple[str, str]:
    """Return the name and the key of a signature that is one of these bytes.

    Raises:
        errors.AcceptedError: it is none.

    """
    name = more[-1] if more else ""
    checked = processes.run(
        ["ssh-keygen", "-Y", how, *more, "-n", NAMESPACE, "-s", path_of(accepted)],
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
    return name, f"the {key[1]} key {key[2]}" if key else "a key"
