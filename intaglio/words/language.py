"""The current language of all words: English from the source, others from catalogues beside this file.

English reads no file and imports nothing, so that a command starts at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

LANGUAGES = ("en", "zh", "de")
"""The languages to choose from: English, Simplified Chinese, and German."""

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "intaglio"

_SIMPLIFIED = ("zh", "zh_cn", "zh_sg", "zh_hans")
_catalogue: ContextVar[NullTranslations | None] = ContextVar("catalogue", default=None)


def speak(language: str) -> None:
    """Set the current language, one of `LANGUAGES`, in this context and in all that it calls."""
    if language == "en":
        _catalogue.set(None)
        return
    from gettext import translation  # which English does not need

    _catalogue.set(translation(DOMAIN, FOLDER, [language]))


@contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Set the current language for a block; `None` leaves it as it is."""
    before = _catalogue.get()
    if language is not None:
        speak(language)
    try:
        yield
    finally:
        _catalogue.set(before)


def language_of(environment: Mapping[str, str]) -> str:
    """The environment's language (POSIX: LC_ALL, LC_MESSAGES, LANG; the first that is set), or English.

    A further language needs a line here.
    """
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for name in names if (value := environment.get(name))), "")
    spoken = locale.partition(".")[0].partition("@")[0].lower()
    if spoken in _SIMPLIFIED:
        return "zh"
    return "de" if spoken.partition("_")[0] == "de" else "en"


def language() -> str:
    """The current language, one of `LANGUAGES`."""
    catalogue = _catalogue.get()
    return "en" if catalogue is None else catalogue.info()["language"]


def in_english() -> bool:
    """True if English is the current language."""
    return _catalogue.get() is None


def tr(text: str) -> str:
    """A text of the program in the current language."""
    catalogue = _catalogue.get()
    return text if catalogue is None else catalogue.gettext(text)


def tr_in(context: str, text: str) -> str:
    """The same for a text whose meaning depends on a context."""
    catalogue = _catalogue.get()
    return text if catalogue is None else catalogue.pgettext(context, text)


def tr_count(singular: str, many: str, count: int) -> str:
    """The singular or plural form for a number, which replaces `{count}` in it."""
    catalogue = _catalogue.get()
    text = (
        (singular if count == 1 else many) if catalogue is None else catalogue.ngettext(singular, many, count)
    )
    return text.format(count=count)


def by_code(code: str) -> str | None:
    """The sentence that the language has for a code; `None` where it has none, and in English."""
    catalogue = _catalogue.get()
    text = code if catalogue is None else catalogue.pgettext("sentence", code)
    return None if text == code else text
