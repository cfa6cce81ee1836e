"""The Docker engine: the one that answers, else a private one that installs nothing.

A private engine is made of Debian packages unpacked into the cache. It has its own socket, its own data
(kept in the cache: what was built once is there the next time) and touches no firewall rule. Several runs
may share it: each holds a lease, and the last one to leave stops it. A lease dies with its process, so an
engine that was left behind by a killed run is taken over, and stopped, by the next.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache as cache_results
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors, limits, processes
from workstream.cluster import cache, debian, waiting
from workstream.cluster.versions import pinned
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

NEEDS_BYTES = 8_000_000_000

RUN = Path("/run")  # where sockets and process ids are kept: empty after a start of the machine
MOUNTS = Path("/proc/self/mountinfo")
BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")  # whether the firewall sees what bridges pass on


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
    def environment(self) -> dict[str, str]:
        """The variables that make programs (docker, kind, testcontainers) use this engine."""
        if self.socket is None:
            return {}
        return {
            "DOCKER_HOST": f"unix://{self.socket}",
            "PATH": f"{Path(self.docker).parent}{os.pathsep}{os.environ['PATH']}",
            "DOCKER_BUILDKIT": "0",  # the private engine has no buildx plugin
        }

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

    def remove_containers(self, *filters: str) -> None:
        """Remove containers with their anonymous volumes, and wait until they are gone.

        Args:
            filters: which ones, as `docker ps --filter` takes them; all if there are none.

        """
        chosen = [part for one in filters for part in ("--filter", one)]

        def gone() -> bool:
            found = self.run("ps", "--all", "--quiet", *chosen).stdout.split()
            if found:  # somebody may be removing them already: that is no error, and no reason to go on without them
                self.run("rm", "--force", "--volumes", *found, limit=limits.CLUSTER_DELETE, accept=range(256))
            return not found

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
        version = _server_version(docker, {})
    except (errors.ProgramFailedError, errors.ProgramTimeoutError):
        return None
    return Engine(docker, version, private=False)


def _server_version(docker: str, environment: Mapping[str, str]) -> str:
    command = [docker, "version", "--format", "{{.Server.Version}}"]
    return processes.run(command, limit=limits.QUERY, environment=environment).stdout.strip()


@contextmanager
def engine() -> Iterator[Engine]:
    """Give an engine for as long as the context lasts; see the module.

    Raises:
        errors.EngineUnavailableError: none answers, and this machine cannot run a private one.
        errors.EngineFailedError: the private one does not start.

    """
    found = answering()
    if found is not None:
        say("engine", f"Docker {found.version} answers: using it")
        yield found
        return
    require_private_possible()
    say("engine", "no Docker engine answers: using a private one (nothing is installed)")
    private = PrivateEngine()
    with private.lease():
        try:
            yield private.start()
        finally:
            with processes.cleaning_up():
                private.leave()


def running_engine() -> Engine | None:
    """Return the engine that answers, be it the private one; start none."""
    found = answering()
    if found is not None:
        return found
    private = PrivateEngine()
    return None if private.process_id() is None else private.reach()


def require_private_possible() -> None:
    """Raise errors.EngineUnavailableError if a private engine cannot run here, saying why."""
    reasons = [
        "it runs on Linux only" if sys.platform != "linux" else "",
        "it needs root" if os.geteuid() != 0 else "",
        debian.unavailable(),
    ]
    said = [reason for reason in reasons if reason]
    if said:
        raise errors.EngineUnavailableError(
            f"No Docker engine answers, and a private one cannot run here: {'; '.join(said)}.",
            instead="Start Docker, or set DOCKER_HOST to an engine that runs.",
            more="docker version",
        )


def unpacked() -> Path:
    """Return the folder with the engine's programs, unpacking them if they are not in the cache."""
    pins = pinned()["engine"]
    own_iptables = processes.find("iptables") is None
    key = cache.digest(repr(sorted(pins.items())), str(own_iptables), _LAUNCHER)

    def build(target: Path) -> None:
        with step("engine", "unpacking Docker from Debian packages"):
            fill(target)

    def fill(target: Path) -> None:
        groups = [(pins["suite"], pins["packages"]), (pins["runc-suite"], pins["runc-packages"])]
        if own_iptables:
            groups.append((pins["runc-suite"], pins["iptables-packages"]))
        listed: list[str] = []
        for number, (suite, packages) in enumerate(groups):
            apt = debian.PrivateApt(target / f"apt-{number}", suite)
            listed += apt.unpack(packages, target / "root")
            cache.remove(target / f"apt-{number}")
        (target / "packages.txt").write_text("".join(f"{name}\n" for name in listed), encoding="utf-8")
        if own_iptables:
            _link_iptables(target / "root")

    return cache.entry("engine", key, build, needs_bytes=1_000_000_000)


# One binary goes by many names. The dynamic linker must find its libraries, wherever the cache is.
_LAUNCHER = """#!/bin/sh
root=$(cd "$(dirname "$0")/../.." && pwd)
libraries=$(echo "$root"/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH="$libraries" XTABLES_LIBDIR="$libraries/xtables"
exec "$root/usr/sbin/xtables-nft-multi" "$(basename "$0")" "$@"
"""


def _link_iptables(root: Path) -> None:
    """Make the commands of iptables, which the package's alternatives would make."""
    folder = root / "usr/wrapped"
    folder.mkdir(parents=True)
    for family in ("iptables", "ip6tables"):
        for command in ("", "-save", "-restore"):
            path = folder / f"{family}{command}"
            path.write_text(_LAUNCHER, encoding="utf-8")
            path.chmod(0o755)


class PrivateEngine:
    """The engine of this cache folder; there is at most one."""

    def __init__(self) -> None:
        self._data = cache.folder() / "engine-data"
        # A socket's path is limited to 107 bytes: it cannot stand in the cache.
        self._run = RUN / f"workstream-{cache.digest(str(self._data))}"
        self.socket = self._run / "docker.sock"
        self._pidfile = self._run / "docker.pid"
        self._keep = self._run / "keep"

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Hold the engine: nobody stops it meanwhile."""
        self._run.mkdir(mode=0o700, exist_ok=True)
        with (self._run / "leases").open("a") as file:
            self._lease = file
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def start(self) -> Engine:
        """Start the engine, or take the one that runs."""
        root = unpacked() / "root"
        with cache.lock("engine-start"):
            if self.process_id() is None:
                cache.require_space(NEEDS_BYTES, "images and containers")
                with step("engine", "starting the private engine"):
                    self._launch(root)
        found = self.reach()
        say("engine", f"Docker {found.version}, private, answers")
        return found

    def reach(self) -> Engine:
        """Return the engine, which runs."""
        docker = str(unpacked() / "root/usr/bin/docker")
        return Engine(docker, _server_version(docker, self._environment), private=True, socket=self.socket)

    @property
    def _environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.socket}"}

    def process_id(self) -> int | None:
        """Return the engine's process id, or None if it does not run."""
        try:
            number = int(self._pidfile.read_text())
            command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return number if str(self._data).encode() in command else None

    @property
    def log(self) -> Path:
        """Where the engine writes what it does."""
        return cache.folder() / "engine.log"

    def _launch(self, root: Path) -> None:
        wrapped = root / "usr/wrapped"
        folders = [root / "usr/bin", root / "usr/sbin", *([wrapped] if wrapped.is_dir() else [])]
        path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
        _require_forwarding(path)
        self._pidfile.unlink(missing_ok=True)
        settings = self._run / "daemon.json"
        settings.write_text("{}")  # not this machine's /etc/docker/daemon.json
        command: list[str | os.PathLike[str]] = [
            next(found for name in ("usr/sbin/dockerd", "usr/bin/dockerd") if (found := root / name).exists()),
            *("--config-file", settings, "--data-root", self._data, "--exec-root", self._run / "exec"),
            *("--pidfile", self._pidfile, "--host", f"unix://{self.socket}", "--bridge", "none"),
            *("--iptables=false", "--ip6tables=false", "--ip-masq=false"),
            *("--userland-proxy-path", next(root.glob("usr/*bin/docker-proxy"))),
            *("--init-path", root / "usr/bin/tini-static"),
        ]
        with self.log.open("ab") as log:
            process = processes.start(
                command, environment={"PATH": path}, stdout=log.fileno(), stderr=subprocess.STDOUT, outlives_us=True
            )

        def answers() -> bool:
            if process.poll() is not None:
                raise errors.EngineFailedError(
                    f"The private engine ended with exit code {process.returncode}:\n"
                    + processes.tail(self.log.read_text(errors="replace")),
                    more=str(self.log),
                )
            try:
                return bool(_server_version(str(root / "usr/bin/docker"), self._environment))
            except errors.ProgramFailedError:
                return False

        waiting.until(answers, limits.ENGINE_START, what="the private Docker engine answers")

    def keep_running(self, *, keep: bool) -> None:
        """Leave the engine running when the last lease ends (because a cluster is kept in it), or not."""
        if keep:
            self._keep.touch()
        else:
            self._keep.unlink(missing_ok=True)

    def leave(self) -> None:
        """Stop the engine, unless somebody else holds a lease or it is to be kept."""
        if self._keep.exists():
            say("engine", "the private engine keeps running, for the cluster that is kept")
            return
        try:
            fcntl.flock(self._lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("engine", "the private engine keeps running: another run uses it")
            return
        self.stop()

    def stop(self) -> None:
        """Stop the engine and remove every container, network and folder of its run; images stay."""
        number = self.process_id()
        if number is not None:
            with step("engine", "stopping the private engine"):
                try:
                    self._clear()
                finally:
                    os.kill(number, signal.SIGTERM)
                    ended = "the private Docker engine ends"
                    waiting.until(lambda: processes.has_ended(number), limits.ENGINE_STOP, what=ended)
        self._unmount()
        cache.remove(self._run)
        for left in ("docker/plugins", "docker", "containerd"):
            with suppress(OSError):  # somebody else's if it is not empty
                (RUN / left).rmdir()

    def _unmount(self) -> None:
        """Take away the mounts that the engine leaves behind (the network namespace of its host containers)."""
        mounts = [line.split()[4] for line in MOUNTS.read_text().splitlines()]
        for path in sorted(mounts, reverse=True):
            if path.startswith((f"{self._run}/", f"{self._data}/")):
                processes.run(["umount", path], limit=limits.QUERY)

    def _clear(self) -> None:
        """Remove containers (with their anonymous volumes) and networks: their interfaces stay otherwise."""
        docker = self.reach()
        docker.remove_containers()
        docker.run("volume", "prune", "--force", "--all")
        docker.run("network", "prune", "--force")


def _require_forwarding(path: str) -> None:
    """Raise errors.EngineFailedError where this machine's firewall drops what nodes send each other."""
    if not BRIDGE_FILTER.exists() or BRIDGE_FILTER.read_text().strip() == "0":
        return
    try:
        rules = processes.run(["iptables", "-S", "FORWARD"], limit=limits.QUERY, environment={"PATH": path}).stdout
    except errors.WorkstreamError:
        return  # no iptables that works: then there is nothing that drops either
    if "-P FORWARD DROP" in rules:
        raise errors.EngineFailedError(
            "This machine's firewall drops forwarded traffic (iptables: -P FORWARD DROP) and filters bridges: "
            "the cluster's nodes could not talk to each other.",
            instead="Allow it (iptables -P FORWARD ACCEPT), or start a Docker engine of this machine's own.",
            more="iptables -S FORWARD",
        )
