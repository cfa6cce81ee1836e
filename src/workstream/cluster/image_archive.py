"""Archives of images, as engines save them: without what nodes have already.

An image that changed, or that a control broke, is a layer or two on top of hundreds of megabytes that did not change.
"""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


def leave_out(archive: Path, digests: Collection[str]) -> None:
    """Leave parts out of an archive: layers, configurations, manifests.

    Engines before Docker 25 name the parts otherwise: of their archives nothing is left out.

    Args:
        archive: the archive, which is replaced.
        digests: of the parts, `sha256:…`.

    """
    names = {f"blobs/{digest.replace(':', '/')}" for digest in digests}
    rest = archive.with_suffix(".rest")
    with tarfile.open(archive) as whole:
        if names.isdisjoint(whole.getnames()):
            return
        with tarfile.open(rest, "w") as kept:
            for member in whole:
                if member.name not in names:
                    kept.addfile(member, whole.extractfile(member) if member.isreg() else None)
    rest.replace(archive)
