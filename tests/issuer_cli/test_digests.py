"""`intaglio issuer status digest`, and who takes it by `intaglio trust add --revocations`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from intaglio.commands.digest import take
from intaglio.session import Session
from tests.commandline import Answer, Program
from tests.issuer_cli.conftest import Clock
from tests.loopback import Site, response
from wire.datetimestamp import parse_datetimestamp

DID = "did:web:u.example"
ONE, TWO = "UNI-000001", "UNI-000002"


@pytest.fixture
def recruiter(registrar: Program) -> Callable[..., Answer]:
    """Somebody elsewhere who recognises the registrar's issuer, and has diplomas without its lists."""
    Path("trust.json").write_text(registrar("issuer", "trust").out)
    for number in (ONE, TWO):
        bundle = json.loads(Path(f"diplomas/{number}.json").read_bytes())
        Path(f"{number}.json").write_text(json.dumps({**bundle, "statusLists": []}))

    def type_(*words: object) -> Answer:
        return registrar("--home", "recruiter", *words)

    assert type_("trust", "add", "trust.json", "--yes").code == 0
    return type_


def test_a_digest_is_taken_from_a_file_and_says_who_is_revoked(
    registrar: Program, clock: Clock, recruiter: Callable[..., Answer]
) -> None:
    made = json.loads(registrar("issuer", "status", "digest", "--json").out)
    digest = Path(made["file"])
    assert recruiter("verify", f"{ONE}.json", "--offline").code == 3
    taken = recruiter("trust", "add", DID, "--revocations", digest)
    assert taken.code == 0
    assert f"status digest {made['number']} of 2026-07-01" in taken.err
    assert recruiter("verify", f"{ONE}.json", "--offline").code == 0
    assert f"The status digest {made['number']} of {DID} tells of" in recruiter("doctor").out

    clock.now += timedelta(hours=1)
    assert registrar("issuer", "revoke", ONE, "--reason", "fraud", "--yes").code == 0
    published = registrar("issuer", "status", "digest")
    assert f"trust add {DID} --revocations https://u.example/status/digest" in published.err
    assert (
        recruiter("trust", "add", DID, "--revocations", digest.with_name(f"digest-{made['number']}")).code
        == 0
    )
    refused = recruiter("verify", f"{ONE}.json", "--offline")
    assert (refused.code, refused.out.partition(":")[0]) == (1, "NOT VALID")
    assert recruiter("verify", f"{TWO}.json", "--offline").code == 0


def test_of_a_published_digest_the_changes_are_fetched(
    registrar: Program, clock: Clock, recruiter: Callable[..., Answer]
) -> None:
    folder = registrar.home / "issuer" / "status"

    def served(path: str) -> bytes:
        file = folder / path.removeprefix("/status/")
        return response(200, file.read_bytes()) if file.is_file() else response(404)

    session = Session(Path("recruiter"), loopback=True, now=lambda: clock.now)
    with Site(served).running() as site:
        # The lists have another host in their addresses: a digest may lie anywhere.
        def go_on(*, takes: bool) -> int:
            clock.now += timedelta(hours=1)
            made = json.loads(registrar("issuer", "status", "digest", "--json").out)
            if takes:
                taken = take(session, DID, site.url("/status/digest")).data
                assert isinstance(taken, dict)
                assert taken["number"] == made["number"]
            return int(made["number"])

        first, second, third = (go_on(takes=takes) for takes in (True, False, True))
        asked = [head.split()[1] for head in site.requests]
        assert asked == ["/status/digest", *(f"/status/digest-{number}" for number in (first, second, third))]

        del site.requests[:]
        assert go_on(takes=False)
        (folder / f"digest-{third}").write_text("<html>There is nothing here.</html>")
        take(session, DID, site.url("/status/digest"))
        asked = [head.split()[1] for head in site.requests]
        assert asked == [f"/status/digest-{third}", "/status/digest"], "the whole one, where changes are none"


def test_what_cannot_be_taken_is_said(registrar: Program, recruiter: Callable[..., Answer]) -> None:
    assert registrar("issuer", "status", "digest").code == 0
    digest = registrar.home / "issuer" / "status" / "digest"
    for words, code, said in (
        (("did:web:stranger.example", "--revocations", digest), 4, "is not on your trust list"),
        ((DID, "--revocations", "missing"), 4, "there is no file 'missing'"),
        ((DID, "--revocations", "trust.json"), 1, "this is no status digest"),
        ((DID, "--revocations", digest, "--name", "U"), 2, "add it first"),
    ):
        answer = recruiter("trust", "add", *words)
        assert (answer.code, said in answer.err) == (code, True), answer


def test_an_issuer_of_nothing_has_no_digest(program: Program) -> None:
    assert program("issuer", "init", "--name", "U").code == 0
    answer = program("issuer", "status", "digest")
    assert (answer.code, "nothing was issued yet" in answer.err) == (4, True)


@pytest.mark.slow
def test_it_lasts_as_long_as_a_list_and_thirty_days_at_the_most(registrar: Program) -> None:
    """Lists of an issuer without a service last a year: too long to ask nobody."""
    for life, days in (("7d", 7), ("365d", 30)):
        assert registrar("issuer", "status", "publish", "--status-lifetime", life).code == 0
        assert registrar("issuer", "status", "digest").code == 0
        document = (registrar.home / "issuer" / "status" / "digest").read_bytes().split(b"\n")[1]
        credential = json.loads(document)["credential"]
        start, end = (parse_datetimestamp(credential[each], each) for each in ("validFrom", "validUntil"))
        assert end - start == timedelta(days=days)
