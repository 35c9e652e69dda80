"""The stolen keys: a thief of all keys of an issuer dates a diploma back, and a newspaper knows better.

    python examples/stolen-key/story.py

The newspaper prints the digests of the log's checkpoints. Anyone who keeps its pages, or only their hashes
and dates, can check a diploma offline; a chain is the same with blocks for pages. All people are invented.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from did import METHODS, Resolver
from intaglio.words import report
from issuer import Description, Issuer
from issuer.archive.store import SQLiteIndex
from ledger import (
    KINDS,
    Checkpoint,
    Evidence,
    Fact,
    InvalidEvidence,
    OfCheckpoints,
    Requirement,
    TrustedLedger,
    UnknownLedger,
)
from ledger.evidence import parse_proof
from vc import Bundle, Verdict
from verifier import RecognisedIssuer, RecognisedLog, Trust, Verifier
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.fetch import NoFetcher

KIND = "newspaper.example/notice@v1"


@dataclass
class Newspaper:
    """A ledger that the issuer does not control."""

    name: str = "newspaper:example"
    pages: dict[str, datetime] = field(default_factory=dict)
    """The hash of each page, and when it was printed."""

    def print(self, checkpoint: Checkpoint, now: datetime) -> Evidence:
        """Prints a page with the digest of a checkpoint; anybody may submit one."""
        page = f"Public notices of {now:%Y-%m-%d}\n{checkpoint.digest.hex()}\n".encode()
        self.pages[hashlib.sha256(page).hexdigest()] = now
        return Evidence(KIND, checkpoint.digest, page)

    @property
    def trusted(self) -> TrustedLedger:
        """The trust file entry of a reader who kept the pages."""
        pages = {page: format_datetimestamp(time) for page, time in self.pages.items()}
        return TrustedLedger(KIND, self.name, pages)


def read(ledger: TrustedLedger) -> Newspaper:
    """The pages that a trust file knows. Raises `Malformed`."""
    times = {page: parse_datetimestamp(time, page) for page, time in ledger.parameters.items()}
    return Newspaper(ledger.where, times)


def verify(_: Checkpoint, evidence: Evidence, newspaper: Newspaper) -> Fact:
    """Raises `InvalidEvidence` for a page without the digest, `UnknownLedger` for an unknown page."""
    if evidence.digest.hex().encode() not in evidence.body.split(b"\n"):
        raise InvalidEvidence("the page does not have the digest")
    time = newspaper.pages.get(hashlib.sha256(evidence.body).hexdigest())
    if time is None:
        raise UnknownLedger("the page is not one that is known here")
    return Fact(KIND, newspaper.name, time, "newspaper")


def main() -> None:
    """Tells the whole story. Raises `AssertionError` if a verdict differs from the story's."""
    with tempfile.TemporaryDirectory() as folder:
        story(Path(folder))


def story(folder: Path) -> None:
    newspaper = Newspaper()

    print("1 June: a university issues Ada's diploma. At night the newspaper has its log's checkpoint.")
    university = Issuer.create(
        folder / "university",
        Description("Example University", "https://university.example"),
        lambda: None,
        lambda: at(1, 10),
    )
    genuine = issued(university, "Ada Invented", "Bachelor of Science")
    genuine = with_notice(genuine, newspaper, at(1, 22))

    print("11 June: a thief copies all keys. He sets his clock back, and is a doctor since 1 June.")
    thief = robbed(university, folder / "thief", at(1, 11))
    forged = issued(thief, "Mallory Invented", "Doctor of Medicine")

    print("\nAn employer who trusts the university's log, and its clock:")
    trust = trusting(university)
    check(trust, "Ada", genuine, Verdict.VALID)
    check(trust, "Mallory", forged, Verdict.VALID)

    print("\nAn employer who requires the newspaper:")
    required = requiring(trust, newspaper)
    check(required, "Ada", genuine, Verdict.VALID)
    check(required, "Mallory", forged, Verdict.UNDETERMINED)

    print("\n20 June: the newspaper prints the thief's checkpoint, too; anybody may send one in.")
    forged = with_notice(forged, newspaper, at(20, 22))
    print("The university has noticed, and tells everybody: what is from after 11 June is not ours.")
    warned = requiring(trust, newspaper, until=date(2026, 6, 11))
    check(warned, "Ada", genuine, Verdict.VALID)
    check(warned, "Mallory", forged, Verdict.INVALID)


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 6, day, hour, tzinfo=UTC)


def issued(issuer: Issuer, name: str, title: str) -> Bundle:
    """The bundle of a diploma, as its graduate gets it."""
    given_name, family_name = name.split()
    entry = issuer.issue(
        {
            "diploma_number": f"EX-2026-{given_name}",
            "given_name": given_name,
            "family_name": family_name,
            "programme_title": title,
            "achievement_type": "Degree",
            "award_date": "2026-05-31",
        }
    )
    return issuer.bundle(entry)


def robbed(issuer: Issuer, home: Path, now: datetime) -> Issuer:
    """A thief who has the issuer's keys, and begins its log anew at a time of his choosing."""
    home.mkdir()
    for name in ("issuer.json", "keys.json", "did.json"):
        shutil.copy2(issuer.home / name, home / name)
    shutil.copytree(issuer.home / "kinds", home / "kinds")
    SQLiteIndex(home / "issuer.sqlite").close()
    return Issuer(home, lambda: None, lambda: now)


def with_notice(bundle: Bundle, newspaper: Newspaper, now: datetime) -> Bundle:
    """The bundle with the page that prints the checkpoint whose log contains the diploma."""
    (in_log,) = bundle.evidence
    _, _, checkpoint = parse_proof(in_log.body)
    return replace(bundle, evidence=(in_log, newspaper.print(Checkpoint.parse(checkpoint), now)))


def trusting(issuer: Issuer) -> Trust:
    entry = issuer.trust_entry()
    return Trust().adding(RecognisedIssuer(**entry["issuer"]), RecognisedLog(**entry["log"]))


def requiring(trust: Trust, newspaper: Newspaper, until: date | None = None) -> Trust:
    """A trust list whose log has to be in the newspaper; the issuer is recognised until some day."""
    (log,), (issuer,) = trust.logs, trust.issuers
    strict = replace(log, ledgers=(newspaper.trusted,), requires=Requirement(1, (newspaper.name,)))
    return Trust((replace(issuer, until=until),), (strict,))


def check(trust: Trust, whose: str, bundle: Bundle, expected: Verdict) -> None:
    """Shows the verdict on 21 June, and what step 8 or the reason says."""
    kinds: Mapping[str, OfCheckpoints[Newspaper]] = {KIND: OfCheckpoints(read, verify)}
    verifier = Verifier(Resolver(METHODS, NoFetcher()), trust=trust, evidence_kinds={**KINDS, **kinds})
    result = verifier.verify(bundle.to_bytes(), now=at(21, 12))
    (in_log,) = (check for check in result.checks if check.step == 8)
    print(f"  {whose}: {report.verdict(result.verdict)}")
    print(f"    {report.shown(result.deciding or in_log)}")
    assert result.verdict is expected, result.checks


if __name__ == "__main__":
    main()
