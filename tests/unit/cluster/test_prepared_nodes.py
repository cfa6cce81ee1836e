"""Node images that hold what a run before loaded."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from workstream import processes
from workstream.cluster import cache, engine, prepared_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from threading import Event

SECONDS = 30  # far more than anything here takes

pytestmark = pytest.mark.usefixtures("enough_room")

# An engine: STATE/prepared has the images that were made of a node image, the newest first, with what their label says.
DOCKER = """
echo "$@" >> STATE/calls
for last; do :; done
of() { while read -r name base; do [ "$name" = "$1" ] && echo "$base"; done < STATE/prepared; true; }
case "$*" in
    "image inspect"*Labels*) of "$last" ;;
    "image inspect"*json*) echo '{"Entrypoint": ["/entry", "/sbin/init"], "Cmd": null}' ;;
    "image inspect"*) cat "STATE/id-of-$last" 2>/dev/null || echo "sha256:of-$last" ;;
    "image ls"*) while read -r name _; do echo "$name"; done < STATE/prepared ;;
    "image rm"*)
        [ "$last" = "$(cat STATE/used 2>/dev/null)" ] && exit 1
        grep -v "^$last " STATE/prepared > STATE/rest
        mv STATE/rest STATE/prepared ;;
    "run --detach"*) echo helper > STATE/helper; cat STATE/helper ;;
    save*) : > "$3" ;;
    cp*) [ -e "$2" ] ;;
    wait*) echo 0 ;;
    exec*import*) [ ! -e STATE/full ] || { echo "ctr: no space left" >&2; exit 1; } ;;
    commit*)
        { echo "$last node:1 sha256:of-node:1"; cat STATE/prepared; } > STATE/rest
        mv STATE/rest STATE/prepared ;;
    "rm --force"*) rm STATE/helper ;;
esac
"""


@dataclass(frozen=True)
class Docker:
    """An engine that has the node image `node:1`.

    Attributes:
        engine: the engine.
        state: the folder of its state.

    """

    engine: engine.Engine
    state: Path

    def calls(self, beginning: str) -> list[str]:
        """Return the calls of its client that begin like this."""
        return [line for line in (self.state / "calls").read_text().splitlines() if line.startswith(beginning)]

    @property
    def prepared(self) -> list[str]:
        """The names of the images that were made, the newest first."""
        return [line.split()[0] for line in (self.state / "prepared").read_text().splitlines()]


@pytest.fixture
def docker(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_id: str
) -> Docker:
    """Give an engine on a machine that will have a next run."""
    del known_id
    monkeypatch.delenv("CI", raising=False)
    state = tmp_path / "engine"
    state.mkdir()
    for name in ("calls", "prepared"):
        (state / name).touch()
    client = pretend("docker", DOCKER.replace("STATE", str(state)))
    return Docker(engine.Engine(str(client), "28", private=False), state)


def test_the_next_run_has_nodes_that_hold_what_this_one_loaded(docker: Docker) -> None:
    """They start as the ones that they were made of, and whose they are is said by a label."""
    assert prepared_nodes.newest(docker.engine, "node:1") == "node:1"
    prepared_nodes.prepare(docker.engine, "node:1", ["queue:dev-1", "store:dev-1"])

    (made,) = docker.prepared
    assert prepared_nodes.newest(docker.engine, "node:1") == made
    (saved,) = docker.calls("save")
    assert saved.endswith("images.tar queue:dev-1 store:dev-1")
    (committed,) = docker.calls("commit")
    assert '--change ENTRYPOINT ["/entry", "/sbin/init"] helper' in committed
    assert '--change LABEL workstream.node-made-of="node:1 sha256:of-node:1"' in committed
    assert f'--change LABEL workstream.home="{cache.home_id()}"' in committed
    assert not (docker.state / "helper").exists()
    assert all(f"--filter label=workstream.home={cache.home_id()} " in call for call in docker.calls("image ls"))


def test_what_has_changed_takes_the_place_of_what_was_there(docker: Docker) -> None:
    """It is made of the node image itself, and not of the one that holds the old image."""
    prepared_nodes.prepare(docker.engine, "node:1", ["queue:dev-1"])
    (old,) = docker.prepared
    prepared_nodes.prepare(docker.engine, old, ["queue:dev-2"])

    (new,) = docker.prepared
    assert new != old
    assert ["--entrypoint sh node:1 -c " in call for call in docker.calls("run --detach")] == [True, True]


def test_an_old_one_stays_as_long_as_nodes_are_made_of_it(docker: Docker) -> None:
    """The engine does not remove it, and that is no error; the newest is the one that is used."""
    prepared_nodes.prepare(docker.engine, "node:1", ["queue:dev-1"])
    (old,) = docker.prepared
    (docker.state / "used").write_text(old)
    prepared_nodes.prepare(docker.engine, old, ["queue:dev-2"])

    assert docker.prepared[1:] == [old]
    assert prepared_nodes.newest(docker.engine, "node:1") == docker.prepared[0] != old


def test_the_same_is_made_once(docker: Docker) -> None:
    """A name says which content it holds."""
    for _ in range(2):
        prepared_nodes.prepare(docker.engine, "node:1", ["queue:dev-1"])
    assert len(docker.calls("commit")) == 1
    (docker.state / "id-of-queue:dev-1").write_text("sha256:another\n")
    prepared_nodes.prepare(docker.engine, "node:1", ["queue:dev-1"])

    assert len(docker.calls("commit")) == 2


@pytest.mark.parametrize("why", ["nothing was loaded", "there is no next run"])
def test_none_is_made_for_nothing(docker: Docker, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """Neither where the nodes had everything, nor on a machine that is thrown away."""
    if why == "there is no next run":
        monkeypatch.setenv("CI", "true")
    prepared_nodes.prepare(docker.engine, "node:1", [] if why == "nothing was loaded" else ["queue:dev-1"])

    assert docker.calls("") == []


def test_it_waits_for_whoever_makes_a_node_image(docker: Docker, heard: Callable[[str], Event]) -> None:
    """Both have a helper of one name, and each removes what it takes for left behind."""
    waits = heard("waiting for whoever is making node-image")
    making = Thread(target=prepared_nodes.prepare, args=(docker.engine, "node:1", ["queue:dev-1"]))
    with cache.lock("node-image"):
        making.start()
        assert waits.wait(SECONDS)
        assert docker.calls("run --detach") == []
    making.join(SECONDS)

    assert len(docker.prepared) == 1


def test_what_goes_wrong_is_told_and_costs_nothing(docker: Docker, caplog: pytest.LogCaptureFixture) -> None:
    """The run is over; what a run before made is still there, and no helper is."""
    prepared_nodes.prepare(docker.engine, "node:1", ["queue:dev-1"])
    before = docker.prepared
    caplog.set_level("INFO", logger="workstream")
    (docker.state / "full").touch()
    prepared_nodes.prepare(docker.engine, "node:1", ["queue:dev-2"])

    assert docker.prepared == before
    assert "no node image was made for the next run" in caplog.text
    assert not (docker.state / "helper").exists()


@pytest.fixture
def cancelled() -> Iterator[None]:
    """Let the run have been interrupted, and be cleaning up."""
    processes.cancel()
    with processes.cleaning_up():
        yield
    processes.resume()


@pytest.mark.usefixtures("cancelled")
def test_none_is_made_by_a_run_that_was_interrupted(docker: Docker) -> None:
    """Somebody wants it to end."""
    prepared_nodes.prepare(docker.engine, "node:1", ["queue:dev-1"])

    assert docker.calls("") == []
