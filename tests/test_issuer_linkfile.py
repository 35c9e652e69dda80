"""The file of claim links: a link each for those who have none, in the file before it is good."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange.claim import ClaimLink
from issuer.archive.kept import Entry, KindNumber
from issuer.desk.claims import CLAIM_LINK_ENDED, LINK_LIFETIME, ClaimLinks
from issuer.desk.linkfile import COLUMNS, LinkFile, LinkState
from issuer.desk.linkstore import SQLiteLinks
from issuer.problem import LINK_FILE_TAKEN
from tests.doubles import instead, stops
from tests.fault.kill import killed_by
from tests.problems import raises
from tests.test_formulas import HARMFUL, formulas
from tests.test_issuer_claims import SERVICE, Registrar, redeem
from tests.world import NOW
from wire.files import locked
from wire.problem import Damaged, NotFound, TryLater

FREE, KEPT, ELSEWHERE, USED = LinkState


def credentials(*numbers: str, kind: str = "diploma", **change: Any) -> list[Entry]:
    return [
        Entry(seq, kind, number, 1, 1, seq, f"Ada {number}", f"{number}@x.example", None, None)._replace(
            **change
        )
        for seq, number in enumerate(numbers)
    ]


THREE = credentials("N1", "N2", "N3")


@pytest.fixture
def claims(tmp_path: Path) -> ClaimLinks:
    return ClaimLinks(tmp_path / "issuer" / "claims.sqlite", SERVICE)


@pytest.fixture
def registrar() -> Registrar:
    return Registrar()


@pytest.fixture
def file(tmp_path: Path, claims: ClaimLinks, registrar: Registrar) -> LinkFile:
    return LinkFile(tmp_path / "links.csv", claims, registrar)


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of the file, each by its headings."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def links(path: Path) -> dict[str, str]:
    """Its links by number, of which each has one."""
    read = rows(path)
    assert len({row["number"] for row in read}) == len(read)
    return {row["number"]: row["link"] for row in read}


def good(file: LinkFile, now: datetime = NOW) -> list[str]:
    """The numbers whose links in the file are good."""
    found = []
    for number, link in links(file.path).items():
        try:
            file.claims.look(ClaimLink.parse(link).token, file.issuer, now=now)
        except (NotFound, CLAIM_LINK_ENDED.kind):
            continue
        found.append(number)
    return found


def require_none_lost(claims: ClaimLinks, *paths: Path) -> None:
    """Every good link stands in one of the files; a link that nobody has would be lost."""
    tokens = [ClaimLink.parse(row["link"]).token for path in paths if path.exists() for row in rows(path)]
    kept = {*claims.places(tokens, Registrar()).values()}
    assert isinstance(claims._links, SQLiteLinks)
    with claims._links._database.reading() as connection:
        query = "SELECT rowid FROM link WHERE holder IS NULL AND expires > 0"
        assert {nth for (nth,) in connection.execute(query)} <= kept


def test_each_gets_a_row_whose_link_is_good(file: LinkFile, registrar: Registrar) -> None:
    assert file.write(THREE, now=NOW) == {FREE: 3}
    assert file.path.read_bytes().startswith("\ufeffnumber,name,e-mail,link,expires\r\n".encode())
    first, *_ = rows(file.path)
    end = NOW + LINK_LIFETIME
    assert {**first, "link": ""} == {
        "number": "N1",
        "name": "Ada N1",
        "e-mail": "N1@x.example",
        "link": "",
        "expires": f"{end:%Y-%m-%dT%H:%M:%SZ}",
    }
    assert good(file) == ["N1", "N2", "N3"]
    assert good(file, end) == []
    assert registrar.counted == 3


def test_the_same_again_keeps_the_links_and_adds_those_who_came(file: LinkFile) -> None:
    file.write(THREE, now=NOW)
    before = links(file.path)
    later = NOW + timedelta(days=1)
    renamed = [*credentials("N1", name="Ada Neu"), *THREE[1:], *credentials("N4")]
    assert file.write(renamed, now=later) == {KEPT: 3, FREE: 1}
    assert before.items() <= links(file.path).items()
    assert [row["name"] for row in rows(file.path)] == ["Ada Neu", "Ada N2", "Ada N3", "Ada N4"]
    assert [row["expires"][:10] for row in rows(file.path)] == [
        *[f"{NOW + LINK_LIFETIME:%Y-%m-%d}"] * 3,
        f"{later + LINK_LIFETIME:%Y-%m-%d}",
    ]
    assert good(file) == ["N1", "N2", "N3", "N4"]


def test_a_link_that_another_command_made_stays_unless_it_is_to_end(
    file: LinkFile, claims: ClaimLinks, registrar: Registrar
) -> None:
    sent = claims.offer(THREE[1].which, registrar, now=NOW)
    assert file.survey(THREE, now=NOW) == {FREE: 2, ELSEWHERE: 1}
    assert file.write(THREE, now=NOW) == {FREE: 2, ELSEWHERE: 1}
    assert good(file) == ["N1", "N3"]
    assert claims.look(sent.token, registrar, now=NOW)
    before = links(file.path)
    assert file.write(THREE, again=True, now=NOW) == {KEPT: 2, ELSEWHERE: 1}
    assert before.items() <= links(file.path).items()
    assert good(file) == ["N1", "N2", "N3"]
    with raises(CLAIM_LINK_ENDED):
        claims.look(sent.token, registrar, now=NOW)


def test_who_is_claiming_gets_no_second_link(
    file: LinkFile, claims: ClaimLinks, registrar: Registrar
) -> None:
    redeem(claims, claims.offer(THREE[0].which, registrar, now=NOW).token)
    assert file.write(THREE, again=True, now=NOW) == {USED: 1, FREE: 2}
    assert [*links(file.path)] == ["N2", "N3"]


def test_links_whose_time_is_over_or_that_were_released_are_made_anew(
    file: LinkFile, registrar: Registrar
) -> None:
    file.write(THREE, now=NOW)
    before = links(file.path)
    registrar.released = 1
    assert file.write(THREE, now=NOW) == {FREE: 3}
    assert file.write(THREE, now=NOW) == {KEPT: 3}
    assert file.write(THREE, now=NOW + LINK_LIFETIME) == {FREE: 3}
    assert not before.items() & links(file.path).items()


def test_rows_with_good_links_stay_whatever_is_wanted_else(file: LinkFile) -> None:
    """Their secrets are nowhere else."""
    both = [*THREE, *credentials("N1", kind="resident")]
    assert file.write(both, wanted=lambda entry: entry.kind == "diploma", now=NOW) == {FREE: 3}
    assert file.write(both, wanted=lambda entry: entry.kind == "resident", now=NOW) == {KEPT: 3, FREE: 1}
    assert [row["number"] for row in rows(file.path)] == ["N1", "N2", "N3", "N1"]
    assert len({row["link"] for row in rows(file.path)}) == 4


def test_several_copies_get_one_link(file: LinkFile) -> None:
    assert file.write([*THREE, *credentials("N1", copy=2)], now=NOW) == {FREE: 3}


def test_what_is_no_longer_claimable_leaves_the_file(file: LinkFile) -> None:
    file.write(THREE, now=NOW)
    file.write(THREE[:2], now=NOW)
    assert [*links(file.path)] == ["N1", "N2"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"number,name\r\n",
        b"name,number,e-mail,link,expires\r\n",
        b"number,name,e-mail,link,expires\r\nN1,Ada,a@x.example,see the letter,2026-08-01\r\n",
        b"number,name,e-mail,link,expires\r\nN1,Ada\r\n",
        b"number;name;e-mail;link;expires\r\n",
        b'number,name,e-mail,link,expires\r\n"N1"x,Ada,a@x.example,l,e\r\n',
        b"number,name,e-mail,link,expires\r\nN1,M\xfcller,a@x.example,l,e\r\n",
        "number,name,e-mail,link,expires\r\n".encode("utf-16"),
        b"\x00" * 100,
    ],
)
def test_a_file_that_is_something_else_stays_as_it_is(
    file: LinkFile, registrar: Registrar, content: bytes
) -> None:
    file.path.write_bytes(content)
    for write in (file.write, file.survey):
        with raises(LINK_FILE_TAKEN):
            write(THREE, now=NOW)
    assert file.path.read_bytes() == content
    assert registrar.counted == 0


def test_the_file_of_another_issuer_stays_as_it_is(
    file: LinkFile, tmp_path: Path, registrar: Registrar
) -> None:
    """It looks the same, and has the only copy of that issuer's links."""
    other = ClaimLinks(tmp_path / "other" / "claims.sqlite", SERVICE)
    LinkFile(file.path, other, Registrar()).write(THREE, now=NOW)
    before = file.path.read_bytes()
    with raises(LINK_FILE_TAKEN):
        file.write(THREE, now=NOW)
    assert (file.path.read_bytes(), registrar.counted) == (before, 0)


def test_a_pipe_is_not_waited_for(file: LinkFile) -> None:
    os.mkfifo(file.path)
    with pytest.raises(Damaged):
        file.write(THREE, now=NOW)


def test_only_its_owner_reads_it_whatever_the_umask(file: LinkFile) -> None:
    before = os.umask(0)
    try:
        file.write(THREE[:1], now=NOW)
        file.path.chmod(0o644)
        file.write(THREE, now=NOW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in file.path.parent.iterdir() if path.is_file()] == ["links.csv"]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("harmful", HARMFUL)
def test_no_name_is_a_formula(file: LinkFile, harmful: str) -> None:
    file.write(credentials(harmful, name=harmful, email=harmful), now=NOW)
    assert not [*formulas(file.path.read_bytes().decode("utf-8-sig"))]
    file.write(credentials(harmful, name=harmful, email=harmful), now=NOW)
    assert len(rows(file.path)) == 1


@pytest.mark.parametrize("name", ["Seán O'Brien-Müller", "张敏", 'Ada "Countess"\nLovelace, B.'])
def test_names_are_as_they_are_written(file: LinkFile, name: str) -> None:
    for _ in range(2):
        file.write(credentials("N1", name=name), now=NOW)
        assert [row["name"] for row in rows(file.path)] == [name]


def test_a_file_that_cannot_be_written_makes_no_link_good(
    tmp_path: Path, claims: ClaimLinks, registrar: Registrar
) -> None:
    with pytest.raises(FileNotFoundError):
        LinkFile(tmp_path / "absent" / "links.csv", claims, registrar).write(THREE, now=NOW)
    assert claims.standings([entry.which for entry in THREE], registrar, now=NOW) == [(0, None)] * 3


@pytest.mark.quick("True-1", "False-2")
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("before", [True, False])
def test_the_same_command_goes_on_after_a_kill_between_file_and_links(
    file: LinkFile, claims: ClaimLinks, step: int, before: bool
) -> None:
    stopped = instead(claims, make_good=stops(on_call=step, before=before))
    dying = LinkFile(file.path, stopped, file.issuer, batch=2)
    assert killed_by(lambda: dying.write(THREE, now=NOW))
    made = min(2 * (step - before), 3)
    assert good(file) == ["N1", "N2", "N3"][:made]
    require_none_lost(claims, file.path)
    kept = {number: link for number, link in links(file.path).items() if number in good(file)}
    assert file.write(THREE, now=NOW) == Counter({KEPT: made, FREE: 3 - made})
    assert good(file) == ["N1", "N2", "N3"]
    assert kept.items() <= links(file.path).items()
    require_none_lost(claims, file.path)


def test_who_makes_links_waits_for_another_who_does(file: LinkFile, registrar: Registrar) -> None:
    folder = file.path.parent / "issuer"
    claims = ClaimLinks(folder / "claims.sqlite", SERVICE, patience=0.01)
    with locked(folder / "links"):
        for make in (
            lambda: LinkFile(file.path, claims, registrar).write(THREE, now=NOW),
            lambda: offer(claims, registrar),
        ):
            with pytest.raises(TryLater):
                make()
    assert not file.path.exists()
    offer(claims, registrar)


def offer(claims: ClaimLinks, registrar: Registrar) -> ClaimLink:
    return claims.offer(KindNumber("diploma", "N1"), registrar, now=NOW)


def entries_of(numbers: Sequence[int]) -> list[Entry]:
    return credentials(*(f"N{number}" for number in numbers))


def test_the_columns_are_those_of_a_mail_merge() -> None:
    assert COLUMNS == ("number", "name", "e-mail", "link", "expires")
