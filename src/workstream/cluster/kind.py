"""The kind cluster, made through pytest-kubernetes, whose manager is corrected here where it falls short.

On one engine there may be the clusters of several cache folders. A cluster's name there carries the first digits of its
folder's id, and the network of its nodes, to which kind lets us give labels, the whole: a cluster whose nodes are not
in a network of ours is never touched.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kubernetes.providers.kind import KindManagerBase

from workstream import errors, files, limits, processes, shortage
from workstream.cluster import cache, image_archive, images, prepared_nodes, waiting
from workstream.cluster.access import Cluster, request_timeout
from workstream.cluster.engine import HOME_LABEL, filters, labels_of_ours
from workstream.cluster.versions import recipes
from workstream.processes import Environment
from workstream.progress import say, step

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Collection, Iterator

    from pytest_kubernetes.options import ClusterOptions

    from workstream.cluster.engine import Engine

DEFAULT_NAME = "workstream"
LABEL = "workstream.cluster"
_DIGITS = 6  # of our cache folder's id, in names on the engine
_ON_PATH = Environment()
_CTR = ("ctr", "--namespace", "k8s.io")  # asks the containerd of a node
_PART = re.compile(
    r"containerd\.io/gc\.ref\.content\.[^=,\s]*=(sha256:[0-9a-f]+)"
)  # by which it keeps what belongs together
_KIND_LABEL = "io.x-k8s.kind.cluster"


class KindCluster(KindManagerBase):
    """One kind cluster of one control plane and two workers.

    pytest-kubernetes calls `create`, `delete`, `load_image` and `kubectl`. Corrected here: the name on the engine is
    ours alone; kind's complaints are shown; an unfinished cluster is removed, after its logs were kept; ready
    means every node and CoreDNS; an image may be loaded while the creation's limit has passed.

    Args:
        engine: the engine that its nodes run in.
        image: the node image.
        name: what people call it.
        diagnostics: where the logs of a failed creation go.
        programs: what lets kind and kubectl be found; by default they are on PATH.

    """

    def __init__(
        self, engine: Engine, image: str, name: str, diagnostics: Path, programs: Environment = _ON_PATH
    ) -> None:
        self._engine = engine
        self._programs = programs
        self._image = image
        self._diagnostics = diagnostics
        self._called = name
        self._home = cache.folder() / "clusters" / name
        self._images = images.Images()
        # Of each repository the image that was brought first, and whether it had to be loaded: others may be broken.
        self._first: dict[str, tuple[str, bool]] = {}
        super().__init__(name, None, self._home / "kubeconfig")

    def _set_cluster_name(self, cluster_name: str, provider_config: str | None) -> str:
        del provider_config  # the configuration is ours
        name = f"{cluster_name}-{cache.home_id()[:_DIGITS]}"
        self._cluster_options.cluster_name = name
        return name

    def _ensure_executable(self) -> None:
        """Look for no kind here: `_kind` reports that it is missing, and looking and deleting need none."""

    @property
    def _network(self) -> str:
        return f"workstream-{self.cluster_name}"

    @property
    def _labels(self) -> dict[str, str]:
        return labels_of_ours(cluster=self._called)

    @property
    def _kept(self) -> Path:
        """A file that is there if the cluster was left running on purpose; it holds its nodes' ids."""
        return self._home / "kept.json"

    def _exec(
        self, arguments: list[str], additional_env: dict[str, str] | None = None, timeout: int | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        raise NotImplementedError  # every program is started by `processes`; nothing of the base class gets here

    def _kind(self, *arguments: str | Path, limit: limits.Limit) -> processes.Completed:
        variables = {"KIND_EXPERIMENTAL_DOCKER_NETWORK": self._network, "KIND_EXPERIMENTAL_PROVIDER": "docker"}
        # What it keeps for a moment, a whole image say, it leaves there when it is interrupted.
        with files.temporary("kind", cache.folder()) as folder:
            variables["TMPDIR"] = str(folder)
            environment = self._engine.environment | self._programs | Environment(variables)
            return processes.run(["kind", *arguments], limit=limit, environment=environment)

    # What pytest-kubernetes calls.

    def _on_create(self, cluster_options: ClusterOptions, **_: object) -> None:
        self._refuse_foreign()
        self._clear()
        self._home.mkdir(parents=True, exist_ok=True)
        self._make_network()
        name = self.cluster_name
        arguments = ["create", "cluster", "--name", name, "--image", self._image, "--retain"]
        configuration = recipes() / "kind.yaml"
        places = ["--config", str(configuration), "--kubeconfig", str(cluster_options.kubeconfig_path)]
        try:
            with step("cluster", f"creating {self._called}: 1 control plane, 2 workers"):
                self._kind(*arguments, *places, limit=limits.CLUSTER_CREATE)
            with step("cluster", "waiting for every node and for CoreDNS"):
                self._until_ready()
        except BaseException as error:
            with processes.cleaning_up():
                self._give_up(error)
            raise

    def ready(self, timeout: int = 20) -> bool:
        """Whether every node is Ready and CoreDNS runs, now; whoever wants to wait asks again."""
        del timeout
        try:
            return self._not_ready() == ""
        except errors.WorkstreamError:
            return False

    def _on_delete(self) -> None:
        with step("cluster", f"deleting {self._called}"):
            self._clear()

    def load_image(self, image: str) -> bool:
        """Load an image of the engine into the workers, unless they have it; return whether that was done."""
        if all(self._has(worker, image) for worker in self._workers):
            say("cluster", f"the workers have {image}")
            return False
        with step("cluster", f"loading {image} into the workers"), files.temporary("image", cache.folder()) as folder:
            archive = folder / "image.tar"
            self._engine.run("save", "--output", archive, image, limit=limits.IMAGE_LOAD)
            held = [self._held(worker) for worker in self._workers]
            with cache.telling_of_shortage(image):
                image_archive.leave_out(archive, frozenset.intersection(*held))
            try:
                with ThreadPoolExecutor() as pool:
                    list(pool.map(lambda worker: self._import(worker, archive), self._workers))
            except errors.ProgramFailedError:
                say("cluster", f"loading {image} again, whole")
                arguments = ["--name", self.cluster_name, "--nodes", ",".join(self._workers)]
                self._kind("load", "docker-image", image, *arguments, limit=limits.IMAGE_LOAD)
        return True

    @property
    def loaded(self) -> list[str]:
        """The images that had to be loaded into the workers, as far as the next run may want them too."""
        return [name for name, was_loaded in self._first.values() if was_loaded]

    def _has(self, node: str, image: str) -> bool:
        """Whether a node has an image under its name, and with the content that the engine's has.

        kind looks too, but with crictl, and knows only nodes of its own making to have that.
        """
        return self._engine.image_id(image) in self._digests(node, image)

    def _digests(self, node: str, image: str) -> Iterator[str]:
        """Yield the digests of what a node has under a name: the name's own, then those of all that this consists of.

        An engine knows an image by the digest of its configuration; one that is built on containerd, by the name's own.
        """
        listed = self._listed(node)
        name = images.listed_as(image, listed, self._images.host)
        pending = [listed[name]] if name else []
        while pending:
            digest = pending.pop(0)
            yield digest
            # Of an index, which is for several kinds of machine, a node has only the part for its own.
            content = self._containerd(node, "content", "get", digest, accept=range(256)).stdout
            manifest = json.loads(content) if content else {}
            pending += [entry["digest"] for entry in manifest.get("manifests", [])]
            if "config" in manifest:
                yield str(manifest["config"]["digest"])

    def _held(self, node: str) -> frozenset[str]:
        """Return the digests of all that the images of a node consist of; what belongs to none may go at any time."""
        lines = self._containerd(node, "content", "list").stdout.splitlines()
        parts = {line.split()[0]: _PART.findall(line) for line in lines if line.strip()}
        pending, found = list(self._listed(node).values()), set()
        while pending:
            digest = pending.pop()
            if digest in parts and digest not in found:
                found.add(digest)
                pending += parts[digest]
        return frozenset(found)

    def _import(self, node: str, archive: Path) -> None:
        """Let a node have the images of an archive, under their names.

        kind would give each a second name, by its digest, and unpack it under both, one after the other. What the
        first needed on the way containerd removes at once where the image rests on an unpacked one, and the second
        may stumble over that.
        """
        # What Kubernetes unpacks with, which ctr does not look up: of containerd 2, and of those before.
        dumped = self._engine.run("exec", node, "containerd", "config", "dump").stdout
        plugins = tomllib.loads(dumped).get("plugins", {})
        before = plugins.get("io.containerd.grpc.v1.cri", {}).get("containerd", {})
        snapshotter = plugins.get("io.containerd.cri.v1.images", before).get("snapshotter", "overlayfs")
        command = ["exec", "--interactive", node, *_CTR, "images", "import", "--snapshotter", snapshotter, "-"]
        self._engine.run(*command, stdin=archive, limit=limits.IMAGE_LOAD)

    def _listed(self, node: str) -> dict[str, str]:
        """Return the digest of what each name stands for on a node."""
        lines = map(str.split, self._containerd(node, "images", "list").stdout.splitlines())
        return {fields[0]: fields[2] for fields in lines if fields}

    def _containerd(self, node: str, *arguments: str, accept: Collection[int] = (0,)) -> processes.Completed:
        return self._engine.run("exec", node, *_CTR, *arguments, accept=accept)

    @property
    def _workers(self) -> tuple[str, ...]:
        return f"{self.cluster_name}-worker", f"{self.cluster_name}-worker2"

    # What we call.

    @contextmanager
    def running(self, *, keep: Callable[[], bool]) -> Iterator[Cluster]:
        """Yield the cluster: the one that was kept, if it is whole, else a new one.

        Args:
            keep: asked at the end, whether it is to be left running and not deleted.

        Raises:
            errors.ClusterNotOursError: a cluster of that name exists that we did not make.
            errors.ClusterFailedError: it does not come up.

        """
        if self._is_kept() and self.ready():
            say("cluster", f"{self._called} was kept by an earlier run: using it as it is, and no node is made")
        else:
            self._kept.unlink(missing_ok=True)
            self._on_create(self._cluster_options)
        try:
            yield self.access()
        finally:
            with processes.cleaning_up():
                self._leave(keep=keep())

    def _leave(self, *, keep: bool) -> None:
        if keep:
            self._kept.write_text(json.dumps(self._nodes()))
            which = [] if self._called == DEFAULT_NAME else ["--cluster-name", self._called]
            hours = limits.kept_seconds() / 3600
            say("cluster", f"{self._called} is kept; to delete it: {_as_typed('cluster', 'down', *which)}")
            say("cluster", f"unused for {hours:g} hours it is deleted by the next run, of whatever cluster")
            say("cluster", f"export KUBECONFIG={shlex.quote(str(self.kubeconfig))}")
        else:
            self._on_delete()

    def exists(self) -> bool:
        """Whether there is a cluster of this name, whoever made it and in whatever state."""
        return bool(self._nodes())

    def down(self) -> bool:
        """Delete the cluster, or what is left of it; return whether there was anything.

        Raises:
            errors.ClusterNotOursError: it is not ours.

        """
        self._refuse_foreign()
        if not self.exists() and not self._networks():
            return False
        self._on_delete()
        return True

    def delete(self) -> None:
        """Do nothing: a test that is done with the cluster does not delete it. The session does, in `running`."""

    def access(self) -> Cluster:
        """Return how to use the cluster, which is there."""
        where = Path(self.kubeconfig), f"kind-{self.cluster_name}", self._called
        return Cluster(
            *where, self._provide, self, images=self._images, programs=self._programs, node_images=self._node_images
        )

    def _provide(self, image: str, name: str = "") -> str:
        """Bring an image to the workers; see `access.Provide`."""
        with cache.lock("image-names"):  # a run of another tree may give the same name to its image
            image_id = self._engine.image_id(image)
            content_name = images.name_with_content(image, image_id)
            self._engine.run("tag", image_id, content_name)
            was_loaded = self.load_image(content_name)
            self._first.setdefault(content_name.partition(":")[0], (content_name, was_loaded))
            self._learn_host(content_name)
            if name:
                self._name(content_name, image_id, name)
            digests = [digest for worker in self._workers for digest in self._digests(worker, content_name)]
            for known_as in filter(None, (content_name, name)):
                self._images.bring(known_as, [*digests, image_id])
        return name or content_name

    def _learn_host(self, content_name: str) -> None:
        """Learn what nodes put before a name without a host, from a name that no other image has."""
        if images.full_name(content_name, "").startswith("/"):
            self._images.host = images.listed_as(content_name, self._listed(self._workers[0])).partition("/")[0]

    def _name(self, content_name: str, image_id: str, name: str) -> None:
        """Let another name stand for an image that the workers have."""
        before, after = (images.full_name(written, self._images.host) for written in (content_name, name))
        if after.startswith("/"):  # how nodes write such a name is not known yet: kind knows
            self._engine.run("tag", image_id, name)
            self.load_image(name)
            return
        for worker in self._workers:
            listed = self._listed(worker)
            if listed.get(after) != listed.get(before):  # tagging removes it for a moment, in which a pod may want it
                self._containerd(worker, "images", "tag", "--force", before, after)

    def _is_kept(self) -> bool:
        """Whether it was left running on purpose, and not for too long."""
        try:
            named, since = json.loads(self._kept.read_text()), self._kept.stat().st_mtime
        except (FileNotFoundError, ValueError):
            return False
        if named != self._nodes() or not self.exists():
            return False
        if time.time() - since > limits.kept_seconds():
            say("cluster", f"{self._called} was kept, and no run used it for {limits.kept_seconds() / 3600:g} hours")
            return False
        return True

    def _nodes(self) -> list[str]:
        """Return the ids of the containers that are this cluster's nodes."""
        selector = f"label={_KIND_LABEL}={self.cluster_name}"
        return sorted(self._engine.run("ps", "--all", "--quiet", "--no-trunc", "--filter", selector).stdout.split())

    def _node_images(self) -> list[str]:
        """Return the images of this cluster's nodes, or what those were made of, each once: name, and digest."""
        base = f'index .Config.Labels "{prepared_nodes.BASE_LABEL}"'
        shown = f"{{{{with {base}}}}}{{{{.}}}}{{{{else}}}}{{{{.Config.Image}}}} {{{{.Image}}}}{{{{end}}}}"
        made_of = self._engine.run("inspect", "--format", shown, *self._nodes()).stdout
        return sorted(set(made_of.splitlines()))

    def _refuse_foreign(self) -> None:
        of_another = self._network_is_of_another()
        for node in self._nodes():
            networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
            connected = self._engine.run("inspect", "--format", networks, node).stdout.split()
            of_another = of_another or self._network not in connected
        if of_another:
            raise errors.ClusterNotOursError(
                f"There is a kind cluster named {self.cluster_name}, or a network {self._network}, that workstream did "
                "not make from this cache folder.",
                instead="Choose another name with --workstream-cluster-name (`workstream cluster` calls it "
                f"--cluster-name), or delete it yourself: kind delete cluster --name {self.cluster_name}; "
                f"docker network rm {self._network}",
            )

    def _network_is_of_another(self) -> bool:
        label = f'{{{{index .Labels "{HOME_LABEL}"}}}}'
        shown = self._engine.run("network", "inspect", "--format", label, self._network, accept=range(256))
        return shown.returncode == 0 and shown.stdout.strip() != cache.home_id()

    def _make_network(self) -> None:
        mtu = self._engine.run(
            "network",
            "inspect",
            "--format",
            '{{index .Options "com.docker.network.driver.mtu"}}',
            "bridge",
            accept=range(256),
        ).stdout.strip()
        options = ["--opt", f"com.docker.network.driver.mtu={mtu}"] if mtu.isdigit() else []
        labelled = [part for name, value in self._labels.items() for part in ("--label", f"{name}={value}")]
        self._engine.run("network", "create", *labelled, *options, self._network)

    def _clear(self) -> None:
        """Remove the nodes, their volumes and their network; what is not there is no error."""
        self._engine.remove_containers(f"label={_KIND_LABEL}={self.cluster_name}")
        self._engine.remove_networks(*filters(self._labels))
        cache.remove(self._home)

    def remove_if_left(self) -> bool:
        """Remove a cluster that a killed run left, or that was kept for too long, unless another run uses it.

        Returns:
            whether that was done.

        """
        with suppress(errors.BusyError, errors.ClusterNotOursError), cache.exclusive(*hold(self._called)):
            if not self._is_kept():
                say("cluster", f"{self._called} was left behind: removing it")
                return self.down()
        return False

    def _networks(self) -> list[str]:
        """Return the ids of the networks that carry our labels for this cluster."""
        chosen = [part for condition in filters(self._labels) for part in ("--filter", condition)]
        return self._engine.run("network", "ls", "--quiet", *chosen).stdout.split()

    def _not_ready(self) -> str:
        """Return what is not ready yet; empty if all is."""
        access = self.access()
        soon = request_timeout()
        ready = '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
        nodes = access.kubectl("get", "nodes", soon, "--output", f"jsonpath={ready}").stdout.splitlines()
        counts = "{.status.readyReplicas}/{.spec.replicas}"
        where = ["--namespace", "kube-system", "get", "deployment", "coredns"]
        dns = access.kubectl(*where, soon, "--output", f"jsonpath={counts}").stdout
        waiting_for = [line for line in nodes if not line.endswith(" True")]
        if dns.startswith(("/", "0/")):  # one pod answers for all: another that was asked too soon is asked 10 s later
            waiting_for.append(f"coredns {dns}")
        return "\n".join(waiting_for) or ("" if nodes else "no nodes")

    def _until_ready(self) -> None:
        waiting.until(
            lambda: not self._missing(),
            limits.NODES_READY,
            what="every node is Ready and CoreDNS runs",
            last_seen=self._missing,
        )

    def _missing(self) -> str:
        """Return what is not ready yet, or why nobody can tell: an API server that is still new may refuse once."""
        try:
            return self._not_ready()
        except (errors.ProgramFailedError, errors.ProgramTimeoutError) as error:
            return error.what

    def _give_up(self, error: BaseException) -> None:
        """Keep the logs of an unfinished cluster, remove it, and say what happened."""
        if not isinstance(error, errors.CancelledError | KeyboardInterrupt):
            with step("cluster", f"keeping the logs of the failed creation in {self._diagnostics}"):
                self._export_logs()
        self._clear()
        complaint = self._complaint()
        if isinstance(error, errors.ProgramFailedError):
            taken = "address already in use" in error.stderr or "port is already allocated" in error.stderr
            kind = errors.PortTakenError if taken else errors.ClusterFailedError
            reason = processes.tail(
                "\n".join(line for line in error.stderr.splitlines() if "ERROR" in line) or error.stderr
            )
            raise kind(
                f"kind could not create the cluster {self._called}:\n{reason}"
                + (f"\nA node says: {complaint}" if complaint else ""),
                instead=shortage.advice(complaint)
                or error.instead
                or "If the nodes did not start, the engine's log and the nodes' journals say why.",
                more=str(self._diagnostics),
            ) from error
        if complaint and isinstance(error, errors.WorkstreamError):
            raise errors.ClusterFailedError(
                f"{error.what}\nA node says: {complaint}",
                instead=shortage.advice(complaint),
                more=str(self._diagnostics),
            ) from error

    def _complaint(self) -> str:
        """Return what the logs of a failed creation say of a machine that ran out of something; empty if nothing."""
        for path in sorted(self._diagnostics.glob(f"{self.cluster_name}-*/**/*.log")):
            complaint = shortage.complaint(path.read_text(encoding="utf-8", errors="replace"))
            if complaint:
                return complaint
        return ""

    def _export_logs(self) -> None:
        try:
            self._kind("export", "logs", self._diagnostics, "--name", self.cluster_name, limit=limits.DIAGNOSTICS)
        except errors.WorkstreamError as error:
            say("cluster", f"kind could not export all logs: {error.what.splitlines()[-1]}")


def hold(name: str) -> tuple[str, str]:
    """Return the name of the lock on our cluster of that name, and what to call it; see `cache.exclusive`."""
    return f"cluster-{name}", f"the cluster {name}"


def left_behind(engine: Engine) -> list[str]:
    """Return the names of all clusters of this cache folder that an engine has something of."""
    chosen = [part for one in (*filters(labels_of_ours()), f"label={LABEL}") for part in ("--filter", one)]
    label = f'{{{{.Label "{LABEL}"}}}}'
    return sorted(set(engine.run("network", "ls", *chosen, "--format", label).stdout.split()))


def _as_typed(*arguments: str) -> str:
    """Return a call of our command as one would type it here, with the cache folder that was chosen."""
    beside = Path(sys.executable).with_name("workstream")
    program = str(beside) if beside.exists() else "workstream"
    chosen = os.environ.get(cache.FOLDER_VARIABLE)
    variables = [f"{cache.FOLDER_VARIABLE}={shlex.quote(chosen)}"] if chosen else []
    return " ".join([*variables, shlex.join([program, *arguments])])
