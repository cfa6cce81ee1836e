from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import documents, errors
from workstream.evidence import freshness, provenance, records

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Story

T = "test_a.py::test_it"


@pytest.fixture
def told(story: type[Story], tmp_path: Path) -> Story:
    """Two criteria, each proven by a module of its own, with a chart."""
    told = story("one", "two")
    for name in ("a", "b"):
        path = tmp_path / f"test_{name}.py"
        path.write_text(f"the test of {name}")
        told.lines.append(
            records.Manifest(
                test=f"test_{name}.py::test",
                criterion_id="AC1" if name == "a" else "AC2",
                level=records.Level.CLUSTER,
                source_path=path.name,
                source_sha256=provenance.path_sha256(path),
            )
        )
        told.saw(f"test_{name}.py::test").ran(f"test_{name}.py::test")
    (tmp_path / "chart" / "templates").mkdir(parents=True)
    (tmp_path / "chart" / "templates" / "pod.yaml").write_text("kind: Pod")
    return told.described("chart", provenance.path_sha256(tmp_path / "chart"), "chart").ended()


def states(told: Story, root: Path) -> list[str]:
    """Return the states as of now."""
    return [str(one.state) for one in freshness.current(told.log(root), told.document, root)]


def test_what_did_not_change_is_still_proven(told: Story, tmp_path: Path) -> None:
    """The same files give the same verdicts, wherever Python left its compiled ones."""
    (tmp_path / "chart" / "__pycache__").mkdir()
    (tmp_path / "chart" / "__pycache__" / "x.pyc").touch()
    assert freshness.changes(freshness.basis_of(told.log(tmp_path)), tmp_path) == ()
    assert states(told, tmp_path) == ["proven", "proven"]


SPEAKING = 'import pytest\n\n@pytest.mark.criterion("WS-900", "one")\ndef test(): ...\n'


@pytest.mark.parametrize("name", ["test_new.py", "deep/er/check.py"])
def test_a_new_module_that_speaks_of_the_document_makes_everything_stale(
    told: Story, tmp_path: Path, name: str
) -> None:
    """A criterion is proven by all tests that speak of it, and nobody saw those run."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SPEAKING)
    first, second = freshness.current(told.log(tmp_path), told.document, tmp_path)

    assert first.state == second.state == "stale"
    assert first.reason == f"It was proven, but {name}, which speaks of its criteria, was added since."


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("test_new.py", SPEAKING.replace("WS-900", "WS-901")),
        ("test_new.py", "# see WS-900\ndef test(): ...\n"),
        (".venv/test_new.py", SPEAKING),
        ("help.py", "DOCUMENT = 'WS-900'\n"),
        ("test_new.py", "def test(:\n"),
    ],
    ids=["of another document", "only a comment", "in a hidden folder", "no test", "no Python"],
)
def test_a_new_file_that_does_not_speak_of_it_changes_nothing(
    told: Story, tmp_path: Path, name: str, text: str
) -> None:
    """What has nothing to do with the document takes nothing from it."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)

    assert states(told, tmp_path) == ["proven", "proven"]


def test_a_new_module_that_is_marked_by_a_helper_nobody_imported_makes_everything_stale(
    told: Story, tmp_path: Path
) -> None:
    """The helper was there when the tests ran, and no test had used it."""
    (tmp_path / "marks.py").write_text('import pytest\n\nONE = pytest.mark.criterion("WS-900", "one")\n')
    assert states(told, tmp_path) == ["proven", "proven"]
    (tmp_path / "test_new.py").write_text("from marks import ONE\n\n@ONE\ndef test(): ...\n")
    assert states(told, tmp_path) == ["stale", "stale"]


LIMIT = 'limit = pytest.mark.criterion("WS-900", "one")\nslow = pytest.mark.slow\n'
CONTRACT = """
@pytest.mark.criterion("WS-900", "one")
class Contract:
    def test_it(self): ...

class Plain:
    def test_it(self): ...
"""
HELPERS = {
    "base.py": CONTRACT,
    "more/base.py": CONTRACT,
    "second.py": "from base import Contract, Plain\n\nclass Second(Contract): ...\n\nclass Other(Plain): ...\n",
    "marks/queue.py": LIMIT,
    "marks/__init__.py": "from .queue import limit, slow as late\n\nhard = [limit]\n",
    "marks/star.py": "from . import *\n",
    "made.py": "import marks.queue\n\nMADE = {}\nMADE['limit'] = marks.queue.limit\nOTHER = [marks.queue.slow]\n",
    "any.py": 'globals().update(limit=pytest.mark.criterion("WS-900", "one"))\n',
}


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("from base import Contract\n\nclass TestMore(Contract): ...\n", "stale"),
        ("import more.base as there\n\nclass TestMore(there.Contract): ...\n", "stale"),
        ("from second import Second\n\nclass TestMore(Second): ...\n", "stale"),
        ("from second import *\n\nclass Mine(Second): ...\n\nclass TestMore(Mine): ...\n", "stale"),
        ("from marks import limit\n\n@limit\ndef test(): ...\n", "stale"),
        ("from marks import hard\n\n@pytest.mark.parametrize('one', hard)\ndef test(one): ...\n", "stale"),
        ("from marks.star import limit\n\n@limit\ndef test(): ...\n", "stale"),
        ("import marks.queue\n\n@marks.queue.limit\ndef test(): ...\n", "stale"),
        ("from made import MADE\n\n@MADE['limit']\ndef test(): ...\n", "stale"),
        ("from any import limit\n\n@limit\ndef test(): ...\n", "stale"),
        ("import any\n\n@any.limit\ndef test(): ...\n", "stale"),
        ("from marks import limit\n\npytestmark: list = [limit]\n\ndef test(): ...\n", "stale"),
        ("from marks import limit\n\npytestmark = []\npytestmark += [limit]\n\ndef test(): ...\n", "stale"),
        ("from marks import limit\n\npytestmark = []\npytestmark.append(limit)\n\ndef test(): ...\n", "stale"),
        ("from marks import limit as pytestmark\n\ndef test(): ...\n", "stale"),
        ("from base import Plain\n\nclass TestMore(Plain): ...\n", "proven"),
        ("import base\n\nclass TestMore(base.Plain): ...\n", "proven"),
        ("from second import Other\n\nclass TestMore(Other): ...\n", "proven"),
        ("from marks import late\n\n@late\ndef test(): ...\n", "proven"),
        ("from marks import limit\n\ndef test():\n    print(limit)\n", "proven"),
        ("from marks.queue import slow\n\npytestmark: list = [slow]\n\ndef test(): ...\n", "proven"),
        ("from made import OTHER\n\n@OTHER[0]\ndef test(): ...\n", "proven"),
        ("from queue import Queue\n\nclass TestMore(Queue): ...\n", "proven"),
        ("from marks import limit\n\nclass Helper(limit.Limited): ...\n", "proven"),
    ],
)
def test_a_new_module_is_told_by_what_marks_its_tests_however_that_came_to_it(
    told: Story, tmp_path: Path, source: str, state: str
) -> None:
    """A marker or a marked base class comes through other modules and names, and what stands beside it does not."""
    for name, text in HELPERS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"import pytest\n\n{text}")
        told.described(records.SUITE, provenance.path_sha256(tmp_path / name), name)
    assert states(told, tmp_path) == ["proven", "proven"]
    (tmp_path / "test_new.py").write_text(f"import pytest\n{source}")
    assert states(told, tmp_path) == [state, state]


@pytest.mark.parametrize("folder", ["tests", "elsewhere"])
@pytest.mark.parametrize(("text", "state"), [(SPEAKING, "stale"), ("def test(): ...\n", "proven")])
def test_a_new_module_counts_outside_of_the_test_paths_too(
    told: Story, tmp_path: Path, folder: str, text: str, state: str
) -> None:
    """A run would not have known what it holds."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "elsewhere").mkdir()
    told.lines[1] = records.Selection(options={}, test_paths=("tests",))
    (tmp_path / folder / "test_new.py").write_text(text)
    assert states(told, tmp_path) == [state, state]


@pytest.mark.parametrize(("folder", "state"), [(".", "stale"), ("chart/../deep", "proven")])
def test_a_new_conftest_file_makes_stale_what_reads_it(told: Story, tmp_path: Path, folder: str, state: str) -> None:
    """Its fixtures may give a test something else than it was proven with."""
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "conftest.py").write_text("import pytest\n")
    assert states(told, tmp_path) == [state, state]


def test_a_conftest_file_that_was_there_is_not_new(told: Story, tmp_path: Path) -> None:
    """The run told it with its hash."""
    path = tmp_path / "conftest.py"
    path.write_text("import pytest\n")
    told.lines.insert(-1, records.Subject(name=records.SUITE, value=provenance.path_sha256(path), path=path.name))
    assert states(told, tmp_path) == ["proven", "proven"]


@pytest.mark.parametrize("text", ["another test of a", None], ids=["changed", "gone"])
def test_a_changed_test_proves_nothing_any_more(told: Story, tmp_path: Path, text: str | None) -> None:
    """A test module that changed makes stale what its tests proved, and nothing else."""
    path = tmp_path / "test_a.py"
    path.unlink() if text is None else path.write_text(text)
    first, second = freshness.current(told.log(tmp_path), told.document, tmp_path)
    assert (first.state, first.reason) == ("stale", "It was proven, but test_a.py changed since.")
    assert second.proven


@pytest.mark.parametrize("change", ["text", "name", "more", "gone"])
def test_a_changed_input_makes_everything_stale(told: Story, tmp_path: Path, change: str) -> None:
    """A file of the chart that changed, was renamed, came or went makes every proof stale."""
    path = tmp_path / "chart" / "templates" / "pod.yaml"
    match change:
        case "text":
            path.write_text("kind: Job")
        case "name":
            path.rename(path.with_name("job.yaml"))
        case "more":
            path.with_name("job.yaml").touch()
        case _:
            path.unlink()
            path.parent.rmdir()
            path.parent.parent.rmdir()
    assert states(told, tmp_path) == ["stale", "stale"]


def test_only_what_was_proven_becomes_stale(story: type[Story], tmp_path: Path) -> None:
    """What failed has failed, whatever changed since."""
    failed = story("one").bind(T).ran(T, records.Result.FAILED).described("chart", "other", "chart").ended()
    assert states(failed, tmp_path) == ["blocked"]


@pytest.mark.parametrize(
    ("recorded", "places", "found"),
    [
        ("docs/WS-900.md", ("elsewhere", "elsewhere"), "."),
        ("../docs/WS-900.md", (".", "service/build/acceptance/WS-900"), "service"),
        ("../docs/WS-900.md", ("service/tests", "elsewhere"), "service"),
        ("former/WS-900.md", ("elsewhere", "service/build/acceptance/WS-900"), "elsewhere"),
    ],
    ids=["above the document", "above the evidence", "above the working folder", "the document was moved"],
)
def test_paths_start_where_the_one_of_the_document_leads_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: str, places: tuple[str, str], found: str
) -> None:
    """A service of a repository has its own root of pytest, and its document may stand beside it."""
    for folder in ("docs", "service/tests", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    path = tmp_path / "docs" / "WS-900.md"
    path.write_text("## WS-900: Story\n\n### Acceptance Criteria\n\n- [ ] one\n")
    called, left = (tmp_path / place for place in places)
    monkeypatch.chdir(called)
    assert freshness.root_of(recorded, documents.read(path), left / "evidence.jsonl") == tmp_path / found


def test_where_no_test_is_found_that_is_what_is_told(told: Story, tmp_path: Path) -> None:
    """Who asks from the wrong folder hears of that, and not that everything changed."""
    log = told.log(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    for verdict in freshness.current(log, told.document, tmp_path / "elsewhere"):
        assert verdict.state == "stale"
        assert verdict.reason == (
            f"It was proven, but none of the modules of its tests is found from {tmp_path / 'elsewhere'}: call this "
            "where pytest's root is."
        )


def test_of_several_descriptions_every_one_counts(told: Story, tmp_path: Path) -> None:
    """What changed while the tests ran, or is another file of the same name, changed."""
    told.lines.insert(1, records.Subject(name="chart", value="an earlier hash", path="chart"))
    assert states(told, tmp_path) == ["stale", "stale"]


def test_a_fact_without_a_file_does_not_age(told: Story, tmp_path: Path) -> None:
    """A version that was told is no file."""
    assert states(told.described("Kubernetes", "v1.34"), tmp_path) == ["proven", "proven"]


def test_what_is_not_there_has_no_hash(tmp_path: Path) -> None:
    """A path that names nothing is an error, not the hash of nothing."""
    with pytest.raises(errors.EvidenceError, match="cannot be described"):
        provenance.path_sha256(tmp_path / "none")


def test_a_log_of_another_commit_holds_as_long_as_its_files_do(told: Story, tmp_path: Path) -> None:
    """A commit that changed none of the files that were tested takes nothing from it."""
    told.lines[0] = told.lines[0].model_copy(update={"commit": "decade", "dirty": True})
    assert states(told, tmp_path) == ["proven", "proven"]
    (tmp_path / "chart" / "templates" / "pod.yaml").write_text("kind: pod")
    assert states(told, tmp_path) == ["stale", "stale"]
