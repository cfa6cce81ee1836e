"""Objects of Kubernetes as text: read as Kubernetes reads them, and written so that nobody can read something else.

Python's YAML is 1.1: it takes 22:22 for a number, 2024-02-30 for a date, and refuses a bare `=`. Helm and Kubernetes
have strings there, and a key that looks like a number is a string, too.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from workstream import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yaml import SafeDumper as Dumper
    from yaml import SafeLoader as Loader
else:
    # As much as a chart's objects are takes Python's own a tenth of a second.
    Loader, Dumper = getattr(yaml, "CSafeLoader", yaml.SafeLoader), getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float"))
_NO_SUCH_THING = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}


class _Loader(Loader):
    """Reads what Kubernetes reads: its YAML is that of Go's library, in version 2."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the library has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NO_SUCH_THING]
        for first, resolvers in Loader.yaml_implicit_resolvers.items()
    }
    bool_values = {**Loader.bool_values, "y": True, "n": False}  # noqa: RUF012 - likewise


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float | str:
    """Return a number; what counts in sixties is none."""
    octal = re.fullmatch("([-+]?)0o([0-7_]+)", node.value)
    if octal:
        return int(octal[1] + octal[2], 8)
    return str(node.value) if ":" in node.value else loader.construct_yaml_int(node)


def _float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float | str:
    if re.fullmatch(r"[-+]?\d+", node.value):  # 08 is no octal number
        return int(node.value)
    return str(node.value) if ":" in node.value else loader.construct_yaml_float(node)


_Loader.add_constructor(_INT, _int)
_Loader.add_constructor(_FLOAT, _float)
_SIGNS_AND_DIGITS = [*"-+.0123456789"]
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?0o[0-7_]+$"), _SIGNS_AND_DIGITS)
_Loader.add_implicit_resolver(_FLOAT, re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$"), _SIGNS_AND_DIGITS)
_Loader.add_implicit_resolver(_BOOL, re.compile("[yYnN]$"), [*"yYnN"])


class _Dumper(Dumper):
    """Writes strings so that they stay strings, and each thing where it stands."""

    def ignore_aliases(self, data: object) -> bool:
        """Write once more what stands in two places."""
        del data
        return True


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def read(text: str | bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of a text; what is empty is none.

    Raises:
        errors.ChartError: it is no YAML, or holds something else than objects.

    """
    try:
        for one in yaml.load_all(text, _Loader):
            if isinstance(one, dict) and one:
                yield _keyed(one)
            elif one:
                raise errors.ChartError(
                    f"Where objects of Kubernetes are to be, this is: {str(one)[:80]!r}.",
                    instead="Mend the template that renders it.",
                )
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise errors.ChartError(
            f"What Helm rendered is no YAML: {' '.join(str(error).split())}.",
            instead="Mend the template that renders it.",
        ) from error


def _keyed(value: Any) -> Any:  # noqa: ANN401 - anything that YAML holds
    """Return a value in which all keys are strings."""
    if isinstance(value, dict):
        return {_name(key): _keyed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_keyed(part) for part in value]
    if not isinstance(value, str | int | float | None):  # of a tag that Kubernetes does not know
        raise TypeError(f"{value!r} is nothing that JSON can say")
    return value


def _name(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key, default=str)


def written(*objects: object) -> str:
    """Return objects, or values, as text: YAML in which a string that looks like something else stays one."""
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False)


def identity(one: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return kind, namespace and name of an object, each empty where it has none: a list has no metadata."""
    metadata = one.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    return str(one.get("kind", "")), str(named.get("namespace", "")), str(named.get("name", ""))
