"""Settings of the user's shell do not lead the harness astray."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import limits, processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cluster.conftest import Kubernetes

    from workstream.cluster.access import Cluster

VERSION = (
    "buildDate",
    "compiler",
    "gitCommit",
    "gitTreeState",
    "gitVersion",
    "goVersion",
    "major",
    "minor",
    "platform",
)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_cluster_on_this_machine_is_not_reached_through_a_proxy(
    kubernetes: Kubernetes, reachable: Cluster, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The proxy of an office knows nothing of kind's API server; nothing has to be said of it with NO_PROXY."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "office.example")
    kubernetes.answers["/version/"] = dict.fromkeys(VERSION, "v1.34.4")
    reachable.kubeconfig.write_text(reachable.kubeconfig.read_text().replace("127.0.0.1", host))

    assert reachable.version == "v1.34.4"


def test_settings_of_the_user_do_not_lead_kubectl_and_helm_elsewhere(
    reachable: Cluster, pretend: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server, namespace or driver of helm, and defaults of kubectl's options, are not taken from the shell."""
    mine = {"HELM_KUBEAPISERVER": "https://other.example", "HELM_NAMESPACE": "team", "HELM_DRIVER": "memory"}
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    pretend("helm", 'echo "[$HELM_KUBEAPISERVER$HELM_NAMESPACE$HELM_DRIVER] $KUBERC"')

    assert processes.run(["helm"], limit=limits.QUERY, environment=reachable.environment).stdout == "[] off\n"
