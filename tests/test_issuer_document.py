"""From a record to an Open Badges 3.0 credential."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.press.document import Composer, Profile, _base32, trial
from issuer.press.permutation import Positions
from issuer.table.source import open_source
from kinds import Kind, Template, shipped
from kinds.records import check_record
from kinds.shipped import diploma_1
from tests.conftest import ROOT
from tests.world import graduate
from vc import Credential
from vc.anchoring import anchoring_terms
from vc.status import StatusEntry, status_entry, status_statement
from vc.vcdm import jsonld
from vc.vcdm.schema import Schemas

DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
HOLDER = "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"


def composer(url: str | None = None, id_secret: bytes = b"i" * 32, kind: Kind | None = None) -> Composer:
    profile = Profile(DID, "Invented University", "u.example/log", url, states_status=url is None)
    return Composer(kind or shipped(), profile, id_secret, b"s" * 32, Positions(lambda _: b"p" * 32))


def compose(seq: int = 0, edition: int = 1, holder: str | None = None, **change: str) -> dict[str, Any]:
    return composer().compose(check_record(shipped(), graduate(1, **change)), seq, edition, holder)


def test_a_diploma_says_who_got_what_from_whom_when() -> None:
    diploma = compose()
    subject = diploma["credentialSubject"]
    assert list(diploma)[:4] == ["@context", "id", "type", "issuer"]
    assert diploma["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert diploma["issuer"] == {"id": DID, "type": ["Profile"], "name": "Invented University"}
    assert diploma["awardedDate"] == diploma["validFrom"] == "2026-06-30T00:00:00Z"
    assert subject["identifier"][0]["identityHash"] == "Given1 Family1"
    assert subject["licenseNumber"] == "UNI-000001"
    assert subject["creditsEarned"] == 180
    assert [result["value"] for result in subject["result"]] == ["3.5", "merit"]
    described = {description["id"] for description in subject["achievement"]["resultDescription"]}
    assert {result["resultDescription"] for result in subject["result"]} == described
    assert [alignment["targetUrl"] for alignment in subject["achievement"]["alignment"]] == [
        "http://data.europa.eu/snb/eqf/6",
        "http://data.europa.eu/snb/isced-f/0613",
    ]


def test_what_the_registrar_left_empty_is_left_out() -> None:
    empty: dict[str, Any] = dict.fromkeys(
        (
            "student_id",
            "family_name",
            "email",
            "programme_code",
            "eqf_level",
            "ects",
            "isced_f",
            "gpa",
            "honours",
        ),
        "",
    )
    subject = compose(**empty)["credentialSubject"]
    assert [identifier["identityType"] for identifier in subject["identifier"]] == ["name"]
    assert subject["identifier"][0]["identityHash"] == "Given1"
    assert subject.keys() == {"type", "identifier", "licenseNumber", "activityEndDate", "achievement"}
    assert subject["achievement"].keys() == {
        "id",
        "type",
        "achievementType",
        "name",
        "description",
        "criteria",
    }
    assert subject["achievement"]["id"].endswith(":achievement:Bachelor%20of%20Science")


def test_no_birth_date_e_mail_or_student_number_stands_in_the_clear() -> None:
    text = json.dumps(compose())
    for private in ("2001-02-03", "graduate1@example.org", "S000001"):
        assert private not in text


def test_a_hashed_identifier_is_what_open_badges_says() -> None:
    (email,) = (
        identifier
        for identifier in compose()["credentialSubject"]["identifier"]
        if identifier["identityType"] == "emailAddress"
    )
    digest = hashlib.sha256(f"graduate1@example.org{email['salt']}".encode()).hexdigest()
    assert email["identityHash"] == f"sha256${digest}"
    assert email["hashed"] is True
    assert len(email["salt"]) == 32


def test_the_id_is_160_bits_that_nobody_without_the_secret_can_guess() -> None:
    identifiers = {
        compose()["id"],
        compose(edition=2)["id"],
        compose(diploma_number="UNI-000002")["id"],
        composer(id_secret=b"j" * 32).compose(check_record(shipped(), graduate(1)), 0)["id"],
    }
    assert len(identifiers) == 4
    assert all(len(identifier.rsplit(":", 1)[1]) == 32 for identifier in identifiers)  # base32 of 20 bytes
    assert compose(seq=7, gpa="1.0")["id"] == compose()["id"]


@given(st.sampled_from([5, 10, 15, 20]).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_base32_is_that_of_rfc_4648(data: bytes) -> None:
    assert _base32(data) == base64.b32encode(data).decode().lower()


def test_the_same_row_gives_the_same_document() -> None:
    assert compose(seq=5) == compose(seq=5)


def test_status_and_log_are_named() -> None:
    credential = Credential.parse(compose(seq=200_000))
    (status,) = credential.status
    entry = StatusEntry.parse(status)
    positions = Positions(lambda _: b"p" * 32)
    assert "credentialStatus" not in credential.document
    assert credential.terms[-1] == status_statement(entry.list_url, entry.index)
    assert entry.list_url.endswith(":status:1")
    assert positions.seq(1, entry.index) == 200_000
    assert credential.origins == {"u.example/log"}


def test_with_a_web_address_everything_lies_under_it() -> None:
    diploma = composer("https://u.example/registry").compose(check_record(shipped(), graduate(1)), 0)
    assert diploma["id"].startswith("https://u.example/registry/credential/")
    assert diploma["credentialStatus"]["statusListCredential"] == "https://u.example/registry/status/0"
    assert diploma["issuer"]["url"] == "https://u.example/registry"
    assert diploma["credentialSubject"]["achievement"]["id"] == "https://u.example/registry/achievement/BSC"


def test_where_no_statement_was_asked_for_the_status_is_said_as_it_always_was() -> None:
    made = composer(kind=diploma_1())
    before = Composer(
        diploma_1(), Profile(DID, "Invented University", "u.example/log"), b"i" * 32, b"s" * 32,
        Positions(lambda _: b"p" * 32),
    ).compose(check_record(shipped(), graduate(1)), 7)  # fmt: skip
    after = made.compose(check_record(shipped(), graduate(1)), 7)
    (status,) = Credential.parse(after).status
    url, index = status["statusListCredential"], int(status["statusListIndex"])
    assert before == {
        **after,
        "credentialStatus": status_entry(url, index),
        "termsOfUse": [anchoring_terms(made.profile.log)],
    }
    assert list(before)[-2:] == ["credentialStatus", "termsOfUse"]


def test_an_edition_can_be_bound_to_a_holder() -> None:
    bound, free = compose(edition=2, holder=HOLDER), compose(edition=2)
    assert bound["credentialSubject"] == {"id": HOLDER, **free["credentialSubject"]}
    assert "id" not in free["credentialSubject"]


@pytest.mark.slow
def test_every_example_loses_nothing_and_has_the_form_of_open_badges(corpora: Path) -> None:
    schema = json.loads((corpora / "samples" / "schemas" / "ob3-achievementcredential.json").read_bytes())
    schemas = Schemas({"ob3": schema})
    source = open_source(ROOT / "examples" / "diploma" / "graduates.csv")
    made = composer()
    for span in source.spans:
        for row, cells in source.rows(span):
            document = made.compose(check_record(shipped(), source.fields(cells)), row)
            assert jsonld.canonicalize(document)
            signed = {
                **document,
                "proof": [{"type": "DataIntegrityProof", "created": "2026-07-01T00:00:00Z"}],
            }
            assert schemas.check(Credential.parse(signed), "ob3") == ("ob3",)


@pytest.mark.parametrize(
    ("change", "place"),
    [({"activityEndDate": "2026-06-30"}, "activityEndDate"), ({"type": "AchievementSubject"}, "type")],
)
def test_the_schema_would_notice_a_wrong_form(corpora: Path, change: dict[str, Any], place: str) -> None:
    schema = json.loads((corpora / "samples" / "schemas" / "ob3-achievementcredential.json").read_bytes())
    document = compose()
    wrong = {**document, "credentialSubject": {**document["credentialSubject"], **change}}
    with pytest.raises(Exception, match=place):
        Schemas({"ob3": schema}).check(Credential.parse(wrong), "ob3")


def _texts(value: Any) -> Iterator[str]:
    """What of a credential is for people: all texts that are no IRI."""
    if isinstance(value, Mapping):
        yield from (text for name, inner in value.items() if name != "@context" for text in _texts(inner))
    elif isinstance(value, list):
        yield from (text for inner in value for text in _texts(inner))
    elif isinstance(value, str) and ":" not in value:
        yield value


def test_a_chinese_diploma_has_no_english_sentence_that_nobody_wrote() -> None:
    chinese = compose(
        given_name="伟",
        family_name="王",
        lang="zh",
        programme_title="计算机科学与技术",
        honours="优秀毕业生",
    )
    names = {"European Qualifications Framework", "ISCED Fields of Education and Training 2013"}
    found = [text for text in _texts(chinese) if re.search("[a-z]+ [a-z]+ [a-z]+", text.lower())]
    assert set(found) - names == {"Grade point average"}, "what a result is called"


@pytest.mark.parametrize(
    ("place", "cell", "settled"),
    [
        ("{valid_until}", "30.06.2099", "2099-06-30T23:59:59Z"),
        ("{valid_until}", "2099-06-30T12:00:00Z", "2099-06-30T12:00:00Z"),
        ("{valid_until}T00:00:00Z", "30 June 2099", "2099-06-30"),
        ("{valid_until}", "", ""),
    ],
)
def test_a_day_in_an_own_column_becomes_what_its_place_takes(place: str, cell: str, settled: str) -> None:
    """What is valid until a day is valid on that day."""
    made = trial(with_end(place))
    record = {**check_record(shipped(), graduate(1)), "valid_until": cell}
    assert made.settle(record) == []
    assert record["valid_until"] == settled


def test_elsewhere_than_at_an_end_a_day_is_its_first_moment() -> None:
    content = {**json.loads(shipped().template.text), "validFrom": "{approved}"}
    record = {**check_record(shipped(), graduate(1)), "approved": "29.06.2026"}
    assert trial(shipped().with_template(Template(json.dumps(content).encode()))).settle(record) == []
    assert record["approved"] == "2026-06-29T00:00:00Z"


def test_a_day_whose_order_nobody_said_and_a_text_do_not_fit() -> None:
    made = trial(with_end("{valid_until}"))
    for cell, order, reason in (
        ("03/04/2099", "", "is day/month/year or month/day/year: write YYYY-MM-DD"),
        ("30/06/2099", "", "is day/month/year: write YYYY-MM-DD"),
        ("soon", "day-first", "does not fit its place in the template: validUntil is not"),
    ):
        ((field, found, value),) = made.settle(
            {**check_record(shipped(), graduate(1)), "valid_until": cell}, order
        )
        assert (field, value) == ("valid_until", cell)
        assert found.startswith(reason)
    record = {**check_record(shipped(), graduate(1)), "valid_until": "03/04/2099"}
    assert made.settle(record, "day-first") == []
    assert record["valid_until"] == "2099-04-03T23:59:59Z"


def with_end(place: str) -> Kind:
    content = {**json.loads(shipped().template.text), "validUntil": place}
    return shipped().with_template(Template(json.dumps(content).encode()))
