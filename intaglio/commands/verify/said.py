"""The subject of a report's verdict, in a sentence for each credential."""

from __future__ import annotations

from vc import Report
from vc.report import StatusTime
from verifier.sources.trust import TrustSource
from verifier.summary import summarize
from wire.text import printable

from ...words import report as words
from ...words import tr

_LONGEST = 4 * words.LONGEST  # characters of a row; a sentence more goes beyond it


def said(report: Report, trust: TrustSource) -> list[tuple[str, StatusTime | None]]:
    """A sentence for each valid credential, with its status if any; else the reason for the verdict."""
    if not report:
        return [(words.reason(report), None)]
    if not report.has_claims:
        holder = printable(str(report.holder))
        return [(tr("the presenter has the DID {did}; nothing else was shown").format(did=holder), None)]
    return [
        (words.sentence(summarize(credential, trust, kind)), status)
        for credential, kind, status in zip(report.require(), report.by_kind, report.statuses, strict=True)
    ]


def in_a_row(report: Report, trust: TrustSource) -> str:
    """The same in one line for the table; longer text is cut, and ends with an ellipsis."""
    line = ""
    for text, status in said(report, trust):
        if len(line) > _LONGEST:
            return f"{line}; …"
        day = words.as_of(status)
        line += ("; " if line else "") + (f"{day}: {text}" if day else text)
    return line
