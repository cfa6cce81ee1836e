"""The image alone: containers that run, and containers that end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from workstream import limits
from workstream.cluster import cache
from workstream.cluster.engine import filters, labels_of_ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workstream.cluster.engine import Engine


# Its helper container, which cleans up behind a killed run, comes from a registry, and there may be none. So what
# a killed run left is found by our labels, and removed by the next of the same cache folder.
testcontainers_config.ryuk_disabled = True


def labels() -> dict[str, str]:
    """Return the labels of all that is made to try the image alone."""
    return labels_of_ours(lab="acceptance")


@contextmanager
def lab(engine: Engine, image: str) -> Iterator[Lab]:
    """Give a place to try containers, with a network of their own; what killed runs left is removed before.

    Other processes of this run, and other runs of this cache folder, may have such a place at the same time: then
    what is there is theirs.

    Args:
        engine: the engine, which testcontainers finds in the environment.
        image: the name of the image.

    """
    ours = filters(labels())

    def clear() -> None:
        engine.remove_containers(*ours)
        engine.remove_networks(*ours)

    with cache.lease("lab", first=clear), Network(docker_network_kw={"labels": labels()}) as network:
        yield Lab(image, network)


@dataclass(frozen=True, slots=True)
class Lab:
    """Where containers are tried.

    Attributes:
        image: the name of the image.
        network: a network that has nothing else in it.

    """

    image: str
    network: Network

    @contextmanager
    def running(
        self,
        *command: str,
        until: str,
        environment: Mapping[str, str] | None = None,
        user: str = "",
        tmpfs: Mapping[str, str] | None = None,
        alias: str = "spark",
    ) -> Iterator[Running]:
        """Give a container once it has logged a text; remove it in the end.

        Args:
            command: what follows the image's name; empty for nothing.
            until: the text.
            environment: its variables.
            user: who starts it; empty for what the image says.
            tmpfs: folders in memory, with the options that they are mounted with.
            alias: its host name in the network.

        """
        limit = timedelta(seconds=limits.CONTAINER_READY.seconds)
        container = self._container(command, environment, user, tmpfs).with_network_aliases(alias)
        container.waiting_for(LogMessageWaitStrategy(until).with_startup_timeout(limit))
        with container:
            yield Running(container)

    def ended(
        self,
        *command: str,
        environment: Mapping[str, str] | None = None,
        user: str = "",
        tmpfs: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run a container to its end; return its exit code and everything that it said."""
        with self._container(command, environment, user, tmpfs) as container:
            wrapped = container.get_wrapped_container()
            code = wrapped.wait(timeout=limits.CONTAINER_READY.seconds)["StatusCode"]
            return Ended(int(code), wrapped.logs().decode())

    def _container(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        user: str,
        tmpfs: Mapping[str, str] | None,
    ) -> DockerContainer:
        # All at once: `with_kwargs` would put what it is given in the place of these.
        fixed: dict[str, Any] = {"labels": labels(), **({"user": user} if user else {})}
        container = DockerContainer(self.image, network=self.network, **fixed).with_command(list(command))
        container.with_envs(**(environment or {}))
        for folder, options in (tmpfs or {}).items():
            container.with_tmpfs_mount(folder, options)
        return container


@dataclass(frozen=True, slots=True)
class Ended:
    """A container that ended.

    Attributes:
        exit_code: its exit code.
        log: what it wrote to stdout and stderr.

    """

    exit_code: int
    log: str


@dataclass(frozen=True, slots=True)
class Running:
    """A container that runs.

    Attributes:
        container: the container.

    """

    container: DockerContainer

    @property
    def log(self) -> str:
        """What it wrote to stdout and stderr so far, in the order in which it did."""
        text: str = self.container.get_wrapped_container().logs().decode()
        return text

    def execute(self, *command: str) -> Ended:
        """Run a command in it, as root."""
        done = self.container.exec(list(command))
        return Ended(int(done.exit_code or 0), done.output.decode())

    def java(self) -> dict[str, str]:
        """Return the user and the command line of every Java process."""
        lines = self.execute("ps", "-C", "java", "-o", "user=,args=").log.splitlines()
        return {line.split(maxsplit=1)[1]: line.split(maxsplit=1)[0] for line in lines}

    def stop(self) -> int:
        """Ask it to end; return its exit code: 128 + 15 after SIGTERM, 128 + 9 if it had to be killed."""
        wrapped = self.container.get_wrapped_container()
        wrapped.stop(timeout=round(limits.CONTAINER_READY.seconds))
        return int(wrapped.wait(timeout=limits.CONTAINER_READY.seconds)["StatusCode"])
