"""Splits a fenced block of shell lines into commands, each as written."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LONGEST = 50  # lines; a quote that nobody closes must not make one command of a whole document
_WIDEST = 20_000  # characters, likewise

_UNFINISHED = re.compile(r"(\\|\|\||&&|\|)$")
_HERE_DOCUMENT = re.compile(r"(?<!<)<<(-?)\s*(['\"]?)([A-Za-z_]\w*)\2")
_PROMPT = re.compile(r"^\s*\$\s+")
_SHELLS = {"", "bash", "sh", "shell", "zsh", "console", "shell-session", "terminal"}
_OPENING = {"for", "while", "until", "if", "case", "select"}
_CLOSING = {"done", "fi", "esac"}
_BEFORE_A_COMMAND = {";", "&&", "||", "|", "&", "do", "then", "else", "(", "{", "!"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a block.

    Attributes:
        text: as written, continuation lines included.
        line: the line of the block at which it starts, counted from 0.

    """

    text: str
    line: int


def are_commands(info: str) -> bool:
    """Whether a block with this language after its fence holds commands."""
    return info.strip().partition(" ")[0].lower() in _SHELLS


def split(lines: Sequence[str]) -> Iterator[Command]:
    """Yield the commands of a block; comments and blank lines between them are skipped.

    A block in which a prompt (`$ `) stands shows a session: what has no prompt is output.
    """
    session = any(_PROMPT.match(line) for line in lines)
    collected: list[str] = []
    start = 0
    for number, line in enumerate(lines):
        if not collected:
            if not line.strip() or line.lstrip().startswith("#") or (session and not _PROMPT.match(line)):
                continue
            start = number
        collected.append(_PROMPT.sub("", line) if session else line)
        if _is_complete(collected):
            yield Command("\n".join(collected).strip(), start)
            collected = []
    if collected:
        yield Command("\n".join(collected).strip(), start)


def _is_complete(lines: Sequence[str]) -> bool:
    if len(lines) >= _LONGEST or sum(map(len, lines)) > _WIDEST:
        return True
    if _UNFINISHED.search(lines[-1].rstrip()) or _awaits_here_document(lines):
        return False
    try:
        words = _words("\n".join(lines))
    except ValueError:  # an open quotation
        return False
    return _balance(words) <= 0


def _awaits_here_document(lines: Sequence[str]) -> bool:
    """Whether the end of a here-document is still to come."""
    for number, line in enumerate(lines):
        here_document = _HERE_DOCUMENT.search(line)
        if here_document:
            ends = (other.strip("\t") if here_document[1] else other for other in lines[number + 1 :])
            return here_document[3] not in ends
    return False


def _words(text: str) -> list[str]:
    """Return the words and operators of shell lines, each line ended by `;`, comments left out.

    Raises:
        ValueError: a quotation is open at the end.

    """
    if _HERE_DOCUMENT.search(text):
        return []  # its text is not the shell's
    try:
        return [word for line in text.replace("\\\n", " ").split("\n") for word in [*_lexer(line), ";"]]
    except ValueError:  # open at the end of a line, and perhaps closed on one below
        return list(_lexer(text))


def _lexer(text: str) -> shlex.shlex:
    return shlex.shlex(text, posix=True, punctuation_chars=True)


def _balance(words: Sequence[str]) -> int:
    """Return how many loops, conditions and brackets are still open."""
    depth = 0
    for before, word in zip([";", *words], words, strict=False):
        at_command = before in _BEFORE_A_COMMAND
        depth += (at_command and word in _OPENING) - (at_command and word in _CLOSING)
    return depth
