"""The plugin beside other people's options, fixtures and tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from workstream import errors

if TYPE_CHECKING:
    from tests.unit.plugin.conftest import Suite

# What the plugins of other tests would warn of.
LEAN = ("-pno:hypothesispytest", "-pno:asyncio", "-pno:pytest-bdd")
FORMER = ("cluster-name", "controls", "keep", "kube-context", "registry", "repeat")
OTHERS_OPTIONS = """
def pytest_addoption(parser):
    for name in NAMES:
        parser.addoption(f"--{name}", default="", help="the project's own")
"""
OTHERS_TEST = """
def test(request):
    assert request.config.getoption("--keep") == "their"
"""


def test_options_of_a_project_may_have_any_name_but_ours(pytester: pytest.Pytester) -> None:
    """A project that has options of the names that ours once had runs beside the plugin, and has them."""
    pytester.makeconftest(OTHERS_OPTIONS.replace("NAMES", repr(FORMER)))
    pytester.makepyfile(OTHERS_TEST)

    assert pytester.runpytest_subprocess("--keep=their").ret == pytest.ExitCode.OK


def test_they_are_the_projects_in_a_run_with_a_document_too(suite: Suite) -> None:
    """Nobody takes them for ours."""
    suite.write({"one": f"{suite.PROVING}    assert pytest.their == 'their'\n"})
    conftest = suite.path / "conftest.py"
    told = "\ndef pytest_sessionstart(session):\n    pytest.their = session.config.getoption('--keep')\n"
    conftest.write_text(conftest.read_text() + OTHERS_OPTIONS.replace("NAMES", repr(FORMER)) + told)

    assert suite.run("--keep=their", own_process=True).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("name", FORMER)
def test_a_former_name_says_the_new_one(suite: Suite, name: str) -> None:
    """Whoever types what an option was once called learns what it is called."""
    suite.write({"one": suite.PROVING})
    result = suite.run(f"--{name}=1", own_process=True)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --{name} is called --workstream-{name} now."])


@pytest.mark.parametrize("source", ["def test(FIXTURE): ...", "def test(request): request.getfixturevalue('FIXTURE')"])
@pytest.mark.parametrize("fixture", ["cluster", "engine", "evidence", "subject", "tools", "world"])
def test_who_asks_for_a_fixture_without_a_document_is_told_what_to_type(
    pytester: pytest.Pytester, source: str, fixture: str
) -> None:
    """The test is an error or a failure, and says which option brings the fixture."""
    pytester.makepyfile(source.replace("FIXTURE", fixture))
    result = pytester.runpytest(*LEAN)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*fixture '{fixture}' is one of workstream's*pytest --workstream PATH*"])


def test_a_suite_may_have_a_fixture_named_as_one_that_ours_rest_on(suite: Suite) -> None:
    """Its `subject` is its own, for each test; ours are there all the same."""
    source = "@pytest.fixture\ndef subject():\n    return 42\n\n\n"
    source += "def test(cluster, subject, evidence):\n    evidence.record('answer', subject)\n"
    suite.write({"one": source})
    assert suite.run().ret == pytest.ExitCode.OK
    assert suite.states() == {"one": "proven"}


def test_a_fixture_of_another_name_is_told_as_ever(pytester: pytest.Pytester) -> None:
    """The message of pytest itself stays, with the fixtures that there are."""
    pytester.makepyfile("def test(clusters): ...")
    pytester.runpytest(*LEAN).stdout.fnmatch_lines(["E       fixture 'clusters' not found"])


def test_without_a_document_a_projects_own_fixture_of_that_name_is_its_own(pytester: pytest.Pytester) -> None:
    """The plugin puts nothing in its place."""
    pytester.makeconftest("import pytest\n\n@pytest.fixture\ndef cluster():\n    return 'theirs'\n")
    pytester.makepyfile("def test(cluster): assert cluster == 'theirs'")

    assert pytester.runpytest(*LEAN).ret == pytest.ExitCode.OK


LOOK = """
import sys

def test():
    ours = {name for name in sys.modules if name.startswith("workstream")}
    assert ours == {"workstream", "workstream.plugin"}, ours
    assert not {"kubernetes", "pydantic", "markdown_it", "jinja2"} & set(sys.modules)
"""


def test_a_run_without_a_document_pays_for_nothing(pytester: pytest.Pytester) -> None:
    """Of the package only the plugin's own module is imported, and nothing that it depends on but pytest."""
    pytester.makepyfile(LOOK)
    run = pytester.run(
        sys.executable, "-m", "pytest", "-p", "no:kubernetes", "-p", "no:hypothesispytest", "-p", "no:asyncio"
    )

    assert run.ret == pytest.ExitCode.OK


NAMED = """    yield Cluster(name=f"{options.name} {options.kube_context} {options.registry} {options.namespace}")"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "mine testing hub.example/a team"),
        (("--workstream-registry=hub.example/b", "--workstream-namespace=n"), "mine testing hub.example/b n"),
    ],
)
def test_what_a_project_says_once_need_not_be_typed(suite: Suite, arguments: tuple[str, ...], expected: str) -> None:
    """The configuration names cluster, context, registry and namespace; an option comes before it."""
    suite.write({"one": "def test(evidence, cluster):\n    evidence.record('where', cluster.name)\n"})
    settings = suite.path / "pytest.ini"
    places = {"cluster_name": "mine", "kube_context": "testing", "registry": "hub.example/a", "namespace": "team"}
    settings.write_text(
        settings.read_text() + "".join(f"workstream_{name} = {said}\n" for name, said in places.items())
    )
    conftest = suite.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace("    yield Cluster()", NAMED))
    suite.run(*arguments)

    assert [one.value for one in suite.log().observations] == [expected]


@pytest.mark.parametrize("option", ["--workstream-namespace", "--workstream-registry"])
def test_an_option_about_a_cluster_of_others_is_refused_where_none_is_named(suite: Suite, option: str) -> None:
    """A kind cluster would take no notice of it; what a project sets for every run is no mistake there."""
    settings = suite.path / "pytest.ini"
    suite.write({"one": suite.PROVING})
    refused = suite.run(f"{option}=n")
    settings.write_text(f"{settings.read_text()}workstream_{option.rpartition('-')[2]} = n\n")

    assert refused.ret == errors.UsageError.exit_code
    assert f"{option} is about a cluster that is there, and none is named." in refused.stderr.str()
    assert suite.run().ret == pytest.ExitCode.OK


NOTICING = """    options.notice("stays: image queue:1", "sha256:m")
    options.notice("seen", "sha256:m")
    yield Cluster()"""


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_what_stays_on_other_peoples_machines_is_listed_at_the_end(suite: Suite, arguments: tuple[str, ...]) -> None:
    """In plain words, whichever process saw it."""
    suite.write({"one": "def test(evidence, cluster):\n    evidence.record('answer', 42)\n"})
    conftest = suite.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace("    yield Cluster()", NOTICING))
    printed = suite.run(*arguments).stdout.str()

    assert "what stays of this run on other people's machines" in printed
    assert printed.count("image queue:1: sha256:m") == 1
    assert "seen: sha256:m" not in printed


BLIND = """    def nodes(self):
        raise errors.RightMissingError("nodes is forbidden")

    def miss(self, what, why):
        pass

    @property
    def environment(self):"""


def test_a_cluster_whose_nodes_may_not_be_seen_is_a_cluster(suite: Suite) -> None:
    """What is under test is told without them, and why."""
    suite.write({"one": "def test(evidence, cluster):\n    evidence.record('answer', 42)\n"})
    conftest = suite.path / "conftest.py"
    text = conftest.read_text().replace("    nodes: type = list\n", "")
    text = text.replace("    @property\n    def environment(self):", BLIND)
    conftest.write_text(text.replace("import pathlib\n", "import pathlib\nfrom workstream import errors\n"))
    suite.run()

    assert suite.states() == {"one": "proven"}
    assert ("nodes", "not seen: nodes is forbidden") in [(one.name, one.value) for one in suite.log().subjects]
