"""Signatures by cosign, 2.6 or newer, with a key pair: what `cosign sign-blob --bundle` leaves.

What cosign makes without a key rests on a certificate that lives for minutes; whether it held then is asked of services
in the network, and nothing here asks them: it is refused.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from workstream import errors, limits, processes

if TYPE_CHECKING:
    from pathlib import Path

UNTOLD = "whether that is true, and whose it is"
SUFFIX = ".sigstore.json"  # as sigstore's own tools call such files
_NOBODY = b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'
_ERROR = re.compile(r"^Error: (.*)", re.MULTILINE)
_PUBLIC = b"-----BEGIN PUBLIC KEY-----"
_HASHES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


class _Part(BaseModel):
    """A part of sigstore's bundle: what matters here."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", val_json_bytes="base64")


class _Digest(_Part):
    algorithm: str = ""
    digest: bytes = b""


class _Message(_Part):
    message_digest: _Digest = _Digest()


class _Material(_Part):
    certificate: JsonValue = None
    x509_certificate_chain: JsonValue = None


class _Bundle(_Part):
    message_signature: _Message
    verification_material: _Material = _Material()


def path_of(accepted: Path) -> Path:
    """Return where the bundle of an accepted result stands."""
    return accepted.with_name(f"{accepted.name}{SUFFIX}")


def command(accepted: Path) -> str:
    """Return the command that signs an accepted result, but for the key; it needs no network."""
    offline = "--new-bundle-format --use-signing-config=false --tlog-upload=false"
    return f"cosign sign-blob --key KEY {offline} --bundle {path_of(accepted)} {accepted}"


def recognises(signers: bytes) -> bool:
    """Whether a file holds something in PEM, as public keys are."""
    return b"-----BEGIN " in signers


def key_of(accepted: Path) -> str:
    """Return what made the signature of an accepted result: which key, takes that key to say.

    Raises:
        errors.AcceptedError: the bundle says itself that it is of other bytes; it was made without a key, or is none.

    """
    path = path_of(accepted)
    try:
        bundle = _Bundle.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise _refused(accepted, "it is no bundle of a signature") from error
    if bundle.verification_material.certificate or bundle.verification_material.x509_certificate_chain:
        raise _refused(accepted, "it was made with a certificate, and whether that held, only the network knows")
    said = bundle.message_signature.message_digest
    name = _HASHES.get(said.algorithm)
    if name and said.digest != hashlib.new(name, accepted.read_bytes()).digest():
        raise _refused(accepted, "it was made of other bytes")
    return "a cosign key"


def signer_of(accepted: Path, signers: Path) -> str:
    """Return whose public key an accepted result was signed for: the name of its file.

    Args:
        accepted: its file; it is signed.
        signers: the public key of one who may sign.

    Raises:
        errors.AcceptedError: another key made the signature, or it is not one of these bytes.
        errors.UsageError: the file holds something else than one public key.
        errors.ProgramMissingError: there is no cosign here.

    """
    if signers.read_bytes().count(b"-----BEGIN ") != 1 or _PUBLIC not in signers.read_bytes():
        raise errors.UsageError(
            f"{signers} is not the public key of one signer.",
            instead="Name a file of allowed signers of OpenSSH, or the cosign.pub of cosign generate-key-pair.",
        )
    with tempfile.NamedTemporaryFile(suffix=".json") as trusted:
        # A key pair makes no entry in a public log, and cosign 2 fetches whom to trust besides the key unless it is
        # told that there is nobody. It takes some names of files for addresses: whole paths not.
        trusted.write(_NOBODY)
        trusted.flush()
        where = {"trusted-root": trusted.name, "key": signers.resolve(), "bundle": path_of(accepted).resolve()}
        options = ["--insecure-ignore-tlog", *(f"--{name}={path}" for name, path in where.items())]
        checked = processes.run(
            ["cosign", "verify-blob", *options, "-"],
            limit=limits.QUERY,
            stdin=accepted.read_bytes(),
            accept=range(256),
        )
    if checked.returncode != 0:
        said = _ERROR.search(checked.stderr)
        why = said[1] if said else " ".join(checked.stderr.split())
        raise errors.AcceptedError(
            f"{accepted} is not signed with the key of {signers}, says cosign: {why}.",
            instead="Let somebody sign it who may, or name that key, too.",
        )
    return f"the key {signers}"


def _refused(accepted: Path, why: str) -> errors.AcceptedError:
    return errors.AcceptedError(
        f"{path_of(accepted)} is no signature of {accepted}: {why}.", instead=f"Sign it again: {command(accepted)}"
    )
