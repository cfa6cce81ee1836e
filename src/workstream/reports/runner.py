"""Lines by which a program says something to GitHub's runner: no text in them is a command of its own."""

from __future__ import annotations


def error(path: str, line: int, title: str, message: str, *, column: int = 1) -> str:
    """Return the line by which GitHub shows an error at a line of a file."""
    places = {"file": path, "line": str(line), "col": str(column), "title": title}
    properties = ",".join(f"{name}={_property(value)}" for name, value in places.items())
    return f"::error {properties}::{_data(message)}"


def warning(message: str) -> str:
    """Return the line by which GitHub shows a warning."""
    return f"::warning::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
