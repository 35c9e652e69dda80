"""What a verifier remembers of status lists, and that nothing else of a verdict rests on it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from intaglio.session import Session
from keys import PrivateKey
from ledger import KINDS, InvalidEvidence
from tests.line import MEDIA_TYPE, LineForm
from tests.loopback import Site, response
from tests.world import NOW, University, verifier
from vc import Anchored, Bundle, Claims, Credential, Report, Verdict
from vc.forms import FORMS
from vc.problem import MalformedCredential
from vc.secured import Options
from vc.status import StatusList
from verifier import Trust, Verifier
from verifier.judge import Judge, Question, Verifiers
from verifier.sources.documents import BoundDocument, IssuerDocuments, _remembered
from verifier.sources.lists import Fetched, ListMemory
from wire import Malformed, TooLarge, base64url_encode
from wire.fetch import HttpsFetcher
from wire.memory import OVERHEAD
from wire.work import Work

FETCHER = HttpsFetcher(allow_loopback=True)
PATIENCE = 10.0


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Published(University):
    """A university whose lists lie on a host of this machine."""

    def __init__(self) -> None:
        self.served: dict[str, bytes] = {}
        self.site = Site(lambda path: self.served.get(path, response(404)))
        super().__init__()

    @property
    def list_url(self) -> str:
        return self.site.url("/status/0")

    def publish(self, **subject: Any) -> None:
        """The list as of now, with further members in its subject."""
        document = {**self.status_lists()[0].document}
        document["credentialSubject"] |= subject
        del document["proof"]
        signed = self.sign(document, suite="eddsa-rdfc-2022")
        self.served["/status/0"] = response(200, json.dumps(signed).encode())

    @property
    def fetches(self) -> int:
        return sum("GET /status/0 " in head for head in self.site.requests)


@pytest.fixture
def university() -> Iterator[Published]:
    found = Published()
    found.publish()
    with found.site.running():
        yield found


def online(university: University, memory: ListMemory | None = None) -> Verifier:
    return verifier(university.trust, lists=[Fetched(FETCHER)], memory=memory)


def bare(university: University) -> Bundle:
    """What a holder shows who has no list."""
    return replace(university.issue(), status_lists=())


@pytest.mark.slow
def test_a_list_that_was_fetched_once_serves_for_its_ttl(university: Published) -> None:
    for subject, seconds in (
        ({}, 300),
        ({"ttl": 60_000}, 60),
        ({"ttl": 86_320_000}, 86_320),
        ({"ttl": 86_460_000}, 86_400),
        ({"ttl": 10**15}, 86_400),
        ({"ttl": -1}, 300),
        ({"ttl": 0}, 300),
        ({"ttl": "an hour"}, 300),
    ):
        clock, bundle = Clock(), bare(university)
        judge = online(university, ListMemory(clock=clock))
        university.publish(**subject)
        before = university.fetches
        for moment, fetches in ((0.0, 1), (seconds - 1.0, 1), (seconds + 1.0, 2)):
            clock.now = moment
            assert judge.verify(bundle, now=NOW)
            assert university.fetches - before == fetches, (subject, moment)


def test_a_list_is_not_remembered_beyond_its_end(university: Published) -> None:
    clock, bundle = Clock(), bare(university)
    judge = online(university, ListMemory(clock=clock))
    university.publish(ttl=86_400_000)
    end = university.now + timedelta(days=30)
    assert judge.verify(bundle, now=end - timedelta(seconds=20))
    clock.now = 19.0
    assert judge.verify(bundle, now=end - timedelta(seconds=1))
    assert university.fetches == 1
    clock.now, university.now = 21.0, end
    university.publish()
    assert judge.verify(bundle, now=end + timedelta(seconds=1))
    assert university.fetches == 2


def test_a_revocation_is_seen_once_the_remembered_list_has_served(university: Published) -> None:
    clock, bundle = Clock(), bare(university)
    judge = online(university, ListMemory(clock=clock))
    assert judge.verify(bundle, now=NOW)
    university.revoke(7)
    university.publish()
    clock.now = 301.0
    assert judge.verify(bundle, now=NOW).verdict is Verdict.INVALID


@pytest.mark.parametrize("answer", [response(404), response(200, b"no list"), response(503)])
def test_a_failure_serves_for_ten_seconds(university: Published, answer: bytes) -> None:
    clock, bundle = Clock(), bare(university)
    judge = online(university, ListMemory(clock=clock))
    good, university.served["/status/0"] = university.served["/status/0"], answer
    first = judge.verify(bundle, now=NOW)
    university.served["/status/0"] = good
    clock.now = 9.0
    second = judge.verify(bundle, now=NOW)
    assert first.verdict is second.verdict is Verdict.UNDETERMINED
    assert first.to_dict() == second.to_dict()
    clock.now = 11.0
    assert judge.verify(bundle, now=NOW)
    assert university.fetches == 2


def test_what_does_not_verify_is_a_failure_however_long_it_says(university: Published) -> None:
    clock, bundle = Clock(), bare(university)
    judge = online(university, ListMemory(clock=clock))
    good = university.served["/status/0"]
    university.key, real = PrivateKey.generate(), university.key
    university.publish(ttl=86_400_000)
    assert judge.verify(bundle, now=NOW).verdict is Verdict.UNDETERMINED
    university.key, university.served["/status/0"] = real, good
    clock.now = 11.0
    assert judge.verify(bundle, now=NOW)


def test_a_list_that_was_fetched_needs_its_evidence_when_it_is_brought(university: Published) -> None:
    whole, memory = university.issue(), ListMemory()
    fetched = json.loads(university.served["/status/0"].partition(b"\r\n\r\n")[2])
    brought = replace(whole, status_lists=(replace(whole.status_lists[0], document=fetched, evidence=()),))
    offline = verifier(university.trust, memory=memory)
    assert online(university, memory).verify(replace(whole, status_lists=()), now=NOW)
    report = offline.verify(brought, now=NOW)
    assert report.verdict is Verdict.UNDETERMINED
    assert "evidence is missing" in str(report.deciding)


def test_a_key_that_ended_between_two_looks_signs_no_list(university: Published) -> None:
    """However long it was to serve, another is asked for soon."""
    clock, bundle = Clock(), bare(university)
    judge = online(university, ListMemory(clock=clock))
    assert judge.verify(bundle, now=NOW)
    university.publish_document([PrivateKey.generate()])
    newer = replace(bundle, issuer_documents=tuple(university.documents))
    for moment, fetches in ((0.0, 1), (9.0, 1), (11.0, 2)):
        clock.now = moment
        report = judge.verify(newer, now=NOW)
        assert report.verdict is Verdict.UNDETERMINED
        assert "newest document" in str(report.deciding)
        assert university.fetches == fetches


def test_a_list_that_differs_is_not_the_one_remembered(
    university: Published,
) -> None:
    whole = university.issue()
    judge = verifier(university.trust)
    assert judge.verify(whole, now=NOW)
    document = whole.status_lists[0].document
    for change in ({"validFrom": "2026-07-01T11:59:59Z"}, {"issuer": "did:web:other.example"}):
        altered = replace(whole.status_lists[0], document={**document, **change})
        assert not judge.verify(replace(whole, status_lists=(altered,)), now=NOW), change
    judge = verifier(Trust(), memory=judge.memory)
    assert not judge.verify(whole, now=NOW)


def test_a_proof_that_covers_another_is_remembered_with_it(university: Published) -> None:
    """The log entry of a proof alone does not cover the others."""
    clock, bundle = Clock(), bare(university)
    judge = online(university, ListMemory(clock=clock))
    unsigned = {**university.status_lists()[0].document}
    del unsigned["proof"]
    first, other = (university.sign(unsigned, proof_id="urn:uuid:a", nonce=nonce) for nonce in "ab")
    both = university.sign(first, previous_proof="urn:uuid:a")
    mixed = {**both, "proof": [*other["proof"], both["proof"][1]]}
    verdicts = []
    for document in (both, mixed):
        university.served["/status/0"] = response(200, json.dumps(document).encode())
        verdicts.append(judge.verify(bundle, now=NOW).verdict)
        clock.now += 301
    assert verdicts == [Verdict.VALID, Verdict.UNDETERMINED]


def test_a_report_costs_the_same_whatever_is_remembered(university: Published) -> None:
    whole = university.issue()
    judge = verifier(university.trust)

    def cost() -> int:
        work = Work()
        assert judge.verify(whole, now=NOW, work=work)
        return Work().left - work.left

    first = cost()
    assert cost() == first
    starved = judge.verify(whole, now=NOW, work=Work(first - 1))
    assert isinstance(starved.deciding and starved.deciding.problem, TooLarge)


def test_a_list_that_is_remembered_is_not_verified_again(
    university: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown by the one key that it takes: once for the diploma, and once for the list."""
    whole = university.issue()
    judge = verifier(university.trust)
    assert judge.verify(whole, now=NOW)
    verified: list[bytes] = []
    key = type(university.key.public_key)
    verify = key.verify

    def counting(self: Any, signature: bytes, data: bytes) -> None:
        verified.append(data)
        verify(self, signature, data)

    monkeypatch.setattr(key, "verify", counting)
    assert judge.verify(whole, now=NOW)
    assert len(verified) == 1


def test_in_another_form_too_one_list_is_told_from_another() -> None:
    university, memory, forms = University(), ListMemory(), {**FORMS, MEDIA_TYPE: LineForm()}
    received = {
        name: LineForm().sign(university.plain(name=name), university.key, Options(f"{university.did}#key"))
        for name in ("one", "another")
    }
    for _ in range(2):
        for name, found in received.items():
            assert memory.read(found, forms, Work()).claims.said["name"] == name


def test_what_a_document_says_is_remembered_by_all_of_its_text(university: Published) -> None:
    memory, work = ListMemory(), Work()
    texts = [
        orjson.dumps(found.document) for found in (university.documents[0], university.status_lists()[0])
    ]

    def said() -> Claims:
        return memory.read(orjson.loads(texts[1]), FORMS, work).claims

    first = said()
    assert said() is first
    for change in ({"validFrom": "2026-07-01T11:59:59Z"}, {"name": "x"}):
        found = orjson.loads(texts[1]) | change
        assert memory.read(found, FORMS, work).claims == Credential.parse(found) != first
    with pytest.raises(TooLarge):
        memory.read(orjson.loads(texts[1]), FORMS, Work(1))
    large = orjson.loads(texts[1]) | {"name": 2**70}  # which has no short way to be written
    with pytest.raises(MalformedCredential, match="name is neither"):
        memory.read(large, FORMS, work)
    assert isinstance(first.said, dict)
    first.said.clear()  # somebody alters what is remembered
    assert said() == Credential.parse(orjson.loads(texts[1]))


def bound(trust: Trust, anchored: Anchored, work: Work | None = None) -> tuple[BoundDocument, ...]:
    documents = IssuerDocuments(trust, (anchored,), work or Work(), KINDS, None)
    return documents.bound(anchored.document["id"])


def test_a_document_of_an_issuer_is_remembered_by_all_that_binds_it(university: Published) -> None:
    anchored, trust = university.documents[0], university.trust
    document = orjson.loads(orjson.dumps(anchored.document))
    (first,) = bound(trust, Anchored(document, anchored.evidence))
    assert bound(trust, anchored)[0] is first
    document.clear()  # by whoever has the bundle
    assert first.document.value == anchored.document
    assert bound(trust, anchored)[0] is first
    with pytest.raises(TooLarge):  # it costs as much as the first time
        bound(trust, anchored, Work(1))
    assert bound(trust, Anchored(anchored.document)) == ()
    with pytest.raises(InvalidEvidence):
        bound(trust, Anchored({**anchored.document, "name": "x"}, anchored.evidence))
    with pytest.raises(Malformed):  # it has no short way to be written
        bound(trust, Anchored({**anchored.document, "name": 2**70}, anchored.evidence))
    assert bound(university.trust, anchored)[0] is not first  # for another policy
    (entry,), digest = trust.issuers, base64url_encode(first.digest)
    object.__setattr__(trust, "_by_name", {entry.id: replace(entry, documents=(digest,))})
    assert [one.index for one in bound(trust, anchored)] == [-1, 0]
    assert bound(Trust(), anchored) == ()


def test_what_is_remembered_is_bounded_in_bytes(university: Published) -> None:
    clock = Clock()
    memory = ListMemory(20_000, clock=clock)  # bits of one list, and the answers of a few
    judge = online(university, memory)
    good = university.served["/status/0"]
    bundles = []
    for number in range(30):
        url = university.site.url(f"/status/{number}")
        document = university.diploma(number)
        document["credentialStatus"] |= {"statusListCredential": url}
        bundles.append(replace(university.issue(document), status_lists=()))
        university.served[f"/status/{number}"] = good.replace(b"/status/0", b"/status/%d" % number)
    for bundle in bundles:
        judge.verify(bundle, now=NOW)
    assert len(university.site.requests) == 30
    assert judge.verify(bundles[0], now=NOW)
    assert len(university.site.requests) == 31  # driven out
    assert len(memory._lists._kept) < 30
    for number in range(30):
        document = {**university.documents[0].document, "name": f"{number}" * 50_000}
        bound(university.trust, Anchored(document))
    assert 1 < len(_remembered._kept) < 30
    for part in (memory._answers, memory._fitting, memory._bits, memory._lists, _remembered):
        assert part._size <= part._capacity
        assert sum(kept.size + OVERHEAD for kept in part._kept.values()) == part._size
    large = University("large.example").issue()
    encoded = large.status_lists[0].document["credentialSubject"]["encodedList"]
    assert not ListMemory(1_000).bits(StatusList.decode, encoded, 1)[7]


def test_what_is_remembered_is_dropped_with_the_trust_list(university: Published, tmp_path: Path) -> None:
    trust_file = tmp_path / "trust.json"
    trust_file.write_bytes(university.trust.to_bytes())
    judge = Session(tmp_path, loopback=True).judge(trust_file)
    question = Question(bare(university).to_bytes(), NOW)
    assert (judge.offline(question).status, university.fetches) == (422, 0)
    assert judge(question).status == judge(question).status == 200
    assert university.fetches == 1
    trust_file.write_bytes(university.trust.to_bytes() + b" ")
    assert judge(question).status == judge(question).status == 200
    assert university.fetches == 2


def test_those_who_ask_at_once_share_one_fetch_and_each_keeps_its_own_deadline(university: Published) -> None:
    """Eight wait for what the first asked for; a ninth has less time than that takes."""
    asked, may_answer = threading.Event(), threading.Event()
    answer = university.served["/status/0"]

    def slowly(path: str) -> bytes:
        asked.set()
        assert may_answer.wait(PATIENCE)
        return answer

    university.site.answer = slowly
    judge, bundle = online(university), bare(university)
    barrier = threading.Barrier(9)

    def wait() -> Report:
        barrier.wait(PATIENCE)
        return judge.verify(bundle, now=NOW)

    with ThreadPoolExecutor(10) as threads:
        first = threads.submit(judge.verify, bundle, now=NOW)
        assert asked.wait(PATIENCE)
        others = [threads.submit(wait) for _ in range(8)]
        barrier.wait(PATIENCE)
        hurried = Judge(lambda: Verifiers(judge, judge), seconds=0.1).online(Question(bundle.to_bytes(), NOW))
        assert hurried.status == 422
        assert b"in the time that a report has" in hurried.content
        assert not first.done()
        assert not any(other.done() for other in others)
        may_answer.set()
        assert all(found.result(PATIENCE) for found in (first, *others))
    assert university.fetches == 1


def test_that_a_report_had_no_time_is_nobody_elses_failure(university: Published) -> None:
    judge, bundle = online(university), bare(university)
    late = Judge(lambda: Verifiers(judge, judge), seconds=-1.0).online(Question(bundle.to_bytes(), NOW))
    assert (late.status, university.fetches) == (422, 0)
    assert judge.verify(bundle, now=NOW)
