"""Detecting a table's encoding: a byte order mark, NULs, strict UTF-8, and else two judges who have to agree.

One judge is chardet, the other is here: a reading is plausible if its words could be words, and it wins if no
other reading is plausible that says something else. Where the two differ, the encoding is open, and a person
decides. A wrong guess would be signed for good.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

ENCODINGS: Mapping[str, str] = {
    "utf-8": "utf-8",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "gb18030": "gb18030",
    "big5": "cp950",  # as Windows writes it
    "big5-hkscs": "big5hkscs",
    "shift-jis": "cp932",  # as Windows writes it
    "euc-jp": "euc-jp",
    "korean": "cp949",
    "windows-874": "cp874",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
    "windows-1253": "cp1253",
    "windows-1254": "cp1254",
    "windows-1255": "cp1255",
    "windows-1256": "cp1256",
    "windows-1257": "cp1257",
    "windows-1258": "cp1258",
    "latin-1": "iso8859-1",
    "latin-2": "iso8859-2",
    "koi8-r": "koi8-r",
}
"""The codec, by the name that a person types.

Except in UTF-16, no byte below 0x30 is part of a longer character, so line ends can be found in the bytes.
"""

MARKS: Mapping[bytes, str] = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    b"\x84\x31\x95\x33": "gb18030",
}
"""The codec of a file that begins with these bytes."""

MOST_SAMPLED = 1 << 14  # bytes of lines outside ASCII, which the judges see
_USUAL = "windows-1252"  # and on the web the name of Latin-1 (WHATWG Encoding, 4.2)
_UNLIKELY = 0.01  # more than for a reading that fits no language, since most files are in UTF-8
_SHOWN, _MOST_READINGS = 3, 6  # cells of a reading, and readings: a person has to look through them
_CELL = re.compile(r"[,;\t\n]")
_ENOUGH, _RIVAL = 0.7, 0.65  # shares of frequent characters with which a reading wins, or hinders others
_RIVAL_OF = {"euc-jp": 0.8}  # there, four in five of the frequent hanzi of GB18030 read as frequent kanji
_LINE_ENDS = re.compile(rb"[\r\n]+")
_ASCII = bytes(range(0x80))
_NUL_SHARE = 8  # in UTF-16 each delimiter, digit and line end has a NUL: more than one byte of 8
_MOST_CHANCE = 16  # bytes of hanzi that could be UTF-8 by chance; of more, nobody has seen it


class Candidate(NamedTuple):
    """An encoding in which a file could be, and a few cells as it reads them."""

    encoding: str
    """A name of `ENCODINGS`."""
    cells: tuple[str, ...]


class Sample:
    """The part of a file that the judges see, gathered block by block: its first lines outside ASCII.

    Of the later lines it keeps each that has a byte not seen before. So two single-byte encodings that read
    the sample alike read the whole file alike.
    """

    def __init__(self) -> None:
        self.is_utf8 = True
        self.lines: list[bytes] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._seen = _ASCII
        self._size, self._rest = 0, b""

    def feed(self, block: bytes, *, last: bool = False) -> None:
        """Takes the next bytes of a file."""
        if self.is_utf8:
            try:
                self._decoder.decode(block, last)
            except UnicodeDecodeError:
                self.is_utf8 = False
        block = self._rest + block
        end = len(block) if last else max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
        whole, self._rest = block[:end], block[end:][:MOST_SAMPLED]  # a line without an end is no table
        if self._size < MOST_SAMPLED or whole.translate(None, self._seen):
            self._take(whole)

    def _take(self, block: bytes) -> None:
        for line in _LINE_ENDS.split(block):
            line = line[:MOST_SAMPLED]
            if not line.isascii() and (self._size < MOST_SAMPLED or line.translate(None, self._seen)):
                self.lines.append(line)
                self._size += len(line)
                self._seen = bytes({*self._seen, *line})


def sampled(blocks: Iterable[bytes]) -> Sample:
    """The sample of a file that comes in blocks."""
    sample = Sample()
    for block in blocks:
        sample.feed(block)
    sample.feed(b"", last=True)
    return sample


def marked(beginning: bytes) -> tuple[str, int] | None:
    """The codec given by the first bytes of a file, and the length of the byte order mark, if any.

    NULs indicate UTF-16 without a mark if nearly all are on one side of the byte pairs, for many characters.
    """
    for mark, codec in MARKS.items():
        if beginning.startswith(mark):
            return codec, len(mark)
    even, odd = beginning[::2].count(0), beginning[1::2].count(0)
    if max(even, odd) * _NUL_SHARE > len(beginning) and min(even, odd) * _NUL_SHARE < max(even, odd):
        return ("utf-16-le" if odd > even else "utf-16-be"), 0
    return None


def codec_of(sample: Sample) -> str | None:
    """The codec of a file without a mark, or `None` if it is open."""
    lines = sample.lines
    in_utf8 = [line for line in lines if _decoded(line, "utf-8") is not None]
    # With lines that are not: those are named, and nothing else is guessed for them.
    if sample.is_utf8 or 2 * len(in_utf8) > len(lines):
        return None if _by_chance(b"\n".join(in_utf8), whole=sample.is_utf8) else "utf-8"
    data = b"\n".join(lines)
    plausible: dict[str, str] = {}
    wins = ""
    for codec in _JUDGED:
        text = _decoded(data, codec)
        share = _share(text, codec) if text is not None else 0.0
        if text is not None and share >= _RIVAL_OF.get(codec, _RIVAL):
            plausible.setdefault(text, codec)
            wins = codec if share >= _ENOUGH else wins
    if len(plausible) != 1 or not wins:
        return None
    ((text, codec),) = plausible.items()
    return codec if _by_chardet(data) == text else None


def readings(sample: Sample) -> list[Candidate]:
    """The text of the file in each encoding in which it is text, the likelier ones first.

    It shows only the few cells that differ between the readings. For encodings with the same reading,
    windows-1252 stands for all, else the first: nobody looks for German in windows-1250.
    """
    data = b"\n".join(sample.lines)
    ratings: dict[str, tuple[float, bool, str]] = {}
    for name, codec in ENCODINGS.items():
        text = _decoded(data, codec) if not codec.startswith("utf-16") else None
        if text is None or any(unicodedata.category(each) in _NO_TEXT for each in set(text) - {"\n", "\t"}):
            continue
        share = _share(text, codec) if codec in _JUDGED else 0.0
        if codec == "utf-8":  # bytes of hanzi may be UTF-8 by chance: such a reading comes after likely ones
            share = 1.0 if all(map(_is_word, _WORD.findall(text))) else _UNLIKELY
        likeness = share, name == _USUAL
        if text not in ratings or ratings[text] < (*likeness, ""):
            ratings[text] = *likeness, name
    likely = sorted(ratings, key=lambda text: -ratings[text][0])[:_MOST_READINGS]
    columns = [_CELL.split(text) for text in likely]  # as many of each: no delimiter is in a character
    cells = dict.fromkeys(zip(*columns, strict=True))
    shown: list[tuple[str, ...]] = []
    told_apart = 1
    while len(shown) < _SHOWN and told_apart < len(likely):
        best = max(cells, key=lambda each: len(set(zip(*shown, each, strict=True))))
        shown.append(best)
        told_apart = len(set(zip(*shown, strict=True)))
    return [
        Candidate(ratings[text][2], tuple(each[place].strip('" ') for each in shown))
        for place, text in enumerate(likely)
    ]


def _decoded(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


_HANZI_ALONE = re.compile(rb"(?<![A-Za-z])(?:[\xc2-\xd7][\xa1-\xbf])+(?![A-Za-z])")
_OUTSIDE = re.compile(rb"[\x80-\xff]+")
_WORD = re.compile(r"[A-Za-z\x80-\U0010ffff]+")
_MARK_LEFT = re.compile(r"[\u0300-\u036f]")
_OF_ONE_SCRIPT = {"Lu", "Ll", "Lm", "Lo", "Mn", "Nd", "Sm"}
_OF_ANY_SCRIPT = {"COMBINING", "FEMININE", "MASCULINE", "MICRO", "MODIFIER"}  # as their names begin


def _by_chance(utf8: bytes, *, whole: bool) -> bool:
    """True if bytes outside ASCII are so few that another encoding could have written them.

    Either they are no words in UTF-8, or all of a whole file's are frequent hanzi in GB18030 as well.
    """
    runs = _OUTSIDE.findall(utf8)
    if not 0 < sum(map(len, runs)) <= _MOST_CHANCE:
        return False
    # Beside lines that are no UTF-8, ü and é alone are words: the other lines are the fault of somebody.
    if whole and _HANZI_ALONE.findall(utf8) == runs:
        return True
    return not all(map(_is_word, _WORD.findall(utf8.decode())))


def _is_word(word: str) -> bool:
    """True if a word of UTF-8 could be one in a language; see the reasons at the lines."""
    categories = [unicodedata.category(each) for each in word]
    # 郑倩 in GB18030 begins with a mark of Hebrew, and 窦建 is no character at all.
    if categories[0] == "Mn" or not _NO_TEXT.isdisjoint(categories):
        return False
    # Decomposed letters are composed again. POSPÍŠIL in windows-1250 has a mark that belongs to no letter.
    if _MARK_LEFT.search(unicodedata.normalize("NFC", word)):
        return False
    # 佟平 in GB18030 is a digit of Arabic with a Latin letter. Three bytes are hardly ever UTF-8 by chance.
    names = [
        unicodedata.name(each)
        for each, category in zip(word, categories, strict=True)
        if each < "\u0800" and category in _OF_ONE_SCRIPT
    ]
    return len({name.partition(" ")[0] for name in names} - _OF_ANY_SCRIPT) <= 1


def _by_chardet(data: bytes) -> str | None:
    """The text as chardet reads it, in an encoding that is judged here; `None` where it is not installed."""
    try:
        import chardet
    except ModuleNotFoundError:  # one judge alone decides nothing: the encoding stays open
        return None
    encoding = chardet.detect(data, include_encodings=list(_JUDGED), compat_names=False)["encoding"]
    return _decoded(data, encoding) if encoding else None


# The rule of our own

_NO_TEXT = {"Cc", "Cn", "Co", "Cs"}
_PUNCTUATION = frozenset("’‘‚“”„–—…«»‹›€§°´`ªº·№\u00a0\u3000、，。：；（）「」・々〇ー")
_LETTERS = re.compile(r"[^\W\d_]+")
# An ordinal ends a number or a short word: 1º, Mª, Drª. In windows-1250 the bytes are Ş and ş (Şahin, Nemeş).
_NO_ORDINAL = re.compile(r"[ªº][^\W\d_]|[^\W\d_]{3}[ªº]")

_ALPHABETS: Mapping[str, tuple[str, ...]] = {
    "cp1252": (
        *("äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúü", "àçéèíïóòúü", "áâãàçéêíóôõúü", "àèéìíîòóùú", "áéëïíóöü"),
        *("æøåéö", "åäöé", "áæéðíóöúýþ"),
    ),
    "cp1250": (
        *("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ", "äöüß", "çë"),
    ),
    "iso8859-2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ"),
    "cp1254": ("âçğıîöşûüİ",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),
    "cp1251": (
        *("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"),
        "абвгдђежзијклљмнњопрстћуфхцчџш",
    ),
    "koi8-r": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",),
    "cp1253": ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ",),
    "cp1255": ("".join(map(chr, range(0x5D0, 0x5EB))),),
    "cp1256": ("".join(map(chr, range(0x621, 0x653))) + "پچژگکیہے",),
}  # fmt: skip
"""By codec, the letters outside ASCII of each language that it is for: one language has all of a file's."""

_FREQUENT: Mapping[str, re.Pattern[bytes]] = {
    "gb18030": re.compile(rb"[\xb0-\xd7][\xa1-\xfe]"),
    "cp950": re.compile(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]"),
    "cp932": re.compile(rb"[\x88-\x97][\x40-\xfc]|\x98[\x40-\x72]"),
    "euc-jp": re.compile(rb"[\xb0-\xce][\xa1-\xfe]|\xcf[\xa1-\xd3]"),
    "cp949": re.compile(rb"[\xb0-\xc8][\xa1-\xfe]"),
}
"""By codec, the ranges of frequent hanzi, kanji and hangul."""

# All these encodings have letters of other scripts, whose bytes are frequent hanzi in another.
_LETTER = re.compile("[\u00c0-\u052f\u1e00-\u1fff\u3041-\u30fa]")  # Latin, Greek, Cyrillic and kana

_JUDGED = (*_FREQUENT, *_ALPHABETS)


def _share(text: str, codec: str) -> float:
    """The share of characters outside ASCII that could be text in the codec's languages, from 0 to 1."""
    if codec in _FREQUENT:
        return _share_of_frequent(text, codec)
    return float(_fits_an_alphabet(text, codec))


_RUNS = re.compile(r"(?<![A-Za-z])[^\x00-\x7f]+(?![A-Za-z])")


def _share_of_frequent(text: str, codec: str) -> float:
    """The share of frequent characters.

    One beside an ASCII letter does not count: it is half of one in another encoding.
    """
    counts = Counter("".join(_RUNS.findall(text)))
    good = sum(counts[each] for each in counts if each not in _PUNCTUATION and _is_frequent(each, codec))
    total = sum(1 for each in text if each > "\x7f" and each not in _PUNCTUATION)
    return good / total if total else 0.0


@lru_cache(1 << 13)
def _is_frequent(character: str, codec: str) -> bool:
    try:
        in_range = _FREQUENT[codec].fullmatch(character.encode(codec))
    except UnicodeEncodeError:
        return False
    return in_range is not None or _LETTER.fullmatch(character) is not None


def _fits_an_alphabet(text: str, codec: str) -> bool:
    """True if one language has all the letters, and each word has one script and usual capitals."""
    outside = {each for each in text if each > "\x7f"} - _PUNCTUATION
    if not any(outside <= {*letters, *letters.upper()} for letters in _ALPHABETS[codec]):
        return False
    if _NO_ORDINAL.search(text):
        return False
    is_latin = codec in {"cp1252", "cp1250", "iso8859-2", "cp1254", "cp1257"}
    for word in _LETTERS.findall(text):
        if word.isascii():
            continue
        if not is_latin and any(each <= "\x7f" for each in word):
            return False
        cased = word.replace("ß", "")  # has no capital in these encodings: GROß is in capitals
        if not (cased.islower() or cased.isupper() or cased.istitle() or cased.lower() == cased.upper()):
            return False
    return True
