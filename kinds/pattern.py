"""Patterns of cells: I-Regexp (RFC 9485), which every engine reads alike, on one that takes linear time."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from wire.problem import Malformed

_ESCAPE = r"\\(?:[()*+\-.?\[\\\]^nrt{|}]|[pP]\{[A-Z][a-z]?\})"
_IN_CLASS = rf"(?:{_ESCAPE}|[^\-\[\\\]])"
_TOKENS = partial(  # compiled when first used, as the patterns of cells are
    re.compile,
    rf"(?P<atom>{_ESCAPE}|\[(?!\^?\])\^?-?(?:{_IN_CLASS}(?:-{_IN_CLASS})?)*-?\]|[^()*+?\[\\\]{{|}}])"
    r"|(?P<quantifier>[*+?]|\{[0-9]{1,3}(?:,(?:[0-9]{1,3})?)?\})"
    r"|(?P<open>\()|(?P<close>\))|(?P<or>\|)",
)
_LARGEST = 1 << 20  # bytes of the compiled pattern: `(a{999}){999}` has a million states
_OTHERWISE = {".": r"[^\n\r]", "^": r"\^", "$": r"\$", r"\-": "-"}
"""Atoms that other engines read differently, or do not have."""


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """A predicate: the whole of a text matches. Raises `Malformed` for what is no I-Regexp (RFC 9485, 3.1).

    RE2 has no backtracking: `(a|a)*b` takes no longer than reading the text does.
    """
    fullmatch = _remembered(pattern).fullmatch
    return lambda text: fullmatch(text.encode()) is not None  # bytes: three times as fast


def instructions(pattern: str, *, remember: bool) -> int:
    """The length of the compiled pattern: each instruction takes up to 3 µs to make. Raises as `matcher`.

    Patterns from strangers are not cached: they could fill any cache with programs of 1 MiB.
    """
    size: int = (_remembered if remember else _compiled)(pattern).programsize
    return size


def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors, options.never_capture, options.max_mem = False, True, _LARGEST
    try:
        return re2.compile(_translated(pattern), options)
    except re2.error as error:
        raise Malformed("the pattern is too large, or a parenthesis has no partner") from error
    finally:
        re2.purge()  # the package's own cache


_remembered = lru_cache(maxsize=256)(_compiled)


def ecma(pattern: str) -> str:
    """The pattern for JSON Schema (ECMA-262, flag u), which of itself would match a part."""
    return f"^(?:{_translated(pattern)})$"


def _translated(pattern: str) -> str:
    translated, place, before, tokens = [], 0, "open", _TOKENS()
    while place < len(pattern):
        token = tokens.match(pattern, place)
        # A quantifier needs something to count: `(?:` and `a+?` mean something else in each engine.
        if token is None or (token.lastgroup == "quantifier" and before not in ("atom", "close")):
            raise Malformed(f"the pattern is no I-Regexp (RFC 9485) from character {place + 1} on")
        translated.append(_OTHERWISE.get(token[0], token[0]))
        place, before = token.end(), str(token.lastgroup)
    return "".join(translated)
