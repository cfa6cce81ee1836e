"""The images that a machine without a container registry lacks: Debian's base image and kind's node image.

Each is taken from the engine or its registry if it can be had there, else built: the base image from the
Debian mirror, the node image from `resources/node`. What was built stays in the engine, under the hash of what
it was built from.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workstream import errors, files, limits, processes
from workstream.cluster import cache, debian, images, programs
from workstream.cluster.versions import pinned, recipes
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from workstream.cluster.engine import Engine

# The stages of resources/node/Dockerfile that become the image of the same name; any other image is Kubernetes itself.
_STAGES = ("etcd", "coredns", "pause", "local-path-provisioner", "pod-network")
_ADVICE_ENDS = "https://docs.docker.com/go/buildx/"  # of what the client says where it has no plugin for builds
_ENTRYPOINT = 'ENTRYPOINT ["/usr/local/sbin/node-entrypoint"]'


def base_image(engine: Engine) -> str:
    """Return the name of the base image of every Dockerfile, after making sure that it is there.

    Raises:
        errors.BuildError: it can be neither pulled nor bootstrapped.

    """
    name = str(pinned()["base"]["image"])
    with cache.lock("base-image"):
        if engine.has_image(name):
            say("images", f"{name} is there")
            engine.use_image(name)
        elif not engine.pull(name):
            _bootstrap(engine, name)
    return name


def _bootstrap(engine: Engine, name: str) -> None:
    """Make the base image from Debian packages, under the name that the registry has for it."""
    unavailable = debian.unavailable() or ("" if os.geteuid() == 0 else "that needs root")
    if unavailable:
        raise errors.BuildError(
            f"{name} can be neither pulled nor bootstrapped from Debian packages: {unavailable}.",
            instead="Give the engine access to a registry, or bring the image there with `docker load`.",
        )
    cache.require_space(limits.BASE_IMAGE_BYTES, name)
    pins = pinned()["base"]
    with (
        files.temporary("bootstrap", cache.folder()) as folder,
        step("images", f"bootstrapping {name}"),
    ):
        tool = folder / "mmdebstrap"
        debian.PrivateApt(folder / "apt", pins["suite"]).unpack(pins["bootstrap-packages"], tool)
        archive = folder / "root.tar"
        sources = debian.archive().sources(pins["suite"]).splitlines()
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")]
        options = ["--mode=root", "--variant=minbase", "--quiet", *excluded]
        programs_of_its_own = str(tool / "usr/bin")
        environment = {"TMPDIR": str(folder), "PATH": os.pathsep.join([programs_of_its_own, os.environ["PATH"]])}
        mmdebstrap: list[str | Path] = ["perl", tool / "usr/bin/mmdebstrap"]
        try:
            processes.run(
                [*mmdebstrap, *options, pins["suite"], archive, *sources],
                limit=limits.BOOTSTRAP,
                environment=environment,
            )
        except errors.ProgramFailedError as error:
            raise errors.BuildError(
                f"{name} could not be bootstrapped from Debian packages.\n{processes.tail(error.stderr)}",
                instead=error.instead or f"Check this machine's apt sources, or set {debian.MIRROR_VARIABLE}.",
            ) from error
        engine.run("import", "--change", 'CMD ["bash"]', archive, name, limit=limits.IMAGE_BUILD)


def available(engine: Engine) -> str:
    """Return the name of a node image that need not be built; empty if none is to be had."""
    published = str(pinned()["node"]["image"])
    for name in (published, _our_name()):
        if engine.has_image(name):
            say("images", f"{name.partition('@')[0]} is there")
            engine.use_image(name)
            return name
    return published if engine.pull(published) else ""


def require_buildable() -> None:
    """Raise errors.BuildError off Linux: what goes into a node image is compiled for the machine that compiles it."""
    if sys.platform != "linux":
        published = pinned()["node"]["image"].partition("@")[0]
        raise errors.BuildError(
            f"{published} cannot be pulled, and a node image of our own is built on Linux only.",
            instead="Give the engine access to a registry, or bring the image there with `docker load`.",
        )


def _our_name() -> str:
    return f"workstream/node:{cache.digest(recipes() / 'node', programs.key())}"


def build_node_image(engine: Engine) -> str:
    """Build kind's node image from its recipe and return its name.

    Raises:
        errors.BuildError: it cannot be built.

    """
    name = _our_name()
    with cache.lock("node-image"):
        if not engine.has_image(name):  # another run may have built it while this one waited
            say("images", "no registry has a node image for us: building one")
            _build_node(engine, name)
    return name


def _build_node(engine: Engine, name: str) -> None:
    compiled = programs.built(programs.NODE_PROGRAMS)
    cache.require_space(limits.NODE_IMAGE_BYTES, name)
    base = base_image(engine)
    with _context(compiled) as context:
        # With our id: on an engine of several cache folders two may build at once, and each removes its own.
        ours = cache.home_id()
        stages = {stage: f"{name}-{stage}-{ours}" for stage in ("kubernetes", *_STAGES, "node")}
        for stage, tag in stages.items():
            with step("images", f"building {stage} of the node image"):
                build(engine, context, tag, target=stage, arguments={"BASE": base})
        with step("images", "putting the control plane's images into the node image"):
            _preload(engine, stages, name, context)


@contextmanager
def _context(compiled: Mapping[str, Path]) -> Iterator[Path]:
    """Yield a build context: the recipe, and the compiled programs in programs/."""
    with files.temporary("context", cache.folder()) as work:
        context = work / "node"
        shutil.copytree(recipes() / "node", context)
        (context / "programs").mkdir()
        for program, path in compiled.items():
            os.link(path, context / "programs" / program)
        yield context


def build(
    engine: Engine, context: Path, tag: str, *, target: str = "", arguments: Mapping[str, str] | None = None
) -> None:
    """Run `docker build`; an image of that name that another run brings meanwhile will do.

    Args:
        engine: where.
        context: the build context, with a Dockerfile.
        tag: the name of the image, which says what is in it.
        target: the stage to stop at; the last one if empty.
        arguments: build arguments.

    Raises:
        errors.BuildError: the build fails; the message has what it said last, and how to repeat it.

    """
    options: list[str] = [*engine.build_options, "--tag", tag]
    for key, value in (arguments or {}).items():
        options += ["--build-arg", f"{key}={value}"]
    if target:
        options += ["--target", target]
    try:
        engine.run("build", *options, context, limit=limits.IMAGE_BUILD)
    except errors.ProgramFailedError as error:
        output = "\n".join(part.strip() for part in (error.stdout, _without_advice(error.stderr)) if part.strip())
        # The containerd image store refuses the second of two builds that end at once, and keeps the first one's image.
        if f'{tag}": already exists' in output and engine.has_image(tag):
            say("images", f"{tag} was built by another run at the same time: that image is used")
            return
        raise errors.BuildError(
            f"The image {tag} could not be built. The build said last:\n{processes.tail(output)}",
            instead=error.instead or "The last lines name the step of the Dockerfile that failed.",
            more=_as_typed(engine, error.more),
        ) from error


def _without_advice(complaints: str) -> str:
    """Leave out how the client begins where it has no plugin for builds, as that of the private engine."""
    return complaints.partition(_ADVICE_ENDS)[2] if complaints.startswith("DEPRECATED: ") else complaints


def _as_typed(engine: Engine, command: str) -> str:
    """Return a command as one would type it to have it done by this engine."""
    variables = [f"{name}={value}" for name, value in engine.environment.variables.items() if value]
    return " ".join([*map(shlex.quote, variables), command])


def _preload(engine: Engine, stages: Mapping[str, str], name: str, work: Path) -> None:
    """Import the images into the node's own containerd, so that no node has to pull them.

    They get their names only there: in an engine of others these may stand for something else.
    """
    node = stages["node"]
    wanted = engine.run(
        "run", "--rm", "--network", "none", "--entrypoint", "cat", node, "/kind/images.txt"
    ).stdout.split()
    named = _named(stages, wanted)
    archive = work / "images.tar"
    engine.run("save", "--output", archive, *dict.fromkeys(named.values()), limit=limits.IMAGE_BUILD)
    try:
        with containerd_of(engine, node) as helper:
            listed = imported(engine, helper, archive)
            for image, built in named.items():
                there = images.listed_as(built, listed)
                _ctr(engine, helper, "tag", there, images.full_name(image, there.partition("/")[0]))
            _ctr(engine, helper, "remove", *listed)
            committed(engine, helper, name, [_ENTRYPOINT])
    finally:
        engine.run("image", "rm", "--force", *stages.values())


@contextmanager
def containerd_of(engine: Engine, node: str) -> Iterator[str]:
    """Yield a container of a node image in which nothing but its containerd runs; remove it in the end.

    Only one of ours may be there at a time: what a killed run left is removed before. It is found by its name: a label
    would be one of the image that is made of it, and then of every node that is made of that.
    """
    name = f"workstream-node-image-{cache.home_id()}"
    engine.remove_containers(f"name=^{name}$")
    # By --volume it would be a volume of the image, too, and of every node.
    alone = ["--privileged", "--network", "none", "--mount", "type=volume,target=/work"]
    program = (recipes() / "node" / "unpack-images.sh").read_text(encoding="utf-8")
    entry = ["--entrypoint", "sh", node, "-c", program]
    helper = engine.run("run", "--detach", "--name", name, *alone, *entry).stdout.strip()
    try:
        yield helper
    finally:
        engine.run("rm", "--force", "--volumes", helper)


def imported(engine: Engine, helper: str, archive: Path) -> list[str]:
    """Let such a container have the images of an archive; return the names of all that it has then."""
    engine.run("cp", archive, f"{helper}:/images.tar", limit=limits.IMAGE_BUILD)
    _ctr(engine, helper, "import", "--no-unpack", "/images.tar")
    engine.run("exec", helper, "rm", "/images.tar")
    return _ctr(engine, helper, "list", "--quiet").split()


def committed(engine: Engine, helper: str, name: str, changes: Sequence[str]) -> None:
    """Make an image of such a container, which ends with that; what images it has are in it unpacked.

    Args:
        engine: where.
        helper: the container.
        name: the image's name.
        changes: what it says of itself, as instructions of a Dockerfile.

    """
    engine.run("exec", helper, "pkill", "-TERM", "-x", "containerd")
    code = engine.run("wait", helper, limit=limits.IMAGE_BUILD).stdout.strip()
    said = processes.tail(engine.run("logs", helper).stderr.strip())
    if code != "0":
        raise errors.BuildError(
            f"{name} could not be made: its images could not be put where nodes look for them.\n{said}",
            instead="The last lines say what failed; the usual reason is a full disk.",
        )
    if said:
        say(
            "images",
            f"not all that {name} holds is unpacked, and every node will do that: {said.splitlines()[-1].strip()}",
        )
    options = [part for change in changes for part in ("--change", change)]
    engine.run("commit", *options, helper, name, limit=limits.IMAGE_BUILD)


def _ctr(engine: Engine, helper: str, *arguments: str) -> str:
    ctr = ["exec", helper, "ctr", "--namespace", "k8s.io", "--connect-timeout", "30s", "images"]
    return engine.run(*ctr, *arguments, limit=limits.IMAGE_BUILD).stdout


def _named(stages: Mapping[str, str], wanted: Sequence[str]) -> dict[str, str]:
    """Return which of the built images each of the names is to stand for that kubeadm and the manifests ask for."""
    named = {}
    for image in wanted:
        component = image.rpartition("/")[2].partition(":")[0]
        named[image] = stages[component if component in _STAGES else "kubernetes"]
    return named
