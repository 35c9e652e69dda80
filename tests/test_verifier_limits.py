"""Input made to cost: refused, or answered, with bounded work and memory; nothing is ever asked of it."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from did import METHODS, Resolver
from intaglio.words import remedy
from ledger import KINDS, Evidence, Fact, OfEntries, TrustPolicy
from ledger.evidence import TLOG_PROOF
from tests.loopback import Authority, Site, response
from tests.world import CONTEXT, NOW, Holder, University, verifier
from vc import Anchored, Bundle, Report, StatusList, Verdict
from vc.forms.integrity import MAX_PROOFS
from vc.possession import MAX_CREDENTIALS
from vc.status import status_entry
from vc.vcdm.schema import Schemas
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.sources.keys import MOST_ASKED
from verifier.status import MOST_UNPACKED
from wire import Unavailable, base64url_encode
from wire.fetch import HttpsFetcher

UNIVERSITY, STRANGER = University(), Holder()
PINNED = UNIVERSITY.pinned
ASKED: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"  # gives every word a meaning


def check(source: Any, trust: Trust | None = None, **options: Any) -> Report:
    return verifier(UNIVERSITY.trust if trust is None else trust).verify(source, now=NOW, **options)


def text(report: Report) -> str:
    return report.deciding.text if report.deciding else ""


def signed(document: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """By a stranger: whoever wants to stall a verifier can sign, too."""
    return STRANGER.sign(document, created=NOW - timedelta(hours=3), **options)


def credential(claims: Mapping[str, Any], **change: Any) -> dict[str, Any]:
    return {
        "@context": [CONTEXT[0], EXAMPLES],
        "type": ["VerifiableCredential"],
        "issuer": STRANGER.did,
        "credentialSubject": claims,
        **change,
    }


# 27: bytes that no JSON has, or that no program should follow

UNREADABLE: dict[str, Callable[[bytes], bytes]] = {
    "NaN": lambda data: data.replace(b'"validFrom"', b'"x":NaN,"validFrom"'),
    "1e400": lambda data: data.replace(b'"validFrom"', b'"x":1e400,"validFrom"'),
    "a long integer": lambda data: data.replace(b'"validFrom"', b'"x":1%b,"validFrom"' % (b"0" * 400)),
    "half of a surrogate pair": lambda data: data.replace(b"Ada", rb"\ud800"),
    "the same in a name": lambda data: data.replace(b'"validFrom"', rb'"\udfff":1,"validFrom"'),
    "no UTF-8": lambda data: data.replace(b"Ada", b"\xed\xa0\x80"),
    "100,000 lists": lambda data: data.replace(
        b'"validFrom"', b'"x":%b,"validFrom"' % (b"[" * 100_000 + b"]" * 100_000)
    ),
    "100,000 objects": lambda data: data.replace(
        b'"validFrom"', b'"x":%b1%b,"validFrom"' % (b'{"a":' * 100_000, b"}" * 100_000)
    ),
    "something behind": lambda data: data + b"{}",
    "8 MiB and a byte": lambda data: data + b" " * ((1 << 23) + 1 - len(data)),
}


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [(b"%PDF-1.7\n", "a PDF"), (b"\x89PNG\r\n\x1a\n", "a picture"), (b"PK\x03\x04", "ZIP")],
)
def test_another_kind_of_file_is_named(beginning: bytes, kind: str) -> None:
    (found,) = check(beginning + bytes(range(256))).checks
    assert found.problem is not None
    assert (kind in found.text, "(.json)" in remedy(found.problem)) == (True, True)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("damage", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_bytes_that_are_no_json_are_refused_before_anything_else(damage: Callable[[bytes], bytes]) -> None:
    data = UNIVERSITY.issue(index=1).to_bytes()
    assert check(data)
    damaged = damage(data)
    assert damaged != data
    report = check(damaged)
    assert (report.verdict, [found.name for found in report.checks]) == (Verdict.UNDETERMINED, ["readable"])


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


NO_JSON = {
    "half of a surrogate pair": "\ud800",
    "not a number": float("nan"),
    "infinite": float("inf"),
    "a number beyond all": 10**400,
    "deep": deep(500),
    "bytes": b"x",
    "a name that is no text": {1: 2},
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_a_lenient_parser_made_of_them_is_refused_as_well(value: Any) -> None:
    whole = json.loads(UNIVERSITY.issue(index=2).to_bytes())
    for place in (
        whole["credential"],
        whole["credential"]["proof"][0],
        whole["evidence"][0],
        whole["issuerDocuments"][0]["document"],
        whole["statusLists"][0]["document"],
        whole["statusLists"][0]["evidence"][0],
    ):
        for name in [*place, "more"]:
            before = place.get(name)
            place[name] = value
            assert not check(whole), name
            if before is None:
                del place[name]
            else:
                place[name] = before
    assert check(whole)


def test_a_bundle_that_was_read_can_be_written_again() -> None:
    whole = json.loads(UNIVERSITY.issue(index=2).to_bytes())
    whole["issuerDocuments"].append({"document": {"x": 10**30}})
    assert (check(json.dumps(whole).encode()).verdict, check(whole).verdict) == (Verdict.UNDETERMINED,) * 2


@pytest.mark.parametrize(
    "change",
    [{"version": "x" * 10_000}, {"x" * 10_000: 1}],
    ids=["version", "member"],
)
def test_what_a_stranger_wrote_is_cut_short_in_messages(change: dict[str, Any]) -> None:
    whole = {**json.loads(UNIVERSITY.issue(index=2).to_bytes()), **change}
    assert len(text(check(whole))) < 300


# 31, 32: contexts


@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
def test_a_context_is_never_fetched(suite: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    site = Site(lambda path: response(200, b'{"@context": {}}'), authority.server_context("localhost"))
    with site.running():
        document = UNIVERSITY.sign(UNIVERSITY.diploma(index=3), suite=suite)
        document["@context"] = [*document["@context"], site.url("/context.json")]
        fetcher = HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file)
        online = Verifier(Resolver(METHODS, fetcher), trust=PINNED)
        assert online.verify(document, now=NOW).verdict is Verdict.UNDETERMINED
    assert site.requests == []


@pytest.mark.quick("many terms")
@pytest.mark.parametrize(
    "context",
    [
        lambda: {f"term{number}": "urn:example:term" for number in range(30_000)},
        lambda: [{f"{number:0900}": "urn:example:term"} for number in range(1_000)],
        lambda: [{"term": f"urn:example:{number}"} for number in range(20_000)],
    ],
    ids=["many terms", "long terms", "many contexts"],
)
def test_a_context_that_costs_is_refused(context: Callable[[], Any]) -> None:
    document = dict(UNIVERSITY.sign(UNIVERSITY.diploma(index=4)))
    costly = context()
    contexts = [*document["@context"], *(costly if isinstance(costly, list) else [costly])]
    assert "too many or too large contexts" in text(check({**document, "@context": contexts}, PINNED))


# 33, 62: work


def alike(levels: int) -> dict[str, Any]:
    """Objects without id that look alike: telling them apart is what RDFC-1.0 is slow at."""
    return {"q": [alike(levels - 1)] * 2} if levels else {"r": 1}


@pytest.mark.slow
def test_a_document_made_to_stall_is_refused() -> None:
    document = {**credential({"p": {"q": [1]}}), "proof": []}
    document = signed({name: value for name, value in document.items() if name != "proof"})
    document["credentialSubject"] = {"p": [alike(6), alike(6)]}
    report = check(document)
    assert (report.verdict, "look alike" in text(report)) == (Verdict.UNDETERMINED, True)


@pytest.mark.slow
def test_many_documents_that_each_stay_below_the_limit_are_refused() -> None:
    """Sixteen credentials with eight proofs each: 128 times the most that one canonicalisation may take."""
    document = credential({"p": [alike(5)]})
    for number in range(MAX_PROOFS):
        document = signed(document, nonce=str(number))
    shown = {"@context": CONTEXT[:1], "type": ["VerifiablePresentation"], "proof": document["proof"]}
    report = check({**shown, "verifiableCredential": [document] * MAX_CREDENTIALS})
    assert report.verdict is Verdict.UNDETERMINED
    checked = [found for found in report.checks if found.name == "signature"]
    assert checked[0].outcome.value == "passed"
    assert checked[-1].outcome.value == "skipped"
    assert [found.text for found in report.checks if found.problem][-1] == (
        "there is more to verify than may come at once"
    )


@pytest.mark.slow
def test_as_many_diplomas_as_a_presentation_holds_are_welcome() -> None:
    """Each with another university's proof, log, document and status list."""
    holder = Holder()
    universities = [University(f"university{number}.example") for number in range(MAX_CREDENTIALS)]
    bundles, trust = [university.issue(index=5) for university in universities], Trust()
    for university in universities:
        trust = trust.joined(university.trust)
    whole = Bundle(
        holder.present(*(bundle.secured for bundle in bundles)),
        tuple(evidence for bundle in bundles for evidence in bundle.evidence),
        tuple(document for bundle in bundles for document in bundle.issuer_documents),
        tuple(document for bundle in bundles for document in bundle.status_lists),
    )
    report = check(whole.to_bytes(), trust, **ASKED)
    assert report, text(report)


@pytest.mark.quick("objects")
@pytest.mark.parametrize(
    "values",
    [lambda: list(range(250_000)), lambda: [{"q": number} for number in range(100_000)]],
    ids=["numbers", "objects"],
)
def test_a_document_of_too_many_values_is_not_canonicalised(values: Callable[[], list[Any]]) -> None:
    document = {**signed(credential({"p": 1})), "credentialSubject": {"p": values()}}
    report = check(json.dumps(document).encode())
    assert (text(report), report.checks[0].name) == (
        "there is more to verify than may come at once",
        "readable",
    )


def test_evidence_that_comes_with_documents_is_verified_once() -> None:
    verified: list[Evidence] = []
    by_proof = KINDS[TLOG_PROOF]
    assert isinstance(by_proof, OfEntries)

    def verify(about: bytes, evidence: Evidence, trust: TrustPolicy) -> Fact:
        verified.append(evidence)
        return by_proof.verify(about, evidence, trust)

    bundle = UNIVERSITY.issue(index=6)
    (document,) = bundle.issuer_documents
    many = (replace(document, evidence=document.evidence * 8),) * 8
    proofs = [{**bundle.secured["proof"][0], "nonce": str(number)} for number in range(MAX_PROOFS)]
    judge = verifier(UNIVERSITY.trust, evidence_kinds={TLOG_PROOF: OfEntries(verify)})
    judge.verify(replace(bundle, secured={**bundle.secured, "proof": proofs}, issuer_documents=many), now=NOW)
    assert verified.count(document.evidence[0]) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"proof": [{}] * (MAX_PROOFS + 1)}, "at most 8"),
        ({"verifiableCredential": [{}] * (MAX_CREDENTIALS + 1)}, "more than 16 credentials"),
        ({"evidence": [{}] * 65}, "more than 64 entries"),
        ({"issuerDocuments": [{}] * 65}, "more than 64 entries"),
        ({"statusLists": [{}] * 65}, "more than 64 entries"),
    ],
)
def test_there_may_be_only_so_many_parts(change: dict[str, Any], said: str) -> None:
    whole = json.loads(
        replace(bundle := UNIVERSITY.issue(index=7), secured=Holder().present(bundle.secured)).to_bytes()
    )
    shown = whole["presentation"]
    (shown if change.keys() & shown.keys() else whole).update(change)
    report = check(json.dumps(whole).encode(), **ASKED)
    assert report.verdict is Verdict.UNDETERMINED
    assert said in text(report)


# 57: status lists


def listed(bits: StatusList, purposes: list[str], **change: Any) -> dict[str, Any]:
    started = NOW - timedelta(days=1)
    document = status_list_document(
        "urn:list:0", STRANGER.did, bits, valid_from=started, lifetime=timedelta(days=9)
    )
    document["credentialSubject"] = {**document["credentialSubject"], "statusPurpose": purposes, **change}
    return document


def test_lists_that_unpack_to_gigabytes_are_refused() -> None:
    """64 lists of 2 MiB that take 2 KB each, looked up for four purposes: 512 MiB, if all were unpacked."""
    purposes = ["revocation", "suspension", "refresh", "message"]
    largest = listed(StatusList(1 << 24), purposes)
    lists = [signed({**largest, "name": str(number)}, suite="eddsa-jcs-2022") for number in range(64)]
    document = signed(
        credential(
            {},
            credentialSubject={"id": "urn:example:x"},
            credentialStatus=[
                {**status_entry("urn:list:0", 5, purpose), "id": f"urn:list:0#{purpose}"}
                for purpose in purposes
            ],
        )
    )
    data = Bundle(document, (), (), tuple(map(Anchored, lists))).to_bytes()
    tracemalloc.start()
    report = check(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.verdict is Verdict.UNDETERMINED
    assert any("unpack to more than" in found.text for found in report.checks)
    assert peak < 3 * MOST_UNPACKED


def _bomb() -> bytes:
    """200 MiB of zeros by gzip: one packed MiB, two hundred times."""
    packer, zeros = zlib.compressobj(wbits=-15), bytes(200 << 20)
    block = packer.compress(zeros[: 1 << 20]) + packer.flush(zlib.Z_FULL_FLUSH)
    trailer = zlib.crc32(zeros).to_bytes(4, "little") + len(zeros).to_bytes(4, "little")
    return gzip.compress(b"")[:10] + block * 200 + packer.flush() + trailer


BOMB = "u" + base64url_encode(_bomb())
SHORT = StatusList(1024).encode()
UNFIT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a bomb": ({"encodedList": BOMB}, {}),
    "no gzip": ({"encodedList": "uAAAA"}, {}),
    "nothing at all": ({"encodedList": "u" + base64url_encode(gzip.compress(b""))}, {}),
    "another multibase": ({"encodedList": "zAAAA"}, {}),
    "too short to hide in": ({"encodedList": SHORT}, {}),
    "for another purpose": ({"statusPurpose": "suspension"}, {}),
    "with entries of another size": ({"statusSize": 2}, {}),
    "no list": ({"type": "Thing"}, {}),
    "an index outside": ({}, {"statusListIndex": "131072"}),
    "a negative index": ({}, {"statusListIndex": "-1"}),
    "an index of a thousand digits": ({}, {"statusListIndex": "9" * 1000}),
}


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(("change", "entry"), UNFIT.values(), ids=UNFIT.keys())
def test_a_list_that_is_unfit_though_its_issuer_signed_it(
    change: dict[str, Any], entry: dict[str, Any]
) -> None:
    trust = Trust().adding(RecognisedIssuer(STRANGER.did))
    undefined = change.keys() & {"statusSize", "type"}  # by the context of such a list
    is_short = change.get("encodedList") == SHORT  # and its bit is not set
    unread = undefined or is_short or change.get("encodedList") == BOMB  # all others were found to be unfit
    found = Verdict.UNDETERMINED if unread else Verdict.INVALID
    for change_, entry_, verdict in (({}, {}, Verdict.VALID), (change, entry, found)):
        status = {**status_entry("urn:list:0", 5), **entry_}
        document = signed(
            credential({"id": "urn:example:x"}, credentialStatus=status), suite="eddsa-jcs-2022"
        )
        list_ = signed(listed(StatusList(), ["revocation"], **change_), suite="eddsa-jcs-2022")
        assert check(Bundle(document, (), (), (Anchored(list_),)), trust).verdict is verdict


# 58: who is asked


class Watched:
    """A fetcher that notes what it is asked for and reaches nobody."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def fetch(self, url: str, *, accept: str = "", limit: int = 0, same_origin: bool = False) -> bytes:
        self.urls.append(url)
        raise Unavailable(f"{url} does not answer")


def test_a_bundle_cannot_make_a_verifier_wait_for_a_hundred_hosts() -> None:
    document = signed(credential({"p": 1}))
    (proof,) = document["proof"]

    def by(number: int) -> dict[str, Any]:
        hosts = [f"did:web:host{number}-{proof_}.example" for proof_ in range(MAX_PROOFS)]
        proofs = [{**proof, "verificationMethod": f"{host}#key"} for host in hosts]
        return {**document, "issuer": hosts[0], "proof": proofs}

    shown = {"@context": CONTEXT[:1], "type": ["VerifiablePresentation"], "proof": [proof]}
    fetcher = Watched()
    online = Verifier(Resolver(METHODS, fetcher), trust=Trust())
    report = online.verify(
        {**shown, "verifiableCredential": [by(n) for n in range(MAX_CREDENTIALS)]}, now=NOW, strangers=True
    )
    assert not report
    assert len(fetcher.urls) == MOST_ASKED


def test_no_host_is_asked_for_an_issuer_that_nobody_recognises() -> None:
    """Unless strangers are let in. Who only signs status lists for somebody on the list issues nothing."""
    by = "did:web:silent.example"
    document = signed(credential({"p": 1}, issuer=by))
    document["proof"] = [{**document["proof"][0], "verificationMethod": f"{by}#key"}]
    known = RecognisedIssuer(by)
    for_lists = RecognisedIssuer(UNIVERSITY.did, status_issuers=(by,))
    for trust, strangers, asked in (
        (Trust(), False, 0),
        (Trust(), True, 1),
        (Trust().adding(known), False, 1),
        (Trust().adding(for_lists), False, 0),
    ):
        fetcher = Watched()
        report = Verifier(Resolver(METHODS, fetcher), trust=trust).verify(
            document, now=NOW, strangers=strangers
        )
        assert (report.verdict, len(fetcher.urls)) == (Verdict.UNDETERMINED, asked)


@pytest.mark.parametrize("genuine", [True, False])
def test_a_presenter_is_looked_up_once_the_rest_has_passed(genuine: bool) -> None:
    """Whoever has nothing to show cannot make a verifier ask a host of his choice."""
    by = "did:web:silent.example"
    bundle = UNIVERSITY.issue(index=4)
    shown = STRANGER.present(bundle.secured if genuine else {**bundle.secured, "name": "x"})
    shown = {**shown, "holder": by, "proof": [{**shown["proof"][0], "verificationMethod": f"{by}#key"}]}
    fetcher = Watched()
    judge = Verifier(Resolver(METHODS, fetcher), trust=UNIVERSITY.trust)
    report = judge.verify(replace(bundle, secured=shown), now=NOW, **ASKED)
    assert fetcher.urls == (["https://silent.example/.well-known/did.json"] if genuine else [])
    assert [found.step for found in report.checks] == list(range(1, 10))
    assert report.verdict is (Verdict.UNDETERMINED if genuine else Verdict.INVALID)
    assert report.checks[1].problem is not None


HOSTS = ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "10.0.0.1", "169.254.169.254"]
HOSTS += [
    "%5B%3A%3A1%5D",
    "%5B%3A%3Affff%3A127.0.0.1%5D",
    "localhost%3A22",
    "uni.example%2Fevil",
    "unı.example",
]
HOSTS += ["user%40uni.example", "uni.example:..", "uni.example:%2e%2e:x", "uni.example%0d%0aHost"]


@pytest.mark.parametrize("host", HOSTS)
def test_no_did_leads_into_the_verifiers_own_network(host: str) -> None:
    did = f"did:web:{host}"
    document = {**signed(credential({"p": 1})), "issuer": did}
    document["proof"] = [{**document["proof"][0], "verificationMethod": f"{did}#key"}]
    resolved: list[str] = []

    def addresses(name: str, port: int) -> list[str]:
        resolved.append(name)
        return ["127.0.0.1"]

    online = Verifier(Resolver(METHODS, HttpsFetcher(addresses=addresses, timeout=1)), trust=Trust())
    report = online.verify(document, now=NOW, strangers=True)
    assert not report
    if host == "localhost":  # a name has to be resolved to be refused
        assert "is this machine itself" in report.checks[2].text
    else:
        assert resolved == []


# 61: schemas

URL = "https://university.example/schema"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://elsewhere.example/schema"},
        {"properties": {"name": {"$ref": "http://127.0.0.1/schema"}}},
        {"allOf": [{"anyOf": [{"$ref": "file:///etc/passwd"}]}]},
        {"$dynamicRef": "https://elsewhere.example/schema"},
        {"$schema": "https://elsewhere.example/meta"},
        {"$id": "https://elsewhere.example/", "$ref": "other"},
    ],
    ids=json.dumps,
)
def test_no_schema_reaches_out(schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("a name was resolved"))
    with pytest.raises(Exception, match="cannot be used"):
        Schemas({URL: schema})


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", r"^(a+)+\1b$", "^(?=(a+)+b)a+$"])
def test_a_pattern_that_backtracks_for_ever_does_not(pattern: str) -> None:
    """With Python's own expressions each of these takes longer than anybody lives."""
    schemas = Schemas({URL: {"properties": {"name": {"pattern": pattern}}}})
    document = UNIVERSITY.diploma(
        index=8, name="a" * 50_000 + "!", credentialSchema={"id": URL, "type": "JsonSchema"}
    )
    report = verifier(UNIVERSITY.trust, schemas=schemas).verify(UNIVERSITY.issue(document), now=NOW)
    assert (report.verdict, report.deciding and report.deciding.name) == (Verdict.INVALID, "schema")
