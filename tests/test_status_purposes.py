"""What a status says: by its purpose, in lists as four programs make them, and of several the worst.

The table that is printed here stands in docs/verifying.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest

from intaglio.pages.view import Judgement, judgement
from intaglio.words import report as words
from intaglio.words import speaking
from tests import pages
from tests.commandline import Program
from tests.conftest import ROOT
from tests.loopback import Authority, Site, response
from tests.test_verifier_controllers import Host
from tests.world import NOW, Holder, verifier
from vc import SUITES, Anchored, Bundle, Check, Report, StatusList, Verdict
from vc.status import status_entry
from vc.vcdm.jsonld import Contexts, canonicalize
from vc.vcdm.jsonld.documents import Documents
from vc.vcdm.jsonld.problem import Respelled
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust
from verifier.judge import Judge, Question, Verifiers
from verifier.sources.lists import Fetched
from wire import HttpsFetcher, base64url_encode
from wire.work import Work

ISSUER = Holder()
URL = "https://issuer.example/status/0"
V2, V1 = "https://www.w3.org/ns/credentials/v2", "https://www.w3.org/2018/credentials/v1"
PROOFS = "https://w3id.org/security/data-integrity/v2"
CONTEXT_2021 = "https://w3id.org/vc/status-list/2021/v1"
SET, CLEAR = 1, 0
"""Positions in every list here."""

List = dict[str, Any]


def bits(entries: int = 131_072, size: int = 1, value: int = 1) -> StatusList:
    found = StatusList(entries, size)
    found[SET] = value
    return found


def ours(purpose: str, url: str = URL, *, age: float = 1, values: StatusList | None = None) -> List:
    start = NOW - timedelta(hours=age)
    document = status_list_document(
        url, ISSUER.did, values or bits(), valid_from=start, lifetime=timedelta(days=30), purpose=purpose
    )
    return ISSUER.sign(document)


def unsigned(purpose: str, encoded: str, **change: Any) -> List:
    """A list as the libraries of Digital Bazaar make it, without a date."""
    subject = {
        "id": f"{URL}#list",
        "type": "BitstringStatusList",
        "encodedList": encoded,
        "statusPurpose": purpose,
    }
    types = ["VerifiableCredential", "BitstringStatusListCredential"]
    made = {"@context": [V2], "id": URL, "type": types, "credentialSubject": subject, "issuer": ISSUER.did}
    return {**made, **change}


def signed_2020(document: Mapping[str, Any]) -> List:
    """With the proof that DCC's and MOSIP's programs make; as they do, whatever its terms are called."""
    name = "Ed25519Signature2020"
    document = {
        **document,
        "@context": [*document["@context"], "https://w3id.org/security/suites/ed25519-2020/v1"],
    }
    options = {
        "type": name,
        "created": "2026-07-01T10:00:00Z",
        "verificationMethod": ISSUER.method,
        "proofPurpose": "assertionMethod",
    }
    made = SUITES[name].create(document, options, ISSUER.key, Work(), Contexts(Documents()))
    return {**document, "proof": made}


def digital_bazaar(purpose: str) -> List:
    return ISSUER.sign(unsigned(purpose, bits().encode()), created=NOW - timedelta(hours=1))


def dcc(purpose: str) -> List:
    """By the status managers of the Digital Credentials Consortium: 100,000 entries."""
    dated = unsigned(purpose, bits(100_000).encode(), validFrom="2026-07-01T10:00:00.183Z")
    return signed_2020(dated)


def mosip(purpose: str) -> List:
    """By Inji Certify, which gives the list's own id to its subject."""
    dated = unsigned(purpose, bits().encode(), validFrom="2026-07-01T10:00:00.183Z")
    return signed_2020({**dated, "credentialSubject": {**dated["credentialSubject"], "id": URL}})


LISTS: dict[str, Callable[[str], List]] = {
    "DCC": dcc,
    "MOSIP Inji Certify": mosip,
    "Digital Bazaar": digital_bazaar,
    "Intaglio": ours,
}


def credential(*entries: Mapping[str, Any], **change: Any) -> dict[str, Any]:
    made = {
        "@context": [V2],
        "type": ["VerifiableCredential"],
        "issuer": ISSUER.did,
        "credentialSubject": {"id": "did:example:ada", "name": "Ada Invented"},
        "credentialStatus": list(entries),
        **change,
    }
    return ISSUER.sign(made)


def entry(purpose: str, index: int = SET, url: str = URL, **more: Any) -> dict[str, Any]:
    return {**status_entry(url, index, purpose), **more}


def check(
    document: Mapping[str, Any], *lists: Mapping[str, Any], trust: Trust = ISSUER.trust, at: str = URL
) -> Report:
    """What is said of it where these lists are found; one that has no `id` is found `at` that address."""
    served = {one.get("id", at): json.dumps(one).encode() for one in lists}
    return verifier(trust, lists=[served.get]).verify(document, now=NOW)


def status(report: Report) -> Check:
    (found,) = (found for found in report.checks if found.name == "status")
    return found


def shown(document: Mapping[str, Any], report: Report) -> Judgement:
    """What a page says of it."""
    return judgement("a.json", json.dumps(document).encode(), report, ISSUER.trust, (), "en", Work())


def said(report: Report) -> str:
    return f"{report.verdict.value}: {status(report).code.removeprefix('status-')}"


# The table: purpose, set and clear, by whose list

SHORT = "undetermined: status-list-short"
UNKNOWN = "undetermined: status-purpose-unknown"
OTHER = "https://example.org/colour"
MEANS: dict[tuple[str, int], tuple[str, str]] = {
    ("revocation", SET): ("invalid: revoked-unexplained", "invalid: revoked-unexplained"),
    ("revocation", CLEAR): (SHORT, "valid: not-revoked"),
    ("suspension", SET): ("invalid: suspended", "invalid: suspended"),
    ("suspension", CLEAR): (SHORT, "valid: not-suspended"),
    ("refresh", SET): (SHORT, "valid: refresh"),
    ("refresh", CLEAR): (SHORT, "valid: current"),
    ("message", SET): (SHORT, "valid: message"),
    ("message", CLEAR): (SHORT, "valid: message"),
    (OTHER, SET): (UNKNOWN, UNKNOWN),
    (OTHER, CLEAR): (UNKNOWN, UNKNOWN),
}
"""What is said by a short list, and by any other."""


def rows() -> Iterator[tuple[str, list[str]]]:
    for purpose, index in MEANS:
        found = [said(check(credential(entry(purpose, index)), made(purpose))) for made in LISTS.values()]
        yield f"`{purpose}`, {'set' if index == SET else 'clear'}", found


def test_each_purpose_says_what_it_is_for_in_the_lists_of_each_program() -> None:
    lines = [["Status", *LISTS], ["---"] * (len(LISTS) + 1)]
    lines += [[name, *found] for name, found in rows()]
    printed = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    print(printed)
    for (of_short, of_others), line in zip(MEANS.values(), lines[2:], strict=True):
        assert line[1:] == [of_short, of_others, of_others, of_others], printed
    assert printed in (ROOT / "docs/verifying.md").read_text("utf-8")


def reports() -> Iterator[Report]:
    """One for each row of the table."""
    for purpose, index in MEANS:
        yield check(credential(entry(purpose, index)), ours(purpose))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_has_words_of_its_own(language: str) -> None:
    with speaking(language):
        told = {words.shown(status(report)) for report in reports()}
    assert len(told) == len(MEANS) - 1  # neither value of an unknown purpose says anything


def test_a_page_does_not_call_a_suspended_one_revoked_or_forged() -> None:
    document = credential(entry("suspension"))
    page = shown(document, check(document, ours("suspension")))
    assert (page.word, page.tone) == ("Not valid: suspended", "ended")
    assert "suspended this for the time being" in page.advice[0]


# Of several entries the worst decides

KINDS = {
    "revoked": ("revocation", "invalid: revoked-unexplained"),
    "suspended": ("suspension", "invalid: suspended"),
    "open": (OTHER, UNKNOWN),
    "remark": ("refresh", "valid: refresh"),
}


def several(*purposes: str) -> tuple[dict[str, Any], list[List]]:
    urls = {purpose: f"{URL}/{number}" for number, purpose in enumerate(purposes)}
    document = credential(*(entry(purpose, SET, url) for purpose, url in urls.items()))
    return document, [ours(purpose, url) for purpose, url in urls.items()]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("order", list(permutations(KINDS, 2)), ids="-".join)
def test_of_several_the_worst_decides_in_any_order(order: tuple[str, ...]) -> None:
    document, lists = several(*(KINDS[name][0] for name in order))
    worst = min(order, key=[*KINDS].index)
    assert said(check(document, *lists)) == KINDS[worst][1]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "other",
    [
        {"type": "JsonSchema"},
        {"statusListIndex": 0},
        {"statusListIndex": "131072"},
        {"statusListCredential": "https://gone.example/status/0"},
        {"statusSize": 9},
    ],
    ids=str,
)
def test_an_entry_that_cannot_be_looked_up_hides_no_revocation(other: dict[str, Any], order: int) -> None:
    entries = [entry("revocation", CLEAR, **other), entry("revocation", SET)]
    if "type" in other:  # a kind of status that nobody here knows
        entries[0] = {"id": "https://gone.example/revoked", **other}
    document = credential(*entries[::order])
    assert said(check(document, ours("revocation"))) == "invalid: revoked-unexplained"


def test_a_remark_stands_beside_the_finding_of_the_weightier_purpose() -> None:
    document, lists = several("refresh", "suspension", "revocation")
    clear = credential(
        *(
            {**one, "statusListIndex": str(CLEAR)} if one["statusPurpose"] != "refresh" else one
            for one in document["credentialStatus"]
        )
    )
    found = status(check(clear, *lists))
    assert (found.code, found.facts.get("refresh")) == ("status-not-revoked", True)
    assert found.text == "not revoked as of 2026-07-01 11:00Z; a newer version is available"
    assert words.shown(found) == found.text
    page = shown(clear, check(clear, *lists))
    assert "The issuer has a newer version of this. Ask the person for that one." in page.advice


# A suspension ends, a revocation does not


def test_a_suspension_stands_only_where_the_newest_list_has_it() -> None:
    """An older copy neither keeps up a suspension that was lifted, nor lifts one that came later."""
    lifted, imposed = StatusList(), bits()
    document = credential(entry("suspension"))

    def told(older: StatusList, newer: StatusList) -> list[str]:
        lists = [ours("suspension", age=48, values=older), ours("suspension", age=1, values=newer)]
        judge = verifier(ISSUER.trust)
        return [
            said(judge.verify(Bundle(document, (), (), tuple(map(Anchored, order))), now=NOW))
            for order in (lists, lists[::-1])
        ]

    assert told(imposed, lifted) == ["valid: not-suspended"] * 2
    assert told(lifted, imposed) == ["invalid: suspended"] * 2


@pytest.mark.parametrize(
    ("purpose", "newer", "answer"),
    [("suspension", StatusList(), 200), ("suspension", bits(), 400), ("revocation", StatusList(), 400)],
)
def test_a_service_asks_whether_a_suspension_was_lifted(purpose: str, newer: StatusList, answer: int) -> None:
    """The bundle's list is from before; a revocation in it is final."""
    old, published = ours(purpose, age=48), json.dumps(ours(purpose, values=newer)).encode()
    bundle = Bundle(credential(entry(purpose)), (), (), (Anchored(old),)).to_bytes()
    judges = Verifiers(verifier(ISSUER.trust), verifier(ISSUER.trust, lists=[{URL: published}.get]))
    assert Judge(lambda: judges)(Question(bundle, NOW)).status == answer


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_lists_of_one_moment_the_worse_counts(order: int) -> None:
    document = credential(entry("suspension"))
    lists = [Anchored(ours("suspension", values=values)) for values in (StatusList(), bits())]
    bundle = Bundle(document, (), (), tuple(lists[::order]))
    assert said(verifier(ISSUER.trust).verify(bundle, now=NOW)) == "invalid: suspended"


def test_a_suspension_in_a_list_that_has_ended_is_open() -> None:
    document, old = credential(entry("suspension")), ours("suspension", age=24 * 31)
    assert said(check(document, old)) == "undetermined: status-list-ended"


def test_what_only_informs_does_not_say_that_nothing_was_revoked() -> None:
    told = check(credential(entry("refresh", CLEAR)), ours("refresh"))
    assert (said(told), told.status_time) == ("valid: current", None)
    assert check(credential(entry("revocation", CLEAR)), ours("revocation")).status_time == NOW - timedelta(
        hours=1
    )


# A message

WORDS = 'lost\x1b[2J on the way <b>"to"</b> \u202eher'
MESSAGES = [
    {"status": "0x0", "message": "delivered"},
    {"status": "0x1", "message": "opened"},
    {"status": "0x2", "message": WORDS},
    {"status": "0x3", "message": "x" * 1000},
]
REFERENCE = "https://issuer.example/what-it-means"


def message(value: int, **change: Any) -> tuple[dict[str, Any], List]:
    more = {"statusSize": 2, "statusMessage": MESSAGES, "statusReference": REFERENCE, **change}
    listed = ours("message", values=bits(size=2, value=value))
    return credential(entry("message", **more)), listed


def test_a_message_decides_nothing_and_its_value_is_shown() -> None:
    for value in range(4):
        report = check(*message(value))
        found = status(report)
        assert said(report) == "valid: message"
        assert found.facts.get("status_value") == f"0x{value:x}"
        assert found.text == (
            f"the issuer's message about it as of 2026-07-01 11:00Z is 0x{value:x}, explained at {REFERENCE}"
        )
        assert words.shown(found) == found.text
        with speaking("zh"):
            assert f"0x{value:x}，其含义见 {REFERENCE}" in words.shown(found)


def test_the_issuers_words_stand_in_json_and_details_only_cut_and_harmless() -> None:
    document, listed = message(2)
    report = check(document, listed)
    told = status(report).to_dict()
    words_of_issuer = told.get("facts", {}).get("status_message")
    assert words_of_issuer == "lost⟨001B⟩[2J on the way <b>'to'</b> ⟨202E⟩her"
    assert "lost" not in told["text"] + words.line(status(report))
    page = shown(document, report)
    (step,) = (step for step in page.steps if step.code == "status-message")
    assert ("lost" in step.text, step.quoted) == (False, words_of_issuer)
    assert not any("lost" in text for text in (*page.advice, *map(str, page.sentences)))
    long = status(check(*message(3))).facts.get("status_message")
    assert isinstance(long, str)
    assert (len(long), long[-1]) == (201, "…")


@pytest.mark.slow  # a page of a running service
def test_on_the_page_they_are_quoted_and_escaped(tmp_path: Path) -> None:
    document, listed = message(2)
    bundle = Bundle(document, (), (), (Anchored(listed),)).to_bytes()
    with pages.page_served(ISSUER.trust, tmp_path) as url:
        page = pages.answer(url, bundle)
    assert "The issuer's words: lost⟨001B⟩[2J on the way <b>'to'</b> ⟨202E⟩her" in page.text
    assert "b" not in [tag for tag, _ in page.tags]


@pytest.mark.parametrize(
    "change",
    [
        {"statusMessage": None},
        {"statusMessage": {"status": "0x7", "message": "seven"}},
        {"statusMessage": [{"status": "two", "message": "x"}, {"status": "0x2"}]},
        {"statusReference": None},
    ],
    ids=str,
)
def test_messages_that_are_missing_or_malformed_decide_nothing_either(change: dict[str, Any]) -> None:
    given = {name: value for name, value in change.items() if value is not None}
    left_out = {name for name, value in change.items() if value is None}
    more = {"statusSize": 2, "statusMessage": MESSAGES, **given}
    document = credential(
        entry("message", **{name: value for name, value in more.items() if name not in left_out})
    )
    report = check(document, ours("message", values=bits(size=2, value=2)))
    assert (said(report), status(report).facts.get("status_value")) == ("valid: message", "0x2")


def test_of_two_messages_each_is_shown() -> None:
    other = f"{URL}/1"
    document = credential(
        entry("message", statusMessage=MESSAGES[:2]),
        entry("message", CLEAR, other, statusMessage=MESSAGES[:2]),
    )
    facts = status(check(document, ours("message"), ours("message", other))).facts
    assert (facts.get("status_value"), facts.get("status_message")) == ("0x1, 0x0", "opened; delivered")


# A list whose subject has its id


def equal_ids() -> List:
    made = unsigned("revocation", bits().encode(), validFrom="2026-07-01T10:00:00Z")
    return {**made, "credentialSubject": {**made["credentialSubject"], "id": URL}}


def test_what_decides_in_such_a_list_may_not_differ_between_its_objects() -> None:
    """A presenter could else write two lists into one, and hope that the other half is read."""
    whole = equal_ids()
    assert said(check(credential(entry("revocation")), signed_2020(whole))) == "invalid: revoked-unexplained"
    twice = {**whole["credentialSubject"], "encodedList": StatusList().encode()}
    differing = signed_2020({**whole, "credentialSubject": [whole["credentialSubject"], twice]})
    assert check(credential(entry("revocation")), differing).verdict is Verdict.UNDETERMINED


def respelled() -> Iterator[List]:
    """The same statements, with what decides in the outer object, or spread over two of one id."""
    listed = signed_2020(equal_ids())
    subject = listed["credentialSubject"]
    decides = {name: subject[name] for name in ("encodedList", "statusPurpose")}
    outer = {**listed, "type": [*listed["type"], subject["type"]], **decides}
    yield {**outer, "credentialSubject": URL}
    yield {**outer, "credentialSubject": {"id": URL}}
    for name in decides:
        without = {member: value for member, value in subject.items() if member != name}
        other = {"id": URL, "type": subject["type"], name: subject[name]}
        yield {**listed, "credentialSubject": [without, other]}


def test_respelling_such_a_list_changes_nothing_that_is_read() -> None:
    for index, expected in ((SET, "invalid: revoked-unexplained"), (CLEAR, "valid: not-revoked")):
        document = credential(entry("revocation", index))
        assert [said(check(document, listed)) for listed in respelled()] == [expected] * 4


@pytest.mark.parametrize(
    "member", [{"validUntil": "2026-07-02T00:00:00Z"}, {"issuer": "did:example:other"}], ids=str
)
def test_other_members_that_decide_stand_in_the_outermost_object_only(member: dict[str, Any]) -> None:
    own = "urn:example:own"
    inner = {"id": own, "type": "VerifiableCredential", **member}
    made = {"@context": [V2], "type": ["VerifiableCredential"], "id": own, "issuer": ISSUER.did}
    with pytest.raises(Respelled, match="members of the document itself stand in another object"):
        canonicalize({**made, "credentialSubject": inner})
    assert canonicalize({**made, "credentialSubject": {**inner, "id": "urn:example:other"}})


# A list without an id


def nameless(purpose: str = "revocation") -> List:
    document = {name: value for name, value in ours(purpose).items() if name not in ("id", "proof")}
    return ISSUER.sign(document)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def host(authority: Authority) -> Iterator[Host]:
    found = Host(authority)
    with found.site.running():
        yield found


def test_a_list_without_an_id_is_the_url_that_it_was_fetched_from_over_https(host: Host) -> None:
    host.serve(nameless(), "/status/0")
    judge = verifier(ISSUER.trust, lists=[Fetched(host.fetcher)])
    for index, expected in ((CLEAR, "valid: not-revoked"), (SET, "invalid: revoked-unexplained")):
        document = credential(entry("revocation", index, host.site.url("/status/0")))
        assert said(judge.verify(document, now=NOW)) == expected


def test_one_that_came_along_or_over_http_or_from_a_file_is_no_list(host: Host) -> None:
    """Whoever presents it would say which list it is."""
    url = host.site.url("/status/0")
    document = credential(entry("revocation", CLEAR, url))
    brought = Bundle(document, (), (), (Anchored(nameless()),))
    assert said(verifier(ISSUER.trust).verify(brought, now=NOW)) == "undetermined: status-list-missing"
    assert said(check(document, nameless(), at=url)) == "undetermined: status-list-unusable"
    plain = Site(lambda _path: response(200, json.dumps(nameless()).encode()))
    with plain.running():
        judge = verifier(ISSUER.trust, lists=[Fetched(HttpsFetcher(allow_loopback=True))])
        document = credential(entry("revocation", CLEAR, plain.url("/status/0")))
        assert plain.url("/status/0").startswith("http:")
        assert said(judge.verify(document, now=NOW)) == "undetermined: status-list-unusable"


# Short lists

SHORT_LISTS = ("trust", "add", ISSUER.did, "--name", "A consortium", "--short-lists", "--yes")


def test_a_clear_bit_of_a_short_list_counts_where_the_trust_list_says_so(program: Program) -> None:
    added = program(*SHORT_LISTS)
    assert added.code == 0, added.err
    trust = Trust.load(program.home / "trust.json")
    for purpose, index in MEANS:
        found = said(check(credential(entry(purpose, index)), dcc(purpose), trust=trust))
        assert found == MEANS[purpose, index][1]
    remark = status(check(credential(entry("revocation", CLEAR)), dcc("revocation"), trust=trust))
    assert remark.facts.get("short_list") == 100_000
    assert remark.text == "not revoked as of 2026-07-01 10:00Z; its status list has only 100000 entries"
    assert words.shown(remark) == remark.text
    whole = status(check(credential(entry("revocation", CLEAR)), ours("revocation"), trust=trust))
    assert "short_list" not in whole.facts


def test_the_trust_file_has_version_4_only_where_it_says_so(program: Program) -> None:
    added = program(*SHORT_LISTS)
    assert added.code == 0, added.err
    written = json.loads((program.home / "trust.json").read_bytes())
    assert (written["version"], written["issuers"][0]["shortLists"]) == (4, True)
    assert "its status lists may be short" in program("trust", "list").out
    assert program("trust", "remove", ISSUER.did).code == 0
    assert program("trust", "add", ISSUER.did, "--yes").code == 0
    assert json.loads((program.home / "trust.json").read_bytes())["version"] == 1


def test_a_real_list_of_the_consortium_says_revoked_and_of_others_nothing(corpora: Path) -> None:
    """digitalcredentials/vc-test-fixtures has lists of 100,000 entries, some of whose bits are set."""
    listed = json.loads((corpora / "samples/dcc/status/e5WK8CbZ1GjycuPombrj.json").read_bytes())
    trust = Trust().adding(RecognisedIssuer(ISSUER.did, status_issuers=(listed["issuer"],)))
    values = StatusList.decode(listed["credentialSubject"]["encodedList"])
    known = {values[index]: index for index in range(100)}
    for value, expected in ((1, "invalid: revoked-unexplained"), (0, SHORT)):
        document = credential(entry("revocation", known[value], listed["id"]))
        assert said(check(document, listed, trust=trust)) == expected


# StatusList2021


def draft(purpose: str, encoded: str, **change: Any) -> List:
    document = unsigned(purpose, encoded, issuanceDate="2026-07-01T10:00:00Z")
    document |= {"@context": [V1, CONTEXT_2021], "type": ["VerifiableCredential", "StatusList2021Credential"]}
    document["credentialSubject"]["type"] = "StatusList2021"
    return signed_2020({**document, **change})


def encodings() -> dict[str, str]:
    url = bits().encode()[1:]
    standard = url.replace("-", "+").replace("_", "/")
    return {"base64url": url, "base64": standard, "padded": standard + "=" * (-len(standard) % 4)}


@pytest.mark.parametrize("encoding", encodings())
def test_lists_of_the_draft_are_read(encoding: str) -> None:
    for purpose, index in product(("revocation", "suspension"), (SET, CLEAR)):
        status_2021 = entry(purpose, index, type="StatusList2021Entry")
        document = credential(
            status_2021,
            **{
                "@context": [V1, CONTEXT_2021, PROOFS],
                "issuanceDate": "2026-07-01T00:00:00Z",
                "credentialSubject": {"id": "did:example:ada"},
            },
        )
        listed = draft(purpose, encodings()[encoding])
        assert said(check(document, listed)) == MEANS[purpose, index][1]


def test_an_entry_of_the_draft_and_a_list_of_the_standard_do_not_fit() -> None:
    contexts = {"@context": [V2, CONTEXT_2021]}
    old = credential(entry("revocation", CLEAR, type="StatusList2021Entry"), **contexts)
    assert said(check(old, ours("revocation"))) == "undetermined: status-list-unusable"
    new = credential(entry("revocation", CLEAR))
    assert said(check(new, draft("revocation", encodings()["base64url"]))).endswith("status-list-unusable")
    fits, misfit = entry("revocation", CLEAR), entry("revocation", 2, type="StatusList2021Entry")
    both = credential(fits, misfit, **contexts)
    assert said(check(both, ours("revocation"))) == "undetermined: status-list-unusable"
    nonsense = draft("revocation", base64url_encode(b"no gzip"))
    assert said(check(old, nonsense)) == "undetermined: status-list-unusable"


# Our own lists


@pytest.mark.parametrize(("lifetime", "ttl"), [(timedelta(days=30), 300_000), (timedelta(minutes=1), 60_000)])
def test_our_lists_have_a_ttl_that_does_not_outlive_them(lifetime: timedelta, ttl: int) -> None:
    document = status_list_document(URL, ISSUER.did, StatusList(), valid_from=NOW, lifetime=lifetime)
    assert document["credentialSubject"].get("ttl") == ttl
