from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from workstream import errors
from workstream.cluster import debian, engine, private_engine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_engine_that_answers_is_used(pretend: Callable[[str, str], Path]) -> None:
    """Where the docker client reaches an engine, that engine is used, and it is not ours."""
    path = pretend("docker", "echo 28.2.2")
    found = engine.answering()

    assert found == engine.Engine(str(path), "28.2.2", private=False)
    assert dict(found.environment) == {}
    assert found.build_options == ()


def test_an_engine_that_does_not_answer_is_none(pretend: Callable[[str, str], Path]) -> None:
    """A docker client that reaches nothing counts as no engine."""
    pretend("docker", "echo Cannot connect >&2; exit 1")

    assert engine.answering() is None


def test_without_root_the_error_says_so_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not root learns that, and how else it can work."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(errors.EngineUnavailableError, match="it needs root") as caught:
        private_engine.require_possible()

    assert "Start Docker" in caught.value.instead
    assert "DOCKER_HOST" in caught.value.instead


@pytest.mark.usefixtures("bare_path")
def test_off_the_debian_family_the_error_says_so() -> None:
    """Where there is no apt, the error says that the machine is of another family."""
    with pytest.raises(errors.EngineUnavailableError, match="not of the Debian family"):
        private_engine.require_possible()


def test_the_mirror_is_the_one_that_this_machines_apt_uses(pretend: Callable[[str, str], Path]) -> None:
    """Suites are taken from the archives that apt would ask, security updates included."""
    pretend(
        "apt-get",
        "echo \"'http://mirror.test/debian/dists/bookworm/InRelease' x 0\"\n"
        "echo \"'http://mirror.test/debian-security/dists/bookworm-security/InRelease' x 0\"\n"
        "echo \"'http://other.test/dists/stable/InRelease' x 0\"",
    )
    archive = debian.archive()

    assert archive == debian.Archive("http://mirror.test/debian", "http://mirror.test/debian-security")
    assert [line.split()[2:4] for line in archive.sources("trixie").splitlines()] == [
        ["http://mirror.test/debian", "trixie"],
        ["http://mirror.test/debian", "trixie-updates"],
        ["http://mirror.test/debian-security", "trixie-security"],
    ]


def test_a_derivative_is_told_to_name_a_mirror(pretend: Callable[[str, str], Path]) -> None:
    """Where apt knows no Debian archive, the error names the variable that gives one."""
    pretend("apt-get", "echo \"'http://archive.test/ubuntu/dists/noble/InRelease' x 0\"")
    with pytest.raises(errors.InputError) as caught:
        debian.archive()

    assert debian.MIRROR_VARIABLE in caught.value.instead
