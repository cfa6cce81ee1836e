"""What the suite holds for the criteria, whatever a run was narrowed to.

A process of its own collects the whole suite, with the run's own command line but for what chooses tests: paths, `-k`,
`-m`, `--lf`, `--ignore` and the like, wherever they were said. Hooks and settings that leave out modules or tests are
ignored; what could not be collected is reported. Where options of the project's own were given, another process
collects it as if they had not been, and what either finds is the suite.
"""

from __future__ import annotations

import contextlib
import fnmatch
import importlib.util
import os
import shlex
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from workstream import errors, files, limits, processes
from workstream.evidence import modules, provenance, records
from workstream.plugin import dropped, executed, outcomes, own_options
from workstream.plugin.binding import MARKER, Bindings, bind
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from concurrent.futures import Future

    from workstream.plugin.project import Project

_OF_DEFAULTS = "--workstream-inventory-of-defaults"
# What narrows a collection, stops it early, hands it to other processes, or writes reports of it.
_NEUTRAL: dict[str, Any] = {
    "collectonly": True,
    "keyword": "",
    "markexpr": "",
    "deselect": None,
    "ignore": None,
    "ignore_glob": None,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "stepwise": False,
    "stepwise_skip": False,
    "maxfail": 0,
    "continue_on_collection_errors": True,
    "pyargs": False,
    "numprocesses": None,
    "dist": "no",
    "tx": [],
    "xmlpath": None,
    "usepdb": False,
    "log_file": None,
}


class Suite(BaseModel):
    """What the whole suite holds.

    Attributes:
        bindings: which test speaks of which criterion.
        test_paths: where it was looked for.
        uncollected: modules that could not be read for their tests, or were skipped whole.
        unknown: why it is not known what it holds; a sentence each.
        astray: why it is not known of the documents of some ids alone, by the id; likewise.
        sources: the hash of each file that the suite is made of, beside the modules of the tests; by its path from
            the root.
        own_options: the options of the project's own that were given.

    """

    bindings: Bindings = Bindings()
    test_paths: tuple[str, ...] = ()
    uncollected: list[records.Outcome] = []
    unknown: list[str] = []
    astray: dict[str, list[str]] = {}
    sources: dict[str, str] = {}
    own_options: list[str] = []

    def with_tests_of(self, other: Suite) -> Suite:
        """Return a suite that holds the tests of another one too."""
        manifest = dict(self.bindings.manifest)
        for document_id, lines in other.bindings.manifest.items():
            known = manifest.get(document_id, [])
            manifest[document_id] = [*known, *(line for line in lines if line not in known)]
        bindings = self.bindings.model_copy(
            update={
                "manifest": manifest,
                "problems": list(dict.fromkeys([*self.bindings.problems, *other.bindings.problems])),
            }
        )
        unknown = list(dict.fromkeys([*self.unknown, *other.unknown]))
        unread = {outcome.test for outcome in self.uncollected}
        uncollected = [*self.uncollected, *(one for one in other.uncollected if one.test not in unread)]
        return self.model_copy(update={"bindings": bindings, "unknown": unknown, "uncollected": uncollected})


def begin(config: pytest.Config) -> Future[Suite]:
    """Begin to collect the whole suite, beside everything else."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="inventory")
    try:
        return pool.submit(_collect, config)
    finally:
        pool.shutdown(wait=False)


def _collect(config: pytest.Config) -> Suite:
    suite = _collect_once(config)
    # What an option of the project's own makes pytest collect may be less than there is, or more.
    return suite.with_tests_of(_collect_once(config, _OF_DEFAULTS)) if suite.own_options else suite


def _collect_once(config: pytest.Config, *more: str) -> Suite:
    arguments = [str(argument) for argument in config.invocation_params.args]
    with files.temporary("inventory") as folder:
        target = folder / "suite.json"
        command = [sys.executable, "-P", "-m", "pytest", *arguments, "--workstream-inventory", str(target), *more]
        try:
            completed = processes.run(
                command,
                limit=limits.COLLECTION,
                environment={"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
                folder=config.invocation_params.dir,
                accept=range(256),
            )
            return Suite.model_validate_json(target.read_bytes())
        except FileNotFoundError:
            reason = one_line(processes.tail(_error_of(completed)), 600)
            return Suite(unknown=[f"it could not be collected as a whole{_how(more)}: {reason}"])
        except errors.WorkstreamError as error:
            return Suite(unknown=[f"it could not be collected as a whole{_how(more)}: {one_line(error.what, 600)}"])


def _error_of(ended: processes.Completed) -> str:
    """Return what a process of pytest says of its end: the error that it calls its own, else what it said at all."""
    own = [line for line in ended.stdout.splitlines() if line.startswith("INTERNALERROR> ")]
    return own[-1].removeprefix("INTERNALERROR> ") if own else ended.stderr.strip() or ended.stdout.strip()


def _how(more: tuple[str, ...]) -> str:
    return " without the options of its own that were given" if more else ""


def options(config: pytest.Config) -> dict[str, str]:
    """Return what was said to choose tests, by where it was said."""
    choices = {
        "command line": shlex.join(str(argument) for argument in config.invocation_params.args),
        "PYTEST_ADDOPTS": os.environ.get("PYTEST_ADDOPTS", ""),
        "addopts": shlex.join(config.getini("addopts")),
    }
    return {where: what for where, what in choices.items() if what}


class Inventory:
    """The plugin of the process that collects the whole suite.

    Args:
        config: pytest's.
        project: what it says of itself.

    """

    def __init__(self, config: pytest.Config, project: Project) -> None:
        self._config = config
        self._target = Path(config.getoption("--workstream-inventory"))
        self._project = project
        self._items: list[pytest.Item] = []
        self._marks: dict[int, list[pytest.Mark]] = {}
        self._functions: list[object] = []
        self._modules: dict[Path, pytest.Module] = {}
        self._left_out: set[Path] = set()
        self._reports: list[pytest.CollectReport] = []
        self._own_options = own_options.given(config, lambda path: is_own(path, project.folder))
        neutral = {**_NEUTRAL, **(self._own_options if config.getoption(_OF_DEFAULTS) else {})}
        for name, value in neutral.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        config.args[:] = [str(path) for path in self._project.test_paths]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> Generator[None, bool | None, bool | None]:
        """Collect what a setting or a hook of the suite leaves out too, unless it holds no tests of the project."""
        ignored = yield
        if ignored and not self._is_foreign(collection_path):
            self._left_out.add(collection_path)
            return None
        return ignored

    def _is_foreign(self, path: Path) -> bool:
        if path.name in modules.NO_PROJECT or (path / "pyvenv.cfg").exists() or (path / "conda-meta").exists():
            return True
        patterns = self._config.getini("norecursedirs")
        return path.is_dir() and any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)

    @pytest.hookimpl(tryfirst=True)
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Keep every test, before a hook can drop it or take its markers away."""
        self._items.append(item)
        self._marks[id(item)] = list(item.iter_markers(MARKER))
        self._functions.append(getattr(item, "function", None))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the modules, and what could not be read."""
        for node in report.result or ():
            if isinstance(node, pytest.Module):
                self._modules[node.path] = node
        if not report.passed:
            self._reports.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        """Write what was found, for the run that asked."""
        if self._target.exists():
            return
        suite = Suite(
            bindings=self._bindings(),
            test_paths=tuple(self._relative(path) for path in self._project.test_paths),
            uncollected=[outcomes.of_collection(report) for report in self._reports if not self._is_none(report)],
            unknown=list(self._unread()),
            astray=self._astray(),
            sources=self._sources(),
            own_options=sorted(self._own_options),
        )
        self._target.write_text(suite.model_dump_json(), encoding="utf-8")
        # End here: what the suite would clean up at the end of a session, the run still needs.
        os._exit(pytest.ExitCode.OK)

    def _bindings(self) -> Bindings:
        for item in self._items:
            item.own_markers += [mark for mark in self._marks[id(item)] if mark not in list(item.iter_markers(MARKER))]
        bindings = bind(self._items, self._project)
        speaking = [(item, item.get_closest_marker(MARKER) is not None) for item in self._items]
        broken = {report.nodeid for report in self._reports}
        asserting = {path for path in _source_files(self._config, self._project.folder) if path not in self._modules}
        for path, module in self._modules.items():
            if module.nodeid in broken or not self._speaks(module):
                continue
            bindings.problems += dropped.hidden(module, self._functions, self._config)
            bindings.problems += dropped.unrun(path, module, speaking, self._config)
            bindings.problems += dropped.idle(path, self._relative(path), module.obj)
        for path in sorted(asserting):
            bindings.problems += dropped.idle(path, self._relative(path))
        return bindings

    def _speaks(self, module: pytest.Module) -> bool:
        """Whether a module has to do with criteria at all."""
        ours = (item for item in self._items if item.getparent(pytest.Module) is module)
        return any(item.get_closest_marker(MARKER) for item in ours) or self._says(module.path)

    def _is_none(self, report: pytest.CollectReport) -> bool:
        """Whether what could not be read is something that was left out, and has nothing to do with criteria."""
        path = self._config.rootpath / report.nodeid
        left_out = any(ignored == path or ignored in path.parents for ignored in self._left_out)
        return left_out and not self._says(path)

    def _says(self, path: Path) -> bool:
        """Whether a file holds the marker, or marks tests with what another one gives."""
        said = (modules.speaks_of(path, one, given) is not None for one, given in self._given.items())
        return MARKER.encode() in _bytes(path) or any(said)

    @cached_property
    def _files(self) -> list[Path]:
        around = self._project.around
        apart = (path for path in self._project.test_paths if path not in {around, self._project.folder})
        of_tests = (path for folder in apart for path in modules.python_files(folder, of_tests=True))
        return list(dict.fromkeys([*modules.python_files(around), *of_tests]))

    @cached_property
    def _given(self) -> dict[str, modules.Given]:
        """What the project's modules give that may mark a test, by the document's id."""
        return {one: modules.naming(self._files, one) for one in self._project.by_id}

    def _unread(self) -> Iterator[str]:
        """Yield which conftest files and plugins of the project this process did not read: they may mark tests."""
        plugins = self._config.pluginmanager.get_plugins()
        read = {Path(file).resolve() for plugin in plugins if (file := getattr(plugin, "__file__", None))}
        folders = {folder for path in self._modules for folder in path.parents}
        places = {folder / "conftest.py" for folder in folders if folder.is_relative_to(self._project.folder)}
        for name in self._config.getoption("plugins") or ():
            if name.startswith("no:"):
                with contextlib.suppress(ImportError, ValueError):  # a name that pytest gives, and no module's
                    origin = getattr(importlib.util.find_spec(name.removeprefix("no:")), "origin", None)
                    places |= {path for path in [Path(origin or "")] if is_own(path, self._project.folder)}
        for path in sorted(places):
            if path.is_file() and path.resolve() not in read:
                yield f"{self._relative(path)} was not read, and may say of which criteria a test speaks."

    def _astray(self) -> dict[str, list[str]]:
        """Return which files speak of criteria of our documents, and were not collected; by the document's id."""
        elsewhere = {code.co_filename for function in self._functions if (code := getattr(function, "__code__", None))}
        classes = {base for item in self._items for base in getattr(getattr(item, "cls", None), "__mro__", ())}
        elsewhere |= {str(getattr(sys.modules.get(one.__module__), "__file__", "")) for one in classes}
        found: dict[str, list[str]] = {}
        where = ", ".join(map(self._relative, self._project.test_paths))
        for path in self._files:
            if path in self._modules or str(path) in elsewhere:
                continue
            for one in self._project.by_id:
                line = modules.speaks_of(path, one, self._given[one])
                if line is not None:
                    found.setdefault(one, []).append(
                        f"{self._relative(path)}:{line} speaks of a criterion of {one}, and stands outside of what "
                        f"pytest collects in {where}. (workstream_testpaths says where the tests of documents stand.)"
                    )
        return found

    def _sources(self) -> dict[str, str]:
        tests = {item.path for item in self._items if item.get_closest_marker(MARKER)}
        folders = {folder for path in tests for folder in path.parents if folder.is_relative_to(self._config.rootpath)}
        # Those above the project are not read; told all the same, they are none that were added since.
        fixtures = {path for folder in folders if (path := folder / "conftest.py").is_file()}
        # What another module takes from a module of tests is more than its own tests rest on.
        shared = modules.imported(tests, _source_files(self._config, self._project.folder))
        also = _features(self._items) | fixtures
        return hashes(self._config, self._project.folder, also=also, but=tests - shared)

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self._config.rootpath)


def hashes(
    config: pytest.Config, folder: Path, *, also: Iterable[Path] = (), but: Iterable[Path] = ()
) -> dict[str, str]:
    """Return the hashes of the files below a folder that a suite is made of, by their paths from the root.

    Args:
        config: pytest's.
        folder: the project's.
        also: files that are no modules.
        but: modules that are recorded elsewhere.

    """
    paths = ({*_source_files(config, folder), *also}) - set(but)
    return {os.path.relpath(path, config.rootpath): provenance.path_sha256(path) for path in sorted(paths)}


def _source_files(config: pytest.Config, folder: Path) -> set[Path]:
    """Return the files below a folder that this process runs as modules or plugins."""
    loaded = [*list(sys.modules.values()), *config.pluginmanager.get_plugins()]
    named = {Path(name) for module in loaded if isinstance(name := getattr(module, "__file__", None), str)}
    run = {path for path in executed.files() if path.is_relative_to(folder)}
    run = {path for path in run if modules.NO_PROJECT.isdisjoint(path.relative_to(folder).parts)}
    # Of a module in an archive its file is the archive.
    there = {next((one for one in (path, *path.parents) if one.is_file()), path) for path in named | run}
    return {path for path in there if is_own(path, folder) and path.is_file()}


def is_own(path: Path, folder: Path) -> bool:
    """Whether a file stands below a folder, and is neither installed nor of this package."""
    installed = [Path(__file__).parents[1], *map(Path, sysconfig.get_paths().values())]
    apart = any(path.is_relative_to(other) for other in installed) or "site-packages" in path.parts
    return path.is_relative_to(folder) and not apart


def _features(items: list[pytest.Item]) -> set[Path]:
    """Return the files in which the scenarios of pytest-bdd stand."""
    known: Mapping[object, Any] = getattr(
        sys.modules.get("pytest_bdd.scenario"), "scenario_wrapper_template_registry", {}
    )
    functions = [getattr(item, "function", None) for item in items]
    scenarios = [
        known.get(function) or getattr(function, "__scenario__", None) for function in functions if function is not None
    ]
    return {Path(scenario.feature.filename) for scenario in scenarios if scenario is not None}


def _bytes(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""
