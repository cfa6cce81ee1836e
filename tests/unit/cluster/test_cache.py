from __future__ import annotations

import fcntl
import threading
from typing import TYPE_CHECKING, TextIO

import pytest

from workstream import errors
from workstream.cluster import cache

if TYPE_CHECKING:
    from collections.abc import Callable
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


def test_two_at_once_build_once(heard: Callable[[str], threading.Event]) -> None:
    """Of two that ask at the same time, one builds; the other says that it waits, and takes what the first made."""
    second_is_here = heard("waiting for whoever is making thing")
    given: list[Path] = []

    def ask(build: Callable[[Path], None]) -> None:
        given.append(cache.entry("thing", "key", build))

    def build_again(target: Path) -> None:
        target.joinpath("second").touch()
        second_is_here.set()

    second = threading.Thread(target=ask, args=[build_again])

    def build(target: Path) -> None:
        second.start()
        assert second_is_here.wait(60)
        target.joinpath("first").touch()

    ask(build)
    second.join()

    assert given[0] == given[1]
    assert [path.name for path in given[0].iterdir()] == ["first"]


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


def test_a_hash_tells_a_text_from_a_file_and_where_one_ends(tmp_path: Path) -> None:
    """What is built from other inputs never has the same hash, however their contents are cut or given."""
    for name, text in (("ab", "ab"), ("a", "a"), ("b", "b"), ("both", "afile\0b")):
        (tmp_path / name).write_text(text)
    ab, a, b, both = (tmp_path / name for name in ("ab", "a", "b", "both"))
    hashes = [cache.digest(*inputs) for inputs in (["ab"], [ab], [a, b], ["a", "b"], [both])]

    assert len(set(hashes)) == len(hashes)
    assert cache.digest(ab) == cache.digest(ab.rename(tmp_path / "cd"))


def test_what_another_run_uses_is_refused_at_once() -> None:
    """A cluster that another run holds is refused, with the way to another name."""
    with cache.exclusive("cluster-x", "the cluster x"), pytest.raises(errors.BusyError) as caught:  # noqa: SIM117
        with cache.exclusive("cluster-x", "the cluster x"):
            pass

    assert "--workstream-cluster-name" in caught.value.instead


def test_a_hold_of_one_run_leaves_no_file(own_cache: Path) -> None:
    """There are as many as names that were ever given to clusters."""
    for _ in range(2):
        with cache.exclusive("cluster-x", "the cluster x"):
            assert [path.name for path in (own_cache / "locks").iterdir()] == ["cluster-x"]
        assert list((own_cache / "locks").iterdir()) == []


def test_whoever_opened_a_hold_just_before_it_went_holds_the_one_that_is_there(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two would hold the same cluster: one by the file that is gone, one by its successor."""
    path = own_cache / "locks" / "cluster-x"
    real = fcntl.flock

    def flock(file: TextIO, how: int) -> None:
        if not gone:
            path.unlink()
            gone.append(path)
        real(file, how)

    gone: list[Path] = []
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", flock)
        held = cache.exclusive("cluster-x", "the cluster x")
        held.__enter__()
    try:
        assert gone
        assert busy()
    finally:
        held.__exit__(None, None, None)


def busy() -> bool:
    """Whether the cluster x is held."""
    try:
        with cache.exclusive("cluster-x", "the cluster x"):
            return False
    except errors.BusyError:
        return True


def test_a_cache_folder_has_an_id_that_stays_and_that_no_other_has(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is random, and not made of the path: two containers may have the same one."""
    first = cache.home_id()
    assert cache.home_id() == first
    assert len(first) == 16
    int(first, 16)
    own_cache.rename(tmp_path / "other")
    second = cache.home_id()
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "other"))

    assert cache.home_id() == first != second


def test_what_comes_before_a_shared_thing_is_done_by_whoever_has_it_alone() -> None:
    """What a killed run left is removed by the first to come, never by one that finds others at work."""
    done: list[str] = []
    with cache.lease("thing", first=lambda: done.append("first")), cache.lease("thing", first=lambda: done.append("2")):
        assert done == ["first"]
    with cache.lease("thing", first=lambda: done.append("third")):
        pass

    assert done == ["first", "third"]


def test_what_was_made_read_only_is_removed_too(tmp_path: Path) -> None:
    """A tree as Go leaves it, without write permission, is removed."""
    folder = tmp_path / "modules" / "m"
    folder.mkdir(parents=True)
    (folder / "file").touch(mode=0o400)
    folder.chmod(0o500)

    cache.remove(tmp_path / "modules")

    assert not (tmp_path / "modules").exists()


def test_the_lock_of_a_cluster_leaves_no_file(own_cache: Path) -> None:
    """Names of clusters are anybody's: a file for each would stay for ever. Whoever finds none makes one."""
    for _ in range(2):
        with cache.exclusive("cluster-x", "the cluster x"):
            assert [path.name for path in (own_cache / "locks").iterdir()] == ["cluster-x"]
        assert list((own_cache / "locks").iterdir()) == []


def test_a_lock_whose_file_was_taken_away_meanwhile_is_none(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opened the file before it went, and locks it after, holds nothing: it takes the one that is there now."""
    taken = cache._taken  # noqa: SLF001 - between its two steps nothing public happens
    removed: list[Path] = []

    def remove_first(file: TextIO) -> bool:
        if not removed:
            removed.append(own_cache / "locks" / "cluster-x")
            removed[0].unlink()
        return taken(file)

    monkeypatch.setattr(cache, "_taken", remove_first)
    with cache.exclusive("cluster-x", "the cluster x"):
        assert removed[0].exists()
        with pytest.raises(errors.BusyError), cache.exclusive("cluster-x", "the cluster x"):
            pass
