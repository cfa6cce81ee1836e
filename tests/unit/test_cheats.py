"""Ways to a ticked box that nobody earned, and who notices. `docs/reference/cheats.md` is made from this."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit import cosign as stand_in

from workstream import cli
from workstream.evidence import accepted
from workstream.evidence.signatures import cosign

if TYPE_CHECKING:
    from collections.abc import Callable

# For each way its function below, and what comes of it: what `workstream verify` says of an accepted result that nobody
# has to sign, what it says with --signers, and what the gate says by a run of its own.
CHEATS = {
    "a box is ticked by hand": ("tick_by_hand", "refused", "refused", "refused"),
    "a box is ticked by hand, with a capital X": ("tick_with_a_capital", "refused", "refused", "refused"),
    "a ticked criterion is worded more weakly": ("reword", "refused", "refused", "refused"),
    "a definition beside the criteria is made weaker": ("redefine", "refused", "refused", "passes"),
    "the texts of two criteria change places below their boxes": ("swap_texts", "refused", "refused", "refused"),
    "an execution report claims what was not proven": ("claim_in_a_report", "refused", "refused", "refused"),
    "a copy of the document elsewhere is ticked": ("copy_the_document", "refused", "refused", "refused"),
    "the document gets another id, and its boxes are ticked": ("rename_the_document", "refused", "refused", "refused"),
    "the accepted result is deleted, and a box ticked": ("delete_the_result", "refused", "refused", "refused"),
    "a verdict in the accepted result is edited": ("edit_the_result", "refused", "refused", "refused"),
    "… and its seal is made anew": ("forge_the_result", "passes", "refused", "refused"),
    "… and the old signature is taken away": ("forge_and_strip", "passes", "refused", "refused"),
    "… and it is signed with another key": ("forge_and_sign", "passes", "refused", "refused"),
    "… and its key is put into a file of signers in the repository": (
        "add_a_signer",
        "passes",
        "refused",
        "refused",
    ),
    "… and it has a signature that was made for something else": ("reuse_a_signature", "passes", "refused", "refused"),
    "… and it has a bundle of cosign that was made before": ("reuse_a_bundle", "refused", "refused", "refused"),
    "… and that bundle is given the hash of the forged bytes": ("change_a_bundle", "passes", "refused", "refused"),
    "… and it is signed with another key of cosign": ("forge_and_sign_with_cosign", "passes", "refused", "refused"),
    "… and it is signed by cosign with no key at all": ("sign_without_a_key", "refused", "refused", "refused"),
    "the accepted result shows another text than was tested": ("show_another_text", "refused", "refused", "refused"),
    "an accepted result of another document is copied": ("copy_of_another_document", "refused", "refused", "refused"),
    "an accepted result of another commit is copied": ("copy_of_another_commit", "refused", "refused", "refused"),
    "the product is changed after it was accepted": ("change_the_product", "refused", "refused", "refused"),
    "… and the accepted result forgets that it rested on it": ("forget_the_product", "passes", "refused", "refused"),
    "a report in the log is edited": ("edit_a_report_in_the_log", "refused", "refused", "refused"),
    "the log is edited wherever it speaks of the test": ("edit_the_log", "passes", "refused", "refused"),
    "the log ends before the test that fails": ("cut_the_log", "refused", "refused", "refused"),
    "the log of another document is accepted": ("swap_the_log", "refused", "refused", "refused"),
    "the log of a run before the product changed is accepted": ("old_log", "refused", "refused", "refused"),
    "evidence that is edited is committed": ("commit_evidence", "refused", "refused", "refused"),
    "the test is skipped": ("skip_the_test", "refused", "refused", "refused"),
    "the test is deleted": ("delete_the_test", "refused", "refused", "refused"),
    "the test is expected to fail": ("expect_the_failure", "refused", "refused", "refused"),
    "a program that the test asks is replaced on PATH": ("fake_a_program", "passes", "refused", "refused"),
    "the assertion is made weaker, under the same name": ("weaken_the_assertion", "passes", "refused", "passes"),
    "a fixture gives the test another product": ("replace_by_a_fixture", "passes", "refused", "passes"),
    "the level that a criterion takes is lowered": ("lower_the_level", "passes", "refused", "passes"),
}
DOCUMENT = """## WS-900: Mail

Soon is an hour.

### Acceptance Criteria

- [x] Mail is kept
- [ ] Mail arrives soon
- [ ] Mail is read
"""
SUITE = '''import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def product(subject):
    subject.describe_input("product", ROOT / "product")
    return ROOT / "product"


@pytest.mark.criterion("WS-900", "Mail is kept")
def test_is_kept(product, evidence):
    """It is kept."""
    kept = (product / "kept").read_text()
    evidence.record("kept", kept)
    assert kept == "yes"


@pytest.mark.criterion("WS-900", "Mail arrives soon")
def test_arrives(product, evidence):
    """It arrives within an hour."""
    hours = int(subprocess.run(["hours", product / "hours"], capture_output=True, check=True).stdout)
    evidence.record("hours", hours)
    assert hours <= 1


@pytest.mark.criterion("WS-900", "Mail is read")
def test_is_read(evidence):
    """It is read."""
    evidence.record("read", True)
'''
HOOKS = Path(__file__).parents[2] / "examples" / "hooks"
# Plugins that this suite has no use for, and that take half of the time of a run.
LEAN = ["-pno:hypothesispytest", "-pno:asyncio", "-pno:pytest-bdd", "-pno:xdist", "-pno:cacheprovider"]
LEVELS = ["static WS-900 Mail is kept", "static WS-900 Mail arrives soon"]


class Repository:
    """A repository whose first criterion is proven and accepted, whose second fails, and whose third nobody observed.

    Args:
        root: its folder.

    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outside = root.parent / f"{root.name}-outside"  # what no change of the repository can write
        self.path = root / "WS-900.md"
        self.suite = root / "tests" / "test_mail.py"
        self.kept = accepted.path_of("WS-900", root)
        self.log = root / "build" / "acceptance" / "WS-900" / "evidence.jsonl"
        self.signers = self.outside / "signers"
        self.options = ("--signers", self.signers, "--signers", self.outside / "bob.pub")
        self.bundle = cosign.path_of(self.kept)
        self.key = self.outside / "ann"
        self.goal = ["WS-900.md"]

    def make(self) -> None:
        """Write it, run its suite, accept and sign what that came to; then it is as a clone is."""
        for folder in (self.root / "tests", self.root / "product", self.outside / "programs"):
            folder.mkdir(parents=True)
        self.path.write_text(DOCUMENT)
        self.suite.write_text(SUITE)
        self.levels(LEVELS)
        (self.root / "product" / "kept").write_text("yes")
        (self.root / "product" / "hours").write_text("7")
        self.program(self.outside / "programs", 'cat "$1"')
        self.prove()
        self.command("accept", "WS-900.md")
        self.sign(self.new_key("ann"))
        self.signers.write_text(f'ann namespaces="workstream" {self.key.with_suffix(".pub").read_text()}')
        self.new_cosign_key("bob")
        self.sign_with_cosign("bob")
        self.bundle.rename(self.outside / self.bundle.name)
        self.log.rename(self.outside / "evidence.jsonl")
        shutil.copytree(self.kept.parent, self.outside / self.kept.parent.name)

    def levels(self, levels: list[str]) -> None:
        """Write the project's configuration."""
        lines = "".join(f"\n    {one}" for one in levels)
        (self.root / "pytest.ini").write_text(f"[pytest]\ntestpaths = tests\nworkstream_levels ={lines}\n")

    def program(self, folder: Path, script: str) -> None:
        """Write the program that the suite asks."""
        folder.mkdir(exist_ok=True)
        (folder / "hours").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "hours").chmod(0o755)

    def prove(self, *folders: Path) -> None:
        """Run the suite, with folders before all others on PATH."""
        path = os.pathsep.join(map(str, [*folders, self.outside / "programs", os.environ["PATH"]]))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-m", "pytest", "-q", *LEAN, "--workstream", "WS-900.md"],
            cwd=self.root, env={**environment, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True,
            check=False,
        )  # fmt: skip

    def command(self, *arguments: object) -> int:
        """Run workstream; return its exit code."""
        before, here = sys.argv, Path.cwd()
        os.chdir(self.root)
        sys.argv = ["workstream", *map(str, arguments)]
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        finally:
            os.chdir(here)
            sys.argv = before
        return 0

    def accept(self) -> None:
        """Accept what is there, tick what that proves, and take the evidence away, as a commit does."""
        self.command("accept", "WS-900.md")
        self.log.unlink(missing_ok=True)
        self.tick()

    def tick(self, text: str = "Mail arrives soon") -> None:
        """Tick a box by hand."""
        self.edit(self.path, f"[ ] {text}", f"[x] {text}")

    def edit(self, path: Path, old: str, new: str) -> None:
        """Replace a text in a file."""
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def new_key(self, name: str) -> Path:
        """Make a key outside of the repository."""
        key = self.outside / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)  # noqa: S603, S607 - ours
        return key

    def sign(self, key: Path, purpose: str = "workstream") -> None:
        """Sign the accepted result."""
        self.kept.with_name("WS-900.json.sig").unlink(missing_ok=True)
        command = ["ssh-keygen", "-Y", "sign", "-n", purpose, "-f", str(key), str(self.kept)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - ours

    def new_cosign_key(self, name: str) -> None:
        """Make a key of cosign outside of the repository."""
        key = self.outside / name
        make = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)]
        for command in (make, ["openssl", "pkey", "-in", str(key), "-pubout", "-out", f"{key}.pub"]):
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - ours

    def sign_with_cosign(self, name: str) -> None:
        """Sign the accepted result with what stands in for cosign."""
        _, *options = cosign.command(self.kept).replace("KEY", str(self.outside / name)).split()
        subprocess.run([sys.executable, stand_in.__file__, *options], check=True, capture_output=True)  # noqa: S603 - ours

    def forge(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change what was accepted, and make its seal anew."""
        said = json.loads(self.kept.read_bytes())
        change(said)
        accepted.write(self.kept, accepted.content_of(accepted.Statement.model_validate(said)))

    def forge_verdict(self) -> None:
        """Let the second criterion be accepted as proven."""
        self.forge(lambda said: said["predicate"]["workstream"]["criteria"][1].update(state="proven", reason="It is."))
        self.tick()

    def lines(self, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        """Bring the log back, and change its lines."""
        lines = [json.loads(line) for line in (self.outside / "evidence.jsonl").read_text().splitlines()]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text("".join(f"{json.dumps(line)}\n" for line in change(lines)))

    def verified(self, *options: object) -> str:
        """Return what `workstream verify` makes of it: everything that is claimed holds, or not."""
        return "passes" if self.command("verify", *self.goal, *options) == 0 else "refused"

    def judged(self) -> str:
        """Return what the gate says by a run of its own: may this land on the branch that holds the honest result?"""
        shutil.rmtree(self.root / "build", ignore_errors=True)
        self.prove()
        options = ("--policy", "no-regression", "--against", self.outside)
        return "passes" if self.command("gate", *self.goal, *options) == 0 else "refused"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository before anybody cheats."""
    root = tmp_path_factory.mktemp("honest") / "repository"
    Repository(root).make()
    return root


@pytest.fixture
def repository(honest: Path, tmp_path: Path, pretend: Callable[[str, str], Path]) -> Repository:
    """A copy of the honest repository, on a machine that has what stands in for cosign."""
    pretend("cosign", f'exec "{sys.executable}" "{stand_in.__file__}" "$@"')
    copy = Repository(tmp_path / honest.name)
    shutil.copytree(honest, copy.root)
    shutil.copytree(honest.with_name(copy.outside.name), copy.outside)
    return copy


def _tick_by_hand(repository: Repository) -> None:
    repository.tick()


def _tick_with_a_capital(repository: Repository) -> None:
    repository.edit(repository.path, "[ ] Mail arrives soon", "[X] Mail arrives soon")


def _reword(repository: Repository) -> None:
    repository.edit(repository.path, "[x] Mail is kept", "[x] Mail is kept or not")


def _redefine(repository: Repository) -> None:
    repository.edit(repository.path, "Soon is an hour.", "Soon is a year. To keep is to lose.")


def _swap_texts(repository: Repository) -> None:
    repository.edit(repository.path, "[x] Mail is kept", "[x] Mail arrives so0n")
    repository.edit(repository.path, "[ ] Mail arrives soon", "[ ] Mail is kept")
    repository.edit(repository.path, "so0n", "soon")


def _claim_in_a_report(repository: Repository) -> None:
    text = repository.path.read_text()
    repository.path.write_text(f"{text}\n### Execution Report\n\n- [x] Mail arrives soon\n")


def _copy_the_document(repository: Repository) -> None:
    (repository.root / "plans").mkdir()
    repository.tick()
    repository.path = repository.path.rename(repository.root / "plans" / "WS-900.md")
    (repository.root / "WS-900.md").write_text(DOCUMENT)
    repository.goal = ["plans/WS-900.md"]


def _rename_the_document(repository: Repository) -> None:
    repository.edit(repository.path, "WS-900", "WS-901")
    repository.tick()
    repository.path.rename(repository.root / "WS-901.md")
    repository.kept.unlink()
    repository.goal = ["WS-901.md"]


def _delete_the_result(repository: Repository) -> None:
    repository.kept.unlink()
    repository.tick()


def _edit_the_result(repository: Repository) -> None:
    repository.edit(repository.kept, '"state": "failed"', '"state": "proven"')
    repository.tick()


def _forge_the_result(repository: Repository) -> None:
    repository.forge_verdict()
    # A signature that does not fit is refused, whoever asks: a forger takes it away.
    assert repository.verified() == "refused"
    repository.kept.with_name("WS-900.json.sig").unlink()


def _forge_and_strip(repository: Repository) -> None:
    repository.kept.with_name("WS-900.json.sig").unlink()
    repository.forge_verdict()


def _forge_and_sign(repository: Repository) -> None:
    repository.forge_verdict()
    repository.sign(repository.new_key("eve"))


def _add_a_signer(repository: Repository) -> None:
    repository.forge_verdict()
    eve = repository.new_key("eve")
    repository.sign(eve)
    (repository.root / "signers").write_text(f"eve {eve.with_suffix('.pub').read_text()}")
    assert repository.verified("--signers", "signers") == "passes"


def _reuse_a_signature(repository: Repository) -> None:
    repository.forge_verdict()
    repository.sign(repository.key, purpose="git")
    assert repository.verified() == "refused"
    repository.kept.with_name("WS-900.json.sig").rename(repository.kept.with_name("WS-900.json.gitsig"))


def _forge_below_cosign(repository: Repository) -> dict[str, Any]:
    """Forge a verdict, and return the bundle that somebody who may sign made of the honest result."""
    repository.forge_verdict()
    repository.kept.with_name("WS-900.json.sig").unlink()
    said: dict[str, Any] = json.loads((repository.outside / repository.bundle.name).read_bytes())
    return said


def _reuse_a_bundle(repository: Repository) -> None:
    repository.bundle.write_text(json.dumps(_forge_below_cosign(repository)))


def _change_a_bundle(repository: Repository) -> None:
    said = _forge_below_cosign(repository)
    digest = base64.b64encode(hashlib.sha256(repository.kept.read_bytes()).digest()).decode()
    said["messageSignature"]["messageDigest"]["digest"] = digest
    repository.bundle.write_text(json.dumps(said))


def _forge_and_sign_with_cosign(repository: Repository) -> None:
    _forge_below_cosign(repository)
    repository.new_cosign_key("eve")
    repository.sign_with_cosign("eve")


def _sign_without_a_key(repository: Repository) -> None:
    _forge_and_sign_with_cosign(repository)
    said = json.loads(repository.bundle.read_bytes())
    said["verificationMaterial"] = {"certificate": {"rawBytes": base64.b64encode(b"eve").decode()}}
    repository.bundle.write_text(json.dumps(said))


def _show_another_text(repository: Repository) -> None:
    repository.forge(lambda said: said["predicate"]["workstream"]["criteria"][1].update(state="proven", text="Mail"))
    repository.kept.with_name("WS-900.json.sig").unlink()
    repository.tick()


def _copy_of_another_document(repository: Repository) -> None:
    other = Repository(repository.root)
    other.forge(lambda said: said["predicate"]["workstream"].update(document="WS-901"))
    other.kept.rename(other.kept.with_name("WS-901.json")).rename(repository.kept)
    repository.tick()


def _copy_of_another_commit(repository: Repository) -> None:
    hours = repository.root / "product" / "hours"
    hours.write_text("1")
    repository.prove()
    repository.accept()
    assert repository.verified() == "refused"  # by the signature of before
    repository.kept.with_name("WS-900.json.sig").unlink()
    assert repository.verified() == "passes"  # at that commit
    hours.write_text("7")


def _change_the_product(repository: Repository) -> None:
    (repository.root / "product" / "kept").write_text("no")


def _forget_the_product(repository: Repository) -> None:
    _change_the_product(repository)
    repository.forge(lambda said: said.update(subject=said["subject"][:1]))
    repository.kept.with_name("WS-900.json.sig").unlink()


def _passed(lines: list[dict[str, Any]], kinds: set[str]) -> list[dict[str, Any]]:
    """Return lines of a log, of which those of some kinds say that the test that fails passed."""
    for line in lines:
        if str(line.get("test", "")).endswith("::test_arrives") and line["record"] in kinds:
            line.update({"result": "passed", "message": ""} if line["record"] == "outcome" else {})
            line.update({"ended": dict.fromkeys(line["ended"], "")} if line["record"] == "execution" else {})
    return lines


def _edit_a_report_in_the_log(repository: Repository) -> None:
    repository.lines(lambda lines: _passed(lines, {"outcome"}))
    repository.accept()


def _edit_the_log(repository: Repository) -> None:
    repository.lines(lambda lines: _passed(lines, {"outcome", "execution"}))
    repository.kept.with_name("WS-900.json.sig").unlink()
    repository.accept()


def _cut_the_log(repository: Repository) -> None:
    repository.lines(lambda lines: lines[: next(n for n, one in enumerate(lines) if one.get("result") == "failed")])
    repository.accept()


def _swap_the_log(repository: Repository) -> None:
    repository.lines(lambda lines: [{**lines[0], "document_id": "WS-901"}, *lines[1:]])
    repository.accept()


def _old_log(repository: Repository) -> None:
    hours = repository.root / "product" / "hours"
    hours.write_text("1")
    repository.prove()
    hours.write_text("7")
    repository.accept()


def _commit_evidence(repository: Repository) -> None:
    repository.lines(lambda lines: _passed(lines, {"outcome", "execution"}))
    repository.tick()
    assert repository.command("tick", "WS-900.md", "--check") == 0  # this machine believes it


def _change_the_suite(repository: Repository, old: str, new: str) -> None:
    """Change the suite, run it, and accept what comes of it."""
    repository.edit(repository.suite, old, new)
    repository.prove()
    repository.kept.with_name("WS-900.json.sig").unlink()
    repository.accept()


def _skip_the_test(repository: Repository) -> None:
    _change_the_suite(repository, "def test_arrives", "@pytest.mark.skip\ndef test_arrives")


def _delete_the_test(repository: Repository) -> None:
    test = SUITE[SUITE.index('@pytest.mark.criterion("WS-900", "Mail arrives soon")') :].partition("\n\n\n")[0]
    _change_the_suite(repository, test, "")


def _expect_the_failure(repository: Repository) -> None:
    _change_the_suite(repository, "def test_arrives", "@pytest.mark.xfail\ndef test_arrives")


def _fake_a_program(repository: Repository) -> None:
    repository.program(repository.outside / "fake", "echo 1")
    repository.prove(repository.outside / "fake")
    repository.kept.with_name("WS-900.json.sig").unlink()
    repository.accept()


def _weaken_the_assertion(repository: Repository) -> None:
    _change_the_suite(repository, "assert hours <= 1", "assert hours <= 1000")


def _replace_by_a_fixture(repository: Repository) -> None:
    _change_the_suite(repository, 'return ROOT / "product"', '(ROOT / "other").mkdir(exist_ok=True)\n    '
                     '[(ROOT / "other" / name).write_text(text) for name, text in (("kept", "yes"), ("hours", "1"))]\n'
                     '    return ROOT / "other"')  # fmt: skip


def _lower_the_level(repository: Repository) -> None:
    repository.levels([*LEVELS, "static WS-900 Mail is read"])
    repository.prove()
    repository.kept.with_name("WS-900.json.sig").unlink()
    repository.command("accept", "WS-900.md")
    repository.log.unlink()
    repository.tick("Mail is read")


def test_the_honest_repository_passes(repository: Repository) -> None:
    """Before anybody cheats all holds: unsigned, signed by either program, and after a run of the gate's own."""
    assert (repository.verified(), repository.verified(*repository.options)) == ("passes", "passes")
    repository.kept.with_name("WS-900.json.sig").unlink()
    assert repository.verified(*repository.options) == "refused"
    (repository.outside / repository.bundle.name).rename(repository.bundle)
    assert (repository.verified(), repository.verified(*repository.options)) == ("passes", "passes")
    assert repository.judged() == "passes"


@pytest.mark.parametrize("name", CHEATS, ids=[function for function, *_ in CHEATS.values()])
def test_a_cheat_ends_as_the_table_says(repository: Repository, name: str) -> None:
    """Who notices is known of each way, and those that pass are told as plainly as those that do not."""
    function, unsigned, signed, judged = CHEATS[name]
    globals()[f"_{function}"](repository)

    assert repository.verified() == unsigned
    assert repository.verified(*repository.options) == signed
    assert repository.judged() == judged


UNTOLD = {
    "redefine": "document WS-900: says something else around its criteria",
    "weaken_the_assertion": "file tests/test_mail.py: tests/test_mail.py changed since: AC1, AC2, AC3",
    "replace_by_a_fixture": "file tests/test_mail.py: tests/test_mail.py changed since: AC1, AC2, AC3",
    "lower_the_level": "test tests/test_mail.py::test_is_read: was unproven (cluster), is proven (static)",
}


def test_nothing_passes_that_is_not_told_in_the_table() -> None:
    """With signers no way ends in a box that verify calls proven; past the gate come those alone that diff names."""
    assert len(CHEATS) >= 30
    assert {signed for _, _, signed, _ in CHEATS.values()} == {"refused"}
    assert {name for name, *_, judged in CHEATS.values() if judged == "passes"} == set(UNTOLD)


@pytest.mark.parametrize("cheat", UNTOLD)
def test_what_nothing_can_tell_is_named_for_whoever_reviews(
    repository: Repository, capsys: pytest.CaptureFixture[str], cheat: str
) -> None:
    """Where a run proves what it should not, `workstream diff` says what changed since the result of before."""
    globals()[f"_{cheat}"](repository)
    repository.prove()
    capsys.readouterr()
    repository.command("diff", "WS-900.md", "--accepted", repository.outside / "checklists" / "WS-900.json")

    assert UNTOLD[cheat] in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("hook", "code"), [("pre-commit", 1), ("after-edit", 2)])
def test_the_hooks_that_are_offered_refuse_a_tick_by_hand(repository: Repository, hook: str, code: int) -> None:
    """They pass what holds, and end with the code that their caller takes for a refusal, naming the line."""
    (repository.root / "workstreams").mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def call() -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - ours
            [HOOKS / hook], cwd=repository.root, env={**os.environ, "PATH": path}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    assert call().returncode == 0
    repository.tick()
    refused = call()
    assert refused.returncode == code
    assert "WS-900.md:8:1: AC2 is ticked, and the accepted result says: failed" in refused.stdout + refused.stderr
