"""Turns what Kubernetes says of its API into the schemas that kubeconform reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema = dict[str, Any]

_REFERENCE = "#/definitions/"
_KINDS = "x-kubernetes-group-version-kind"
_KEPT = ("type", "required", "enum")  # what means the same in both
_IGNORED = ("description", "format", "default", "uniqueItems")  # what refuses nothing
# As the API server reads it: a number, and the letters of a unit or an exponent.
_QUANTITY = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
# What Kubernetes reads by programs of its own; its OpenAPI calls both a string.
_READ_BY_PROGRAMS: Mapping[str, Schema] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "anyOf": [{"type": "string", "pattern": _QUANTITY}, {"type": "number"}]
    },
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
}


def schemas(api: Mapping[str, Any]) -> Iterator[tuple[str, Schema]]:
    """Yield a JSON schema for every kind of object, and the name under which kubeconform looks for it.

    Each is whole by itself, and strict: a property that Kubernetes does not know there is refused.

    Args:
        api: `api/openapi-spec/swagger.json` of a Kubernetes, read.

    Raises:
        ValueError: it says something that nothing here knows; silence would make the schemas more lenient than it is.

    """
    described: Mapping[str, Schema] = api["definitions"]
    strict = {name: _READ_BY_PROGRAMS.get(name) or _strict(name, one) for name, one in described.items()}
    for name, one in described.items():
        kinds = one.get(_KINDS, [])
        if len(kinds) == 1:  # an object; what belongs to many groups is a part of requests, and no manifest
            needed = {inner: strict[inner] for inner in sorted(_reached(name, strict))}
            schema = {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": _REFERENCE + name}
            yield _file_name(**kinds[0]), schema | {"definitions": needed}


def _file_name(group: str, version: str, kind: str) -> str:
    """Return a name as kubeconform makes it of `apiVersion` and `kind`: only the first word of a group counts."""
    return "-".join([part for part in (kind, group.partition(".")[0], version) if part]).lower() + ".json"


def _strict(where: str, described: Schema) -> Schema:
    if "$ref" in described:
        return {"$ref": described["$ref"]}
    schema: Schema = {}
    for key, value in described.items():
        if key in _KEPT:
            schema[key] = value
        elif key == "properties":
            schema[key] = {name: _strict(f"{where}.{name}", one) for name, one in value.items()}
        elif key == "items" or (key == "additionalProperties" and isinstance(value, dict)):
            schema[key] = _strict(f"{where}[]", value)
        elif key not in _IGNORED and not key.startswith("x-kubernetes-"):
            raise ValueError(f"{where}: nothing here knows what {key} means")
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


def _reached(name: str, definitions: Mapping[str, Schema]) -> set[str]:
    """Return a definition's name and those of all that it refers to, however far."""
    found: set[str] = set()
    pending = [name]
    while pending:
        one = pending.pop()
        if one not in found:
            found.add(one)
            pending += [reference.removeprefix(_REFERENCE) for reference in _references(definitions[one])]
    return found


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)
