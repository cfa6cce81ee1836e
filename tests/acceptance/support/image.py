"""Builds the Spark image from docker/spark and the pinned distribution of Spark."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from support.places import IMAGE
from workstream.cluster import cache, inputs, node_image
from workstream.cluster.versions import pinned
from workstream.progress import say, step

if TYPE_CHECKING:
    from workstream.cluster.engine import Engine

RECIPE = ("Dockerfile", "entrypoint.sh")


def name() -> str:
    """Return the name under which the chart asks for the image."""
    return f"workstream/spark:{pinned()['spark']['version']}"


def build(engine: Engine) -> str:
    """Build the image, unless it is there already, and return its name.

    Raises:
        errors.BuildError: it cannot be built.
        errors.InputError: Spark cannot be fetched as pinned.

    """
    pins = pinned()["spark"]
    base = node_image.base_image(engine)
    content = cache.digest(*(IMAGE / file for file in RECIPE), str(pins), engine.image_id(base))
    of_this_content = f"workstream/spark:{content}"
    with cache.lock("spark-image"):
        if engine.has_image(of_this_content):
            say("images", f"{name()} is there")
        else:
            _build(engine, of_this_content, base)
        engine.run("tag", of_this_content, name())
    return name()


def _build(engine: Engine, tag: str, base: str) -> None:
    pins = pinned()["spark"]
    archive = inputs.fetch(pins["requirement"], pins["sha256"], source=True)
    arguments = {"BASE": base, "SPARK_VERSION": pins["version"], "SPARK_SHA256": pins["sha256"][0]}
    with tempfile.TemporaryDirectory(dir=cache.folder(), prefix=".context-") as work, step("images", f"building {tag}"):
        context = Path(work)
        for file in RECIPE:
            shutil.copy(IMAGE / file, context)
        os.link(archive, context / archive.name)  # both are in the cache
        node_image.build(engine, context, tag, arguments=arguments)
