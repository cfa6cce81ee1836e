"""What stands in for cosign on PATH: signs and verifies as it does with a key pair, by OpenSSL, and does no more.

It takes of their options those that are used here, writes the bundle that cosign 2.6.5 and 3.1.3 write, and says what
they say of a signature that does not fit. What they made themselves is in `test_signatures.py`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

INVALID = (
    "failed to verify signature: could not verify message: invalid signature when validating ASN.1 encoded signature"
)


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("action", choices=["sign-blob", "verify-blob"])
    parser.add_argument("blob")
    for name in ("key", "bundle", "trusted-root"):
        parser.add_argument(f"--{name}", type=Path)
    for name in ("new-bundle-format", "insecure-ignore-tlog"):
        parser.add_argument(f"--{name}", action="store_true")
    for name in ("use-signing-config", "tlog-upload"):
        parser.add_argument(f"--{name}", default="true")
    given = parser.parse_args()
    blob = sys.stdin.buffer.read() if given.blob == "-" else Path(given.blob).read_bytes()
    if given.action == "sign-blob":
        if not given.new_bundle_format or "true" in {given.use_signing_config, given.tlog_upload}:
            sys.exit(
                "Error: cosign 2 writes another form without the first option; without the others both ask the network"
            )
        return _sign(blob, given.key, given.bundle)
    if not given.insecure_ignore_tlog or "trustedroot" not in given.trusted_root.read_text():
        sys.exit("Error: cosign 3 asks the network without the first option, and cosign 2 without the second")
    return _verify(blob, given.key, given.bundle)


def _sign(blob: bytes, key: Path, bundle: Path) -> int:
    made = _openssl("dgst", "-sha256", "-sign", str(key), blob=blob).stdout
    digest = {"algorithm": "SHA2_256", "digest": base64.b64encode(hashlib.sha256(blob).digest()).decode()}
    said = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "hint"}},
        "messageSignature": {"messageDigest": digest, "signature": base64.b64encode(made).decode()},
    }
    bundle.write_text(json.dumps(said))
    return 0


def _verify(blob: bytes, key: Path, bundle: Path) -> int:
    signature = base64.b64decode(json.loads(bundle.read_bytes())["messageSignature"]["signature"])
    with tempfile.NamedTemporaryFile() as file:
        file.write(signature)
        file.flush()
        verified = _openssl("dgst", "-sha256", "-verify", str(key), "-signature", file.name, blob=blob)
    if verified.returncode == 0:
        return 0
    sys.exit(f"WARNING: be careful\nError: {INVALID}\nerror during command execution: {INVALID}")


def _openssl(*arguments: str, blob: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], input=blob, capture_output=True, check=False)  # noqa: S603, S607 - ours


if __name__ == "__main__":
    sys.exit(main())
