"""A kind that travels in a bundle: whose words are said, and that leaving it out makes nothing valid."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from holder import Wallet
from intaglio.commands.wallet.text import card
from intaglio.pages.view import judgement
from intaglio.words import kinds as words_of_kinds
from intaglio.words import report as words
from kinds import Kind, foreign, shipped
from kinds.check import is_sound, require_round_trip
from kinds.compiling import with_compiled
from kinds.facts import named_kind
from kinds.foreign import carried_digest, kind_of
from kinds.kind import LARGEST_CARRIED, kind_digest
from kinds.parsing import MOST_INSTRUCTIONS, parse_kind
from kinds.problem import INVALID_KIND
from kinds.records import check_record
from kinds.shipped import is_shipped
from ledger import EntryKind, Evidence, entry
from tests.problems import raises
from tests.test_kinds_facts import CLUB, CLUB_FIELDS, TODAY, club, composer, said
from tests.world import NAME, NOW, Holder, University, decided, issuer_in, trust_in, verifier
from vc import Bundle, Credential, Report, Verdict
from vc.anchoring import CarriedKind
from vc.forms import FORMS
from vc.problem import LATER_VERSION
from verifier import RecognisedIssuer, Trust
from verifier.sources.trust_entries import KindFiles
from verifier.summary import by_kind, summarize
from wire import Malformed, TooLarge, Unavailable
from wire.work import Work

UNIVERSITY = University()
OTHER = University("college.example")
TABLE = b"value,synonyms\ngold,or\n"
FIELDS = {**CLUB_FIELDS, "level": {"type": "code", "table": "level", "refusal": "is no level"}}
CELLS = {"no": "1", "who": "{issuer}"}
SENTENCE = f"{NAME} has a member called {{issuer}}"


def shown(kind: Kind, university: University = UNIVERSITY) -> CarriedKind:
    """As the university's log holds it."""
    assert kind.carried is not None
    evidence = university.anchor(entry(EntryKind.KIND, bytes.fromhex(kind.digest)))
    return kind.carried._replace(evidence=(evidence,))


def issued(kind: Kind, cells: Mapping[str, str] = CELLS, holder: str | None = None) -> Bundle:
    """A credential of the kind; the kind did not come along."""
    document = composer(kind).compose(check_record(kind, cells, TODAY), 7, holder=holder)
    return UNIVERSITY.issue(json.loads(json.dumps(document)))


def check(bundle: Bundle, trust: Trust = UNIVERSITY.trust, **options: Any) -> Report:
    """What is said of the bundle as it is written and read again."""
    data = bundle.to_bytes()
    assert Bundle.parse(data, FORMS).to_bytes() == data
    return verifier(trust).verify(data, **{"now": NOW, **options})


def sentence(report: Report, trust: Trust = UNIVERSITY.trust) -> str:
    (claims,), (found,) = report.require(), report.by_kind
    return words.sentence(summarize(claims, trust, found))


KIND = club(fields=CLUB_FIELDS)
ISSUED, SHOWN = issued(KIND), shown(KIND)


def test_a_kind_in_a_bundle_speaks_where_the_log_holds_it() -> None:
    bundle = replace(ISSUED, kinds=(SHOWN,))
    assert json.loads(bundle.to_bytes())["version"] == 3
    report = check(bundle)
    assert sentence(report) == SENTENCE
    assert words.for_programs(report, UNIVERSITY.trust)["fields"] == [CELLS]


def test_a_bundle_without_a_kind_is_written_as_before_and_reads_as_before() -> None:
    data = json.loads(ISSUED.to_bytes())
    assert (data["version"], "kinds" in data) == (1, False)
    for version in (1, 2):
        with raises(LATER_VERSION, match="a member 'kinds'"):
            Bundle.parse({**data, "version": version, "kinds": []}, FORMS)


@pytest.mark.parametrize(
    "kinds",
    [
        (),
        (SHOWN._replace(evidence=()),),
        (shown(KIND, OTHER),),
        (shown(club(version="2")),),
        (shown(club(sentence={"en": ["{issuer} lies"]})),),
    ],
    ids=["left out", "not shown", "shown by another's log", "another version", "another kind"],
)
def test_a_kind_that_no_log_of_the_issuers_holds_says_no_sentence(kinds: tuple[CarriedKind, ...]) -> None:
    """The verdict rests on none of it: a credential says by its kind's name what that asks for."""
    report = check(replace(ISSUED, kinds=kinds))
    assert report, report.checks
    assert sentence(report).startswith(f'by {NAME}: "')
    assert words.for_programs(report, UNIVERSITY.trust)["fields"] == [{}]


def test_what_merely_lies_in_a_bundle_has_its_labels_in_quotation_marks() -> None:
    labels = {"who": {**CLUB_FIELDS["who"], "labels": {"en": 'certified "member"'}}}
    kind = club(fields={**CLUB_FIELDS, **labels})
    bundle = replace(issued(kind), kinds=(shown(kind)._replace(evidence=()),))
    (found,), (claims,) = (report := check(bundle)).by_kind, report.require()
    assert (found.speaks, found.is_believed) == (False, False)
    lines = words_of_kinds.lines(found.kind, found.facts(claims), quoted=True)
    assert sentence(report).endswith('; "no": "1"; "certified \'member\'": "{issuer}"')
    assert list(lines) == [('"no"', "1"), ("\"certified 'member'\"", "{issuer}")]


def bent(evidence: Evidence) -> Evidence:
    """With one hash of the checkpoint changed."""
    head, _, note = evidence.body.partition(b"\n\n")
    return replace(evidence, body=head + b"\n\n" + note.replace(b"\n", b"\n1", 1))


@pytest.mark.parametrize(
    "spoilt",
    [
        SHOWN._replace(evidence=tuple(map(bent, SHOWN.evidence))),
        SHOWN._replace(evidence=ISSUED.evidence),
        SHOWN._replace(texts=(("kind.json", SHOWN.texts[0][1].replace("has a", "is no")),)),
        shown(KIND)._replace(evidence=(*shown(KIND).evidence, *map(bent, SHOWN.evidence))),
    ],
    ids=["a bent proof", "another's proof", "another text", "one bad proof of two"],
)
def test_a_kind_that_is_spoilt_is_a_finding_as_spoilt_evidence_is(spoilt: CarriedKind) -> None:
    report = check(replace(ISSUED, kinds=(spoilt,)))
    assert report.verdict is Verdict.INVALID
    assert decided(report).code == "evidence-invalid-evidence"


def test_a_spoilt_kind_that_nothing_names_is_nobodys() -> None:
    other = shown(club(version="2"))
    report = check(replace(UNIVERSITY.issue(), kinds=(other._replace(evidence=ISSUED.evidence),)))
    assert report.verdict is Verdict.VALID


def test_evidence_that_is_not_known_here_shows_nothing_and_breaks_nothing() -> None:
    later = Evidence("example.org/later@v1", b"\0" * 32, b"x")
    report = check(replace(ISSUED, kinds=(SHOWN._replace(evidence=(later,)),)))
    assert not report.by_kind[0].is_believed
    assert sentence(check(replace(ISSUED, kinds=(SHOWN._replace(evidence=(later, *SHOWN.evidence)),))))


def test_of_two_credentials_each_speaks_by_its_own_kind() -> None:
    holder, cells = Holder(), {"no": "2", "who": "B"}
    other = club(name="guild", sentence={"en": ["{issuer} has a guest"]})
    bundles = [issued(KIND, holder=holder.did), issued(other, cells, holder.did)]
    together = Bundle(
        holder.present(*[bundle.secured for bundle in bundles]),
        tuple(item for bundle in bundles for item in bundle.evidence),
        bundles[1].issuer_documents,
        bundles[1].status_lists,
        (shown(other), SHOWN),
    )
    report = check(together, challenge="challenge", domain="employer.example")
    found = zip(report.require(), report.by_kind, strict=True)
    said = [words.sentence(summarize(claims, UNIVERSITY.trust, kind)) for claims, kind in found]
    assert said == [SENTENCE, f"{NAME} has a guest"]


# What travels


def with_table(**change: Any) -> dict[str, bytes]:
    return {
        "kind.json": json.dumps({**CLUB, "fields": FIELDS, **change}).encode(),
        "tables/level.csv": TABLE,
    }


def test_a_table_for_registrars_stays_behind_and_its_digest_goes_along() -> None:
    kind = parse_kind(with_table())
    carried = kind.carried
    assert carried is not None
    assert [path for path, _ in carried.texts] == ["kind.json"]
    assert carried.absent == (("tables/level.csv", hashlib.sha256(TABLE).hexdigest()),)
    assert carried_digest(carried) == kind.digest
    read = kind_of(carried)
    assert read is not None
    assert read.reference == kind.reference
    claims = Credential.parse(said(kind, {**CELLS, "level": "or"}))
    assert named_kind(claims, [carried]) is read


def test_of_more_than_a_bundle_takes_the_largest_files_stay_behind() -> None:
    schema, small = b"x" * LARGEST_CARRIED, b"{}"
    kind = replace(KIND, files={**KIND.files, "schema.json": schema, "vct.json": small})
    assert kind.carried is not None
    assert [path for path, _ in kind.carried.texts] == ["kind.json", "vct.json"]
    assert kind.carried.absent == (("schema.json", hashlib.sha256(schema).hexdigest()),)
    assert carried_digest(kind.carried) == kind_digest(kind.files)
    room = LARGEST_CARRIED - sum(len(path) + len(data) for path, data in KIND.files.items())
    for size in (room - len("schema.json"), room - len("schema.json") + 1):
        carried = replace(KIND, files={**KIND.files, "schema.json": b"x" * size}).carried
        assert carried is not None
        data = json.loads(replace(ISSUED, kinds=(carried,)).to_bytes())
        assert Bundle.parse(data, FORMS).kinds == (carried,)
        assert bool(carried.absent) == (size > room - len("schema.json"))


@pytest.mark.parametrize("absent", ["kind.json", "template.json"])
def test_what_says_where_facts_stand_cannot_stay_behind(absent: str) -> None:
    """Another template would follow from the fields, under the digest of this one."""
    files = {"kind.json": json.dumps(CLUB).encode()}
    files.pop(absent, None)
    with raises(INVALID_KIND, match=f"{absent} did not come along"):
        parse_kind(files, {absent: "0" * 64})


def test_a_kind_that_is_too_large_stays_at_home() -> None:
    labels = {"en": "x" * 60}
    fields = {f"f{number}": {"type": "text", "labels": labels} for number in range(600)}
    text = json.dumps({**CLUB, "fields": {**CLUB_FIELDS, **fields}}).encode()
    template = b'{"@context": [], "type": [], "credentialSubject": {"no": "{no}"}}' + b" " * LARGEST_CARRIED
    assert parse_kind({"kind.json": text}).carried is not None
    assert parse_kind({"kind.json": text, "template.json": template}).carried is None


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ([], Malformed),
        ({"kind.json": 1}, Malformed),
        ({"kind.json": {"sha256": "x"}}, Malformed),
        ({"kind.json": {"sha512": "0" * 64}}, type(LATER_VERSION("x"))),
        ({"kind.json": "x" * (LARGEST_CARRIED + 1)}, TooLarge),
        ({"x" * (LARGEST_CARRIED + 1): ""}, TooLarge),
        ({str(number): "" for number in range(101)}, Malformed),
    ],
)
def test_what_is_no_kind_is_refused_when_a_bundle_is_read(files: Any, problem: type[Exception]) -> None:
    data = {**json.loads(ISSUED.to_bytes()), "version": 3, "kinds": [{"files": files}]}
    with pytest.raises(problem):
        Bundle.parse(json.dumps(data).encode(), FORMS)


# What a kind from elsewhere may cost, and has to pass


def test_files_that_are_no_kind_here_are_passed_over() -> None:
    """A later release may know more."""
    later = CarriedKind((("kind.json", json.dumps({**CLUB, "colour": "red"})),))
    first, again = Work(), Work()
    assert (kind_of(later, first), kind_of(later, again)) == (None, None)
    assert first.left == again.left


def test_who_leaves_files_out_takes_them_from_nobody_elses_kind() -> None:
    kind = parse_kind(with_table())
    assert kind.carried is not None
    short = kind_of(kind.carried)
    whole = kind_of(CarriedKind(kind.texts))
    assert short is not None
    assert whole is not None
    assert (set(short.files), set(whole.files)) == ({"kind.json"}, set(kind.files))
    assert short.reference == whole.reference


def test_what_is_remembered_of_kinds_has_a_limit() -> None:
    """Names of missing files are counted, too: of what is no kind, a stranger may send any."""
    paths = tuple((f"{each}-{'x' * 600}", "0" * 64) for each in range(100))
    for number in range(140):
        assert kind_of(CarriedKind((("kind.json", str(number)),), paths), Work()) is None
    kept = [key for key in foreign._read._kept if len(key) == 101]
    assert 0 < len(kept) < 140
    assert sum(sum(map(len, key)) for key in kept) < foreign._MOST_KEPT


def test_a_registry_that_cannot_be_asked_for_words_changes_no_verdict() -> None:
    class Away(Trust):
        def issuer(self, did: str, **_: Any) -> RecognisedIssuer | None:
            raise Unavailable("not now")

    claims = Credential.parse(said(KIND, CELLS))
    assert by_kind(claims, Away(), SHOWN._replace(is_shown=True)).kind is not None
    assert by_kind(claims, Away()).kind is None


def heard(kind: Kind) -> str:
    """What is said where the issuer's entry has the kind."""
    claims = Credential.parse(said(kind, CELLS))
    entry = RecognisedIssuer(UNIVERSITY.did, NAME, kinds=(KindFiles(kind.texts),))
    return words.sentence(summarize(claims, Trust().adding(entry)))


def test_a_kind_that_redefines_a_protected_term_has_no_words() -> None:
    protected = {"name": {"type": "text", "iri": "urn:example:not-a-name"}}
    kind = club(fields={**CLUB_FIELDS, **protected})
    with raises(INVALID_KIND):
        require_round_trip(kind)
    assert not is_sound(kind, Work())


def in_turn(one: str, other: str) -> Kind:
    """A kind whose template tells two values apart by the words beside them."""
    label, value, part = (f"https://example.org/terms#{name}" for name in ("label", "value", "part"))
    parts = [{label: one, value: "{no}"}, {label: other, value: "{who}"}]
    template = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "credentialSubject": {part: parts},
    }
    files = {"kind.json": json.dumps(CLUB).encode(), "template.json": json.dumps(template).encode()}
    return parse_kind(files)


def test_a_kind_that_reads_one_fact_as_another_has_no_words_though_the_list_has_it() -> None:
    kind, confused = in_turn("number", "name"), in_turn("a {no}", "a {who}")
    assert heard(kind) == SENTENCE
    assert heard(confused).startswith(f"by {NAME}: ")
    with raises(INVALID_KIND, match="fields.who: the credential says something else"):
        require_round_trip(confused)


def test_a_sound_kind_is_found_so_whatever_its_types_are() -> None:
    types = ("text", "integer", "number", "decimal", "boolean", "date", "moment", "url")
    fields = {
        f"{name}_{turn}": {"type": name, "iri": f"urn:example:{name}{turn}"}
        for name in types
        for turn in "ab"
    }
    rules = [{"before": "date_b", "after": "date_a", "refusal": "x"}]
    ends = {"valid_from": "date_b", "valid_until": "date_a", "rules": rules}
    require_round_trip(club(fields={**CLUB_FIELDS, **fields}, **ends))


def test_words_take_no_more_work_than_is_left_and_are_charged_again() -> None:
    kind = club(version="3")
    first, again = Work(), Work()
    assert is_sound(kind, first)
    assert is_sound(kind, again)
    assert first.left == again.left
    assert not is_sound(kind, Work(1_000_000 - first.left - 1))


def test_a_report_without_work_for_words_is_valid_all_the_same() -> None:
    bundle = replace(ISSUED, kinds=(SHOWN,))
    whole = Work()
    report = verifier(UNIVERSITY.trust).verify(bundle.to_bytes(), now=NOW, work=whole)
    assert sentence(report) == SENTENCE
    spent = 1_000_000 - whole.left
    short = verifier(UNIVERSITY.trust).verify(bundle.to_bytes(), now=NOW, work=Work(spent - 1))
    assert short.verdict is Verdict.VALID
    assert sentence(short).startswith(f'by {NAME}: "')


def test_patterns_that_take_long_to_compile_together_are_refused() -> None:
    dear = {"type": "text", "pattern": r"[\p{L}\p{N}]{1,30}"}
    parse_kind({"kind.json": json.dumps({**CLUB, "fields": {**CLUB_FIELDS, "a": dear}}).encode()})
    fields = {**CLUB_FIELDS, **{f"f{number}": dear for number in range(1000 - 2)}}
    work = Work()
    with raises(INVALID_KIND, match="take too long to compile"):
        parse_kind({"kind.json": json.dumps({**CLUB, "fields": fields}).encode()}, work=work)
    assert 1_000_000 - work.left < 4 * MOST_INSTRUCTIONS
    with pytest.raises(TooLarge):
        parse_kind({"kind.json": json.dumps({**CLUB, "fields": fields}).encode()}, work=Work(60_000))


def test_a_table_and_sentences_that_take_long_are_counted() -> None:
    rows = (b"a%d," % number + b"a%d " % number * 480 for number in range(120))
    table = b"value,synonyms\n" + b"\n".join(rows)
    work = Work()
    kind = kind_of(CarriedKind((*with_table_texts(), ("tables/level.csv", table.decode()))), work)
    assert kind is not None
    assert 1_000_000 - work.left > len(table) // 2
    with pytest.raises(TooLarge):
        parse_kind(kind.files, work=Work(len(table) // 2))
    tongues = {f"x-{number}": ["{issuer} has a member"] for number in range(1000)}
    babel = club(sentence={"en": ["{issuer} has a member"], **tongues})
    assert heard(babel) == f"{NAME} has a member"
    claims = Credential.parse(said(babel, CELLS))
    listed = RecognisedIssuer(UNIVERSITY.did, NAME, kinds=(KindFiles(babel.texts),))
    others = (RecognisedIssuer(f"did:example:{n}", f"The institution {n}") for n in range(4000))
    trust = Trust((listed, *others))
    assert not by_kind(claims, trust, work=Work(250_000)).speaks


def with_table_texts() -> list[tuple[str, str]]:
    return [(path, data.decode()) for path, data in with_table().items() if path == "kind.json"]


def test_the_digest_is_over_names_and_digests_of_all_files() -> None:
    files = with_table()
    manifest = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
    text = json.dumps(manifest, separators=(",", ":")).encode()
    assert kind_digest(files) == hashlib.sha256(text).hexdigest()


# Where else it is shown, kept and made


def test_a_wallet_keeps_the_kind_finds_by_its_number_and_shows_it_again(tmp_path: Path) -> None:
    holder_check = partial(verifier(UNIVERSITY.trust).verify, now=NOW)
    other = club(name="guild", sentence={"en": ["{issuer} has a guest"]})
    Wallet.create(tmp_path, b"a passphrase that is long enough", now=NOW)
    with Wallet(tmp_path, b"a passphrase that is long enough") as wallet:
        (key,) = wallet.holder_keys()
        bundles = [
            replace(issued(kind, {"no": number}, key.did), kinds=(shown(kind), SHOWN))
            for kind, number in ((KIND, "M-1"), (other, "G-1"), (KIND, "M-2"))
        ]
        for bundle in bundles:
            wallet.accept(bundle.to_bytes(), holder_check, now=NOW)
        held = wallet.get("G-1")
        assert held.kind is not None
        assert f'  "no" {" " * 7}G-1\n' in card(held, Trust())
        (entry,) = UNIVERSITY.trust.issuers
        listed = Trust((replace(entry, kinds=(KindFiles(other.texts),)),))
        assert f"  no {' ' * 9}G-1\n" in card(held, listed)
        together = wallet.present(["M-1", "G-1", "M-2"], challenge="c", domain="d", now=NOW)
    assert len({carried_digest(kind) for kind in together.kinds}) == 2
    report = check(together, challenge="c", domain="d")
    said = [kind.speaks for kind in report.by_kind]
    assert said == [True, True, True], report.checks


def test_a_page_quotes_the_labels_of_a_kind_that_no_log_holds() -> None:
    for kind, label in ((SHOWN, "who"), (SHOWN._replace(evidence=()), '"who"')):
        data = replace(ISSUED, kinds=(kind,)).to_bytes()
        report = verifier(UNIVERSITY.trust).verify(data, now=NOW)
        view = judgement("card.json", data, report, UNIVERSITY.trust, (), "en", Work())
        assert (label, "{issuer}") in [(claim.name, claim.value) for claim in view.cards[0].first]


def test_an_issuer_sends_its_own_kind_along(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "club", kind=KIND)
    bundle = issuer.bundle(issuer.issue(CELLS))
    (entry,), logs = (known := trust_in(issuer)).issuers, known.logs
    trust = Trust((replace(entry, kinds=()),), logs)
    report = verifier(trust).verify(bundle.to_bytes(), now=NOW)
    assert report.by_kind[0].speaks, report.checks
    assert [carried_digest(kind) for kind in bundle.kinds] == [with_compiled(KIND).digest]
    assert is_shipped(shipped("resident"))
    assert not is_shipped(club(name="resident"))
