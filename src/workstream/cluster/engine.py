"""A Docker engine that answers, as its client sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache as cache_results
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors, limits, processes
from workstream.cluster import waiting
from workstream.processes import Environment
from workstream.progress import say

if TYPE_CHECKING:
    import os
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class Engine:
    """A Docker engine that answers.

    Attributes:
        docker: the path of the client.
        version: the engine's version.
        private: whether we started it; then everything in it is ours.
        socket: its socket; None stands for whatever the client is set up for.

    """

    docker: str
    version: str
    private: bool
    socket: Path | None = None

    @property
    def environment(self) -> Environment:
        """What makes programs (docker, kind, testcontainers) use this engine."""
        if self.socket is None:
            return Environment()
        # Settings of the user are about another engine; empty is as good as unset.
        others = (
            "DOCKER_API_VERSION",
            "DOCKER_CERT_PATH",
            "DOCKER_CONTEXT",
            "DOCKER_DEFAULT_PLATFORM",
            "DOCKER_TLS_VERIFY",
        )
        # The private engine has no buildx plugin.
        variables = {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "0"}
        return Environment({**dict.fromkeys(others, ""), **variables}, (Path(self.docker).parent,))

    @property
    def build_options(self) -> tuple[str, ...]:
        """What `docker build` needs to reach the network: the private engine has no default bridge."""
        return ("--network", "host") if self.private else ()

    def run(
        self,
        *arguments: str | os.PathLike[str],
        limit: limits.Limit = limits.QUICK_COMMAND,
        stdin: bytes | None = None,
        accept: Collection[int] = (0,),
    ) -> processes.Completed:
        """Run the client; see `processes.run`."""
        command = [self.docker, *arguments]
        return processes.run(command, limit=limit, stdin=stdin, environment=self.environment, accept=accept)

    def has_image(self, name: str) -> bool:
        """Whether an image of that name is there."""
        try:
            self.run("image", "inspect", "--format", "{{.Id}}", name)
        except errors.ProgramFailedError:
            return False
        return True

    def use_image(self, name: str) -> None:
        """Let an image of the private engine count as used now: it goes when none has done so for long."""
        if self.private and "@" not in name:
            self.run("tag", name, name)

    def remove_containers(self, *filters: str) -> None:
        """Remove containers with their anonymous volumes, and wait until they are gone.

        Args:
            filters: which ones, as `docker ps --filter` takes them; all if there are none.

        """
        chosen = [part for condition in filters for part in ("--filter", condition)]

        def gone() -> bool:
            containers = self.run("ps", "--all", "--quiet", *chosen).stdout.split()
            if containers:  # another run may be removing them already: no error, but they are waited for
                self.run("rm", "--force", "--volumes", *containers, limit=limits.CLUSTER_DELETE, accept=range(256))
            return not containers

        waiting.until(gone, limits.CLUSTER_DELETE, what="the containers are removed")

    def image_id(self, name: str) -> str:
        """Return the content hash of an image, `sha256:…`."""
        return self.run("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()

    def pull(self, name: str) -> bool:
        """Pull an image; return whether that worked. What could not be pulled is not tried again."""
        return _pull(self, name)


@cache_results
def _pull(engine: Engine, name: str) -> bool:
    short = name.partition("@")[0]
    say("images", f"pulling {short} …")
    try:
        engine.run("pull", "--quiet", name, limit=limits.IMAGE_PULL)
    except (errors.ProgramFailedError, errors.ProgramTimeoutError):
        say("images", f"{short} cannot be pulled from here")
        return False
    say("images", f"{short} was pulled")
    return True


def answering() -> Engine | None:
    """Return the engine that the docker client on PATH reaches, or None."""
    docker = processes.find("docker")
    if docker is None:
        return None
    try:
        version = server_version(docker)
    except (errors.ProgramFailedError, errors.ProgramTimeoutError):
        return None
    return Engine(docker, version, private=False)


def server_version(docker: str, socket: Path | None = None) -> str:
    """Ask an engine for its version.

    Args:
        docker: the path of the client.
        socket: the engine's; None for whatever the client is set up for.

    Raises:
        errors.ProgramFailedError: no engine answers.
        errors.ProgramTimeoutError: likewise.

    """
    environment = {} if socket is None else {"DOCKER_HOST": f"unix://{socket}"}
    command = [docker, "version", "--format", "{{.Server.Version}}"]
    return processes.run(command, limit=limits.QUERY, environment=environment).stdout.strip()
