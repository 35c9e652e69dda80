"""The issuer's results in words and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from textwrap import wrap
from typing import Any

from did import issuer_metadata
from issuer.archive.kept import Entry
from issuer.archive.listing import ClaimedBy
from issuer.identity.home import METADATA_NAME, STATED, Identity
from issuer.issuer import Issuer
from issuer.job.bulk import Issued
from issuer.job.changes import Change
from issuer.table.finding import CellFinding
from issuer.table.sheet import SheetTable
from issuer.table.source import Source
from kinds.kind import Noun
from wire.datetimestamp import format_datetimestamp
from wire.problem import Conflict
from wire.text import counted, printable

from ...terminal import typed
from ...words.language import tr
from ...words.remedies import REMEDIES
from ..forms import form_name

SHOWN = 20
"""Lines of faults, changed rows and warnings on the terminal; the error file and --json have all."""

SINGLY = 3
"""Rows with the same fault, each of which gets a line of its own."""

WIDTH = 76  # of lines that list columns

REFUSED_BY: Mapping[str, Sequence[str]] = dict.fromkeys(
    ("eddsa-jcs-2022", "ecdsa-rdfc-2019", "ecdsa-jcs-2019"),
    ("@digitalcredentials/verifier-core", "openbadgeslib"),  # of ours they know eddsa-rdfc-2022 only
)
"""By suite, those verifiers of docs/interoperability.md that refuse its proofs."""


def lines(issuer: Issuer) -> Callable[[Entry], str]:
    """Returns a function that shows a copy of an edition in one line, with its kind if there are several."""
    return partial(line, with_kind=len(issuer.kinds.names) > 1)


def line(entry: Entry, *, with_kind: bool = False) -> str:
    """A copy of an edition in one line, with its form where that is not the issuer's own."""
    edition = f" edition {entry.edition}" if entry.edition > 1 else ""
    edition += f" copy {entry.copy}" if entry.copy > 1 else ""
    edition += f" as {form_name(entry.form)}" if entry.form else ""
    kind = f"{entry.kind} " if with_kind else ""
    what = "suspended" if entry.is_suspended else "revoked"
    ended = f", {what} {(entry.date or '')[:10]}: {entry.reason.replace('-', ' ')}" if entry.reason else ""
    name = f"  {entry.name}" if entry.name else ""  # a device has none
    return printable(f"{kind}{entry.number}{edition}{name}") + ended


def brief(entry: Entry) -> dict[str, Any]:
    """An edition as the index has it."""
    ended = {"reason": entry.reason, "date": entry.date} if entry.reason else None
    return {
        "kind": entry.kind,
        "number": entry.number,
        "edition": entry.edition,
        "copy": entry.copy,
        "name": entry.name,
        "logEntry": entry.leaf,
        "revoked": None if entry.is_suspended else ended,
        **({"suspended": ended} if entry.is_suspended else {}),
        **({"form": entry.form} if entry.form else {}),
    }


def with_claim(issuer: Issuer, entry: Entry) -> dict[str, Any]:
    """An edition as the index has it, and who has claimed it."""
    return {**brief(entry), "claimed": claim(issuer.listing.claim(entry))}


def claim(claimed: ClaimedBy | None) -> dict[str, str | None] | None:
    """The wallet's DID, and when it claimed, if the form of the credential says so."""
    if claimed is None:
        return None
    return {"holder": claimed.holder, "date": format_datetimestamp(claimed.time) if claimed.time else None}


def claimed_line(issuer: Issuer, entry: Entry) -> str:
    """An edition in one line, with who has claimed it."""
    return f"{lines(issuer)(entry)}, claimed {_claim(issuer.listing.claim(entry))}"


def _claim(claimed: ClaimedBy | None) -> str:
    if claimed is None:
        return ""
    day = f"{claimed.time:%Y-%m-%d} " if claimed.time else ""
    return f"{day}by {printable(claimed.holder)}"


def summary(issuer: Issuer, entry: Entry) -> dict[str, Any]:
    """An edition, with the `id` of its credential."""
    return {**brief(entry), "id": issuer.line(entry).id}


def card(issuer: Issuer, entry: Entry) -> str:
    """An edition with all that it was made from."""
    stored = issuer.line(entry)
    copies = len(issuer.copies(entry))
    forms = dict.fromkeys(
        form_name(issuer.issued_as.media_type(each.form)) for each in issuer.editions(entry)
    )
    details = {
        "id": stored.id,
        "log entry": entry.leaf,
        **({"copies": copies} if copies > 1 else {}),
        **({"forms": ", ".join(forms)} if len(forms) > 1 else {}),
        "claimed": _claim(issuer.listing.claim(entry)),
    }
    filled = {name: value for name, value in {**details, **stored.record}.items() if value != ""}
    width = max(map(len, filled))
    shown = (
        f"  {name:<{width}} {printable(_said(each))}"
        for name, value in filled.items()
        for each in _each(value)
    )
    return "\n".join([lines(issuer)(entry), *shown])


def _said(value: object) -> str:
    """A value as a spreadsheet would have it, and as `--set` takes it."""
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    return str(value)


def _each(value: object) -> Iterator[object]:
    """The items of a group, else the value itself."""
    for item in value if isinstance(value, list) else [value]:
        cells = item.items() if isinstance(item, dict) else ()
        yield ", ".join(f"{name}: {cell}" for name, cell in cells if cell != "") if cells else item


def introduction(issuer: Issuer) -> Iterable[str]:
    """The introduction to a new issuer."""
    identity = issuer.identity
    yield f"{printable(identity.name)} is now the issuer {identity.did}"
    yield f"its folder is {issuer.home}: back it up with `{typed('issuer', 'backup')} FILE`"
    if identity.rotates:
        yield f"publish {issuer.shared.where('did.json')} at {identity.document_url}"
        if identity.status_did:
            yield from other_lists(identity)
    else:
        yield (
            "a did:key can never change its key, the only one for credentials and status lists: good for a "
            "start, while an institution with a web site wants "
            "`intaglio issuer --home FOLDER init --url https://…`, before it issues anything"
        )
    if not issuer.keys.protected:
        yield "the keys lie unencrypted in a file that only you can read; a passphrase would protect copies"
    if not identity.url:
        yield "without a web address the bundles bring the status lists along: hand out bundles"


def refusals(suite: str) -> Iterator[str]:
    """Name the programs that refuse proofs by a suite; nothing where none does."""
    if names := REFUSED_BY.get(suite):
        yield f"{' and '.join(names)} refuse proofs by {suite}"
        yield "every verifier that we tried accepts eddsa-rdfc-2022, the suite of Ed25519 keys:"
        yield "docs/interoperability.md has the table"
    if suite == "EdDSA":
        yield "many wallets take an SD-JWT VC only if it is signed by ES256: make the issuer with"
        yield "--key-type P-256, before it issues anything"


def other_lists(identity: Identity) -> Iterable[str]:
    """Warn how other programs treat status lists under a DID of their own."""
    yield f"status lists are signed under {identity.status_did}, which your trust file names"
    yield "verifiers built on DCC's or Digital Bazaar's status libraries refuse lists by another issuer than"
    yield "the credential's unless told: `verifyMatchingIssuers: false`"


def of_sheet(sheet: SheetTable) -> Iterable[str]:
    """Remarks on rows of a sheet that are no part of the table, or may surprise."""
    if sheet.above:
        stand = "stands" if sheet.above == 1 else "stand"
        yield f"{counted(sheet.above, 'row')} {stand} above the headings, and no credential comes of it"
    if sheet.hidden:
        what = "taken as the others" if sheet.with_hidden else "left out"
        yield f"{counted(sheet.hidden, 'hidden row')} {what} (--hidden)"


def mapping(source: Source) -> Iterable[str]:
    """The mapping of columns to fields; in short where each heading is the field's name."""
    name = printable(source.path.name)
    if source.sheet:
        name += f", sheet {printable(source.sheet.name)}"
    if not source.constants and source.mapping == {heading: heading for heading in source.header}:
        yield f"{name}: each of the {len(source.header)} columns is the field of its name"
        yield "--map FIELD=COLUMN would change that"
        return
    yield f"{name}: which column becomes which field (--map FIELD=COLUMN changes it)"
    same = [field for heading, field in source.mapping.items() if heading == field]
    for heading, field in source.mapping.items():
        if heading != field:
            yield f"{printable(heading)} → {field}"
    if same:
        yield from wrap(f"by their own names: {', '.join(same)}", WIDTH)
    for field, cell in source.constants.items():
        yield f"in all rows: {field} = {printable(cell)}"
    if source.unused:
        yield from wrap(f"not used: {printable(', '.join(source.unused))}", WIDTH)


def no_place_for_degree() -> Sequence[str]:
    """Advice for a file that names degrees while the template has no place for them."""
    return [
        "degree_name would stand nowhere: template.json has no place for it. To give it one:",
        typed("issuer", "template", "update"),
    ]


def remarks(source: Source, result: Issued, nouns: Noun, kind: str) -> Iterator[Sequence[str]]:
    """The faults of the first rows, oddities of the file, and rows that differ from what was issued.

    `kind` is to be named where a credential is, if several are issued here.
    """
    survey = result.survey
    yield from faults(survey.findings, "listed with --json")
    codes = {finding.code for row_findings in survey.findings.values() for finding in row_findings}
    yield from ([words] for code, words in REMEDIES.items() if code in codes)
    fields = (*source.kind.fields.values(), *source.kind.item_fields.values())
    refusals = {field.refusal for field in fields if field.type == "code"}
    if any(
        finding.reason in refusals for row_findings in survey.findings.values() for finding in row_findings
    ):
        yield [
            "If it is a word of your own, say what it means: --values FILE, with a line WORD=VALUE for each."
        ]
    warnings = _warnings(result, nouns)
    yield from ([f"warning: {warning}"] for warning in warnings[:SHOWN])
    yield from _more(len(warnings), "warning", "listed with --json")
    if survey.changed:
        yield ["What was issued before stays as it is; these rows differ from it:"]
    elif survey.known:
        yield [f"What was issued stays as it is; `{typed('issuer', 'correct')}` changes single {nouns[1]}."]
    yield from (_change(source, change, nouns, kind) for change in survey.changed[:SHOWN])
    yield from _more(len(survey.changed), "row", "listed with --json")


def faults(
    findings: Mapping[int, Sequence[CellFinding]], where: str = "in the error file"
) -> Iterator[Sequence[str]]:
    """The faults of the first rows; the full list stands in `where`."""
    shown = list(_alike(findings))
    yield from ([line] for line in shown[:SHOWN])
    yield from _more(len(shown), "line", where)


def _warnings(result: Issued, nouns: Noun) -> list[str]:
    """Warnings about possible mistakes; none of them stops the job."""
    alike = [
        f"rows {earlier} and {row} differ in nothing that `verify` says of them: two {nouns[1]}, or one?"
        for earlier, row in result.alike
    ]
    return [*result.survey.warnings, *alike]


def _alike(findings: Mapping[int, Sequence[CellFinding]]) -> Iterator[str]:
    """A line a finding in the order of rows; where more than three rows have the same fault, one for all."""
    groups: dict[tuple[str, str], list[CellFinding]] = {}
    for row in sorted(findings):
        for finding in findings[row]:
            groups.setdefault((finding.column, finding.reason), []).append(finding)
    for group in sorted(groups.values(), key=lambda group: group[0].row):
        if len(group) <= SINGLY:
            yield from map(str, group)
        else:
            rows = ", ".join(str(finding.row) for finding in group[:SINGLY])
            first = group[0]
            if first.value and len({finding.value for finding in group}) > 1:
                # Before the reason: behind "write the name as it shall stand" it would read as advice.
                example = f'such as "{printable(first.value[:60])}"'
                fault = f"column {first.column}, {example}: {first.reason}"
            else:
                fault = str(first).partition(", ")[2]
            yield f"{len(group)} rows ({rows}, …), {fault}"


def _more(count: int, noun: str, where: str) -> Iterator[Sequence[str]]:
    if count > SHOWN:
        yield [f"… and {counted(count - SHOWN, f'more {noun}')}, {where}"]


def _change(source: Source, change: Change, nouns: Noun, kind: str) -> Sequence[str]:
    # A cell of an item may have no column of its own.
    headings = {field: source.header[index] for field, index in source.columns.items()}
    columns = ", ".join(headings.get(field, field) for field in change.fields)
    corrections = [word for field, value in change.fields.items() for word in ("--set", f"{field}={value}")]
    words = [change.number, *(["--kind", kind] if kind else []), *corrections]
    remedy = f"{typed('issuer', 'correct')} {shlex.join(words)}"
    if change.revoked:
        remedy = f"{nouns[0]} {change.number} was revoked: a new one needs a number of its own"
    return [printable(f"row {change.row}: {columns}"), printable(remedy)]


def not_written(error: OSError | Conflict) -> Sequence[str]:
    """Advice where credentials are issued and their bundles could not be written to a folder."""
    why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error.detail
    return [
        f"What is issued stays issued, but bundles could not be written: {why}",
        "The same command with --out FOLDER writes them elsewhere and issues nothing twice.",
    ]


def unwitnessed(count: int, nouns: Noun) -> Sequence[str]:
    """Advice where bundles were written that too few witnesses of the log have seen."""
    return [
        f"Too few witnesses of the log have answered: {counted(count, *nouns)} would be left open by whoever "
        "asks for a quorum. Export again later:",
        typed("issuer", "export"),
    ]


def without_address(identity: Identity, nouns: Noun) -> str:
    """The reaction of other programs to credentials whose status list they cannot fetch."""
    if identity.status == STATED:
        return (
            f"Without --url only Intaglio sees which {nouns[1]} were revoked; other programs call them valid."
        )
    return f"Without --url other programs cannot fetch the status list, and refuse these {nouns[1]}."


def to_publish(issuer: Issuer) -> Sequence[str]:
    """The addresses to which status lists must be copied, so that others can fetch them."""
    if not issuer.identity.url:
        return []
    return [f"Copy {issuer.shared.where('status')} to {issuer.identity.url}/status/", *_metadata(issuer)]


def _metadata(issuer: Issuer) -> list[str]:
    """The place for the metadata of an issuer with an address."""
    where = issuer_metadata.location(issuer.identity.address)
    return [f"Copy {issuer.shared.where(f'status/{METADATA_NAME}')} to {where}"] if where else []


def not_heard_of(issuer: Issuer) -> Sequence[str]:
    """The way in which others learn that a credential was revoked or superseded."""
    if issuer.identity.url:
        folder = issuer.shared.where("status")
        return [f"Others see it when they fetch the lists; copy {folder} to {issuer.identity.url}/"]
    return [
        "Others do not hear of it: there is no web address to fetch lists from, and bundles that were handed "
        "out before bring an older list along, until that ends. Tell them, or hand out the bundles anew."
    ]


def without_evidence(url: str | None) -> str:
    """The consequences of bundles without evidence, stated before any is made."""
    left_out = "Log proofs and status lists stay out of the bundles: offline the verdict is open"
    if url:
        return f"{left_out}, and verifiers will ask {printable(url)}."
    return f"{left_out}, and this issuer has no web address for verifiers to ask."


def outcome(result: Issued, nouns: Noun) -> dict[str, Any]:
    """The outcome of a file, as JSON; it has only those cells that tell persons apart in warnings."""
    survey = result.survey
    return {
        "rows": survey.rows,
        "issued": result.issued,
        "issuedBefore": len(survey.known),
        "changed": [
            {"row": change.row, "number": change.number, "fields": list(change.fields)}
            for change in survey.changed
        ],
        "failed": len(survey.findings),
        "errors": [
            {"row": finding.row, "column": finding.column, "code": finding.code, "reason": finding.reason}
            for row in sorted(survey.findings)
            for finding in survey.findings[row]
        ],
        "warnings": _warnings(result, nouns),
        **({"added": result.added} if result.added else {}),
        **({"nextNumber": result.next_number} if result.next_number else {}),
    }
