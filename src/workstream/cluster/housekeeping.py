"""Keeps the cache to its size and its age, and says what is in it. What a run uses now is never touched."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream import errors, limits
from workstream.cluster import cache
from workstream.cluster.private_engine import PrivateEngine
from workstream.progress import say

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that the cache keeps.

    Attributes:
        name: what it is, as people call it.
        path: where it is.
        size: in bytes.
        used: when a run used it last, in seconds since 1970.
        in_use: whether one does now.

    """

    name: str
    path: Path
    size: int
    used: float
    in_use: bool


def kept() -> list[Kept]:
    """Return what the cache keeps, what was used last first."""
    engine = PrivateEngine()
    # For a cluster that is kept it runs although no run holds it.
    runs = engine.process_id() is not None
    paths = {path: path.parent.name for path in cache.entries()}
    if engine.data.is_dir():
        paths[engine.data] = "images of the private engine"
    things = [
        Kept(
            name,
            path,
            cache.size(path),
            path.stat().st_mtime,
            cache.in_use(path) or (runs and (path == engine.data or name == "engine")),
        )
        for path, name in paths.items()
    ]
    return sorted(things, key=lambda thing: thing.used, reverse=True)


def keep_to_limits() -> None:
    """Remove what no run has used for longer than the cache's age, and the oldest of what is beyond its size.

    What goes wrong is told, and no error: this is done at the end of runs, which have succeeded or failed by then.
    """
    try:
        things = kept()
        total = sum(thing.size for thing in things)
        for thing in reversed(things):
            old = time.time() - thing.used > limits.cache_seconds()
            if (old or total > limits.cache_bytes()) and not thing.in_use and cache.discard(thing.path):
                total -= thing.size
                why = "was not used for long" if old else "the cache is larger than it may be"
                say("cache", f"{thing.name} ({thing.size / 1e9:.1f} GB) is removed: {why}")
    except (OSError, errors.WorkstreamError) as error:
        say("cache", f"cannot be kept to its size: {error}")


def clean() -> tuple[list[Kept], list[Kept]]:
    """Remove all that no run uses; return what is gone, and what stays."""
    gone: list[Kept] = []
    stays: list[Kept] = []
    for thing in kept():
        (gone if not thing.in_use and cache.discard(thing.path) else stays).append(thing)
    return gone, stays
