"""Debian packages without installing anything: apt in a folder of its own, packages unpacked beside it.

apt itself verifies every package against the archive's signature; the mirror is the one that this machine
already uses. Debian's mirrors drop old versions, so packages come from a named suite and not by version:
what was unpacked is listed in `packages.txt`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors, limits, processes

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR_VARIABLE = "WORKSTREAM_DEBIAN_MIRROR"
_INDEX = re.compile(r"^'(?P<uri>\S+?)/?/dists/(?P<suite>[^/']+)/InRelease'", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Archive:
    """Where Debian packages come from.

    Attributes:
        mirror: the address of the archive.
        security: the address of the security archive; empty if this machine has none.

    """

    mirror: str
    security: str

    def sources(self, suite: str) -> str:
        """Return the lines of a sources.list for one suite, updates and security included."""
        options = f"[signed-by={KEYRING}]"
        lines = [f"deb {options} {self.mirror} {name} main" for name in (suite, f"{suite}-updates")]
        if self.security:
            lines.append(f"deb {options} {self.security} {suite}-security main")
        return "".join(f"{line}\n" for line in lines)


def unavailable() -> str:
    """Return why packages cannot be unpacked on this machine; empty if they can."""
    missing = [name for name in ("apt-get", "dpkg-deb") if processes.find(name) is None]
    if missing:
        return f"this machine has no {' and no '.join(missing)} (it is not of the Debian family)"
    if not KEYRING.exists():
        return f"{KEYRING} is missing (install the package debian-archive-keyring)"
    return ""


def archive() -> Archive:
    """Return the archive that this machine's own apt uses.

    Raises:
        errors.InputError: this machine's apt has no Debian archive, as on a derivative of Debian.

    """
    chosen = os.environ.get(MIRROR_VARIABLE)
    if chosen:
        return Archive(chosen, "")
    printed = processes.run(["apt-get", "update", "--print-uris"], limit=limits.QUICK_COMMAND).stdout
    uris = {match["suite"]: match["uri"] for match in _INDEX.finditer(printed)}
    security = next((uri for uri in uris.values() if uri.endswith("/debian-security")), "")
    mirror = next((uri for uri in uris.values() if uri.endswith("/debian")), "")
    if not mirror:
        raise errors.InputError(
            "this machine's apt sources name no Debian archive.",
            instead=f"Set {MIRROR_VARIABLE} to the address of a Debian mirror.",
            more="apt-get update --print-uris",
        )
    return Archive(mirror, security)


class PrivateApt:
    """apt with lists, cache and settings in a folder of its own; nothing of this machine's apt is touched.

    Args:
        root: an empty folder.
        suite: the Debian suite to take packages from.

    """

    def __init__(self, root: Path, suite: str) -> None:
        self._root = root
        for name in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "state/lists/partial", "cache/archives/partial"):
            (root / name).mkdir(parents=True)
        (root / "status").touch()
        (root / "etc/apt/sources.list").write_text(archive().sources(suite), encoding="utf-8")
        self._configuration = root / "apt.conf"
        self._configuration.write_text(self._settings(), encoding="utf-8")

    def _settings(self) -> str:
        """Return our folders, and this machine's own settings for proxies and the like."""
        acquire = processes.run(["apt-config", "dump", "Acquire"], limit=limits.QUERY).stdout
        kept = [line for line in acquire.splitlines() if not line.startswith("Acquire::IndexTargets")]
        ours = [
            f'Dir "{self._root}/";',
            f'Dir::State "{self._root}/state/";',
            f'Dir::State::status "{self._root}/status";',
            f'Dir::Cache "{self._root}/cache/";',
            f'Dir::Etc "{self._root}/etc/apt/";',
            'APT::Sandbox::User "root";',
            'APT::Install-Recommends "false";',
            'Acquire::Languages "none";',
            'Acquire::Retries "3";',
        ]
        return "\n".join([*kept, *ours, ""])

    def unpack(self, packages: Sequence[str], target: Path) -> list[str]:
        """Fetch packages (not what they depend on) and unpack them; return `name_version_architecture` of each.

        Raises:
            errors.InputError: a package cannot be had.

        """
        archives = self._root / "cache/archives"
        try:
            self._apt("update")
            self._apt("download", *packages, folder=archives)
        except errors.ProgramFailedError as error:
            raise errors.InputError(
                f"Debian packages cannot be had: {', '.join(packages)}.\n{processes.tail(error.stderr)}",
                instead=error.instead or f"Check the network and this machine's apt sources, or set {MIRROR_VARIABLE}.",
            ) from error
        files = sorted(archives.glob("*.deb"))
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            processes.run(["dpkg-deb", "--extract", file, target], limit=limits.QUICK_COMMAND)
        return [file.stem for file in files]

    def _apt(self, *arguments: str, folder: Path | None = None) -> None:
        environment = {"APT_CONFIG": str(self._configuration), "LC_ALL": "C"}
        processes.run(["apt-get", "-q", *arguments], limit=limits.DOWNLOAD, environment=environment, folder=folder)
