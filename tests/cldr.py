"""`python -m tests.cldr`: writes the names of months, and those of countries, as CLDR has them.

For when Babel brings a newer CLDR. Names that were read once stay readable only as long as CLDR has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from babel import Locale

import kinds
from kinds.shipped import shipped
from kinds.vocabulary import fold

FOLDER = Path(kinds.__file__).parent
LOCALES: Mapping[str, tuple[str, ...]] = {
    "en": ("en", "en_GB"),
    "de": ("de", "de_AT"),
    "fr": ("fr", "fr_CA"),
    "es": ("es", "es_MX", "es_PE"),
    "ar": ("ar", "ar_AE", "ar_DZ", "ar_LB", "ar_MA", "ar_MR"),
}
"""The locales that are read for each language. Chinese writes months as numbers."""
FURTHER = {"zh-Hant": "zh_Hant", "fr": "fr", "es": "es", "ar": "ar"}
"""The languages of country names that the table of residents, which is for ever, lacks."""


def months() -> dict[str, dict[str, list[str]]]:
    """By language and number, the names of a month in full and cut short, as `days.month_name` has them."""
    return {
        language: {str(month): sorted(_names(locales, month)) for month in range(1, 13)}
        for language, locales in LOCALES.items()
    }


def _names(locales: Iterable[str], month: int) -> set[str]:
    return {
        " ".join(Locale.parse(locale).months[context][width][month].casefold().split()).strip(".")
        for locale in locales
        for context in ("format", "stand-alone")
        for width in ("wide", "abbreviated")
    }


def countries() -> dict[str, dict[str, list[str]]]:
    """By code and language, the names of a country that the table lacks."""
    codes = shipped("resident").fields["nationality"].codes
    names = {
        code: {language: Locale.parse(locale).territories[code] for language, locale in FURTHER.items()}
        for code in sorted({*codes.values()})
    }
    return {
        code: {language: [name] for language, name in each.items() if fold(name) not in codes}
        for code, each in names.items()
    }


def written(value: Any) -> str:
    """JSON as it stands in the files, with a line for each innermost object or list."""
    if isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
        members = ",\n".join(f"{json.dumps(name)}: {written(each)}" for name, each in value.items())
        return "{\n" + members + "\n}"
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """Writes `months.json`, and the countries in `resident/words.json`."""
    (FOLDER / "months.json").write_text(written(months()) + "\n", "utf-8")
    path = FOLDER / "resident" / "words.json"
    words = json.loads(path.read_text("utf-8"))
    words["nationality"]["values"] = countries()
    path.write_text(written(words) + "\n", "utf-8")


if __name__ == "__main__":
    main()
