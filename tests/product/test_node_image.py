"""What a node image holds: the images it was given, unpacked. A small one of Debian's containerd stands for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import limits
from workstream.cluster import node_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workstream.cluster.engine import Engine

NODE, GIVEN, MADE = (f"workstream/try-{name}:of-a-test" for name in ("node", "given", "made"))
_PROGRAMS = "containerd procps mount"
# Its upper layer removes a folder of the lower one, and a file, and puts another folder where one was.
_GIVEN = """
FROM BASE
RUN mkdir /gone /replaced && echo old > /replaced/old && echo old > /file
RUN rm -r /gone /replaced /file && mkdir /replaced && echo new > /replaced/new
"""
# What of the root file systems of /kind/snapshots is of this test, and what containerd knows of them.
_SHOW = """
cd /kind/snapshots/* && find gone replaced file -type f 2> /dev/null
find /var/lib/containerd/ -name fs -exec readlink {} +
containerd > /dev/null 2>&1 &
ctr --namespace k8s.io --connect-timeout 30s snapshots list | awk 'NR > 1 { print $1, $2 }'
"""


@pytest.fixture(scope="module")
def archive(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give an archive of an image, and let there be what stands for a node image."""
    base = node_image.base_image(engine)
    folder = tmp_path_factory.mktemp("images")
    install = f"apt-get update && apt-get install --yes --no-install-recommends {_PROGRAMS}"
    for name, text in {NODE: f"FROM {base}\nRUN {install}\n", GIVEN: _GIVEN.replace("BASE", base)}.items():
        (folder / "Dockerfile").write_text(text)
        node_image.build(engine, folder, name)
    saved = folder / "images.tar"
    engine.run("save", "--output", saved, GIVEN, limit=limits.IMAGE_BUILD)
    yield saved
    engine.run("image", "rm", "--force", NODE, GIVEN, MADE)


def test_an_image_is_in_a_node_image_as_one_root_file_system(engine: Engine, archive: Path) -> None:
    """What a layer removed is not there, and containerd has it by its name, without parents and outside of /var."""
    with node_image.containerd_of(engine, NODE) as helper:
        node_image.imported(engine, helper, archive)
        node_image.committed(engine, helper, MADE, ['ENTRYPOINT ["sh", "-c"]'])
    seen = engine.run("run", "--rm", "--network", "none", "--privileged", MADE, _SHOW).stdout.split()

    left, place, *known = seen
    assert left == "replaced/new"
    assert place.startswith("/kind/snapshots/")
    assert known == [f"sha256:{place.rpartition('/')[2]}", "Committed"]
