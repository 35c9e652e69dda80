"""The issuer's results in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wire.text import printable

from .bulk import Result
from .issue import Issuer
from .source import Source
from .store import Entry

SHOWN = 20
"""Bad rows named on the terminal; the error file has all."""


def line(entry: Entry) -> str:
    """An edition in one line."""
    edition = f" edition {entry.edition}" if entry.edition > 1 else ""
    revoked = f", revoked {(entry.date or '')[:10]}: {entry.reason.replace('-', ' ')}" if entry.reason else ""
    return printable(f"{entry.number}{edition}  {entry.name}") + revoked


def brief(entry: Entry) -> dict[str, Any]:
    """An edition as the index has it."""
    revoked = {"reason": entry.reason, "date": entry.date} if entry.reason else None
    return {
        "number": entry.number,
        "edition": entry.edition,
        "name": entry.name,
        "logEntry": entry.leaf,
        "revoked": revoked,
    }


def summary(issuer: Issuer, entry: Entry) -> dict[str, Any]:
    """An edition, with the `id` of its credential."""
    return {**brief(entry), "id": issuer.line(entry).credential["id"]}


def card(issuer: Issuer, entry: Entry) -> str:
    """An edition with all that it was made from."""
    stored = issuer.line(entry)
    details = {"id": stored.credential["id"], "log entry": entry.leaf, **stored.record}
    shown = [f"  {name:<16} {printable(str(value))}" for name, value in details.items() if value != ""]
    return "\n".join([line(entry), *shown])


def introduction(issuer: Issuer) -> Iterable[str]:
    """What to know about a new issuer."""
    identity = issuer.identity
    yield f"{printable(identity.name)} is now the issuer {identity.did}"
    yield f"its folder is {issuer.home}: back it up with `intaglio issuer backup FILE`"
    if identity.did.startswith("did:key:"):
        yield "a did:key can never change its key: good for a start, while an institution with a web site"
        yield "wants `intaglio issuer init --url https://…` in a folder of its own, before it issues anything"
    else:
        yield f"publish {issuer.home / 'did.json'} at {identity.document_url}"
    if not issuer.keys.protected:
        yield "the keys lie unencrypted in a file that only you can read; a passphrase would protect copies"
    if not identity.url:
        yield "without a web address the bundles bring the status lists along: hand out bundles"


def mapping(source: Source) -> Iterable[str]:
    """Which column became which field."""
    yield f"{printable(source.path.name)}: which column becomes which field (--map FIELD=COLUMN changes it)"
    same = [field for heading, field in source.mapping.items() if heading == field]
    for heading, field in source.mapping.items():
        if heading != field:
            yield f"{printable(heading)} → {field}"
    if same:
        yield f"by their own names: {', '.join(same)}"
    if source.unused:
        yield f"not used: {printable(', '.join(source.unused))}"


def findings(result: Result) -> list[str]:
    """What is wrong with the first rows, and what is odd about the file."""
    found = [
        str(finding)
        for row in sorted(result.survey.findings)[:SHOWN]
        for finding in result.survey.findings[row]
    ]
    if len(result.survey.findings) > SHOWN:
        found.append(f"… and {len(result.survey.findings) - SHOWN} more rows, all of them in the error file")
    return [*found, *(f"warning: {warning}" for warning in result.survey.warnings)]


def outcome(result: Result) -> dict[str, Any]:
    """What became of a file, as JSON; without the cells' values."""
    survey = result.survey
    return {
        "rows": survey.rows,
        "issued": result.issued,
        "issuedBefore": len(survey.known),
        "failed": len(survey.findings),
        "errors": [
            {"row": finding.row, "column": finding.column, "reason": finding.reason}
            for row in sorted(survey.findings)
            for finding in survey.findings[row]
        ],
        "warnings": survey.warnings,
    }
