"""Text from a database made safe for a terminal: nothing in it can move the cursor, hide or reorder."""

from __future__ import annotations

import textwrap
import unicodedata

# Control, format (bidirectional overrides, zero width), surrogate, private, line and paragraph separators.
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def plain(text: object) -> str:
    """One line of printable characters; the others are shown as Python escapes."""
    return "".join(_shown(character) for character in str(text))


def _shown(character: str) -> str:
    if unicodedata.category(character) in _UNSAFE:
        return character.encode("unicode_escape").decode("ascii")
    return character


def wrapped(text: str, width: int | None, first: str, later: str) -> str:
    """Made safe, and broken into lines of a terminal; ``width`` None leaves it one line."""
    safe = plain(text)
    if width is None:
        return first + safe
    return textwrap.fill(
        safe, width, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
