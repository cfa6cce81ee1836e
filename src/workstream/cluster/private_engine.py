"""A private Docker engine: for machines where none answers; it installs nothing.

It is made of Debian packages unpacked into the cache. It has its own socket, its own data (kept in the cache: what
was built once is there the next time) and touches no firewall rule. Several runs may share it: each holds a lease, and
the last one to leave stops it. A lease dies with its process, so an engine that was left behind by a killed run is
taken over, and stopped, by the next.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors, limits, processes, shortage
from workstream.cluster import cache, debian, old_images, waiting
from workstream.cluster.engine import Engine, server_version
from workstream.cluster.versions import pinned
from workstream.processes import Environment
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Iterator


RUN = Path("/run")  # where sockets and process ids are kept: empty after a start of the machine
MOUNTS = Path("/proc/self/mountinfo")
BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")  # whether the firewall sees what bridges pass on


def require_possible(no_engine: str) -> None:
    """Raise errors.EngineUnavailableError if a private engine cannot run here, saying why.

    Args:
        no_engine: why none answers.

    """
    reasons = [
        "it runs on Linux only" if sys.platform != "linux" else "",
        "it needs root" if os.geteuid() != 0 else "",
        debian.unavailable(),
    ]
    obstacles = [reason for reason in reasons if reason]
    if obstacles:
        raise errors.EngineUnavailableError(
            f"No Docker engine answers: {no_engine}\nA private one cannot run here: {'; '.join(obstacles)}.",
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

    return cache.entry("engine", key, build, needs_bytes=limits.ENGINE_BYTES)


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
    """The engine of this cache folder; there is at most one.

    Attributes:
        data: the folder of its images and containers.
        socket: where it answers.

    """

    def __init__(self) -> None:
        self.data = cache.folder() / "engine-data"
        # A socket's path is limited to 107 bytes: it cannot stand in the cache.
        self._run = RUN / f"workstream-{cache.digest(str(self.data))}"
        self.socket = self._run / "docker.sock"
        self._pidfile = self._run / "docker.pid"
        self._kept = self._run / "kept"

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Hold the engine: nobody stops it meanwhile. Whoever comes while it is being stopped waits for that."""
        # In the cache, whose locks stay, and not in the folder of the run, which goes when the engine is stopped.
        with cache.lease("engine") as self._lease:
            yield

    def start(self) -> Engine:
        """Start the engine, or take the one that runs."""
        root = unpacked() / "root"
        with cache.lock("engine-start"):
            while not cache.use(self.data):
                self.data.mkdir(mode=0o710, exist_ok=True)
            if self.process_id() is None:
                cache.require_space(limits.CONTAINERS_BYTES, "images and containers")
                with step("engine", "starting the private engine"):
                    self._launch(root)
        engine = self.reach()
        say("engine", f"Docker {engine.version}, private, answers")
        return engine

    def reach(self) -> Engine:
        """Return the engine, which runs."""
        docker = str(unpacked() / "root/usr/bin/docker")
        return Engine(docker, server_version(docker, self.socket), private=True, socket=self.socket)

    @property
    def was_left_behind(self) -> bool:
        """Whether it does not run, and did not end by itself either: it was killed, and its containers go on."""
        return self._pidfile.exists() and self.process_id() is None

    def process_id(self) -> int | None:
        """Return the engine's process id, or None if it does not run."""
        if not self._run.is_dir():  # nothing of what only Linux has is asked where no private engine ever ran
            return None
        try:
            number = int(self._pidfile.read_text())
            command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return number if str(self.data).encode() in command else None

    @property
    def log(self) -> Path:
        """Where the engine writes what it does."""
        return cache.folder() / "engine.log"

    def _launch(self, root: Path) -> None:
        wrapped = root / "usr/wrapped"
        folders = [root / "usr/bin", root / "usr/sbin", *([wrapped] if wrapped.is_dir() else [])]
        environment = Environment(folders=tuple(folders))
        _require_forwarding(environment)
        self._run.mkdir(mode=0o700, exist_ok=True)
        self._pidfile.unlink(missing_ok=True)
        settings = self._run / "daemon.json"
        settings.write_text("{}")  # not this machine's /etc/docker/daemon.json
        command: list[str | os.PathLike[str]] = [
            next(program for name in ("usr/sbin/dockerd", "usr/bin/dockerd") if (program := root / name).exists()),
            *("--config-file", settings, "--data-root", self.data, "--exec-root", self._run / "exec"),
            *("--pidfile", self._pidfile, "--host", f"unix://{self.socket}", "--bridge", "none"),
            *("--iptables=false", "--ip6tables=false", "--ip-masq=false"),
            *("--userland-proxy-path", next(root.glob("usr/*bin/docker-proxy"))),
            *("--init-path", root / "usr/bin/tini-static"),
        ]
        with self.log.open("ab") as log:
            process = processes.start(
                command, environment=environment, stdout=log.fileno(), stderr=subprocess.STDOUT, outlives_us=True
            )

        def answers() -> bool:
            if process.poll() is not None:
                said = processes.tail(self.log.read_text(errors="replace"))
                raise errors.EngineFailedError(
                    f"The private engine ended with exit code {process.returncode}:\n{said}",
                    instead=shortage.advice(said),
                    more=str(self.log),
                )
            try:
                return bool(server_version(str(root / "usr/bin/docker"), self.socket))
            except errors.ProgramFailedError:
                return False

        waiting.until(answers, limits.ENGINE_START, what="the private Docker engine answers")

    def keep(self, cluster: str) -> None:
        """Leave the engine running when the last lease ends, because a cluster of that name is kept in it."""
        self._kept.mkdir(exist_ok=True)  # the engine runs: its folder is there
        (self._kept / cluster).touch()

    def forget(self, cluster: str) -> None:
        """Keep the engine no longer for a cluster of that name."""
        (self._kept / cluster).unlink(missing_ok=True)

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the clusters that are kept in it."""
        return tuple(sorted(path.name for path in self._kept.iterdir())) if self._kept.is_dir() else ()

    def leave(self) -> None:
        """Stop the engine, unless somebody else holds a lease or it is to be kept."""
        if self.kept:
            say("engine", f"the private engine keeps running, for what is kept in it: {', '.join(self.kept)}")
            return
        if not self._lease.is_the_last():
            say("engine", "the private engine keeps running: another run uses it")
            return
        self.stop()

    def stop(self) -> None:
        """Stop the engine and remove every container, network and folder of its run; images stay."""
        if self.was_left_behind:
            with suppress(errors.WorkstreamError), step("engine", "starting it again, to end what goes on without it"):
                self._launch(unpacked() / "root")
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
        for name in ("docker/plugins", "docker", "containerd/s", "containerd"):
            with suppress(OSError):  # somebody else's if it is not empty
                (RUN / name).rmdir()

    def _unmount(self) -> None:
        """Take away the mounts that the engine leaves behind (the network namespace of its host containers)."""
        mounts = [line.split()[4] for line in MOUNTS.read_text().splitlines()]
        for path in sorted(mounts, reverse=True):
            if path.startswith((f"{self._run}/", f"{self.data}/")):
                processes.run(["umount", path], limit=limits.QUERY)

    def _clear(self) -> None:
        """Remove containers (with their anonymous volumes) and networks: their interfaces stay otherwise."""
        docker = self.reach()
        docker.remove_containers()
        docker.run("volume", "prune", "--force", "--all")
        docker.run("network", "prune", "--force")
        old_images.forget(docker)


def _require_forwarding(environment: Environment) -> None:
    """Raise errors.EngineFailedError where this machine's firewall drops what nodes send each other."""
    if not BRIDGE_FILTER.exists() or BRIDGE_FILTER.read_text().strip() == "0":
        return
    try:
        rules = processes.run(["iptables", "-S", "FORWARD"], limit=limits.QUERY, environment=environment).stdout
    except errors.WorkstreamError:
        return  # no iptables that works: then there is nothing that drops either
    if "-P FORWARD DROP" in rules:
        raise errors.EngineFailedError(
            "This machine's firewall drops forwarded traffic (iptables: -P FORWARD DROP) and filters bridges: "
            "the cluster's nodes could not talk to each other.",
            instead="Allow it (iptables -P FORWARD ACCEPT), or start a Docker engine of this machine's own.",
            more="iptables -S FORWARD",
        )
