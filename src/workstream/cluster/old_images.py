"""Images of the private engine that no run uses any more: they go by the cache's age and size."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workstream import limits
from workstream.cluster import cache
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workstream.cluster.engine import Engine


@dataclass(frozen=True, slots=True)
class _Image:
    """An image of an engine.

    Attributes:
        id: its content hash.
        name: one of its names.
        used: when it was given a name last, in seconds since 1970: who uses one, names it anew.

    """

    id: str
    name: str
    used: float


def forget(engine: Engine) -> None:
    """Remove what no run has used for longer than the cache's age, and the oldest of what is beyond the cache's size.

    Args:
        engine: the private one; no container is in it any more.

    """
    for image in sorted(_images(engine), key=lambda image: image.used):
        old = time.time() - image.used > limits.cache_seconds()
        if not old and cache.size(cache.folder()) <= limits.cache_bytes():
            break
        why = "was not used for long" if old else "the cache is larger than it may be"
        say("cache", f"the image {image.name} is removed: {why}")
        engine.run("image", "rm", "--force", image.id, accept=range(256))
    engine.run("image", "prune", "--force", accept=range(256))  # what no name stands for


def _images(engine: Engine) -> Iterator[_Image]:
    ids = dict.fromkeys(engine.run("image", "ls", "--quiet", "--no-trunc").stdout.split())
    if not ids:
        return
    for body in json.loads(engine.run("image", "inspect", *ids).stdout):
        names = body.get("RepoTags") or [body["Id"]]
        tagged = (body.get("Metadata") or {}).get("LastTagTime") or ""
        yield _Image(body["Id"], names[0], max(_seconds(body["Created"]), _seconds(tagged)))


def _seconds(text: str) -> float:
    """Return a time that an engine writes, in seconds since 1970; 0 for none, which it writes as the year 1."""
    with suppress(ValueError):
        return max(0.0, datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp())
    return 0.0
