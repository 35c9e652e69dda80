"""A bare credential, and what its issuer's log shows where it is published: by honest hosts and by others."""

from __future__ import annotations

import re
import secrets
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from did.methods import web as did_web
from intaglio.words import remedy
from keys import PrivateKey
from ledger import EntryKind, Log, Requirement, TrustedLedger, entry, merkle, verify_evidence
from ledger.lookup import SHAPE, YOUNG, LookupFiles, Shape, find
from ledger.tiles.layout import proof_tiles, tile_path
from ledger.tiles.memory import MemoryStore
from tests.loopback import Authority, Site, response
from tests.world import NOW, University, graduate, issuer_in, verifier
from vc import Bundle, Check, Report, Verdict
from vc.anchoring import anchoring_terms, log_entry
from verifier import RecognisedIssuer, RecognisedLog, Trust, Verifier
from verifier.judge import Judge, Question, Verifiers
from verifier.problem import NotShown
from verifier.sources import published_log as module
from verifier.sources.published import Published, PublishedLogs
from wire import Unavailable
from wire.datetimestamp import format_datetimestamp
from wire.fetch import Fetcher, HttpsFetcher, NoFetcher
from wire.memory import Memory
from wire.work import Work

FALSE = PrivateKey.generate()
Answer = bytes | Iterable[bytes] | Callable[[], bytes | Iterable[bytes]]


@dataclass
class Host:
    """A university, and the host that publishes its log, as it is or with other answers than it should."""

    site: Site
    university: University
    lookup: LookupFiles
    ca_file: Path
    instead: dict[str, Answer] = field(default_factory=dict)
    status: bytes = b""

    def __post_init__(self) -> None:
        self.site.answer = self.answer

    def answer(self, path: str) -> bytes | Iterable[bytes]:
        name = path.removeprefix("/log/")
        other = self.instead.get(name, self.instead.get("tile") if name.startswith("tile/") else None)
        if other is not None:
            return other() if callable(other) else other
        content = self.content(name)
        return response(404) if content is None else response(200, content)

    def content(self, name: str) -> bytes | None:
        if name == "documents":
            versions = [
                {"index": self.places[number], "document": dict(found.document)}
                for number, found in enumerate(self.university.documents)
            ]
            return orjson.dumps({"documents": versions})
        return self.university.log.store.get(name) or self.lookup.get(name)

    @property
    def places(self) -> list[int]:
        return [
            int(re.findall(rb"index (\d+)", found.evidence[0].body)[0]) for found in self.university.documents
        ]

    def publish(self) -> None:
        """With a new status list, whose key is that of now."""
        self.status = orjson.dumps(self.university.status_lists()[0].document)
        log = self.university.log
        self.lookup.update(log.store.get, log.checkpoint().size)

    @property
    def asked(self) -> list[str]:
        return [head.split(" ")[1].removeprefix("/log/") for head in self.site.requests]

    def verifier(self, fetcher: Fetcher | None = None, **options: Any) -> Verifier:
        fetcher = fetcher or HttpsFetcher(allow_loopback=True, ca_file=self.ca_file, timeout=5.0)
        return verifier(
            self.university.trust,
            lists=[lambda url: self.status if url == self.university.list_url else None],
            logs=Published(fetcher),
            **options,
        )

    def verify(self, credential: Any, fetcher: Fetcher | None = None) -> Report:
        return self.verifier(fetcher).verify(credential, now=NOW)


@contextmanager
def host(folder: Path, entries: int = 0) -> Iterator[Host]:
    """With a log that had so many entries of others before."""
    authority = Authority(folder)
    context: ssl.SSLContext = authority.server_context("localhost")
    site = Site(lambda _: response(404), context)
    with site.running():
        university = University(f"localhost:{site.port}")
        if entries:
            university.log.append(
                [entry(EntryKind.CREDENTIAL, secrets.token_bytes(32)) for _ in range(entries)], b"others"
            )
        yield Host(site, university, LookupFiles(folder), authority.ca_file)


@pytest.fixture
def honest(tmp_path: Path) -> Iterator[Host]:
    with host(tmp_path) as found:
        yield found


def bare(found: Host, **change: Any) -> Mapping[str, Any]:
    """A diploma that went through a wallet which kept the credential alone."""
    credential = found.university.issue(**change).secured
    found.publish()
    return credential


def append(found: Host, count: int, *, publish: bool = True) -> None:
    """Entries of others."""
    entries = [entry(EntryKind.CREDENTIAL, secrets.token_bytes(32)) for _ in range(count)]
    found.university.log.append(entries, secrets.token_bytes(8))
    if publish:
        found.publish()


def leaf_of(credential: Mapping[str, Any]) -> bytes:
    return merkle.leaf_hash(log_entry(credential, credential["proof"][0]))


def rotate(found: Host) -> PrivateKey:
    """To another key; gives the one that the document lacks from now on."""
    old, found.university.key = found.university.key, PrivateKey.generate()
    found.university.publish_document([found.university.key])
    found.publish()
    return old


def step(report: Report, number: int) -> Check:
    return next(check for check in report.checks if check.step == number)


def test_its_log_shows_what_a_bundle_would_have_brought(honest: Host) -> None:
    credential = bare(honest)
    report = honest.verify(credential)
    assert report.verdict is Verdict.VALID, report.deciding
    assert f"entry 1 of the log localhost:{honest.site.port}/log" in step(report, 8).text
    assert "a document that the trusted log" in step(report, 3).text


def test_offline_it_stays_open_and_says_what_to_ask_for(honest: Host) -> None:
    credential = bare(honest)
    report = honest.verify(credential, NoFetcher())
    assert report.verdict is Verdict.UNDETERMINED
    problem = step(report, 3).problem
    assert isinstance(problem, NotShown)
    assert "this run is offline" in step(report, 3).text
    assert "Ask the holder for the bundle" in remedy(problem)
    documents = Bundle(credential, (), tuple(honest.university.documents))
    report = honest.verify(documents, NoFetcher())
    assert report.verdict is Verdict.UNDETERMINED
    assert "the evidence is missing; " in step(report, 8).text
    assert honest.verify(documents).verdict is Verdict.VALID
    assert not [path for path in honest.asked if path == "documents"], "they came along"


def test_what_is_not_in_the_log_stays_open(honest: Host) -> None:
    """As with a bundle: whoever stole the key alone cannot write there."""
    honest.publish()
    report = honest.verify(honest.university.sign(honest.university.diploma()))
    assert report.verdict is Verdict.UNDETERMINED
    assert "do not have the entry" in step(report, 8).text


def test_a_service_asks_the_network_for_it_and_not_for_longer_than_it_has(honest: Host) -> None:
    question = Question(orjson.dumps(bare(honest)), NOW)
    both = Verifiers(honest.verifier(NoFetcher()), honest.verifier())
    judge = Judge(lambda: both)
    assert (judge.offline(question).status, judge.offline(question).asks) == (422, True)
    assert judge(question).status == 200
    honest.site.requests.clear()
    anew = Verifiers(honest.verifier(NoFetcher()), honest.verifier())  # who remember no answer
    assert Judge(lambda: anew, seconds=-1.0)(question).status == 422
    assert not honest.asked


def test_who_sends_many_files_has_the_host_asked_once(honest: Host) -> None:
    """Before any signature was looked at, since nobody knows yet which key it is of."""
    judge = honest.verifier()
    honest.publish()
    forged = [honest.university.sign(honest.university.diploma(number), FALSE) for number in range(3)]
    for credential in forged:
        assert judge.verify(credential, now=NOW).verdict is Verdict.UNDETERMINED
    assert sorted(Counter(honest.asked).values()) == [1, 1, 1], "documents, checkpoint and a tile"
    honest.instead = {"checkpoint": response(503)}
    assert isinstance(judge.logs, Published)
    judge.logs = replace(judge.logs, answers=Memory(1 << 20))
    for credential in forged:
        assert judge.verify(credential, now=NOW).verdict is Verdict.UNDETERMINED
    assert Counter(honest.asked)["checkpoint"] == 2


def test_a_source_of_ones_own_is_asked_in_time_only(honest: Host) -> None:
    question = Question(orjson.dumps(bare(honest)), NOW)
    judge = honest.verifier()
    source, asked = judge.logs, list[str]()
    assert source is not None

    def own(url: str, limit: int) -> bytes:
        asked.append(url)
        return source(url, limit)

    judge.logs = own
    both = Verifiers(judge, judge)
    assert Judge(lambda: both).online(question).status == 200
    assert asked
    asked.clear()
    assert Judge(lambda: both, seconds=-1.0).online(question).status == 422
    assert not asked


def test_no_report_takes_more_bytes_or_time_than_it_may(
    honest: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = bare(honest)
    for name, most, told in (("MOST_BYTES", 100, "more than 100 bytes"), ("SECONDS", -1.0, "more time than")):
        with monkeypatch.context() as changed:
            changed.setattr(module, name, most)
            report = honest.verify(credential)
        assert report.verdict is Verdict.UNDETERMINED
        assert told in (report.deciding.text if report.deciding else "")


@pytest.mark.slow
def test_of_several_logs_each_is_asked_at_its_own_address(honest: Host, tmp_path: Path) -> None:
    """An issuer that has moved to another log: of the one that its diploma does not name, documents only."""
    (tmp_path / "other").mkdir()
    with host(tmp_path / "other") as other:
        credential = bare(honest)
        other.publish()
        both = tmp_path / "both.pem"
        both.write_bytes(honest.ca_file.read_bytes() + other.ca_file.read_bytes())
        honest.ca_file = both
        judge = honest.verifier()
        trust = honest.university.trust
        judge.trust = trust.adding(trust.issuers[0], other.university.recognised_log)
        report = judge.verify(credential, now=NOW)
        assert report.verdict is Verdict.VALID, report.deciding
        assert YOUNG in honest.asked
        assert "documents" in other.asked
        assert YOUNG not in other.asked
        other.instead["documents"] = response(404)
        judge.logs = honest.verifier().logs
        assert judge.verify(credential, now=NOW).verdict is Verdict.VALID


def test_where_another_ledger_is_required_what_the_log_shows_does_not_suffice(honest: Host) -> None:
    """Whoever has the log's keys publishes what he likes there."""
    credential, judge = bare(honest), honest.verifier()
    assert judge.verify(credential, now=NOW).verdict is Verdict.VALID
    issuers, (log,) = honest.university.trust.issuers, honest.university.trust.logs
    ledger = TrustedLedger("notice", "gazette:a")
    required = replace(log, ledgers=(ledger,), requires=Requirement(1, (ledger.where,)))
    judge.trust = Trust(issuers, (required,))
    report = judge.verify(credential, now=NOW)
    assert report.deciding
    assert (report.verdict, report.deciding.code) == (
        Verdict.UNDETERMINED,
        "evidence-ledger-evidence-missing",
    )


def test_a_log_is_asked_though_the_evidence_of_another_came_along(honest: Host, tmp_path: Path) -> None:
    """The diploma names both."""
    (tmp_path / "other").mkdir()
    with host(tmp_path / "other") as other:
        university, log = honest.university, other.university.log
        both = [anchoring_terms(found.origin) for found in (university.log, log)]
        signed = university.sign(university.diploma(termsOfUse=both))
        other.university.anchor(log_entry(signed, signed["proof"][0]))
        other.publish()
        honest.ca_file = other.ca_file
        judge = honest.verifier()
        judge.trust = university.trust.adding(university.trust.issuers[0], other.university.recognised_log)
        report = judge.verify(university.bundle(signed), now=NOW)
        assert report.verdict is Verdict.VALID, report.deciding
        assert (honest.asked, YOUNG in other.asked) == ([], True)


def test_where_the_log_has_grown_meanwhile_the_full_tile_stands_for_the_partial_one(tmp_path: Path) -> None:
    """C2SP tlog-tiles: a host may drop a partial tile once there is a full one."""
    with host(tmp_path, entries=260) as found:
        credential = bare(found)
        before = found.university.log.checkpoint()
        append(found, 300)
        partial = f"tile/0/001.p/{before.size - 256}"
        found.instead = {"checkpoint": response(200, before.note), partial: response(404)}
        assert found.verify(credential).verdict is Verdict.VALID
        assert {partial, "tile/0/001"} <= set(found.asked)


def test_where_it_grew_by_a_tile_meanwhile_none_is_asked_for_that_its_checkpoint_lacks(
    tmp_path: Path,
) -> None:
    """The look-up files are newer, and the next leaf is one of those that hide the one which is meant."""
    with host(tmp_path, entries=5) as found:
        credential = bare(found)
        append(found, 256 - found.university.log.checkpoint().size, publish=False)
        before = found.university.log.checkpoint()
        append(found, 1)
        (place,) = SHAPE.find_young(found.content(YOUNG) or b"", leaf_of(credential))
        assert before.size == 256
        assert before.size in place.crowd
        found.instead = {"checkpoint": response(200, before.note)}
        assert found.verify(credential).verdict is Verdict.VALID
        assert not [path for path in found.asked if path.startswith("tile/0/001")]


def test_a_checkpoint_that_is_ahead_of_the_clock_here_is_said_to_be(honest: Host) -> None:
    credential = bare(honest)
    honest.university.now += timedelta(hours=1)
    append(honest, 1, publish=False)
    report = honest.verifier().verify(credential, now=honest.university.now - timedelta(minutes=50))
    assert report.verdict is Verdict.UNDETERMINED
    assert "the log's checkpoint" in step(report, 8).text


@pytest.mark.slow
def test_a_diploma_that_names_no_log_is_looked_for_in_those_of_its_issuer(honest: Host) -> None:
    diploma = honest.university.diploma()
    del diploma["termsOfUse"]
    credential = honest.university.issue(diploma).secured
    honest.publish()
    report = honest.verify(credential)
    assert report.verdict is Verdict.VALID, report.deciding
    assert step(report, 8).text.startswith("entry 1 of the log")


def test_a_log_whose_name_is_no_address_is_not_asked_for(tmp_path: Path) -> None:
    made = issuer_in(tmp_path / "home")
    shown = made.bundle(made.issue(graduate(1))).secured
    listed = made.trust_entry()
    trust = Trust().adding(RecognisedIssuer(**listed["issuer"]), RecognisedLog(**listed["log"]))

    def nobody(url: str, limit: int) -> bytes:
        raise AssertionError(url)

    report = verifier(trust, logs=nobody).verify(shown, now=NOW)
    assert report.verdict is Verdict.UNDETERMINED
    assert step(report, 8).text.endswith("but the evidence is missing")


class TestKeys:
    def test_an_entry_before_the_document_that_dropped_its_key_was_signed_before(self, honest: Host) -> None:
        credential = bare(honest)
        rotate(honest)
        report = honest.verify(credential)
        assert report.verdict is Verdict.VALID, report.deciding

    def test_so_was_one_before_the_document_in_which_its_key_expires(self, honest: Host) -> None:
        """Their checkpoint is of today, after the end of the key."""
        credential, university = bare(honest), honest.university
        old, new = university.key, PrivateKey.generate()
        keys = {"assertionMethod": [old.public_key, new.public_key]}
        methods = did_web.document(university.did, keys)["verificationMethod"]
        methods[0]["expires"] = format_datetimestamp(university.now)
        university.publish_document([old, new], verificationMethod=methods)
        university.key = new  # by which the lists are signed from now on
        honest.publish()
        report = honest.verify(credential)
        assert report.verdict is Verdict.VALID, report.deciding
        late = university.bundle(university.sign(university.diploma(index=8), old)).secured
        honest.publish()
        report = honest.verify(late)
        assert (report.verdict, report.deciding and report.deciding.step) == (Verdict.UNDETERMINED, 8)

    def test_one_after_it_leaves_the_question_open(self, honest: Host) -> None:
        old = rotate(honest)
        late = honest.university.bundle(honest.university.sign(honest.university.diploma(), old))
        honest.publish()
        report = honest.verify(late.secured)
        assert report.verdict is Verdict.UNDETERMINED
        assert "nothing shows that it signed before" in step(report, 8).text
        documents = Bundle(late.secured, (), late.issuer_documents)
        assert honest.verify(documents).verdict is Verdict.UNDETERMINED
        assert honest.verify(late).verdict is Verdict.INVALID, "the bundle says which document there was"

    def test_a_list_with_a_key_that_came_later_is_the_issuers(self, honest: Host) -> None:
        bundle = honest.university.issue()
        rotate(honest)
        old = Bundle(bundle.secured, bundle.evidence, bundle.issuer_documents)
        report = honest.verify(old)
        assert report.verdict is Verdict.VALID, report.deciding

    def test_a_host_that_keeps_the_first_document_back_makes_nothing_invalid(self, honest: Host) -> None:
        university = honest.university
        old = university.key
        university.key = PrivateKey.generate()
        credential = bare(honest)
        university.publish_document([old, university.key])
        honest.publish()
        versions = orjson.loads(honest.content("documents") or b"")["documents"]
        honest.instead["documents"] = response(200, orjson.dumps({"documents": versions[1:]}))
        for shown in (
            credential,
            Bundle(credential, (university.anchor(log_entry(credential, credential["proof"][0])),)),
        ):
            assert honest.verify(shown).verdict is Verdict.UNDETERMINED

    def test_neither_does_one_that_keeps_another_back(self, honest: Host) -> None:
        """Of three, that by which the key came."""
        university = honest.university
        old, new = university.key, PrivateKey.generate()
        university.publish_document([old, new])
        university.key = new
        credential = bare(honest)
        anchored = Bundle(credential, (university.anchor(log_entry(credential, credential["proof"][0])),))
        university.publish_document([new])
        honest.publish()
        first, _, last = orjson.loads(honest.content("documents") or b"")["documents"]
        honest.instead["documents"] = response(200, orjson.dumps({"documents": [first, last]}))
        for shown in (credential, anchored):
            report = honest.verify(shown)
            assert report.verdict is Verdict.UNDETERMINED, report.deciding
            assert "nothing shows that it signed before" in step(report, 8).text


def _young(change: Callable[[bytearray], None]) -> Callable[[Host], Answer]:
    def instead(found: Host) -> bytes:
        young = bytearray(found.content(YOUNG) or b"")
        change(young)
        return response(200, bytes(young))

    return instead


def _swapped(young: bytearray) -> None:
    young[8:20] = young[14:20] + young[8:14]


def _beyond(young: bytearray) -> None:
    young[8:8] = b"another leaf"


def _all_in_runs(young: bytearray) -> None:
    young[:] = (1 << 40).to_bytes(8)


def _other_tile(found: Host) -> bytes:
    return response(200, secrets.token_bytes(32 * found.university.log.checkpoint().size))


def _other_log(found: Host) -> bytes:
    """One of the same name, with the credential in it, that signs with keys of its own."""
    university = found.university
    keys = (PrivateKey.generate(), PrivateKey.generate())
    other = Log(university.log.origin, *keys, MemoryStore(), clock=lambda: NOW)
    other.append(list(university.log.entries(0, university.log.checkpoint().size)), b"all")
    return response(200, other.checkpoint().note)


def _stale(found: Host) -> bytes:
    return response(200, STALE[found.site.port])


STALE: dict[int, bytes] = {}


def _false_document(found: Host) -> bytes:
    document = dict(found.university.documents[0].document)
    return response(
        200, orjson.dumps({"documents": [{"index": 0, "document": {**document, "alsoKnownAs": []}}]})
    )


def _document_of_another(found: Host) -> bytes:
    document = {**found.university.documents[0].document, "id": "did:web:another.example"}
    return response(200, orjson.dumps({"documents": [{"index": 0, "document": document}]}))


def _no_index(found: Host) -> bytes:
    return response(200, orjson.dumps({"documents": [dict(found.university.documents[0].document)]}))


def _at(index: int) -> Callable[[Host], bytes]:
    def instead(found: Host) -> bytes:
        document = dict(found.university.documents[0].document)
        return response(200, orjson.dumps({"documents": [{"index": index, "document": document}]}))

    return instead


def _said(documents: object) -> Callable[[Host], bytes]:
    return lambda _: response(200, orjson.dumps({"documents": documents}))


def _just_beyond(found: Host) -> bytes:
    return _at(found.university.log.checkpoint().size)(found)


def _many_times(found: Host) -> bytes:
    versions = orjson.loads(found.content("documents") or b"")["documents"]
    return response(200, orjson.dumps({"documents": versions * 129}))


def _endless(found: Host) -> Iterator[bytes]:
    yield from found.site.dribble(b"HTTP/1.1 200 OK\r\n\r\n", bytes(1 << 15))


def _silent(found: Host) -> Iterator[bytes]:
    yield from found.site.dribble(b"", b"")


LIES: Mapping[str, tuple[str, Callable[[Host], Answer]]] = {
    "an index of another": (YOUNG, _young(_swapped)),
    "an index beyond the log": (YOUNG, _young(_beyond)),
    "look-up files that are not there": (YOUNG, _young(_all_in_runs)),
    "a look-up file that is none": (YOUNG, lambda _: response(200, b"no")),
    "a leaf that is not there": (YOUNG, lambda _: response(200, bytes(8))),
    "other tiles": ("tile", _other_tile),
    "no tile": ("tile", lambda _: response(404)),
    "half a tile": ("tile", lambda _: response(200, bytes(32))),
    "another log": (CHECKPOINT := "checkpoint", _other_log),
    "an older checkpoint": (CHECKPOINT, _stale),
    "no checkpoint": (CHECKPOINT, lambda _: response(200, b"no note")),
    "a document that the log lacks": ("documents", _false_document),
    "a document of another": ("documents", _document_of_another),
    "a document without a place": ("documents", _no_index),
    "a place beyond the log": ("documents", _at(1 << 50)),
    "a place just beyond the log": ("documents", _just_beyond),
    "a place before the log": ("documents", _at(-1)),
    "a place that is no number": ("documents", _at(True)),
    "documents that are none": ("documents", lambda _: response(200, b"[]")),
    "documents that are no list": ("documents", _said(7)),
    "a version that is none": ("documents", _said([7])),
    "a version without a document": ("documents", _said([{"index": 0, "document": 7}])),
    "too many documents": ("documents", _many_times),
    "a refusal": (CHECKPOINT, lambda _: response(503)),
}


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Mapping[str, Any]]]:
    """One host for all lies, and a diploma that is valid as long as it tells none."""
    with host(tmp_path_factory.mktemp("lying")) as found:
        STALE[found.site.port] = found.university.log.checkpoint().note
        credential = bare(found)
        assert found.verify(credential).verdict is Verdict.VALID
        yield found, credential
        found.instead = {}
        assert found.verify(credential).verdict is Verdict.VALID


@pytest.mark.quick(
    "an index of another",
    "look-up files that are not there",
    "other tiles",
    "an older checkpoint",
    "a document that the log lacks",
    "a place beyond the log",
    "documents that are no list",
    "a refusal",
)
@pytest.mark.parametrize("lie", LIES)
def test_what_a_host_says_falsely_leaves_the_question_open(
    lying: tuple[Host, Mapping[str, Any]], lie: str
) -> None:
    found, credential = lying
    path, made = LIES[lie]
    found.instead = {path: made(found)}
    report = found.verify(credential)
    assert report.verdict is Verdict.UNDETERMINED, report.deciding
    assert isinstance(report.deciding and report.deciding.problem, NotShown | Unavailable)


@pytest.mark.slow
def test_nobody_is_followed_to_another_host(honest: Host, tmp_path: Path) -> None:
    credential = bare(honest)
    with Site(honest.answer, honest.site.context).running() as other:
        for path in ("checkpoint", "documents", YOUNG, "tile"):
            honest.instead = {path: response(302, location=other.url(f"/log/{path}"))}
            report = honest.verify(credential)
            assert report.verdict is Verdict.UNDETERMINED, path
            assert "another origin redirects to it" in (report.deciding.text if report.deciding else "")
        assert not other.requests
    honest.instead = {}
    assert honest.verify(credential).verdict is Verdict.VALID


@pytest.mark.slow
@pytest.mark.parametrize("path", ["checkpoint", "documents", YOUNG])
@pytest.mark.parametrize("made", [_endless, _silent])
def test_a_host_that_never_ends_is_not_waited_for(
    honest: Host, path: str, made: Callable[[Host], Iterator[bytes]]
) -> None:
    credential = bare(honest)
    honest.instead[path] = lambda: made(honest)
    fetcher = HttpsFetcher(allow_loopback=True, ca_file=honest.ca_file, timeout=0.5)
    assert honest.verify(credential, fetcher).verdict is Verdict.UNDETERMINED


# What the host learns


def looks_up(found: Host, leaf: bytes, shape: Shape = SHAPE) -> list[str]:
    """What the host is asked for one entry, in this order; the entry is proved."""
    university = found.university
    found.site.requests.clear()
    fetcher = HttpsFetcher(allow_loopback=True, ca_file=found.ca_file, timeout=5.0)
    logs = PublishedLogs(Published(fetcher), university.trust, Work(), shape, at_once=1)  # else in any order
    (evidence,) = logs.evidence(leaf, university.did)
    assert verify_evidence(leaf, evidence, university.trust.policy_for(university.did)).index is not None
    return found.asked


@pytest.mark.slow
def test_the_host_cannot_tell_which_of_ten_leaves_or_more_is_meant(tmp_path: Path) -> None:
    with host(tmp_path) as found:
        log = found.university.log
        credential = found.university.issue().secured
        found.publish()
        log.append([entry(EntryKind.CREDENTIAL, secrets.token_bytes(32)) for _ in range(1 << 16)], b"others")
        found.publish()
        entries = list(log.entries(0, size := log.checkpoint().size))
        meant = entries.index(log_entry(credential, credential["proof"][0]))
        asked = looks_up(found, entries[meant])

        # The host knows all leaves, and sees which files are asked for.
        (file,) = [path for path in asked if re.fullmatch("lookup/[0-9].*", path)]
        content = found.content(file) or b""
        listed = [int.from_bytes(content[at + 6 : at + 12]) for at in range(0, len(content), 12)]
        assert meant in listed
        assert len(listed) > 1000
        tiles = {path for path in asked if path.startswith("tile/")}
        candidates = {
            index for index in listed if {tile_path(*tile) for tile in proof_tiles(index, size)} <= tiles
        }
        assert meant in candidates
        assert len(candidates) >= 10
        # Nor does it help to compare: whoever means one of at least ten asks for the very same files.
        (place,) = find(content, merkle.leaf_hash(entries[meant]))
        assert len(place.crowd) >= 10
        alike = [looks_up(found, entries[other]) for other in place.crowd]
        assert all(set(again) == set(asked) for again in alike)
        assert len(set(map(tuple, alike))) == len(alike), "each time in another order"


@pytest.mark.slow
def test_of_the_youngest_leaves_the_host_learns_no_more(tmp_path: Path) -> None:
    with host(tmp_path, entries=700) as found:
        credential = bare(found)
        log = found.university.log
        entries = list(log.entries(0, size := log.checkpoint().size))
        meant = entries.index(log_entry(credential, credential["proof"][0]))
        asked = looks_up(found, entries[meant])
        assert [path for path in asked if path.startswith("lookup/")] == [YOUNG], "which everybody reads"
        tiles = {path for path in asked if path.startswith("tile/")}
        possible = [
            index for index in range(size) if {tile_path(*tile) for tile in proof_tiles(index, size)} <= tiles
        ]
        assert meant in possible
        assert len(possible) >= 256


@pytest.mark.slow
def test_entries_of_every_age_are_found_over_the_network(tmp_path: Path) -> None:
    """In runs that were merged, in others, and after the last one."""
    shape = Shape(run=4, files=1)
    with host(tmp_path, entries=16 * 18 + 5) as found:
        found.lookup = LookupFiles(tmp_path, shape)
        found.publish()
        entries = list(found.university.log.entries(0, found.university.log.checkpoint().size))
        for index in (1, 16 * 16 - 1, 16 * 16, 16 * 17, len(entries) - 3):
            asked = looks_up(found, entries[index], shape)
            runs = {"/".join(path.split("/")[1:3]) for path in asked if re.match("lookup/[0-9]", path)}
            assert runs == (set() if index > 16 * 18 else {"1/0", "0/16", "0/17"}), "all of them or none"
