"""Node images with the images in them that runs bring: then nothing is loaded into the nodes of the next cluster.

A run whose images had to be loaded leaves such a node image behind, made of the one that its nodes were made of. The
next run's nodes are made of it. Where an image has changed since, that is loaded as ever; what is there is found
by its content, so an old one does no harm.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from workstream import errors, files, limits, processes
from workstream.cluster import cache, node_image
from workstream.cluster.engine import filters, labels_of_ours
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workstream.cluster.engine import Engine

# Of a node image that was made of another: that one's name and digest. Those that were made in another way than now had
# another label, and are no more found.
BASE_LABEL = "workstream.node-made-of"
_THROWN_AWAY = "CI"  # a variable: on a machine that sets it, there is no next run
_REPOSITORY = "workstream/prepared-node"


def newest(engine: Engine, base: str) -> str:
    """Return the node image that was prepared last and made of another one; that one if there is none.

    Args:
        engine: where.
        base: the name of a node image.

    """
    prepared = _prepared(engine, base)
    if not prepared:
        return base
    say("images", f"{prepared[0]} is there: a node image that holds the images of a run before")
    engine.use_image(prepared[0])
    return prepared[0]


def prepare(engine: Engine, node: str, brought: Sequence[str]) -> None:
    """Leave a node image behind that holds images; those that were made before for the same purpose go.

    What goes wrong is told, and no error: a run is over when this is done, and the next one loads its images.

    Args:
        engine: where the images are.
        node: the node image of this run.
        brought: the images that were loaded into its nodes, by their names in the engine.

    """
    if os.environ.get(_THROWN_AWAY) or not brought or processes.is_cancelled():
        return
    try:
        base = _base(engine, node)
        before = _prepared(engine, base)
        name = f"{_REPOSITORY}:{cache.digest(BASE_LABEL, _stated(engine, base), *map(engine.image_id, brought))}"
        with cache.lock("node-image"):  # as whoever builds one: there is one helper at a time
            if name not in before:
                cache.require_space(limits.PREPARED_NODE_BYTES, name)
                with step("images", f"making a node image that holds {', '.join(brought)}: for the next run"):
                    _make(engine, base, brought, name)
            for old in before:
                if old != name:  # nodes may still be made of it, and then it stays
                    engine.run("image", "rm", old, accept=range(256))
    except (errors.WorkstreamError, OSError) as error:
        first, *more = (error.what if isinstance(error, errors.WorkstreamError) else str(error)).splitlines()
        say("images", " ".join(["no node image was made for the next run:", first, *more[-1:]]))


def _make(engine: Engine, base: str, brought: Sequence[str], name: str) -> None:
    labels = labels_of_ours() | {BASE_LABEL: _stated(engine, base)}
    told = json.loads(engine.run("image", "inspect", "--format", "{{json .Config}}", base).stdout)
    changes = [f"LABEL {label}={json.dumps(value)}" for label, value in labels.items()]
    changes += [f"{key.upper()} {json.dumps(told[key])}" for key in ("Entrypoint", "Cmd") if told.get(key)]
    with files.temporary("images", cache.folder()) as work, node_image.containerd_of(engine, base) as helper:
        archive = work / "images.tar"
        engine.run("save", "--output", archive, *brought, limit=limits.IMAGE_BUILD)
        node_image.imported(engine, helper, archive)
        node_image.committed(engine, helper, name, changes)


def _prepared(engine: Engine, base: str) -> list[str]:
    """Return the names of the images that were made of a node image for this cache folder, the newest first."""
    labels = labels_of_ours() | {BASE_LABEL: _stated(engine, base)}
    chosen = [part for one in filters(labels) for part in ("--filter", one)]
    return engine.run("image", "ls", *chosen, "--format", "{{.Repository}}:{{.Tag}}", _REPOSITORY).stdout.split()


def _base(engine: Engine, node: str) -> str:
    """Return the name of the node image that one was made of; its own if it was not."""
    stated = engine.image_label(node, BASE_LABEL)
    return stated.split()[0] if stated else node


def _stated(engine: Engine, base: str) -> str:
    """Return what a label says of a node image."""
    return f"{base} {engine.image_id(base)}"
