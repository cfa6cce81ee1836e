"""Settings of the user's shell do not lead the harness astray."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

import pytest

from workstream import limits, processes
from workstream.cluster import access

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Api(BaseHTTPRequestHandler):
    """A cluster's API as far as its version."""

    def do_GET(self) -> None:
        """Answer."""
        told = json.dumps(dict.fromkeys(VERSION_FIELDS, "v1.34.4")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


VERSION_FIELDS = (
    "buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion", "goVersion", "major", "minor", "platform",
)  # fmt: skip
KUBECONFIG = """
clusters: [{name: c, cluster: {server: "http://HOST:PORT"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_cluster_on_this_machine_is_not_reached_through_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The proxy of an office knows nothing of kind's API server; nothing has to be said of it with NO_PROXY."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "office.example")
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.replace("HOST", host).replace("PORT", str(server.server_port)))
        nothing = cast("Any", None)
        version = access.Cluster(kubeconfig, "c", "c", nothing, nothing).version
        server.shutdown()

    assert version == "v1.34.4"


def test_settings_of_the_user_do_not_lead_kubectl_and_helm_elsewhere(
    tmp_path: Path, pretend: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server, namespace or driver of helm, and defaults of kubectl's options, are not taken from the shell."""
    mine = {"HELM_KUBEAPISERVER": "https://other.example", "HELM_NAMESPACE": "team", "HELM_DRIVER": "memory"}
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    pretend("helm", 'echo "[$HELM_KUBEAPISERVER$HELM_NAMESPACE$HELM_DRIVER] $KUBERC"')
    nothing = cast("Any", None)
    cluster = access.Cluster(tmp_path, "c", "c", nothing, nothing)

    assert processes.run(["helm"], limit=limits.QUERY, environment=cluster.environment).stdout == "[] off\n"
