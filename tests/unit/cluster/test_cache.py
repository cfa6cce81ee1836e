from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from workstream import errors
from workstream.cluster import cache

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_built_once_is_not_built_again() -> None:
    """A second request for the same key takes what is there."""
    built = []

    def build(target: Path) -> None:
        built.append(target)
        (target / "thing").write_text("whole")

    first, second = (cache.entry("thing", "key", build) for _ in range(2))

    assert first == second
    assert (second / "thing").read_text() == "whole"
    assert len(built) == 1


def test_a_build_that_fails_leaves_nothing_that_could_be_taken_for_it(own_cache: Path) -> None:
    """After a build that was cut off, the next request builds, and no rest is left."""

    def half(target: Path) -> None:
        (target / "thing").write_text("ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.entry("thing", "key", half)

    assert list((own_cache / "thing").iterdir()) == []


def test_the_rest_of_a_killed_build_is_removed_by_the_next(own_cache: Path) -> None:
    """What kill -9 left beside an entry disappears when the entry is built."""
    leftover = own_cache / "thing" / ".building-killed"
    leftover.mkdir(parents=True)

    cache.entry("thing", "key", lambda target: target.joinpath("thing").touch())

    assert not leftover.exists()


def test_two_at_once_build_once() -> None:
    """Of two that ask at the same time, one builds and the other waits for it."""
    built = []
    together = threading.Barrier(2)

    def build(target: Path) -> None:
        built.append(target)
        (target / "thing").touch()

    def ask() -> None:
        together.wait()
        cache.entry("thing", "key", build)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(built) == 1


def test_a_full_disk_is_said_before_anything_is_built(own_cache: Path) -> None:
    """Where there is too little room, nothing is built; the error names the folder and the way out."""
    with pytest.raises(errors.NoSpaceError, match="are needed") as caught:
        cache.entry("thing", "key", lambda _: pytest.fail("built"), needs_bytes=10**18)

    assert str(own_cache) in caught.value.what
    assert cache.FOLDER_VARIABLE in caught.value.instead


def test_a_hash_is_of_content_and_names_below_and_of_no_path_of_this_machine(tmp_path: Path) -> None:
    """Two folders with the same files have the same hash; a changed byte or name gives another."""
    for name, file, text in (("a", "f", "1"), ("b", "f", "1"), ("c", "f", "2"), ("d", "g", "1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    hashes = {name: cache.digest(tmp_path / name) for name in "abcd"}

    assert hashes["a"] == hashes["b"]
    assert len(set(hashes.values())) == 3


def test_what_another_run_uses_is_refused_at_once() -> None:
    """A cluster that another run holds is refused, with the way to another name."""
    with cache.exclusive("cluster-x", "the cluster x"), pytest.raises(errors.BusyError) as caught:  # noqa: SIM117
        with cache.exclusive("cluster-x", "the cluster x"):
            pass

    assert "--cluster-name" in caught.value.instead


def test_what_was_made_read_only_is_removed_too(tmp_path: Path) -> None:
    """A tree as Go leaves it, without write permission, is removed."""
    folder = tmp_path / "modules" / "m"
    folder.mkdir(parents=True)
    (folder / "file").touch(mode=0o400)
    folder.chmod(0o500)

    cache.remove(tmp_path / "modules")

    assert not (tmp_path / "modules").exists()
