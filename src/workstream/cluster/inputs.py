"""Fetches pinned inputs from the Python package index that this machine's pip is set up for.

pip compares what it gets with the pinned hash, and refuses anything else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from workstream import errors, limits, processes
from workstream.cluster import cache
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def fetch(requirement: str, hashes: Sequence[str], *, source: bool = False) -> Path:
    """Return the file that holds a pinned package, from the cache if it is there.

    Args:
        requirement: name and exact version, `name==version`.
        hashes: the SHA-256 digests (hexadecimal) that are accepted: one a platform.
        source: take the source distribution and not a wheel.

    Raises:
        errors.InputError: it cannot be fetched, or is not what was pinned.

    """
    lines = [requirement, *(f"    --hash=sha256:{value}" for value in hashes)]
    text = " \\\n".join(lines) + "\n"

    def download(target: Path) -> None:
        pinned = target / "requirement.txt"
        pinned.write_text(text, encoding="utf-8")
        # Asking a source distribution for its name runs its build: with the setuptools that is installed
        # (and locked) here, not with whatever is newest.
        options = ["--no-binary", ":all:", "--no-build-isolation"] if source else ["--only-binary", ":all:"]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", *options]
        try:
            with step("inputs", f"fetching {requirement}"):
                processes.run([*command, "--dest", target, "--requirement", pinned], limit=limits.DOWNLOAD)
        except errors.ProgramFailedError as error:
            raise errors.InputError(
                f"{requirement} could not be fetched as pinned.\n{processes.tail(error.stderr)}",
                instead=error.instead
                or "Check the network and pip's settings (pip config list). A hash that differs means that the index "
                "gave something else than what was tested: do not work around it.",
            ) from error
        pinned.unlink()

    name = requirement.split("==", maxsplit=1)[0]
    folder = cache.entry(name, cache.digest(text, str(source)), download, needs_bytes=limits.INPUT_BYTES)
    say("inputs", f"{requirement} is there, as pinned")
    return next(path for path in folder.iterdir() if path.is_file())
