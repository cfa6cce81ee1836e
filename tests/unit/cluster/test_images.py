from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from workstream import errors
from workstream.cluster import images
from workstream.cluster.engine import Engine
from workstream.cluster.images import Images, Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ID = "sha256:51a7a1796f56f57a38052fc128c365f14a42348eccf63a03f05a47593017ce45"
CONTENT = "51a7a1796f56"
NAME = f"registry.example/team/queue:dev-{CONTENT}"


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("queue:dev", f"queue:dev-{CONTENT}"),
        ("queue", f"queue:latest-{CONTENT}"),
        ("registry.example:5000/team/queue", f"registry.example:5000/team/queue:latest-{CONTENT}"),
        (f"queue:dev-{CONTENT}", f"queue:dev-{CONTENT}"),
        (f"queue:dev@{ID}", f"queue:dev-{CONTENT}"),
        (f"queue:{'x' * 128}", f"queue:{'x' * 115}-{CONTENT}"),
    ],
)
def test_a_name_carries_the_content_once(image: str, name: str) -> None:
    """The tag ends with the image's id, and is none that a registry refuses."""
    assert images.name_with_content(image, ID) == name


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("queue", "hub.example/library/queue:latest"),
        ("team/queue:dev", "hub.example/team/queue:dev"),
        ("registry.example/queue:dev", "registry.example/queue:dev"),
        ("registry:5000/queue", "registry:5000/queue:latest"),
        ("localhost/queue:dev", "localhost/queue:dev"),
        (f"team/queue@{ID}", f"hub.example/team/queue@{ID}"),
    ],
)
def test_a_full_name_is_what_nodes_list(name: str, full: str) -> None:
    """What people leave out of a name, nodes do not: it is found among theirs, also before their host is known."""
    other = ["other.example/queue:latest", "other.example/more/team/queue:dev", "localhost/other"]

    assert images.full_name(name, "hub.example") == full
    assert images.listed_as(name, [*other, full], "hub.example") == full
    assert images.listed_as(name, [*other, full]) == full
    assert images.listed_as(name, other) == ""


def test_an_image_is_pushed_under_a_name_that_carries_its_content(
    pretend: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Nodes keep what they once pulled under a name. Of the digests those of that registry are remembered."""
    known = '["registry.example:5000/team/queue@sha256:m", "other.example/queue@sha256:o"]'
    docker = pretend(
        "docker",
        f'echo "$@" >> {tmp_path}/calls; case "$*" in *RepoDigests*) echo \'{known}\';; *inspect*) echo {ID};; esac',
    )
    engine = Engine(str(docker), "28", private=False)
    name = f"registry.example:5000/team/queue:dev-{CONTENT}"

    assert images.push(engine, "w/queue:dev", "registry.example:5000/team/") == images.Provided(name, ("sha256:m", ID))
    assert f"push {name}" in (tmp_path / "calls").read_text().splitlines()


@pytest.mark.parametrize("there", [True, False])
def test_a_name_that_an_image_had_only_to_be_pushed_is_gone_afterwards(
    pretend: Callable[[str, str], Path],
    tmp_path: Path,
    there: bool,  # noqa: FBT001 - a table
) -> None:
    """Also if it could not be pushed; one that was there before stays."""
    script = f'echo "$@" >> {tmp_path}/calls; case "$*" in *inspect*" {NAME}") {str(there).lower()} ;;'
    docker = pretend("docker", f"{script} push*) exit 1 ;; *inspect*) echo {ID} ;; esac")
    with pytest.raises(errors.ProgramFailedError):
        images.push(Engine(str(docker), "28", private=False), "queue:dev", "registry.example/team")

    *_, last = (tmp_path / "calls").read_text().splitlines()
    assert last == (f"push {NAME}" if there else f"image rm {NAME}")


def pod(*, phase: str = "Running", deleted: bool = False, **runs: tuple[str, str]) -> Any:  # noqa: ANN401 - untyped
    """Return a pod of containers, by name: the image's name, and what the node says; `init` is an init container."""
    specs = {name: SimpleNamespace(name=name, image=image) for name, (image, _) in runs.items()}
    statuses = {name: SimpleNamespace(name=name, image_id=found) for name, (_, found) in runs.items()}
    first = [name for name in runs if name == "init"]
    rest = [name for name in runs if name != "init"]
    return SimpleNamespace(
        metadata=SimpleNamespace(name="p", namespace="n", deletion_timestamp="now" if deleted else None),
        spec=SimpleNamespace(init_containers=[specs[one] for one in first], containers=[specs[one] for one in rest]),
        status=SimpleNamespace(
            phase=phase,
            init_container_statuses=[statuses[one] for one in first] or None,
            container_statuses=[statuses[one] for one in rest],
        ),
    )


@pytest.mark.parametrize(
    ("told", "digest"),
    [
        ("hub.example/library/import-2026-11-26@sha256:m", "sha256:m"),
        ("registry.example/queue@sha256:m", "sha256:m"),
        ("sha256:c", "sha256:c"),
        ("docker-pullable://queue@sha256:m", "sha256:m"),
        ("docker://sha256:c", "sha256:c"),
    ],
    ids=["loaded", "pulled", "without a manifest's digest", "pulled by Docker", "built by Docker"],
)
def test_what_runs_is_read_from_what_the_node_says(told: str, digest: str) -> None:
    """However the image came to the node, the digest is found; init containers count."""
    found = list(images.running([pod(init=("first:1", told), main=("queue:dev", told))]))

    assert found == [Run("n", "p", "init", "first:1", digest), Run("n", "p", "main", "queue:dev", digest)]


@pytest.mark.parametrize(
    "idle",
    [
        pod(deleted=True, main=("queue:dev", "sha256:c")),
        pod(phase="Succeeded", main=("queue:dev", "sha256:c")),
        pod(phase="Failed", main=("queue:dev", "sha256:c")),
        pod(phase="Pending", main=("queue:dev", "")),
    ],
    ids=["being deleted", "succeeded", "failed", "not started"],
)
def test_what_does_not_run_is_no_part_of_the_product(idle: Any) -> None:  # noqa: ANN401 - untyped
    """A pod that ended or goes, and a container that was not started yet, run nothing."""
    assert list(images.running([idle])) == []


def run(digest: str, image: str = "queue:dev") -> Run:
    """Return what a container runs."""
    return Run("n", "p", "main", image, digest)


@pytest.mark.parametrize("found", ["sha256:m", "sha256:c"], ids=["manifest", "configuration"])
def test_what_was_brought_may_run_by_whatever_digest_it_is_known(found: str) -> None:
    """Nodes tell either digest."""
    known = Images()
    known.bring("queue:dev", ["sha256:m", "sha256:c"])

    images.require_brought(known, [run(found), run("sha256:other", "other:1")])


def test_another_content_under_a_name_that_was_brought_is_an_error() -> None:
    """The error names pod, image and both digests, and says what to do. What was brought last, counts."""
    known = Images()
    known.host = "hub.example"
    known.bring("queue:dev", ["sha256:before"])
    known.bring("hub.example/library/queue:dev", ["sha256:m", "sha256:c"])
    with pytest.raises(errors.ChartError) as caught:
        images.require_brought(known, [run("sha256:m"), run("sha256:before")])

    assert all(part in caught.value.what for part in ("pod p", "container main", "queue:dev", "sha256:m or sha256:c"))
    assert caught.value.what.endswith("sha256:before")
    assert "Cluster.provide" in caught.value.instead
    assert "kubectl --namespace n delete pod p" in caught.value.instead


def test_what_was_brought_last_under_a_name_counts() -> None:
    """However the name is written, and although it was brought under the same spelling before."""
    known = Images(host="hub.example")
    for name, digest in (("queue:1", "sha256:a"), ("library/queue:1", "sha256:b"), ("queue:1", "sha256:c")):
        known.bring(name, [digest])
        assert known.expected("hub.example/library/queue:1") == (digest,)

    assert known.expected("queue:2") == ()


def test_what_runs_is_told_by_name() -> None:
    """One digest for each name, or all of them where nodes have different ones."""
    runs = [run("sha256:b", "b:1"), run("sha256:2", "a:1"), run("sha256:1", "a:1"), run("sha256:b", "b:1")]

    assert images.digests_by_name(runs) == {"a:1": ["sha256:1", "sha256:2"], "b:1": "sha256:b"}


def test_what_is_new_is_new_once() -> None:
    """The same value under another name, or another under the same name, is new."""
    known = Images()

    assert [known.is_new(*asked) for asked in (("a", {"x": 1}), ("a", {"x": 1}), ("a", {"x": 2}), ("b", {"x": 1}))] == [
        True,
        False,
        True,
        True,
    ]
