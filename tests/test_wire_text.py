"""Nothing in shown text can steer a terminal or reorder a line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.text import counted, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Zoë Ångström, née Nǐ", "Zoë Ångström, née Nǐ"),
        ("\x1b[2J\x1b[1;32mVALID", "⟨001B⟩[2J⟨001B⟩[1;32mVALID"),
        ("\x9b31m", "⟨009B⟩31m"),
        ("two\nlines\tand\r", "two⟨000A⟩lines⟨0009⟩and⟨000D⟩"),
        ("DILAV\u202e", "DILAV⟨202E⟩"),
        ("\u2066x\u2069", "⟨2066⟩x⟨2069⟩"),
        ("ad\u200bmin", "ad⟨200B⟩min"),
        ("a\u2028b\u2029", "a⟨2028⟩b⟨2029⟩"),
        ("\ufeffBOM \ud800", "⟨FEFF⟩BOM ⟨D800⟩"),
        ("\U000e0041", "⟨E0041⟩"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("ad\u200dmin", "ad⟨200D⟩min"),
        ("م\u200c", "م⟨200C⟩"),
        ("م\u200c\u200cم", "م⟨200C⟩⟨200C⟩م"),
        ("", ""),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None)))
def test_no_control_survives_and_nothing_is_lost_twice(text: str) -> None:
    shown = printable(text)
    dangerous = [c for c in shown if unicodedata.category(c)[0] == "C" and c not in "\u200c\u200d"]
    assert not dangerous
    assert not set(shown) & {"\u2028", "\u2029"}
    assert printable(shown) == shown


def test_one_is_not_many() -> None:
    assert [counted(number, "issuer") for number in (0, 1, 2)] == ["0 issuers", "1 issuer", "2 issuers"]
    assert [counted(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]
