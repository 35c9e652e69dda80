"""Token status lists (draft-ietf-oauth-status-list-21): its vectors, and every rule broken once."""

from __future__ import annotations

import base64
import json
import tracemalloc
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from did.methods import jwk as did_jwk
from keys import PrivateKey
from ledger import EntryKind, entry
from tests.sd_jwts import b64, digest, framed, jwt
from tests.world import NOW, Holder, University, verifier
from vc import Anchored, Bundle, Report, StatusList, Verdict
from vc.forms import FORMS, SD_JWT_VC, STATUS_KINDS, TOKEN
from vc.forms.sdjwt.claims import STATUS_ENTRY
from vc.problem import UnsupportedForm
from vc.reading import identifier
from vc.secured import Options
from vc.status.kind import Effect, ListFacts, entries, list_forms
from vc.status.token import MEDIA_TYPE, pack_list, token_entry, unpack_list
from vc.vcdm.enveloped import Enveloped
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust
from verifier.sources.lists import ListMemory, _time_to_live
from wire import Malformed, TooLarge
from wire.work import Work

ISSUER, STRANGER, SERVICE = Holder(), Holder(), Holder()
SECONDS = int(NOW.timestamp())
URI = "https://university.example/status/7.jwt"
FORM = TOKEN.form
ABSENT = object()

# Appendix C of the draft: 2^20 entries, of which these are not 0
ONE_BIT = (
    "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogE"
    "AAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAA"
    "A7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAA"
    "ACAZC8L2AEb"
)
TWO_BITS = (
    "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGV"
    "IAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEB5WwIAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9S"
    "wIAAAAAAAAAAAAAAAAAAACoYUoAAAAAAAAAAAAAAEBqH81gAQw"
)
PLACES = (0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345)


@pytest.mark.parametrize(
    ("lst", "size", "values"),
    [(ONE_BIT, 1, [1] * 11), (TWO_BITS, 2, [1, 2, 1, 3, 1, 1, 2, 1, 1, 2, 3])],
    ids=["one bit", "two bits"],
)
def test_the_vectors_of_the_draft_are_read(lst: str, size: int, values: list[int]) -> None:
    bits = unpack_list(lst, size)
    assert bits.entries == 1 << 20
    assert [bits[place] for place in PLACES] == values
    for place in PLACES:
        bits[place] = 0
    assert not any(bits.bits), "no other entry is set"


@pytest.mark.parametrize(
    ("lst", "size", "values"),
    [
        ("eNrbuRgAAhcBXQ", 1, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
        ("eNo76fITAAPfAgc", 2, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
    ],
)
def test_the_examples_of_the_draft_are_read_and_written(lst: str, size: int, values: list[int]) -> None:
    bits = unpack_list(lst, size)
    assert [bits[index] for index in range(bits.entries)] == values
    made = StatusList(len(values), size)
    for index, value in enumerate(values):
        made[index] = value
    packed = base64.urlsafe_b64decode(pack_list(made) + "==")
    assert zlib.decompress(packed) == zlib.decompress(base64.urlsafe_b64decode(lst + "=="))


def padded(text: str) -> bytes:
    text = "".join(text.split())
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_entries_of_every_size_lie_from_the_lowest_bit_on(size: int) -> None:
    values = [(index * 7 + 3) % (1 << size) for index in range(64)]
    packed = bytearray(64 * size // 8)
    for index, value in enumerate(values):  # 4.1, word for word
        packed[index * size // 8] |= value << index * size % 8
    bits = unpack_list(b64(zlib.compress(bytes(packed), 9)).decode(), size)
    assert [bits[index] for index in range(64)] == values
    assert zlib.decompress(padded(pack_list(bits))) == packed


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("lst", "says", "problem"),
    [
        (5, "no text", Malformed),
        ("eNrbuRgAAhcBXQ=", "base64url", Malformed),
        (b64(b"no zlib").decode(), "not zlib", Malformed),
        (b64(zlib.compress(b"")).decode(), "nothing", Malformed),
        (b64(zlib.compress(b"1") + b"more").decode(), "broken", Malformed),
        (b64(zlib.compress(b"1" * 99)[:-2]).decode(), "broken", Malformed),
        (b64(zlib.compress(bytes((1 << 21) + 1))).decode(), "more than", TooLarge),
    ],
)
def test_what_is_no_list_is_not_unpacked(lst: object, says: str, problem: type[Exception]) -> None:
    with pytest.raises(problem, match=says):
        unpack_list(lst, 1)
    assert unpack_list(b64(zlib.compress(bytes(1 << 21))).decode(), 1).entries == 1 << 24


def test_a_bomb_of_a_gibibyte_is_refused_before_it_is_there() -> None:
    packer = zlib.compressobj(9)
    start_of_stream = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    mebibyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    bomb = b64(start_of_stream + mebibyte * 1024).decode()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpack_list(bomb, 1)
        assert (
            tracemalloc.get_traced_memory()[1] < 8 << 20
        )  # what is packed, and the 2 MiB that a list may have
    finally:
        tracemalloc.stop()


# Verified


def listed(
    value: int = 0,
    *,
    by: Holder = ISSUER,
    size: int = 2,
    header: Mapping[str, Any] | None = None,
    **said: Any,
) -> bytes:
    """A list in which entry 7 has this value, as the draft has it; members that are `ABSENT` are left out."""
    packed = bytearray(64)
    packed[7 * size // 8] |= value << 7 * size % 8
    payload = {
        "sub": URI,
        "iat": SECONDS - 3600,
        "exp": SECONDS + 86_400,
        "ttl": 43_200,
        "status_list": {"bits": size, "lst": b64(zlib.compress(bytes(packed), 9)).decode()},
        **said,
    }
    whole = {"alg": "EdDSA", "typ": "statuslist+jwt", "kid": by.method, **(header or {})}
    return jwt(_present(whole), _present(payload), by.key)


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in members.items() if each is not ABSENT}


def credential(status: object = None, by: Holder = ISSUER) -> bytes:
    status = {"status_list": {"idx": 7, "uri": URI}} if status is None else status
    said = {"iss": by.did, "vct": "urn:example:degree", "name": "Ada", "status": status}
    header = {"alg": "EdDSA", "typ": "dc+sd-jwt", "kid": by.method}
    frame = framed(said, [("name",)])
    return b"~".join((jwt(header, frame.payload, by.key), *frame.disclosures.values(), b""))


def judged(
    found: bytes | None,
    status: object = None,
    *,
    brought: bool = False,
    status_issuers: tuple[str, ...] = (),
    memory: ListMemory | None = None,
) -> Report:
    """What is said of the credential with this list: at its address, or beside the credential."""
    trust = Trust().adding(RecognisedIssuer(ISSUER.did, "U", status_issuers=status_issuers))
    lists = [] if found is None or brought else [{URI: found}.get]
    bundle = Bundle(Enveloped(SD_JWT_VC, credential(status)))
    if brought and found is not None:
        bundle = replace(bundle, status_lists=(Anchored(Enveloped(MEDIA_TYPE, found)),))
    data = bundle.to_bytes()
    return verifier(trust, lists=lists, memory=memory).verify(data, now=NOW)


def code(report: Report) -> str:
    assert report.deciding
    assert report.deciding.problem
    return report.deciding.problem.code


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("brought", [True, False])
@pytest.mark.parametrize("size", [2, 4, 8])
def test_what_its_values_mean(size: int, brought: bool) -> None:
    assert judged(listed(0, size=size), brought=brought)
    revoked = judged(listed(1, size=size), brought=brought)
    assert (revoked.verdict, code(revoked)) == (Verdict.INVALID, "revoked-unexplained")
    suspended = judged(listed(2, size=size), brought=brought)
    assert (suspended.verdict, code(suspended)) == (Verdict.INVALID, "suspended")
    for value in range(3, min(1 << size, 20)):
        report = judged(listed(value, size=size), brought=brought)
        assert (report.verdict, code(report)) == (Verdict.UNDETERMINED, "status-value-unknown")


def test_one_bit_says_revoked_or_not() -> None:
    assert judged(listed(0, size=1))
    assert judged(listed(1, size=1)).verdict is Verdict.INVALID


def test_a_later_list_lifts_a_suspension_but_no_revocation() -> None:
    older: dict[str, Any] = {"iat": SECONDS - 7200}
    trust = Trust().adding(RecognisedIssuer(ISSUER.did, "U"))
    for value, verdict in ((2, Verdict.VALID), (3, Verdict.VALID), (1, Verdict.INVALID)):
        former = Anchored(Enveloped(MEDIA_TYPE, listed(value, **older)))
        bundle = Bundle(Enveloped(SD_JWT_VC, credential()), status_lists=(former,))
        report = verifier(trust, lists=[{URI: listed(0)}.get]).verify(bundle, now=NOW)
        assert report.verdict is verdict


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "of another address": ({"sub": URI + "x"}, "token-list-of-another"),
    "ended before it began": ({"exp": SECONDS - 3600, "iat": SECONDS - 3600}, "token-list-reversed"),
    "of three bits": ({"status_list": {"bits": 3, "lst": "eNrbuRgAAhcBXQ"}}, "malformed"),
    "of bits that are true": ({"status_list": {"bits": True, "lst": "eNrbuRgAAhcBXQ"}}, "malformed"),
    "without a list": ({"status_list": ABSENT}, "malformed-credential"),
    "whose list is none": ({"status_list": {"bits": 1}}, "malformed"),
    "too short": (
        {"status_list": {"bits": 8, "lst": b64(zlib.compress(b"1")).decode()}},
        "invalid-status-list",
    ),
    "without sub": ({"sub": ABSENT}, "malformed-credential"),
    "without iat": ({"iat": ABSENT}, "malformed-credential"),
    "of a moment that is a text": ({"iat": "now"}, "malformed-credential"),
    "with a ttl of 0": ({"ttl": 0}, "malformed-credential"),
    "with a ttl that is a text": ({"ttl": "1"}, "malformed-credential"),
    "whose iss is no text": ({"iss": 5}, "malformed-credential"),
    "of another type": ({"header": {"typ": "JWT"}}, "malformed-credential"),
    "whose kid is no text": ({"iss": ISSUER.did, "header": {"kid": 5}}, "malformed-credential"),
    "whose kid is empty": ({"iss": ISSUER.did, "header": {"kid": ""}}, "malformed-credential"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_each_rule_broken(broken: str) -> None:
    """What came along is refused by its own code; what a server answers leaves it open."""
    change, expected = BROKEN[broken]
    data = listed(**change)
    if broken == "of another address":  # which is found by it, and says another
        assert open_code(data) == expected
        assert judged(data).verdict is Verdict.UNDETERMINED
        return
    if broken != "without sub":
        report = judged(data, brought=True)
        assert (report.verdict, code(report)) == (Verdict.INVALID, expected)
    assert judged(data).verdict is Verdict.UNDETERMINED


def open_code(data: bytes) -> str:
    claims = FORM.read(data, {}, Work()).claims
    with pytest.raises(Exception) as caught:
        TOKEN.open(TOKEN.entry({"idx": 7, "uri": URI}), claims, lambda decode, *said: decode(*said))
    return str(getattr(caught.value, "code", ""))


def test_a_list_of_a_stranger_is_no_list() -> None:
    for brought in (True, False):
        report = judged(listed(by=STRANGER), brought=brought)
        expected = "status-list-by-another" if brought else "status-unknown"  # by what was fetched
        assert (report.verdict, code(report)) == (Verdict.UNDETERMINED, expected)
        assert report.deciding
        assert "by another issuer" in report.deciding.text
    # who says that he is the issuer, and signs with a key of his own
    for claim in ({"iss": ISSUER.did}, {"header": {"kid": ISSUER.method}}):
        report = judged(listed(by=STRANGER, **claim), brought=True)
        assert report.verdict is Verdict.INVALID
        assert code(report).endswith("invalid-proof")


def test_one_whom_the_trust_list_names_signs_it() -> None:
    found = listed(by=SERVICE)
    assert judged(found, status_issuers=(SERVICE.did,))
    assert judged(listed(1, by=SERVICE), status_issuers=(SERVICE.did,)).verdict is Verdict.INVALID
    assert not judged(found)
    assert not judged(found, status_issuers=(SERVICE.did,), brought=True), "in no log"


@pytest.mark.parametrize(
    "header",
    [{"kid": "7"}, {"kid": ABSENT}, {"kid": "https://university.example/#1"}],
    ids=["a number", "none", "an address"],
)
def test_a_key_that_is_named_in_no_did_leaves_it_open(header: dict[str, Any]) -> None:
    found = listed(header=header, iss="https://university.example")
    signatures = FORM.read(found, {}, Work()).signatures(Work())
    assert not signatures.known
    assert signatures.unknown[0].problem.undetermined
    assert not judged(found)


@pytest.mark.parametrize(
    "header", [{"kid": ABSENT}, {"kid": f"#{ISSUER.key.public_key.multikey()}"}], ids=["none", "a fragment"]
)
def test_a_key_is_named_relative_to_the_issuer(header: dict[str, Any]) -> None:
    assert judged(listed(header=header, iss=ISSUER.did))
    key = PrivateKey.generate("P-256")
    did = did_jwk.create(key.public_key)
    found = jwt(
        {"alg": "ES256", "typ": "statuslist+jwt"},
        {"iss": did, "sub": URI, "iat": SECONDS, "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}},
        key,
    )
    secured = FORM.read(found, {}, Work())
    (signed,) = secured.signatures(Work()).known
    assert signed.verification_method == f"{did}#0"
    secured.verify(signed, key.public_key, Work())


def test_dates_count_as_those_of_other_lists_do() -> None:
    ended = judged(listed(exp=SECONDS - 60), brought=True)
    assert (ended.verdict, code(ended)) == (Verdict.UNDETERMINED, "status-list-ended")
    ahead = judged(listed(iat=SECONDS + 86_000), brought=True)
    assert ahead.verdict is Verdict.UNDETERMINED
    assert not judged(listed(nbf=SECONDS + 86_000), brought=True)
    assert judged(listed(nbf=SECONDS - 60, exp=ABSENT), brought=True)
    old = judged(listed(iat=SECONDS - 90 * 86_400, exp=ABSENT))
    assert old
    assert old.status_time == NOW - timedelta(days=90)


def test_for_how_long_an_answer_serves() -> None:
    for ttl, expected in ((60, 60), (0.5, 0.5), (1e9, 86_400), (ABSENT, 300)):
        claims = FORM.read(listed(ttl=ttl), {}, Work()).claims
        assert _time_to_live(claims) == timedelta(seconds=expected)


def test_a_list_for_certain_recipients_leaves_it_open() -> None:
    assert judged(listed(aud="somebody"), brought=True).verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    "status",
    [
        {"status_list": {"idx": -1, "uri": URI}},
        {"status_list": {"idx": "7", "uri": URI}},
        {"status_list": {"idx": True, "uri": URI}},
        {"status_list": {"uri": URI}},
        {"status_list": {"idx": 7}},
        {"status_list": {"idx": 7, "uri": "status/7.jwt"}},
    ],
    ids=str,
)
def test_an_entry_that_is_none_is_refused(status: object) -> None:
    report = judged(listed(), status)
    assert (report.verdict, code(report)) == (Verdict.INVALID, "malformed-credential")


def test_a_position_beyond_the_list_is_refused() -> None:
    report = judged(listed(), {"status_list": {"idx": 999, "uri": URI}}, brought=True)
    assert (report.verdict, code(report)) == (Verdict.INVALID, "invalid-status-list")


def test_another_way_beside_it_leaves_it_open_but_hides_no_revocation() -> None:
    status = {"status_list": {"idx": 7, "uri": URI}, "status_attestation": {}}
    assert judged(listed(), status).verdict is Verdict.UNDETERMINED
    assert judged(listed(1), status).verdict is Verdict.INVALID


def test_the_entry_of_former_releases_is_still_looked_up() -> None:
    """They named the bitstring list, under the IRI of the entry's type."""
    entry_of_before = {"statusPurpose": "revocation", "statusListIndex": "7", "statusListCredential": URI}
    for value, verdict in ((0, Verdict.VALID), (1, Verdict.INVALID)):
        bits = StatusList()
        bits[7] = value
        document = status_list_document(URI, ISSUER.did, bits, valid_from=NOW, lifetime=timedelta(days=1))
        found = json.dumps(ISSUER.sign(document)).encode()
        assert judged(found, {STATUS_ENTRY: entry_of_before}).verdict is verdict


def test_a_list_is_no_credential_and_a_credential_is_no_list() -> None:
    for data in (listed(), Bundle(Enveloped(MEDIA_TYPE, listed())).to_bytes()):
        report = verifier(ISSUER.trust).verify(data, now=NOW)
        assert report.verdict is Verdict.UNDETERMINED
    assert judged(credential()).verdict is Verdict.UNDETERMINED
    university = University()
    bitstring = json.dumps(university.status_lists()[0].document).encode()
    assert judged(bitstring).verdict is Verdict.UNDETERMINED
    other = replace(FORM.read(listed(), {}, Work()).claims, types=("another",))
    with pytest.raises(Exception, match="no token status list"):
        TOKEN.open(TOKEN.entry({"idx": 7, "uri": URI}), other, lambda decode, *said: decode(*said))


def test_the_form_is_for_lists_alone() -> None:
    content: Any
    for content in ({}, b"no list", b"a.b.c", listed(header={"typ": "JWT"})):
        assert not FORM.recognises(content)
    assert FORM.recognises(listed(header={"typ": MEDIA_TYPE}))
    assert identifier(Enveloped(MEDIA_TYPE, listed()), list_forms(FORMS, STATUS_KINDS)) == URI
    for content in ({}, b"no list"):
        with pytest.raises(Malformed):
            FORM.identifier(content)
    with pytest.raises(Malformed):
        FORM.read({}, {}, Work())
    with pytest.raises(UnsupportedForm):
        FORM.secure(None, {}, ISSUER.key, Options(""))  # type: ignore[arg-type]
    with pytest.raises(UnsupportedForm):
        FORM.present([], ISSUER.key, Options(""))
    assert FORM.algorithm(ISSUER.key.public_key) == "EdDSA"
    secured = FORM.read(listed(), {}, Work())
    (signed,) = secured.signatures(Work()).known
    assert secured.covers_meaning(signed)


# Published


def test_what_is_published_is_read_again_with_the_same_bits() -> None:
    bits = StatusList()
    bits[7] = 1
    facts = ListFacts(URI, ISSUER.did, NOW, timedelta(minutes=1))
    made = TOKEN.publish(bits, facts, ISSUER.key, ISSUER.method)
    assert made.entry == entry(EntryKind.STATUS_LIST, padded(digest(made.content)))
    payload = json.loads(padded(made.content.split(b".")[1].decode()))
    assert payload.pop("status_list")["bits"] == 1
    assert payload == {
        "iss": ISSUER.did,
        "sub": URI,
        "iat": SECONDS,
        "exp": SECONDS + 60,
        "ttl": 60,
    }
    claims = FORM.read(made.content, {}, Work()).claims
    opened = TOKEN.open(TOKEN.entry({"idx": 7, "uri": URI}), claims, lambda decode, *said: decode(*said))
    assert opened.bits == bits.bits
    assert TOKEN.effect(TOKEN.entry({"idx": 7, "uri": URI}), opened[7]) is Effect.REVOKED
    assert token_entry(URI.removesuffix(".jwt"), 7) == {"status_list": {"idx": 7, "uri": URI}}
    (named,) = entries(FORMS[SD_JWT_VC].read(credential(), FORMS, Work()).claims, STATUS_KINDS)
    assert named.stored.list_url == URI.removesuffix(".jwt")
