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
    from collections.abc import Iterable, Iterator, Mapping

    Base = yaml.SafeLoader
else:
    # As much as a chart's objects are takes Python's own a tenth of a second.
    Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NO_SUCH_THING = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
_NUMBERS = {"tag:yaml.org,2002:int": Base.construct_yaml_int, "tag:yaml.org,2002:float": Base.construct_yaml_float}


class _Loader(Base):
    """Reads what Kubernetes reads."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the library has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NO_SUCH_THING]
        for first, resolvers in Base.yaml_implicit_resolvers.items()
    }


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float | str:
    """Return a number; what counts in sixties is none."""
    return str(node.value) if ":" in node.value else _NUMBERS[node.tag](loader, node)


for _tag in _NUMBERS:
    _Loader.add_constructor(_tag, _number)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+[eE][-+]?\d+$"), [*"-+0123456789"])


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


def written(objects: Iterable[object]) -> str:
    """Return objects as text: JSON, which is YAML in which a string that looks like something else stays one."""
    return "".join(f"---\n{json.dumps(one)}\n" for one in objects)


def identity(one: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return kind, namespace and name of an object, each empty where it has none: a list has no metadata."""
    metadata = one.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    return str(one.get("kind", "")), str(named.get("namespace", "")), str(named.get("name", ""))
