"""Several kinds under one issuer: equal numbers never meet, whatever is done to them, in whatever order."""

from __future__ import annotations

import csv
import itertools
import json
import multiprocessing
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.archive.finding import MOST_FOUND
from issuer.archive.kept import EditionTaken, Entry, KindNumber
from issuer.identity.home import Identity
from issuer.identity.kind import Kinds, read_kind
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.job.singles import Edition
from issuer.keeping.backup import backup, restore
from issuer.keeping.export import export, file_name
from issuer.keeping.health import examine_issuer
from issuer.problem import ANOTHER_KIND, KIND_NOT_NAMED, NO_SUCH_KIND, TYPE_TAKEN
from issuer.table.source import Source, open_source
from keys import PrivateKey
from kinds import Kind, shipped
from kinds.facts import facts_of
from kinds.parsing import parse_kind
from ledger import EntryKind, entry, parse_entry
from tests.copying import copy_folder
from tests.doubles import at, stops
from tests.fault.kill import Work, kill_at_each_step
from tests.problems import raises
from tests.processes import ended
from tests.test_kinds_facts import CLUB, CLUB_FIELDS, ZHANG
from tests.world import NOW, Holder, graduate, issuer_in, reopened, verifier_for
from vc import Verdict
from vc.reading.bundle import Bundle
from vc.status import Reason
from verifier import Trust
from verifier.sources.trust_entries import MOST_KINDS
from wire.problem import Damaged, Refused

FIXTURES = Path(__file__).parent / "fixtures"
HASHED = {
    "@context": ["https://www.w3.org/ns/credentials/v2", {"@vocab": "urn:example:"}],
    "type": ["VerifiableCredential"],
    "credentialSubject": {"no": "{no}", "who": "{who}", "mail": "{mail_hash}", "salt": "{mail_salt}"},
}
SECRET = b"correct horse battery"
HOLDER = Holder(PrivateKey.from_secret("Ed25519", bytes(range(1, 33)))).did


def own(folder: Path, name: str, **change: Any) -> Kind:
    """A kind with a salted hash, so that ids and salts of two can be compared."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = {**CLUB_FIELDS, "mail": {"type": "text"}}
    members = {**CLUB, "name": name, "nouns": {"en": [name, f"{name}s"]}, "fields": fields, "sentence": {}}
    members["person"] = {"name": "who"}
    (folder / "kind.json").write_text(json.dumps({**members, **change}))
    (folder / "template.json").write_text(json.dumps(HASHED))
    return read_kind(folder)


def row(kind: str, number: str, who: str = "") -> dict[str, str]:
    """The cells of a record, whose facts name the kind and the number that they belong to."""
    if kind == "diploma":
        return graduate(0, diploma_number=number, given_name=who or f"{kind}-{number}")
    return {"no": number, "who": who or f"{kind}-{number}", "mail": "a@example.org"}


def both(home: Path, *, diplomas: bool = False) -> Issuer:
    """An issuer of two kinds of its own, and perhaps of diplomas."""
    folder = home.parent / "kinds-typed"
    if diplomas:
        issuer_in(home)
    issuer_in(home, kind=own(folder / "club", "club"))
    return issuer_in(home, kind=own(folder / "library", "library"))


# Whatever is done, in whatever order

NUMBERS = ("1", "2")
STEPS = ("issue", "correct", "claim", "release", "revoke")


class Done(NamedTuple):
    """What was asked of one credential: what an index of its own would say of it."""

    who: str
    edition: int
    holder: str | None
    generation: int
    revoked: bool


def do(issuer: Issuer, which: KindNumber, step: str, before: Done | None) -> Done:
    if step == "issue":
        issuer.issue(which.kind, row(*which))
        return Done(f"{which.kind}-{which.number}", 1, None, 0, False)
    assert before is not None
    if step == "correct":
        changed = "given_name" if which.kind == "diploma" else "who"
        issuer.correct(which, {changed: f"{before.who}-corrected"})
        return before._replace(who=f"{before.who}-corrected", edition=before.edition + 1)
    if step == "claim":
        issuer.claim(which, HOLDER, issuer.generation(which))
        return before._replace(edition=before.edition + 1, holder=HOLDER)
    if step == "release":
        issuer.release(which)
        return before._replace(edition=before.edition + 1, holder=None, generation=before.generation + 1)
    issuer.revoke([which], Reason.FRAUD, date=NOW, now=NOW)
    return before._replace(revoked=True)


def said(issuer: Issuer, entry: Entry) -> tuple[str, str]:
    """Number and name that a credential says."""
    subject = issuer.line(entry).credential["credentialSubject"]
    if entry.kind != "diploma":
        return subject["no"], subject["who"]
    record = issuer.line(entry).record
    assert record["given_name"] in str(subject), "the fact is signed"
    return record["diploma_number"], str(record["given_name"])


def secrets_of(issuer: Issuer, entry: Entry) -> Iterator[object]:
    """What no two credentials may share."""
    credential = issuer.line(entry).credential
    yield credential["id"]
    yield issuer._positions().locate(entry.seq)
    if entry.kind != "diploma":
        yield credential["credentialSubject"]["salt"]
        yield credential["credentialSubject"]["mail"]


def kind_that_it_names(issuer: Issuer, entry: Entry) -> str:
    return issuer.kinds.of(issuer.line(entry).secured.claims.kind).name


def tried(home: Path, order: Sequence[KindNumber]) -> None:
    """Does the steps of each credential, in the order in which they are shuffled together."""
    issuer = reopened(home)
    done: dict[KindNumber, Done] = {}
    steps = {which: iter(STEPS) for which in order}
    for which in order:
        done[which] = do(issuer, which, next(steps[which]), done.get(which))
    again = reopened(home)
    entries = list(again.entries())
    for each in entries:
        number, who = said(again, each)
        assert (kind_that_it_names(again, each), number) == each.which
        assert who.startswith(f"{each.kind}-{each.number}")
    shared = Counter(secret for each in entries for secret in secrets_of(again, each))
    assert set(shared.values()) == {1}
    for which, expected in done.items():
        current = again.current(which)
        line = again.line(current)
        found = Done(
            said(again, current)[1],
            current.edition,
            line.holder,
            again.generation(which),
            current.reason == "fraud",
        )
        assert found == expected
        assert [each.which for each in again.find(line.credential["id"])] == [which]
    of_editions = Counter((each.which, each.edition) for each in entries)
    assert set(of_editions.values()) == {1}


@pytest.fixture(scope="module")
def home_of_three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return both(tmp_path_factory.mktemp("three") / "home", diplomas=True).home


ALL = [KindNumber(kind, number) for kind in ("club", "library", "diploma") for number in NUMBERS]


def test_two_kinds_of_equal_numbers_never_meet(home_of_three: Path, tmp_path: Path) -> None:
    """Each correction, claim and revocation of the one has the other still at work."""
    order = [KindNumber("club" if letter == "c" else "library", "1") for letter in "clclccclll"]
    tried(copy_folder(home_of_three, tmp_path / "home"), order)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(ALL), min_size=4, max_size=24))
def test_however_they_are_shuffled(
    home_of_three: Path, tmp_path_factory: pytest.TempPathFactory, order: list[KindNumber]
) -> None:
    most = Counter[KindNumber]()
    kept = [which for which in order if most.update([which]) or most[which] <= len(STEPS)]
    folder = tmp_path_factory.mktemp("shuffled")
    tried(copy_folder(home_of_three, folder / "home"), kept)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_one_batch_of_the_log_may_have_two_kinds(tmp_path: Path) -> None:
    """Calls of several threads go the way together, whatever their kinds."""
    issuer = both(tmp_path / "home")
    calls = []
    for kind in ("club", "library"):
        press = issuer._presses.newest(kind)
        issuer._begin([press])
        calls.append([Edition(issuer._editions.checked(press, row(kind, n)), press) for n in NUMBERS])
    issuer._issue_new(calls)
    entries = list(issuer.entries())
    assert [said(issuer, each) for each in entries] == [
        (number, f"{kind}-{number}") for kind in ("club", "library") for number in NUMBERS
    ]
    assert [kind_that_it_names(issuer, each) for each in entries] == [each.kind for each in entries]


def table(path: Path, kind: Kind, rows: Sequence[Mapping[str, str]], **options: Any) -> Source:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return open_source(path, kind=kind, **options)


@pytest.mark.slow
def test_files_of_two_kinds_with_equal_numbers(tmp_path: Path) -> None:
    """Neither is taken for issued before, nor for other words about the other's rows."""
    issuer = both(tmp_path / "home")
    for again, kind in itertools.product((0, 1), ("club", "library")):
        source = table(
            tmp_path / f"{kind}.csv", issuer.kinds.newest(kind), [row(kind, str(n)) for n in range(5)]
        )
        done = issuer.issue_file(Order(source, tmp_path / "e.csv", workers=0))
        assert (done.issued, len(done.survey.known), done.survey.changed) == (5 * (1 - again), 5 * again, [])
    assert [each.kind for each in issuer.find("3")] == ["club", "library"]
    assert [each.kind for each in issuer.find("3", "library")] == ["library"]
    assert issuer.find("row 3")[0].kind == "library"
    assert [each.kind for each in issuer.find("club-3")] == ["club"]


@pytest.mark.slow
def test_a_chunk_that_was_begun_is_completed_under_its_kind(tmp_path: Path) -> None:
    issuer = both(tmp_path / "home")
    source = table(tmp_path / "club.csv", issuer.kinds.newest("club"), [row("club", "1"), row("club", "2")])
    end = at(issuer.home, "index.finish_chunk", stops(KeyboardInterrupt(), before=True))
    with pytest.raises(KeyboardInterrupt):
        reopened(issuer.home, **end).issue_file(Order(source, tmp_path / "e.csv", workers=0))
    later = reopened(issuer.home)
    later.issue("library", row("library", "1"))
    assert [(each.kind, each.number) for each in later.entries()] == [
        ("club", "1"),
        ("club", "2"),
        ("library", "1"),
    ]


# Which is meant


def test_a_number_is_enough_until_two_kinds_have_it(tmp_path: Path) -> None:
    issuer = both(tmp_path / "home")
    with raises(KIND_NOT_NAMED, match="club, library"):
        issuer.issue(row("club", "1"))
    with raises(NO_SUCH_KIND, match="no resident is issued here, but club, library"):
        issuer.issue("resident", ZHANG)
    with raises(NO_SUCH_KIND, match="no diploma by template.json is issued here, but club 1, library 1"):
        issuer.kinds.of(None)
    issuer.issue("club", row("club", "1"))
    assert issuer.correct("1", {"who": "X"}).edition == 2
    issuer.issue("library", row("library", "1"))
    for act in (
        lambda: issuer.correct("1", {"who": "Y"}),
        lambda: issuer.claim("1", HOLDER),
        lambda: issuer.release("1"),
        lambda: issuer.current("1"),
        lambda: issuer.revoke(["1"], Reason.FRAUD, date=NOW, now=NOW),
    ):
        with raises(KIND_NOT_NAMED, match="that of a club and of a library"):
            act()
    assert issuer.current(KindNumber("club", "1")).edition == 2


def test_words_are_of_the_kinds_that_are_spoken_of(tmp_path: Path) -> None:
    kinds = both(tmp_path / "home", diplomas=True).kinds
    assert kinds.nouns(["club"]) == ("club", "clubs")
    assert kinds.nouns(["diploma"]) == ("diploma", "diplomas")
    assert kinds.nouns(["club", "library"]) == kinds.nouns() == ("credential", "credentials")


# A version is for ever


def test_each_edition_is_of_the_version_that_the_one_before_names(tmp_path: Path) -> None:
    first = own(tmp_path / "1", "club")
    issuer = issuer_in(tmp_path / "home", kind=first)
    issuer.issue(row("club", "1"))
    second = own(tmp_path / "2", "club", version="2", nouns={"en": ["member", "members"]})
    issuer = issuer_in(tmp_path / "home", kind=second)
    assert issuer.kinds.names == ["club"]
    issuer.issue(row("club", "2"))
    with pytest.raises(EditionTaken):
        issuer.issue(row("club", "1"))
    issuer.correct("1", {"who": "A"})
    issuer.claim("1", HOLDER)
    issuer.correct("2", {"who": "B"})
    versions = [issuer.line(each).secured.claims.kind for each in issuer.entries()]
    assert versions == [each.reference for each in (first, second, first, first, second)]
    old = table(tmp_path / "old.csv", first, [row("club", "7")])
    issuer.issue_file(Order(old, tmp_path / "e.csv", workers=0))
    assert issuer.line(issuer.current("7")).secured.claims.kind == first.reference, "as it was opened"


def test_other_bytes_under_one_name_and_version_are_refused(tmp_path: Path) -> None:
    issuer = both(tmp_path / "home")
    before = (issuer.home / "issuer.json").read_bytes()
    with raises(ANOTHER_KIND):
        issuer_in(issuer.home, kind=own(tmp_path / "other", "club", nouns={"en": ["a", "b"]}))
    assert (issuer.home / "issuer.json").read_bytes() == before
    assert issuer_in(issuer.home, kind=own(tmp_path / "same", "club")).identity == issuer.identity


PERMIT = {"Permit": "https://example.org/Permit"}


@pytest.mark.parametrize(
    ("types", "is_taken"),
    [
        (PERMIT, True),
        ({"ParkingPermit": "https://example.org/Permit"}, True),  # the `vct` of an SD-JWT
        ({"Permit": "https://example.org/ParkingPermit"}, True),  # the `type` as it stands in JSON
        ({"ParkingPermit": "https://example.org/ParkingPermit", **PERMIT}, False),  # a finer type beside it
    ],
)
def test_two_kinds_of_one_type_are_not_issued_by_one_issuer(
    types: dict[str, str], is_taken: bool, tmp_path: Path
) -> None:
    def permit(name: str, types: dict[str, str], version: str = "1") -> Kind:
        return parse_kind(
            {"kind.json": json.dumps({**CLUB, "name": name, "types": types, "version": version}).encode()}
        )

    issuer = issuer_in(tmp_path / "home", kind=permit("arms", PERMIT))
    issuer_in(issuer.home, kind=permit("arms", PERMIT, "2"))  # a version is of the same kind
    before = (issuer.home / "issuer.json").read_bytes()
    if is_taken:
        with raises(TYPE_TAKEN):
            issuer_in(issuer.home, kind=permit("parking", types))
        assert (issuer.home / "issuer.json").read_bytes() == before
    else:
        assert issuer_in(issuer.home, kind=permit("parking", types)).kinds.names == ["arms", "parking"]


def test_one_kind_that_is_damaged_leaves_the_others_alone(tmp_path: Path) -> None:
    issuer = both(tmp_path / "home")
    issuer.issue("club", row("club", "1"))
    (folder,) = (issuer.home / "kinds").glob("club-1")
    (folder / "kind.json").write_bytes(b"{")
    again = reopened(issuer.home)
    with pytest.raises(Damaged, match="club-1 is damaged"):
        again.issue("club", row("club", "2"))
    again.issue("library", row("library", "1"))
    again.revoke([KindNumber("club", "1")], Reason.FRAUD, date=NOW, now=NOW)
    assert again.find(again.line(again.entries().__next__()).credential["id"])[0].kind == "club"
    assert len(again.trust_entry()["issuer"]["kinds"]) == 1
    found = [finding for finding in examine_issuer(issuer.home, NOW) if finding.code == "issuer-file-damaged"]
    assert [finding.facts["file"] for finding in found] == [str(folder / "kind.json")]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "kinds",
    [
        "club",
        [1],
        ["urn:intaglio:kind:../x:1:" + "0" * 64],
        ["urn:intaglio:kind:x:1:" + "0" * 63],
        [f"urn:intaglio:kind:x:1:{digit * 64}" for digit in "01"],
        ["urn:intaglio:kind:" + "x" * 101 + ":1:" + "0" * 64],
    ],
)
def test_a_description_names_kinds_and_no_other_folders(kinds: object, tmp_path: Path) -> None:
    path = issuer_in(tmp_path / "home").home / "issuer.json"
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), "kinds": kinds}))
    with pytest.raises(Damaged):
        Identity.read(path.parent)


def test_a_backup_has_all_kinds(tmp_path: Path) -> None:
    issuer = both(tmp_path / "home", diplomas=True)
    issuer.issue("club", row("club", "1"))
    backup(issuer.home, tmp_path / "b", SECRET)
    assert restore(tmp_path / "b", tmp_path / "again", SECRET, lambda _: None) == []
    again = reopened(tmp_path / "again")
    assert again.kinds.names == ["diploma", "club", "library"]
    assert again.correct("1", {"who": "A"}).kind == "club"


def test_the_trust_entry_has_all_kinds_the_newest_first(tmp_path: Path) -> None:
    issuer = both(tmp_path / "home", diplomas=True)
    names = [json.loads(files["kind.json"])["name"] for files in issuer.trust_entry()["issuer"]["kinds"]]
    assert names == ["library", "club"]
    assert [each["kind.json"] for each in issuer.trust_file()["issuers"][0]["kinds"]]
    for kind in issuer.kinds.names:
        made = issuer.issue(kind, row(kind, "1"))
        assert verifier_for(issuer).verify(issuer.bundle(made), now=NOW).verdict is Verdict.VALID


@pytest.mark.slow
def test_of_many_versions_the_newest_are_handed_out(tmp_path: Path) -> None:
    """As many as a trust file may have: one more, and nobody could read it."""
    home = issuer_in(tmp_path / "home", kind=own(tmp_path / "0", "club")).home
    for version in range(2, MOST_KINDS + 2):
        Kinds(home).add(own(tmp_path / str(version), "club", version=str(version)))
    entry = reopened(home).trust_file()["issuers"][0]
    versions = [json.loads(files["kind.json"])["version"] for files in entry["kinds"]]
    assert versions == [str(version) for version in range(MOST_KINDS + 1, 1, -1)]
    Trust.parse(orjson.dumps(reopened(home).trust_file()))


# Adding one, by whoever, killed wherever


def logged(issuer: Issuer) -> list[bytes]:
    """The digests of kinds in the log, in their order."""
    entries = map(parse_entry, issuer.log.entries(0, issuer.log.checkpoint().size))
    return [each.digest for each in entries if each.kind is EntryKind.KIND]


def require_kinds_first(issuer: Issuer) -> None:
    """Each kind is in the log once, before whatever names it; each row was issued once."""
    references = Identity.read(issuer.home).kinds
    digests = [bytes.fromhex(each.rpartition(":")[2]) for each in references]
    assert sorted(logged(issuer)) == sorted(digests)
    for each in issuer.entries():
        reference = issuer.line(each).secured.claims.kind
        assert reference in references
        place = issuer.log.find(entry(EntryKind.KIND, bytes.fromhex(reference.rpartition(":")[2])))
        assert place is not None
        assert place.start < each.leaf
    assert Counter(each.which for each in issuer.entries()).most_common(1)[0][1] == 1
    for reference in references:
        assert issuer.kinds.of(reference).reference == reference


@pytest.mark.slow
@pytest.mark.parametrize("most", [25, pytest.param(1000, marks=pytest.mark.soak)])
def test_killed_between_adding_a_kind_and_its_first_row(tmp_path: Path, most: int) -> None:
    club, library = own(tmp_path / "club", "club"), own(tmp_path / "library", "library")
    first = issuer_in(tmp_path / "first", kind=club)
    assert first.lists
    source = table(tmp_path / "l.csv", library, [row("library", "1"), row("library", "2")])
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        home = copy_folder(first.home, tmp_path / str(next(numbers)))

        def work() -> None:
            issuer = issuer_in(home, kind=library)
            issuer.issue_file(Order(source, home / "e.csv", workers=0))

        def check() -> None:
            reopened(home).issue("club", row("club", "1"))  # what was there goes on, whatever was begun
            require_kinds_first(reopened(home))
            work()
            require_kinds_first(reopened(home))
            assert {each.which for each in reopened(home).entries()} == {
                ("club", "1"),
                ("library", "1"),
                ("library", "2"),
            }
            shutil.rmtree(home)

        return work, check

    assert kill_at_each_step(prepare, most=most) > 12


def _add(home: Path, kind: Kind, number: str, start: Barrier) -> None:
    reopened(home)  # loads what it needs
    start.wait()
    issuer = issuer_in(home, kind=kind)
    issuer.issue(kind.name, row(kind.name, number))


@pytest.mark.slow
def test_processes_that_add_kinds_at_once(tmp_path: Path) -> None:
    """Two the same, and two others; each then issues at once."""
    kinds = [own(tmp_path / name, name) for name in ("club", "club", "library", "choir")]
    context = multiprocessing.get_context("fork")
    for attempt in range(5):
        home = issuer_in(tmp_path / f"home-{attempt}", kind=own(tmp_path / "first", "first")).home
        start = context.Barrier(len(kinds))
        processes = [
            context.Process(target=_add, args=(home, kind, str(number), start))
            for number, kind in enumerate(kinds)
        ]
        for process in processes:
            process.start()
        ended(processes)
        issuer = reopened(home)
        assert sorted(issuer.kinds.names) == ["choir", "club", "first", "library"]
        require_kinds_first(issuer)
        assert len(list(issuer.entries())) == 4


def test_a_process_that_has_the_log_open_learns_of_a_kind_that_another_added(tmp_path: Path) -> None:
    serving = both(tmp_path / "home")
    assert serving.log
    other = own(tmp_path / "choir", "choir")
    issuer_in(serving.home, kind=other)  # which writes nothing into the log by itself
    assert len(logged(serving)) == 2
    serving.issue("choir", row("choir", "1"))
    require_kinds_first(serving)


# Copies


def test_copies_share_a_number_and_nothing_by_which_they_could_be_told(tmp_path: Path) -> None:
    issuer = both(tmp_path / "home")
    first = issuer.issue("club", row("club", "1"), copies=3)
    copies = issuer.copies(first)
    assert [each.copy for each in copies] == [1, 2, 3]
    assert first == issuer.current("1") == copies[0]
    secrets = Counter(secret for each in copies for secret in secrets_of(issuer, each))
    assert set(secrets.values()) == {1}
    assert len({each.leaf for each in copies}) == 3
    for each in copies:
        assert issuer.find(issuer.line(each).credential["id"]) == [each]
        assert verifier_for(issuer).verify(issuer.bundle(each), now=NOW).verdict is Verdict.VALID
    names = [path.name for path in export(issuer, issuer.entries(), tmp_path / "out")]
    assert names == ["1.json", "1.1+2.json", "1.1+3.json"]
    with pytest.raises(EditionTaken):
        issuer.issue("club", row("club", "1"))
    with pytest.raises(Refused, match="one copy at least"):
        issuer.issue("club", row("club", "2"), 0)


def test_what_ends_an_edition_ends_its_copies(tmp_path: Path) -> None:
    issuer = both(tmp_path / "home")
    issuer.issue("club", row("club", "1"), 2)
    corrected = issuer.correct("1", {"who": "A"})
    assert [(each.edition, each.copy) for each in issuer.copies(corrected)] == [(2, 1), (2, 2)]
    assert [each.reason for each in issuer.entries()] == ["superseded"] * 2 + [None] * 2
    issuer.claim("1", HOLDER)
    assert [each.copy for each in issuer.copies(issuer.current("1"))] == [1], "a holder has one"
    assert [each.reason for each in issuer.entries()] == ["superseded"] * 4 + [None]
    issuer.issue("club", row("club", "2"), 3)
    issuer.revoke(["2"], Reason.FRAUD, date=NOW, now=NOW)
    assert [each.reason for each in issuer.copies(issuer.current("2"))] == ["fraud"] * 3
    for each in issuer.entries():
        verdict = verifier_for(issuer).verify(issuer.bundle(each), now=NOW).verdict
        assert (verdict is Verdict.VALID) == (each.reason is None)


# Files


def test_a_file_has_its_kind_only_where_another_has_the_number(tmp_path: Path) -> None:
    issuer = both(tmp_path / "home", diplomas=True)
    out = tmp_path / "out"
    issuer.issue("club", row("club", "L-2"))
    issuer.issue("library", row("library", "L-3"))
    assert [path.name for path in export(issuer, issuer.entries(), out)] == ["L-2.json", "L-3.json"]
    club = Bundle.parse((out / "L-2.json").read_bytes(), issuer.forms)
    issuer.issue("diploma", row("diploma", "L-2"))
    issuer.issue("club", row("club", "L-3"))
    list(export(issuer, issuer.entries(), out))
    assert sorted(path.name for path in out.glob("*.json")) == [
        "L-2.json",
        "club+L-2.json",
        "club+L-3.json",
        "library+L-3.json",
    ]
    kept = Bundle.parse((out / "club+L-2.json").read_bytes(), issuer.forms)
    assert kept.secured == club.secured


@pytest.mark.slow
def test_a_diploma_takes_its_name_back_from_what_had_it(tmp_path: Path) -> None:
    """Exported alone, it moves the other's file out of its way and loses none of it."""
    issuer = both(tmp_path / "home", diplomas=True)
    issuer.issue("club", row("club", "L-2"))
    (path,) = export(issuer, issuer.entries(), tmp_path / "out")
    before = path.read_bytes()
    diploma = issuer.issue("diploma", row("diploma", "L-2"))
    assert [each.name for each in export(issuer, [diploma], tmp_path / "out")] == ["L-2.json"]
    assert (tmp_path / "out" / "club+L-2.json").read_bytes() == before


ALIKE = st.text("abAB12.-_+/ä", min_size=1, max_size=5)
EDITIONS = st.builds(
    Entry,
    *(st.just(0), st.sampled_from(["resident", "a", "b1"]), ALIKE, st.integers(1, 3), st.integers(1, 3)),
    *(st.just(0), st.just(""), st.just(""), st.none(), st.none()),
)


@given(st.lists(st.tuples(EDITIONS, st.booleans()), min_size=2, max_size=6))
def test_no_two_copies_share_a_name(entries: list[tuple[Entry, bool]]) -> None:
    """Of one kind, or of any where the kind is named, also where the disk does not know letters apart."""
    of_name: dict[str, set[object]] = {}
    for each, with_kind in entries:
        name = file_name(each, with_kind=with_kind).casefold()
        of_name.setdefault(name, set()).add((with_kind and each.kind, *each[2:5]))
    assert all(len(group) == 1 for group in of_name.values())


# Many people


def resident(number: int) -> dict[str, str]:
    """Homonyms by the hundred, and twins: one family name, one birthday, one address."""
    pair = number // 2
    return {
        "personal_administrative_number": f"R-{number}",
        "family_name": "Müller" if number % 500 else f"Nguyễn-{number}",
        "given_name": f"Twin{'AB'[number % 2]} {pair}",
        "birth_date": f"{1950 + pair % 50}-{1 + pair % 12:02}-{1 + pair % 28:02}",
        "resident_city": f"City {pair % 977}",
        "issuance_date": "2026-06-01",
    }


@pytest.mark.slow
@pytest.mark.parametrize("many", [4_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_each_of_many_residents_has_his_own_facts(many: int, tmp_path: Path) -> None:
    kind = shipped("resident")
    issuer = issuer_in(tmp_path / "home", kind=kind)
    people = [resident(number) for number in range(many)]
    random.Random(3).shuffle(people)
    source = table(tmp_path / "r.csv", kind, people)
    assert issuer.issue_file(Order(source, tmp_path / "e.csv", workers=0)).issued == many
    lines = issuer.archive.lines((each.seq, each.leaf) for each in issuer.entries())
    ids = set()
    for line, person in zip(lines, people, strict=True):
        said = facts_of(kind, line.secured.claims)
        assert {name: said[name] for name in person} == person
        ids.add(line.credential["id"])
    assert len(ids) == many
    for pair in (1, 77, many // 2 - 1):
        twins = [issuer.find(f"Twin{letter} {pair} ")[0] for letter in "AB"]
        assert [each.number for each in twins] == [f"R-{2 * pair}", f"R-{2 * pair + 1}"]
        twin = issuer.find(f"R-{2 * pair}")[0]
        assert twin == twins[0]
    assert len(issuer.find("Müller")) == MOST_FOUND + 1, "and it says that there are more"
