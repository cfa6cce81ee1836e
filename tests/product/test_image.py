"""The image alone: every mode, every refusal, who runs what, and a line that never lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.places import SHUFFLE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.containers import Lab, Running

LINE = "Started external shuffle service"
SPARKS_OWN_LINE = "Starting shuffle service on port 7337 (auth enabled = false)"
MASTER_READY = "I have been elected leader! New state: ALIVE"
WORKER_READY = "Successfully registered with master"

USAGE, CANNOT_USE_DIRECTORY, BAD_VARIABLE = 64, 73, 78
TERMINATED = 128 + 15

# What the kubelet makes for a hostPath that is not there: root's, mode 755.
KUBELETS_FOLDER = {SHUFFLE_FOLDER: "mode=755,uid=0,gid=0"}
LEFT_OVER = f"{SHUFFLE_FOLDER}/spark-0f1e2d3c-0000-4000-8000-000000000000/executor-4b3c2d1e"


@pytest.fixture(scope="module")
def shuffle(lab: Lab) -> Iterator[Running]:
    """A container in the mode shuffle, as the chart starts it."""
    environment = {"SPARK_MODE": "shuffle", "SPARK_LOCAL_DIRS": SHUFFLE_FOLDER}
    with lab.running(environment=environment, tmpfs=KUBELETS_FOLDER, until=LINE) as running:
        yield running


@pytest.fixture(scope="module")
def master(lab: Lab) -> Iterator[Running]:
    """A container in the mode master."""
    environment = {"SPARK_MODE": "master", "SPARK_LOCAL_HOSTNAME": "master"}
    with lab.running(environment=environment, alias="master", until=MASTER_READY) as running:
        yield running


@pytest.fixture(scope="module")
def worker(lab: Lab, master: Running) -> Iterator[Running]:  # noqa: ARG001 - registers with it
    """A container in the mode worker that has registered with the master, over what a killed worker left."""
    environment = {
        "SPARK_LOCAL_DIRS": SHUFFLE_FOLDER,
        "SPARK_LOCAL_HOSTNAME": "worker",
        "SPARK_MASTER_URL": "spark://master:7077",
    }
    script = f"mkdir -p {LEFT_OVER} {SHUFFLE_FOLDER}/registeredExecutors.rdb && exec entrypoint.sh worker"
    with lab.running(
        *("bash", "-c", script), environment=environment, tmpfs=KUBELETS_FOLDER, alias="worker", until=WORKER_READY
    ) as running:
        yield running


def test_the_shuffle_line_comes_once_and_after_sparks_own(shuffle: Running) -> None:
    """Spark says that it starts, and then the entrypoint says, once, that the port listens."""
    lines = shuffle.log.splitlines()
    (ours,) = [number for number, line in enumerate(lines) if LINE in line]
    (sparks,) = [number for number, line in enumerate(lines) if SPARKS_OWN_LINE in line]

    assert lines[ours] == f"{LINE} on port 7337"
    assert sparks < ours


def test_the_shuffle_port_listens_when_the_line_is_there(shuffle: Running) -> None:
    """A connection to port 7337 succeeds."""
    assert shuffle.execute("bash", "-c", "exec 3<>/dev/tcp/localhost/7337").exit_code == 0


def test_the_services_list_of_executors_is_in_the_shared_folder(shuffle: Running) -> None:
    """The folder that root made belongs to spark, and the service keeps its database there."""
    listed = shuffle.execute("stat", "--format", "%U %n", SHUFFLE_FOLDER, f"{SHUFFLE_FOLDER}/registeredExecutors.rdb")

    assert listed.log.splitlines() == [f"spark {SHUFFLE_FOLDER}", f"spark {SHUFFLE_FOLDER}/registeredExecutors.rdb"]


@pytest.mark.parametrize("daemon", ["shuffle", "master", "worker"])
def test_no_daemon_runs_as_root(daemon: str, request: pytest.FixtureRequest) -> None:
    """The only Java process of a container belongs to the user spark."""
    running: Running = request.getfixturevalue(daemon)

    assert list(running.java().values()) == ["spark"]


@pytest.mark.parametrize("daemon", ["shuffle", "master", "worker"])
def test_every_daemon_starts_from_the_archive_of_classes(daemon: str, request: pytest.FixtureRequest) -> None:
    """Java falls back in silence where it cannot map it."""
    running: Running = request.getfixturevalue(daemon)
    # As the user of Spark: root in a container may not look into the processes of others.
    user = ("setpriv", "--reuid", "spark", "--regid", "spark", "--init-groups")
    maps = running.execute(*user, "sh", "-c", "cat /proc/$(pgrep -o java)/maps").log

    assert "/opt/spark/archive/classes.jsa" in maps


@pytest.mark.parametrize(("daemon", "alone"), [("shuffle", False), ("master", True), ("worker", True)])
def test_what_keeps_books_does_without_the_second_compiler(
    daemon: str, request: pytest.FixtureRequest, *, alone: bool
) -> None:
    """Master and Worker live without it; the shuffle service, which may encrypt every block, keeps it."""
    running: Running = request.getfixturevalue(daemon)
    command = running.execute("sh", "-c", r"tr '\0' ' ' < /proc/$(pgrep -o java)/cmdline").log

    assert "org.apache.spark.deploy" in command
    assert ("-XX:TieredStopAtLevel=1" in command) is alone


_ASKS_PYTHON = """
import glob, linecache, sys
sys.path[:0] = glob.glob("/opt/spark/python/lib/*.zip")
import py4j.java_gateway, pyspark.worker
for module in (py4j.java_gateway, pyspark.worker):
    print(module.__file__)
code = pyspark.worker.main.__code__
print(linecache.getlines(code.co_filename, vars(pyspark.worker))[code.co_firstlineno - 1])
"""


def test_the_python_modules_of_spark_are_compiled(lab: Lab) -> None:
    """Python says where it took a module from; and it still knows each line, for tracebacks."""
    ended = lab.ended("python3", "-c", _ASKS_PYTHON)
    *modules, line = ended.log.split("\n")[:3]

    assert [Path(one).name for one in modules] == ["java_gateway.pyc", "worker.pyc"]
    assert line == "def main(infile, outfile):"


_LOOKS_ANEW = """
import glob, importlib, os, sys, zipfile, zipimport
sys.path[:0] = glob.glob("/opt/spark/python/lib/*.zip") + glob.glob("/opt/spark/jars/spark-core_*.jar")
sys.path.insert(0, "/tmp/new.zip")

def write(*names):
    with zipfile.ZipFile("/tmp/new.zip", "w") as archive:
        for name in names:
            archive.writestr(name + "/__init__.py", "")

write("one")
import one, pyspark.worker
read = []
directory = zipimport._read_directory
zipimport._read_directory = lambda archive: read.append(archive) or directory(archive)
importlib.invalidate_caches()
print(read)
write("one", "another")
importlib.invalidate_caches()
import another
print(sorted(set(read)), another.__file__)
os.remove("/tmp/new.zip")
importlib.invalidate_caches()
del sys.modules["one"]
try:
    import one
except ImportError as error:
    print(error)
"""


def test_python_reads_an_archive_again_only_if_it_changed(lab: Lab) -> None:
    """PySpark asks it to look anew before every task; it finds what is new, and reads nothing that is not."""
    ended = lab.ended("python3", "-c", _LOOKS_ANEW)

    assert ended.log.splitlines() == [
        "[]",
        "['/tmp/new.zip'] /tmp/new.zip/another/__init__.py",
        "No module named 'one'",
    ]


def test_the_launcher_does_without_the_second_compiler(lab: Lab) -> None:
    """It is the process before each of Spark's that writes its command line."""
    traced = lab.ended("env", "SHELLOPTS=xtrace", "spark-submit", "--version").log.splitlines()
    (started,) = [line for line in traced if line.startswith("+") and "org.apache.spark.launcher.Main" in line]

    assert " -XX:TieredStopAtLevel=1 " in started


def test_a_worker_registers_with_the_master(master: Running, worker: Running) -> None:  # noqa: ARG001 - has registered
    """The master lists one living worker, at the host name that it was given."""
    page = "import urllib.request; print(urllib.request.urlopen('http://localhost:8080/json/').read().decode())"
    (listed,) = json.loads(master.execute("python3", "-c", page).log)["workers"]

    assert (listed["host"], listed["port"], listed["state"]) == ("worker", 7078, "ALIVE")


def test_a_worker_removes_what_a_killed_worker_left_and_nothing_else(worker: Running) -> None:
    """Shuffle files of before are gone and said to be; the service's database stays."""
    assert "left by a worker that was killed" in worker.log
    assert worker.execute("test", "-e", LEFT_OVER).exit_code == 1
    assert worker.execute("test", "-e", f"{SHUFFLE_FOLDER}/registeredExecutors.rdb").exit_code == 0


def test_a_second_worker_on_the_same_folder_does_not_start(worker: Running) -> None:
    """It says who has the folder, and touches nothing of the first one's."""
    worker.execute("mkdir", "-p", LEFT_OVER)
    second = worker.execute("entrypoint.sh", "worker")

    assert second.exit_code == CANNOT_USE_DIRECTORY
    assert f"another worker on this machine uses {SHUFFLE_FOLDER}" in second.log
    assert worker.execute("test", "-d", LEFT_OVER).exit_code == 0


def test_a_worker_whose_port_is_taken_ends(lab: Lab) -> None:
    """It takes no other port, on which nobody would look for it."""
    script = (
        "import socket, subprocess, sys; taken = socket.create_server(('', 7078)); "
        "sys.exit(subprocess.run(['entrypoint.sh', 'worker']).returncode)"
    )
    ended = lab.ended("python3", "-c", script, environment={"SPARK_MASTER_URL": "spark://nobody:7077"})

    assert ended.exit_code == 1
    assert "failed after 0 retries" in ended.log


def test_a_worker_removes_what_a_driver_of_root_left(lab: Lab) -> None:
    """A folder that only root may look into is gone when the worker starts."""
    closed = f"{SHUFFLE_FOLDER}/spark-0f1e2d3c-0000-4000-8000-000000000000"
    environment = {"SPARK_LOCAL_DIRS": SHUFFLE_FOLDER, "SPARK_MASTER_URL": "spark://nobody:7077"}
    idle = ("sh", "-c", "echo idle; exec sleep infinity")
    with lab.running(*idle, environment=environment, tmpfs=KUBELETS_FOLDER, until="idle") as node:
        node.execute("install", "--directory", "--mode", "700", closed, f"{closed}/root")
        # It finds no Master, and would go on for ever.
        log = node.execute("timeout", "15", "entrypoint.sh", "worker").log

        assert "Running Spark version" in log, "the worker did not start"
        assert node.execute("test", "-e", closed).exit_code == 1


def test_a_probe_tells_the_containers_own_process(shuffle: Running) -> None:
    """Asked as the kubelet asks, as root, it succeeds for the port that the service holds, and for no other."""
    assert shuffle.execute("entrypoint.sh", "probe", "7337").exit_code == 0
    assert shuffle.execute("entrypoint.sh", "probe", "7338").exit_code == 1


def test_a_second_service_on_the_same_folder_does_not_start(shuffle: Running) -> None:
    """It says so before it touches the first one's list of executors."""
    second = shuffle.execute("env", "SPARK_SHUFFLE_SERVICE_PORT=7447", "entrypoint.sh", "shuffle")

    assert second.exit_code == CANNOT_USE_DIRECTORY
    assert f"another shuffle service on this machine uses {SHUFFLE_FOLDER}" in second.log
    assert "removing" not in second.log


@pytest.mark.parametrize(
    ("left", "forgotten"),
    [
        pytest.param("", True, id="no application has files"),
        pytest.param(LEFT_OVER, False, id="an application has files"),
    ],
)
def test_the_service_forgets_executors_only_where_no_application_has_files(
    lab: Lab, left: str, *, forgotten: bool
) -> None:
    """Started over a database, it removes it if nothing in it can be alive, and keeps it otherwise."""
    database = f"{SHUFFLE_FOLDER}/registeredExecutors.ldb"  # of Spark's other kind: the service itself leaves it alone
    script = f"mkdir -p {database} {left} && touch {database}/mark && exec entrypoint.sh shuffle"
    environment = {"SPARK_LOCAL_DIRS": SHUFFLE_FOLDER}
    with lab.running("bash", "-c", script, environment=environment, until=LINE) as running:
        assert (running.execute("test", "-e", f"{database}/mark").exit_code != 0) == forgotten
        assert (f"removing {database}" in running.log) == forgotten


def test_the_line_is_never_printed_when_another_process_has_the_port(lab: Lab) -> None:
    """The port listens, but it is not the service that does: no line, and the service's own failure as exit code."""
    script = (
        "import socket, subprocess, sys; taken = socket.create_server(('', 7337)); "
        "sys.exit(subprocess.run(['entrypoint.sh', 'shuffle']).returncode)"
    )
    ended = lab.ended("python3", "-c", script)

    assert ended.exit_code == 1
    assert SPARKS_OWN_LINE in ended.log
    assert "Address already in use" in ended.log
    assert LINE not in ended.log


def test_another_port_is_listened_on_and_named(lab: Lab) -> None:
    """The service binds the port of SPARK_SHUFFLE_SERVICE_PORT, and the line says which it is."""
    environment = {"SPARK_MODE": "shuffle", "SPARK_SHUFFLE_SERVICE_PORT": "7447"}
    with lab.running(environment=environment, until=LINE) as running:
        assert f"{LINE} on port 7447" in running.log
        assert running.execute("bash", "-c", "exec 3<>/dev/tcp/localhost/7447").exit_code == 0


@pytest.mark.parametrize(
    ("mode", "until"), [("master", MASTER_READY), ("worker", "Running Spark version"), ("shuffle", LINE)]
)
def test_a_daemon_ends_when_it_is_asked_to(lab: Lab, mode: str, until: str) -> None:
    """SIGTERM reaches Java itself, and its exit code comes back: nothing had to be killed."""
    environment = {"SPARK_MODE": mode, "SPARK_MASTER_URL": "spark://nobody:7077"}
    with lab.running(environment=environment, until=until) as running:
        assert running.stop() == TERMINATED
        assert "RECEIVED SIGNAL TERM" in running.log


def test_started_as_spark_it_works_as_well(lab: Lab) -> None:
    """With uid 185 from the start, nothing needs root as long as the folder is spark's."""
    environment = {"SPARK_LOCAL_DIRS": SHUFFLE_FOLDER}
    with lab.running(
        *("shuffle",),
        environment=environment,
        user="185",
        tmpfs={SHUFFLE_FOLDER: "mode=755,uid=185,gid=185"},
        until=LINE,
    ) as running:
        assert list(running.java().values()) == ["spark"]


def test_a_job_can_be_submitted(lab: Lab) -> None:
    """The mode submit runs SparkPi and ends with its exit code."""
    pi = "/opt/spark/examples/src/main/python/pi.py"
    ended = lab.ended("submit", "--master", "local[2]", pi)

    assert ended.exit_code == 0
    assert "Pi is roughly 3.1" in ended.log


def test_a_failing_job_fails_the_container(lab: Lab) -> None:
    """The exit code of a job that fails is not 0."""
    assert lab.ended("submit", "--master", "local[2]", "/opt/spark/no-such-job.py").exit_code != 0


def test_any_other_command_runs_as_spark(lab: Lab) -> None:
    """A command of the image is run as it stands, but not as root."""
    assert lab.ended("id", "--user", "--name").log.strip() == "spark"
    assert lab.ended("/opt/spark/bin/spark-submit", "--version").exit_code == 0


@pytest.mark.parametrize(
    ("command", "environment", "exit_code", "said"),
    [
        pytest.param([], {}, USAGE, "neither SPARK_MODE nor a first argument", id="nothing"),
        pytest.param([], {"SPARK_MODE": "sufle"}, USAGE, "SPARK_MODE='sufle' is no mode", id="bad mode"),
        pytest.param([], {"SPARK_MODE": "test"}, USAGE, "SPARK_MODE='test' is no mode", id="command as mode"),
        pytest.param(["sufle"], {"SPARK_MODE": "shuffle"}, USAGE, "'sufle' is neither", id="bad argument"),
        pytest.param(["listens"], {}, USAGE, "'listens' is neither", id="function of the entrypoint"),
        pytest.param(["master"], {"SPARK_MASTER_PORT": "0"}, BAD_VARIABLE, "SPARK_MASTER_PORT='0'", id="port 0"),
        pytest.param(
            ["master"], {"SPARK_MASTER_WEBUI_PORT": "65536"}, BAD_VARIABLE, "65536", id="port that there is not"
        ),
        pytest.param(
            ["master"],
            {"SPARK_MASTER_PORT": "tcp://10.96.7.7:7077"},
            BAD_VARIABLE,
            "enableServiceLinks: false",
            id="service link",
        ),
        pytest.param(["worker"], {}, BAD_VARIABLE, "SPARK_MASTER_URL=''", id="worker without master"),
        pytest.param(["worker"], {"SPARK_WORKER_PORT": "x"}, BAD_VARIABLE, "SPARK_WORKER_PORT='x'", id="no number"),
        pytest.param(
            ["shuffle"], {"SPARK_SHUFFLE_SERVICE_PORT": "07337"}, BAD_VARIABLE, "'07337' is no port", id="octal port"
        ),
        pytest.param(["shuffle"], {"SPARK_LOCAL_DIRS": "/a b"}, BAD_VARIABLE, "white space", id="space in a folder"),
    ],
)
def test_what_cannot_work_is_refused(
    lab: Lab, command: list[str], environment: dict[str, str], exit_code: int, said: str
) -> None:
    """The container ends at once with the exit code of its kind, and says what was expected and what to do."""
    ended = lab.ended(*command, environment=environment)

    assert ended.exit_code == exit_code
    assert said in ended.log
    assert "expected:" in ended.log
    assert "to do:" in ended.log
    assert LINE not in ended.log


def test_a_folder_that_cannot_be_written_is_refused(lab: Lab) -> None:
    """A user that is neither root nor the folder's owner gets told whose it has to be."""
    ended = lab.ended("shuffle", environment={"SPARK_LOCAL_DIRS": SHUFFLE_FOLDER}, user="1234", tmpfs=KUBELETS_FOLDER)

    assert ended.exit_code == CANNOT_USE_DIRECTORY
    assert "a directory that belongs to uid 185" in ended.log


def test_the_image_lists_its_packages_and_holds_no_package_cache(shuffle: Running) -> None:
    """The list is what dpkg says, and what apt fetched is gone."""
    known = shuffle.execute("dpkg-query", "--show", "--showformat", "${Package}\t${Version}\t${Architecture}\n").log

    assert shuffle.execute("cat", "/usr/share/workstream/packages.txt").log == known
    assert "openjdk-17-jre-headless\t" in known
    assert shuffle.execute("find", "/var/lib/apt/lists", "/var/cache/apt", "-type", "f").log == ""
