from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import errors
from workstream.cluster import debian

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cluster.conftest import DebianMachine


def test_a_machine_with_apt_dpkg_and_debians_keys_can_unpack_packages(debian_machine: DebianMachine) -> None:
    """There is no reason why it could not."""
    assert debian_machine.keyring.exists()
    assert debian.unavailable() == ""


def test_a_missing_keyring_is_named_with_its_package(debian_machine: DebianMachine) -> None:
    """Where only Debian's keys are missing, the reason names their file and the package that has them."""
    debian_machine.keyring.unlink()

    assert debian.unavailable() == (f"{debian_machine.keyring} is missing (install the package debian-archive-keyring)")


@pytest.mark.parametrize(
    ("there", "missing"),
    [([], "no apt-get and no dpkg-deb"), (["apt-get"], "no dpkg-deb"), (["dpkg-deb"], "no apt-get")],
)
def test_programs_that_are_missing_are_named(bare_path: Path, there: list[str], missing: str) -> None:
    """Only those, and what that says of the machine."""
    for name in there:
        (bare_path / name).touch(mode=0o755)

    assert debian.unavailable() == f"this machine has {missing} (it is not of the Debian family)"


def test_a_mirror_that_is_named_is_used_and_nothing_else(
    debian_machine: DebianMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names a mirror is not asked for more; that it has no security archive is no error."""
    monkeypatch.setenv(debian.MIRROR_VARIABLE, "http://named.test/debian")
    sources = debian.archive().sources("trixie")

    assert sources == (
        f"deb [signed-by={debian_machine.keyring}] http://named.test/debian trixie main\n"
        f"deb [signed-by={debian_machine.keyring}] http://named.test/debian trixie-updates main\n"
    )
    assert not debian_machine.log.exists()


def test_nothing_of_this_machines_apt_is_touched(debian_machine: DebianMachine, tmp_path: Path) -> None:
    """Lists, cache, state and sources are in the folder; of this machine's settings only those of fetching count."""
    root = tmp_path / "apt"
    debian_machine.has("tini")
    debian.PrivateApt(root, "trixie").unpack(["tini"], tmp_path / "target")
    settings = (root / "apt.conf").read_text().splitlines()

    assert settings[0] == 'Acquire::http::Proxy "http://proxy.test";'
    assert not any("IndexTargets" in line for line in settings)
    folders = [line.split('"')[1] for line in settings if line.startswith("Dir")]
    assert len(folders) == 5
    assert all(folder.startswith(f"{root}/") for folder in folders)
    assert "http://mirror.test/debian trixie main" in (root / "etc/apt/sources.list").read_text()
    used = [line.split()[:3] for line in debian_machine.log.read_text().splitlines() if "print-uris" not in line]
    assert used == [[f"{root}/apt.conf", "C", "-q"]] * 2


def test_packages_are_unpacked_beside_each_other_and_told_with_their_versions(
    debian_machine: DebianMachine, tmp_path: Path
) -> None:
    """What every one of them holds is in one folder; only what was asked for is there."""
    for name in ("tini", "runc", "more"):
        debian_machine.has(name, f"usr/bin/{name}")
    told = debian.PrivateApt(tmp_path / "apt", "trixie").unpack(["tini", "runc"], tmp_path / "target")

    assert told == ["runc_1.0_all", "tini_1.0_all"]
    assert {path.name for path in (tmp_path / "target/usr/bin").iterdir()} == {"runc", "tini"}


def test_a_package_that_cannot_be_had_is_told_with_apts_words(debian_machine: DebianMachine, tmp_path: Path) -> None:
    """The error names what was wanted, and the variable that gives another mirror."""
    debian_machine.has("tini")
    with pytest.raises(errors.InputError, match="Unable to locate package runc") as caught:
        debian.PrivateApt(tmp_path / "apt", "trixie").unpack(["tini", "runc"], tmp_path / "target")

    assert "tini, runc" in caught.value.what
    assert debian.MIRROR_VARIABLE in caught.value.instead
