"""Images: under which names they are brought to a cluster, and what its pods really run.

A name says little: a pod keeps what its name stood for when it was started. So a name that we choose carries the
content, and under any other name what runs is compared with what was brought.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workstream import errors, limits
from workstream.cluster import cache

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kubernetes import client
    from pydantic import JsonValue

    from workstream.cluster.engine import Engine

_DIGITS = 12  # of an image's id, in a name: as many as `docker images` shows
_LONGEST_TAG = 128


@dataclass(slots=True)
class Images:
    """What is known of the images of a cluster.

    Attributes:
        brought: what was brought there, by its name: the digests that an engine or a node may know it by. An engine
            knows an image by its configuration (one that is built on containerd: by its manifest), a node says of a
            pod's container which manifest it runs, or, of an image that it has no digest for, which configuration.
        host: what its nodes put before a name that names no host; empty as long as that was not seen.
        noticed: what was recorded already.

    """

    brought: dict[str, tuple[str, ...]] = field(default_factory=dict)
    host: str = ""
    noticed: set[str] = field(default_factory=set)

    def bring(self, name: str, digests: Iterable[str]) -> None:
        """Remember what was brought under a name; what it stood for before no longer counts."""
        self.brought.pop(name, None)
        self.brought[name] = tuple(dict.fromkeys(digests))

    def expected(self, name: str) -> tuple[str, ...]:
        """Return what was brought last under a name, however it is written; empty if nothing was."""
        same = [other for other in self.brought if full_name(other, self.host) == full_name(name, self.host)]
        return self.brought[same[-1]] if same else ()

    def is_new(self, what: str, value: object) -> bool:
        """Whether this is asked for the first time."""
        key = json.dumps([what, value], sort_keys=True)
        if key in self.noticed:
            return False
        self.noticed.add(key)
        return True


@dataclass(frozen=True, slots=True)
class Provided:
    """An image that pods can have.

    Attributes:
        name: what they call it.
        digests: see `Images`.

    """

    name: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """What a container of a pod runs.

    Attributes:
        namespace: the pod's.
        pod: its name.
        container: the container's.
        image: the image's name, as the pod has it.
        digest: what the node says that it runs.

    """

    namespace: str
    pod: str
    container: str
    image: str
    digest: str


def name_with_content(image: str, image_id: str) -> str:
    """Return a name of an image that no other content has: `queue:dev` becomes `queue:dev-51a7a1796f56`.

    Args:
        image: its name in the engine.
        image_id: what the engine knows it by, `sha256:…`.

    """
    content = image_id.rpartition(":")[2][:_DIGITS]
    repository, tag = _parts(image.partition("@")[0])
    if tag.endswith(content):
        return f"{repository}:{tag}"
    return f"{repository}:{tag[: _LONGEST_TAG - 1 - _DIGITS]}-{content}"


def full_name(name: str, host: str) -> str:
    """Return an image's name as nodes list it: with all that people may leave out of it.

    Args:
        name: as people write it.
        host: what goes before a name that names no host.

    """
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"{host}/library/{name}"
    elif first != "localhost" and not any(sign in first for sign in ".:"):
        name = f"{host}/{name}"
    return ":".join(_parts(name))


def listed_as(name: str, listed: Iterable[str], host: str = "") -> str:
    """Return which of the names that a node lists is meant by one that people write; empty if none is.

    Args:
        name: see `full_name`.
        listed: the node's.
        host: see `full_name`; where it is empty, any will do.

    """
    wanted = full_name(name, host)
    matches = [candidate for candidate in listed if wanted in {candidate, f"/{candidate.partition('/')[2]}"}]
    return matches[0] if matches else ""


def _parts(name: str) -> tuple[str, str]:
    """Return repository and tag."""
    folder, slash, last = name.rpartition("/")
    base, _, tag = last.partition(":")
    return f"{folder}{slash}{base}", tag or "latest"


def push(engine: Engine, image: str, registry: str) -> Provided:
    """Push an image to where nodes pull from, under a name that carries its content: they keep what they have.

    Args:
        engine: where the image is.
        image: its name there.
        registry: `HOST/PATH`.

    """
    image_id = engine.image_id(image)
    name = f"{registry.rstrip('/')}/{name_with_content(image, image_id).rpartition('/')[2]}"
    with cache.lock("image-names"):
        there = engine.has_image(name)
        engine.run("tag", image_id, name)
        try:
            engine.run("push", name, limit=limits.IMAGE_PULL)
            known = json.loads(engine.run("image", "inspect", "--format", "{{json .RepoDigests}}", name).stdout) or []
        finally:
            if not there:
                engine.run("image", "rm", name)  # the name alone: the image has its own
    repository, _ = _parts(name)
    digests = [
        digest for reference in known for pushed, _, digest in [reference.partition("@")] if pushed == repository
    ]
    return Provided(name, (*digests, image_id))


def running(pods: Iterable[client.V1Pod]) -> Iterator[Run]:
    """Yield what every container runs of pods that have not ended and are not being deleted; init containers too."""
    for pod in pods:
        if pod.metadata.deletion_timestamp is not None or pod.status.phase in {"Succeeded", "Failed"}:
            continue
        images = {
            container.name: container.image for container in [*(pod.spec.init_containers or ()), *pod.spec.containers]
        }
        for status in [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]:
            if status.image_id:  # it has been started
                # `repository@sha256:…`, a bare `sha256:…`, or one of them behind `docker-pullable://` and the like
                digest = status.image_id.rpartition("@")[2].rpartition("://")[2]
                where = (pod.metadata.namespace, pod.metadata.name, status.name)
                yield Run(*where, images[status.name], digest)


def require_brought(known: Images, runs: Iterable[Run]) -> None:
    """Compare what runs with what was brought under its name.

    Raises:
        errors.ChartError: a container runs another content.

    """
    for run in runs:
        expected = known.expected(run.image)
        if expected and run.digest not in expected:
            raise errors.ChartError(
                f"pod {run.pod}, container {run.container}, runs another content of {run.image} than this run brought "
                f"to the cluster.\nexpected: {' or '.join(expected)}\nfound:    {run.digest}",
                instead="The pod was started before that, or its node has the name from elsewhere. Give the chart the "
                "name that Cluster.provide returns when it is given none: it carries the content, so that pods are "
                f"replaced. Or delete the pod: kubectl --namespace {run.namespace} delete pod {run.pod}",
                more=f"kubectl --namespace {run.namespace} get pod {run.pod} --output yaml",
            )


def digests_by_name(runs: Iterable[Run]) -> dict[str, JsonValue]:
    """Return what runs under each name: a digest, or all of them if there are several."""
    by_name: dict[str, set[str]] = {}
    for run in runs:
        by_name.setdefault(run.image, set()).add(run.digest)
    listed: dict[str, list[JsonValue]] = {name: [*sorted(by_name[name])] for name in sorted(by_name)}
    return {name: digests[0] if len(digests) == 1 else digests for name, digests in listed.items()}
