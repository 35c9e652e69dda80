"""The names of forms on the command line: those of the wallets' protocols."""

from __future__ import annotations

from collections.abc import Iterable

import click

from vc.forms import INTEGRITY, SD_JWT_VC, VC_JWT

FORM_NAMES = {"application/vc": INTEGRITY, "dc+sd-jwt": SD_JWT_VC, "vc+jwt": VC_JWT}
"""The media types of the forms, by name."""


class _Form(click.Choice[str]):
    """A form by its name, or by its media type as `kind.json`, lists and errors have it."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(form_name(value), param, ctx)


FORM = _Form(list(FORM_NAMES))


def form_name(media_type: str) -> str:
    """The name of a form; of one that has none, its media type."""
    return next((name for name, candidate in FORM_NAMES.items() if candidate == media_type), media_type)


def media_type(name: str | None) -> str | None:
    """The media type of a form that was named, if one was."""
    return None if name is None else FORM_NAMES[name]


def media_types(names: Iterable[str]) -> list[str]:
    """The media types of forms that were named, each once."""
    return list(dict.fromkeys(FORM_NAMES[name] for name in names))
