from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager, nullcontext
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, cast

import pytest

from workstream import errors, limits, processes
from workstream.cluster import cache, images, provisioning, waiting
from workstream.cluster.access import Cluster
from workstream.cluster.engine import Engine
from workstream.cluster.programs import Tool
from workstream.cluster.provisioning import Options
from workstream.controls.model import Control
from workstream.world import Borrowed, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

OPTIONS = Options(name="mine")
MANY = 64  # more than any pool has threads
LONG_ENOUGH = limits.Limit("a test", 30)


class Real:
    """A world that never was: what came up and was taken away, and what stood in the way.

    Args:
        folder: where its files are.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: list[str] = []
        self.broken: dict[str, Exception] = {}

    def _begin(self, name: str) -> None:
        if name in self.broken:
            raise self.broken[name]
        self.log.append(f"{name} up")

    @contextmanager
    def _part(self, name: str, value: Any) -> Iterator[Any]:  # noqa: ANN401 - engine, tools or cluster
        self._begin(name)
        yield value
        self.log.append(f"{name} down")

    def engine(self) -> Any:  # noqa: ANN401 - a context
        """Give an engine."""
        docker, socket = self.folder / "engine" / "docker", self.folder / "socket"
        return self._part("engine", Engine(str(docker), "28", private=True, socket=socket))

    def tools(self, _engine: Engine, _options: Options) -> Any:  # noqa: ANN401 - a context
        """Give a tool that was built, and one that was not."""
        helm = Tool("helm", self.folder / "built" / "helm", "4.0.5", built=True)
        kind = Tool("kind", self.folder / "found" / "kind", "0.30.0", built=False)
        self._begin("tools")
        return {"helm": helm, "kind": kind}

    def cluster(self, _engine: Engine, _tools: dict[str, Tool], _options: Options) -> Any:  # noqa: ANN401 - a context
        """Give a cluster; nothing can be brought there."""
        nothing = cast("Any", None)
        found = Cluster(self.folder / "kubeconfig", "kind-mine", "mine", nothing, nothing, "its-own")
        return self._part("cluster", found)


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Real:
    """What every World of this process finds, in place of the real one."""
    found = Real(tmp_path)
    for name, part in (("engine", found.engine), ("tools", found.tools), ("cluster", found.cluster)):
        monkeypatch.setattr(provisioning, f"{name}_ready", part)
    monkeypatch.setenv("WORKSTREAM_CACHE", str(tmp_path / "cache"))
    return found


@pytest.fixture
def lent(real: Real, tmp_path: Path) -> Iterator[tuple[World, Path]]:
    """A World of this process that lends, and where."""
    del real
    world = World(OPTIONS)
    world.lend(tmp_path / "lent")
    yield world, tmp_path / "lent"
    world.close(interrupted=False)


# Uses, in a process of its own, what another one lends; prints what it got as JSON.
BORROW = """
import json, os, sys
from pathlib import Path
from workstream import errors
from workstream.cluster.provisioning import Options
from workstream.world import Borrowed

world = Borrowed(Path(sys.argv[1]), Options(name="mine"))
try:
    if sys.argv[2] == "cluster":
        cluster = world.cluster()
        told = [cluster.context, cluster.name, str(cluster.kubeconfig), cluster.ours, cluster.manager.cluster_name]
    else:
        told = {name: str(value) for name, value in world.tools().items()}
    engine = world.engine()
    print(json.dumps({
        "told": told,
        "engine": [engine.docker, engine.version, engine.private, str(engine.socket)],
        "host": world.environment("engine")["DOCKER_HOST"],
        "path": world.environment("tools")["PATH"].split(os.pathsep)[:2],
        "pid": os.getpid(),
    }))
except errors.WorkstreamError as error:
    print(json.dumps([type(error).__name__, error.what, error.instead, error.more, error.exit_code]))
finally:
    world.close(interrupted=False)
    assert "DOCKER_HOST" not in os.environ
"""


def borrow(folder: Path, part: str) -> Any:  # noqa: ANN401 - what the other process printed
    """Return what a process got that borrowed a part."""
    environment = {"DOCKER_HOST": "", "PATH": "/usr/bin:/bin"}
    program = [sys.executable, "-c", f"import os; del os.environ['DOCKER_HOST']\n{BORROW}", str(folder), part]
    return json.loads(processes.run(program, limit=LONG_ENOUGH, environment=environment).stdout)


def test_each_part_comes_up_once_and_all_go_in_the_opposite_order(real: Real) -> None:
    """Whoever asks gets the same, and the end takes away what came up."""
    world = World(OPTIONS)
    seen = [world.has_cluster]
    assert world.cluster() is world.cluster()
    seen.append(world.has_cluster)
    world.close(interrupted=False)

    assert seen == [False, True]
    assert real.log == ["engine up", "tools up", "cluster up", "cluster down", "engine down"]


def test_any_number_may_wait_for_the_cluster_in_the_background(real: Real) -> None:
    """However many ask, before it is begun, none keeps it from coming up."""
    world = World(OPTIONS)
    waiting_for_it = [world.background(lambda: world.cluster().name) for _ in range(MANY)]

    assert {one.result(LONG_ENOUGH.seconds) for one in waiting_for_it} == {"mine"}
    world.close(interrupted=False)
    assert real.log.count("cluster up") == 1


def test_a_run_does_not_take_its_own_cluster_for_one_that_another_uses(
    real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster is reserved once, however many threads ask for it before that is done."""
    del real
    reserved, held_by = provisioning.reserved, []
    another_came = Event()

    def slowly(options: Options) -> AbstractContextManager[None]:
        held_by.append(options.name)
        another_came.wait(0.5 if len(held_by) == 1 else 0)
        another_came.set()
        return reserved(options)

    monkeypatch.setattr(provisioning, "reserved", slowly)
    world = World(OPTIONS)
    asked = [world.background(world.cluster) for _ in range(2)]

    assert {one.result(LONG_ENOUGH.seconds).name for one in asked} == {"mine"}
    assert held_by == ["mine"]
    world.close(interrupted=False)


def test_what_fails_in_the_background_is_raised_where_it_is_asked_for(real: Real) -> None:
    """Also what is no error of ours."""
    del real
    world = World(OPTIONS)
    failed = world.background(lambda: 1 // 0)
    world.close(interrupted=False)
    with pytest.raises(ZeroDivisionError):
        failed.result()


def test_the_end_waits_for_what_is_under_way(real: Real) -> None:
    """Nothing is taken away under the hands of what still uses it."""
    world = World(OPTIONS)
    world.engine()
    go_on = Event()
    seen = world.background(lambda: go_on.wait() and [*real.log])
    closing = Thread(target=world.close, kwargs={"interrupted": False})
    closing.start()
    closing.join(limits.POLL_SECONDS)
    assert closing.is_alive()
    go_on.set()
    closing.join()

    assert seen.result() == ["engine up"]
    assert real.log == ["engine up", "engine down"]


def test_the_end_does_not_wait_for_what_nobody_waited_for(real: Real, tmp_path: Path) -> None:
    """A run that ends early, as with -x, stops programs that are still at work; the next run may start its own."""
    del real
    started = tmp_path / "started"
    script = ["sh", "-c", f"touch {started}; sleep 30"]
    world = World(OPTIONS)
    forever = world.background(lambda: processes.run(script, limit=limits.COMPILE))
    waiting.until(started.exists, LONG_ENOUGH, what="the program runs")
    world.close(interrupted=False)

    with pytest.raises(errors.CancelledError):
        forever.result()
    assert processes.run(["echo", "next"], limit=LONG_ENOUGH).stdout == "next\n"


def test_another_process_gets_what_this_one_has(lent: tuple[World, Path], real: Real) -> None:
    """It has the engine, the tools and the cluster of this one, on its own PATH, and nothing comes up twice."""
    _, folder = lent
    tools, cluster = borrow(folder, "tools"), borrow(folder, "cluster")
    home = real.folder

    assert set(tools["told"]) == {"helm", "kind"}
    assert "built=True" in tools["told"]["helm"]
    assert tools["engine"] == [str(home / "engine" / "docker"), "28", True, str(home / "socket")]
    assert tools["host"] == f"unix://{home / 'socket'}"
    assert tools["path"] == [str(home / "built"), str(home / "engine")]
    kubeconfig = str(home / "cache" / "clusters" / "mine" / "kubeconfig")
    ours = f"mine-{cache.home_id()[:6]}"
    assert cluster["told"] == [f"kind-{ours}", "mine", kubeconfig, True, ours]
    assert len({tools["pid"], cluster["pid"], os.getpid()}) == 3
    assert real.log == ["engine up", "tools up", "cluster up"]


def test_nothing_comes_up_that_nobody_asks_for(lent: tuple[World, Path], real: Real) -> None:
    """Who asks for the tools does not get a cluster made."""
    borrow(lent[1], "tools")

    assert real.log == ["engine up", "tools up"]


def test_who_borrows_takes_nothing_away(lent: tuple[World, Path], real: Real, tmp_path: Path) -> None:
    """Its end leaves everything as it is; neither changes its process's own environment."""
    before = dict(os.environ)
    borrowed = Borrowed(lent[1], OPTIONS)
    found = borrowed.tools()
    path = borrowed.environment("tools")["PATH"]
    assert dict(os.environ) == before
    borrowed.close(interrupted=False)

    assert path == os.pathsep.join([str(tmp_path / "built"), str(tmp_path / "engine"), before["PATH"]])
    assert found == lent[0].tools()
    assert not any("down" in line for line in real.log)


@pytest.mark.parametrize(
    "error",
    [
        errors.PortTakenError("It is taken.", instead="Free it.", more="ss -ltn"),
        errors.ProgramFailedError("It fails.", returncode=3, stdout="out", stderr="err", more="kind create"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_keeps_it_from_coming_up_is_raised_in_every_process(
    lent: tuple[World, Path], real: Real, error: errors.WorkstreamError
) -> None:
    """The same class, the same three parts, the same exit code, and whatever else the error carries."""
    real.broken["cluster"] = error
    told = borrow(lent[1], "cluster")
    borrowed = Borrowed(lent[1], OPTIONS)
    with pytest.raises(type(error)) as caught:
        borrowed.cluster()
    borrowed.close(interrupted=False)

    assert told == [type(error).__name__, error.what, error.instead, error.more, error.exit_code]
    assert str(caught.value) == str(error)
    assert vars(caught.value) == {**vars(error), "exit_code": error.exit_code}


def test_what_is_no_error_of_ours_reaches_every_process_too(lent: tuple[World, Path], real: Real) -> None:
    """Nobody waits for what failed by a mistake; the error says which."""
    real.broken["tools"] = KeyError("helm")
    borrowed = Borrowed(lent[1], OPTIONS)
    with pytest.raises(errors.WorkstreamError, match="KeyError: 'helm'"):
        borrowed.tools()
    borrowed.close(interrupted=False)


# Lends an engine that never comes up, says so, and is killed.
LEND = """
import contextlib, sys, threading
from pathlib import Path
from workstream.cluster import provisioning
from workstream.world import World

@contextlib.contextmanager
def never():
    print("asked", flush=True)
    threading.Event().wait()
    yield

provisioning.engine_ready = never
world = World(provisioning.Options())
world.lend(Path(sys.argv[1]))
print("lent", flush=True)
threading.Event().wait()
"""


def test_nobody_waits_for_a_process_that_was_killed(tmp_path: Path) -> None:
    """Who is waiting learns it, who asks later too."""
    lender = subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-c", textwrap.dedent(LEND), tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert lender.stdout is not None
    assert lender.stdout.readline() == "lent\n"
    early, late = Borrowed(tmp_path, OPTIONS), Borrowed(tmp_path, OPTIONS)
    asked = early.begin_cluster()
    assert lender.stdout.readline() == "asked\n"
    assert not asked.done()
    lender.send_signal(signal.SIGKILL)
    lender.wait()
    lender.stdout.close()

    for failed in (lambda: asked.result(LONG_ENOUGH.seconds), late.engine):
        with pytest.raises(errors.ClusterFailedError, match="has ended"):
            cast("Callable[[], object]", failed)()
    for one in (early, late):
        one.close(interrupted=False)


def test_where_nobody_lends_nobody_waits(real: Real, tmp_path: Path) -> None:
    """A folder in which nobody ever lent, and one whose lender has closed, have nothing, not even an old answer."""
    world = World(OPTIONS)
    world.lend(tmp_path / "lent")
    borrowed = Borrowed(tmp_path / "lent", OPTIONS)
    borrowed.engine()
    borrowed.close(interrupted=False)
    world.close(interrupted=False)
    for folder in (tmp_path / "lent", tmp_path / "never"):
        borrowed = Borrowed(folder, OPTIONS)
        with pytest.raises(errors.ClusterFailedError, match="lends nothing"):
            borrowed.engine()
        borrowed.close(interrupted=False)

    assert real.log == ["engine up", "engine down"]


def test_what_a_killed_run_left_is_no_answer(real: Real, tmp_path: Path) -> None:
    """Who lends begins anew: requests and answers of before are gone."""
    (tmp_path / "wanted-cluster").touch()
    (tmp_path / "engine.json").write_text('{"value": "of before"}')
    world = World(OPTIONS)
    world.lend(tmp_path)
    borrowed = Borrowed(tmp_path, OPTIONS)
    assert borrowed.engine().version == "28"
    borrowed.close(interrupted=False)
    world.close(interrupted=False)

    assert real.log == ["engine up", "engine down"]


def test_who_borrows_learns_that_another_run_uses_the_cluster(lent: tuple[World, Path], real: Real) -> None:
    """Nobody waits for a cluster that cannot be had, and none is made."""
    borrowed = Borrowed(lent[1], OPTIONS)
    with provisioning.reserved(OPTIONS), pytest.raises(errors.BusyError, match="the cluster mine"):
        borrowed.cluster()
    borrowed.close(interrupted=False)

    assert "cluster up" not in real.log


def test_images_are_brought_broken_while_a_control_breaks_the_product(
    real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and afterwards the cluster gets them as they are; a control that adds no layer leaves them whole."""
    brought: list[str] = []
    docker = real.folder / "engine" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\necho "$@" >> {real.folder}/built\n')
    docker.chmod(0o755)

    def provide(image: str, name: str = "") -> str:
        brought.append(f"{image} {name}".strip())
        return image

    nothing = cast("Any", None)
    there = Cluster(real.folder / "kubeconfig", "kind-mine", "mine", provide, nothing)
    monkeypatch.setattr(provisioning, "cluster_ready", lambda *_: nullcontext(there))
    world = World(OPTIONS)
    cluster = world.cluster()
    for control in (None, a_control(layer="RUN false"), a_control(values={"a": 1}), None):
        with nullcontext() if control is None else world.broken(control):
            assert world.is_broken is (control is not None)
            cluster.provide("queue:dev", "queue:1")
    world.close(interrupted=False)

    broken = f"queue:dev-c-{cache.digest('RUN false')}"
    assert brought == ["queue:dev queue:1", f"{broken} queue:1", "queue:dev queue:1", "queue:dev queue:1"]
    (built,) = (real.folder / "built").read_text().splitlines()
    assert f"--tag {broken} " in built


def a_control(**parts: object) -> Control:
    """Return a control with these parts."""
    return Control.model_validate({"name": "c", "sentence": "It is broken.", "turns_red": ["AC1"], **parts})


def test_an_interrupted_run_ends_what_is_under_way_before_it_takes_away(
    real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that would run for a while yet is not waited for."""
    monkeypatch.setattr(processes, "_cancelled", Event())
    runs = Event()

    def work() -> int:
        process = processes.start(["sleep", "20"])
        runs.set()
        return process.wait()

    world = World(OPTIONS)
    world.engine()
    under_way = world.background(work)
    assert runs.wait(LONG_ENOUGH.seconds)
    world.close(interrupted=True)

    assert under_way.result() == -signal.SIGTERM
    assert real.log == ["engine up", "engine down"]


def test_the_cluster_of_others_is_lent_too(
    lent: tuple[World, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reached by the file that the lender wrote, in the same namespace; every process pushes images."""
    pushed: list[tuple[str, str]] = []

    def push(_engine: Engine, image: str, registry: str) -> Any:  # noqa: ANN401 - `images.Provided`
        pushed.append((image, registry))
        return images.Provided("registry.example/queue:1", ("sha256:m",))

    monkeypatch.setattr(images, "push", push)
    borrowed = Borrowed(lent[1], Options(kube_context="theirs", registry="registry.example"))
    found = borrowed.cluster()

    assert (found.context, found.kubeconfig, found.ours) == ("theirs", tmp_path / "kubeconfig", False)
    assert found.namespace == "its-own"
    assert found.provide("queue:1") == "registry.example/queue:1"
    assert pushed == [("queue:1", "registry.example")]
    borrowed.close(interrupted=False)
