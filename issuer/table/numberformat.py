"""A number as a spreadsheet shows it, where that matters: leading zeros, decimals, a percent sign.

A spreadsheet keeps 12345 and shows 0012345; a registrar means the second (ECMA-376, 18.8.31).
"""

from __future__ import annotations

import re

TOO_LONG = "#DIGITS!"
"""The text in place of a number with more digits than a spreadsheet keeps: its last digits are wrong."""

_KEPT = 10**15  # a spreadsheet keeps 15 digits, and zeros behind them
_SECTION = re.compile(r'(?:"[^"]*"|\\.|[^;"\\])*')
_NO_TEXT = re.compile(r"\[[^\]]*\]|[_*].")
_FORMAT = re.compile(
    r'(?P<before>(?:"[^"]*"|\\.|[-+/ ()])*)(?P<whole>[#0?,]+)(?:\.(?P<part>[#0?]+))?(?P<percent>%?)'
    r'(?P<after>(?:"[^"]*"|\\.|[-+/ ()])*)'
)
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|(.)')


def number_text(stored: str, code: str) -> str:
    """A stored number as its format shows it, without separators of thousands.

    A format that is not understood, or that would round, leaves the number as it is stored.
    """
    value = float(stored)
    if abs(value) >= _KEPT:
        return TOO_LONG
    plain = str(int(value)) if value.is_integer() else repr(value)
    section = _SECTION.match(code)
    form = _FORMAT.fullmatch(_NO_TEXT.sub("", section[0] if section else ""))
    if form is None or value < 0:
        return plain
    scaled = value * 100 if form["percent"] else value
    zeros, decimals = form["whole"].count("0"), (form["part"] or "").count("0")
    text = f"{scaled:.{decimals}f}"
    if abs(float(text) - scaled) > 1e-9 * max(1.0, abs(scaled)):  # it would round: what is kept is more
        text = str(int(scaled)) if scaled.is_integer() else repr(scaled)
    whole, dot, part = text.partition(".")
    number = f"{whole.zfill(zeros)}{dot}{part}{form['percent']}"
    return f"{_literal(form['before'])}{number}{_literal(form['after'])}"


def _literal(text: str) -> str:
    return "".join(quoted or escaped or other for quoted, escaped, other in _LITERAL.findall(text))
