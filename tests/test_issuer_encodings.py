"""The encoding of a registrar's file: found, asked for, or said; never a silent wrong guess."""

from __future__ import annotations

import contextlib
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from intaglio.words import remedy
from issuer.problem import EncodingOpen
from issuer.table.encoding import ENCODINGS, codec_of, marked, readings, sampled
from issuer.table.source import open_source
from tests.world import HEADER, graduate, table

NAMES = ("张敏", "O'Brien-Müller", "Nguyễn Thị Ánh", "Łukasz", "Иванов", "العربية", "田中", "Seán", "Müller")
WORLDS = {
    "gb18030": ("张敏", "王伟", "欧阳修", "刘洋", "陈婷", "赵鑫"),
    "big5": ("張敏", "陳大文", "黃小明", "林志玲"),
    "shift-jis": ("田中", "山田さくら", "佐藤健", "表ソ"),
    "windows-1252": ("Müller", "Jürgen Weiß", "Größe"),
    "windows-1251": ("Иванов", "Анна Петрова", "Щукин"),
    "windows-1256": ("العربية", "محمد"),
}


def read(path: Path, encoding: str = "", span_rows: int = 4) -> list[list[str]]:
    source = open_source(path, encoding=encoding, span_rows=span_rows)
    return [cells for span in source.spans for _, cells in source.rows(span)]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("encoding", WORLDS)
def test_a_file_of_one_language_is_read_without_a_question(tmp_path: Path, encoding: str) -> None:
    names = WORLDS[encoding] * 4
    rows = [graduate(row, given_name=name, remarks='"') for row, name in enumerate(names)]
    path = tmp_path / "g.csv"
    path.write_bytes(table(rows, lineterminator="\r\n").encode(ENCODINGS[encoding]))
    assert [cells[1] for cells in read(path)] == list(names)
    assert open_source(path).encoding == ENCODINGS[encoding]


def test_utf_16_needs_no_mark(tmp_path: Path) -> None:
    rows = [graduate(row, given_name="张一敏") for row in range(3)]  # 一 has a NUL where others have none
    path = tmp_path / "g.csv"
    for encoding in ("utf-16-le", "utf-16-be"):
        path.write_bytes(table(rows).encode(encoding))
        assert read(path) == [list(row.values()) for row in rows]


def test_bytes_inside_a_character_cut_nothing(tmp_path: Path) -> None:
    """Second bytes: 0x5C in Shift-JIS and Big5, digits in GB18030, 0x7C."""
    for encoding, cell in (
        ("shift-jis", "表,ソ\n能\"|'"),
        ("big5", "功,許\n\"蓋'"),
        ("gb18030", "㐀,𠀀\n\"ễ'"),
    ):
        rows = [graduate(row, honours=cell) for row in range(9)]
        path = tmp_path / "g.csv"
        path.write_bytes(table(rows).encode(ENCODINGS[encoding]))
        for span_rows in (1, 2, 4096):
            assert read(path, encoding, span_rows) == [list(row.values()) for row in rows]


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "gb18030"])
def test_a_mark_is_certain_whatever_is_said(tmp_path: Path, mark: str) -> None:
    text = table([graduate(1, given_name="张敏")])
    (tmp_path / "g.csv").write_bytes((("\ufeff" if mark == "gb18030" else "") + text).encode(mark))
    assert [cells[1] for cells in read(tmp_path / "g.csv", "windows-1252")] == ["张敏"]


def test_a_mark_inside_a_file_is_a_character_as_others(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(table([graduate(1, honours="a\ufeffb")]))
    assert read(tmp_path / "g.csv")[0][HEADER.index("honours")] == "a\ufeffb"


def test_an_open_encoding_shows_what_each_reads_and_one_is_said(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_bytes(table([graduate(1, given_name="Muñoz")]).encode("cp1252"))
    with pytest.raises(EncodingOpen) as raised:
        open_source(path)
    assert ("windows-1252", ("Muñoz",)) in raised.value.choices
    assert ("windows-1250", ("Muńoz",)) in raised.value.choices
    assert "windows-1252 or windows-1256" in raised.value.detail
    assert "Mu" not in raised.value.detail + str(raised.value.facts)
    assert "--encoding NAME" in remedy(raised.value)
    assert read(path, "windows-1252")[0][1] == "Muñoz"
    assert read(path, "windows-1250")[0][1] == "Muńoz"


def test_an_eszett_among_capitals_is_in_a_word_of_capitals() -> None:
    """German registries write GROß: such a file is not asked about, and its readings are named as usual."""
    sample = sampled([b"1,M\xdcLLER,J\xf6rg\n2,GRO\xdf,K\xe4the\n3,VON DER TANN,\xc4nnchen\n"])
    assert codec_of(sample) == "cp1252"
    names = [found.encoding for found in readings(sample) if "GROß" in found.cells or "MÜLLER" in found.cells]
    assert names == ["windows-1252"], "of those that say the same, not windows-1250"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("name\n郑倩\n", "gb18030"), ("name\n佟平\n", "gb18030"), ("name\nPOSPÍŠIL\n", "windows-1250")],
)
def test_utf_8_is_behind_likely_readings_where_its_own_is_no_words(text: str, encoding: str) -> None:
    sample = sampled([text.encode(ENCODINGS[encoding])])
    names = [candidate.encoding for candidate in readings(sample)]
    assert names[0] == encoding
    assert "utf-8" in names, "it can still be chosen"


def test_utf_8_is_first_where_its_reading_is_words() -> None:
    assert readings(sampled(["name\nJosé\n".encode()]))[0].encoding == "utf-8"


def test_without_the_second_judge_nothing_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sampled(["张敏,王伟,欧阳修,刘洋\n".encode("gb18030")])
    assert codec_of(sample) == "gb18030"
    monkeypatch.setitem(sys.modules, "chardet", None)
    assert codec_of(sample) is None


def test_ten_bytes_of_gb18030_are_no_korean() -> None:
    sample = sampled(["王伟,李娜".encode("gb18030")])
    assert codec_of(sample) in (None, "gb18030")
    assert "王伟" in next(found for found in readings(sample) if found.encoding == "gb18030").cells


# Their bytes are frequent hanzi, or words with signs that may stand in them, in another encoding.
@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gb18030", "O'Brien-Müller,Иванов"),
        ("gb18030", "Αθηνά,Νίκος"),
        ("gb18030", "Иван,Пётр"),
        ("gb18030", "タロウ,さくら"),
        ("korean", "Łukasz,Иванов"),
        ("korean", "さくら"),
        ("shift-jis", "ИВАНОВ,Олена"),
        ("windows-1250", "Şahin,Jürgen Weiß"),
        ("windows-1250", "Nemeş"),
        ("windows-1250", "NEMEŞ"),
    ],
)
def test_letters_of_a_rarer_script_are_read_as_they_are_or_asked_about(encoding: str, names: str) -> None:
    assert codec_of(sampled([names.encode(ENCODINGS[encoding])])) in (None, ENCODINGS[encoding])


def test_a_japanese_file_in_euc_jp_is_no_chinese_one() -> None:
    """Most of its kanji are frequent hanzi in GB18030, and chardet agrees where it may not say EUC-JP."""
    names = ("鈴木,高橋,情報工学", "林,田中,医学", "山田さくら,佐藤健,法学部")
    for rows in (names, names[:1], names[1:2], names[2:], names * 100):
        assert codec_of(sampled(["\n".join(rows).encode("euc-jp")])) in (None, "euc-jp")
    assert codec_of(sampled(["张敏,王伟,欧阳修,法学,临床医学\n".encode("gb18030")] * 3)) == "gb18030"


def test_utf8_that_could_be_hanzi_is_asked_about() -> None:
    """通 in GB18030 is UTF-8 by chance; so is no word of a Western language, nor a longer text."""
    assert codec_of(sampled(["1,通,2\n".encode("gb18030")])) is None
    for text in ("Müller,é", "Иван", "张敏", "Nguyễn", "Nº 1"):
        assert codec_of(sampled([text.encode()])) == "utf-8"


@pytest.mark.parametrize(
    ("encoding", "name", "as_utf8"),
    [
        ("windows-1250", "POSPÍŠIL", "POSP\u034aIL"),
        ("windows-1250", "NADĚŽDA", "NAD\u030eDA"),
        ("gb18030", "郑倩", "\u05a3ٻ"),  # begins with a mark of Hebrew
        ("gb18030", "卢倩", "¬ٻ"),
        ("gb18030", "佟平", "١ƽ"),
        ("gb18030", "窦建", "\U0007cf68"),  # no character
    ],
)
def test_utf8_that_is_no_word_is_asked_about(encoding: str, name: str, as_utf8: str) -> None:
    """So it is where most lines are UTF-8 by chance, and the others are not."""
    data = name.encode(ENCODINGS[encoding])
    assert data.decode() == as_utf8
    assert codec_of(sampled([b"1," + data + b",2\n"])) is None
    assert codec_of(sampled([data + b"\n", data[:1] + b"\n", data + b"\n"])) is None


@pytest.mark.parametrize(
    "text",
    [
        unicodedata.normalize("NFD", "Nguyễn Ánh"),  # as files of a Mac have it
        *("Gʻulom", "Mª Muñoz", "5 µg", "3×4", "محمد", "שרה לוי", "Çelik,Иван", "A组", "½ ™ €"),
    ],
)
def test_few_words_in_utf8_are_words(text: str) -> None:
    assert codec_of(sampled([text.encode()])) == "utf-8"


@pytest.mark.slow
def test_what_comes_late_in_a_file_is_judged_as_well() -> None:
    """£ukasz would be signed if the first thousand names alone decided."""
    lines = ["1,Müller,Jürgen,Größe\n"] * 2000 + ["2,Weiß,Łukasz,x\n"] + ["1,Müller,Jürgen,Größe\n"] * 9
    assert codec_of(sampled(["".join(lines[:2000]).encode("cp1250")])) == "cp1252", (
        "which is the same for these"
    )
    data = "".join(lines).encode("cp1250")
    blocks = [data[start : start + 1000] for start in range(0, len(data), 1000)]
    assert codec_of(sampled(blocks)) in (None, "cp1250")
    assert any("Łukasz" in found.cells for found in readings(sampled(blocks)))


def test_where_blocks_end_does_not_matter() -> None:
    data = ("a,b\r\n" * 50 + "1,张敏,王伟\r\n" * 30 + "x" * 40).encode("gb18030")
    for size in (1, 2, 3, 7, 64):
        sample = sampled([data[start : start + size] for start in range(0, len(data), size)])
        assert sample.lines == sampled([data]).lines
        assert codec_of(sample) == "gb18030"


@pytest.mark.slow
def test_a_hostile_file_is_sampled_in_bounds() -> None:
    sample = sampled([b"\xfc" * (1 << 20)] * 3 + [b"\xfc\n" * (1 << 19)])
    assert sum(map(len, sample.lines)) <= 1 << 15
    assert marked(b"\0" * 64) is None


cell = st.sampled_from(NAMES)


@pytest.mark.slow
@given(
    st.lists(st.tuples(cell, cell), min_size=1, max_size=6),
    st.sampled_from([*ENCODINGS]),
    st.sampled_from(",;\t"),
)
@example([("张敏", "田中")], "gb18030", ",")
@example([("O'Brien-Müller", "Иванов")], "gb18030", ",")
@example([("Łukasz", "Иванов")], "korean", ",")
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=5 * settings().max_examples,
)
def test_a_table_is_read_as_it_was_written_or_refused(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str]], encoding: str, delimiter: str
) -> None:
    rows = [graduate(row, given_name=one, family_name=two) for row, (one, two) in enumerate(names)]
    path = tmp_path_factory.getbasetemp() / "encoded.csv"
    try:
        path.write_bytes(table(rows, delimiter=delimiter).encode(ENCODINGS[encoding]))
    except UnicodeEncodeError:
        return  # the encoding does not hold them
    assert read(path, encoding) == [list(row.values()) for row in rows]
    with contextlib.suppress(EncodingOpen):
        assert read(path) == [list(row.values()) for row in rows]
