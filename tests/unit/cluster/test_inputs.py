from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from workstream import errors
from workstream.cluster import inputs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("enough_room")

METADATA = "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\nRequires-Dist: toy-that-there-is-not\n"
# A build that needs nothing that is not in the distribution itself; it says that it needs more.
PROJECT = """
[build-system]
requires = ["toy-that-there-is-not"]
build-backend = "build"
backend-path = ["."]
"""
BACKEND = f"""
import pathlib
def prepare_metadata_for_build_wheel(folder, settings=None):
    info = pathlib.Path(folder, "toy-1.0.dist-info")
    info.mkdir()
    info.joinpath("METADATA").write_text({METADATA!r})
    info.joinpath("WHEEL").write_text("Wheel-Version: 1.0")
    return info.name
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give what this machine's pip is set up for, in place of an index: a folder of `toy` 1.0, as wheel and source."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "toy-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("toy-1.0.dist-info/RECORD", "")
    with tarfile.open(folder / "toy-1.0.tar.gz", "w:gz") as source:
        for name, text in (("PKG-INFO", METADATA), ("pyproject.toml", PROJECT), ("build.py", BACKEND)):
            entry = tarfile.TarInfo(f"toy-1.0/{name}")
            entry.size = len(text.encode())
            source.addfile(entry, io.BytesIO(text.encode()))
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(folder), "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


def sha256(path: Path) -> str:
    """Return the hash of a file, as a pin has it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("source", "name"), [(False, "toy-1.0-py3-none-any.whl"), (True, "toy-1.0.tar.gz")])
def test_the_file_that_was_pinned_is_fetched_alone(
    index: Path,
    source: bool,  # noqa: FBT001 - a parameter of the test
    name: str,
) -> None:
    """Wheel or source as it was asked for, with neither what it depends on nor what its build would install."""
    found = inputs.fetch("toy==1.0", ["0" * 64, sha256(index / name)], source=source)

    assert found.name == name
    assert [path.name for path in found.parent.iterdir()] == [name]
    assert sha256(found) == sha256(index / name)


def test_what_is_not_what_was_pinned_is_refused_and_not_kept(index: Path, own_cache: Path) -> None:
    """The error says what was asked for and that it must not be worked around; the next run asks again."""
    with pytest.raises(errors.InputError, match=r"toy==1\.0 could not be fetched as pinned") as caught:
        inputs.fetch("toy==1.0", ["0" * 64])

    assert sha256(index / "toy-1.0-py3-none-any.whl") in caught.value.what
    assert "do not work around it" in caught.value.instead
    assert list((own_cache / "toy").iterdir()) == []


@pytest.mark.usefixtures("index")
def test_what_is_pinned_by_its_version_alone_is_refused() -> None:
    """A version says nothing of the content: without a hash nothing is fetched."""
    with pytest.raises(errors.InputError, match="hash"):
        inputs.fetch("toy==1.0", [])


def test_what_was_fetched_once_is_not_fetched_again(index: Path) -> None:
    """It is taken from the cache, also where the index is out of reach by then."""
    pin = sha256(index / "toy-1.0-py3-none-any.whl")
    first = inputs.fetch("toy==1.0", [pin])
    shutil.rmtree(index)

    assert inputs.fetch("toy==1.0", [pin]) == first
    with pytest.raises(errors.InputError):
        inputs.fetch("toy==1.0", [pin], source=True)
