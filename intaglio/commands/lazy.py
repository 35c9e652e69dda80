"""A group of commands whose modules are loaded when they are called, so that each starts at once."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Mapping
from typing import Any

import click


class Lazy(click.Group):
    """Finds a sub-command when it is called; `--help` needs none of them."""

    def __init__(self, *args: Any, places: Mapping[str, tuple[str, str]], **options: Any) -> None:
        """`places` says of each sub-command its module and name there, and what it does."""
        super().__init__(*args, **options)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's
        if cmd_name not in self.places:
            return None
        module, _, name = self.places[cmd_name][0].partition(":")
        gc.disable()  # what is loaded stays: to look through it for garbage takes a tenth of a start
        try:
            command: click.Command = getattr(importlib.import_module(module), name)
        finally:
            gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.places.items()])
