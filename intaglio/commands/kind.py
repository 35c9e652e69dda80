"""`intaglio kind …`: what can be issued, as data: the kinds there are, a draft of one's own, its proof."""

from __future__ import annotations

import csv
import io
import itertools
import json
from pathlib import Path

import click

from issuer.identity.kind import read_kind
from issuer.table.source import open_source
from kinds import Kind, shipped
from kinds.check import prove_kind
from kinds.draft import draft
from kinds.kind import ItemCell
from kinds.parsing import parse_kind
from kinds.schema import schema_of
from kinds.shipped import SHIPPED
from wire.files import write_durably
from wire.problem import Conflict
from wire.text import counted, printable

from ..session import Session
from ..terminal import Result, say, typed, verb

_LOOKED_AT = 1000  # rows of a file that a kind is drafted from
_ANY_TABLE = b"""{"name": "table", "version": "1", "nouns": {"en": ["row", "rows"]}, "number": "number",
    "fields": {"number": {"type": "text", "required": true}}}"""
"""A kind that any table can be read as."""

_name = click.argument("name", metavar="NAME|FOLDER")


@click.group()
def kind() -> None:
    """Say what can be issued: which kinds come along, and a kind of your own."""


@verb(kind)
def list_(session: Session) -> Result:  # noqa: ARG001 -- each command is given one
    """List the kinds that come with the program."""
    kinds = [shipped(name) for name in SHIPPED]
    data = [{"name": each.name, "version": each.version, "digest": each.digest} for each in kinds]
    lines = (f"{each.name:12} {', '.join(each.required)}, …" for each in kinds)
    return Result({"kinds": data}, "\n".join(lines))


@verb(kind)
@_name
def show(session: Session, name: str) -> Result:  # noqa: ARG001 -- as above
    """Show the columns that a file for a kind may have. Those with a star have to be there."""
    shown = chosen(name)
    fields = [shown.fields[name] for name in shown.columns]
    fields += [field for group in shown.groups.values() for field in (group, *group.fields.values())]
    data = {
        "name": shown.name,
        "version": shown.version,
        "digest": shown.digest,
        "fields": [{"name": each.name, "type": each.type, "required": each.required} for each in fields],
    }
    lines = (
        f"{'*' if each.required else ' '} {each.name:32} {each.type:8} {each.labels.get('en', '')}".rstrip()
        for each in fields
    )
    return Result(data, "\n".join(map(printable, lines)))


@verb(kind)
@_name
def check(session: Session, name: str) -> Result:
    """Prove that each fact of a kind ends in its own place of a credential."""
    shown = chosen(name)
    readable = prove_kind(shown, session.contexts())
    others = [each for each in shown.fields if each not in readable]
    words = f"{shown.name} {shown.version}: {counted(len(readable), 'fact')}, each in a place of its own"
    words += f"; nobody can read {', '.join(others)} in it" if others else ""
    data = {"name": shown.name, "version": shown.version, "digest": shown.digest, "says": list(readable)}
    return Result(data, f"{words}.")


@verb(kind)
@_name
@click.option(
    "--as", "form", type=click.Choice(["csv", "schema"]), default="csv", help="A CSV, if not given."
)
def export(session: Session, name: str, form: str) -> Result:  # noqa: ARG001 -- as above
    """Print a CSV file to fill in, with a column for each field, or the JSON Schema of its credentials."""
    if form == "schema":
        schema = schema_of(chosen(name))
        return Result({"schema": schema}, json.dumps(schema, indent=2, ensure_ascii=False))
    filled = chosen(name)
    columns = [*filled.columns]
    columns += [
        ItemCell(group, field, position).name
        for group in filled.groups
        for position in (1, 2)  # more are to be added as they are needed
        for field in filled.groups[group].fields
    ]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(columns)
    return Result({"columns": columns}, line.getvalue())


@verb(kind)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--from", "file", type=click.Path(path_type=Path), required=True, help="The CSV file to read.")
def new(session: Session, folder: Path, file: Path) -> Result:
    """Draft a kind from a CSV file, into a new folder of its name, to be read through and completed."""
    path = folder / "kind.json"
    if path.exists():
        raise Conflict(f"{path} is there already")
    source = open_source(file, required=(), kind=parse_kind({"kind.json": _ANY_TABLE}))
    rows = itertools.chain.from_iterable(map(source.rows, source.spans))
    text = draft(folder.name, source.header, [cells for _, cells in itertools.islice(rows, _LOOKED_AT)])
    prove_kind(parse_kind({"kind.json": text}), session.contexts())
    folder.mkdir(exist_ok=True)
    write_durably(path, text, 0o644)
    say(
        f"{path} has a field for each column. Read it through: names, types, labels, the sentence,",
        "and IRIs of published vocabularies in the place of urn:intaglio:vocab:…",
        "What is issued once stays so. Then:",
        typed("kind", "check", str(folder)),
    )
    return Result({"file": str(path)}, str(path))


def chosen(kind: str) -> Kind:
    """A kind that comes along, or the one in a folder. Raises `NotFound` and `INVALID_KIND`."""
    return shipped(kind) if kind in SHIPPED else read_kind(Path(kind))
