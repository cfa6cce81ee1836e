"""Rules of the repository that a test can hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from workstream import documents
from workstream.controls import model
from workstream.evidence.modules import naming, python_files, speaks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "workstream"
SOURCES = sorted(PACKAGE.rglob("*.py"))
VERSIONS = {"harness": PACKAGE / "resources" / "versions.toml", "product": ROOT / "docker" / "spark" / "versions.toml"}
INSTALL = "python3 -m pip install -r requirements/nox.txt"
SUITE = sorted((ROOT / "tests" / "acceptance").rglob("*.py"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOOKS: list[dict[str, str]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
COMMANDS = [f"{INSTALL} && python3 -m nox -s {session}" for session in ("acceptance", "tests")]
# With a mark in each, so that this file does not name them.
_MARKED = "pypi_.org pythonhosted_.org deb_.debian.org docker_.io/ proxy_.golang.org registry_.k8s.io"
REGISTRIES = _MARKED.replace("_", "").split()


def tracked() -> list[Path]:
    """Return the files that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S607
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def imports(path: Path) -> set[str]:
    """Return the top-level modules that a file imports."""
    return set(re.findall(r"^\s*(?:import|from)\s+(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    """Return the packages that requirements name."""
    return {re.split(r"[^\w.-]", one)[0].lower() for one in requirements}


@cache
def owners() -> dict[str, set[str]]:
    """Return the installed packages that hold a top-level module, by the module's name."""
    return {module: {name.lower() for name in found} for module, found in metadata.packages_distributions().items()}


def packages(paths: list[Path]) -> set[str]:
    """Return the packages that files import or start with `python -m`; Python's own modules are of none."""
    used = {module.partition(".")[0] for path in paths for module in modules(path)}
    return {owner for module in used for owner in owners().get(module, ())} - {"workstream"}


def modules(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports when it runs, or starts with `python -m`."""
    for one in running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(one, ast.Import):
            yield from (alias.name for alias in one.names)
        elif isinstance(one, ast.ImportFrom) and one.module:
            yield one.module
        elif isinstance(one, ast.List):
            words = [part.value if isinstance(part, ast.Constant) else None for part in one.elts]
            yield from (str(name) for option, name in pairwise(words) if option == "-m")


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all that is in a piece of a program but what only type checkers read."""
    for one in ast.iter_child_nodes(node):
        if not (isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING"):
            yield one
            yield from running(one)


def test_what_the_package_imports_is_declared_and_the_other_way_round() -> None:
    """An installed package finds all that it imports or starts, and installs nothing that it does not use."""
    optional = {"pytest-xdist"}  # tests may be spread over processes with it; who does not have it misses nothing

    assert packages(SOURCES) - optional == names(PROJECT["project"]["dependencies"])


@pytest.mark.parametrize("package", ["kubernetes", "pytest-kubernetes", "tenacity", "testcontainers"])
def test_the_packages_that_the_project_builds_on_stay_in_use(package: str) -> None:
    """They were asked for by name: each is declared, and imported by the package or the acceptance suite."""
    suite = [one for one in PROJECT["dependency-groups"]["acceptance"] if isinstance(one, str)]

    assert package in names([*PROJECT["project"]["dependencies"], *suite])
    assert package in packages([*SOURCES, *SUITE])


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_the_hooks_that_others_use_pass_here(hook: dict[str, str]) -> None:
    """The documents of this repository are in order by the rules that it offers, in a clone without evidence too."""
    paths = [path.relative_to(ROOT).as_posix() for path in tracked()]
    chosen = [path for path in paths if re.search(hook["files"], path)]
    program, *arguments = hook["entry"].split()
    called = [sys.executable, "-c", f"from {program} import cli; cli.main()", *arguments, *chosen]
    ended = subprocess.run(called, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours

    assert chosen == [path for path in paths if path.startswith("workstreams/")]
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout


def test_one_module_starts_programs() -> None:
    """Outside processes.py, subprocess is imported only for its constants and types."""
    started = re.compile(r"subprocess\.(run|Popen\(|call|check)")
    callers = [path for path in SOURCES if started.search(path.read_text(encoding="utf-8"))]

    assert [path.name for path in callers] == ["processes.py"]


def test_only_the_plugin_knows_pytest() -> None:
    """No module outside the plugin imports pytest."""
    assert [path for path in SOURCES if "pytest" in imports(path) and "plugin" not in path.parts] == []


def test_nothing_in_the_harness_knows_the_product() -> None:
    """Other charts are proven too: no file of the package, be it code, recipe or pin, speaks of Spark."""
    files = [path for path in tracked() if path.is_relative_to(PACKAGE)]

    assert PACKAGE / "resources" / "versions.toml" in files
    assert [path for path in files if "spark" in path.read_text(encoding="utf-8").lower()] == []


def test_nothing_outside_of_the_suite_seems_to_speak_of_our_criteria() -> None:
    """It would be taken for a test that was not collected, and no run would prove anything any more."""
    paths = list(python_files(ROOT))
    helpers = {one: naming(paths, one) for one in (documents.read(path).id for path in ROOT.glob("workstreams/*.md"))}
    astray = [path for one in helpers for path in paths if speaks_of(path, one, helpers[one]) is not None]

    assert astray, "not even the suite's own modules"
    assert [path for path in astray if not path.is_relative_to(ROOT / "tests" / "acceptance")] == []


@pytest.mark.parametrize("folder", sorted((ROOT / "tests" / "controls").iterdir()), ids=lambda path: path.name)
def test_our_controls_name_criteria_by_what_they_say(folder: Path) -> None:
    """Each stands where the control says it, so that a reader finds it; a text that changed is seen here at once."""
    (path,) = ROOT.glob(f"workstreams/{folder.name}-*.md")
    document = documents.read(path)
    named = [red for control in model.load(folder) for red in control.turns_red]
    assert {red.id for red in named} == {criterion.id for criterion in document.criteria}
    assert [red for red in named if red.id not in {one.id for one in documents.identified(red.words, document)}] == []


# Whether a job fails or its sums are wrong depends on where the byte stands.
MANY_WORDS = {("not-compressed", "AC8")}


@pytest.mark.parametrize("folder", sorted((ROOT / "tests" / "controls").iterdir()), ids=lambda path: path.name)
def test_our_controls_name_the_words_with_which_criteria_fail(folder: Path) -> None:
    """So nobody takes what turned red for another reason for what noticed; and others may share their rounds."""
    silent = {(one.name, red.id) for one in model.load(folder) for red in one.turns_red if red.id not in one.says}

    assert silent <= MANY_WORDS


def test_a_control_that_means_one_worker_finds_it_on_every_cluster_of_ours() -> None:
    """Names of nodes carry the id of a cache folder: a control selects a node by a label that we gave to it."""
    nodes = yaml.safe_load((PACKAGE / "resources" / "kind.yaml").read_text(encoding="utf-8"))["nodes"]
    labels = [set(node.get("labels", {}).items()) for node in nodes]
    control = yaml.safe_load((ROOT / "tests/controls/WS-001-04/one-node-left-out.yaml").read_text(encoding="utf-8"))
    specs = [patch["merge"]["spec"]["template"]["spec"] for patch in control["patches"]]
    (wanted,) = [set(spec["nodeSelector"].items()) for spec in specs if "nodeSelector" in spec]

    assert [node["role"] for node, given in zip(nodes, labels, strict=True) if wanted <= given] == ["worker"]


def product_tests() -> dict[str, set[str]]:
    """Return each test of the suite and of the product, with the texts that its markers have."""
    paths = [*SUITE, *ROOT.glob("tests/product/*.py"), *ROOT.glob("tests/unit/product/*.py")]
    nodes = (one for path in paths for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return {
        one.name: {
            str(text.value) for mark in one.decorator_list for text in ast.walk(mark) if isinstance(text, ast.Constant)
        }
        for one in nodes
        if isinstance(one, ast.FunctionDef)
    }


def reddened() -> dict[str, set[str]]:
    """Return what each control turns red: a file the texts of criteria, a broken chart the name of a test."""
    found = {
        path.name: {
            " ".join(text.split()) for red in yaml.safe_load(path.read_bytes())["turns_red"] for text in red.values()
        }
        for path in ROOT.glob("tests/controls/*/*.yaml")
    }
    charts = (ROOT / "tests/product/test_broken_charts.py").read_text(encoding="utf-8")
    for one in ast.walk(ast.parse(charts)):
        if isinstance(one, ast.Call) and ast.unparse(one.func) == "Broken":
            mistake, test = ast.literal_eval(one.args[0]), ast.unparse(one.args[4])
            found[mistake] = {test.rpartition(".")[2]}
    return found


def test_the_table_of_bad_days_names_what_is_there() -> None:
    """Each test is one, each control turns one of its line red, and the chart's README has each sentence."""
    page = (ROOT / "docs/reference/bad-days.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("|").split(" | ") for line in page if line.startswith("| ")][2:]
    readme = " ".join((ROOT / "charts/spark-standalone/README.md").read_text(encoding="utf-8").split())
    there, red = product_tests(), reddened()

    assert rows
    for what, does, tested, broken in rows:
        named = re.findall(r"`(\w+)`", tested)
        assert set(named) <= there.keys(), what
        seen = {*named, *(text for name in named for text in there[name])}
        for control in re.findall(r'`([^`]+)`|"([^"]+)"', broken):
            assert red["".join(control)] & seen, f"{what}: {control} turns none of these tests red"
        sentences = re.findall(r'"([^"]+)"', does)
        assert [said for said in sentences if said not in readme] == [], what
        assert {"Mended": bool(named), "Refused": bool(sentences)}[re.split(r"\W", does.strip())[0]], what


@pytest.mark.parametrize("name", ["README.md", ".ci/run", ".github/workflows/acceptance.yml"])
def test_the_two_commands_are_the_same_everywhere(name: str) -> None:
    """README, gate and workflow run the same two commands."""
    text = (ROOT / name).read_text(encoding="utf-8")

    assert [command for command in COMMANDS if command not in text] == []


def test_the_readme_fits_on_some_screens() -> None:
    """At most 120 lines."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_the_host_of_a_registry(host: str) -> None:
    """Whoever uses a mirror finds no address in the way."""
    assert [path for path in tracked() if host in path.read_text(encoding="utf-8", errors="replace")] == []


def pins(whose: str) -> dict[str, Any]:
    """Return what the harness or the product pins."""
    return tomllib.loads(VERSIONS[whose].read_text(encoding="utf-8"))


def test_nothing_is_pinned_twice() -> None:
    """Harness and product each pin what they alone need: no table stands in both files."""
    assert pins("product").keys().isdisjoint(pins("harness"))


def test_spark_has_one_version() -> None:
    """The chart runs the version that is pinned; the image has none of its own to fall back to."""
    version = pins("product")["spark"]["requirement"].removeprefix("pyspark==")
    chart = (ROOT / "charts" / "spark-standalone" / "Chart.yaml").read_text(encoding="utf-8")
    dockerfile = (ROOT / "docker" / "spark" / "Dockerfile").read_text(encoding="utf-8")

    assert f'appVersion: "{version}"' in chart
    assert set(re.findall(r"ARG SPARK_\w+.*", dockerfile)) == {"ARG SPARK_VERSION", "ARG SPARK_SHA256"}


def test_the_node_programs_have_the_version_that_is_pinned() -> None:
    """versions.toml and go.mod agree on Kubernetes' version: it is stamped into the programs."""
    version = pins("harness")["node"]["kubernetes"]

    assert f"k8s.io/kubernetes {version}" in (PACKAGE / "resources/node/go.mod").read_text(encoding="utf-8")


def test_a_wheel_holds_what_a_checkout_holds(tmp_path: Path) -> None:
    """Whoever installs the package has all that is here: modules, recipe, versions, schemas."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - ours
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    ours = {path.relative_to(PACKAGE.parent).as_posix(): path.read_bytes() for path in files}
    for name in ("evidence/evidence.schema.json", "reports/verdicts.schema.json"):
        ours[f"workstream/{name}"] = (ROOT / "docs" / "reference" / Path(name).name).read_bytes()

    assert sorted(packed) == sorted(ours)
    assert [name for name, content in packed.items() if content != ours[name]] == []
