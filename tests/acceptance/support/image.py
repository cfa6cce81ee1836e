"""Builds the Spark image, from docker/spark and the pinned source distribution of pyspark."""

from __future__ import annotations

import os
import shutil
import tomllib
from typing import TYPE_CHECKING

from support.places import IMAGE
from workstream import files
from workstream.cluster import cache, inputs, node_image
from workstream.progress import say, step

if TYPE_CHECKING:
    from pathlib import Path

    from workstream.cluster.engine import Engine

_CONTEXT = ("Dockerfile", "archive_classes.py", "entrypoint.sh", "unchanged_archives.py")
_VERSIONS = "versions.toml"


def copied(folder: Path) -> Path:
    """Copy what the image is built from, so that it is built from what was named and described, whatever is saved then.

    Args:
        folder: where to; it is empty.

    Returns:
        The folder.

    """
    for name in (*_CONTEXT, _VERSIONS):
        shutil.copy(IMAGE / name, folder)
    return folder


def build(engine: Engine, sources: Path) -> str:
    """Return the name of the Spark image, building it if the engine does not have it.

    Its tag is the hash of what it is built from; Debian's packages are named by their suite, so the base image
    stands for them.

    Args:
        engine: where.
        sources: a folder of copies that nobody changes.

    """
    pin = tomllib.loads((sources / _VERSIONS).read_text(encoding="utf-8"))["spark"]
    version = pin["requirement"].partition("==")[2]
    context = [sources / name for name in _CONTEXT]
    base = node_image.base_image(engine)
    name = f"workstream/spark:{version}-{cache.digest(*context, repr(pin), engine.image_id(base))}"
    with cache.lock("spark-image"):
        if engine.has_image(name):
            say("images", f"{name} is there")
            engine.use_image(name)
            return name
        distribution = inputs.fetch(pin["requirement"], pin["sha256"], source=True)
        arguments = {"BASE": base, "SPARK_VERSION": version, "SPARK_SHA256": pin["sha256"][0]}
        with files.temporary("context", cache.folder()) as work:
            for file in context:
                shutil.copy(file, work)
            _put(distribution, work)
            with step("images", f"building {name}"):
                node_image.build(engine, work, name, arguments=arguments)
    return name


def _put(file: Path, folder: Path) -> None:
    """Put a large file into a folder; the build compares it with its hash."""
    try:
        os.link(file, folder / file.name)
    except OSError:  # another disk
        shutil.copy2(file, folder)
