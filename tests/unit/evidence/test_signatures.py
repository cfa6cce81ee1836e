from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit import cosign as stand_in

from workstream import errors
from workstream.evidence import signatures
from workstream.evidence.signatures import cosign, ssh

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KINDS = {"ssh": ssh, "cosign": cosign}
# What the real ones made offline of the bytes of `kept`: with one key pair, whose public half this is.
PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEq37014qldBq1a4AM9Ga5ix3sPZNv
mAEUrLmwCJxay5ai6G1qp8adePCJxW16wWc4Sk8gP7ui/c3BemwVJq3a3Q==
-----END PUBLIC KEY-----
"""
BUNDLE = """{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial":{"publicKey":{\
"hint":"9mZkriUh5uwzj/d5axCxZr+0HXVixtzZxnwmNNhX5d0="}}, "messageSignature":{"messageDigest":{\
"algorithm":"SHA2_256", "digest":\
"40N2Lv2FDTv8ocw1CH4g91ip4wIogYy8m0L5qDtmGtk="}, "signature":"%s"}}"""
MADE = {
    "3.1.3": "MEYCIQDHGD7sPPydZQmHlF7wE2iLokrTRtEcwTCN3WTZmGtNbQIhAO3o5K6sm+gR5y3z8f6+E18okIT5KJJTq9y/Jge+pdXT",
    "2.6.5": "MEUCIQDT7ZObJRWUtW7Gr+YnhLh6uoxiNUusvbYZkOsMvfS1CwIgXXUDXHrts1WcXyN+uXOktZx+7tzbk9VNzVj5s0B+wtg=",
}


class Keys:
    """Keys of people who sign with one program.

    Args:
        kind: which program.
        folder: where they are.

    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind: signatures.Kind = KINDS[kind]
        self.folder = folder

    def make(self, name: str) -> Path:
        """Make a key; return what says that its owner may sign."""
        key, signers = self.folder / name, self.folder / f"{name}.pub"
        if self.kind is ssh:
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
            signers.write_text(f'{name}@example namespaces="workstream" {signers.read_text()}')
        else:
            _run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
            _run("openssl", "pkey", "-in", key, "-pubout", "-out", signers)
        return signers

    def sign(self, path: Path, name: str, purpose: str = "workstream") -> None:
        """Sign a file, as the message of `workstream accept` says it."""
        self.kind.path_of(path).unlink(missing_ok=True)
        command = self.kind.command(path).replace("KEY", str(self.folder / name))
        _run(*command.replace("-n workstream ", f"-n {purpose} ").split())


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - ours


@pytest.fixture
def programs(pretend: Callable[[str, str], Path]) -> Path:
    """Put what stands in for cosign on PATH."""
    return pretend("cosign", f'exec "{sys.executable}" "{stand_in.__file__}" "$@"')


@pytest.fixture
def made(tmp_path: Path, programs: Path) -> Callable[[str], Keys]:
    """Give a way to have keys of a program."""
    assert programs.is_file()

    def make(kind: str) -> Keys:
        folder = tmp_path / kind
        folder.mkdir()
        return Keys(kind, folder)

    return make


@pytest.fixture(params=list(KINDS))
def keys(request: pytest.FixtureRequest, made: Callable[[str], Keys]) -> Keys:
    """Keys of people who sign with one program, then with the other."""
    return made(request.param)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Something to sign."""
    path = tmp_path / "WS-900.json"
    path.write_text("proven\n")
    return path


def test_a_signature_of_somebody_who_may_sign_names_them(kept: Path, keys: Keys) -> None:
    """A key of those who may sign made it: its owner signed these bytes, whoever else may sign, too."""
    eve, ann = keys.make("eve"), keys.make("ann")
    keys.sign(kept, "ann")

    who = "ann@example" if keys.kind is ssh else f"the key {ann}"
    assert signatures.signer_of(kept, [ann]) == who
    assert signatures.signer_of(kept, [eve, ann]) == who


@pytest.mark.parametrize("version", MADE)
def test_what_the_real_cosign_made_is_read(kept: Path, made: Callable[[str], Keys], version: str) -> None:
    """The form of its bundles and keys is taken from it, and not from what stands in for it here."""
    signers = made("cosign").folder / "ann.pub"
    signers.write_text(PUBLIC_KEY)
    cosign.path_of(kept).write_text(BUNDLE % MADE[version])

    assert signatures.signer_of(kept, [signers]) == f"the key {signers}"
    kept.write_text("proven, too\n")
    with pytest.raises(errors.AcceptedError, match="it was made of other bytes"):
        signatures.of(kept)


def test_what_nobody_signed_who_may_is_refused(kept: Path, keys: Keys) -> None:
    """No signature and that of a stranger are refused, each with its reason."""
    ann, _ = keys.make("ann"), keys.make("eve")
    with pytest.raises(errors.AcceptedError, match="is not signed"):
        signatures.signer_of(kept, [ann])
    keys.sign(kept, "eve")
    stranger = r"is signed by the ED25519 key SHA256:\S+, which is none of"
    why = f"{stranger} {ann}" if keys.kind is ssh else f"is not signed with the key of {ann}, says cosign: "
    with pytest.raises(errors.AcceptedError, match=why):
        signatures.signer_of(kept, [ann])


def test_a_signature_is_of_one_files_bytes(kept: Path, keys: Keys) -> None:
    """After another acceptance the signature of the one before is none, whoever asks."""
    ann = keys.make("ann")
    keys.sign(kept, "ann")
    kept.write_text("proven, too\n")
    for ask in (lambda: signatures.of(kept), lambda: signatures.signer_of(kept, [ann])):
        with pytest.raises(errors.AcceptedError, match=f"{keys.kind.path_of(kept)} is no signature of {kept}: "):
            ask()


def test_what_is_no_signature_is_refused(kept: Path, keys: Keys) -> None:
    """A file in the place of a signature that is none does not pass for one, whoever asks."""
    ann = keys.make("ann")
    for content in (b"", b"\xff\0", b"[" * 100_000, b"[]", b"{}", b'{"messageSignature": 1}'):
        keys.kind.path_of(kept).write_bytes(content)
        for ask in (lambda: signatures.of(kept), lambda: signatures.signer_of(kept, [ann])):
            with pytest.raises(errors.AcceptedError, match="is no signature of"):
                ask()


def test_without_those_who_may_sign_a_signature_is_told_and_not_believed(kept: Path, keys: Keys) -> None:
    """What only a key could say is left to whoever has it."""
    assert signatures.of(kept) == ()
    keys.make("ann")
    keys.sign(kept, "ann")
    (said,) = signatures.of(kept)
    if keys.kind is ssh:
        assert said.startswith("signed with the ED25519 key SHA256:")
        assert said.endswith("; whose that is, --signers says.")
    else:
        assert said == "signed with a cosign key; whether that is true, and whose it is, --signers says."


def test_a_program_that_is_not_there_is_named(kept: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can check a signature it is neither believed nor called wrong."""
    ann = keys.make("ann")
    keys.sign(kept, "ann")
    monkeypatch.setenv("PATH", str(keys.folder))
    program = "ssh-keygen" if keys.kind is ssh else "cosign"
    with pytest.raises(errors.ProgramMissingError, match=f"cannot run {program}"):
        signatures.signer_of(kept, [ann])


def test_signers_that_cannot_be_read_are_a_mistake_of_the_caller(kept: Path, keys: Keys, tmp_path: Path) -> None:
    """A wrong name, and a private key in the place of a public one, are no word about the signature."""
    keys.make("ann")
    keys.sign(kept, "ann")
    with pytest.raises(errors.UsageError, match=r"nobody cannot be read: No such file"):
        signatures.signer_of(kept, [tmp_path / "nobody"])
    if keys.kind is cosign:
        both = tmp_path / "both"
        both.write_bytes(2 * (keys.folder / "ann.pub").read_bytes())
        for wrong in (keys.folder / "ann", both):
            with pytest.raises(errors.UsageError, match="is not the public key of one signer"):
                signatures.signer_of(kept, [wrong])


def test_a_signature_for_another_purpose_counts_for_nothing(kept: Path, made: Callable[[str], Keys]) -> None:
    """What OpenSSH signed for git is no word about what was accepted, though the same person signed it."""
    keys = made("ssh")
    ann = keys.make("ann")
    keys.sign(kept, "ann", purpose="git")
    with pytest.raises(errors.AcceptedError, match="is no signature of"):
        signatures.signer_of(kept, [ann])


def test_a_bundle_that_only_says_that_it_is_of_these_bytes_is_refused(kept: Path, made: Callable[[str], Keys]) -> None:
    """The hash in it is a hint that anybody can write: what counts is what cosign makes of the signature."""
    keys = made("cosign")
    ann = keys.make("ann")
    keys.sign(kept, "ann")
    said = json.loads(cosign.path_of(kept).read_bytes())
    kept.write_text("proven, too\n")
    other = kept.with_name("other")
    other.write_text("proven, too\n")
    keys.make("eve")
    keys.sign(other, "eve")
    digest = json.loads(cosign.path_of(other).read_bytes())["messageSignature"]["messageDigest"]
    cosign.path_of(kept).write_text(json.dumps(_with(said, messageDigest=digest)))

    assert len(signatures.of(kept)) == 1
    with pytest.raises(errors.AcceptedError, match=rf"with the key of {ann}, says cosign: {stand_in.INVALID}\."):
        signatures.signer_of(kept, [ann])


def _with(bundle: dict[str, Any], **more: object) -> dict[str, Any]:
    """Return a bundle with something else in its signature."""
    return {**bundle, "messageSignature": {**bundle["messageSignature"], **more}}


@pytest.mark.parametrize("form", ["certificate", "x509CertificateChain"])
def test_what_was_signed_without_a_key_is_refused(kept: Path, made: Callable[[str], Keys], form: str) -> None:
    """Whether a certificate of minutes held only services in the network know: nobody is told that it did."""
    keys = made("cosign")
    ann = keys.make("ann")
    keys.sign(kept, "ann")
    path = cosign.path_of(kept)
    said = json.loads(path.read_bytes())
    said["verificationMaterial"] = {form: {"rawBytes": base64.b64encode(b"certificate").decode()}}
    path.write_text(json.dumps(said))
    for ask in (lambda: signatures.of(kept), lambda: signatures.signer_of(kept, [ann])):
        with pytest.raises(errors.AcceptedError, match="only the network knows"):
            ask()


def test_one_signature_of_two_is_enough(kept: Path, made: Callable[[str], Keys]) -> None:
    """Two people sign with a program each: who may is asked of each, and a stranger's beside it does no harm."""
    people = {kind: made(kind) for kind in KINDS}
    ann, bob = people["ssh"].make("ann"), people["cosign"].make("bob")
    for keys, name in ((people["ssh"], "ann"), (people["cosign"], "bob")):
        keys.sign(kept, name)

    assert len(signatures.of(kept)) == 2
    assert signatures.signer_of(kept, [ann]) == "ann@example"
    assert signatures.signer_of(kept, [bob]) == f"the key {bob}"
    people["cosign"].make("eve")
    people["cosign"].sign(kept, "eve")
    assert signatures.signer_of(kept, [ann, bob]) == "ann@example"
    ssh.path_of(kept).unlink()
    with pytest.raises(errors.AcceptedError, match=f"is signed with a cosign key, and {ann} says nothing of such keys"):
        signatures.signer_of(kept, [ann])


def test_a_good_signature_does_not_excuse_a_wrong_one(kept: Path, made: Callable[[str], Keys]) -> None:
    """One that was made of other bytes stays there for nobody to fall for."""
    people = {kind: made(kind) for kind in KINDS}
    ann = people["ssh"].make("ann")
    people["cosign"].make("bob")
    people["cosign"].sign(kept, "bob")
    kept.write_text("proven, too\n")
    people["ssh"].sign(kept, "ann")
    with pytest.raises(errors.AcceptedError, match="was made of other bytes"):
        signatures.signer_of(kept, [ann])
