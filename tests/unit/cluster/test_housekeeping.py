from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workstream import errors, limits
from workstream.cluster import cache, housekeeping, old_images, private_engine
from workstream.cluster.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


MEGABYTE = 1_000_000
DAY = 86400

# Uses an entry of the cache, says so, and goes on.
USING = """
import pathlib, signal, sys
from workstream.cluster import cache

assert cache.use(pathlib.Path(sys.argv[1]))
print("uses it", flush=True)
signal.pause()
"""
DOCKER = """
echo "$@" >> LOG
case "$*" in
    "image ls"*) echo sha256:old sha256:new sha256:old ;;
    "image inspect sha256:old sha256:new") cat INSPECTED ;;
    "image rm --force sha256:old") rm -f LARGE ;;
esac
"""


@pytest.fixture
def made(own_cache: Path) -> Callable[[str, float], Path]:
    """Give a way to put a thing of 2 MB into the cache that was used so many days ago."""

    def make(name: str, days: float) -> Path:
        path = own_cache / name
        path.mkdir(parents=True)
        (path / "thing").write_bytes(os.urandom(2 * MEGABYTE))
        used = time.time() - days * DAY
        os.utime(path, (used, used))
        return path

    return make


@pytest.fixture
def using() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Give a way to let another process use a thing of the cache."""
    started: list[subprocess.Popen[str]] = []

    def use(path: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", USING, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "uses it\n"
        return process

    yield use
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let no private engine of this machine be looked at; give the folder where the test's own would be."""
    monkeypatch.setattr(private_engine, "RUN", tmp_path / "run")
    return tmp_path / "run"


OLD, NEW = "thing/0123456789abcdef", "other/fedcba9876543210"


def test_what_no_run_has_used_for_long_goes(
    made: Callable[[str, float], Path], own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Thirty days, unless it is set; what was used since stays, and what is no built thing."""
    old, new, images = made(OLD, 31), made(NEW, 29), made("engine-data", 31)
    (own_cache / "clusters" / "one").mkdir(parents=True)
    os.utime(own_cache / "clusters" / "one", (0, 0))
    with caplog.at_level("INFO", logger="workstream"):
        housekeeping.keep_to_limits()

    assert [path.exists() for path in (old, new, images)] == [False, True, False]
    assert sorted(path.name for path in own_cache.iterdir()) == ["clusters", "other"]
    assert "thing (0.0 GB) is removed: was not used for long" in caplog.text
    assert (own_cache / "clusters" / "one").exists()


def test_days_and_size_can_be_set(made: Callable[[str, float], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is beyond the size, what was used longest ago goes first, and no more than need be."""
    oldest, older, newest = made(OLD, 3), made("third/00000000000000aa", 2), made(NEW, 1)
    monkeypatch.setenv(limits.CACHE_SIZE_VARIABLE, "0.005")
    housekeeping.keep_to_limits()
    assert [path.exists() for path in (oldest, older, newest)] == [False, True, True]

    monkeypatch.setenv(limits.CACHE_AGE_VARIABLE, "1.5")
    housekeeping.keep_to_limits()
    assert [path.exists() for path in (older, newest)] == [False, True]


def test_what_a_run_uses_is_never_removed(
    made: Callable[[str, float], Path], using: Callable[[Path], subprocess.Popen[str]], own_cache: Path
) -> None:
    """However old it was: it counts as used now. When the run has ended, or was killed, it may go."""
    old = made(OLD, 400)
    process = using(old)
    housekeeping.keep_to_limits()
    gone, stays = housekeeping.clean()
    assert (gone, [thing.path for thing in stays]) == ([], [old])
    assert time.time() - old.stat().st_mtime < DAY

    process.kill()
    process.wait()
    gone, stays = housekeeping.clean()
    assert ([thing.path for thing in gone], stays) == ([old], [])
    assert list(own_cache.iterdir()) == []


def test_a_thing_that_is_asked_for_is_in_use_until_the_process_ends(own_cache: Path) -> None:
    """Whoever asked for it may use it as long as it lives; another that is removed meanwhile is built again."""
    built: list[Path] = []
    key = cache.digest("thing")
    path = cache.entry("thing", key, built.append)
    assert not cache.discard(path)
    assert cache.entry("thing", key, built.append) == path
    assert len(built) == 1

    path.rename(own_cache / "removed by others")
    cache.entry("thing", key, built.append)
    assert len(built) == 2
    assert not cache.discard(path)


def test_what_a_killed_removal_left_is_removed_by_the_next_build(
    made: Callable[[str, float], Path], own_cache: Path
) -> None:
    """A thing is renamed before it is removed: no half of it is ever taken for the whole."""
    made(OLD, 1).rename(own_cache / "thing" / ".building-0123456789abcdef")
    path = cache.entry("thing", OLD.partition("/")[2], lambda target: target.joinpath("new").touch())

    assert [one.name for one in path.iterdir()] == ["new"]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_an_engine_that_runs_keeps_its_programs_and_its_images(
    made: Callable[[str, float], Path], no_engine: Path, own_cache: Path
) -> None:
    """Also where no run holds it, because a cluster is kept in it."""
    data, programs = made("engine-data", 100), made("engine/0123456789abcdef", 100)
    engine = private_engine.PrivateEngine()
    command = [sys.executable, "-c", "import signal; signal.pause()", str(data)]
    with subprocess.Popen(command) as process:  # noqa: S603 - ours
        (no_engine / f"workstream-{cache.digest(str(own_cache / 'engine-data'))}").mkdir(parents=True)
        while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
            pass  # a program that has just been started has no command line yet
        engine.socket.with_name("docker.pid").write_text(str(process.pid))
        runs = engine.process_id()
        housekeeping.keep_to_limits()
        stay = {thing.path for thing in housekeeping.clean()[1]}
        process.kill()
    assert runs is not None
    assert stay == {data, programs}


def test_trouble_with_the_cache_is_told_and_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, made: Callable[[str, float], Path]
) -> None:
    """A run that proved something does not fail because the cache could not be kept small."""
    made(OLD, 1)
    monkeypatch.setenv(limits.CACHE_SIZE_VARIABLE, "much")
    with caplog.at_level("INFO", logger="workstream"):
        housekeeping.keep_to_limits()

    assert "cannot be kept to its size: WORKSTREAM_CACHE_SIZE=much: expected a number above zero" in caplog.text


@pytest.fixture
def docker(pretend: Callable[[str, str], Path], tmp_path: Path, own_cache: Path) -> Callable[[str, str], list[str]]:
    """Give a way to have old images forgotten: when two were named last; the calls of docker are returned."""
    own_cache.mkdir()
    (own_cache / "large").write_bytes(os.urandom(2 * MEGABYTE))
    script = DOCKER.replace("LOG", f"{tmp_path}/calls").replace("INSPECTED", f"{tmp_path}/inspected")
    path = pretend("docker", script.replace("LARGE", f"{own_cache}/large"))

    def forget(old: str, new: str) -> list[str]:
        images = [
            {"Id": f"sha256:{name}", "RepoTags": [f"w/{name}:1"], "Created": "2020-01-01T00:00:00.123456789Z"}
            | {"Metadata": {"LastTagTime": tagged}}
            for name, tagged in (("new", new), ("old", old))
        ]
        (tmp_path / "inspected").write_text(json.dumps(images))
        (tmp_path / "calls").write_text("")
        old_images.forget(Engine(str(path), "26", private=True))
        return [line for line in (tmp_path / "calls").read_text().splitlines() if " rm " in line]

    return forget


def ago(days: float) -> str:
    """Return a time as an engine writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - days * DAY)) + ".123456789Z"


def test_images_that_no_run_has_used_for_long_go(docker: Callable[[str, str], list[str]]) -> None:
    """When an image was named last counts, and not when it was made; one that was never named is as old as it is."""
    assert docker(ago(29), ago(1)) == []
    assert docker(ago(31), ago(1)) == ["image rm --force sha256:old"]
    assert docker("0001-01-01T00:00:00Z", ago(1)) == ["image rm --force sha256:old"]


def test_images_go_until_the_cache_is_as_small_as_it_may_be(
    docker: Callable[[str, str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was used longest ago first, and no more of them than need be."""
    monkeypatch.setenv(limits.CACHE_SIZE_VARIABLE, "0.001")
    assert docker(ago(2), ago(1)) == ["image rm --force sha256:old"]


def test_an_error_of_a_full_disk_is_one_of_ours(own_cache: Path) -> None:
    """Where something is built into the cache: what, where, and what to do; another error stays what it is."""

    def full(target: Path) -> None:
        raise OSError(28, "No space left on device", str(target / "file"))

    with pytest.raises(errors.NoSpaceError, match=r"thing: .*file: No space left on device") as caught:
        cache.entry("thing", "key", full)
    assert "workstream cache clean" in caught.value.instead
    assert str(own_cache) in caught.value.more

    def other(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        cache.entry("thing", "key", other)
