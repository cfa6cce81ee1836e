"""Harms runs of a small suite at random moments, and sees whether the next run is good and nothing is left.

    python benchmarks/chaos.py --kinds kill:20,stop:5,disk:5

Each round starts a run (a suite of one criterion, written into a folder of its own, on the engine that a run would
use), harms it, and waits for its end. Then the evidence of the harmed run must be readable, and may call nothing proven
that its own lines do not say; the next run must prove the criterion; and after that the machine must hold what it held
before the first round: processes, mounts, networks, folders, lock files, containers, volumes, images.

Kinds of harm:
  kill       kill -9 of the run
  engine     kill -9 of the private engine
  node       kill -9 of a node's container
  stop       kill -STOP of the run, and kill -CONT a minute later
  disk       the disk with the evidence is full (a tmpfs; needs root)
  cache      the disk with the cache is full from the beginning (likewise)
  interrupt  Ctrl-C, and once more some seconds later
  terminal   the terminal is closed

The moments are drawn over the whole length of a run, by the seed, which is printed; `--seed S --first N` goes on where
a former call was stopped. It touches no other cluster and no other engine, but do not run anything else of
workstream beside it: what that has would be taken for left.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import documents, errors, evidence
from workstream.cluster import cache, provisioning
from workstream.cluster.engine import Engine, answering
from workstream.cluster.private_engine import PrivateEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "chaos"  # of the cluster, of the release, of its namespace
ENDS_SECONDS = 420.0  # a run that was harmed must have ended by then
STOPPED_SECONDS = 60.0

SUITE = {
    "WS-900.md": """
        ## WS-900: Chaos

        ### Acceptance Criteria

        - [ ] What is installed runs
    """,
    "pytest.ini": """
        [pytest]
        workstream_cluster_name = chaos
    """,
    "test_chaos.py": """
        from pathlib import Path

        import pytest

        from workstream.cluster import helm

        RELEASE = helm.Release("chaos", "chaos", Path(__file__).parent / "chart")

        @pytest.fixture(scope="session")
        def installed(cluster):
            names = [name for node in cluster.nodes() for image in node.status.images for name in image.names]
            pause = next(name for name in names if "/pause:" in name)
            helm.install(cluster, RELEASE, {"image": pause})
            yield
            helm.uninstall(cluster, RELEASE)

        @pytest.mark.criterion("WS-900", "What is installed runs")
        def test_it_runs(cluster, installed, evidence):
            pods = cluster.pods("chaos", "app=chaos")
            evidence.record("pods that run", [pod.status.phase for pod in pods])
            assert [pod.status.phase for pod in pods] == ["Running", "Running"]
    """,
    "chart/Chart.yaml": """
        apiVersion: v2
        name: chaos
        version: 0.1.0
    """,
    "chart/templates/deployment.yaml": """
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: chaos
        spec:
          replicas: 2
          selector:
            matchLabels: {app: chaos}
          template:
            metadata:
              labels: {app: chaos}
            spec:
              containers:
                - name: main
                  image: {{ .Values.image }}
    """,
}


# What the machine holds

_OURS = ("containerd", "coredns", "docker", "etcd", "helm", "kind", "kube", "pause", "runc", "systemd", "tini")
_ENGINE_LISTS = {
    "containers": ("ps", "--all", "--quiet", "--no-trunc"),
    "networks": ("network", "ls", "--quiet", "--no-trunc"),
    "volumes": ("volume", "ls", "--quiet"),
    "images": ("image", "ls", "--quiet", "--no-trunc"),
}
_RUN_FOLDERS = (Path("/run/docker"), Path("/run/containerd"))
_DATA = ("containers", "volumes", "image/overlay2/imagedb/content/sha256", "overlay2")


def held(work: Path) -> dict[str, set[str]]:
    """Return what the machine holds that runs might leave, by what it is.

    Args:
        work: the folder of the suite: processes that name it are a run's.

    """
    places = {
        "temporary folders": [*(work / "tmp").glob("*")],
        "run folders": [path for path in (PrivateEngine().socket.parent, *_RUN_FOLDERS) if path.exists()],
        "cache": [path for path in cache.folder().glob("*") if path.name != "engine.log"],
        "locks and clusters": [*cache.folder().glob("locks/*"), *cache.folder().glob("clusters/*")],
    }
    found = {what: {str(path) for path in paths} for what, paths in places.items()}
    mounts = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    ours = tuple(map(str, (work, cache.folder(), PrivateEngine().socket.parent)))
    found["mounts"] = {mount for mount in mounts if mount.startswith(ours)}
    found["interfaces"] = {path.name for path in Path("/sys/class/net").iterdir()}
    found["processes"] = set(_processes(work))
    for part in _DATA:
        found[f"engine: {part}"] = {path.name for path in (cache.folder() / "engine-data" / part).glob("*")}
    engine = answering()
    for what, arguments in _ENGINE_LISTS.items():
        found[f"engine on PATH: {what}"] = (
            set(engine.run(*arguments).stdout.split()) if isinstance(engine, Engine) else set()
        )
    return found


def _processes(work: Path) -> Iterator[str]:
    """Yield the processes that may be a run's: by their names, or because they name its folders."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            name = (folder / "comm").read_text().strip()
            known = any(part in command for part in (str(work), str(cache.folder())))
            if int(folder.name) != os.getpid() and (known or name.startswith(_OURS)):
                yield f"{folder.name} {command or name}"


def left(before: dict[str, set[str]], after: dict[str, set[str]]) -> list[str]:
    """Return what there is now and was not before, one thing each."""
    return [f"{what}: {thing}" for what in after for thing in sorted(after[what] - before[what])]


# Runs


class Terminal:
    """A terminal that writes what it shows into a file, until it is closed.

    Args:
        output: the file.

    """

    def __init__(self, output: Path) -> None:
        self._ours, self.theirs = pty.openpty()
        self._output = output
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._show, name="terminal", daemon=True)
        self._thread.start()

    def _show(self) -> None:
        with self._output.open("wb") as file, suppress(OSError):
            while not self._closing.is_set():
                if select.select([self._ours], [], [], 0.1)[0]:
                    file.write(os.read(self._ours, 65536))
        os.close(self._ours)

    def close(self) -> None:
        """Close it."""
        self._closing.set()
        self._thread.join()


@dataclass
class Run:
    """A run of the suite that goes on.

    Attributes:
        process: pytest.
        terminal: its terminal, if it has one.
        disk: the small disk on which it keeps its evidence, if there is one.

    """

    process: subprocess.Popen[bytes]
    terminal: Terminal | None = None
    disk: Path | None = None

    def wait(self, seconds: float) -> int | None:
        """Wait for its end; return its exit code, or None if it goes on."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None


@dataclass
class Suite:
    """The suite, and what its runs leave.

    Attributes:
        folder: where it stands.
        environment: what its runs are started with, on top of this process's own.
        last: the run that was started last.

    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    last: Run | None = None

    def write(self) -> None:
        """Write it."""
        for name, text in SUITE.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip())
        (self.folder / "tmp").mkdir(exist_ok=True)

    @property
    def log(self) -> Path:
        """Where its evidence stands."""
        return self.folder / "evidence" / "evidence.jsonl"

    @property
    def _variables(self) -> dict[str, str]:
        """What its runs are started with: their temporary files are apart from those of others."""
        return {**os.environ, "TMPDIR": str(self.folder / "tmp"), **self.environment}

    def start(self, name: str, *, terminal: bool = False) -> Run:
        """Start a run.

        Args:
            name: the file beside the suite into which it writes what it says.
            terminal: whether it has a terminal of its own.

        """
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--workstream=WS-900.md"]
        options = {"cwd": self.folder, "env": self._variables, "start_new_session": True}
        command.append(f"--workstream-folder={self.log.parent}")
        if terminal:
            self.last = self._start_in_terminal(command, Terminal(self.folder / name))
            return self.last
        with (self.folder / name).open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload] # noqa: S603 - ours
        self.last = Run(process)
        return self.last

    def end(self) -> None:
        """Interrupt the run that goes on, if one does, and wait for its end: it cleans up."""
        if self.last and self.last.wait(0) is None:
            self.last.process.send_signal(signal.SIGCONT)
            self.last.process.send_signal(signal.SIGINT)
            self.last.wait(ENDS_SECONDS)

    def _start_in_terminal(self, command: list[str], terminal: Terminal) -> Run:
        # `setsid --ctty` makes the terminal the one whose loss ends the run.
        process = subprocess.Popen(  # noqa: S603 - ours
            ["setsid", "--ctty", "--wait", *command],  # noqa: S607 - on PATH
            cwd=self.folder,
            env=self._variables,
            stdin=terminal.theirs,
            stdout=terminal.theirs,
            stderr=terminal.theirs,
        )
        os.close(terminal.theirs)
        return Run(process, terminal)

    def state(self) -> str:
        """Return what the evidence says of the criterion.

        Raises:
            errors.EvidenceError: it cannot be read.

        """
        document = documents.read(self.folder / "WS-900.md")
        log = evidence.read(self.log)
        (verdict,) = evidence.verdicts(log, document)
        return str(verdict.state)

    def is_told(self) -> bool:
        """Whether the log says itself that the test ended well."""
        ended = [line.ended for line in evidence.read(self.log).executions]
        return any(one == {"setup": "", "call": "", "teardown": ""} for one in ended)


# Harm


def kill(run: Run, _draw: random.Random) -> str:
    """Kill the run."""
    run.process.kill()
    return ""


def stop(run: Run, _draw: random.Random) -> str:
    """Stop the run for a minute."""
    run.process.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_SECONDS)
    run.process.send_signal(signal.SIGCONT)
    return f"for {STOPPED_SECONDS:.0f} s"


def interrupt(run: Run, draw: random.Random) -> str:
    """Press Ctrl-C twice."""
    pause = draw.uniform(0.1, 4)
    run.process.send_signal(signal.SIGINT)
    time.sleep(pause)
    with suppress(ProcessLookupError):
        run.process.send_signal(signal.SIGINT)
    return f"twice in {pause:.1f} s"


def terminal(run: Run, _draw: random.Random) -> str:
    """Close the terminal."""
    if run.terminal is not None:
        run.terminal.close()
    return ""


def engine(run: Run, _draw: random.Random) -> str:
    """Kill the private engine, as soon as there is one."""
    private = PrivateEngine()
    number = private.process_id()
    while number is None and run.process.poll() is None:
        time.sleep(0.2)
        number = private.process_id()
    if number is None:
        return "there was none"
    os.kill(number, signal.SIGKILL)
    return ""


def node(run: Run, draw: random.Random) -> str:
    """Kill a node, as soon as there are some."""
    while run.process.poll() is None:
        with suppress(errors.WorkstreamError, StopIteration):
            found = provisioning.running_engine()
            nodes = [] if found is None else found.run("ps", "--format", "{{.Names}}").stdout.split()
            chosen = draw.choice(sorted(name for name in nodes if name.startswith(f"{NAME}-")) or [""])
            if found is not None and chosen:
                found.run("kill", "--signal", "KILL", chosen)
                return chosen
        time.sleep(0.5)
    return "there was none"


def disk(run: Run, _draw: random.Random) -> str:
    """Fill the disk that has the evidence."""
    if run.disk is not None:
        with suppress(OSError), (run.disk / "filling").open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
    return ""


def nothing(_run: Run, _draw: random.Random) -> str:
    """Do nothing: the harm is there from the beginning."""
    return ""


HARM: dict[str, Callable[[Run, random.Random], str]] = {
    "kill": kill,
    "engine": engine,
    "node": node,
    "stop": stop,
    "disk": disk,
    "cache": nothing,
    "interrupt": interrupt,
    "terminal": terminal,
}


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Yield a folder that is a disk of its own, and a small one."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", folder], check=True)  # noqa: S603, S607
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S603, S607


# Rounds


@dataclass
class Result:
    """What a round came to.

    Attributes:
        number: which one.
        kind: of harm.
        moment: seconds after the run's start.
        details: of the harm.
        code: the harmed run's exit code; None if it had to be killed.
        readable: whether its evidence can be read, as far as there is any.
        honest: whether that calls nothing proven that its lines do not say.
        next_code: the exit code of the next run.
        next_state: what its evidence says.
        left: what is left after it.

    """

    number: int
    kind: str
    moment: float
    details: str = ""
    code: int | None = None
    readable: bool = False
    honest: bool = False
    next_code: int | None = None
    next_state: str = ""
    left: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all is as it should be."""
        ended = self.code is not None and self.readable and self.honest
        return ended and self.next_code == 0 and self.next_state == "proven" and not self.left


@dataclass
class Rounds:
    """Rounds that are played.

    Attributes:
        suite: what is run.
        before: what the machine held before a round.
        length: seconds that a run takes which nobody harms.

    """

    suite: Suite
    before: dict[str, set[str]]
    length: float

    def play(self, number: int, kind: str, draw: random.Random) -> Result:
        """Harm a run, and see what the next one makes of it."""
        result = Result(number, kind, draw.uniform(0, self.length))
        self._harmed(result, draw)
        following = self.suite.start(f"{number:03}-{kind}-next.txt")
        result.next_code = following.wait(2 * ENDS_SECONDS)
        following.process.kill()
        with suppress(errors.WorkstreamError):
            result.next_state = self.suite.state()
        result.left = still_left(self.before, self.suite)
        if result.left:
            self.before = held(self.suite.folder)  # it is told once
        return result

    def _harmed(self, result: Result, draw: random.Random) -> None:
        """Start a run, harm it, wait for its end, and judge its evidence."""
        suite, kind = self.suite, result.kind
        shutil.rmtree(suite.log.parent, ignore_errors=True)
        with ExitStack() as stack:
            full = stack.enter_context(small_disk(suite.log.parent, "2m")) if kind == "disk" else None
            if kind == "cache":
                small = stack.enter_context(small_disk(suite.folder / "small", "1m"))
                (small / "engine").symlink_to(cache.folder() / "engine")
                suite.environment["WORKSTREAM_CACHE"] = str(small)
                stack.callback(suite.environment.clear)
            run = suite.start(f"{result.number:03}-{kind}.txt", terminal=kind == "terminal")
            run.disk = full
            if run.wait(result.moment) is None:
                result.details = HARM[kind](run, draw)
            result.code = run.wait(ENDS_SECONDS)
            if result.code is None:
                run.process.kill()
                run.wait(ENDS_SECONDS)
            if run.terminal is not None:
                run.terminal.close()
            result.readable, result.honest = judged(suite)


def still_left(before: dict[str, set[str]], suite: Suite) -> list[str]:
    """Return what is left; what is just ending is waited for."""
    for _ in range(20):
        found = left(before, held(suite.folder))
        if not found:
            return []
        time.sleep(0.5)
    return found


def judged(suite: Suite) -> tuple[bool, bool]:
    """Return whether the evidence of a run that was harmed can be read, and whether it says what its lines say."""
    if not suite.log.exists() or suite.log.read_bytes().count(b"\n") == 0:
        return True, True  # it was harmed before there was any
    try:
        state = suite.state()
    except errors.WorkstreamError:
        return False, False
    return True, state != "proven" or suite.is_told()


def drawn(kinds: dict[str, int], seed: str) -> list[str]:
    """Return the kind of each round, in an order that the seed decides."""
    rounds = [kind for kind, count in kinds.items() for _ in range(count)]
    random.Random(seed).shuffle(rounds)  # noqa: S311 - not for secrets
    return rounds


def main() -> None:
    """Play the rounds and say what they came to; Ctrl-C ends the run that goes on, too."""
    options = _options()
    work = Path(options.work or tempfile.mkdtemp(prefix="chaos-")).absolute()
    suite = Suite(work)
    try:
        sys.exit(_played(options, suite))
    except KeyboardInterrupt:
        print("interrupted: the run that goes on is ended, and cleans up", flush=True)
        suite.end()
        sys.exit(130)


def _played(options: argparse.Namespace, suite: Suite) -> int:
    rounds = drawn(options.kinds, options.seed)
    print(f"seed {options.seed}; {len(rounds)} rounds, from the {options.first}.; goes on with: "
          f"--seed {options.seed} --first N", flush=True)  # fmt: skip
    work = suite.folder
    suite.write()
    started = time.monotonic()
    if suite.start("first.txt").wait(4 * ENDS_SECONDS) != 0:
        sys.exit(f"The suite does not succeed without any harm: {work / 'first.txt'}")
    print(f"the first run, which makes what is not in the cache, took {time.monotonic() - started:.0f} s", flush=True)
    before = held(work)
    started = time.monotonic()
    if suite.start("second.txt").wait(ENDS_SECONDS) != 0 or suite.state() != "proven":
        sys.exit(f"The suite does not succeed without any harm: {work / 'second.txt'}")
    length = time.monotonic() - started
    remaining = still_left(before, suite)
    print(f"a run takes {length:.0f} s; left after a good one: {remaining or 'nothing'}", flush=True)
    results = []
    played = Rounds(suite, before, length)
    for number, kind in list(enumerate(rounds, start=1))[options.first - 1 :]:
        if time.monotonic() - started > options.minutes * 60:
            print(f"time is up: go on with --seed {options.seed} --first {number}")
            break
        draw = random.Random(f"{options.seed}/{number}")  # noqa: S311 - not for secrets
        result = played.play(number, kind, draw)
        results.append(result)
        _tell(result)
        with (work / "results.jsonl").open("a") as file:
            file.write(json.dumps({"seed": options.seed, **vars(result)}) + "\n")
    for kind in dict.fromkeys(rounds):
        mine = [result for result in results if result.kind == kind]
        if mine:
            print(f"{kind}: {sum(result.good for result in mine)} of {len(mine)} good")
    return 0 if all(result.good for result in results) else 1


def _tell(result: Result) -> None:
    how = f"{result.kind} after {result.moment:.1f} s" + (f" ({result.details})" if result.details else "")
    log = "readable" if result.readable else "NOT READABLE"
    log += "" if result.honest else ", FALSELY PROVEN"
    after = f"next run {result.next_code}, {result.next_state}; left: {'; '.join(result.left) or 'nothing'}"
    mark = "good" if result.good else "BAD "
    print(f"{result.number:3} {mark} {how}: exit code {result.code}, log {log}; {after}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", type=_kinds, default="kill:20,stop:5,disk:5", help="KIND:COUNT,… (%(default)s)")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10**6)), help="draws kinds and moments")
    parser.add_argument("--first", type=int, default=1, help="begin with this round (%(default)s)")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no round after so many minutes")
    parser.add_argument("--work", default="", help="where the suite is written, and what its runs say (a new folder)")
    return parser.parse_args()


def _kinds(text: str) -> dict[str, int]:
    """Return how many rounds of each kind are wanted.

    Raises:
        argparse.ArgumentTypeError: there is no such kind, or no number.

    """
    kinds = {}
    for part in text.split(","):
        kind, _, count = part.partition(":")
        if kind not in HARM or not (count or "1").isdecimal():
            message = f"{part!r}: expected KIND:COUNT, KIND one of {', '.join(HARM)}"
            raise argparse.ArgumentTypeError(message)
        kinds[kind] = int(count or "1")
    return kinds


if __name__ == "__main__":
    main()
