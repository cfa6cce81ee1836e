"""What people do here, as sessions: `nox -l` is the menu."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
DOCUMENTS = "workstreams"
CONTROLLED = sorted(path.name for path in ROOT.glob("tests/controls/*"))  # documents
RESOURCES = "src/workstream/resources"

# Options of ours that may be typed without `workstream-` behind `nox -s acceptance --`.
SHORT = (
    "--against",
    "--cluster-name",
    "--controls",
    "--incremental",
    "--keep",
    "--keep-on-failure",
    "--kube-context",
    "--mixed",
    "--namespace",
    "--registry",
    "--repeat",
)

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "uv|virtualenv"  # the second where nox came without the first
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True


@nox.session
def tests(session: nox.Session) -> None:
    """Lint, types, layers and unit tests: no cluster, no engine, in a quarter of an hour or more."""
    _install(session)
    _lint(session)
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Only the checks that read the code."""
    _install(session)
    _lint(session)


@nox.session
def acceptance(session: nox.Session) -> None:
    """Prove the criteria of all documents, or of `-- --workstream PATH`, on a kind cluster; options go to pytest."""
    _install(session)
    # What was captured is in run.log, beside the evidence, and would fill the screen.
    brief = ["--tb=short", "--show-capture=no", *_documents(session.posargs)]
    _run_to_its_own_exit_code(session, "pytest", "tests/acceptance", *brief, *_in_full(session.posargs))


@nox.session
def gate(session: nox.Session) -> None:
    """Say whether a change may land, by the evidence that `nox -s acceptance` left; options go to `workstream gate`."""
    _install(session)
    _run_to_its_own_exit_code(session, "workstream", "gate", "workstreams", "--comment", *session.posargs)


@nox.session
@nox.parametrize("document", CONTROLLED, ids=CONTROLLED)
def controls(session: nox.Session, document: str) -> None:
    """See whether the suite notices: the same criteria on products that are broken on purpose, one after the other."""
    _install(session)
    quiet = ["--tb=no", "--show-capture=no", "-rN"]  # tests fail here by design; the matrix says what that means
    (path,) = ROOT.glob(f"workstreams/{document}-*.md")
    folder = ["--workstream-controls", f"tests/controls/{document}"]
    chosen = ["--workstream", str(path.relative_to(ROOT)), *folder, *_in_full(session.posargs)]
    _run_to_its_own_exit_code(session, "pytest", "tests/acceptance", *quiet, *chosen)


@nox.session
def browser(session: nox.Session) -> None:
    """Open the report in the machine's Chromium: wide, on a phone, light, dark, by keyboard; it keeps pictures."""
    _install(session)
    session.install("--quiet", "--require-hashes", "-r", "requirements/browser.txt")
    session.run("python", "-m", "pytest", "tests/browser", *session.posargs)  # `python -m` finds tests.unit, too


@nox.session
def product(session: nox.Session) -> None:
    """Try what proves no criterion: what Helm renders of the chart, containers of the image, the cluster itself."""
    _install(session)
    # `python -m` finds tests.product, too.
    session.run("python", "-m", "pytest", "tests/product", *session.posargs)


@nox.session
def schemas(session: nox.Session) -> None:
    """Check what the chart renders against the API of several versions of Kubernetes, with kubeconform: no cluster."""
    _install(session)
    session.run("python", "-m", "pytest", "tests/schemas", *session.posargs)  # `python -m` finds tests.schemas, too


@nox.session
def coverage(session: nox.Session) -> None:
    """Say what of the package no unit test reaches, and how much of cluster/ and of the rest is reached."""
    _install(session)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-q", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")
    session.run("coverage", "report", "--format=total", "--include=*/workstream/cluster/*")
    session.run("coverage", "report", "--format=total", "--omit=*/workstream/cluster/*")


@nox.session
def house(session: nox.Session) -> None:
    """Draw the packages and what they import, as a graph in the language DOT; or one: `-- workstream.plugin`."""
    _install(session)
    session.run("import-linter", "drawgraph", *(session.posargs or ["workstream"]))


@nox.session
def generated(session: nox.Session) -> None:
    """Make the generated pages and tables anew."""
    _install(session)
    session.run("python", "docs/generate.py")
    session.run("python", "-m", "support.values_table", env={"PYTHONPATH": "tests/acceptance"})


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Lock the newest Python packages with their hashes; say what is newer than the other pins."""
    for name, groups in {"nox": ["bootstrap"], "browser": ["browser"], "development": ["development"]}.items():
        options = ["--quiet", "--universal", "--generate-hashes", "--python-version", "3.11", "--upgrade"]
        plain = ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "nox -s lock"]
        project = ["pyproject.toml"] if name == "development" else []
        chosen = [part for group in groups for part in ("--group", group)]
        output = f"requirements/{name}.txt"
        # A folder of wheels that only this machine has must not be chosen from.
        environment = {"UV_FIND_LINKS": "", "PIP_FIND_LINKS": ""}
        session.run("uv", "pip", "compile", *options, *plain, *project, *chosen, "-o", output, env=environment)
    for package, path in {"go": f"{RESOURCES}/versions.toml", "spark": "docker/spark/versions.toml"}.items():
        requirement = tomllib.loads((ROOT / path).read_text(encoding="utf-8"))[package]["requirement"]
        session.log(f"{path} pins {requirement}; there are:")
        name = requirement.partition("==")[0]
        session.run("python3", "-m", "pip", "index", "versions", name, external=True, success_codes=[0, 1])
    if shutil.which("go"):
        newer = "{{if and .Update (not .Indirect)}}{{.Path}} {{.Version}}: there is {{.Update.Version}}{{end}}"
        with session.chdir(f"{RESOURCES}/node"):
            session.run("go", "list", "-m", "-u", "-f", newer, "all", external=True)
        newer = "{{if .Update}}{{.Path}} {{.Version}}: there is {{.Update.Version}}{{end}}"
        with session.chdir("tests/schemas"):  # a program only: Go calls its module indirect
            session.run("go", "list", "-m", "-u", "-f", newer, "github.com/yannh/kubeconform", external=True)


def _install(session: nox.Session) -> None:
    """Install what is locked, and nothing else; the project itself as it stands here."""
    session.install("--quiet", "--require-hashes", "-r", "requirements/development.txt")
    session.install("--quiet", "--no-build-isolation", "--no-deps", "--editable", ".")


def _documents(options: list[str]) -> list[str]:
    """Return the documents that are meant where none is named."""
    named = any(one.partition("=")[0] == "--workstream" for one in options)
    return [] if named else ["--workstream", DOCUMENTS]


def _in_full(options: list[str]) -> list[str]:
    """Return options with the names that pytest knows them by."""
    return [one.replace("--", "--workstream-", 1) if one.partition("=")[0] in SHORT else one for one in options]


def _lint(session: nox.Session) -> None:
    session.run("ruff", "check", "--quiet")
    session.run("ruff", "format", "--check", "--quiet")
    session.run("mypy")
    session.run("mypy", "conftest.py")
    session.run("lint-imports", "--no-cache", silent=True)
    session.run("actionlint")
    session.run("python", "docs/generate.py", "--check")


def _run_to_its_own_exit_code(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the session; if it fails, end with its exit code, which nox would make 1.

    Signals are passed on and waited for: the program cleans up, and nox would kill it after half a second.
    """
    if "--install-only" in sys.argv:
        return
    path = os.pathsep.join([session.bin, os.environ["PATH"]])
    process = subprocess.Popen(  # noqa: S603 - an argument list, no shell
        [str(Path(session.bin) / program), *arguments], cwd=ROOT, env={**os.environ, "PATH": path}
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: process.send_signal(number))
    code = process.wait()
    if code:
        sys.exit(code if code > 0 else 128 - code)
