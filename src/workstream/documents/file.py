"""A Markdown file as every dialect sees it: its bytes, its lines, its blocks, its headings."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from workstream.documents import settings
from workstream.documents.source import Source, own_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.tree import SyntaxTreeNode

    from workstream.documents.settings import Settings


class File:
    """One file that may be a document.

    Attributes:
        path: where it was read.
        content: its bytes.

    Args:
        path: where it was read.
        content: its bytes.

    """

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self.content = content

    @cached_property
    def folder(self) -> Path:
        """The folder in which it stands, from the root and without `..`: it names specs."""
        return Path(os.path.normpath(self.path.absolute())).parent

    @cached_property
    def source(self) -> Source:
        """Its lines, boxes and places."""
        return Source(self.content, self.path)

    @cached_property
    def blocks(self) -> list[SyntaxTreeNode]:
        """Its blocks."""
        return self.source.blocks()

    @cached_property
    def headings(self) -> Sequence[tuple[int, str]]:
        """Its headings, each with its level."""
        return [(int(block.tag[1:]), own_text(block)) for block in self.blocks if block.type == "heading"]

    @cached_property
    def front_matter(self) -> dict[str, tuple[str, int]]:
        """The plain values of its front matter by their keys in small letters, each with its line (from 0)."""
        found: dict[str, tuple[str, int]] = {}
        for number, line in enumerate(self.source.front_matter):
            key, colon, value = line.partition(":")
            if colon and key == key.strip() and key:
                found.setdefault(key.lower(), (value.strip().strip("\"'"), number))
        return found

    @cached_property
    def settings(self) -> Settings:
        """What its project says of documents."""
        return settings.of(self.path)
