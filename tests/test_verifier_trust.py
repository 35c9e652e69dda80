from __future__ import annotations

import base64
import hashlib
import multiprocessing
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import rfc8785

from intaglio.words import remedy
from keys import PrivateKey
from ledger import TrustedLedger, TrustPolicy, VerifierKey
from ledger.evidence import parse_proof
from ledger.note import Note, SignatureType
from tests.gazette import NAME, NOTICE
from tests.problems import is_a, raises
from tests.processes import ended
from tests.world import NOW, University, decided, verifier
from vc import Bundle, Verdict
from verifier import RecognisedIssuer, RecognisedLog, Trust, update_trust
from verifier.problem import NOT_FROM_THEN, TOO_FEW_WITNESSES, TRUST_DIFFERS, TRUST_LOG_DIFFERS
from verifier.sources.trust_entries import compared, handed_over
from wire import Conflict, Malformed, NotFound, TooLarge, Unavailable

UNIVERSITY = University()
KEY = UNIVERSITY.recognised_log.key
LIST_KEY = UNIVERSITY.key.public_key.multikey()
GAZETTE: dict[str, Any] = {"kind": NOTICE, "where": NAME, "parameters": {"5" * 64: "2026-07-01T11:00:00Z"}}
WRONG_LEDGERS: list[Any] = [
    GAZETTE,
    [NOTICE],
    [{}],
    [{"kind": NOTICE}],
    [{"where": NAME}],
    [{**GAZETTE, "kind": ""}],
    [{**GAZETTE, "where": "the gazette"}],
    [{**GAZETTE, "where": 1}],
    [{**GAZETTE, "parameters": []}],
    [{**GAZETTE, "parameters": {"number": 2**53}}],
    [{**GAZETTE, "parameters": {"x": "x" * (1 << 16)}}],
    [{**GAZETTE, "logs": [KEY]}],
    [GAZETTE, {**GAZETTE, "parameters": {}}],
    [{**GAZETTE, "where": f"gazette:{number}"} for number in range(17)],
]


def test_a_missing_file_trusts_nobody(tmp_path: Path) -> None:
    assert Trust.load(tmp_path / "trust.json") == Trust()


def test_what_is_added_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "trust.json"
    update_trust(path, lambda trust: trust.adding(RecognisedIssuer("did:example:a", "A", ("X",))))
    update_trust(path, lambda trust: trust.adding(UNIVERSITY.trust.issuers[0], UNIVERSITY.recognised_log))
    trust = Trust.load(path)
    assert trust.issuer("did:example:a") == RecognisedIssuer("did:example:a", "A", ("X",))
    assert trust.logs == UNIVERSITY.trust.logs
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_speaks_for_those_it_is_bound_to_only() -> None:
    trust = UNIVERSITY.trust
    assert trust.policy_for(UNIVERSITY.did).named(UNIVERSITY.log.origin)
    assert not trust.policy_for("did:web:other.example").logs


def test_adding_an_issuer_again_replaces_it_and_keeps_whom_the_log_speaks_for() -> None:
    other = RecognisedIssuer("did:example:b")
    trust = UNIVERSITY.trust.adding(other, UNIVERSITY.recognised_log)
    trust = trust.adding(RecognisedIssuer(UNIVERSITY.did, "New name"), UNIVERSITY.recognised_log)
    assert [issuer.name for issuer in trust.issuers] == ["", "New name"]
    assert trust.logs[0].issuers == (UNIVERSITY.did, "did:example:b")


def test_a_list_that_was_handed_over_takes_nobodys_place() -> None:
    own = UNIVERSITY.trust
    assert own.joined(own).issuers == own.issuers
    key = PrivateKey.generate().public_key.multikey()
    stranger = RecognisedIssuer("did:example:b")
    with pytest.raises(Conflict, match="says something else of it") as refused:
        own.joined(Trust().adding(stranger).adding(RecognisedIssuer(UNIVERSITY.did, keys=(key,))))
    assert "intaglio trust remove" in remedy(refused.value)
    strict = Trust().adding(stranger, replace(UNIVERSITY.recognised_log, clock=""))
    with pytest.raises(Conflict, match="with other witnesses, clock or ledgers"):
        own.joined(strict)


def test_a_list_that_still_has_keys_beside_the_log_says_the_same() -> None:
    """As the first release handed them out."""
    new = UNIVERSITY.trust
    key = PrivateKey.generate().public_key.multikey()
    old = Trust().adding(replace(new.issuers[0], keys=(key,), documents=("x",)), UNIVERSITY.recognised_log)
    assert new.joined(old) == new
    assert old.joined(new) == old
    with pytest.raises(Conflict, match="says something else of it"):
        new.joined(Trust(old.issuers))


def test_removing_takes_the_log_along_when_it_speaks_for_nobody_else() -> None:
    assert UNIVERSITY.trust.removing(UNIVERSITY.did) == Trust()
    with pytest.raises(NotFound):
        Trust().removing("did:example:a")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "value",
    [
        {},
        {"version": 9},
        {"version": True},
        {"version": 1.0},
        {"version": 1, "issuers": {}},
        {"version": 1, "issuer": {"id": "did:example:a"}},
        {**UNIVERSITY.diploma(), "version": 1},
        {"version": 1, "issuers": [{}]},
        {"version": 1, "issuers": [{"id": 7}]},
        {"version": 1, "issuers": [{"id": "did:example:a", "types": "X"}]},
        {"version": 1, "issuers": [{"id": "did:example:a", "typo": ["X"]}]},
        {"version": 1, "issuers": [{"id": "did:example:a", "keys": ["zNoKey"]}]},
        {"version": 2, "issuers": [{"id": "did:example:a", "statusIssuer": "did:example:b"}]},
        {"version": 2, "issuers": [{"id": "did:example:a", "statusIssuers": "did:example:b"}]},
        {"version": 2, "issuers": [{"id": "did:example:a", "closed": True}]},
        {"version": 2, "issuers": [{"id": "did:example:a", "closed": "20260630"}]},
        {"version": 2, "issuers": [{"id": "did:example:a", "closed": "2026-06-30T12:00:00"}]},
        {"version": 2, "issuers": [{"id": "did:example:a", "until": "2026-06-30T12:00:00Z"}]},
        {"version": 2, "issuers": [{"id": "did:example:a", "until": "2026-06-31"}]},
        {"version": 1, "logs": [{"issuers": ["did:example:a"]}]},
        {"version": 1, "logs": [{"key": "no key", "issuers": ["did:example:a"]}]},
        {"version": 1, "logs": [{"key": UNIVERSITY.recognised_log.key, "issuers": ["d"], "quorum": 1}]},
        {"version": 4, "issuers": [{"id": "did:example:a", "listKeys": ["zNoKey"]}]},
        {"version": 3, "issuers": [{"id": "did:example:a", "listKeys": [LIST_KEY]}]},
        {"version": 1, "logs": [{"key": UNIVERSITY.recognised_log.key, "quorum": True}]},
        {"version": 1, "logs": [{"key": UNIVERSITY.recognised_log.key, "quorum": -1}]},
        *({"version": 2, "logs": [{"key": KEY, "ledgers": wrong}]} for wrong in WRONG_LEDGERS),
    ],
)
def test_a_file_that_is_not_understood_is_refused_as_a_whole(value: object, tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(orjson.dumps(value))
    with pytest.raises(Malformed, match=f"^{path} is not a trust file: "):
        Trust.load(path)


def test_version_2_is_written_only_where_one_of_its_members_is_used() -> None:
    """A program that reads version 1 only goes on reading all lists that say nothing new."""
    closed = RecognisedIssuer(
        UNIVERSITY.did,
        status_issuers=("did:example:state", "https://status.example/controller"),
        closed=date(2026, 6, 30),
        until=date(2026, 5, 31),
    )
    written = Trust((closed,)).to_bytes()
    assert orjson.loads(written) == {
        "version": 2,
        "issuers": [
            {
                "id": UNIVERSITY.did,
                "statusIssuers": ["did:example:state", "https://status.example/controller"],
                "closed": "2026-06-30",
                "until": "2026-05-31",
            }
        ],
        "logs": [],
    }
    assert Trust.parse(written) == Trust((closed,))
    for change in ({"status_issuers": ()}, {"closed": None}, {"until": None}):
        entry = replace(closed, **change)
        assert Trust.parse(Trust((entry,)).to_bytes()).issuer(UNIVERSITY.did) == entry
    assert orjson.loads(UNIVERSITY.trust.to_bytes())["version"] == 1
    plain = UNIVERSITY.trust.to_bytes().replace(b'"version": 1', b'"version": 2')
    assert Trust.parse(plain) == UNIVERSITY.trust


@pytest.mark.parametrize(
    ("closed", "written", "last_lists"),
    [
        (date(2026, 6, 30), "2026-06-30", datetime(2026, 6, 30, tzinfo=UTC)),
        (
            datetime(2026, 6, 30, 14, 0, 1, tzinfo=UTC),
            "2026-06-30T14:00:01Z",
            datetime(2026, 6, 30, 14, 0, 1, tzinfo=UTC),
        ),
    ],
)
def test_an_issuer_closed_on_a_day_or_at_a_moment(closed: date, written: str, last_lists: datetime) -> None:
    trust = Trust((RecognisedIssuer("did:example:a", closed=closed),))
    assert orjson.loads(trust.to_bytes())["issuers"][0]["closed"] == written
    (again,) = Trust.parse(trust.to_bytes()).issuers
    assert (again.closed, again.last_lists) == (closed, last_lists)
    assert RecognisedIssuer("did:example:a").last_lists is None


def test_other_ledgers_of_a_log_are_read_and_written_in_version_2() -> None:
    log = {"key": KEY, "issuers": [UNIVERSITY.did], "ledgers": [GAZETTE, {"kind": NOTICE, "where": "b"}]}
    value = {"version": 2, "issuers": [{"id": UNIVERSITY.did}], "logs": [log]}
    trust = Trust.parse(orjson.dumps(value))
    assert trust.logs[0].ledgers == (TrustedLedger(**GAZETTE), TrustedLedger(NOTICE, "b"))
    assert orjson.loads(trust.to_bytes()) == value
    policy = trust.policy_for(UNIVERSITY.did)
    assert policy.ledgers(UNIVERSITY.log.origin, NOTICE) == trust.logs[0].ledgers
    assert policy.ledgers(UNIVERSITY.log.origin, "another/kind") == policy.ledgers("other.log", NOTICE) == ()
    with pytest.raises(Malformed, match="the member ledgers of logs needs version 2"):
        Trust.parse(orjson.dumps({**value, "version": 1}))
    assert orjson.loads(trust.removing(UNIVERSITY.did).to_bytes()) == {
        "version": 1,
        "issuers": [],
        "logs": [],
    }


def test_other_ledgers_are_compared_and_taken_over_with_their_log() -> None:
    """Whoever hands over a file for another issuer of the same log could else name a ledger of his own."""
    plain = UNIVERSITY.trust
    more = Trust(plain.issuers, (replace(plain.logs[0], ledgers=(TrustedLedger(**GAZETTE),)),))
    assert Trust().joined(more) == more.joined(more) == more
    assert more.fingerprint(UNIVERSITY.did) != plain.fingerprint(UNIVERSITY.did)
    later = Trust.parse(more.to_bytes().replace(b"11:00:00Z", b"10:00:00Z"))
    assert later.fingerprint(UNIVERSITY.did) != more.fingerprint(UNIVERSITY.did)
    neighbour = RecognisedIssuer("did:example:b")
    beside = Trust((neighbour,), tuple(replace(log, issuers=(neighbour.id,)) for log in more.logs))
    for known, given in ((plain, more), (more, plain), (more, later), (plain, beside)):
        with raises(TRUST_DIFFERS, match="with other witnesses, clock or ledgers"):
            known.joined(given)
    assert [log.ledgers for log in more.joined(beside).logs] == [more.logs[0].ledgers]


def test_parameters_are_compared_as_json_has_them() -> None:
    """For Python `true` is 1."""
    one, true = (TrustedLedger(NOTICE, NAME, {"block": block}) for block in (1, True))
    known, given = (
        Trust(UNIVERSITY.trust.issuers, (replace(UNIVERSITY.trust.logs[0], ledgers=(ledger,)),))
        for ledger in (one, true)
    )
    with raises(TRUST_DIFFERS, match="with other witnesses, clock or ledgers"):
        known.joined(given)
    assert known.joined(known) == known


@pytest.mark.parametrize("member", [{"statusIssuers": []}, {"closed": "2026-06-30"}, {"until": "2026-06-30"}])
def test_a_member_of_version_2_in_a_file_of_version_1_is_refused_by_name(member: dict[str, object]) -> None:
    (name,) = member
    issuer = {"id": "did:example:a", **member}
    with pytest.raises(Malformed, match=f"the member {name} of issuers needs version 2"):
        Trust.parse(orjson.dumps({"version": 1, "issuers": [issuer]}))


def test_what_a_file_says_anew_of_a_known_issuer_is_no_small_thing() -> None:
    known = UNIVERSITY.trust
    closed = {"closed": date(2026, 6, 30)}
    for change, said in (
        ({"status_issuers": ("did:example:b",)}, "the file says something else of it"),
        (closed, "the file says that it closed on 2026-06-30"),
        ({**closed, "types": ("X",)}, "the file says something else of it"),
    ):
        entry = replace(known.issuers[0], **change)
        with raises(TRUST_DIFFERS, match=said):
            known.joined(Trust((entry,), known.logs))


def test_no_file_lets_a_log_speak_for_an_issuer_that_has_none_here() -> None:
    """Its documents would count beside the keys that are pinned."""
    known = Trust((RecognisedIssuer(UNIVERSITY.did, keys=(UNIVERSITY.key.public_key.multikey(),)),))
    for entry in (known.issuers[0], RecognisedIssuer(UNIVERSITY.did)):
        with raises(TRUST_LOG_DIFFERS, match="for which your list does not have it"):
            known.joined(Trust((entry,), UNIVERSITY.trust.logs))


def test_two_entries_for_one_did_or_log_are_refused() -> None:
    issuer, log = {"id": "did:example:a"}, {"key": UNIVERSITY.recognised_log.key}
    with pytest.raises(Malformed, match="more than one entry for 'did:example:a'"):
        Trust.parse(orjson.dumps({"version": 1, "issuers": [issuer, {**issuer, "types": ["X"]}]}))
    with pytest.raises(Malformed, match="more than one entry for 'university"):
        Trust.parse(orjson.dumps({"version": 1, "logs": [log, log]}))


def test_the_version_of_a_stranger_is_cut_short() -> None:
    with pytest.raises(Malformed) as refused:
        Trust.parse(orjson.dumps({"version": "x" * 10_000}))
    assert len(refused.value.detail) < 200


def _add(path: Path, number: int) -> None:
    update_trust(path, lambda trust: trust.adding(RecognisedIssuer(f"did:example:{number}")))


@pytest.mark.slow
def test_processes_that_add_at_once_take_turns(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add, args=(tmp_path / "trust.json", number)) for number in range(5)]
    for process in processes:
        process.start()
    ended(processes)
    assert len(Trust.load(tmp_path / "trust.json").issuers) == 5
    assert {path.name for path in tmp_path.iterdir()} == {"trust.json", "trust.json.lock"}


def test_a_witness_whose_signatures_are_not_read_here_never_comes() -> None:
    """C2SP signed-note has types of signatures that are assigned later."""
    raw = bytes([7]) + bytes(1312)
    key_id = hashlib.sha256(b"witness.example\n" + raw).hexdigest()[:8]
    witness = f"witness.example+{key_id}+{base64.b64encode(raw).decode()}"
    bundle = UNIVERSITY.issue(index=40)
    for quorum, verdict in ((0, Verdict.VALID), (1, Verdict.UNDETERMINED)):
        log = replace(UNIVERSITY.recognised_log, witnesses=(witness,), quorum=quorum)
        trust = Trust.parse(Trust().adding(UNIVERSITY.pinned.issuers[0], log).to_bytes())
        report = verifier(trust).verify(bundle, now=NOW)
        assert report.verdict is verdict, report.to_dict()
    assert any(is_a(found.problem, TOO_FEW_WITNESSES) for found in report.checks)
    for wrong in (("garbage",), (witness, witness), (witness[:-1],)):
        log = replace(UNIVERSITY.recognised_log, witnesses=wrong)
        with pytest.raises(Malformed):
            Trust.parse(Trust().adding(UNIVERSITY.trust.issuers[0], log).to_bytes())


def test_without_a_quorum_no_witness_shows_that_something_is_from_before() -> None:
    university = University("dated.example")
    liar, others = PrivateKey.generate(), [PrivateKey.generate() for _ in range(2)]
    keys = [
        VerifierKey(f"w{number}.example", SignatureType.COSIGNATURE, key.public_key)
        for number, key in enumerate((liar, *others))
    ]
    bundle = university.issue()
    (evidence,) = bundle.evidence
    text = Note.parse(parse_proof(evidence.body)[2]).text
    times = (datetime(2001, 1, 1, tzinfo=UTC), NOW, NOW)
    lines = [key.sign(signer, text, at) for key, signer, at in zip(keys, (liar, *others), times, strict=True)]
    bundle = replace(bundle, evidence=(replace(evidence, body=evidence.body + b"".join(lines)),))
    issuer = replace(university.trust.issuers[0], until=date(2020, 1, 1))
    log = replace(university.recognised_log, witnesses=tuple(map(str, keys)))
    report = verifier(Trust().adding(issuer, log)).verify(bundle, now=NOW)
    assert report.verdict is Verdict.UNDETERMINED
    assert is_a(report.deciding and report.deciding.problem, NOT_FROM_THEN)
    later = replace(issuer, until=NOW.date())
    assert verifier(Trust().adding(later, log)).verify(bundle, now=NOW)


def test_the_origin_is_the_name_in_the_key() -> None:
    assert RecognisedLog(UNIVERSITY.recognised_log.key).origin == UNIVERSITY.log.origin


def test_a_file_from_one_issuer_says_nothing_of_another() -> None:
    """Its log would vouch for the keys of an issuer that is on the list already."""
    mine, evil = UNIVERSITY.trust, University("evil.example")
    renamed = replace(mine.issuers[0], name="renamed", reason="so it says")
    speaks = replace(evil.recognised_log, issuers=(evil.did, UNIVERSITY.did))
    with pytest.raises(Conflict, match="for which your list does not have it"):
        mine.joined(Trust((*evil.trust.issuers, renamed), (speaks,)))
    joined = mine.joined(Trust((*evil.trust.issuers, renamed), (*evil.trust.logs, *mine.logs)))
    assert joined.issuer(UNIVERSITY.did) == mine.issuers[0]
    assert joined.issuer(evil.did)
    speaking = [log.key for log in joined.logs if UNIVERSITY.did in log.issuers]
    assert speaking == [UNIVERSITY.recognised_log.key]


class TestWhoSignsStatusListsOnly:
    """A file that adds such a one as an issuer would else bring the keys that revive a revoked diploma."""

    SERVICE, THIEF = University("status.example"), University("thief.example")
    OWNER = RecognisedIssuer(UNIVERSITY.did, status_issuers=(SERVICE.did,))
    ENTRY = RecognisedIssuer(SERVICE.did, "Evil College")
    TRUE, FALSE = (replace(log, issuers=(did,)) for did, log in (
        (SERVICE.did, SERVICE.recognised_log), (SERVICE.did, THIEF.recognised_log)
    ))  # fmt: skip
    WITHOUT = Trust((OWNER,), UNIVERSITY.trust.logs)
    WITH_LOG = Trust((OWNER,), (*UNIVERSITY.trust.logs, TRUE))
    PIN = (THIEF.key.public_key.multikey(),)

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize("mine", [WITHOUT, WITH_LOG, Trust((), (TRUE,))])
    @pytest.mark.parametrize(
        "given",
        [
            Trust((ENTRY,), (FALSE,)),
            Trust((ENTRY,), (TRUE, FALSE)),
            Trust((replace(ENTRY, keys=PIN),)),
            Trust((replace(ENTRY, documents=("x",)),)),
            Trust((replace(ENTRY, keys=PIN),), (TRUE,)),
        ],
    )
    def test_no_file_brings_keys_for_it(self, mine: Trust, given: Trust) -> None:
        with pytest.raises(Conflict, match=r"status\.example.* your list does not have") as refused:
            mine.joined(given)
        assert remedy(refused.value)

    def test_the_log_that_is_there_is_no_other(self) -> None:
        assert self.WITH_LOG.joined(Trust((self.ENTRY,), (self.TRUE,))).issuer(self.SERVICE.did) == self.ENTRY
        assert self.WITHOUT.joined(Trust((self.ENTRY,))).issuer(self.SERVICE.did) == self.ENTRY

    def test_a_log_for_it_differs_whoever_the_file_adds(self) -> None:
        """Were the one here the thief's, the owner's own file would not be told from it."""
        mine = Trust((self.ENTRY,), (self.FALSE,))
        with raises(TRUST_LOG_DIFFERS, match=r"status\.example"):
            mine.joined(self.WITH_LOG)

    def test_what_is_known_first_is_named_afterwards(self) -> None:
        """The remedy."""
        service = Trust((self.ENTRY,), (self.TRUE,))
        joined = self.WITHOUT.removing(UNIVERSITY.did).joined(service).joined(self.WITHOUT)
        assert {log.key for log in joined.logs} == {self.TRUE.key, UNIVERSITY.recognised_log.key}
        assert joined.joined(self.WITH_LOG) == joined


@pytest.mark.slow
def test_a_file_that_would_make_the_list_unreadable_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    update_trust(path, lambda _: UNIVERSITY.trust)
    before = path.read_bytes()
    many = Trust(tuple(RecognisedIssuer(f"did:web:x{number}.example", "n" * (1 << 25)) for number in "ab"))
    with pytest.raises(TooLarge):
        update_trust(path, lambda trust: Trust((*trust.issuers, *many.issuers), trust.logs))
    assert path.read_bytes() == before


def test_a_log_may_speak_for_very_many(tmp_path: Path) -> None:
    """In linear time: 30,000 names once took ten seconds."""
    log = replace(UNIVERSITY.recognised_log, issuers=tuple(f"did:web:x{number}" for number in range(30_000)))
    start = time.process_time()
    assert Trust.parse(Trust((), (log,)).to_bytes()).logs == (log,)
    assert time.process_time() - start < 2


def test_a_list_that_is_no_file_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        Trust.load(tmp_path)


def test_a_fingerprint_is_seven_groups_of_digits_of_what_the_entry_says() -> None:
    trust = Trust().adding(RecognisedIssuer("did:example:a", "A", ("X",), reason="a friend of mine"))
    said = rfc8785.dumps({"issuer": {"id": "did:example:a", "name": "A", "types": ["X"]}, "logs": []})
    digits = str(int.from_bytes(hashlib.sha256(said).digest()))[-35:]
    assert trust.fingerprint("did:example:a") == " ".join(re.findall("[0-9]{5}", digits))
    with pytest.raises(NotFound):
        trust.fingerprint("did:example:b")


def test_who_signs_lists_has_a_did_or_an_https_url() -> None:
    for name, is_one in {
        "did:web:lists.example": True,
        "https://lists.example/": True,
        "lists": False,
    }.items():
        value = {"version": 2, "issuers": [{"id": "did:example:a", "statusIssuers": [name]}], "logs": []}
        if is_one:
            assert Trust.parse(orjson.dumps(value)).issuers[0].status_issuers == (name,)
        else:
            with pytest.raises(Malformed, match="neither a DID nor an https URL"):
                Trust.parse(orjson.dumps(value))


class Registry:
    """Whom a national register knows, asked for each name: no list, and nothing that can be listed."""

    def __init__(self, entries: Mapping[str, Trust], *, answers: bool = True) -> None:
        self._entries, self._answers = entries, answers
        self.asked = set[str]()

    def issuer(
        self, did: str, *, types: Collection[str] = (), at: datetime | None = None
    ) -> RecognisedIssuer | None:
        return self._find(did).issuer(did, types=types, at=at)

    def policy_for(self, did: str) -> TrustPolicy:
        return self._find(did).policy_for(did)

    def _find(self, did: str) -> Trust:
        if not self._answers:
            raise Unavailable("the register does not answer")
        self.asked.add(did)
        return self._entries.get(did, Trust())


def test_trust_may_come_from_elsewhere_than_a_list() -> None:
    bundle, others = UNIVERSITY.issue(), University("other.example")
    known = Registry({UNIVERSITY.did: UNIVERSITY.trust, others.did: others.trust})
    assert verifier(known).verify(bundle, now=NOW)
    assert known.asked == {UNIVERSITY.did}
    report = verifier(known).verify(University("third.example").issue(), now=NOW)
    assert (report.verdict, bool(report.deciding)) == (Verdict.UNDETERMINED, True)
    silent = verifier(Registry({}, answers=False)).verify(bundle, now=NOW)
    assert silent.deciding
    assert (silent.verdict, silent.deciding.text) == (Verdict.UNDETERMINED, "the register does not answer")


class Accreditation(Registry):
    """A register of who may issue which type of credential, and until when."""

    def __init__(self, trust: Trust, kind: str, until: datetime) -> None:
        super().__init__({UNIVERSITY.did: trust})
        self._kind, self._until = kind, until
        self.questions: list[tuple[set[str], datetime]] = []

    def issuer(
        self, did: str, *, types: Collection[str] = (), at: datetime | None = None
    ) -> RecognisedIssuer | None:
        if at is not None:
            self.questions.append((set(types), at))
            if {*types} != {self._kind} or at > self._until:
                return None
        return super().issuer(did)


YEAR = timedelta(days=365)


class TestTypeAndTime:
    """`TrustSource.issuer` asked whether somebody may issue a type of credential, at a time."""

    def test_what_is_in_no_log_is_of_today(self) -> None:
        diploma = Bundle(UNIVERSITY.sign(UNIVERSITY.plain()))
        known = Accreditation(UNIVERSITY.pinned, "OpenBadgeCredential", NOW)
        for now, verdict in ((NOW, Verdict.VALID), (NOW + YEAR, Verdict.UNDETERMINED)):
            report = verifier(known).verify(diploma, now=now)
            assert (report.verdict, known.questions.pop()) == (verdict, ({"OpenBadgeCredential"}, now))

    def test_what_a_log_has_is_of_then(self) -> None:
        known = Accreditation(UNIVERSITY.trust, "OpenBadgeCredential", UNIVERSITY.now)
        shown = UNIVERSITY.issue()
        assert verifier(known).verify(shown, now=NOW)
        assert known.questions == [({"OpenBadgeCredential"}, UNIVERSITY.now)]
        known = Accreditation(UNIVERSITY.trust, "OpenBadgeCredential", UNIVERSITY.now - timedelta(seconds=1))
        assert decided(verifier(known).verify(shown, now=NOW)).code == "trust-issuer-unknown"

    def test_another_type_is_not_recognised(self) -> None:
        known = Accreditation(UNIVERSITY.trust, "AchievementCredential", NOW)
        report = verifier(known).verify(UNIVERSITY.issue(), now=NOW)
        assert (report.verdict, decided(report).name) == (Verdict.UNDETERMINED, "trust")

    def test_a_list_says_the_same_of_every_type_and_time(self) -> None:
        entry = UNIVERSITY.trust.issuer(UNIVERSITY.did)
        assert UNIVERSITY.trust.issuer(UNIVERSITY.did, types=["X"], at=NOW + YEAR) == entry


def test_mirrors_are_a_few_https_addresses_and_nobody_elses_to_name() -> None:
    log = replace(
        UNIVERSITY.recognised_log, issuers=("did:example:a",), mirrors=("https://hub.example/mirror/5c4a",)
    )
    trust = Trust(logs=(log,))
    assert orjson.loads(trust.to_bytes())["version"] == 8
    assert Trust.parse(trust.to_bytes()) == trust
    assert handed_over(log).mirrors == ()
    assert compared(log) == compared(UNIVERSITY.recognised_log)
    (policy,) = trust.policy_for(log.issuers[0]).logs
    assert policy.mirrors == log.mirrors
    for wrong in (("http://hub.example/mirror",), ("hub.example",), ("https://hub.example/1",) * 9):
        with pytest.raises(Malformed):
            Trust.parse(Trust(logs=(replace(log, mirrors=wrong),)).to_bytes())
