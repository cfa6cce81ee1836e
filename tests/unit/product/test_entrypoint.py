"""What the image's entrypoint does, without the image: small programs stand in for Spark and for what changes users."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the image is Linux's, and so is what it asks of /proc")

ENTRYPOINT = Path(__file__).parents[3] / "docker" / "spark" / "entrypoint.sh"
LINE = "Started external shuffle service on port"
USAGE, CANNOT_USE_DIRECTORY, BAD_VARIABLE = 64, 73, 78
SECONDS = 30  # far more than anything here takes

# What an application leaves below a local directory, and where a service keeps its list of executors.
FILES = "spark-0f1e2d3c-0000-4000-8000-000000000000/executor-4b3c2d1e"
LIST = "registeredExecutors.rdb"

# Says how it was started; then lives until its input is closed, and ends with its own exit code.
SPARK = """#!/bin/sh
{ echo "$$"; echo "${0##*/}"; echo "$#"; for argument; do echo "$argument"; done; env; } > STARTED
echo started
cat
exit 5
"""

# Ends when the entrypoint has asked five times whether it listens.
NEVER_LISTENS = """#!PYTHON
import os, pathlib, socket, sys, time
asked = pathlib.Path("ASKED")
for _ in range(1000):
    if asked.exists() and asked.read_text().count("asked") >= 5:
        break
    time.sleep(0.01)
else:
    sys.exit("nobody asks whether this listens")
"""

# Begins to listen then, and from there on prints nothing and has no output; ends when its input is closed.
LISTENS_LATE = (
    NEVER_LISTENS
    + """
print("begins to listen", file=sys.stderr, flush=True)
os.close(1)
os.close(2)
server = socket.create_server(("127.0.0.1", PORT))
sys.stdin.read()
"""
)


@dataclass(frozen=True)
class Started:
    """What the entrypoint started.

    Attributes:
        process: its id.
        program: its name.
        arguments: those that it was given.
        environment: its variables.

    """

    process: int
    program: str
    arguments: list[str]
    environment: dict[str, str]


class Container:
    """Where the entrypoint runs: programs and a folder of its own, and of this machine's variables only PATH.

    Args:
        folder: an empty folder.

    """

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.local = folder / "local"
        self.local.mkdir()
        self._started = folder / "started"
        self._running: list[subprocess.Popen[str]] = []
        self._overdue = False
        for name in ("spark-class", "spark-submit"):
            self.put(name, SPARK.replace("STARTED", str(self._started)))
        self.put("id", "#!/bin/sh\necho 185\n")

    def put(self, name: str, text: str) -> None:
        """Put a program before all others."""
        path = self.programs / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def start(self, *command: str | Path, **variables: str) -> subprocess.Popen[str]:
        """Start a program; what it prints, to either stream, can be read."""
        environment = {"PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}", **variables}
        process = subprocess.Popen(  # noqa: S603 - ours
            command,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def run(self, *arguments: str, **variables: str) -> tuple[int, list[str]]:
        """Run the entrypoint, end what it started, and return exit code and lines of output."""
        return self.end(self.start(ENTRYPOINT, *arguments, **variables))

    def call(self, function: str, *arguments: str) -> int:
        """Run one function of the entrypoint and return its exit code."""
        return self.end(self.start("bash", "-c", 'source "$0"; "$@"', ENTRYPOINT, function, *arguments))[0]

    @property
    def started(self) -> Started | None:
        """What was started last; None if nothing was."""
        if not self._started.exists():
            return None
        process, program, number, *rest = self._started.read_text(encoding="utf-8").splitlines()
        arguments, variables = rest[: int(number)], rest[int(number) :]
        return Started(int(process), program, arguments, dict(line.split("=", 1) for line in variables if "=" in line))

    def service(self) -> Started:
        """Return what was started, which must be something."""
        assert self.started is not None
        return self.started

    def line(self, process: subprocess.Popen[str]) -> str:
        """Return the next line that a process prints."""
        assert process.stdout is not None
        line = process.stdout.readline()
        assert not self._overdue, f"after {SECONDS} seconds: {line!r}"
        return line.removesuffix("\n")

    def end(self, process: subprocess.Popen[str]) -> tuple[int, list[str]]:
        """Close a process's input, wait until neither it nor what it left behind runs; return exit code and lines.

        It is waited for first: the entrypoint asks whether the service is there as long as the kernel remembers it.
        """
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        code = process.wait()
        lines = process.stdout.read().splitlines()
        assert not self._overdue, f"still runs after {SECONDS} seconds; exit code {code}, output {lines}"
        process.stdout.close()
        self._running.remove(process)
        return code, lines

    def give_up(self) -> None:
        """End whatever still runs, and let whoever waits for it fail."""
        self._overdue = True
        self._kill()

    def close(self) -> None:
        """End whatever still runs, and forget what it printed."""
        self._kill()
        for process in self._running:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def _kill(self) -> None:
        for process in list(self._running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    """Give a place where the entrypoint runs."""
    made = Container(tmp_path)
    watch = threading.Timer(SECONDS, made.give_up)
    watch.start()
    yield made
    watch.cancel()
    made.close()


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """Give a socket that keeps a port for this test, and does not listen."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept


# What is started.


@pytest.mark.parametrize(
    ("mode", "program", "arguments"),
    [
        ("master", "spark-class", ["org.apache.spark.deploy.master.Master", "--x", "a b"]),
        ("worker", "spark-class", ["org.apache.spark.deploy.worker.Worker", "--x", "a b", "spark://m:7077"]),
        ("shuffle", "spark-class", ["org.apache.spark.deploy.ExternalShuffleService", "--x", "a b"]),
        ("submit", "spark-submit", ["--x", "a b"]),
    ],
)
@pytest.mark.parametrize("said", ["argument", "variable", "both"])
def test_a_mode_starts_its_program(
    container: Container, mode: str, said: str, program: str, arguments: list[str]
) -> None:
    """The first argument says the mode, else SPARK_MODE does; what else is said goes to the program as it stands."""
    chosen = {"argument": "", "variable": mode, "both": "no mode at all"}[said]
    first = [] if said == "variable" else [mode]
    container.run(*first, "--x", "a b", SPARK_MODE=chosen, SPARK_MASTER_URL="spark://m:7077")

    assert (container.service().program, container.service().arguments) == (program, arguments)


@pytest.mark.parametrize("mode", ["master", "worker", "shuffle", "submit"])
def test_what_is_started_takes_the_entrypoints_place(container: Container, mode: str) -> None:
    """It has the process id that signals are sent to, and its exit code is the container's."""
    process = container.start(ENTRYPOINT, mode, SPARK_MASTER_URL="spark://m:7077")

    assert container.end(process)[0] == 5
    assert container.service().process == process.pid


def test_any_other_program_is_run_as_it_stands(container: Container) -> None:
    """A command of the image is neither a mode nor hindered by one."""
    assert container.run("sh", "-c", 'echo "$1"; exit 3', "sh", "a b", SPARK_MODE="shuffle") == (3, ["a b"])


@pytest.mark.parametrize(
    ("arguments", "mode", "what"),
    [
        ([], "", "neither SPARK_MODE nor a first argument says what to start"),
        (["--x"], "", "neither SPARK_MODE nor a first argument says what to start"),
        ([], "sufle", "SPARK_MODE='sufle' is no mode"),
        (["sufle"], "shuffle", "'sufle' is neither a mode nor a command of this image"),
        (["start_shuffle"], "", "'start_shuffle' is neither a mode nor a command of this image"),
        (["eval"], "", "'eval' is neither a mode nor a command of this image"),
    ],
    ids=["nothing", "an option alone", "bad mode", "bad argument", "function of the entrypoint", "word of the shell"],
)
def test_what_names_no_mode_is_refused(container: Container, arguments: list[str], mode: str, what: str) -> None:
    """Nothing is started, and the log says what was wrong, which modes there are and what to do."""
    code, (wrong, expected, todo) = container.run(*arguments, SPARK_MODE=mode)

    assert (code, container.started) == (USAGE, None)
    assert wrong == f"entrypoint: {what}"
    assert expected.startswith("  expected: master, keeper, worker, shuffle, submit")
    assert todo.startswith("  to do: ")


def test_bash_that_finds_the_entrypoint_on_path_runs_it(container: Container) -> None:
    """A pod's command may be `bash entrypoint.sh`: that is no reason to start nothing and call it a success."""
    (container.programs / "entrypoint.sh").symlink_to(ENTRYPOINT)

    assert container.end(container.start("bash", "entrypoint.sh", "master"))[0] == 5
    assert container.service().arguments == ["org.apache.spark.deploy.master.Master"]


def test_sourced_it_starts_nothing(container: Container) -> None:
    """Whoever sources it gets functions, whatever SPARK_MODE says; that is how these tests reach them."""
    sourced = container.start("bash", "-c", 'source "$0"; type -t start_shuffle', ENTRYPOINT, SPARK_MODE="shuffle")

    assert container.end(sourced) == (0, ["function"])
    assert container.started is None


# Variables.


@pytest.mark.parametrize("port", ["1", "80", "7337", "65535"])
def test_a_port_is_accepted(container: Container, port: str) -> None:
    """Every number that a port can have will do."""
    assert container.call("require_port", "PORT", port) == 0


@pytest.mark.parametrize(
    "port",
    ["", "0", "65536", "99999", "100000", "07337", "0x50", "-1", "7e3", "7337 ", "7337\n", "tcp://10.96.7.7:7077"],
)
def test_what_is_no_port_is_refused(container: Container, port: str) -> None:
    """Neither another number, nor another notation, nor what Kubernetes puts into such variables is taken for one."""
    assert container.call("require_port", "PORT", port) == BAD_VARIABLE


@pytest.mark.parametrize(
    ("mode", "variable"),
    [
        ("master", "SPARK_MASTER_PORT"),
        ("master", "SPARK_MASTER_WEBUI_PORT"),
        ("worker", "SPARK_WORKER_PORT"),
        ("worker", "SPARK_WORKER_WEBUI_PORT"),
        ("shuffle", "SPARK_SHUFFLE_SERVICE_PORT"),
    ],
)
def test_a_bad_port_is_told_before_anything_is_touched(container: Container, mode: str, variable: str) -> None:
    """The log names the variable, and whatever lies in the local directory stays."""
    (container.local / FILES).mkdir(parents=True)
    given = {"SPARK_LOCAL_DIRS": str(container.local), "SPARK_MASTER_URL": "spark://m:7077", variable: "0"}
    code, lines = container.run(mode, **given)

    assert (code, container.started) == (BAD_VARIABLE, None)
    assert lines[0] == f"entrypoint: {variable}='0' is no port"
    assert [path.name for path in container.local.iterdir()] == [Path(FILES).parts[0]]


@pytest.mark.parametrize("address", ["", "m:7077", "spark://m", "spark://:7077", "http://m:7077"])
def test_a_worker_without_the_address_of_a_master_is_refused(container: Container, address: str) -> None:
    """The log shows what SPARK_MASTER_URL holds, and how it should look."""
    code, lines = container.run("worker", SPARK_MASTER_URL=address)

    assert (code, container.started) == (BAD_VARIABLE, None)
    assert lines[0] == f"entrypoint: SPARK_MASTER_URL='{address}' names no master"
    assert lines[1] == "  expected: spark://HOST:PORT"


@pytest.mark.parametrize(("given", "port"), [({}, "7078"), ({"SPARK_WORKER_PORT": "7100"}, "7100")])
def test_a_worker_listens_on_a_port_that_is_known(container: Container, given: dict[str, str], port: str) -> None:
    """Spark would take any that is free: the entrypoint names 7078, unless told otherwise."""
    container.run("worker", SPARK_MASTER_URL="spark://m:7077", **given)

    assert container.service().environment["SPARK_WORKER_PORT"] == port


@pytest.mark.parametrize(("given", "port"), [({}, "7337"), ({"SPARK_SHUFFLE_SERVICE_PORT": "7447"}, "7447")])
def test_the_service_is_told_its_port_behind_what_the_user_says(
    container: Container, given: dict[str, str], port: str
) -> None:
    """The user's SPARK_SHUFFLE_OPTS are kept, all of them. Without a local directory nothing is said of a database."""
    for said in ({}, {"SPARK_SHUFFLE_OPTS": "-Da=1 -Xss1m"}):
        container.run("shuffle", **said, **given)

        options = container.service().environment["SPARK_SHUFFLE_OPTS"].split()
        assert options == [*"".join(said.values()).split(), f"-Dspark.shuffle.service.port={port}"]


def test_the_service_is_told_where_to_keep_its_list_of_executors(container: Container) -> None:
    """With local directories it keeps the list there, and so knows the executors again after a restart."""
    container.run("shuffle", SPARK_LOCAL_DIRS=str(container.local), SPARK_SHUFFLE_OPTS="-Da=1")

    options = container.service().environment["SPARK_SHUFFLE_OPTS"].split()
    assert options[0] == "-Da=1"
    assert f"-Dspark.local.dir={container.local}" in options
    assert "-Dspark.shuffle.service.db.backend=ROCKSDB" in options


# Local directories.


@pytest.mark.parametrize("mode", ["worker", "shuffle"])
def test_every_local_directory_is_made_and_claimed(container: Container, mode: str) -> None:
    """Each directory of the list is there when Spark starts, and none of them can be used by a second one."""
    first, second = container.local / "a", container.local / "b"
    running = container.start(
        *(ENTRYPOINT, mode), SPARK_LOCAL_DIRS=f"{first},{second}", SPARK_MASTER_URL="spark://m:7077"
    )
    assert container.line(running) == "started"

    for directory in (first, second):
        assert directory.is_dir()
        code, lines = container.run(mode, SPARK_LOCAL_DIRS=str(directory), SPARK_MASTER_URL="spark://m:7077")
        assert code == CANNOT_USE_DIRECTORY
        assert lines[0].endswith(f"on this machine uses {directory}")


@pytest.mark.parametrize(("mode", "kind"), [("worker", "worker"), ("shuffle", "shuffle service")])
def test_two_on_one_directory_exclude_each_other(container: Container, mode: str, kind: str) -> None:
    """The second ends before it touches anything, and says why; when the first is gone, the next can start."""
    given = {"SPARK_LOCAL_DIRS": str(container.local), "SPARK_MASTER_URL": "spark://m:7077"}
    first = container.start(ENTRYPOINT, mode, **given)
    assert container.line(first) == "started"
    mine = container.started
    (container.local / Path(FILES).parts[0]).mkdir()
    (container.local / LIST).mkdir()

    code, lines = container.run(mode, **given)
    assert (code, lines[0]) == (
        CANNOT_USE_DIRECTORY,
        f"entrypoint: another {kind} on this machine uses {container.local}",
    )
    assert container.started == mine
    assert (container.local / Path(FILES).parts[0]).is_dir()
    assert (container.local / LIST).is_dir()

    container.end(first)
    assert container.run(mode, **given)[0] == 5
    assert container.service() != mine


def test_worker_and_service_of_one_machine_share_a_directory(container: Container) -> None:
    """The service serves what the worker's executors wrote there: neither keeps the other out."""
    first = container.start(ENTRYPOINT, "shuffle", SPARK_LOCAL_DIRS=str(container.local))
    assert container.line(first) == "started"

    code, _ = container.run("worker", SPARK_LOCAL_DIRS=str(container.local), SPARK_MASTER_URL="spark://m:7077")
    assert code == 5


def test_a_worker_removes_what_killed_ones_left_and_nothing_else(container: Container) -> None:
    """In every local directory, and told in the log. The service's list and what others keep there stay."""
    directories = [container.local / "a", container.local / "b"]
    for directory in directories:
        for name in (f"{FILES}/blockmgr-1", LIST, "spark-of-others", "data"):
            (directory / name).mkdir(parents=True)
    given = {"SPARK_LOCAL_DIRS": ",".join(map(str, directories)), "SPARK_MASTER_URL": "spark://m:7077"}
    _, lines = container.run("worker", **given)

    for directory in directories:
        left = sorted(path.name for path in directory.iterdir() if path.is_dir())
        assert left == ["data", LIST, "spark-of-others"]
    assert [line for line in lines if line != "started"] == [
        f"entrypoint: removing {directory / Path(FILES).parts[0]}, left by a worker that was killed"
        for directory in directories
    ]


@pytest.mark.parametrize(("files", "kept"), [([], False), ([Path(FILES).parts[0]], False), ([FILES], True)])
def test_the_service_forgets_executors_where_no_application_has_files(
    container: Container, *, files: list[str], kept: bool
) -> None:
    """In every local directory a list stays as long as an executor has files beside it: they are still served."""
    directories = [container.local / "a", container.local / "b"]
    for directory in directories:
        for name in (LIST, "data", *files):
            (directory / name).mkdir(parents=True)
    _, lines = container.run("shuffle", SPARK_LOCAL_DIRS=",".join(map(str, directories)))

    told = [f"entrypoint: removing {directory / LIST}: no application has data here" for directory in directories]
    assert [line for line in lines if line != "started"] == ([] if kept else told)
    for directory in directories:
        assert (directory / LIST).exists() == kept
        assert all((directory / name).is_dir() for name in ("data", *files))


@pytest.mark.parametrize("mode", ["worker", "shuffle"])
def test_a_local_directory_that_cannot_be_made_is_refused(container: Container, mode: str) -> None:
    """The log says which one, and whose it has to be."""
    (container.local / "file").touch()
    directory = container.local / "file" / "below"
    code, lines = container.run(mode, SPARK_LOCAL_DIRS=str(directory), SPARK_MASTER_URL="spark://m:7077")

    assert (code, container.started) == (CANNOT_USE_DIRECTORY, None)
    assert lines[0] == f"entrypoint: user 185 cannot write to {directory}, a directory of SPARK_LOCAL_DIRS"
    assert lines[1] == "  expected: a directory that belongs to uid 185"


@pytest.mark.parametrize("space", [" ", "\t", "\n"])
def test_white_space_in_the_name_of_a_local_directory_is_refused(container: Container, space: str) -> None:
    """Spark would take one such name for two; nothing is made under either."""
    code, lines = container.run("shuffle", SPARK_LOCAL_DIRS=f"{container.local}/a{space}b")

    assert (code, container.started) == (BAD_VARIABLE, None)
    assert "holds white space" in "".join(lines)
    assert list(container.local.iterdir()) == []


def test_what_cannot_be_removed_keeps_no_worker_from_starting(container: Container) -> None:
    """It takes room, and is told."""
    (container.local / FILES).mkdir(parents=True)
    container.put("rm", "#!/bin/sh\nexit 1\n")
    code, lines = container.run("worker", SPARK_LOCAL_DIRS=str(container.local), SPARK_MASTER_URL="spark://m:7077")

    assert code == 5
    assert f"entrypoint: not all of that could be removed from {container.local}: remove it as root" in lines


# A worker and the service of its machine.


@pytest.fixture
def shared(container: Container) -> dict[str, str]:
    """Give what a worker and the service of one machine are told."""
    return {
        "SPARK_LOCAL_DIRS": str(container.local),
        "SPARK_MASTER_URL": "spark://m:7077",
        "SPARK_SHUFFLE_SERVICE_PORT": "7337",
    }


def test_a_worker_waits_until_the_service_of_its_machine_listens(
    container: Container, counted: Path, shared: dict[str, str], taken: socket.socket
) -> None:
    """It says so, looks again and again, and starts only after the service has said that it listens."""
    shared["SPARK_SHUFFLE_SERVICE_PORT"] = port = str(taken.getsockname()[1])
    worker = container.start(ENTRYPOINT, "worker", **shared)
    waits = f"entrypoint: waiting for the shuffle service that shares {container.local} to listen on port {port}"
    assert container.line(worker) == waits
    assert container.started is None
    program = LISTENS_LATE.replace("PYTHON", sys.executable).replace("ASKED", str(counted)).replace("PORT", port)
    container.put("service", program)
    (container.programs / "spark-class").rename(container.programs / "any-other")
    container.put("spark-class", '#!/bin/sh\ncase "$1" in *Service) exec service;; *) exec any-other;; esac\n')
    running = container.start(ENTRYPOINT, "shuffle", **shared)

    assert container.line(running) == "begins to listen"
    assert container.line(running) == f"{LINE} {port}"
    assert container.line(worker) == "started"


def test_a_service_that_once_listened_and_is_gone_lets_no_worker_start(
    container: Container, counted: Path, shared: dict[str, str]
) -> None:
    """Its mark is left: what counts is that it lives."""
    (container.local / ".shuffle-service-listens-7337").touch()
    worker = container.start(ENTRYPOINT, "worker", **shared)

    assert container.line(worker).startswith("entrypoint: waiting for the shuffle service")
    while not counted.exists() or counted.read_text(encoding="utf-8").count("asked") < 5:
        assert worker.poll() is None
    assert container.started is None


def test_a_service_that_has_just_started_lets_no_worker_start(
    container: Container, counted: Path, shared: dict[str, str]
) -> None:
    """It lives, and the mark of the one before is not taken for its own."""
    (container.local / ".shuffle-service-listens-7337").touch()
    service = container.start(ENTRYPOINT, "shuffle", **shared)
    assert container.line(service) == "started"
    mine = container.started
    worker = container.start(ENTRYPOINT, "worker", **shared)

    assert container.line(worker).startswith("entrypoint: waiting for the shuffle service")
    while not counted.exists() or counted.read_text(encoding="utf-8").count("asked") < 5:
        assert worker.poll() is None
    assert container.started == mine


def test_a_worker_that_is_told_of_no_service_waits_for_none(container: Container, shared: dict[str, str]) -> None:
    """Without the service's port it starts at once."""
    del shared["SPARK_SHUFFLE_SERVICE_PORT"]

    assert container.run("worker", **shared) == (5, ["started"])


def test_a_worker_cannot_share_a_directory_that_it_has_not(container: Container, shared: dict[str, str]) -> None:
    """It would wait for ever: it is refused."""
    del shared["SPARK_LOCAL_DIRS"]
    code, lines = container.run("worker", **shared)

    assert (code, container.started) == (BAD_VARIABLE, None)
    assert lines[0] == "entrypoint: SPARK_LOCAL_DIRS names no directory that a shuffle service could share"


def test_a_worker_waits_until_a_master_answers(
    container: Container, counted: Path, shared: dict[str, str], taken: socket.socket
) -> None:
    """Any of several will do; it says so, looks again and again, and starts only then."""
    del shared["SPARK_SHUFFLE_SERVICE_PORT"]
    shared["SPARK_MASTER_URL"] = url = f"spark://127.0.0.1:1,127.0.0.1:{taken.getsockname()[1]}"
    worker = container.start(ENTRYPOINT, "worker", **shared, SPARK_AWAIT_MASTER="true")

    assert container.line(worker) == f"entrypoint: waiting for a master to answer at {url}"
    while not counted.exists() or counted.read_text(encoding="utf-8").count("asked") < 5:
        assert worker.poll() is None
    assert container.started is None
    taken.listen()
    assert container.line(worker) == "started"


def test_a_worker_takes_no_other_port_than_its_own(container: Container) -> None:
    """Where the port is taken it fails, behind whatever the user says: a probe would ask a stranger."""
    container.run("worker", SPARK_MASTER_URL="spark://m:7077", SPARK_WORKER_OPTS="-Da=1 -Dspark.port.maxRetries=9")

    options = container.service().environment["SPARK_WORKER_OPTS"].split()
    assert options == ["-Da=1", "-Dspark.port.maxRetries=9", "-Dspark.port.maxRetries=0"]


# Probes.


def test_a_probe_succeeds_when_a_process_of_the_container_listens(container: Container) -> None:
    """Whichever process of the container it is; nothing is started."""
    with socket.create_server(("", 0)) as server:
        assert container.run("probe", str(server.getsockname()[1]), SPARK_MODE="worker") == (0, [])
    assert container.started is None


def test_a_probe_fails_where_nobody_listens(container: Container, taken: socket.socket) -> None:
    """A port that is bound and does not listen is nobody's."""
    assert container.run("probe", str(taken.getsockname()[1]), SPARK_MODE="worker") == (1, [])


@pytest.mark.parametrize("port", [[], ["0"]])
def test_a_probe_without_a_port_is_refused(container: Container, port: list[str]) -> None:
    """The exit code is that of a bad value."""
    assert container.run("probe", *port)[0] == BAD_VARIABLE


# What a Master knows.


def test_a_master_keeps_what_it_knows_where_it_is_told(container: Container) -> None:
    """The directory is made and told to the Master behind what the user says; untold, nothing is kept."""
    directory = container.local / "kept"
    container.run("master", SPARK_RECOVERY_DIR=str(directory), SPARK_MASTER_OPTS="-Da=1")

    assert directory.is_dir()
    assert container.service().environment["SPARK_MASTER_OPTS"].split() == [
        "-Da=1",
        "-Dspark.deploy.recoveryMode=FILESYSTEM",
        f"-Dspark.deploy.recoveryDirectory={directory}",
    ]
    container.run("master")
    assert "SPARK_MASTER_OPTS" not in container.service().environment


def test_a_master_waits_for_the_one_before_to_end(container: Container) -> None:
    """Two never write to one directory: the second says that it waits, and starts when the first is gone."""
    given = {"SPARK_RECOVERY_DIR": str(container.local)}
    first = container.start(ENTRYPOINT, "master", **given)
    assert container.line(first) == "started"
    mine = container.started
    second = container.start(ENTRYPOINT, "master", **given)

    assert container.line(second) == f"entrypoint: waiting for the master that uses {container.local} to end"
    assert container.started == mine
    container.end(first)
    assert container.line(second) == "started"
    assert container.service() != mine


def test_a_master_waits_for_no_worker_where_no_application_runs(container: Container) -> None:
    """Also for one that lives, and may be about to end: it registers again. That is said; other files are kept."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        alive = container.local / f"worker_worker-20260102030405-127.0.0.1-{server.getsockname()[1]}"
        ended = container.local / "worker_worker-20260102030405-[::1]-7078"
        others = [container.local / "worker_of_another_form", container.local / "mine"]
        for file in (alive, ended, *others):
            file.touch()
        _, lines = container.run("master", SPARK_RECOVERY_DIR=str(container.local))

    for file in (alive, ended):
        why = "no application runs, and a worker that lives registers again"
        assert f"entrypoint: removing {file}: {why}" in lines
        assert not file.exists()
    assert {*others} < set(container.local.iterdir())


@pytest.mark.parametrize("of_a_job", ["app_app-20260102030405-0000", "driver_driver-20260102030405-0000"])
def test_a_master_forgets_no_worker_of_which_somebody_has_to_hear(container: Container, of_a_job: str) -> None:
    """An application learns from the Master that a worker is gone, and its map work with it."""
    ended = container.local / "worker_worker-20260102030405-127.0.0.1-7078"
    ended.touch()
    (container.local / of_a_job).touch()
    container.run("master", SPARK_RECOVERY_DIR=str(container.local))

    assert ended.exists()


@pytest.mark.parametrize("mode", ["master", "keeper"])
def test_a_directory_that_a_master_cannot_write_to_is_refused(container: Container, mode: str) -> None:
    """Nothing is started that would lose its applications silently."""
    (container.local / "file").touch()
    directory = container.local / "file" / "below"
    code, lines = container.run(mode, SPARK_RECOVERY_DIR=str(directory))

    assert (code, container.started) == (CANNOT_USE_DIRECTORY, None)
    assert lines[0] == f"entrypoint: user 185 cannot write to {directory}, a directory of SPARK_RECOVERY_DIR"


@pytest.mark.parametrize("mode", ["master", "keeper"])
def test_white_space_in_the_name_of_a_masters_directory_is_refused(container: Container, mode: str) -> None:
    """Java's options would be split there."""
    assert container.run(mode, SPARK_RECOVERY_DIR="/a b")[0] == BAD_VARIABLE


def test_a_keeper_without_a_directory_is_refused(container: Container) -> None:
    """It would keep nothing."""
    assert container.run("keeper")[0] == BAD_VARIABLE


def test_a_keeper_waits_and_takes_what_was_kept_along(container: Container) -> None:
    """While it lives everything stays; asked to end it removes what a Master kept, and nothing else, and succeeds."""
    kept = [container.local / name for name in ("app_app-1", "worker_worker-1", "driver_driver-1")]
    others = [container.local / name for name in (".master.lock", "notes", "app_")]
    for path in kept:
        path.touch()
    for path in others:
        path.mkdir() if path.name == "app_" else path.touch()
    keeper = container.start(ENTRYPOINT, "keeper", SPARK_RECOVERY_DIR=str(container.local))

    assert container.line(keeper) == f"entrypoint: keeping {container.local}"
    assert all(path.exists() for path in (*kept, *others))
    keeper.terminate()
    assert keeper.wait() == 0
    assert not any(path.exists() for path in kept)
    assert all(path.exists() for path in others)


# From root to spark.


def test_root_hands_over_what_drivers_and_former_images_left(container: Container) -> None:
    """Folders of root's drivers, locks and the service's list are given to spark with all they hold; the rest stays."""
    calls = container.local.parent / "calls"
    container.put("id", '#!/bin/sh\ncase "$*" in "-u spark") echo 99185;; *) echo 0;; esac\n')
    container.put("chown", f'#!/bin/sh\nfor argument; do echo "$argument"; done >> {calls}\n')
    container.put("setpriv", "#!/bin/sh\n")
    blocks = "blockmgr-0f1e2d3c-0000-4000-8000-000000000000"
    for name in (FILES, blocks, LIST, "data", "spark-of-others"):
        (container.local / name).mkdir(parents=True)
    for name in (".worker.lock", ".shuffle-service-listens-7337", "notes"):
        (container.local / name).touch()
    (container.local / "spark-a-b-c-d-e").symlink_to("/etc")
    container.run("worker", SPARK_LOCAL_DIRS=str(container.local))

    given, own = calls.read_text(encoding="utf-8").split("--no-dereference\nspark:spark\n")[1:]
    names = (Path(FILES).parts[0], blocks, LIST, ".worker.lock", ".shuffle-service-listens-7337")
    assert sorted(given.split("\n")[:-1]) == sorted(str(container.local / name) for name in names)
    assert own == f"{container.local}\n"
    assert calls.read_text(encoding="utf-8").startswith("--recursive\n")


def test_root_hands_over_what_a_master_of_a_former_image_kept(container: Container) -> None:
    """Its lock and what it knew, as files; nothing else of the directory."""
    calls = container.local.parent / "calls"
    container.put("id", '#!/bin/sh\ncase "$*" in "-u spark") echo 99185;; *) echo 0;; esac\n')
    container.put("chown", f'#!/bin/sh\nfor argument; do echo "$argument"; done >> {calls}\n')
    container.put("setpriv", "#!/bin/sh\n")
    names = (".master.lock", "app_app-20260102030405-0000", "driver_d", "worker_w")
    for name in (*names, "mine"):
        (container.local / name).touch()
    (container.local / "app_folder").mkdir()
    container.run("master", SPARK_RECOVERY_DIR=str(container.local))

    given, own = calls.read_text(encoding="utf-8").split("--no-dereference\nspark:spark\n")[1:]
    assert sorted(given.split("\n")[:-1]) == sorted(str(container.local / name) for name in names)
    assert own == f"{container.local}\n"


def test_a_probe_of_root_hands_nothing_over(container: Container) -> None:
    """A probe runs every few seconds and only looks, as spark: root may not look into the processes of others."""
    calls = container.local.parent / "calls"
    container.put("id", "#!/bin/sh\necho 0\n")
    container.put("chown", f"#!/bin/sh\ntouch {calls}\n")
    container.put("setpriv", '#!/bin/sh\necho "$@"\n')
    code, lines = container.run("probe", "7337", SPARK_LOCAL_DIRS=str(container.local))

    assert code == 0
    assert lines == [f"--reuid spark --regid spark --init-groups --no-new-privs -- {ENTRYPOINT} probe 7337"]
    assert not calls.exists()


@pytest.mark.parametrize("allowed", [True, False])
def test_root_hands_the_local_directories_over_and_starts_again_as_spark(
    container: Container, *, allowed: bool
) -> None:
    """As root, nothing of Spark is started; where root may not change owners, the next start has the last word."""
    calls = container.local.parent / "calls"
    container.put("id", "#!/bin/sh\necho 0\n")
    container.put("chown", f'#!/bin/sh\necho chown "$@" >> {calls}\nexit {0 if allowed else 1}\n')
    container.put("setpriv", f'#!/bin/sh\necho setpriv "$@" HOME="$HOME" >> {calls}\nexit 7\n')
    first, second = container.local / "a", container.local / "b"
    third = container.local / "c"
    code, _ = container.run("shuffle", "--x", SPARK_LOCAL_DIRS=f"{first},{second}", SPARK_RECOVERY_DIR=str(third))

    assert (code, container.started) == (7, None)
    *owners, again = calls.read_text(encoding="utf-8").splitlines()
    assert owners == [f"chown --no-dereference spark:spark {directory}" for directory in (first, second, third)]
    options, _, command = again.partition(" -- ")
    assert options == "setpriv --reuid spark --regid spark --init-groups --no-new-privs"
    assert command == f"{ENTRYPOINT} shuffle --x HOME=/home/spark"
    assert first.is_dir()
    assert second.is_dir()


# The line that says that the service listens.


@pytest.fixture
def counted(container: Container) -> Path:
    """Give the file that grows by a line whenever the entrypoint waits before it asks again."""
    asked = container.local.parent / "asked"
    container.put("sleep", f"#!/bin/sh\necho asked >> {asked}\nexec {shutil.which('sleep')} 0.01\n")
    return asked


def test_the_line_comes_when_the_port_can_be_reached_and_not_before(
    container: Container, counted: Path, taken: socket.socket
) -> None:
    """However long it takes: first the service listens, then the line is there, once, and a client gets through.

    The line is on stderr, as Spark's log is, so that nothing changes their order. What printed it ends then, and not
    with the service: the service is the only process left.
    """
    port = taken.getsockname()[1]
    program = LISTENS_LATE.replace("PYTHON", sys.executable).replace("ASKED", str(counted))
    container.put("spark-class", program.replace("PORT", str(port)))
    only_stderr = ("sh", "-c", 'exec "$0" shuffle >/dev/null', ENTRYPOINT)
    service = container.start(*only_stderr, SPARK_SHUFFLE_SERVICE_PORT=str(port))

    assert container.line(service) == "begins to listen"
    assert container.line(service) == f"{LINE} {port}"
    assert container.line(service) == ""  # the end: only the service runs, and it has no output
    socket.create_connection(("127.0.0.1", port), SECONDS).close()
    assert container.end(service) == (0, [])


def test_the_line_never_comes_when_another_process_has_the_port(
    container: Container, counted: Path, taken: socket.socket
) -> None:
    """A port that answers proves nothing if it is not the service that listens on it."""
    taken.listen()
    container.put("spark-class", NEVER_LISTENS.replace("PYTHON", sys.executable).replace("ASKED", str(counted)))

    assert container.run("shuffle", SPARK_SHUFFLE_SERVICE_PORT=str(taken.getsockname()[1])) == (0, [])
    assert counted.read_text(encoding="utf-8").count("asked") >= 5


def test_nothing_waits_for_a_service_that_has_ended(container: Container) -> None:
    """Who would print the line ends with the service: no process is left, and nothing was printed."""
    code, lines = container.run("shuffle")  # returns when nobody holds the output any more

    assert (code, lines) == (5, ["started"])


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def test_a_process_that_listens_is_seen_to(container: Container, family: socket.AddressFamily) -> None:
    """Java listens on an IPv6 socket where it can, and on an IPv4 one elsewhere: either counts."""
    with socket.create_server(("", 0), family=family) as server:
        assert container.call("listens", str(os.getpid()), str(server.getsockname()[1])) == 0


def test_a_process_that_listens_elsewhere_or_not_at_all_is_not_taken_for_one_that_does(
    container: Container, taken: socket.socket
) -> None:
    """Neither a port that is bound only, nor the port of an outgoing connection, nor another process's port counts."""
    other = container.start("cat")
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), SECONDS) as client:
            assert container.call("listens", str(os.getpid()), str(client.getsockname()[1])) == 1
        assert container.call("listens", str(os.getpid()), str(taken.getsockname()[1])) == 1
        assert container.call("listens", str(other.pid), str(server.getsockname()[1])) == 1
