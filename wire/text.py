"""Text from outside, made safe to show: nothing in it can steer the terminal or reorder a line.

A credential's claims are somebody else's words. Shown as they are, an escape sequence could repaint the
verdict above them and a bidirectional override could turn "not valid" around (A40 of the threat list).
"""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"  # Persian and Indic words and composed emoji need them


def printable(text: str) -> str:
    """`text` on one line, each control, format and unassigned character in it written as its code, `⟨202E⟩`.

    The two joiners stay where words need them: between two characters that are not ASCII.
    """
    around = zip(f" {text}", text, f"{text[1:]} ", strict=False)
    return "".join(
        character if _harmless(before, character, after) else f"⟨{ord(character):04X}⟩"
        for before, character, after in around
    )


def _harmless(before: str, character: str, after: str) -> bool:
    if character in _JOINERS:
        return not any(neighbour.isascii() or neighbour in _JOINERS for neighbour in (before, after))
    category = unicodedata.category(character)
    return category[0] != "C" and category not in ("Zl", "Zp")


def counted(count: int, one: str, many: str = "") -> str:
    """A number and what it counts: `1 issuer`, `2 issuers`; `many` where an s is not enough."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def shortened(text: str) -> str:
    """A name from outside for a message: quoted, printable, and no longer than 80 characters."""
    return f"'{printable(text[:80])}{'…' if len(text) > 80 else ''}'"
