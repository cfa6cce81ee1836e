from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from workstream import errors, limits, processes
from workstream.cluster import cache, engine, node_image, programs
from workstream.cluster.versions import pinned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cluster.conftest import DebianMachine

pytestmark = pytest.mark.usefixtures("enough_room")

# An engine that has the images of STATE/images, and can pull those of STATE/registry.
DOCKER = """
echo "$@" >> STATE/calls
has() { grep -qxF -- "$1" STATE/images; }
for last; do :; done
case "$1 $2" in
    "image inspect") has "$last" ;;
    "pull --quiet") grep -qxF -- "$3" STATE/registry && echo "$3" >> STATE/images ;;
    "image rm")
        shift 3
        for name in "$@"; do
            has "$name" || exit 1
            grep -vxF -- "$name" STATE/images > STATE/rest
            mv STATE/rest STATE/images
        done ;;
    import*) cat "$4" >> STATE/imported; echo "$last" >> STATE/images ;;
    build*)
        cat "$last"/programs/* "$last/Dockerfile" > /dev/null || exit 1
        ls "$last/programs" > STATE/programs
        while [ "$1" != --tag ]; do shift; done
        echo "$2" >> STATE/images ;;
    "run --rm") cat STATE/wanted ;;
    "run --detach") echo helper > STATE/helper; cat STATE/helper ;;
    "ps --all") cat STATE/helper 2>/dev/null || true ;;
    save*)
        : > "$3"
        shift 3
        for name in "$@"; do echo "hub.test/$name" >> STATE/saved; done ;;
    cp*) [ -e "$2" ] ;;
    exec*) . STATE/exec ;;
    wait*) cat STATE/ended ;;
    logs*) cat STATE/said >&2 ;;
    commit*) echo "$last" >> STATE/images ;;
    "rm --force") rm STATE/helper ;;
esac
"""
# The containerd of a node: it knows the images that were saved, each of a name with a host before it.
CONTAINERD = """
case "$*" in
    *"images list --quiet") cat STATE/saved ;;
    *"images tag "*)
        while [ "$1" != tag ]; do shift; done
        grep -qxF -- "$2" STATE/saved && echo "$2 $3" >> STATE/tags ;;
    *"images remove "*)
        while [ "$1" != remove ]; do shift; done
        shift
        echo "$@" > STATE/removed ;;
esac
"""
KUBERNETES = ("kube-apiserver:v1", "kube-proxy:v1")
OTHERS = ("etcd:3", "coredns/coredns:1", "pause:3")
OURS = ("ours/local-path-provisioner:0", "ours/pod-network:v1")  # of no registry
WANTED = [*(f"registry.test/{name}" for name in (*KUBERNETES, *OTHERS)), *OURS]
PUBLISHED = str(pinned()["node"]["image"])
BASE = str(pinned()["base"]["image"])


@dataclass(frozen=True)
class Engine:
    """What an engine has and was asked for.

    Attributes:
        engine: the engine.
        state: the folder of its state.

    """

    engine: engine.Engine
    state: Path

    def lines(self, name: str) -> list[str]:
        """Return the lines of a file of its state."""
        return (self.state / name).read_text().splitlines()

    def put(self, name: str, *lines: str) -> None:
        """Write a file of its state."""
        (self.state / name).write_text("".join(f"{line}\n" for line in lines))

    def calls(self, *beginnings: str) -> list[str]:
        """Return the calls of its client that begin like one of these."""
        return [line for line in self.lines("calls") if line.startswith(beginnings)]


@pytest.fixture
def docker(pretend: Callable[[str, str], Path], tmp_path: Path) -> Engine:
    """Give a private engine without images, which no registry has for it."""
    state = tmp_path / "engine"
    state.mkdir()
    client = pretend("docker", DOCKER.replace("STATE", str(state)))
    found = Engine(engine.Engine(str(client), "28", private=True), state)
    for name in ("images", "registry", "calls"):
        found.put(name)
    found.put("exec", CONTAINERD.replace("STATE", str(state)))
    found.put("wanted", *WANTED)
    found.put("ended", "0")
    found.put("said")
    return found


@pytest.fixture
def compiled(own_cache: Path) -> None:
    """Let the programs of the node image be in the cache."""
    home = own_cache / "programs" / programs.key()
    home.mkdir(parents=True)
    for name in programs.NODE_PROGRAMS:
        (home / name).touch()


def test_a_base_image_that_is_there_is_used(docker: Engine) -> None:
    """Nothing is fetched."""
    docker.put("images", BASE)

    assert node_image.base_image(docker.engine) == BASE
    assert docker.calls("pull", "import") == []


def test_a_base_image_that_the_registry_has_is_pulled(docker: Engine) -> None:
    """Nothing is made that can be had."""
    docker.put("registry", BASE)

    assert node_image.base_image(docker.engine) == BASE
    assert docker.lines("images") == [BASE]
    assert docker.calls("import") == []


# Makes what it is asked to make: the archive holds how it was asked.
MMDEBSTRAP = 'archive=$(echo "$@" | tr " " "\\n" | grep root.tar); echo "$@" "$PATH" > "$archive"'


def test_without_a_registry_the_base_image_is_made_of_debian_packages(
    docker: Engine, debian_machine: DebianMachine, pretend: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the name that the registry has for it: mmdebstrap of the archive makes it, from the pinned suite."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    debian_machine.has("mmdebstrap", "usr/bin/mmdebstrap")
    pretend("perl", MMDEBSTRAP)

    assert node_image.base_image(docker.engine) == BASE
    assert docker.lines("images") == [BASE]
    (made,) = docker.lines("imported")
    assert "/mmdebstrap/usr/bin/mmdebstrap --mode=root --variant=minbase " in made
    assert f" {pinned()['base']['suite']} " in made
    assert f"[signed-by={debian_machine.keyring}] http://mirror.test/debian " in made
    assert made.split()[-1].split(os.pathsep)[0].endswith("/mmdebstrap/usr/bin"), "on its PATH are programs of its own"


def test_a_base_image_that_cannot_be_made_is_told_with_the_last_words(
    docker: Engine, debian_machine: DebianMachine, pretend: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says where to look; there is no image of that name, and no rest in the cache."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    debian_machine.has("mmdebstrap")
    pretend("perl", "echo 'E: mount failed' >&2; exit 25")
    with pytest.raises(errors.BuildError, match="E: mount failed"):
        node_image.base_image(docker.engine)

    assert docker.lines("images") == []
    assert not any(path.name.startswith(".bootstrap") for path in (debian_machine.log.parent / "cache").iterdir())


def test_a_base_image_that_can_be_neither_pulled_nor_made_is_an_error(
    docker: Engine, debian_machine: DebianMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is missing for making it: first Debian's keys, then root."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(errors.BuildError, match="that needs root") as caught:
        node_image.base_image(docker.engine)
    debian_machine.keyring.unlink()
    with pytest.raises(errors.BuildError, match="debian-archive-keyring"):
        node_image.base_image(docker.engine)

    assert BASE in caught.value.what
    assert "docker load" in caught.value.instead


def test_a_node_image_that_is_there_or_can_be_pulled_is_not_built(docker: Engine) -> None:
    """The published one if the engine has it, else the one that was built once, else the published one is pulled."""
    assert node_image.available(docker.engine) == ""
    (built,) = {call.split()[-1] for call in docker.calls("image inspect")} - {PUBLISHED}
    docker.put("images", built)
    assert node_image.available(docker.engine) == built
    docker.put("images", built, PUBLISHED)
    assert node_image.available(docker.engine) == PUBLISHED


def test_a_published_node_image_is_pulled(docker: Engine) -> None:
    """Where the registry can be reached, its image is taken."""
    docker.put("registry", PUBLISHED)

    assert node_image.available(docker.engine) == PUBLISHED
    assert docker.lines("images") == [PUBLISHED]


@pytest.mark.usefixtures("compiled")
def test_a_node_image_holds_the_images_that_its_kubernetes_will_ask_for(docker: Engine) -> None:
    """Each is built and named as pods will ask for it; when all is done, the engine has the node image and its base."""
    docker.put("registry", BASE)
    name = node_image.build_node_image(docker.engine)

    assert docker.lines("images") == [BASE, name]
    assert docker.lines("programs") == sorted(programs.NODE_PROGRAMS)
    ours = cache.home_id()
    own = ("etcd", "coredns", "pause", "local-path-provisioner", "pod-network")
    stages = [f"{name}-{stage}-{ours}" for stage in ("kubernetes", "kubernetes", *own)]
    # A node looks for a name without a host under the host that its own names have.
    names = [f"hub.test/{wanted}" if wanted in OURS else wanted for wanted in WANTED]
    tags = [f"hub.test/{stage} {wanted}" for stage, wanted in zip(stages, names, strict=True)]
    assert docker.lines("tags") == tags
    assert docker.lines("removed") == [" ".join(f"hub.test/{stage}" for stage in stages[1:])]
    (saved,) = docker.calls("save")
    assert saved.endswith(f"images.tar {' '.join(stages[1:])}")
    assert all(f"--build-arg BASE={BASE} --target " in call for call in docker.calls("build"))
    assert not (docker.state / "helper").exists()


@pytest.mark.usefixtures("compiled")
def test_names_that_the_engine_has_for_other_images_are_left_alone(docker: Engine) -> None:
    """An engine of others may have the very images that a node asks for: the names are given in the node alone."""
    docker.put("registry", BASE)
    docker.put("images", *WANTED)
    name = node_image.build_node_image(docker.engine)

    assert docker.lines("images") == [*WANTED, BASE, name]
    assert docker.calls("tag") == []


@pytest.mark.usefixtures("compiled")
def test_the_helper_of_a_killed_run_is_removed_by_the_next(docker: Engine) -> None:
    """It is known by a name of ours, so that nobody else's container goes."""
    docker.put("registry", BASE)
    docker.put("helper", "left")
    node_image.build_node_image(docker.engine)

    (looked, _) = docker.calls("ps")
    assert looked.endswith(f"--filter name=^workstream-node-image-{cache.home_id()}$")
    assert docker.calls("rm")[0] == "rm --force --volumes left"


@pytest.mark.usefixtures("compiled")
def test_nothing_says_of_a_node_that_it_is_the_helper(docker: Engine) -> None:
    """Labels of a container go to an image that is made of it, and on to nodes, which the next helper would remove."""
    docker.put("registry", BASE)
    node_image.build_node_image(docker.engine)
    (started,) = docker.calls("run --detach")

    assert "--label" not in started
    assert "--volume" not in started, "that would be a volume of every node, too"


@pytest.mark.usefixtures("compiled")
def test_what_the_helper_does_when_its_containerd_has_ended_is_waited_for(docker: Engine) -> None:
    """It unpacks the images then, and puts them where nodes look for them."""
    docker.put("registry", BASE)
    node_image.build_node_image(docker.engine)
    lines = docker.lines("calls")  # of a script, each is one
    asked = ("exec helper pkill -TERM -x containerd", "wait helper", "commit ")

    numbers = [next(number for number, line in enumerate(lines) if line.strip().startswith(word)) for word in asked]
    assert numbers == sorted(numbers)


@pytest.mark.usefixtures("compiled")
def test_a_helper_that_could_not_put_images_in_their_place_makes_no_node_image(docker: Engine) -> None:
    """It ends with another code than 0, and its last words are told."""
    docker.put("registry", BASE)
    docker.put("ended", "1")
    docker.put("said", "cp: error writing: No space left on device")
    with pytest.raises(errors.BuildError, match="No space left on device"):
        node_image.build_node_image(docker.engine)

    assert docker.lines("images") == [BASE]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("said", ["", "ctr: failed to mount"])
def test_images_that_could_not_be_unpacked_are_told(
    docker: Engine, caplog: pytest.LogCaptureFixture, said: str
) -> None:
    """They are in the node image as they were packed, so that runs are only slower: nobody else would notice."""
    docker.put("registry", BASE)
    caplog.set_level("INFO")
    docker.put("said", said)
    node_image.build_node_image(docker.engine)

    assert ("not all that" in caplog.text) is bool(said)
    assert said in caplog.text


@pytest.mark.usefixtures("compiled")
def test_a_node_image_is_built_once(docker: Engine) -> None:
    """The second time it is there, under the hash of what it was built from."""
    docker.put("registry", BASE)
    first = node_image.build_node_image(docker.engine)
    docker.put("calls")

    assert node_image.build_node_image(docker.engine) == first == node_image.available(docker.engine)
    assert docker.calls("build") == []


@pytest.mark.usefixtures("compiled")
def test_a_node_image_into_which_nothing_can_be_put_leaves_nothing(docker: Engine) -> None:
    """Neither the helper that was to do it nor an image that could be taken for whole."""
    docker.put("registry", BASE)
    docker.put("exec", "echo 'ctr: no space left' >&2; exit 1")
    with pytest.raises(errors.ProgramFailedError, match="no space left"):
        node_image.build_node_image(docker.engine)

    assert docker.lines("images") == [BASE]
    assert not (docker.state / "helper").exists()


# Fails as Docker does without its plugin for builds.
FAILING_BUILD = """
[ "$1" = build ] || exit 0
echo 'DEPRECATED: The legacy builder is deprecated and will be removed in a future release.' >&2
echo '            Install the buildx component to build images with BuildKit:' >&2
echo '            https://docs.docker.com/go/buildx/' >&2
seq 20
echo 'Step 2/3 : RUN false'
echo "The command '/bin/sh -c false' returned a non-zero code: 1" >&2
exit 1
"""


@pytest.mark.parametrize("private", [True, False])
def test_an_image_that_cannot_be_built_is_told_with_the_last_words(
    pretend: Callable[[str, str], Path],
    tmp_path: Path,
    private: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The error has the step and the reason, and nothing else that Docker says; its exit code is that of a build."""
    client = pretend("docker", FAILING_BUILD)
    with pytest.raises(errors.BuildError) as caught:
        node_image.build(engine.Engine(str(client), "28", private=private), tmp_path, "queue:dev")

    first, *lines = caught.value.what.splitlines()
    assert "queue:dev" in first
    assert [line.strip() for line in lines] == [
        *map(str, range(8, 21)),
        "Step 2/3 : RUN false",
        "The command '/bin/sh -c false' returned a non-zero code: 1",
    ]
    assert caught.value.exit_code == 13
    assert ("--network host" in caught.value.more) is private


@pytest.mark.parametrize(("name", "there"), [("queue:dev", True), ("queue:dev", False), ("other:1", True)])
def test_an_image_that_another_run_built_at_the_same_time_is_used(
    pretend: Callable[[str, str], Path],
    tmp_path: Path,
    name: str,
    there: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The containerd image store refuses the second one. It is used only if it has this name, and is there."""
    refused = f'#14 ERROR: image "registry/{name}": already exists'
    script = f"""
    case "$1 $2" in
        build*) echo '{refused}' >&2; exit 1 ;;
        "image inspect") exit {0 if there else 1} ;;
    esac
    """
    found = engine.Engine(str(pretend("docker", script)), "28", private=False)
    if name == "queue:dev" and there:
        node_image.build(found, tmp_path, "queue:dev")
    else:
        with pytest.raises(errors.BuildError, match="already exists"):
            node_image.build(found, tmp_path, "queue:dev")


def test_a_build_that_failed_in_a_private_engine_is_told_with_what_reaches_that_engine(
    pretend: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """The command that the error names builds there again when it is typed, and not in the user's own engine."""
    client = pretend("docker", f'echo "$DOCKER_HOST $*" >> {tmp_path}/calls; exit 1')
    private = engine.Engine(str(client), "28", private=True, socket=tmp_path / "docker.sock")
    with pytest.raises(errors.BuildError) as caught:
        node_image.build(private, tmp_path, "queue:dev", arguments={"A": "b c"})
    processes.run(["sh", "-c", caught.value.more], limit=limits.QUERY, accept=[1])

    first, second = (tmp_path / "calls").read_text().splitlines()
    assert first == second
    assert first.startswith(f"unix://{tmp_path}/docker.sock build ")
