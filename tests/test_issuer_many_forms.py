"""One record in several forms: a credential of its own in each, under one number and edition."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from did.methods import key as did_key
from did.problem import InvalidDID
from issuer.archive.kept import EditionTaken, Entry
from issuer.archive.listing import Filter
from issuer.issuer import Issuer
from issuer.job.bulk import Issued
from issuer.job.order import Order
from issuer.keeping.export import export
from issuer.keeping.overview import overview
from issuer.problem import FORM_NOT_ALLOWED, FORM_NOT_GIVEN, NO_SUCH_DIPLOMA
from keys import PrivateKey
from kinds import Kind
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND
from kinds.shipped import shipped
from tests.doubles import at, stops
from tests.fault.kill import killed_by
from tests.problems import raises
from tests.test_kinds_issuing import residents
from tests.world import (
    NOW,
    csv_file,
    graduate,
    issuer_in,
    of_diploma,
    reopened,
    shards_of_before,
    verifier_for,
)
from vc import Verdict
from vc.forms import INTEGRITY, SD_JWT_VC, SDJWTVC, VC_JWT
from vc.status import Reason
from vc.vcdm.enveloped import Enveloped
from wire.problem import Conflict, Refused
from wire.strict import load_json_object

ONE = "UNI-000001"
BOTH = (INTEGRITY, SD_JWT_VC)
ALL = (INTEGRITY, SD_JWT_VC, VC_JWT)
ADA, BOB, EVE = (
    did_key.create(PrivateKey.from_secret("Ed25519", bytes([n] * 32)).public_key) for n in (1, 2, 3)
)


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_in(tmp_path / "home", url="https://university.example")


def forms_of(issuer: Issuer, number: str) -> list[str]:
    """The forms in which the edition that counts stands, as its credentials say."""
    return [issuer.line(each).secured.form for each in issuer.editions(issuer.current(number))]


def verdicts(issuer: Issuer, entries: Sequence[Entry]) -> set[Verdict]:
    verifier = verifier_for(issuer)
    return {verifier.verify(made.to_bytes(), now=NOW).verdict for made in issuer.bundles(entries)}


def file(path: Path, *rows: int, **change: str) -> Order:
    source = csv_file(path, [graduate(row, **change) for row in rows], span_rows=2)
    return Order(source, path.with_suffix(".errors.csv"), workers=0)


def jwt_of(issuer: Issuer, entry: Entry) -> bytes:
    """The issuer's JWT, without disclosures: nothing optional is shown."""
    credential = issuer.line(entry).credential
    assert isinstance(credential, Enveloped)
    return bytes(credential.data).partition(b"~")[0]


def payload(jwt: bytes) -> dict[str, Any]:
    return load_json_object(base64.urlsafe_b64decode(jwt.split(b".")[1] + b"=="))


# Single credentials


def test_each_form_is_a_credential_of_its_own_under_one_number(issuer: Issuer) -> None:
    first = issuer.issue(graduate(1), forms=ALL)
    entries = issuer.editions(first)
    assert first == issuer.current(ONE) == entries[0]
    assert forms_of(issuer, ONE) == [INTEGRITY, SD_JWT_VC, VC_JWT]
    assert [each.form for each in entries] == ["", SD_JWT_VC, VC_JWT]
    for differing in ("seq", "leaf"):
        assert len({getattr(each, differing) for each in entries}) == 3
    names = [issuer.line(each).id for each in entries]
    assert len(set(names)) == 3
    assert [issuer.find(str(name)) for name in names] == [[each] for each in entries]
    assert len({issuer._positions().locate(each.seq) for each in entries}) == 3
    assert verdicts(issuer, entries) == {Verdict.VALID}
    assert (issuer.store.count(), issuer.store.later_editions()) == (3, 2)
    assert issuer.identity.forms == (SD_JWT_VC, VC_JWT)
    assert {path.name for path in (issuer.home / "status").glob("0*")} == {"0", "0.jwt"}


@pytest.mark.slow
def test_the_ids_of_the_default_form_are_those_of_before(issuer: Issuer, tmp_path: Path) -> None:
    """Whatever the default is: what it issued before there were several forms is still found."""
    ids = []
    for default in (None, SDJWTVC()):
        one = issuer_in(tmp_path / f"{default}", form=default, url="https://university.example")
        made = one.issue(graduate(1), forms=BOTH)
        of_default = next(each for each in one.editions(made) if not each.form)
        expected = one.press().composer._id("", ONE, 1)
        assert one.line(of_default).id == expected
        ids += [one.line(each).id for each in one.editions(made)]
    assert len(set(ids)) == 4


def test_no_salt_or_digest_of_one_form_is_that_of_another(issuer: Issuer) -> None:
    entries = issuer.editions(issuer.issue(graduate(1), forms=ALL))
    of_json, in_parts, jwt = (issuer.line(each).credential for each in entries)
    assert isinstance(in_parts, Enveloped)
    assert isinstance(jwt, Enveloped)
    texts = [json.dumps(of_json), json.dumps(payload(jwt.data))]
    first, second = (set(re.findall(r'"(sha256\$[0-9a-f]+|[0-9a-f]{32})"', text)) for text in texts)
    assert len(first) == len(second) >= 2
    assert first.isdisjoint(second)
    digests = payload(jwt_of(issuer, entries[1]))["_sd"]
    assert len(digests) > 10
    assert not [each for each in digests if any(each in text for text in texts)]


@pytest.mark.quick("index.begin_singles-False-2")
@pytest.mark.parametrize(
    ("step", "before", "count"),
    [("index.begin_singles", True, 0), ("index.begin_singles", False, 2), ("log.publish", True, 2)],
)
def test_all_forms_of_a_record_are_taken_by_one_write(
    tmp_path: Path, step: str, before: bool, count: int
) -> None:
    """Killed there, all of them come back, or none was there; in the log they stand as they would have."""
    home = issuer_in(tmp_path / "home", url="https://university.example").home
    reopened(home).issue(graduate(2), forms=BOTH)
    stopped = reopened(home, **at(home, step, stops(before=before)))
    assert killed_by(partial(stopped.issue, graduate(1), forms=BOTH))
    issuer = reopened(home)
    issuer.issue(graduate(3))
    assert Counter(each.number for each in issuer.entries())[ONE] == count
    assert verdicts(issuer, list(issuer.entries())) == {Verdict.VALID}


def test_a_number_is_one_person_s_in_whatever_form(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    for forms in ((SD_JWT_VC,), BOTH):
        with pytest.raises(EditionTaken):
            issuer.issue(graduate(1, given_name="Another"), forms=forms)
    assert forms_of(issuer, ONE) == [INTEGRITY]


def of_residents(version: str, *forms: str) -> Kind:
    """Another version of that kind, which is issued in these forms alone, if there are any."""
    files, text = shipped("resident").sources, shipped("resident").sources["kind.json"].decode()
    text = re.sub(r'"version": "[0-9]+"', f'"version": "{version}"', text, count=1)
    text = text.replace("{", f'{{"forms": {json.dumps(forms)}, ', 1)
    return parse_kind({**files, "kind.json": text.encode()})


def test_a_form_that_is_not_at_hand_or_not_the_kind_s_issues_nothing(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home", kind=of_residents("7", INTEGRITY))
    with raises(FORM_NOT_GIVEN, match="application/x-other"):
        issuer.issue({}, forms=["application/x-other"])
    source = residents(tmp_path / "r.csv", "2008-08-02")
    with raises(FORM_NOT_ALLOWED, match="resident is not issued as application/dc"):
        issuer.issue_file(Order(source, workers=0, forms=BOTH))
    assert (list(issuer.entries()), issuer.identity.forms) == ([], ())
    assert issuer.issue_file(Order(source, workers=0)).issued == 1
    with raises(INVALID_KIND, match="no media type"):
        of_residents("8", "dc+sd-jwt")


def test_a_version_that_is_not_issued_in_a_form_keeps_its_credentials_out_of_it(tmp_path: Path) -> None:
    """The next version may be; what was issued under the one before stays as it is."""
    issuer_in(tmp_path / "home", kind=of_residents("7", INTEGRITY)).issue_file(
        Order(residents(tmp_path / "r.csv", "2008-08-02"), workers=0)
    )
    issuer = issuer_in(tmp_path / "home", kind=of_residents("8"))
    more = residents(tmp_path / "s.csv", "2008-08-02", "1990-03-07")
    result = issuer.issue_file(Order(more, workers=0, forms=BOTH))
    assert (result.issued, result.added) == (1, 0)
    assert [each.form for each in issuer.entries()] == ["", "", SD_JWT_VC]


# What ends or follows an edition


def test_corrections_and_revocations_reach_every_form(issuer: Issuer) -> None:
    issuer.issue(graduate(1), forms=ALL)
    corrected = issuer.correct(ONE, {"gpa": "4.0"})
    assert forms_of(issuer, ONE) == [*ALL]
    assert {each.edition for each in issuer.editions(corrected)} == {2}
    assert verdicts(issuer, issuer.editions(corrected)) == {Verdict.VALID}
    former = [each for each in issuer.entries() if each.edition == 1]
    assert verdicts(issuer, former) == {Verdict.INVALID}
    records = [issuer.line(each).record for each in issuer.editions(corrected)]
    assert [record["gpa"] for record in records] == ["4.0"] * 3
    assert issuer.correct(ONE, {"gpa": "4.0"}) == corrected, "with nothing changed nothing is made"
    issuer.revoke([ONE], Reason.FRAUD, date=NOW, now=NOW)
    assert {each.reason for each in issuer.editions(issuer.current(ONE))} == {"fraud"}
    assert verdicts(issuer, list(issuer.entries())) == {Verdict.INVALID}


def test_a_release_is_of_every_form(issuer: Issuer) -> None:
    issuer.issue(graduate(1), forms=BOTH)
    for form in BOTH:
        issuer.claim(ONE, ADA, form=form)
    assert not issuer.is_bound(released := issuer.release(ONE))
    assert [each.form for each in issuer.editions(released)] == ["", SD_JWT_VC]
    assert [each.edition for each in issuer.entries() if each.reason is None] == [3, 3]


# A claim


def bound(issuer: Issuer, number: str = ONE) -> list[tuple[int, str, str | None]]:
    entries = (each for each in issuer.entries() if each.number == number and each.reason is None)
    return sorted((each.edition, each.form, issuer.line(each).holder) for each in entries)


def test_a_claim_ends_every_form_and_makes_the_one_that_was_asked_for(issuer: Issuer) -> None:
    issuer.issue(graduate(1), forms=BOTH)
    data = issuer.claim(ONE, ADA, form=SD_JWT_VC)
    assert bound(issuer) == [(2, SD_JWT_VC, ADA)]
    assert verifier_for(issuer).verify(data, now=NOW).verdict is Verdict.VALID
    assert issuer.claim(ONE, ADA, form=SD_JWT_VC) == data, "the same again"
    issuer.claim(ONE, ADA, form=INTEGRITY)
    assert bound(issuer) == [(2, "", ADA), (2, SD_JWT_VC, ADA)]
    assert verdicts(issuer, [each for each in issuer.entries() if each.edition == 1]) == {Verdict.INVALID}


@pytest.mark.slow
def test_each_form_of_the_issuer_can_be_claimed_whatever_the_record_had(issuer: Issuer) -> None:
    issuer.issue(graduate(2), forms=ALL)
    issuer.issue(graduate(1))
    for form in (VC_JWT, SD_JWT_VC):
        issuer.claim(ONE, ADA, form=form)
    assert bound(issuer) == [(2, SD_JWT_VC, ADA), (2, VC_JWT, ADA)]


def test_a_form_in_which_nothing_is_issued_cannot_be_claimed(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    with raises(FORM_NOT_ALLOWED, match="vc.jwt"):
        issuer.claim(ONE, ADA, form=VC_JWT)
    assert (bound(issuer), issuer.identity.forms) == ([(1, "", None)], ())


def test_another_key_gets_a_second_form_only_with_the_first(issuer: Issuer) -> None:
    issuer.issue(graduate(1), forms=BOTH)
    issuer.claim(ONE, ADA, form=SD_JWT_VC)
    for form, proved in ((INTEGRITY, ()), (INTEGRITY, (BOB,)), (SD_JWT_VC, (ADA,)), (SD_JWT_VC, ())):
        with pytest.raises(Conflict):
            issuer.claim(ONE, BOB, form=form, proved=proved)
    issuer.claim(ONE, BOB, form=INTEGRITY, proved=(ADA,))
    assert bound(issuer) == [(2, "", BOB), (2, SD_JWT_VC, ADA)]
    corrected = issuer.correct(ONE, {"gpa": "4.0"})
    assert bound(issuer) == [(3, "", BOB), (3, SD_JWT_VC, ADA)]
    assert issuer.listing.claim(corrected) is not None


def test_an_invitation_names_the_issuer_as_the_form_does_that_is_claimed(tmp_path: Path) -> None:
    """An SD-JWT VC may name it by its address, JSON names its DID: the wallet holds one against the other."""
    url = "https://university.example"
    issuer = issuer_in(tmp_path / "home", form=SDJWTVC(), url=url, has_address=True)
    issuer.issue(graduate(1), forms=BOTH)
    names = {form: issuer.named_in(of_diploma(ONE), form) for form in (None, *BOTH)}
    assert names == {None: url, INTEGRITY: issuer.did, SD_JWT_VC: url}
    for form in BOTH:
        issuer.claim(ONE, ADA, form=form)
        entry = issuer.current(ONE, form)
        assert issuer.line(entry).secured.claims.issuer == names[form]
        assert verdicts(issuer, [entry]) == {Verdict.VALID}


# Files


def shard(issuer: Issuer) -> list[tuple[int, str]]:
    """The first shard, line by line: sequence number and form."""
    (_, first), *_ = issuer.store.chunks()
    return [(line.seq, line.secured.form) for line in issuer.archive.chunk(first)]


def test_a_row_becomes_a_credential_in_each_form(issuer: Issuer, tmp_path: Path) -> None:
    order = replace(file(tmp_path / "g.csv", 1, 2, 3), forms=BOTH)
    assert (issuer.issue_file(order).issued, issuer.store.count()) == (3, 6)
    job = issuer.store.latest_job()
    assert (job.forms, job.seqs, job.seq(3)) == (("", SD_JWT_VC), range(6), 2)
    assert [(each.number[-1], each.form) for each in issuer.entries()] == [
        (row, form) for row in "123" for form in ("", SD_JWT_VC)
    ]
    assert verdicts(issuer, list(issuer.entries())) == {Verdict.VALID}
    again = issuer.issue_file(order)
    assert (again.issued, again.added, len(again.survey.known)) == (0, 0, 3)


def test_json_goes_into_the_log_in_its_order_and_other_forms_by_their_digests(
    issuer: Issuer, tmp_path: Path
) -> None:
    rows = [graduate(row) for row in range(1, 9)]
    issuer.issue_file(Order(csv_file(tmp_path / "g.csv", rows), workers=0, forms=ALL))
    by_leaf = sorted(issuer.entries(), key=lambda each: each.leaf)
    assert [each.number for each in by_leaf[:8]] == [row["diploma_number"] for row in rows]
    assert {each.form for each in by_leaf[:8]} == {""}
    log = list(issuer.log.entries(by_leaf[0].leaf, by_leaf[-1].leaf + 1))
    assert log[8:] == sorted(log[8:])
    assert [seq for seq, _ in shard(issuer)] == [each.seq for each in by_leaf]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "call"),
    [
        ("index.finish_chunk", 1),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (("index.begin_chunk", 2), ("log.publish", 3))
        ),
    ],
)
def test_a_job_that_was_killed_goes_on_with_both_forms(
    issuer: Issuer, tmp_path: Path, step: str, call: int
) -> None:
    order = replace(file(tmp_path / "g.csv", 1, 2, 3, 4), forms=BOTH)
    stopped = reopened(issuer.home, **at(issuer.home, step, stops(on_call=call, before=True)))
    assert killed_by(partial(stopped.issue_file, order))
    issuer.issue_file(order)
    assert [(each.seq, each.number[-1], each.form) for each in issuer.entries()] == [
        (2 * row + place, str(row + 1), form)
        for row in range(4)
        for place, form in enumerate(("", SD_JWT_VC))
    ]
    assert verdicts(issuer, list(issuer.entries())) == {Verdict.VALID}


# The same file with one form more


def add(issuer: Issuer, order: Order) -> Issued:
    return issuer.issue_file(replace(order, forms=BOTH))


@pytest.mark.slow
def test_the_form_that_is_lacking_is_issued_under_the_editions_that_stand(
    issuer: Issuer, tmp_path: Path
) -> None:
    order = file(tmp_path / "g.csv", 1, 2, 3, 4)
    issuer.issue_file(order)
    issuer.correct("UNI-000002", {"gpa": "4.0"})
    issuer.correct("UNI-000002", {"gpa": graduate(2)["gpa"]})
    issuer.claim("UNI-000003", ADA)
    issuer.revoke(["UNI-000004"], Reason.FRAUD, date=NOW, now=NOW)
    result = add(issuer, file(tmp_path / "h.csv", 1, 2, 3, 4, 5))
    assert (result.issued, result.added, result.survey.findings) == (1, 3, {})
    standing = [each for each in issuer.entries() if each.reason is None]
    assert [
        (each.number[-1], each.edition, each.form) for each in sorted(standing, key=lambda e: e[2:4])
    ] == [
        *[("1", 1, ""), ("1", 1, SD_JWT_VC), ("2", 3, ""), ("2", 3, SD_JWT_VC)],
        *[("3", 2, ""), ("3", 2, SD_JWT_VC), ("5", 1, ""), ("5", 1, SD_JWT_VC)],
    ]
    assert bound(issuer, "UNI-000003") == [(2, "", ADA), (2, SD_JWT_VC, ADA)]
    assert forms_of(issuer, "UNI-000004") == [INTEGRITY]
    assert verdicts(issuer, standing) == {Verdict.VALID}
    assert add(issuer, order).added == 0, "once"


def test_a_row_whose_facts_differ_is_a_finding(issuer: Issuer, tmp_path: Path) -> None:
    issuer.issue_file(file(tmp_path / "g.csv", 1, 2))
    order = file(tmp_path / "h.csv", 1, 2, gpa="1.0")
    assert [change.number for change in issuer.issue_file(order).survey.changed] == [ONE, "UNI-000002"]
    result = add(issuer, order)
    assert (result.added, sorted(result.survey.findings), result.survey.changed) == (0, [2, 3], [])
    assert "another gpa" in result.survey.findings[2][0].reason
    assert forms_of(issuer, ONE) == [INTEGRITY]
    issuer.revoke([ONE], Reason.FRAUD, date=NOW, now=NOW)
    assert sorted(add(issuer, order).survey.findings) == [3], "what was revoked is left out"


def test_what_ends_an_edition_while_a_form_is_added_is_seen(issuer: Issuer, tmp_path: Path) -> None:
    """A claim, a correction and a revocation, each after the file was compared with what was issued."""
    issuer.issue_file(file(tmp_path / "g.csv", 1, 2, 3))
    other = reopened(issuer.home)

    def meanwhile(real: Callable[..., Any], calls: Sequence[Any]) -> Any:
        if not done:
            done.append(1)
            other.claim(ONE, ADA)
            other.correct("UNI-000002", {"gpa": "4.0"})
            other.revoke(["UNI-000003"], Reason.FRAUD, date=NOW, now=NOW)
        return real(calls)

    done: list[int] = []
    racing = reopened(issuer.home, **at(issuer.home, "index.begin_singles", meanwhile))
    assert add(racing, file(tmp_path / "g.csv", 1, 2, 3)).added == 2
    assert bound(issuer) == [(2, "", ADA), (2, SD_JWT_VC, ADA)]
    assert forms_of(issuer, "UNI-000002") == [*BOTH]
    assert forms_of(issuer, "UNI-000003") == [INTEGRITY]


# A home of before


BEFORE = """
    ALTER TABLE credential RENAME TO now;
    CREATE TABLE credential (seq INTEGER NOT NULL PRIMARY KEY, kind TEXT NOT NULL, number TEXT NOT NULL,
        edition INTEGER NOT NULL, copy INTEGER NOT NULL, leaf INTEGER, UNIQUE (number, kind, edition, copy));
    INSERT INTO credential SELECT seq, kind, number, edition, copy, leaf FROM now;
    DROP TABLE now;
    ALTER TABLE job DROP COLUMN forms;
    ALTER TABLE chunk DROP COLUMN shard;
    PRAGMA user_version = 9;
"""
"""Makes tables of now those that were when an issuer had one form, and shards no digest in their names."""


@pytest.mark.slow
def test_a_home_of_before_keeps_its_form_its_ids_and_its_job(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home", form=SDJWTVC(), url="https://university.example")
    order = file(tmp_path / "g.csv", 1, 2, 3, 4)
    single = issuer.issue(graduate(5))
    stopped = reopened(
        issuer.home, form=SDJWTVC(), **at(issuer.home, "index.begin_chunk", stops(on_call=2, before=True))
    )
    assert killed_by(partial(stopped.issue_file, order))
    issuer.store.close()
    with closing(sqlite3.connect(issuer.home / "issuer.sqlite")) as connection:
        connection.executescript(BEFORE)
    shards_of_before(issuer.home)
    again = reopened(issuer.home, form=SDJWTVC())
    assert again.issue_file(order).issued == 2, "its job goes on"
    entries = list(again.entries())
    assert [each.number[-1] for each in entries] == ["5", "1", "2", "3", "4"]
    assert {again.line(each).secured.form for each in entries} == {SD_JWT_VC}
    assert again.find(str(again.line(single).id)) == [single]
    again.correct(ONE, {"gpa": "4.0"})
    assert forms_of(again, ONE) == [SD_JWT_VC]
    assert again.issue_file(replace(order, forms=BOTH)).added == 4
    assert forms_of(again, ONE) == [SD_JWT_VC, INTEGRITY]
    assert again.line(again.current(ONE, INTEGRITY)).record["gpa"] == "4.0", "of the edition that stands"
    assert verdicts(again, [each for each in again.entries() if each.reason is None]) == {Verdict.VALID}


# Shown, exported, counted


def test_the_one_that_is_asked_for_is_shown_and_exported(issuer: Issuer, tmp_path: Path) -> None:
    issuer.issue(graduate(1), forms=ALL)
    issuer.issue(graduate(2), forms=[SD_JWT_VC])
    shown = {
        form: list(issuer.listing.select(issuer.entries(), Filter(form=form))) for form in (None, "", VC_JWT)
    }
    assert [(each.number[-1], each.form) for each in shown[None]] == [("1", ""), ("2", SD_JWT_VC)]
    assert [[each.number[-1] for each in shown[form]] for form in ("", VC_JWT)] == [["1"], ["1"]]
    assert issuer.current(ONE, VC_JWT).form == VC_JWT
    assert issuer.current("UNI-000002").form == SD_JWT_VC
    with raises(NO_SUCH_DIPLOMA, match="application/vc"):
        issuer.current("UNI-000002", INTEGRITY)
    names = [path.name for path in export(issuer, issuer.entries(), tmp_path / "out")]
    assert names == [
        f"{ONE}.json",
        f"{ONE}+dc+sd-jwt.json",
        f"{ONE}+vc+jwt.json",
        "UNI-000002+dc+sd-jwt.json",
    ]
    assert [path.name for path in export(issuer, issuer.entries(), tmp_path / "out")] == names
    view = overview(issuer, NOW)
    assert (view.credentials, sum(view.states.values())) == (2, 2)
    assert sum(overview(issuer, NOW, SD_JWT_VC).states.values()) == 2
    assert sum(overview(issuer, NOW, "").states.values()) == 1


# Unlinkable


def copies_in(issuer: Issuer, record: Mapping[str, str], *keys: str) -> list[Entry]:
    return issuer.copies(issuer.issue(record, forms=[SD_JWT_VC], keys=keys))


def texts(value: Any) -> Iterator[str]:
    """Each text in a header or payload."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def values(jwt: bytes) -> set[str]:
    """Return its content and its signature, in all pieces of 16 characters.

    No piece reaches over a slash or colon: by an address's constant end and one random character of what
    follows it, two copies in some thirty would be alike by chance.
    """
    header = load_json_object(base64.urlsafe_b64decode(jwt.split(b".")[0] + b"=="))
    content = [*texts(header), *texts(payload(jwt)), jwt.split(b".")[2].decode()]
    parts = [part for text in content for part in re.split(r"[^\w-]+", text)]
    return {part[start : start + 16] for part in parts for start in range(len(part) - 15)}


def test_two_copies_for_two_keys_share_nothing_but_what_the_issuer_says_of_everybody(issuer: Issuer) -> None:
    """16 characters and more that two shown copies share stand in a stranger's as well."""
    one, other = (values(jwt_of(issuer, each)) for each in copies_in(issuer, graduate(1), ADA, BOB))
    (stranger,) = (values(jwt_of(issuer, each)) for each in copies_in(issuer, graduate(2), EVE))
    assert one & other <= stranger
    assert len(one & other) > 50, "which are there to be compared"
    assert min(len(one - other), len(other - one)) > 500, "and so is what differs"


def test_copies_say_days_and_no_time(issuer: Issuer) -> None:
    made = issuer.issue(graduate(1), forms=[SD_JWT_VC, VC_JWT], keys=[ADA, BOB])
    for entry in issuer.editions(made):
        credential = issuer.line(entry).credential
        assert isinstance(credential, Enveloped)
        content = payload(jwt_of(issuer, entry))
        assert "iat" not in content
        hidden = [base64.urlsafe_b64decode(text + b"==") for text in bytes(credential.data).split(b"~")[1:-1]]
        assert not any(b'"iat"' in text for text in hidden)
        assert content.get("nbf", 0) % 86400 == content.get("exp", 0) % 86400 == 0
        assert issuer.line(entry).holder in (ADA, BOB)
    (alone,) = copies_in(issuer, graduate(2), ADA)
    assert issuer.line(alone).created == NOW


def test_copies_stand_in_the_log_by_their_digests(issuer: Issuer) -> None:
    keys = [did_key.create(PrivateKey.generate().public_key) for _ in range(8)]
    entries = copies_in(issuer, graduate(1), *keys)
    assert [issuer.line(each).holder for each in entries] == keys
    leaves = [each.leaf for each in entries]
    log = list(issuer.log.entries(min(leaves), max(leaves) + 1))
    assert log == sorted(log)
    first = issuer.issue(graduate(2), copies=8)
    assert [each.leaf for each in issuer.copies(first)] == [*range(first.leaf, first.leaf + 8)], (
        "JSON: as issued"
    )


def test_a_copy_is_for_a_key_that_is_one(issuer: Issuer) -> None:
    with pytest.raises(InvalidDID):
        issuer.issue(graduate(1), keys=["not a DID"])
    with pytest.raises(Refused, match="one copy at least"):
        issuer.issue(graduate(1), copies=0)
    assert list(issuer.entries()) == []
