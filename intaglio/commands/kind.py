"""`intaglio kind …`: what can be issued, as data: the kinds there are, a draft of one's own, its proof."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import click

from issuer.identity.home import has_issuer
from issuer.identity.kind import Kinds, read_kind
from issuer.job.rehearsal import rehearse
from issuer.press.document import trial
from issuer.table.source import open_source
from kinds import Kind, openid4vci, shipped
from kinds.check import prove_kind
from kinds.diff import differences, level
from kinds.draft import Outline, draft, renamed, table_outline
from kinds.expected import Expected, Rehearsal, mismatches
from kinds.kind import METADATA, SCHEMA, ItemCell
from kinds.parsing import parse_kind
from kinds.places import claim_places, mdoc_places, path_text, places
from kinds.schema import describes, schema_of
from kinds.shipped import SHIPPED
from wire.files import read_regular, write_durably
from wire.problem import Conflict, Malformed, NotFound
from wire.strict import load_json_object
from wire.text import counted, printable

from ..session import Session
from ..terminal import Result, say, typed, verb

_LOOKED_AT = 1000  # rows of a file that a kind is drafted from
_LARGEST = 1 << 20  # bytes of a JSON file
_BEGINNING = 64  # bytes of a file that are looked at, to tell JSON from CSV
_SHOWN = 10  # differences of a test
_ANY_TABLE = b"""{"name": "table", "version": "1", "nouns": {"en": ["row", "rows"]}, "number": "number",
    "fields": {"number": {"type": "text", "required": true}}}"""
"""A kind that any table can be read as."""

_name = click.argument("name", metavar="NAME|FOLDER")


@click.group()
def kind() -> None:
    """Say what can be issued: which kinds come along, and a kind of your own."""


@verb(kind)
def list_(session: Session) -> Result:
    """List the kinds that come with the program, and those of the issuer in this home."""
    kept = kept_here(session)
    # Of several versions the newest issues.
    newest = {each.name: each for each in reversed([*kept.intact()])} if kept else {}
    kinds = [*map(shipped, SHIPPED), *(each for name, each in newest.items() if name not in SHIPPED)]
    data = [{"name": each.name, "version": each.version, "digest": each.digest} for each in kinds]
    lines = (f"{each.name:12} {', '.join(each.required)}, …" for each in kinds)
    return Result({"kinds": data}, "\n".join(lines))


@verb(kind)
@_name
def show(session: Session, name: str) -> Result:
    """Show the columns that a file for a kind may have. Those with a star have to be there."""
    shown = chosen(name, lambda: kept_here(session))
    fields = [shown.fields[name] for name in shown.columns]
    fields += [field for group in shown.groups.values() for field in (group, *group.fields.values())]
    data = {
        "name": shown.name,
        "reference": shown.reference,
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
    shown = chosen(name, lambda: kept_here(session))
    readable = proved(shown, session)
    others = [each for each in shown.fields if each not in readable]
    words = f"{shown.name} {shown.version}: {counted(len(readable), 'fact')}, each in a place of its own"
    words += f"; nobody can read {', '.join(others)} in it" if others else ""
    schema, paths = schema_of(shown), places(shown)
    elements, claims = mdoc_places(shown), claim_places(shown)
    in_schema = [each for each in paths if any(describes(schema, path) for path in paths[each])]
    data = {
        "name": shown.name,
        "reference": shown.reference,
        "digest": shown.digest,
        "says": list(readable),
        "places": {each: [*map(path_text, paths[each])] for each in paths},
        "in_schema": in_schema,
        "mdoc": {each: path_text(elements[each]) for each in elements},
        "sd_jwt": {each: path_text(claims[each]) for each in claims},
    }
    lines, width = [f"{words}."], max(map(len, paths))
    for each in paths:
        where = ", ".join(map(path_text, paths[each]))
        where = where or ("as a salted hash" if each in shown.hashed else "in no credential")
        unchecked = " (not in the JSON Schema)" if paths[each] and each not in in_schema else ""
        mdoc = f"; mdoc: {path_text(elements[each])}" if each in elements else " (not in the mdoc)"
        claim = f"; SD-JWT VC: {path_text(claims[each])}" if each in claims else ""
        lines.append(f"  {each:<{width}} {where}{unchecked}{mdoc if shown.doctype else ''}{claim}")
    return Result(data, "\n".join(map(printable, lines)))


@verb(kind)
@click.argument("folder", type=click.Path(path_type=Path))
def test(session: Session, folder: Path) -> Result:
    """Hold what a folder's rows.csv becomes by its kind against its expected.json. Nothing is issued.

    Of wrong.csv, where there is one, each row has to be refused as expected.json says.
    """
    tested = read_kind(folder)
    expected = read_expected(folder)
    composer = trial(tested, session.contexts())

    def outcome(name: str) -> Rehearsal:
        return rehearse(open_source(folder / name, kind=tested), composer, expected.day, folder / "files")

    actual = outcome("rows.csv")
    mismatched = [*mismatches(expected.outcome, actual)]
    data = {"name": tested.name, **actual.to_json()}
    if (folder / "wrong.csv").exists() or expected.wrong.findings:
        refused = outcome("wrong.csv")
        mismatched += [f"wrong.csv, {line}" for line in mismatches(expected.wrong, refused)]
        data["wrong"] = refused.to_json()["findings"]
    data["differences"] = mismatched
    if mismatched:
        lines = [
            *mismatched[:_SHOWN],
            *([f"and {len(mismatched) - _SHOWN} more"] if len(mismatched) > _SHOWN else []),
        ]
        return Result(data, "\n".join(map(printable, lines)), 1)
    count = f"{counted(len(actual.records), 'record')}, {counted(len(actual.findings), 'finding')}"
    return Result(data, f"{tested.name} {tested.version}: {count}, as expected.")


def read_expected(folder: Path) -> Expected:
    """The rows that a kind's folder expects. Raises `NotFound` and `Malformed`."""
    path = folder / "expected.json"
    if not path.exists():
        raise NotFound(f"there is no {path}", hint="Begin one as docs/kinds.md shows.")
    try:
        return Expected.parse(read_regular(path, _LARGEST))
    except Malformed as problem:
        raise Malformed(f"{path}: {problem.detail}") from problem


@verb(kind)
@_name
@click.option(
    "--as",
    "form",
    type=click.Choice(["csv", "schema", "type-metadata", "openid4vci"]),
    default="csv",
    help="A CSV, if not given.",
)
def export(session: Session, name: str, form: str) -> Result:
    """Print a kind for others: a CSV file to fill in, with a column for each field, the JSON Schema of its
    credentials, their type metadata (SD-JWT VC), or its configuration for an issuer of OpenID4VCI 1.0."""
    exported = chosen(name, lambda: kept_here(session))
    if form == "csv":
        columns = [*exported.columns]
        columns += [
            ItemCell(group, field, position).name
            for group in exported.groups
            for position in (1, 2)  # more are to be added as they are needed
            for field in exported.groups[group].fields
        ]
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(columns)
        return Result({"columns": columns}, line.getvalue())
    kept = {"schema": SCHEMA, "type-metadata": METADATA}
    document = json.loads(exported.files[kept[form]]) if form in kept else openid4vci.configuration(exported)
    data = {"schema": document} if form == "schema" else document
    return Result(data, json.dumps(document, indent=2, ensure_ascii=False))


@verb(kind)
@click.argument("before", metavar="NAME|FOLDER")
@click.argument("after", metavar="NAME|FOLDER")
def diff(session: Session, before: str, after: str) -> Result:
    """Say whether a version changes how a kind is shown, adds to what it takes, or breaks with it."""
    kinds = chosen(before, lambda: kept_here(session)), chosen(after, lambda: kept_here(session))
    changes = differences(*kinds)
    data = {
        "result": level(changes),
        "kinds": [{"name": each.name, "version": each.version, "digest": each.digest} for each in kinds],
        "changes": [change._asdict() for change in changes],
    }
    titles = " and ".join(f"{each.name} {each.version}" for each in kinds)
    lines = [f"  {change.level:10}  {change.place}: {change.what}" for change in changes]
    return Result(data, "\n".join(map(printable, [f"{titles}: {level(changes)}", *lines])))


@verb(kind)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to read, or the kind to copy: NAME or FOLDER.",
)
def new(session: Session, folder: Path, file: Path) -> Result:
    """Draft a kind into a new folder of its name, to be read through and completed.

    It is made of a CSV file, of another kind, or of the metadata of an issuer of OpenID4VCI.
    """
    path = folder / "kind.json"
    if path.exists():
        raise Conflict(f"{path} is there already")
    if str(file) in SHIPPED or file.is_dir() or _is_kept(session, file):
        return _copied(session, chosen(str(file), lambda: kept_here(session)), folder)
    noun, outline = (
        ("claim", _of_claims(file, folder.name)) if _is_json(file) else ("column", _of_table(file))
    )
    text = draft(folder.name, outline)
    proved(parse_kind({"kind.json": text}), session)
    folder.mkdir(exist_ok=True)
    write_durably(path, text, 0o644)
    say(
        f"{path} has a field for each {noun}. Read it through: names, types, labels, the sentence,",
        "and IRIs of published vocabularies in the place of urn:intaglio:vocab:…",
        "What is issued once stays so. Then:",
        typed("kind", "check", str(folder)),
    )
    return Result({"file": str(path)}, str(path))


def _copied(session: Session, source: Kind, folder: Path) -> Result:
    """The files of a kind under another name, as its first version."""
    copy = renamed(source, folder.name)
    proved(copy, session)
    for path, data in copy.sources.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_durably(folder / path, data, 0o644)
    say(
        f"{folder} has the files of {source.name} {source.version}. Edit them; then:",
        typed("kind", "check", str(folder)),
    )
    return Result({"file": str(folder / "kind.json")}, str(folder / "kind.json"))


def _is_kept(session: Session, file: Path) -> bool:
    """True if there is no such file, and the issuer in this home has a kind of that name."""
    return not file.exists() and (kept := kept_here(session)) is not None and str(file) in kept.names


def _is_json(file: Path) -> bool:
    """True if a file begins as a JSON object does; no row of headings begins so."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(_BEGINNING).removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")


def _of_claims(file: Path, name: str) -> Outline:
    try:
        return openid4vci.configuration_outline(load_json_object(read_regular(file, _LARGEST)), name)
    except Malformed as problem:
        raise Malformed(f"{file.name}: {problem.detail}", hint=problem.hint) from problem


def _of_table(file: Path) -> Outline:
    source = open_source(file, required=(), kind=parse_kind({"kind.json": _ANY_TABLE}))
    rows = itertools.chain.from_iterable(map(source.rows, source.spans))
    return table_outline(source.header, [cells for _, cells in itertools.islice(rows, _LOOKED_AT)])


def proved(kind: Kind, session: Session) -> tuple[str, ...]:
    """The fields that a credential says, proved on what issuing composes. Raises `INVALID_KIND`."""
    contexts = session.contexts()
    return prove_kind(kind, contexts, lambda record: trial(kind, contexts).compose(record, 0))


def kept_here(session: Session) -> Kinds | None:
    """The kinds of the issuer in this home, if there is one. Raises as `Consent.require`."""
    folder = session.home / "issuer"
    session.consent(folder).require_database()  # threat F23, as for the issuer's own commands
    return Kinds(folder) if has_issuer(folder) else None


def chosen(kind: str, kept: Callable[[], Kinds | None]) -> Kind:
    """A kind that comes along, the one in a folder, or the newest of that name that an issuer has kept.

    The folder comes before the kept version: its author may be about to make the next one. `kept` is called
    last, since the issuer's files may lie in a database.
    Raises `NotFound`, `INVALID_KIND`, and as `Kinds.newest`.
    """
    if kind in SHIPPED:
        return shipped(kind)
    try:
        return read_kind(Path(kind))
    except NotFound as problem:  # a name that was mistyped is taken for a folder
        kinds = kept()
        if kinds and kind in kinds.names:
            return kinds.newest(kind)
        shown = ", ".join(dict.fromkeys((*SHIPPED, *(kinds.names if kinds else ()))))
        raise NotFound(problem.detail, hint=f"Name one of {shown}, or the folder of your own.") from problem
