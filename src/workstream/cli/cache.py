"""`workstream cache show | clean`: what the cache keeps, for people who want the room."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from workstream import limits
from workstream.cluster import cache as folders
from workstream.cluster import housekeeping

if TYPE_CHECKING:
    from workstream.cluster.housekeeping import Kept


@click.group()
def cache() -> None:
    """Show and empty the folder that keeps what was built: tools, the private engine, its images."""


@cache.command()
def show() -> None:
    """List what the cache keeps, how large it is, when it was used last, and by which limits it goes."""
    things = housekeeping.kept()
    for thing in things:
        click.echo(_line(thing))
    total = sum(thing.size for thing in things)
    click.echo(
        f"{folders.folder()}: {_size(total)} of {_size(limits.cache_bytes())} ({limits.CACHE_SIZE_VARIABLE}); "
        f"what no run has used for {limits.cache_seconds() / 86400:g} days goes ({limits.CACHE_AGE_VARIABLE})"
    )


@cache.command()
def clean() -> None:
    """Remove all that no run uses now, and name what stays. The next run makes again what it needs: in minutes."""
    gone, stays = housekeeping.clean()
    for thing in gone:
        click.echo(f"removed: {_line(thing)}")
    for thing in stays:
        click.echo(f"kept:    {_line(thing)}")
    click.echo(f"{folders.folder()}: {_size(sum(thing.size for thing in gone))} removed")


def _line(thing: Kept) -> str:
    used = "in use by a run" if thing.in_use else f"used last {datetime.fromtimestamp(thing.used, UTC):%Y-%m-%d %H:%M}Z"
    return f"{_size(thing.size):>9}  {thing.name} ({thing.path.name}), {used}"


def _size(count: float) -> str:
    return f"{count / 1e9:.2f} GB"
