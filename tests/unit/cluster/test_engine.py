from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from workstream import errors
from workstream.cluster import debian, engine, private_engine, provisioning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_engine_that_answers_is_used(answering_docker: Callable[[str], Path]) -> None:
    """Where the docker client reaches an engine, that engine is used, and it is not ours."""
    path = answering_docker("")
    found = engine.answering()

    assert found == engine.Engine(str(path), "28.2.2", private=False)
    assert dict(found.environment) == {}


@pytest.mark.parametrize(("bridge", "options"), [("0", ()), ("1", ("--network", "host"))])
def test_what_is_built_reaches_the_network(
    answering_docker: Callable[[str], Path], bridge: str, options: tuple[str, ...]
) -> None:
    """By the engine's default network, and by the machine's own where the engine was started without one."""
    path = answering_docker(f'[ "$*" = "network inspect bridge" ] && exit {bridge}; exit 7')

    assert engine.Engine(str(path), "28.2.2", private=False).build_options == options


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "echo hint; echo first >&2; echo 'Cannot connect. Is it running?' >&2; exit 1",
            "Cannot connect. Is it running?",
        ),
        ("echo 'permission denied: docker.sock' >&2; exit 1", "permission denied: docker.sock"),
    ],
)
def test_an_engine_that_does_not_answer_is_none_and_the_client_says_why(
    pretend: Callable[[str, str], Path], script: str, reason: str
) -> None:
    """A docker client that reaches nothing counts as no engine; its last words are kept."""
    pretend("docker", script)

    assert engine.answering() == engine.NoEngine(reason)


@pytest.mark.usefixtures("bare_path")
def test_without_a_client_there_is_no_engine() -> None:
    """It is the client that reaches one."""
    assert engine.answering() == engine.NoEngine("there is no docker on PATH")


@pytest.mark.parametrize("variable", ["DOCKER_HOST", "DOCKER_CONTEXT"])
def test_an_engine_that_was_asked_for_and_does_not_answer_is_no_reason_to_take_another(
    pretend: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Neither to bring up a cluster nor to look for one or take it away: the error names the variable."""
    pretend("docker", "echo 'Cannot connect' >&2; exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # so that no private one can take its place
    monkeypatch.setenv(variable, "theirs")
    for use in (
        provisioning.engine_ready().__enter__,
        lambda: provisioning.status("x"),
        lambda: provisioning.down("x"),
    ):
        with pytest.raises(errors.EngineUnavailableError, match=f"{variable}=theirs does not answer: Cannot connect"):
            use()


def test_a_client_that_an_engine_was_asked_for_with_must_be_there(
    bare_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one nobody can tell whether that engine answers."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{bare_path}/docker.sock")
    with pytest.raises(errors.EngineUnavailableError, match="no docker on PATH"):
        engine.answering()


# What clients print of engines that answer, as JSON, shortened; and what is said of their security.
DOCKER_SERVER = {"Version": "28.2.2", "ApiVersion": "1.50", "Os": "linux", "Components": [{"Name": "Engine"}]}
PODMAN_SERVER = {**DOCKER_SERVER, "Version": "5.4.0", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine"}]}
UNFIT = {
    "Podman by Docker's client": ({"Client": {"Os": "linux"}, "Server": PODMAN_SERVER}, [], "is Podman"),
    "Podman by its own": ({"Client": {"Version": "5.4.0", "OsArch": "linux/amd64"}, "Server": None}, [], "is Podman"),
    "no Docker at all": ({"Client": {}, "Server": {"Components": [{"Name": "containerd"}]}}, [], "is none of Docker's"),
    "Windows containers": ({"Server": {**DOCKER_SERVER, "Os": "windows"}}, [], "runs Windows containers"),
    "too old": (
        {"Server": {**DOCKER_SERVER, "Version": "19.03.15", "ApiVersion": "1.40"}},
        [],
        "too old: Docker 19.03.15",
    ),
    "rootless": ({"Server": DOCKER_SERVER}, ["name=seccomp,profile=builtin", "name=rootless"], "is rootless"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_an_engine_that_answers_and_cannot_be_used_is_refused_at_once(
    pretend: Callable[[str, str], Path], kind: str
) -> None:
    """The error says what it is and what to do; its exit code is of that alone."""
    told, security, what = UNFIT[kind]
    pretend("docker", f"case $1 in version) echo '{json.dumps(told)}' ;; info) echo '{json.dumps(security)}' ;; esac")
    with pytest.raises(errors.EngineUnfitError, match=what) as caught:
        engine.answering()

    assert caught.value.exit_code == 19
    assert "DOCKER_HOST" in caught.value.instead


@pytest.mark.parametrize("api", ["1.41", "1.100", "2.0"])
def test_an_engine_that_is_new_enough_is_used(pretend: Callable[[str, str], Path], api: str) -> None:
    """From the API on that kind needs; numbers are compared as numbers."""
    told = {"Client": {}, "Server": {**DOCKER_SERVER, "ApiVersion": api}}
    path = pretend("docker", f"case $1 in version) echo '{json.dumps(told)}' ;; info) echo '[]' ;; esac")

    assert engine.answering() == engine.Engine(str(path), "28.2.2", private=False)


def test_words_that_are_no_json_are_of_no_engine_that_can_be_used(pretend: Callable[[str, str], Path]) -> None:
    """Whatever calls itself docker and answers in its own way."""
    pretend("docker", "echo 28.2.2")
    with pytest.raises(errors.EngineUnfitError, match=r"28\.2\.2"):
        engine.answering()


def test_without_root_the_error_says_so_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not root learns that, why no other engine answers, and how else it can work."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(errors.EngineUnavailableError, match="it needs root") as caught:
        private_engine.require_possible("permission denied: docker.sock")

    assert "permission denied: docker.sock" in caught.value.what
    assert "Start Docker" in caught.value.instead
    assert "DOCKER_HOST" in caught.value.instead


@pytest.mark.usefixtures("bare_path")
def test_off_the_debian_family_the_error_says_so() -> None:
    """Where there is no apt, the error says that the machine is of another family."""
    with pytest.raises(errors.EngineUnavailableError, match="not of the Debian family"):
        private_engine.require_possible("no answer")


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
