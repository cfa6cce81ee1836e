"""Fixtures of the acceptance suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from testcontainers.core.network import Network

from support import image
from support.containers import Lab
from support.places import RELEASE
from workstream.cluster import helm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workstream.cluster.engine import Engine
    from workstream.cluster.helm import Manifest


@pytest.fixture(scope="session")
def defaults(tools: object) -> list[Manifest]:  # noqa: ARG001 - puts helm on PATH
    """What the chart renders as it is."""
    return helm.template(RELEASE, {})


@pytest.fixture(scope="session")
def switched_off(tools: object) -> list[Manifest]:  # noqa: ARG001 - puts helm on PATH
    """What the chart renders without the shuffle service."""
    return helm.template(RELEASE, {"shuffleService": {"enabled": False}})


@pytest.fixture(scope="session")
def spark_image(engine: Engine) -> str:
    """The name of the Spark image, once it is built."""
    return image.build(engine)


@pytest.fixture(scope="session")
def lab(spark_image: str) -> Iterator[Lab]:
    """Where containers are tried: the image, and a network of their own."""
    with Network() as network:
        yield Lab(spark_image, network)
