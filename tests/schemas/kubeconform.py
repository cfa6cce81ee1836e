"""kubeconform and Kubernetes' own schemas, made from their pinned Go modules and kept in the cache."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.schemas import openapi

from workstream import errors, limits, processes
from workstream.cluster import cache as kept
from workstream.cluster import programs
from workstream.cluster.versions import pinned, recipes
from workstream.progress import step

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
PACKAGE = "github.com/yannh/kubeconform/cmd/kubeconform"
KUBERNETES = "k8s.io/kubernetes"
VALID = "statusValid"
_INVALID = 1  # kubeconform's exit code where it finds something


def versions() -> dict[str, str]:
    """Return the digest of Kubernetes' Go module for each version to check for, that of our own cluster first."""
    ours = pinned()["node"]["kubernetes"]
    locked = [line.split() for line in (recipes() / "node" / "go.sum").read_text(encoding="utf-8").splitlines()]
    (digest,) = [digest for module, version, digest in locked if (module, version) == (KUBERNETES, ours)]
    others: dict[str, str] = tomllib.loads((HERE / "versions.toml").read_text(encoding="utf-8"))["kubernetes"]
    return {ours: digest} | others


@cache
def program() -> Path:
    """Return kubeconform, from the cache or compiled.

    Raises:
        errors.InputError: its module cannot be fetched as pinned, or does not compile.

    """

    def build(target: Path) -> None:
        with step("tools", "compiling kubeconform"):
            options = ["-trimpath", "-buildvcs=false", "-o", f"{target}/"]
            _go(["build", *options, PACKAGE], target / "work", HERE, limits.COMPILE)
            kept.remove(target / "work")

    key = kept.digest(HERE / "go.mod", HERE / "go.sum")
    return kept.entry("kubeconform", key, build, needs_bytes=limits.INPUT_BYTES) / "kubeconform"


@cache
def schemas(version: str) -> Path:
    """Return the folder of a version's schemas, from the cache or made from what Kubernetes says of itself.

    Raises:
        errors.InputError: Kubernetes' module cannot be fetched, or is not what was pinned.

    """
    digest = versions()[version]

    def make(target: Path) -> None:
        with step("inputs", f"fetching Kubernetes {version}, and making schemas of its API"):
            work = target / "work"
            work.mkdir()
            module = _fetched(version, digest, work)
            api = json.loads((module / "api" / "openapi-spec" / "swagger.json").read_bytes())
            for name, schema in openapi.schemas(api):
                (target / name).write_text(json.dumps(schema, separators=(",", ":")), encoding="utf-8")
            kept.remove(work)

    key = kept.digest(version, digest, Path(openapi.__file__))
    return kept.entry("kubernetes-schemas", key, make, needs_bytes=limits.INPUT_BYTES)


def check(version: str, manifests: str) -> list[dict[str, str]]:
    """Return what kubeconform says of each object of a YAML stream.

    Args:
        version: of Kubernetes, one of `versions`.
        manifests: the YAML.

    Returns:
        In any order, for each object `kind`, `name`, `version` (of the API), `status` (`VALID` or another) and `msg`.

    """
    place = f"{schemas(version)}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    options = ["-strict", "-verbose", "-output", "json", "-kubernetes-version", version.removeprefix("v")]
    ended = processes.run(
        [program(), *options, "-schema-location", place, "-"],
        limit=limits.QUICK_COMMAND,
        stdin=manifests.encode(),
        accept=(0, _INVALID),
    )
    found: list[dict[str, str]] = json.loads(ended.stdout)["resources"]
    return found


def _fetched(version: str, digest: str, work: Path) -> Path:
    """Return the unpacked module of a Kubernetes.

    Raises:
        errors.InputError: it cannot be fetched, or is not what was pinned.

    """
    answer = _go(["mod", "download", "-json", f"{KUBERNETES}@{version}"], work, work, limits.DOWNLOAD)
    fetched = json.loads(answer)
    if fetched["Sum"] != digest:
        raise errors.InputError(
            f"{KUBERNETES} {version} is not what was pinned: expected {digest}, got {fetched['Sum']}.",
            instead="Do not work around it: whoever gave the module gave something else than what was tested.",
        )
    return Path(fetched["Dir"])


def _go(arguments: Sequence[str], work: Path, folder: Path, limit: limits.Limit) -> str:
    """Run Go in a folder, with all that it fetches and compiles in another, and return what it printed."""
    try:
        return processes.run(
            [programs.go_toolchain().path, *arguments],
            limit=limit,
            environment=programs.go_environment(work),
            folder=folder,
        ).stdout
    except errors.ProgramFailedError as error:
        raise errors.InputError(
            f"go {arguments[0]}: {processes.tail(error.stderr or error.stdout)}",
            instead=error.instead or "Check that the Go module proxy can be reached (go env GOPROXY).",
        ) from error
