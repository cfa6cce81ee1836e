from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import errors
from workstream.cluster import access
from workstream.cluster.images import Provided

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# What it is asked for stands behind one another in a file; only the context `testing` is known.
KUBECTL = """
echo "$@ KUBECONFIG=$KUBECONFIG" >> LOG
case "$*" in
    "--context testing config view "*) echo "current-context: testing" ;;
    *" config view "*) echo 'error: context "elsewhere" does not exist' >&2; exit 1 ;;
esac
"""


@pytest.fixture
def existing(
    pretend: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., access.Cluster]:
    """Give a way to use a cluster of the user's kubeconfig file; pushing an image only names it."""
    monkeypatch.setenv("KUBECONFIG", "the users")
    pretend("kubectl", KUBECTL.replace("LOG", str(tmp_path / "log")))
    (tmp_path / "ours").mkdir()

    def push(image: str, registry: str) -> Provided:
        return Provided(f"{registry}{image}-51a7", ("sha256:m",))

    def use(context: str, registry: str = "") -> access.Cluster:
        return access.existing(access.External(context, registry, tmp_path / "ours" / "kubeconfig", push))

    return use


def test_a_cluster_of_others_is_reached_by_a_file_that_knows_no_other(
    existing: Callable[..., access.Cluster], tmp_path: Path
) -> None:
    """A completion command that names no context acts on it too, in the namespace default."""
    found = existing("testing")
    asked, *configured = (tmp_path / "log").read_text().splitlines()

    assert asked == "--context testing config view --minify --flatten --raw KUBECONFIG=the users"
    assert configured[0].startswith("--context testing config set-context testing --namespace default ")
    assert all(line.endswith(f"KUBECONFIG={found.kubeconfig}") for line in configured)
    assert found.kubeconfig.read_text() == "current-context: testing\n"
    assert found.environment["KUBECONFIG"] == str(found.kubeconfig)
    assert not found.ours


@pytest.mark.parametrize("name", ["", "queue:1"])
def test_its_nodes_pull_an_image_from_the_registry_whatever_name_it_is_to_have(
    existing: Callable[..., access.Cluster], name: str
) -> None:
    """Pods use the name that it was pushed under, and what was pushed is remembered."""
    cluster = existing("testing", "registry.example/")

    assert cluster.provide("queue:dev", name) == "registry.example/queue:dev-51a7"
    assert cluster.images.brought == {"registry.example/queue:dev-51a7": ("sha256:m",)}


def test_without_a_registry_it_cannot_have_the_image(existing: Callable[..., access.Cluster]) -> None:
    """The error says which option is missing."""
    with pytest.raises(errors.UsageError, match="testing") as caught:
        existing("testing").provide("w/spark:3.5.7-0a", "w/spark:3.5.7")

    assert "--workstream-registry" in caught.value.instead


def test_a_context_that_there_is_not_is_named(existing: Callable[..., access.Cluster]) -> None:
    """The error has kubectl's words, and says where to look."""
    with pytest.raises(errors.ClusterFailedError, match='context "elsewhere" does not exist') as caught:
        existing("elsewhere")

    assert "get-contexts" in caught.value.instead
