"""What a control is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError

from workstream import errors

if TYPE_CHECKING:
    from pathlib import Path


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Patch(_Strict):
    """A change of one rendered object.

    Attributes:
        target: `kind/name`, as kubectl writes it.
        merge: a strategic merge patch, as `kubectl patch` takes it.
        replace: texts within the object's strings, and what takes their place.

    """

    target: str
    merge: dict[str, JsonValue] = {}
    replace: dict[str, str] = {}


class Red(_Strict):
    """A criterion that must not be proven on a broken product.

    Attributes:
        id: its place in the document, as it was when the control was written.
        words: what it says, by which it is found wherever it stands; empty if only the place is named.

    """

    id: str
    words: str = ""


def _red(plain: object) -> object:
    """Return what is written as `AC1`, or as `AC1: what it says`."""
    if isinstance(plain, str):
        return {"id": plain}
    if isinstance(plain, dict) and len(plain) == 1:
        ((one, words),) = plain.items()
        return {"id": one, "words": words}
    return plain


class Control(_Strict):
    """A deliberately broken product.

    Attributes:
        name: its file's name without the ending.
        sentence: what is broken, for people.
        turns_red: the criteria that must not be proven on it; every other one must.
        says: of some of these, by their ids there, words of a message with which a test of that criterion must fail.
        values: values of the chart that win over whatever the suite gives.
        patches: changes of rendered objects.
        objects: objects that are rendered beside the chart's own.
        layer: instructions of a Dockerfile on top of each image that the suite brings to the cluster.
        apart: names of controls with which it must share no round: on a product that is broken with one of them, too,
            it would break nothing, or something else.

    """

    name: str
    sentence: str
    turns_red: tuple[Annotated[Red, BeforeValidator(_red)], ...]
    says: dict[str, str] = {}
    values: dict[str, JsonValue] = {}
    patches: tuple[Patch, ...] = ()
    objects: tuple[dict[str, JsonValue], ...] = ()
    layer: str = ""
    apart: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash of all that it says."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load(path: Path) -> tuple[Control, ...]:
    """Read one control, or all `*.yaml` and `*.yml` of a folder, by name.

    Raises:
        errors.ControlError: there is no control, a file cannot be read as one, or one of a folder is to stay apart from
            a control that is not there.

    """
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    if not files:
        raise errors.ControlError(f"{path} holds no control: no file *.yaml.")
    controls = tuple(_read(file) for file in files)
    names = {control.name for control in controls}
    for control in controls:
        if path.is_dir() and set(control.apart) - names:
            strange = ", ".join(sorted(set(control.apart) - names))
            raise errors.ControlError(
                f"The control {control.name} is to stay apart from {strange}, which {path} does not hold.",
                instead=f"It holds {', '.join(sorted(names))}.",
            )
    return controls


def _read(file: Path) -> Control:
    expected = f"Keys of a control: {', '.join(name for name in Control.model_fields if name != 'name')}."
    try:
        plain = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(plain, dict) or "name" in plain:
            raise errors.ControlError(f"{file} is no control: no mapping, or it names itself.", instead=expected)
        control = Control.model_validate({**plain, "name": file.stem})
    except OSError as error:
        raise errors.ControlError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise errors.ControlError(f"{file} is no control: {error}", instead=expected) from error
    if not (control.values or control.patches or control.objects or control.layer):
        raise errors.ControlError(f"{file} breaks nothing.", instead=expected)
    if not control.turns_red:
        raise errors.ControlError(
            f"{file} turns nothing red.", instead="Name the criteria that must not be proven on it: turns_red: [AC1]."
        )
    others = ", ".join(sorted(control.says.keys() - {red.id for red in control.turns_red}))
    if others or not all(words.strip() for words in control.says.values()):
        raise errors.ControlError(
            f"{file} says with which words {others or 'a criterion'} must fail, and "
            f"{'does not turn that red' if others else 'names none'}.",
            instead="Under says:, give words of a failing test's message for criteria of turns_red.",
        )
    return control
