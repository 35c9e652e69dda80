"""Text from outside, made safe to show: nothing in it can control the terminal or reorder a line.

A credential's claims are a stranger's words. Shown unchanged, an escape sequence could repaint the verdict
above them, and a bidirectional override could turn "not valid" around (threat A40).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import takewhile

_JOINERS = "\u200c\u200d"  # Persian and Indic words and composed emoji need them
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # letters and marks that show nothing
_VARIATIONS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x180E))))
_LONG = 8  # letters of a name in which one is easily overlooked
_MOST_BLANKS = 4  # characters that are read for one that is shown: blanks are folded
_MOST_MARKS = 4  # on one character; Vietnamese needs two, Hebrew with its accents four
_APOSTROPHES = "'`´ʹʻʼʽˈˊˋ׳‘’‚‛′‵❛❜❟＇｀"
_TWO = '"ʺ˝ˮ˶״ᐥ“”„‟″‴‶‷⁗❝❞❠⹂〃〝〞〟＂\U0001f676\U0001f677\U0001f678'
_ADDED = r"[(（][^()（）]*[)）]\s*\Z"
_LOOKS = str.maketrans(
    {
        taken: letter
        for letter, others in {
            "a": "аαɑ",
            "b": "вβ",
            "c": "сϲ",
            "d": "ԁđ",
            "e": "еε",
            "g": "ɡ",
            "h": "һнη",
            "j": "јϳ",
            "k": "кκ",
            "l": "1iıłіιӏ",
            "m": "м",
            "o": "0øоο",
            "p": "рρ",
            "q": "ԛ",
            "s": "5ѕ",
            "t": "тτ",
            "v": "ν",
            "w": "ѡω",
            "x": "хχ",
            "y": "уγυ",
        }.items()
        for taken in others
    }
)
"""Letters and digits that are mistaken for others, among those that `letters` leaves (threat 38)."""
_QUOTES = f"[{_APOSTROPHES}{_TWO}]+"
_PLAIN = "[ -~¡-¬®-ʯ‐-‧›、。一-鿼]*+"  # where no character is anything but shown
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_PARTS = ",;\t\r\n"  # where spreadsheets part cells, each by its own settings
_BEGINS_FORMULA = "=+@＝＋－＠﹢﹣﹦﹫-"
_FORMULA = f"[^\\w{_PARTS}{_BEGINS_FORMULA}]*[{_BEGINS_FORMULA}]"  # blanks and quotation marks may go before
_GUARDED = f"(?:^|(?<=[{_PARTS}]))(?={_FORMULA})"
_GUARD = f"(?:^|(?<=[{_PARTS}]))'(?={_FORMULA})"


def figures(digest: bytes) -> str:
    """A digest for two people to compare: seven groups of five digits, which hold 116 bits of it."""
    number = f"{int.from_bytes(digest) % 10**35:035}"
    return " ".join(number[start : start + 5] for start in range(0, 35, 5))


def printable(text: str) -> str:
    """`text` on one line, with each control, format and unassigned character written as its code, `⟨202E⟩`.

    So are characters that show nothing, marks without a base character, and a fifth mark on one character.
    The two joiners stay between two characters that are not ASCII, where words need them.
    """
    if _is_plain(text):  # most texts, and a hundred times as fast
        return text
    return "".join(_shown(text))


def _is_plain(text: str) -> bool:
    return (text.isascii() and text.isprintable()) or re.fullmatch(_PLAIN, text) is not None


def claimed(text: str, limit: int = 100) -> str:
    """A stranger's words for the middle of our sentence, at most `limit` characters and an ellipsis.

    The text is made `printable`, with blanks folded. Everything that looks like a double quotation mark is
    replaced, so that the quotation marks around it show its end.
    """
    # Threat F34: cut before it is cleaned, which takes a microsecond a letter.
    is_cut = len(text) > _MOST_BLANKS * limit
    text, shown = re.sub(_QUOTES, _single, " ".join(text[: _MOST_BLANKS * limit].split())), ""
    is_plain = _is_plain(text)
    if is_plain and len(text) <= limit and not is_cut:  # most texts
        return text
    for part in text if is_plain else _shown(text):
        if len(shown) + len(part) > limit:
            return f"{shown.rstrip()}…"
        shown += part
    return f"{shown.rstrip()}…" if is_cut else shown


def isolated(text: str) -> str:
    """Text isolated from the text around it, if it has characters written from right to left (UAX 9, 2.4)."""
    if text.isascii():  # most texts, and ten times as fast
        return text
    turns = any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text)
    return f"\u2068{text}\u2069" if turns else text


def letters(name: str) -> str:
    """The letters and digits of a name: names that people take for the same have the same.

    Compatibility forms and case are folded. Marks, blanks, punctuation and invisible characters are dropped.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", folded)
        if unicodedata.category(character)[0] in "LN" and character not in _FILLERS
    )


def look(name: str) -> str:
    """`letters` as they look at a glance: 1, i and l are one, so are Latin a and Cyrillic а, and rn and m.

    Brackets at the end of a name are left out, with their content: an imitator leaves them out, too.
    """
    seen = letters(re.sub(_ADDED, "", name)) or letters(name)
    return seen.translate(_LOOKS).replace("rn", "m").replace("vv", "w")


def alike(name: str, other: str) -> bool:
    """True if people mistake names with these looks for each other: they are equal, or differ in one letter.

    One letter added, missing or changed, or two swapped, counts in names of eight Latin letters or more.
    In other names a single letter may well be the difference between two real names.
    """
    if name == other:
        return bool(name)
    if abs(len(name) - len(other)) > 1 or min(len(name), len(other)) < _LONG or not (name + other).isascii():
        return False
    for _ in range(2):  # what differs, from its begin on and then from its end on
        start = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(name, other, strict=False)))
        name, other = name[start:][::-1], other[start:][::-1]
    return max(len(name), len(other)) == 1 or (len(name) == 2 and name == other[::-1])


def as_seen(text: str) -> str:
    """Text as it looks, for comparisons: NFC, blanks folded, and without invisible characters."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    shown = (each for each in unicodedata.normalize("NFC", text) if not _shows_nothing(each))
    return " ".join("".join(shown).split())


def _shows_nothing(character: str) -> bool:
    return (
        (unicodedata.category(character)[0] == "C" and not character.isspace())
        or character in _FILLERS
        or character in _VARIATIONS
    )


def _single(quotes: re.Match[str]) -> str:
    """One apostrophe for a run of quotation marks; a single apostrophe stays as it is."""
    run = quotes[0]
    return run if len(run) == 1 and run in _APOSTROPHES else "'"


def _shown(text: str) -> Iterator[str]:
    """Each character, or the code shown in its place."""
    marks, before = 0, " "
    for character, after in zip(text, f"{text[1:]} ", strict=False):
        if unicodedata.category(character) not in ("Mn", "Me"):
            marks = 0
        elif marks == 0 and before.isspace():
            marks = 1 + _MOST_MARKS
        else:
            marks += 1
        safe = marks <= _MOST_MARKS and _is_harmless(before, character, after)
        yield character if safe else f"⟨{ord(character):04X}⟩"
        before = character


def _is_harmless(before: str, character: str, after: str) -> bool:
    if character in _JOINERS:
        return not any(neighbour.isascii() or neighbour in _JOINERS for neighbour in (before, after))
    category = unicodedata.category(character)
    return category[0] != "C" and category not in ("Zl", "Zp") and character not in _FILLERS


def guarded(cell: str) -> str:
    """A cell of a CSV file, with an apostrophe wherever a spreadsheet could see the start of a formula.

    A formula can start with the cell, and after each character that could separate cells: some spreadsheets
    split at semicolons, even in a file with commas. They may drop blanks, invisible marks and quotation marks
    before the formula's first sign (threat A41). `page.js` has the same rule.
    """
    return re.sub(_GUARDED, "'", cell)


def unguarded(cell: str) -> str:
    """The cell that `guarded` was given."""
    return re.sub(_GUARD, "", cell)


def cells(text: str) -> int:
    """The number of columns of printable text on a terminal (UAX 11): two for 张, none for a mark."""
    return sum(map(_cells, text))


def folded(text: str, width: int) -> list[str]:
    """Text in lines of at most `width` columns, folded between words and between wide characters.

    A longer word, such as a DID, is never broken: it has a line of its own.
    """
    lines = [""]
    for word in text.split(" "):
        blank = " " * (lines[-1] != "")
        for unit in _units(word):
            if lines[-1] and cells(lines[-1]) + cells(blank + unit) > width:
                lines.append(unit)
            else:
                lines[-1] += blank + unit
            blank = ""
    return lines


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 1 + _is_wide(character)


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def _units(word: str) -> Iterator[str]:
    """The unbreakable parts of a word: each wide character with its punctuation, and the text between."""
    unit = ""
    for character in word:
        before = unit[-1:]
        if before and (_is_wide(before) or _is_wide(character)) and _may_part(before, character):
            yield unit
            unit = ""
        unit += character
    yield unit


def _may_part(before: str, after: str) -> bool:
    """False before closing punctuation and marks, and after opening punctuation: no line breaks there."""
    kinds = unicodedata.category(before), unicodedata.category(after)
    opens = kinds[0] in ("Ps", "Pi") or (kinds[0][0] == "P" and not _is_wide(before))
    closes = kinds[1][0] in "PM" and kinds[1] not in ("Ps", "Pi")
    return not (opens or closes)


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 issuer`, `2 issuers`; `many` is an irregular plural."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def shortened(text: str) -> str:
    """A name from outside for a message: quoted, printable, and no longer than 80 characters."""
    return f"'{printable(text[:80])}{'…' if len(text) > 80 else ''}'"
