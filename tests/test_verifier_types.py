"""A type that a trust list or policy names by a word: open where nobody can tell which one it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from intaglio.words import remedy
from tests.commandline import Program
from tests.problems import is_a, raises
from tests.test_sd_jwt_vc import ISSUER, SAID, judged, vc
from tests.world import NOW, University, decided, verifier
from vc import Report, Verdict
from vc.vcdm.jsonld import Contexts, UnknownType, vouched
from verifier import OfType, RecognisedIssuer, Trust, load_policy, update_trust
from verifier.policy import NOT_FOR_TYPE, WRONG_TYPE, AllOf, AnyOf
from verifier.problem import UNKNOWN_RULE

UNIVERSITY = University()
KEYS = (UNIVERSITY.key.public_key.multikey(),)
OWN = "https://university.example/contexts/v1"
CONTEXT = {"@context": {"Diplom": "https://university.example/terms#Diplom"}}
IRI = "https://university.example/terms#Diplom"
BADGE = UNIVERSITY.sign(UNIVERSITY.plain(index=1))


def entry(*types: str) -> Trust:
    """As it is after it was written down and read again."""
    return Trust.parse(Trust().adding(RecognisedIssuer(UNIVERSITY.did, types=types, keys=KEYS)).to_bytes())


def check(
    document: Mapping[str, Any], trust: Trust, contexts: Contexts | None = None, **options: Any
) -> Report:
    return verifier(trust, contexts=contexts).verify(document, now=NOW, **options)


@pytest.mark.parametrize("word", ["OpenBadge", "Bachelor", "openBadgeCredential", ""])
def test_a_trust_entry_with_a_word_that_means_nothing_leaves_it_open(word: str) -> None:
    for types in ((word,), (word, "urn:example:Other")):
        report = check(BADGE, entry(*types))
        assert report.verdict is Verdict.UNDETERMINED, report.to_dict()
        problem = decided(report).problem
        assert isinstance(problem, UnknownType)
        assert "IRI" in remedy(problem)


def test_what_else_the_entry_names_counts_as_ever() -> None:
    for types in (("OpenBadgeCredential", "Bachelor"), ("Bachelor", "AchievementCredential")):
        assert check(BADGE, entry(*types))
    report = check(BADGE, entry("urn:example:Other", "ClrCredential"))
    assert report.verdict is Verdict.INVALID
    assert is_a(decided(report).problem, NOT_FOR_TYPE)


def test_so_does_a_policy() -> None:
    report = check(BADGE, UNIVERSITY.pinned, policy=load_policy({"type": "Bachelor"}))
    assert (report.verdict, type(decided(report).problem)) == (Verdict.UNDETERMINED, UnknownType)
    for policy in (
        AnyOf((OfType("urn:example:Other"), OfType("Bachelor"))),
        AllOf((OfType("OpenBadgeCredential"), OfType("Bachelor"))),
    ):
        assert check(BADGE, UNIVERSITY.pinned, policy=policy).verdict is Verdict.UNDETERMINED
    assert check(BADGE, UNIVERSITY.pinned, policy=AnyOf((OfType("OpenBadgeCredential"), OfType("Bachelor"))))
    other = check(BADGE, UNIVERSITY.pinned, policy=OfType("urn:example:Other"))
    assert other.verdict is Verdict.INVALID
    assert is_a(decided(other).problem, WRONG_TYPE)


@pytest.mark.parametrize("name", [IRI, "Diplom"])
def test_an_iri_is_taken_always_and_a_word_where_its_context_is_known(name: str) -> None:
    contexts = vouched({OWN: CONTEXT})
    types = ["VerifiableCredential", "OpenBadgeCredential", "Diplom"]
    document = UNIVERSITY.plain(index=2, type=types)
    document["@context"] = [*document["@context"], OWN]
    signed = UNIVERSITY.sign(document, contexts=contexts)
    trust = entry("OpenBadgeCredential", name)
    assert check(signed, trust, contexts, policy=OfType(name))
    inline = {**document, "@context": [*document["@context"][:-1], CONTEXT["@context"]]}
    report = check(UNIVERSITY.sign(inline), trust, policy=OfType(name))
    assert report.verdict is (Verdict.VALID if name == IRI else Verdict.UNDETERMINED)


def test_a_word_to_which_ones_own_contexts_give_two_meanings() -> None:
    other = {"@context": {"Diplom": "urn:example:Diplom"}}
    contexts = vouched({OWN: CONTEXT, OWN + "/more": other})
    for options in ({"trust": entry("Diplom")}, {"trust": entry(), "policy": OfType("Diplom")}):
        assert check(BADGE, contexts=contexts, **options).verdict is Verdict.UNDETERMINED


def test_at_a_terminal_it_is_said_what_to_do(program: Program, tmp_path: Path) -> None:
    diploma, policy, trust = (tmp_path / f"{name}.json" for name in ("diploma", "policy", "trust"))
    diploma.write_text(json.dumps(BADGE))
    policy.write_text('{"type": "Bachelor"}')
    trust.write_bytes(UNIVERSITY.pinned.to_bytes())
    at = ("--trust", trust, "--at", f"{NOW:%Y-%m-%dT%H:%M:%SZ}")
    answer = program("verify", diploma, *at, "--policy", policy)
    assert (answer.code, "write its IRI" in " ".join(answer.out.split())) == (3, True), answer.out
    trust.write_bytes(
        Trust().adding(RecognisedIssuer(UNIVERSITY.did, types=("Bachelor",), keys=KEYS)).to_bytes()
    )
    answer = program("verify", diploma, *at)
    assert (answer.code, "write its IRI" in " ".join(answer.out.split())) == (3, True), answer.out


class TestWritten:
    """`intaglio trust add` refuses the word, and says what to write."""

    ADD = ("trust", "add", UNIVERSITY.did, "--key", KEYS[0], "--yes")

    def test_a_word_that_means_nothing(self, program: Program) -> None:
        refused = program(*self.ADD, "--type", "OpenBadgeCredential", "--type", "Bachelor")
        assert refused.code == 1
        assert "'Bachelor' is defined by no context" in refused.err
        assert "Give its IRI" in refused.err
        assert "did:web" not in program("trust", "list").out
        for name in ("OpenBadgeCredential", IRI):
            assert program(*self.ADD, "--type", name).code == 0
            assert program("trust", "remove", UNIVERSITY.did).code == 0

    def test_one_that_a_context_of_this_home_defines(self, program: Program) -> None:
        folder = program.home / "contexts"
        folder.mkdir(parents=True)
        data = json.dumps(CONTEXT).encode()
        (folder / "own.json").write_bytes(data)
        row = {"url": OWN, "file": "own.json", "sha256": hashlib.sha256(data).hexdigest()}
        (folder / "index.json").write_text(json.dumps([row]))
        assert program(*self.ADD, "--type", "Diplom").code == 0

    def test_a_list_of_before_that_has_one_is_read_and_added_to(self, program: Program) -> None:
        update_trust(
            program.home / "trust.json",
            lambda trust: trust.adding(RecognisedIssuer("did:web:old.example", "Old", ("Bachelor",))),
        )
        assert program(*self.ADD).code == 0
        assert "Bachelor" in program("trust", "list").out


# Types by `vct`, which no context explains


DEGREE = "urn:example:degree"


def of_vct(vct: str, trust: Trust | None = None, **options: Any) -> Report:
    return judged(vc({**SAID, "vct": vct}), trust, **options)


def recognising(**members: Any) -> Trust:
    """As it is after it was written down and read again."""
    return Trust.parse(Trust().adding(RecognisedIssuer(ISSUER.did, **members)).to_bytes())


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("members", "vct", "is_for_it"),
    [
        ({}, "Degree", True),
        ({"vcts": (DEGREE,)}, DEGREE, True),
        ({"vcts": ("urn:example:other", DEGREE)}, DEGREE, True),
        ({"vcts": ("Degree",)}, "Degree", True),
        ({"vcts": ("Degree",)}, "degree", False),
        ({"vcts": (f"{DEGREE}/",)}, DEGREE, False),
        ({"vcts": ("urn:example:other",), "types": (DEGREE,)}, DEGREE, False),
        # entries of before, which have no `vcts`
        ({"types": (DEGREE,)}, DEGREE, True),
        ({"types": (DEGREE,)}, "urn:example:other", False),
        ({"types": ("OpenBadgeCredential",)}, "OpenBadgeCredential", False),
        ({"types": ("OpenBadgeCredential",)}, DEGREE, False),
    ],
)
def test_an_entry_names_types_of_sd_jwt_vcs_as_text(
    members: dict[str, tuple[str, ...]], vct: str, is_for_it: bool
) -> None:
    report = of_vct(vct, recognising(**members))
    assert report.verdict is (Verdict.VALID if is_for_it else Verdict.INVALID), report.to_dict()
    assert is_for_it or is_a(decided(report).problem, NOT_FOR_TYPE)


def test_types_of_one_model_say_nothing_of_the_other() -> None:
    """A word that names a type by a context, and a `vct` that is the same word, are two types."""
    for vcts in (("OpenBadgeCredential", "AchievementCredential"), (DEGREE,)):
        known = RecognisedIssuer(UNIVERSITY.did, keys=KEYS, vcts=vcts)
        report = check(BADGE, Trust().adding(known))
        assert is_a(decided(report).problem, NOT_FOR_TYPE)
        both = RecognisedIssuer(UNIVERSITY.did, types=("OpenBadgeCredential",), keys=KEYS, vcts=vcts)
        assert check(BADGE, Trust().adding(both))


@pytest.mark.parametrize(
    ("rule", "vct", "is_kept"),
    [
        ({"vcts": [DEGREE]}, DEGREE, True),
        ({"vcts": ["Degree", DEGREE]}, "Degree", True),
        ({"vcts": ["Degree"]}, "degree", False),
        ({"type": DEGREE}, DEGREE, True),
        ({"type": "urn:example:other"}, DEGREE, False),
        ({"type": "OpenBadgeCredential"}, "OpenBadgeCredential", False),
    ],
)
def test_so_does_a_policy_for_sd_jwt_vcs(rule: Any, vct: str, is_kept: bool) -> None:
    report = of_vct(vct, policy=load_policy(rule))
    assert report.verdict is (Verdict.VALID if is_kept else Verdict.INVALID)
    assert is_kept or is_a(decided(report).problem, WRONG_TYPE)


def test_a_badge_has_no_vct() -> None:
    report = check(BADGE, UNIVERSITY.pinned, policy=load_policy({"vcts": ["OpenBadgeCredential"]}))
    assert is_a(decided(report).problem, WRONG_TYPE)


@pytest.mark.parametrize("vcts", [[], [""], [1], "urn:example:degree", ["a", None]])
def test_a_rule_that_names_no_vct(vcts: Any) -> None:
    with raises(UNKNOWN_RULE):
        load_policy({"vcts": vcts})


def test_it_is_added_by_hand(program: Program) -> None:
    added = program("trust", "add", ISSUER.did, "--vct", DEGREE, "--yes")
    assert added.code == 0
    assert f"for {DEGREE}" in program("trust", "list").out
