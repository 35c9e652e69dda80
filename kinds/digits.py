"""Numbers with check digits, by the standards that define them.

A check digit detects one wrong digit, and most swapped ones. It proves nothing else: only a register knows
whether the number was ever assigned. Nothing here says which digit is wrong, or what the right one is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple


class CheckDigits(NamedTuple):
    """One sort of number: its form, and the check of its check digits."""

    noun: str
    form: str
    """An I-Regexp for the whole number, without blanks and in capital letters."""
    fits: Callable[[str], bool]


def _resident(number: str) -> bool:
    """ISO 7064 MOD 11-2, which GB 11643 has over all 18 places; X is 10."""
    digits = [*map(int, number[:17]), 10 if number[17] == "X" else int(number[17])]
    return sum(digit << (17 - place) for place, digit in enumerate(digits)) % 11 == 1


def _has_day(number: str) -> bool:
    """True if places 7 to 14 of a resident's number are a day of the calendar (GB 11643-1999, 4.1.2)."""
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return True


_ORGANISATION = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015, table 2: without I, O, S, V and Z


def _organisation(number: str) -> bool:
    """GB 32100-2015, 4.6: powers of 3 as weights, modulo 31. The last place has the weight 1."""
    total = sum(_ORGANISATION.index(each) * pow(3, place, 31) for place, each in enumerate(number[:17]))
    return (total + _ORGANISATION.index(number[17])) % 31 == 0


def _mod_97_10(number: str) -> bool:
    """ISO 7064 MOD 97-10: letters are 10 to 35, and the whole is 1 modulo 97.

    The check digits are 98 minus a remainder, so 02 to 98: 00, 01 and 99 would be second spellings.
    """
    return 2 <= int(number[-2:]) <= 98 and int("".join(str(int(each, 36)) for each in number)) % 97 == 1


def _account(number: str) -> bool:
    """ISO 13616-1, 7: the first four places go behind the others."""
    return _mod_97_10(number[4:] + number[:4])


def _article(number: str) -> bool:
    """GS1 General Specifications, 7.9: weights 3 and 1 by turns, 1 on the last place."""
    return sum(int(each) * (3 if place % 2 else 1) for place, each in enumerate(reversed(number))) % 10 == 0


_LETTERS = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _vehicle(number: str) -> bool:
    """49 CFR 565.15(c) and GB 16735, place 9. Elsewhere than in North America and China it is no check digit.

    The region is the first place of ISO 3780: 1 to 5, or L.
    """
    if number[0] not in "12345L":
        return True
    values = (int(each) if each.isdigit() else _LETTERS[each] for each in number)
    return "0123456789X"[sum(map(int.__mul__, values, _WEIGHTS)) % 11] == number[8]


SCHEMES: Mapping[str, CheckDigits] = {
    "gb11643": CheckDigits("a resident identity number (GB 11643)", "[1-9][0-9]{16}[0-9X]", _resident),
    "gb32100": CheckDigits(
        "a unified social credit code (GB 32100)",
        "[1-9A-HJ-NP-RTUWXY]{2}[0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}",
        _organisation,
    ),
    "iban": CheckDigits("an IBAN (ISO 13616)", "[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}", _account),
    "lei": CheckDigits("an LEI (ISO 17442)", "[0-9A-Z]{18}[0-9]{2}", _mod_97_10),
    "gtin": CheckDigits("a GTIN of 8, 12, 13 or 14 digits", "[0-9]{8}|[0-9]{12,14}", _article),
    "vin": CheckDigits("a vehicle identification number (ISO 3779)", "[0-9A-HJ-NPR-Z]{17}", _vehicle),
}
"""The schemes of check digits, by the name that a field's `check` uses."""

WRONG_DIGIT = "has a wrong digit: its check digits do not fit"
NO_DAY = "has no day of the calendar in places 7 to 14"


def canonical(number: str) -> str:
    """The number as it is kept: without the blanks that group it on paper, in capital letters."""
    return number.replace(" ", "").upper()


def fault(check: str, number: str) -> str:
    """The reason to refuse a number of the right form; empty if nothing is wrong."""
    if check == "gb11643" and not _has_day(number):
        return NO_DAY
    return "" if SCHEMES[check].fits(number) else WRONG_DIGIT
