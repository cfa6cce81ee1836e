"""`workstream cluster up | status | down`: the cluster of a run, for people who want it by hand."""

from __future__ import annotations

import sys

import click

from workstream import progress
from workstream.cluster import kind, provisioning

_NAME = click.option("--cluster-name", "name", default=kind.DEFAULT_NAME, show_default=True, help="The cluster's name.")


@click.group()
def cluster() -> None:
    """Bring up the cluster that the acceptance suite uses, look at it, take it away."""


@cluster.command()
@_NAME
@click.option("--verbose", is_flag=True, help="Print every command that is run.")
def up(name: str, *, verbose: bool) -> None:
    """Bring up a kind cluster of one control plane and two workers, and leave it running.

    What the machine lacks (a Docker engine, a node image, kind, helm, kubectl) is made in the cache folder;
    nothing is installed. A cluster that is already there is used. `nox -s acceptance` uses it too.
    """
    progress.show(sys.stderr, verbose=verbose)
    options = provisioning.Options(name=name, keep=lambda: True)
    with (
        provisioning.reserved(options),
        provisioning.engine_ready() as engine,
        provisioning.cluster_ready(engine, provisioning.tools_ready(engine, options), options) as running,
    ):
        click.echo(f"{running.name}: Kubernetes {running.version}, {len(running.eligible_nodes())} nodes take pods")
        click.echo(f"export KUBECONFIG={running.kubeconfig}")


@cluster.command()
@_NAME
def status(name: str) -> None:
    """Say whether the cluster is there and answers; exit code 1 if not."""
    current = provisioning.status(name)
    click.echo(f"engine:  {current.engine or 'none answers'}")
    state = "ready" if current.ready else "there, but not ready" if current.exists else "not there"
    click.echo(f"cluster: {name}: {state}")
    if current.exists:
        click.echo(f"export KUBECONFIG={current.kubeconfig}")
    sys.exit(0 if current.ready else 1)


@cluster.command()
@_NAME
def down(name: str) -> None:
    """Delete the cluster, and stop the private engine if it ran in one. Images stay in the cache."""
    progress.show(sys.stderr)
    there = provisioning.down(name)
    click.echo(f"{name}: {'deleted' if there else 'there was none'}")
