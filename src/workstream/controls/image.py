"""Images with a control's layer on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstream import files
from workstream.cluster import cache, node_image
from workstream.progress import step

if TYPE_CHECKING:
    from workstream.cluster.engine import Engine
    from workstream.controls.model import Control


def broken_image(control: Control, engine: Engine, image: str) -> str:
    """Build an image with the control's layer, and return its name."""
    # On an engine of several cache folders a control of that name may have another layer.
    name = f"{image}-{control.name}-{cache.digest(control.layer)}"
    with files.temporary("control") as folder:
        (folder / "Dockerfile").write_text(f"FROM {image}\n{control.layer}\n")
        with step("control", f"building {name}"):
            node_image.build(engine, folder, name)
    return name
