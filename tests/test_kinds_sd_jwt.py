"""Paths of claims in an SD-JWT VC, from a kind to a presentation, and those that a kind may not have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from did import METHODS, Resolver
from holder import Held, Wallet
from holder.problem import NO_SUCH_CLAIM
from intaglio.words.report import sentence
from issuer.issuer import Issuer
from kinds import Kind
from kinds.check import prove_kind
from kinds.compiling import with_compiled
from kinds.diff import differences
from kinds.facts import facts_of
from kinds.metadata import metadata_of
from kinds.openid4vci import configuration
from kinds.parsing import parse_kind
from kinds.places import claim_places
from kinds.problem import INVALID_KIND
from tests.commandline import Program
from tests.problems import raises
from tests.test_sd_jwt_issuing import contents, facts, secured, signed
from tests.world import NOW, issuer_in, trust_in
from vc import Check
from vc.forms import FORMS, SD_JWT_VC
from vc.forms.sdjwt.choice import choices_of
from vc.forms.sdjwt.credential import SDJWTCredential
from verifier import Verifier
from verifier.summary import fields_of, summarize
from wire.fetch import NoFetcher

VOCABULARY = "urn:example:pid:"
PATHS: Mapping[str, list[str]] = {
    "birth_date": ["birthdate"],
    "birth_place": ["place_of_birth", "locality"],
    "birth_country": ["place_of_birth", "country"],
    "resident_address": ["address", "formatted"],
    "resident_city": ["address", "locality"],
    "over_18": ["age_equal_or_over", "18"],
    "papers": ["evidence", "documents"],
    "paper": ["document", "type"],
}
"""Those of the European person identification data in SD-JWT VC, and a group."""


def field(name: str, **members: Any) -> dict[str, Any]:
    path = {"sd_jwt": PATHS[name]} if name in PATHS else {}
    return {"type": "text", "iri": f"{VOCABULARY}{name}", **path, **members}


FIELDS: dict[str, Any] = {
    "no": field("no", required=True),
    "family_name": field("family_name", required=True, labels={"en": "family name"}),
    "given_name": field("given_name", required=True),
    "birth_date": field("birth_date", type="date", required=True),
    "birth_place": field("birth_place", required=True, labels={"en": "place of birth"}),
    "birth_country": field("birth_country", disclosure="never"),
    "resident_address": field("resident_address", disclosure="always"),
    "resident_city": field("resident_city"),
    "over_18": field("over_18", type="boolean", reached={"day": "birth_date", "years": 18}),
    "papers": {
        **field("papers", type="group"),
        "fields": {"paper": field("paper", required=True), "seen": field("seen", type="date")},
    },
}
MEMBERS: dict[str, Any] = {
    "name": "pid",
    "version": "1",
    "nouns": {"en": ["identity", "identities"]},
    "types": {"PID": "urn:example:pid:1"},
    "number": "no",
    "person": {"given": "given_name", "family": "family_name"},
    "sentence": {
        "en": ["{issuer} states an identity", ": {person}", ", born in {birth_place}", ", of {resident_city}"]
    },
}
ADA = {
    "no": "P-1",
    "family_name": "Müller",
    "given_name": "Ada",
    "birth_date": "1990-03-07",
    "birth_place": "Graz",
    "birth_country": "AT",
    "resident_address": "Hauptplatz 1",
    "resident_city": "Wien",
    "papers": [{"paper": "passport", "seen": "2026-01-02"}, {"paper": "card"}],
}
SAID = {**ADA, "over_18": True}
LEAST = {name: ADA[name] for name in ("no", "family_name", "given_name", "birth_date", "birth_place")}


def pid(**change: Any) -> Kind:
    """The kind, with members of some fields changed."""
    return parse_kind({"kind.json": json.dumps({**MEMBERS, "fields": changed(change)}).encode()})


def changed(change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {**FIELDS.get(name, {}), **change.get(name, {})} for name in {**FIELDS, **change}}


def shape(node: Any) -> Any:
    """The objects of a payload, and the number of digests in each."""
    if isinstance(node, dict):
        return {name: len(each) if name == "_sd" else shape(each) for name, each in node.items()}
    return "…"


# Claims as they are issued


def test_claims_stand_in_objects_that_hide_each_by_itself() -> None:
    credential = secured(facts(pid(), ADA))
    payload = signed(credential)
    assert shape(payload["place_of_birth"]) == {"country": "…", "_sd": 1}
    assert payload["place_of_birth"]["country"] == "AT", "which is never hidden"
    assert shape(payload["address"]) == {"_sd": 2}
    assert shape(payload["age_equal_or_over"]) == shape(payload["evidence"]) == {"_sd": 1}
    assert not {*PATHS, "birthdate"} & payload.keys()
    shown = credential.claims.said
    assert shown["place_of_birth"] == {"country": "AT", "locality": "Graz"}
    assert shown["address"] == {"formatted": "Hauptplatz 1", "locality": "Wien"}
    assert (shown["age_equal_or_over"], shown["birthdate"]) == ({"18": True}, "1990-03-07")
    documents = [{"document": {"type": "passport"}, "seen": "2026-01-02"}, {"document": {"type": "card"}}]
    assert shown["evidence"] == {"documents": documents}
    salts = [content[0] for content in contents(credential)]
    assert len({*salts}) == len(salts)


def test_no_object_says_which_of_its_claims_there_are() -> None:
    """Neither by its digests, nor by its place among the others: all is there, in one order."""
    full, least = (
        signed(secured(facts(pid(birth_country={"disclosure": "allowed"}), cells))) for cells in (ADA, LEAST)
    )
    assert [*full] == [*least]
    assert shape(full) == shape(least)
    assert shape(least["address"]) == {"_sd": 2}
    always = choices_of(secured(facts(pid(), LEAST))).always
    assert not {path[0] for path in PATHS.values()} & {*always}, "an empty object says nothing"


# From a row to what is shown


class World(NamedTuple):
    issuer: Issuer
    wallet: Wallet
    held: Held
    judge: Verifier


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("paths")
    issuer = issuer_in(home / "issuer", kind=pid(), form=FORMS[SD_JWT_VC])
    issuer.issue(ADA)
    judge = Verifier(Resolver(METHODS, NoFetcher()), trust=trust_in(issuer), forms=FORMS)
    Wallet.create(home / "wallet", b"correct horse", now=NOW)
    with Wallet(home / "wallet", b"correct horse", forms=FORMS) as wallet:
        (key,) = wallet.holder_keys()
        data = issuer.claim("P-1", key.did)
        held = wallet.accept(data, lambda data: judge.verify(data, now=NOW), now=NOW)
        yield World(issuer, wallet, held, judge)


ASKED: dict[str, Any] = {"challenge": "n-0S6_WzA2Mj", "domain": "https://employer.example"}


def shown(world: World, *only: str) -> tuple[dict[str, Any], str, Check]:
    """The fields of what is presented, its sentence, and the check of its type."""
    presented = world.wallet.present([world.held.id], **ASKED, now=NOW, only=only or None)
    report = world.judge.verify(presented.to_bytes(), now=NOW, **ASKED)
    (claims,), (of_kind,), trust = report.require(), report.by_kind, trust_in(world.issuer)
    (of_type,) = (check for check in report.checks if check.step == 7)
    summary = summarize(claims, trust, of_kind)
    return fields_of(claims, trust, of_kind), sentence(summary), of_type


def plain(text: str) -> str:
    """Without the isolates around values."""
    return text.replace("\u2068", "").replace("\u2069", "")


@pytest.mark.slow
def test_the_verifier_finds_each_fact_by_its_path(world: World) -> None:
    fields, text, of_type = shown(world)
    assert fields == SAID
    assert plain(text) == "Invented University states an identity: Ada Müller, born in Graz, of Wien"
    assert of_type.code == "schema-fits"


def test_the_holder_shows_a_claim_of_an_object_without_the_others(world: World) -> None:
    choices = world.held.choices
    assert choices is not None
    places = {"/".join(path) for path in PATHS.values()} - {"place_of_birth/country", "document/type"}
    assert {*choices.alone} == {*places, "no", "family_name", "given_name", "iat"}
    assert "place_of_birth/country" in choices.always
    assert not {"place_of_birth", "address", "evidence", "age_equal_or_over"} & {*choices.always}
    fields, _, of_type = shown(world, "age_equal_or_over/18")
    assert fields == {"over_18": True, "birth_country": "AT"}
    fields, text, of_type = shown(world, "address/locality", "family_name", "given_name")
    assert fields == {
        **{name: ADA[name] for name in ("family_name", "given_name", "birth_country", "resident_city")}
    }
    assert plain(text) == "Invented University states an identity: Ada Müller, of Wien"
    assert of_type.code == "schema-fits"
    for name in ("address", "resident_city", "locality"):
        with raises(NO_SUCH_CLAIM):
            world.wallet.present([world.held.id], **ASKED, now=NOW, only=[name])


def test_a_claim_elsewhere_than_its_path_is_no_fact() -> None:
    """Also below what is no object, as issuers of other programs may write."""
    kind = with_compiled(pid())
    stated = facts(kind, LEAST)
    assert stated.by_kind
    moved = {**stated.by_kind().paths, "birth_date": ("birth_date",), "birth_place": ("place_of_birth",)}
    moved["birth_country"] = ("country",)
    by_kind = stated.by_kind()._replace(paths=moved)
    claims = secured(stated._replace(by_kind=lambda: by_kind)).claims
    assert facts_of(kind, claims).keys() == {"no", "family_name", "given_name", "over_18"}


# Metadata for wallets and people


def test_type_metadata_and_wallets_have_the_paths() -> None:
    rules = {tuple(claim["path"]): claim for claim in metadata_of(pid())["claims"]}
    items = ("evidence", "documents", None)
    expected = {name: tuple(PATHS.get(name, [name])) for name in FIELDS}
    assert [*rules] == [*expected.values(), (*items, "document", "type"), (*items, "seen")]
    assert rules["place_of_birth", "locality"] == {
        "path": ["place_of_birth", "locality"],
        "display": [{"locale": "en", "label": "place of birth"}],
        "mandatory": True,
        "sd": "allowed",
    }
    both = configuration(pid())["credential_configurations_supported"]
    assert [*both] == ["pid", "pid_sd_jwt"]
    described = both["pid_sd_jwt"]
    assert (described["format"], described["vct"]) == ("dc+sd-jwt", "urn:example:pid:1")
    claims = described["credential_metadata"]["claims"]
    assert {tuple(claim["path"]) for claim in claims} == rules.keys()
    assert {
        "path": ["place_of_birth", "locality"],
        "mandatory": True,
        "display": [{"name": "place of birth", "locale": "en"}],
    } in claims


def test_check_says_the_place_of_each_field(program: Program, tmp_path: Path) -> None:
    (tmp_path / "kind.json").write_text(json.dumps({**MEMBERS, "fields": FIELDS}))
    prove_kind(pid())
    answer = json.loads(program("kind", "check", tmp_path, "--json").out)
    places = {name: "/".join(PATHS.get(name, [name])) for name in FIELDS}
    assert answer["sd_jwt"] == {
        **places,
        "paper": "evidence/documents/0/document/type",
        "seen": "evidence/documents/0/seen",
    }
    lines = {line.split()[0]: line for line in program("kind", "check", tmp_path).out.splitlines()[1:]}
    for name, place in answer["sd_jwt"].items():
        assert lines[name].endswith(f"; SD-JWT VC: {place}")
    assert "SD-JWT" not in program("kind", "check", "resident").out, "whose claims have the fields' names"


# Refusals


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "name",
    ["status", "iss", "sub", "cnf", "exp", "nbf", "iat", "jti", "vct", "aud", "id", "@context", "_sd_alg"],
)
def test_a_claim_that_decides_is_no_place_and_has_none_below_it(name: str) -> None:
    for path in ([name], [name, "x"]):
        with raises(INVALID_KIND, match=r"fields\.no\.sd_jwt: the place stands for something else"):
            pid(no={"sd_jwt": path})


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"no": {"sd_jwt": ["birthdate"]}}, "no and birth_date have the same place in an SD-JWT VC"),
        ({"no": {"sd_jwt": ["family_name"]}}, "no and family_name have the same place"),
        (
            {"no": {"sd_jwt": ["address"]}},
            "no and resident_address have the same place .* or one in the other",
        ),
        ({"no": {"sd_jwt": ["family_name", "x"]}}, "family_name and no have the same place"),
        ({"no": {"sd_jwt": ["address", "locality", "x", "y"]}}, "resident_city and no have the same place"),
        ({"no": {"sd_jwt": ["evidence", "documents", "x"]}}, "papers and no have the same place"),
        ({"no": {"sd_jwt": ["address", "_sd"]}}, r"fields\.no\.sd_jwt: the place stands for something else"),
        ({"no": {"sd_jwt": ["address", "..."]}}, r"fields\.no\.sd_jwt: the place stands for something else"),
        ({"no": {"sd_jwt": [""]}}, r"fields\.no\.sd_jwt: 1 to 4 names of members"),
        ({"no": {"sd_jwt": ["a", "", "b"]}}, r"fields\.no\.sd_jwt: 1 to 4 names of members"),
        ({"no": {"sd_jwt": ["a", "b", "c", "d", "e"]}}, r"fields\.no\.sd_jwt: 1 to 4 names of members"),
        ({"no": {"sd_jwt": ["a", None]}}, r"fields\.no\.sd_jwt: texts are expected"),
        ({"no": {"sd_jwt": ["a", 0]}}, r"fields\.no\.sd_jwt: texts are expected"),
        ({"no": {"sd_jwt": "a/b"}}, "'sd_jwt' is missing or of another type"),
        ({"note": {"type": "text", "sd_jwt": ["a"]}}, r"fields\.note\.sd_jwt: no credential says the field"),
        (
            {
                "papers": {
                    "fields": {**FIELDS["papers"]["fields"], "seen": field("seen", sd_jwt=["document"])}
                }
            },
            "seen and paper have the same place",
        ),
        (
            {"papers": {"fields": {"paper": field("paper", sd_jwt=["a", "_sd"], required=True)}}},
            r"fields\.paper\.sd_jwt: the place stands for something else",
        ),
        (
            {"papers": {"fields": {"paper": field("paper", iri="", required=True), "seen": field("seen")}}},
            r"fields\.paper\.sd_jwt: no credential says the field",
        ),
    ],
)
def test_places_that_could_not_be_told_apart_or_found_are_refused(
    change: dict[str, Any], reason: str
) -> None:
    with raises(INVALID_KIND, match=reason):
        pid(**change)


def test_names_that_decide_are_free_where_they_do_not() -> None:
    """Below another object, in the items of a group, and for a field of which another claim says it."""
    kind = pid(
        no={"sd_jwt": ["document", "status"]},
        status={**field("status"), "sd_jwt": ["family_status"]},
        papers={"fields": {"paper": field("paper", sd_jwt=["iss"], required=True)}},
    )
    cells = {**ADA, "status": "single", "papers": [{"paper": "passport"}]}
    credential = secured(facts(kind, cells))
    assert isinstance(credential, SDJWTCredential)
    assert credential.claims.said["document"] == {"status": "P-1"}
    assert credential.claims.said["family_status"] == "single"
    assert credential.claims.said["evidence"] == {"documents": [{"iss": "passport"}]}


def test_another_path_breaks_with_what_was_issued() -> None:
    changes: tuple[dict[str, Any], ...] = ({"no": {"sd_jwt": ["number"]}}, {"birth_date": {"sd_jwt": []}})
    for change in changes:
        (found,) = differences(pid(), pid(**change))
        assert (found.place, found.level) == (f"fields.{next(iter(change))}.sd_jwt", "breaking")


def test_a_kind_without_paths_of_its_own_is_as_before() -> None:
    bare = {name: {k: v for k, v in each.items() if k != "sd_jwt"} for name, each in FIELDS.items()}
    inner = {
        name: {k: v for k, v in each.items() if k != "sd_jwt"}
        for name, each in FIELDS["papers"]["fields"].items()
    }
    bare["papers"]["fields"] = inner
    kind = parse_kind({"kind.json": json.dumps({**MEMBERS, "fields": bare}).encode()})
    assert not claim_places(kind)
    assert [*configuration(kind)["credential_configurations_supported"]] == ["pid"]
    assert {claim["path"][0] for claim in metadata_of(kind)["claims"]} == {*FIELDS}
