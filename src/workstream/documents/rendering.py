"""What a reader sees of a line of Markdown: its words, without the marks that only change how they look."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token

# A text without any of these is seen as it is written: most sentences need no parser.
_MARKUP = re.compile(r"[\\`*<&\[]|(?<!\w)_|_(?!\w)")
_LONGEST = 20_000  # characters; what is longer is no sentence, and compared as it is written
_REMEMBERED = 2_000  # characters of a text that is likely to be asked for again
_COMMENT = "<!--"

# Markdown takes the pairs in `2**10 = 4**5`, `/a/*/b/*` and `*.log*` for emphasis; their author meant none. Where one
# of these patterns touches a mark, its pair stays: to tell two equal texts apart costs a run, to take two different
# ones for equal costs a false proof.
_WRITTEN_BEFORE = re.compile(r"[A-Za-z0-9./\\=+@&%$#^)\]}]\Z")
_BEGINS_AS_NO_WORD = re.compile(r"[.,;:)\]}?!=]")
_ENDS_AS_NO_WORD = re.compile(r"[(\[{/=,\\]\Z")
_WRITTEN_BEHIND = re.compile(r"[A-Za-z0-9/\\=+@&%$#^(\[{]|\.[A-Za-z0-9]")

# An image is read as an exclamation mark and a link: its words and its target, so that it cannot nest without end.
_MARKDOWN = MarkdownIt("commonmark").disable("image")


@dataclass
class _Piece:
    """A part of a line.

    Attributes:
        text: what is seen of it; of a mark of emphasis, the mark itself.
        mark: whether it opens emphasis (1), closes it (-1), or is none (0).

    """

    text: str
    mark: int = 0


def collapsed(text: str) -> str:
    """Return a text with one space wherever it has white space."""
    return " ".join(text.split())


def rendered(text: str) -> str:
    """Return what is seen of a text, on one line.

    Emphasis and code marks are gone, what stands in code is kept as it is; escapes and entities are the characters that
    they mean; a link is its words and its target; comments are dropped, other HTML is kept.
    """
    if len(text) > _LONGEST or not _MARKUP.search(text):
        return collapsed(text)
    return _remembered(text) if len(text) <= _REMEMBERED else _render(text)


@functools.lru_cache(maxsize=4096)
def _remembered(text: str) -> str:
    return _render(text)


def _render(text: str) -> str:
    (line,) = _MARKDOWN.parseInline(text)
    pieces = list(_pieces(line.children or ()))
    _drop_emphasis(pieces)
    return collapsed("".join(piece.text for piece in pieces))


def _pieces(tokens: Sequence[Token]) -> Iterator[_Piece]:
    targets: list[str] = []
    for token in tokens:
        if token.type in {"em_open", "strong_open", "em_close", "strong_close"}:
            yield _Piece(token.markup, token.nesting)
        elif token.type == "link_open":
            targets.append("" if token.info == "auto" else _target(token))
        elif token.type == "link_close":
            yield _Piece(targets.pop())
        elif token.type in {"softbreak", "hardbreak"}:
            yield _Piece(" ")
        elif not (token.type == "html_inline" and token.content.startswith(_COMMENT)):
            yield _Piece(token.content)


def _target(link: Token) -> str:
    title = f' "{link.attrs["title"]}"' if "title" in link.attrs else ""
    return f" ({link.attrs.get('href', '')}{title})"


def _drop_emphasis(pieces: Sequence[_Piece]) -> None:
    """Drop the marks of emphasis that were meant as such, in pairs."""
    before = _neighbours(pieces)
    behind = _neighbours(pieces[::-1])[::-1]
    opened: list[int] = []
    for number, piece in enumerate(pieces):
        if piece.mark > 0:
            opened.append(number)
        elif piece.mark < 0 and opened:
            first = opened.pop()
            if not (
                _WRITTEN_BEFORE.search(before[first])
                or _BEGINS_AS_NO_WORD.match(behind[first])
                or _ENDS_AS_NO_WORD.search(before[number])
                or _WRITTEN_BEHIND.match(behind[number])
            ):
                pieces[first].text = piece.text = ""


def _neighbours(pieces: Sequence[_Piece]) -> list[str]:
    """Return, for each piece, the nearest one ahead of it in this order that is no mark."""
    neighbours, last = [], ""
    for piece in pieces:
        neighbours.append(last)
        if not piece.mark and piece.text:
            last = piece.text
    return neighbours
