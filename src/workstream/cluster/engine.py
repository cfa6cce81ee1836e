"""A Docker engine that answers, as its client sees it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache as cache_results
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors, limits, processes
from workstream.cluster import cache, waiting
from workstream.processes import Environment
from workstream.progress import say

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


HOME_LABEL = "workstream.home"


def labels_of_ours(**more: str) -> dict[str, str]:
    """Return the labels of what we make on an engine: the id of our cache folder, and what it is.

    Others may use the engine too. What a killed run left is found by these, and is no one else's.

    Args:
        more: what it is; `lab="acceptance"` becomes the label `workstream.lab`.

    """
    return {HOME_LABEL: cache.home_id(), **{f"workstream.{name}": value for name, value in more.items()}}


def filters(labels: Mapping[str, str]) -> list[str]:
    """Return what chooses whatever has all of these labels, as `--filter` of docker takes it."""
    return [f"label={name}={value}" for name, value in labels.items()]


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
        """What `docker build` needs to reach the network, where there is no default one, as in the private engine."""
        bridged = not self.private and not self.run("network", "inspect", "bridge", accept=range(256)).returncode
        return () if bridged else ("--network", "host")

    def run(
        self,
        *arguments: str | os.PathLike[str],
        limit: limits.Limit = limits.QUICK_COMMAND,
        stdin: bytes | Path | None = None,
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

    def remove_networks(self, *filters: str) -> None:
        """Remove networks, which nothing uses any more.

        Args:
            filters: which ones, as `docker network ls --filter` takes them.

        """
        chosen = [part for condition in filters for part in ("--filter", condition)]
        for network in self.run("network", "ls", "--quiet", *chosen).stdout.split():
            self.run("network", "rm", network)

    def image_id(self, name: str) -> str:
        """Return the content hash of an image, `sha256:…`."""
        return self.run("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()

    def image_label(self, name: str, label: str) -> str:
        """Return what a label of an image says; nothing if it has none of that name."""
        shown = f'{{{{index .Config.Labels "{label}"}}}}'
        return self.run("image", "inspect", "--format", shown, name).stdout.strip()

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


# What names an engine: who sets one of these wants no other.
_CHOSEN = ("DOCKER_HOST", "DOCKER_CONTEXT")
# The version of Docker's API from which an engine does what kind asks of it: `--cgroupns=private`, of Docker 20.10.
_FIRST_API = (1, 41)


@dataclass(frozen=True, slots=True)
class NoEngine:
    """There is no engine that answers.

    Attributes:
        reason: why, in the client's own words.

    """

    reason: str


def answering() -> Engine | NoEngine:
    """Return the engine that the docker client on PATH reaches.

    Raises:
        errors.EngineUnavailableError: none answers, and the user's environment names one.
        errors.EngineUnfitError: it answers, and no kind cluster can run in it.

    """
    docker = processes.find("docker")
    no_engine = NoEngine("there is no docker on PATH")
    if docker is not None:
        try:
            command = [docker, "version", "--format", "{{json .}}"]
            printed = processes.run(command, limit=limits.QUERY).stdout
        except errors.ProgramFailedError as error:
            no_engine = NoEngine((error.stderr.strip() or error.what).splitlines()[-1])
        except errors.ProgramTimeoutError as error:
            no_engine = NoEngine(error.what)
        else:
            return Engine(docker, _fit(docker, printed), private=False)
    chosen = [f"{name}={os.environ[name]}" for name in _CHOSEN if os.environ.get(name)]
    if chosen:
        raise errors.EngineUnavailableError(
            f"The Docker engine of {' '.join(chosen)} does not answer: {no_engine.reason}",
            instead="Start it; or unset the variable for the engine of this machine, or a private one.",
            more="docker version",
        )
    return no_engine


def _fit(docker: str, printed: str) -> str:
    """Return the version of an engine that answers.

    Args:
        docker: the path of the client.
        printed: what it says of the versions of client and engine, as JSON.

    Raises:
        errors.EngineUnfitError: no kind cluster can run in it.

    """
    try:
        told = json.loads(printed)
        client, server = (told.get(side) or {} for side in ("Client", "Server"))
    except (ValueError, AttributeError):
        client, server = {}, {}
    names = [str(part.get("Name", "")) for part in server.get("Components") or ()]
    # Podman's own client writes `OsArch` where Docker's writes `Os` and `Arch`.
    if "OsArch" in client or any("podman" in name.lower() for name in names):
        raise _unfit("is Podman", "kind runs its nodes there in another way, which was never tried with this project")
    version, api = str(server.get("Version", "")), str(server.get("ApiVersion", ""))
    if not version or not re.fullmatch(r"\d+\.\d+", api):
        raise _unfit("is none of Docker's", f"it does not tell the version of its API: {printed.strip()[:200]!r}")
    if server.get("Os") == "windows":
        raise _unfit("runs Windows containers", "the nodes of a cluster are Linux containers")
    if tuple(map(int, api.split("."))) < _FIRST_API:
        first = ".".join(map(str, _FIRST_API))
        raise _unfit(
            f"is too old: Docker {version}", f"kind needs version {first} of its API (Docker 20.10), not {api}"
        )
    options = processes.run([docker, "info", "--format", "{{json .SecurityOptions}}"], limit=limits.QUERY).stdout
    if "name=rootless" in options:
        raise _unfit(
            "is rootless", "what nodes need of it depends on the machine, and was never tried with this project"
        )
    return version


def _unfit(what: str, why: str) -> errors.EngineUnfitError:
    return errors.EngineUnfitError(
        f"The engine that answers {what}, and cannot be used: {why}.",
        instead="Name another with DOCKER_HOST=unix:///PATH or DOCKER_CONTEXT=NAME: a Docker engine that runs as root "
        "(or Docker Desktop) with Linux containers.",
        more="docker version; docker info",
    )


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
