"""What a row says ends in its own credential, comes back field by field, and is said as it was typed."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from intaglio.words import report as words
from intaglio.words.language import speaking
from issuer.press.document import Composer, Profile
from issuer.press.permutation import Positions
from issuer.press.press import Line, Press
from kinds import InvalidRecord, Kind, Record, shipped
from kinds.cells import TYPES, check_cell
from kinds.check import prove_kind
from kinds.draft import draft, table_outline
from kinds.facts import facts_of, named_kind
from kinds.kind import plain
from kinds.parsing import parse_kind
from kinds.problem import BadCell
from kinds.records import check_cells, check_record, with_changes
from tests.fuzz.oracles import by_pyld, by_pyoxigraph
from tests.test_issuer_skeletons import at_once, used
from tests.world import NAME, NOW, University, verifier
from vc import Claims, Credential
from vc.anchoring import anchoring_terms
from vc.claims import KIND
from vc.forms import DataIntegrity
from vc.vcdm.jsonld import canonicalize
from verifier import RecognisedIssuer, Trust
from verifier.sources.trust_entries import KindFiles
from verifier.summary import fields_of, summarize
from wire.text import claimed, isolated

TODAY = date(2026, 7, 1)
UNIVERSITY = University()
RESIDENT, CERTIFICATE = shipped("resident"), shipped("certificate")
ZHANG = {
    "personal_administrative_number": "R-1",
    "family_name": "张",
    "given_name": "敏",
    "birth_date": "1990-03-07",
    "resident_city": "北京",
    "issuance_date": "2026-06-01",
}
WELDING = {
    "certificate_number": "C-1",
    "title": "Welding",
    "given_name": "Seán",
    "family_name": "O'Brien-Müller",
    "issued_on": "2026-06-01",
}
UNTIDY = [
    "{issuer}",
    "{{x}}",
    "{person} {title}",
    "]",
    "$1 ${title} $(id)",
    "<script>alert(1)</script>",
    "</bdi><b>&amp;",
    "%s %(title)s",
    "O'Brien-Müller",
    "Nguyễn Thị Ánh",
    "张敏",
    "שרה ]{",
    "\\u202e\\n",
]


def composer(kind: Kind, secret: bytes = b"i" * 32) -> Composer:
    """For the university of these tests, which has a log and lists."""
    host = UNIVERSITY.did.removeprefix("did:web:")
    profile = Profile(UNIVERSITY.did, NAME, UNIVERSITY.log.origin, f"https://{host}")
    return Composer(kind, profile, secret, b"s" * 32, Positions(lambda _: b"p" * 32))


def said(kind: Kind, cells: Mapping[str, str], seq: int = 0) -> dict[str, Any]:
    """The unsigned credential of a row, to be changed at will."""
    return copy.deepcopy(composer(kind).compose(check_record(kind, cells, TODAY), seq))


# Kinds that hypothesis builds

LEVELS = {"Gold": "golden or", "Silver": "", "{issuer}": "$"}
KNOWN_TERMS = ("familyName", "givenName", "addressLocality", "jobTitle", "telephone")
"""Of schema.org, which the table of names spells so whatever a credential calls them."""
CELLS: Mapping[str, st.SearchStrategy[str]] = {
    "text": st.sampled_from(UNTIDY) | st.text(min_size=1, max_size=20),
    "integer": st.integers(-(10**15) + 1, 10**15 - 1).map(str),
    "number": st.decimals(-999, 999, allow_nan=False, places=2).map(str),
    "boolean": st.sampled_from(["yes", "no", "Nein", "是", "0"]),
    "date": st.dates(date(1900, 1, 1), date(2100, 1, 1)).map(str),
    "decimal": st.from_regex("-?[0-9]{1,20}([.,][0-9]{1,20})?", fullmatch=True).filter(str.isascii),
    "moment": st.dates(date(1900, 1, 1), date(2100, 1, 1)).map("{}T12:34:56Z".format),
    "digest": st.binary(min_size=32, max_size=32).map(lambda data: f"sha-256:{data.hex()}"),
    "url": st.sampled_from(["https://example.org/{n}".replace("{n}", str(n)) for n in range(5)]),
    "code": st.sampled_from([*LEVELS, "gold", "OR"]),
}


class Filled(NamedTuple):
    """A kind, and rows for it."""

    kind: Kind
    rows: list[dict[str, str]]


@st.composite
def filled(draw: st.DrawFn, alike: bool = False) -> Filled:
    """`alike` rows have values in the same columns."""
    name_x = st.from_regex("[a-z][a-z0-9_]{0,6}_x", fullmatch=True)  # no name of another thing
    names = draw(st.lists(name_x, min_size=1, max_size=6, unique_by=plain))  # each is a heading of its own
    of_schema = draw(st.permutations(KNOWN_TERMS))
    fields: dict[str, Any] = {"no": {"type": "text", "required": True, "iri": "https://example.org/v#no"}}
    for name, term in zip(names, (*of_schema, ""), strict=False):
        field: dict[str, Any] = {"type": draw(st.sampled_from([*TYPES])), "required": draw(st.booleans())}
        place = draw(st.sampled_from(["own", "known", "none"]))
        if place != "none":
            own = f"urn:example:vocab:{name}"
            field["iri"] = (
                f"https://schema.org/{term}" if place == "known" and term and field["type"] != "url" else own
            )
            field["sd_jwt"] = draw(
                st.sampled_from([[], ["of", name], ["of", "it", name], ["of", f"~/{name}"]])
            )
        if field["type"] == "code":
            field |= {"table": "level", "refusal": "is no level"}
        fields[name] = field
    days = [name for name in fields if fields[name]["type"] == "date"]
    if draw(st.booleans()) and days:
        fields["grown_up"] = {
            "type": "boolean",
            "reached": {"day": days[0], "years": draw(st.integers(0, 99))},
        }
        if draw(st.booleans()):
            fields["grown_up"]["iri"] = "urn:example:vocab:grownUp"
    sentence = ["{issuer} says", *(f", {name} is {{{name}}}" for name in fields)]
    files = {
        "kind.json": {
            "name": "card",
            "version": "1",
            "nouns": {"en": ["card", "cards"]},
            "types": draw(st.sampled_from([{}, {"CardCredential": "urn:example:vocab:CardCredential"}])),
            "number": "no",
            "sentence": {"en": sentence},
            "valid_from": draw(st.sampled_from(["", *days])),
            "fields": fields,
        }
    }
    texts = {path: json.dumps(content).encode() for path, content in files.items()}
    table = "".join(f"{value},{synonyms}\n" for value, synonyms in {"value": "synonyms", **LEVELS}.items())
    if any("table" in field for field in fields.values()):
        texts["tables/level.csv"] = table.encode()
    kind = parse_kind(texts)
    has = {name: fields[name]["required"] or draw(st.booleans()) for name in kind.columns}
    rows = []
    for number in range(draw(st.integers(2, 5) if alike else st.integers(1, 3))):
        row = {"no": f"N-{number}"}
        for name in kind.columns:
            if name != "no" and (has[name] if alike else fields[name]["required"] or draw(st.booleans())):
                cells = CELLS[fields[name]["type"]]
                row[name] = draw(cells.filter(partial(takes, kind, name)))
        rows.append(row)
    return Filled(kind, rows)


def takes(kind: Kind, name: str, cell: str) -> bool:
    try:
        check_cell(kind.fields[name], cell.strip() or "\x00")
    except BadCell:
        return False
    return True


def in_properties(kind: Kind, record: Record) -> dict[str, Any]:
    """What a credential says of a record: the fields that have a property, or say its dates, and a value."""
    placed = kind.template.fields
    assert {name for name in kind.fields if kind.fields[name].iri} <= placed
    return {name: record[name] for name in kind.fields if name in placed and record[name] != ""}


@pytest.mark.slow
@given(filled())
def test_each_fact_ends_in_its_own_credential_and_comes_back_as_it_was(example: Filled) -> None:
    kind = example.kind
    press = composer(kind)
    for seq, row in enumerate(example.rows):
        record = check_record(kind, row, TODAY)
        document = json.loads(json.dumps(press.compose(record, seq)))
        claims: Claims = Credential.parse(document)
        assert facts_of(kind, claims) == in_properties(kind, record)
        assert claims.kind == kind.reference
        assert canonicalize(document).decode() == by_pyld(document)


@pytest.mark.slow
@given(filled(alike=True))
def test_rows_that_are_spliced_say_the_same_to_the_byte(example: Filled) -> None:
    """The press's skeletons, from the first row of a shape on: what they make is what each row says."""
    kind, form = example.kind, DataIntegrity(suite="eddsa-rdfc-2022")
    method = f"{UNIVERSITY.did}#{UNIVERSITY.key.public_key.multikey()}"
    press = at_once(Press(composer(kind), UNIVERSITY.key, method, form))
    for seq, row in enumerate(example.rows):
        record = check_record(kind, row, TODAY)
        printed = press.print_row(record, seq, NOW)
        assert printed == press.print(record, seq, NOW)
        assert facts_of(kind, Line.parse(printed.line).secured.claims) == in_properties(kind, record)
    assert used(press)


@given(filled(), st.data())
def test_no_row_says_what_another_one_does(example: Filled, data: st.DataObject) -> None:
    """Each text is there as often as it has places, and in no credential of another row."""
    kind, press = example.kind, composer(example.kind)
    texts = [name for name in kind.columns if kind.fields[name].type == "text" and name != "no"]
    documents, marks = [], []
    for seq, row in enumerate(example.rows):
        marked = {name: f"{row.get(name, '')}mark-{seq}-{name}-end" for name in texts}
        assume(all(takes(kind, name, cell) for name, cell in marked.items()))
        record = check_record(kind, {**row, **marked}, TODAY)
        documents.append(json.dumps(press.compose(record, seq)))
        marks.append({f"mark-{seq}-{name}-end": name for name in texts})
    for seq, document in enumerate(documents):
        for other, of_row in enumerate(marks):
            for mark, name in of_row.items():
                assert document.count(mark) == (other == seq and bool(kind.fields[name].iri))
    ids = {json.loads(document)["id"] for document in documents}
    assert len(ids) == len(documents)


@given(filled())
def test_a_record_that_nothing_changes_is_checked_to_the_same_again(example: Filled) -> None:
    """A correction starts with the cells of the record."""
    for row in example.rows:
        record = check_record(example.kind, row, TODAY)
        assert check_cells(example.kind, with_changes(example.kind, record, {}), today=TODAY) == (record, [])


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        ({"type": "number", "pattern": "[0-9]+,[0-9]{2}"}, "12,50", 12.5),
        ({"type": "decimal", "pattern": "[0-9]+,[0-9]{2}"}, "12,50", "12.50"),
        ({"type": "moment", "pattern": ".*[+]02:00"}, "2026-06-30T12:00:00+02:00", "2026-06-30T10:00:00Z"),
        ({"type": "number"}, "0.00001", 0.00001),
    ],
)
def test_what_a_correction_does_not_change_need_be_no_cell_of_its_field(
    field: dict[str, Any], cell: str, value: object
) -> None:
    kind = club(fields={**CLUB_FIELDS, "worth": {**field, "refusal": "is wrong"}})
    record = check_record(kind, {"no": "1", "who": "A", "worth": cell}, TODAY)
    assert record["worth"] == value
    corrected = check_record(kind, with_changes(kind, record, {"who": "B"}), TODAY, former=record)
    assert corrected == {**record, "who": "B"}
    with pytest.raises(InvalidRecord, match="worth: the value is"):
        check_record(kind, with_changes(kind, record, {"worth": "1e3"}), TODAY, former=record)


@given(filled())
def test_a_sentence_says_each_value_as_it_was_typed(example: Filled) -> None:
    kind = example.kind
    issuer = RecognisedIssuer(UNIVERSITY.did, "{no} & Sons", kinds=(KindFiles(kind.texts),))
    for row in example.rows:
        record = check_record(kind, row, TODAY)
        shown = in_properties(kind, record)
        claims = Credential.parse(composer(kind).compose(record, 0))
        expected = "{no} & Sons says"
        for name, value in shown.items():
            text = ("yes" if value else "no") if kind.fields[name].type == "boolean" else str(value)
            expected += f", {name} is {isolated(claimed(text))}"
        assert words.sentence(summarize(claims, Trust().adding(issuer))) == expected


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("text", UNTIDY)
def test_untidy_values_of_a_certificate_are_never_parsed(text: str) -> None:
    claims = Credential.parse(said(CERTIFICATE, {**WELDING, "title": text, "family_name": text}))
    sentence = words.sentence(summarize(claims, UNIVERSITY.trust))
    shown = isolated(text)
    assert (
        sentence == f"{NAME} issued a certificate “{shown}” to {isolated(f'Seán {text}')}, dated 2026-06-01"
    )


@pytest.mark.parametrize("cell", ["a\u202eb", "a\u2066b", "a\nb", "a\x00b", "\ufeffb"])
def test_what_would_turn_a_sentence_around_is_no_cell(cell: str) -> None:
    with pytest.raises(InvalidRecord, match="invisible control character"):
        said(CERTIFICATE, {**WELDING, "title": cell})


def test_what_turns_a_sentence_around_in_a_credential_from_elsewhere_is_shown_as_its_code() -> None:
    """Others sign what this program refuses."""
    document = said(CERTIFICATE, WELDING)
    document["name"] = document["credentialSubject"]["title"] = "a\u202eb"
    sentence = words.sentence(summarize(Credential.parse(document), UNIVERSITY.trust))
    assert "“a⟨202E⟩b”" in sentence


# The shipped kinds


@pytest.mark.parametrize(
    ("kind", "cells", "english", "chinese"),
    [
        (
            RESIDENT,
            ZHANG,
            f"{NAME} certifies the residence of 张敏, born on 1990-03-07, in 北京",
            f"{NAME}出具居民证明：张敏，出生日期 1990-03-07，居住地 北京",
        ),
        (
            RESIDENT,
            {**ZHANG, "family_name": "Nguyễn", "given_name": "Thị Ánh", "resident_city": ""},
            f"{NAME} certifies the residence of Thị Ánh Nguyễn, born on 1990-03-07",
            f"{NAME}出具居民证明：Thị Ánh Nguyễn，出生日期 1990-03-07",
        ),
        (
            CERTIFICATE,
            WELDING,
            f"{NAME} issued a certificate “Welding” to Seán O'Brien-Müller, dated 2026-06-01",
            f"{NAME}颁发证书“Welding”，持有人：Seán O'Brien-Müller，日期：2026-06-01",
        ),
    ],
)
def test_a_sentence_is_said_in_the_readers_language(
    kind: Kind, cells: dict[str, str], english: str, chinese: str
) -> None:
    summary = summarize(Credential.parse(said(kind, cells)), UNIVERSITY.trust)
    assert words.sentence(summary) == english
    with speaking("zh"):
        assert words.sentence(summary) == chinese


FULL: Mapping[str, dict[str, str]] = {
    "resident": {
        **ZHANG,
        "birth_place": 'Straße "A" 5',
        "nationality": "CN",
        "resident_address": "{issuer}]$",
        "resident_postal_code": "00123",
        "resident_country": "CN",
        "expiry_date": "2036-06-01",
        "email_address": "zhang@example.org",
    },
    "certificate": {
        **WELDING,
        "language": "ga",
        "description": "5 days",
        "grade": "1,0",
        "valid_until": "2029-06-01",
        "email": "sean@example.org",
    },
}
"""A value in each column."""


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("short", [False, True], ids=["whole", "required only"])
def test_others_read_the_same_statements_in_each_shipped_kind(name: str, short: bool) -> None:
    kind = shipped(name)
    given = {"given_name", *kind.required}
    cells = {field: cell for field, cell in FULL[name].items() if not short or field in given}
    document = said(kind, cells)
    ours = canonicalize(document).decode()
    assert ours == by_pyld(document)
    assert ours == by_pyoxigraph(document)


@pytest.mark.parametrize("name", FULL)
def test_no_address_for_mail_stands_in_a_credential(name: str) -> None:
    kind = shipped(name)
    assert kind.columns == tuple(field for field in kind.columns if field in {*FULL[name], "name"})
    assert FULL[name][kind.email] not in json.dumps(said(kind, FULL[name]))


# 18 or older, as of the day of the job


@pytest.mark.parametrize(
    ("born", "day", "is_adult"),
    [
        ("2008-07-02", "2026-07-01", False),
        ("2008-07-01", "2026-07-01", True),
        ("2008-06-30", "2026-07-01", True),
        ("2008-02-29", "2026-02-28", False),
        ("2008-02-29", "2026-03-01", True),
        ("2008-02-29", "2028-02-29", True),
        ("2010-02-28", "2028-02-28", True),
        ("2010-03-01", "2028-02-29", False),
        ("2008-12-31", "2026-12-30", False),
        ("2009-01-01", "2026-12-31", False),
    ],
)
def test_who_is_18_is_counted_by_birthdays(born: str, day: str, is_adult: bool) -> None:
    cells = {**ZHANG, "birth_date": born, "issuance_date": "2026-01-01"}
    record = check_record(RESIDENT, cells, date.fromisoformat(day))
    assert record["age_over_18"] is is_adult
    claims = Credential.parse(composer(RESIDENT).compose(record, 0))
    assert facts_of(RESIDENT, claims)["age_over_18"] is is_adult


def test_nobody_types_whether_somebody_is_18() -> None:
    with pytest.raises(InvalidRecord, match="there is no field 'age_over_18'"):
        check_record(RESIDENT, {**ZHANG, "age_over_18": "yes"}, TODAY)


# Whose words

OTHER_DIGEST = f"urn:intaglio:kind:resident:1:{'0' * 64}"
MISNAMED = str(RESIDENT.reference).replace(":resident:", ":certificate:")


@pytest.mark.parametrize(
    "named",
    [
        [OTHER_DIGEST],
        [MISNAMED],
        [str(RESIDENT.reference).replace(":1:", ":2:")],
        [str(RESIDENT.reference).upper()],
        [str(RESIDENT.reference).removeprefix("urn:intaglio:kind:")],
        [str(RESIDENT.reference), str(CERTIFICATE.reference)],
        [f"urn:intaglio:kind:diploma:1:{shipped().digest}"],
        ["urn:intaglio:kind:nonsense"],
        ["https://example.org/kind"],
    ],
)
def test_a_kind_whose_bytes_are_not_at_hand_has_no_words_and_its_credential_is_no_less_valid(
    named: list[str],
) -> None:
    document = said(RESIDENT, ZHANG)
    entries = [{"type": KIND, "id": urn} for urn in named]
    document["termsOfUse"] = [anchoring_terms(UNIVERSITY.log.origin), *entries]
    report = verifier(UNIVERSITY.trust).verify(UNIVERSITY.issue(document), now=NOW)
    assert report, report.checks
    (claims,) = report.require()
    summary = summarize(claims, UNIVERSITY.trust)
    assert (named_kind(claims), summary.kind, summary.facts) == (None, None, {})
    assert fields_of(claims, UNIVERSITY.trust) == {}
    assert words.sentence(summary).startswith(f'by {NAME}: "Proof of residence"')


def test_a_kind_named_twice_is_named() -> None:
    """Whoever presents a credential can say one statement twice, and the signature stays what it is."""
    document = said(RESIDENT, ZHANG)
    document["termsOfUse"] = [{"type": KIND, "id": RESIDENT.reference}] * 2
    assert named_kind(Credential.parse(document)) is RESIDENT


def test_the_words_of_a_kind_are_not_for_other_types() -> None:
    """For which its issuer may not be recognised."""
    document = said(RESIDENT, ZHANG)
    document["type"] = ["VerifiableCredential", "urn:example:LibraryCard"]
    assert named_kind(Credential.parse(document)) is None


def test_what_is_said_of_a_subject_in_pieces_is_said() -> None:
    """Who holds a credential bound to a key may spread its subject, whose statements stay the same."""
    document = said(RESIDENT, ZHANG)
    subject = {
        "id": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        **document["credentialSubject"],
    }
    document["credentialSubject"] = subject
    whole = facts_of(RESIDENT, Credential.parse(document))
    names = [*subject]
    first = {name: subject[name] for name in names[:4]}
    rest = {"id": subject["id"], **{name: subject[name] for name in names[4:]}}
    document["credentialSubject"] = [first, rest]
    assert facts_of(RESIDENT, Credential.parse(document)) == whole
    other = {**rest, "id": "did:example:another"}
    document["credentialSubject"] = [subject, other]
    assert "family_name" not in facts_of(RESIDENT, Credential.parse(document))


@pytest.mark.parametrize(
    ("name", "value"), [("given_name", 1), ("age_over_18", "no"), ("birth_date", "not a day")]
)
def test_a_value_of_another_type_is_no_fact(name: str, value: object) -> None:
    document = said(RESIDENT, ZHANG)
    document["credentialSubject"][name] = value
    claims = Credential.parse(document)
    assert name not in facts_of(RESIDENT, claims)
    assert words.sentence(summarize(claims, UNIVERSITY.trust))


def test_a_term_by_another_iri_is_not_the_kinds_field() -> None:
    """A credential from elsewhere may call anything `resident_city`."""
    document = said(RESIDENT, ZHANG)
    document["@context"][1]["resident_city"] = "https://example.org/born-in"
    claims = Credential.parse(document)
    assert named_kind(claims) is RESIDENT
    assert "resident_city" not in facts_of(RESIDENT, claims)
    assert facts_of(RESIDENT, claims)["family_name"] == "张"


CLUB_FIELDS: dict[str, Any] = {
    "no": {"type": "text", "required": True, "iri": "urn:example:no"},
    "who": {"type": "text", "iri": "urn:example:who"},
}
CLUB = {
    "name": "club",
    "version": "1",
    "nouns": {"en": ["membership", "memberships"]},
    "number": "no",
    "sentence": {"en": ["{issuer} has a member", " called {who}"]},
    "fields": CLUB_FIELDS,
}


def club(**change: Any) -> Kind:
    return parse_kind({"kind.json": json.dumps({**CLUB, **change}).encode()})


def listed(kind: Kind, did: str = UNIVERSITY.did) -> RecognisedIssuer:
    return RecognisedIssuer(did, "The Club", kinds=(KindFiles(kind.texts),))


def test_a_kind_of_the_issuers_own_speaks_where_the_issuers_entry_has_it() -> None:
    kind = club()
    claims = Credential.parse(said(kind, {"no": "1", "who": "{issuer}"}))

    def heard(*entries: RecognisedIssuer) -> tuple[str, dict[str, Any]]:
        trust = Trust()
        for entry in entries:
            trust = trust.adding(entry)
        return words.sentence(summarize(claims, trust)), fields_of(claims, trust)

    spoken = "The Club has a member called {issuer}", {"no": "1", "who": "{issuer}"}
    assert heard(listed(kind)) == spoken
    elsewhere = RecognisedIssuer(UNIVERSITY.did, "The Club")
    for silent in (
        [elsewhere],
        [listed(club(version="2"))],
        [elsewhere, listed(kind, "did:example:another")],
    ):
        sentence, fields = heard(*silent)
        assert "has a member" not in sentence
        assert fields == {}


@pytest.mark.parametrize("change", [(":club:", ":resident:"), (":1:", ":2:")])
def test_a_kind_of_the_issuers_own_is_named_by_its_name_and_version_too(change: tuple[str, str]) -> None:
    kind = club()
    document = said(kind, {"no": "1", "who": "A"})
    (named,) = [terms for terms in document["termsOfUse"] if terms["type"] == KIND]
    named["id"] = named["id"].replace(*change)
    trust = Trust().adding(listed(kind))
    assert fields_of(Credential.parse(document), trust) == {}


@pytest.mark.parametrize("part", [" with The Ministry", " with THE  MlNISTRY", " by did:example:ministry"])
def test_a_kind_that_names_another_issuer_has_fields_and_no_sentence(part: str) -> None:
    kind = club(sentence={"en": ["{issuer} has a member", part]})
    claims = Credential.parse(said(kind, {"no": "1", "who": "A"}))
    ministry = RecognisedIssuer("did:example:ministry", "The Ministry")
    alone, beside = Trust().adding(listed(kind)), Trust().adding(listed(kind)).adding(ministry)
    assert ("did:" in part) or (part in words.sentence(summarize(claims, alone)))  # a DID may be anybody's
    assert part.strip() not in words.sentence(summarize(claims, beside))
    assert fields_of(claims, beside) == {"no": "1", "who": "A"}


# Drafts


HEADINGS = [
    "Type",
    "Issuer",
    "person",
    "Id",
    "No",
    "Name",
    "name",
    "Titel",
    "Bezeichnung",
    "Date",
    "LANG",
    "Vorname",
    "Mail",
    "Column 2",
    "??",
]


@given(
    st.lists(st.sampled_from(HEADINGS) | st.text(min_size=1, max_size=8), min_size=1, max_size=6), st.data()
)
def test_any_table_gives_a_kind_that_works_and_has_a_field_for_each_column(
    header: list[str], data: st.DataObject
) -> None:
    cells = st.sampled_from(["1", "x", "2020-01-01"])
    rows = data.draw(st.lists(st.tuples(*[cells] * len(header)), min_size=1, max_size=3))
    # One column at least is no date: it can be the number.
    table = [[*row, f"K-{number}"] for number, row in enumerate(rows)]
    kind = parse_kind({"kind.json": draft("card", table_outline([*header, "Karte"], table))})
    prove_kind(kind)
    assert len(kind.fields) == len(header) + 1
    assert kind.fields[kind.number].required


@pytest.mark.parametrize(
    ("header", "number"),
    [(["Sprache", "Karte"], "karte"), (["Mail", "Karte"], "karte"), (["Sprache", "Mail"], "number")],
)
def test_no_draft_takes_for_its_number_what_no_credential_says(header: list[str], number: str) -> None:
    """The language to write to a person, and the address, are in no credential."""
    table = [["de", "a@example.org"], ["en", "b@example.org"]]
    kind = parse_kind({"kind.json": draft("card", table_outline(header, table))})
    prove_kind(kind)
    assert kind.number == number


@pytest.mark.parametrize("name", FULL)
def test_a_credential_that_is_bound_to_a_key_says_the_same(name: str) -> None:
    """As one that a wallet claimed: the subject's `id` is the holder's, and no fact."""
    kind, holder = shipped(name), "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"
    record = check_record(kind, FULL[name], TODAY)
    document = composer(kind).compose(record, 0, holder=holder)
    claims: Claims = Credential.parse(document)
    assert claims.subjects[0]["id"] == holder
    assert facts_of(kind, claims) == in_properties(kind, {**dict.fromkeys(kind.fields, ""), **record}) | (
        {"name": kind.person.full(record)} if kind.person.whole else {}
    )
    assert canonicalize(document).decode() == by_pyld(document)
