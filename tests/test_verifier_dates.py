"""Dates without a time zone, which VCDM 1.1 lets a credential have: decided wherever the clocks agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.problems import is_a
from tests.world import Holder, decided, verifier
from vc import Report, Verdict
from vc.problem import MalformedCredential
from vc.vcdm.credential import Credential
from verifier.problem import TIME_ZONE_UNKNOWN
from wire import Malformed
from wire.datetimestamp import parse_datetime

HOLDER = Holder()
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
FARTHEST, SECOND = timedelta(hours=14), timedelta(seconds=1)
SKEW = timedelta(minutes=5)  # more than clocks may differ here, together with a second


def credential(version: int = 1, **change: Any) -> dict[str, Any]:
    context = (
        "https://www.w3.org/2018/credentials/v1" if version == 1 else "https://www.w3.org/ns/credentials/v2"
    )
    return {
        "@context": [context, "https://w3id.org/security/data-integrity/v2"],
        "type": ["VerifiableCredential"],
        "issuer": HOLDER.did,
        "credentialSubject": {"id": "did:example:s"},
        **({"issuanceDate": "2020-01-01T00:00:00Z"} if version == 1 else {}),
        **change,
    }


def check(document: dict[str, Any], now: datetime, suite: str = "eddsa-rdfc-2022") -> Report:
    signed = HOLDER.sign(document, suite=suite, created=datetime(2020, 1, 1, tzinfo=UTC))
    return verifier(HOLDER.trust).verify(signed, now=now)


@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (NOON - FARTHEST - SECOND, Verdict.VALID),
        (NOON - FARTHEST, Verdict.UNDETERMINED),
        (NOON, Verdict.UNDETERMINED),
        (NOON + FARTHEST - SECOND, Verdict.UNDETERMINED),
        (NOON + FARTHEST, Verdict.INVALID),
    ],
    ids=str,
)
def test_the_end(now: datetime, verdict: Verdict, suite: str) -> None:
    report = check(credential(expirationDate="2026-06-30T12:00:00"), now, suite)
    assert report.verdict is verdict, report.to_dict()
    assert is_a(report.deciding and report.deciding.problem, TIME_ZONE_UNKNOWN) is (
        verdict is Verdict.UNDETERMINED
    )


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (NOON - FARTHEST - SKEW - SECOND, Verdict.INVALID),
        (NOON - FARTHEST, Verdict.UNDETERMINED),
        (NOON, Verdict.UNDETERMINED),
        (NOON + FARTHEST - SKEW - SECOND, Verdict.UNDETERMINED),
        (NOON + FARTHEST, Verdict.VALID),
    ],
    ids=str,
)
def test_the_start(now: datetime, verdict: Verdict) -> None:
    report = check(credential(issuanceDate="2026-06-30T12:00:00"), now)
    assert report.verdict is verdict, report.to_dict()
    if verdict is Verdict.UNDETERMINED:
        assert is_a(decided(report).problem, TIME_ZONE_UNKNOWN)


def test_of_two_ends_the_first_that_is_certain_decides() -> None:
    zoned: dict[str, Any] = {"@context": [*credential()["@context"], {"validUntil": _VALID_UNTIL}]}
    both = credential(**zoned, expirationDate="2026-06-30T12:00:00", validUntil="2026-06-30T13:00:00Z")
    assert Credential.parse(both).valid_until == NOON
    assert check(both, NOON + timedelta(hours=2)).verdict is Verdict.INVALID
    assert check(both, NOON).verdict is Verdict.UNDETERMINED


_VALID_UNTIL = {
    "@id": "https://www.w3.org/2018/credentials#validUntil",
    "@type": "http://www.w3.org/2001/XMLSchema#dateTime",
}


def test_version_2_wants_a_zone() -> None:
    """VCDM 2.0, 4.9: a dateTimeStamp."""
    for name in ("validFrom", "validUntil"):
        assert check(credential(2, **{name: "2020-06-30T12:00:00"}), NOON).verdict is Verdict.INVALID


def test_what_ends_before_it_begins_by_every_clock() -> None:
    dates: dict[str, Any] = {"issuanceDate": "2026-06-30T12:00:00", "expirationDate": "2026-06-30T00:00:00Z"}
    Credential.parse(credential(**dates))
    with pytest.raises(MalformedCredential, match="is before"):
        Credential.parse(credential(**{**dates, "expirationDate": "2026-06-29T21:59:59Z"}))


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "2026-02-30T00:00:00", "2026-06-30"]
)
def test_what_is_no_date_by_any_clock(text: str) -> None:
    with pytest.raises(Malformed, match="expirationDate"):
        parse_datetime(text, "expirationDate")


@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"created": "2026-06-30T11:00:00"}, Verdict.VALID),
        ({"created": "2026-06-30T13:00:00"}, Verdict.UNDETERMINED),  # dated ahead
        ({"expires": "2026-06-30T12:00:00"}, Verdict.INVALID),
        ({"expires": "2026-06-30T12:00:01"}, Verdict.VALID),
    ],
    ids=str,
)
def test_the_dates_of_a_proof_are_utc(change: dict[str, str], verdict: Verdict, suite: str) -> None:
    """VC Data Integrity 2.1: without a time zone they are to be read in UTC."""
    from vc import SUITES
    from wire.work import Work

    document = credential()
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": suite,
        "verificationMethod": HOLDER.method,
        "proofPurpose": "assertionMethod",
        **change,
    }
    signed = {**document, "proof": SUITES[suite].create(document, options, HOLDER.key, Work())}
    report = verifier(HOLDER.trust).verify(signed, now=NOON)
    assert report.verdict is verdict, report.to_dict()
