from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import errors
from workstream.evidence.settings import settings_sha256

if TYPE_CHECKING:
    from pathlib import Path

FORMS = {
    "pytest.ini": "[pytest]\nworkstream_levels =\n    static WS-900 one\n",
    "tox.ini": "[tox]\nenvlist = py\n[pytest]\nworkstream_levels = static  WS-900 one\n",
    "setup.cfg": "[tool:pytest]\nworkstream_levels = static WS-900 one\nmarkers = slow\n",
    "pyproject.toml": '[tool.pytest.ini_options]\nworkstream_levels = ["static WS-900 one"]\n',
    "pytest.toml": '[pytest]\nworkstream_levels = ["static WS-900 one"]\n',
}


@pytest.mark.parametrize("name", FORMS)
def test_the_same_settings_have_one_hash_wherever_they_stand(tmp_path: Path, name: str) -> None:
    """Layout, other settings and the form of the file do not count."""
    (tmp_path / name).write_text(FORMS[name])
    path = tmp_path / "other" / "pytest.ini"
    path.parent.mkdir()
    path.write_text(FORMS["pytest.ini"])
    assert settings_sha256(tmp_path / name) == settings_sha256(path)


@pytest.mark.parametrize(
    "line",
    [
        "workstream_levels = image WS-900 one",
        "workstream_levels = static WS-900 one\npython_files = check_*.py",
        "workstream_levels = static WS-900 one\ntestpaths = tests",
        "",
    ],
)
def test_other_settings_have_another_hash(tmp_path: Path, line: str) -> None:
    """What is a test, where tests stand and what a criterion takes all count."""
    path = tmp_path / "pytest.ini"
    path.write_text(FORMS["pytest.ini"])
    before = settings_sha256(path)
    path.write_text(f"[pytest]\n{line}\n")
    assert settings_sha256(path) != before


def test_a_file_that_pytest_prefers_takes_the_place_of_another(tmp_path: Path) -> None:
    """A pytest.ini beside a pyproject.toml is all that pytest reads, even if it is empty."""
    path = tmp_path / "pyproject.toml"
    path.write_text(FORMS["pyproject.toml"])
    before = settings_sha256(path)
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\n")
    assert settings_sha256(path) == before
    (tmp_path / "pytest.ini").touch()
    assert settings_sha256(path) != before


def test_all_of_a_file_that_cannot_be_understood_counts(tmp_path: Path) -> None:
    """Pytest may understand it."""
    path = tmp_path / "pytest.ini"
    path.write_text("[pytest\n")
    before = settings_sha256(path)
    path.write_text("[pytest\n#\n")
    assert settings_sha256(path) != before


def test_settings_that_are_gone_are_told(tmp_path: Path) -> None:
    """A folder without them is no folder in which they did not change."""
    with pytest.raises(errors.EvidenceError, match=r"holds no settings of pytest any more"):
        settings_sha256(tmp_path / "pytest.ini")
