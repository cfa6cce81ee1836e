"""Which code is the project's own, and which of it asserts something."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any

import pytest

import workstream
from workstream.plugin import inventory, unfinished

PACKAGE = Path(workstream.__file__).parent
LIBRARY = Path(sysconfig.get_paths()["purelib"])


def test_what_stands_beside_the_package_is_of_a_project() -> None:
    """Only the package itself, and what is installed, is nobody's suite."""
    beside = PACKAGE.parent / "suite" / "helper.py"

    assert inventory.is_own(beside, PACKAGE.parent)
    assert not inventory.is_own(PACKAGE / "errors.py", PACKAGE.parent)
    assert not inventory.is_own(LIBRARY / "helper.py", LIBRARY.parent)
    assert not inventory.is_own(beside, PACKAGE.parent / "other")


@pytest.mark.parametrize(
    ("body", "asserts"),
    [
        ("assert answer == 42", True),
        ("raise AssertionError", True),
        ("pytest.fail('no')", True),
        ("self.assertEqual(answer, 42)", True),
        ("return [lambda: check(one) for one in answer]", False),
        ("def inner():\n        assert answer == 42\n    return inner", True),
        ("return answer == 42", False),
    ],
)
def test_code_that_asserts_is_recognised_however_it_was_compiled(body: str, *, asserts: bool) -> None:
    """Pytest writes the assertions of test modules anew, and leaves those of helpers as they are."""
    scope: dict[str, Any] = {}
    exec(compile(f"def check(answer, self=None):\n    {body}\n", "helper.py", "exec"), scope)  # noqa: S102 - see above

    assert unfinished.asserts(scope["check"], lambda path: path.name == "helper.py") is asserts
    assert not unfinished.asserts(scope["check"], lambda path: path.name == "other.py")
