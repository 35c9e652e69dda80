"""Skeletons of documents: spliced, each is what the general path and other implementations make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import orjson
import pytest

from keys import PrivateKey
from tests.fuzz.oracles import by_pyld, by_pyoxigraph
from tests.world import CONTEXT, NOW
from vc.facts import IssuingFacts, StatusPlace
from vc.forms import VCJWT, DataIntegrity
from vc.forms.integrity import SUITES, Cryptosuite, DataIntegritySuite
from vc.secured import Options, Skeleton
from vc.slots import MOST, Format, Slots, Value, is_written_alike
from vc.vcdm.jsonld import canonicalize, vendored
from vc.vcdm.jsonld.skeleton import canonical_skeleton
from wire.problem import Malformed
from wire.work import Work

Make = Callable[..., dict[str, Any]]
XSD = "http://www.w3.org/2001/XMLSchema#"


def badge(**members: Any) -> dict[str, Any]:
    return {"@context": CONTEXT, "type": ["VerifiableCredential", "OpenBadgeCredential"], **members}


def own(term: Any, value: Any, **members: Any) -> dict[str, Any]:
    """With a term that the document defines itself."""
    return {**badge(**members), "@context": [*CONTEXT, {"p": term}], "p": value}


def diploma(identifier: Any, name: Any, grade: Any, ects: Any, code: Any) -> dict[str, Any]:
    """With texts, parts of texts and of IRIs, a number, and blank nodes whose order depends on the values."""
    return badge(
        id=identifier,
        name=name,
        credentialSubject={
            "type": ["AchievementSubject"],
            "creditsEarned": ects,
            "identifier": [
                {"type": "IdentityObject", "identityType": "name", "hashed": False, "identityHash": name},
                {"type": "IdentityObject", "identityType": "ext:code", "hashed": True, "identityHash": code},
            ],
            "result": [{"type": ["Result"], "value": f"{grade} of 100 %"}],
            "achievement": {
                "id": f"urn:x:achievement:{code}",
                "type": ["Achievement"],
                "name": f"{ects} ECTS",
            },
        },
    )


def spliced(make: Make, values: Sequence[Value], first: Sequence[Value] | None = None) -> str | None:
    """The canonical form by a skeleton that was compiled for the `first` values."""
    slots = Slots(first or values)
    skeleton = canonical_skeleton(make(*slots.markers), slots, "sha256", None)
    filled = slots.fill(values)
    text = skeleton(filled) if skeleton and filled else None
    return None if text is None else text.decode()


def require_same(make: Make, *rows: Sequence[Value]) -> None:
    """By the skeleton for the first of the rows, each of them is what the general path makes of it."""
    for row in rows:
        text = spliced(make, row, rows[0])
        assert text is not None, row
        assert text == canonicalize(make(*row)).decode(), row


ROW: list[Value] = ["urn:x:1", "Ann", "90", 180, "BSC"]
TEXTS = [
    'quotes " and \\" and \\', "lines\r\n\tand\x0b\x00\x1f", "\x7f", "é e\u0301", "🎓\u200d🎓",
    "مرحبا \u202e", "\u2028\x85", "%s %% %b", "_:c14n0 _:a", "<urn:x>", ' " .\n', "a" * 3000, " ",
    "urn:x:2", "//", "Null []",
]  # fmt: skip


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_any_text_is_escaped_as_the_general_path_does(text: str) -> None:
    require_same(diploma, ROW, ["urn:x:1", text, "90", 180, "BSC"], ["urn:x:1", "Ann", text, 180, "BSC"])


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # pyld's, about contexts
def test_other_implementations_make_the_same() -> None:
    rows: list[list[Value]] = [
        ROW,
        ["urn:x:9", TEXTS[0], "é\u0301", 7.5, "MD"],
        ["did:x:9", "🎓", "\n", 0, "%20"],
    ]
    for row in rows:
        document = diploma(*row)
        assert spliced(diploma, row) == by_pyld(document) == by_pyoxigraph(document), row


def test_the_labels_of_blank_nodes_follow_from_the_values() -> None:
    labels = set()
    for number in range(30):
        row: list[Value] = ["urn:x:1", f"name {number}", "90", 180, "BSC"]
        require_same(diploma, ROW, row)
        (line,) = (line for line in (spliced(diploma, row, ROW) or "").splitlines() if '"name"' in line)
        labels.add(line[:7])
    assert len(labels) > 2


@pytest.mark.parametrize("digest", ["sha256", "sha384"])
def test_the_digest_inside_is_the_suite_s(digest: str) -> None:
    slots = Slots(ROW)
    skeleton, filled = canonical_skeleton(diploma(*slots.markers), slots, digest, None), slots.fill(ROW)
    assert skeleton
    assert filled
    assert skeleton(filled) == canonicalize(diploma(*ROW), digest=digest)


@pytest.mark.parametrize("number", [0, 1, -5, 180, 2**53 - 1, 1.5, 7.25, -0.001, 123456.75])
def test_numbers_are_written_as_the_general_path_does(number: Value) -> None:
    first: Value = 0.5 if isinstance(number, float) else 3
    require_same(diploma, ["urn:x:1", "Ann", "1", first, "BSC"], ["urn:x:1", "Ann", "1", number, "BSC"])


@pytest.mark.parametrize("number", [180, 1.25], ids=str)
@pytest.mark.parametrize("datatype", ["", "double", "decimal", "integer", "float"])
def test_a_number_is_a_literal_of_its_datatype(datatype: str, number: Value) -> None:
    """Also where RDF writes it in another way than JSON."""
    term: dict[str, str] = {"@id": "urn:p", **({"@type": XSD + datatype} if datatype else {})}

    def make(identifier: Any, value: Any) -> dict[str, Any]:
        return own(term, value, id=identifier, name=f"{value} of {value}")

    require_same(make, ["urn:x:1", 0.5 if type(number) is float else 3], ["urn:x:1", number])


@pytest.mark.parametrize("number", [2**53, -(2**53), 1e21, 1e-7, 1.0, -0.0, float("nan"), float("inf"), True])
def test_numbers_that_are_not_written_alike_go_the_general_way(number: Value) -> None:
    assert not is_written_alike(number)
    first: Value = 0.5 if type(number) is float else 5
    assert (
        spliced(diploma, ["urn:x:1", "Ann", "1", number, "BSC"], ["urn:x:1", "Ann", "1", first, "BSC"])
        is None
    )


@pytest.mark.parametrize(
    "row",
    [
        ["urn:x:1", "\ud800", "1", 180, "BSC"],
        ["urn:x:1", "\ufffe", "1", 180, "BSC"],
        ["urn:x:1", "\uffff", "1", 180, "BSC"],
        ["urn:x:1", "Ann", "1", 180, "B SC"],
        ["urn:x:1", "Ann", "1", 180, "B>SC"],
        ["urn:x:1", "Ann", "1", 180, 'B"SC'],
        ["urn:x:1", "Ann", "1", 180, "B\\SC"],
        ["urn:x:1", "Ann", "1", 180, "B\nSC"],
        ["no IRI", "Ann", "1", 180, "BSC"],
        ["urn", "Ann", "1", 180, "BSC"],
        ["", "Ann", "1", 180, "BSC"],
    ],
    ids=ascii,
)
def test_what_the_general_path_refuses_has_no_form(row: list[Value]) -> None:
    assert spliced(diploma, row, ROW) is None
    with pytest.raises(Malformed):
        canonicalize(diploma(*row))


@pytest.mark.parametrize(
    "row",
    [
        ["https://x.example/1", "Ann", "1", 180, "BSC"],  # could be a compact IRI: `https` might be a term
        ["dcterms:x", "Ann", "1", 180, "BSC"],
        ["urn:x:1", "Ann", "1", 180, "B\x7fSC"],
        ["urn:x:1", "Ann", "1", 180, "B" * 4200],
        ["urn:x:achievement:BSC", "Ann", "1", 180, "BSC"],  # two objects of one id
    ],
    ids=lambda row: ascii(row)[:40],
)
def test_what_takes_a_closer_look_goes_the_general_way(row: list[Value]) -> None:
    assert spliced(diploma, row, ROW) is None


def twins(identifier: Any, one: Any, other: Any) -> dict[str, Any]:
    results = [{"type": ["Result"], "value": value} for value in (one, other)]
    return badge(id=identifier, credentialSubject={"type": ["AchievementSubject"], "result": results})


def test_ties_go_the_general_way() -> None:
    """Blank nodes that look alike for these values are told apart by their neighbourhood alone."""
    require_same(twins, ["urn:x:1", "a", "b"], ["urn:x:1", "b", "a"], ["urn:x:1", "same", "Same"])
    assert spliced(twins, ["urn:x:1", "same", "same"], ["urn:x:1", "a", "b"]) is None
    assert spliced(lambda identifier: twins(identifier, "c", "c"), ["urn:x:1"]) is None


def test_a_statement_made_twice_goes_the_general_way() -> None:
    def make(identifier: Any, one: Any, other: Any) -> dict[str, Any]:
        ids = [{"id": one, "type": ["Profile"], "name": "n"}, {"id": other, "type": ["Profile"], "name": "n"}]
        return badge(id=identifier, credentialSubject={"type": ["AchievementSubject"], "source": ids[0]},
                     issuer=ids[1], name="n")  # fmt: skip

    require_same(make, ["urn:x:1", "urn:a", "urn:b"], ["urn:x:1", "urn:b", "urn:a"])
    assert spliced(make, ["urn:x:1", "urn:same", "urn:same"], ["urn:x:1", "urn:a", "urn:b"]) is None


def test_statements_of_two_objects_with_one_id_go_the_general_way() -> None:
    """Each object's statements stand together only as long as no other has its id."""

    def make(identifier: Any, one: Any, other: Any) -> dict[str, Any]:
        named, described = {"id": one, "name": "n"}, {"id": other, "description": "d", "url": "urn:u"}
        return badge(id=identifier, credentialSubject={"type": ["AchievementSubject"], "source": named},
                     issuer={**described, "type": ["Profile"]}, name="n")  # fmt: skip

    require_same(make, ["urn:x:1", "urn:a", "urn:b"], ["urn:x:1", "urn:b", "urn:a"])
    assert spliced(make, ["urn:x:1", "urn:same", "urn:same"], ["urn:x:1", "urn:a", "urn:b"]) is None


def test_values_may_order_the_facts_of_one_predicate_of_a_named_node() -> None:
    def make(identifier: Any, *links: Any) -> dict[str, Any]:
        terms = [{"id": link, "type": "urn:type"} for link in (*links, "urn:m")]
        return badge(id=identifier, name="n", termsOfUse=terms, description="d\u2028\x85")

    require_same(
        make, *(["urn:x:1", *links] for links in permutations(["urn:a", "urn:n", "urn:z", "urn:mm"]))
    )


def test_two_facts_of_one_predicate_have_no_constant_order() -> None:
    """That of a blank node would decide its hash."""

    def tagged(identifier: Any, one: Any, other: Any) -> dict[str, Any]:
        achievement = {"type": ["Achievement"], "tag": [one, other]}
        return badge(
            id=identifier, credentialSubject={"type": ["AchievementSubject"], "achievement": achievement}
        )

    assert spliced(tagged, ["urn:x:1", "a", "b"]) is None
    assert spliced(lambda identifier, tag: tagged(identifier, tag, "b"), ["urn:x:1", "a"]) is None
    require_same(
        lambda identifier, text: tagged(identifier, f"a{text}", f"b{text}"), ["urn:x:1", "z"], ["urn:x:1", ""]
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda x: badge(id=x, **{"@type": "Profile"}),
        lambda x: badge(id="urn:x:1", type=["VerifiableCredential", x]),
        lambda x: {**badge(id=x), "@context": [*CONTEXT, {"ours": x}]},
        lambda x: badge(id=x, nonsense="undefined"),
        lambda x: badge(id="urn:x:1", name=x),  # no IRI has a slot
        lambda x: badge(id=f"u{x}:y", name="n"),  # no scheme is constant
        lambda x: own({"@id": "urn:p", "@container": "@list"}, ["a"], id=x),
        lambda x: own({"@id": "urn:p", "@container": "@language"}, {"en": x}, id=x),
        lambda x: own({"@id": "urn:p", "@type": "@json"}, {"a": x}, id=x),
        lambda x: own({"@id": "urn:p", "@type": "@vocab"}, x, id="urn:x:2"),
        lambda x: own({"@id": "urn:p", "@type": "@vocab"}, [x], id="urn:x:2"),
        lambda x: own({"@id": "urn:p", "@type": XSD + "double"}, x, id=x),
        lambda x: own("urn:p", {"@value": x}, id=x),
        lambda x: own("urn:p", {"a": 1}, id=x),
        lambda x: badge(id=x, name=object()),
        lambda x: badge(id=x, evidence=[{"type": ["Evidence"], "name": f"{n}"} for n in range(MOST)]),
    ],
)  # fmt: skip
def test_what_the_compiler_does_not_know_has_no_skeleton(make: Make) -> None:
    assert spliced(make, ["urn:x:1"]) is None


def test_terms_of_the_document_s_own_are_spliced() -> None:
    def make(identifier: Any, text: Any, link: Any) -> dict[str, Any]:
        terms = {"t": {"@id": "urn:t", "@language": "DE"},
                 "i": {"@id": "urn:i", "@type": "@id"}, "d": {"@id": "urn:d", "@type": XSD + "date"},
                 "v": {"@id": "urn:v", "@type": "@vocab"}}  # fmt: skip
        members = {
            "t": [text, "constant"],
            "i": [link, f"urn:i:{text}"],
            "d": text,
            "v": "VerifiableCredential",
        }
        return {**badge(id=identifier, **members), "@context": [*CONTEXT, terms]}

    require_same(make, ["urn:x:1", "a", "https://a.example/"], ["urn:x:2", "b", "https://b.example/"])


def test_a_prefix_is_taken_as_the_general_path_takes_it() -> None:
    """Before // none is one."""

    def make(text: Any) -> dict[str, Any]:
        prefix = {"ex": {"@id": "urn:ex:", "@prefix": True}, "i": {"@id": "urn:i", "@type": "@id"}}
        return {**badge(id="urn:x:1", i=f"ex:{text}"), "@context": [*CONTEXT, prefix]}

    def named(text: Any) -> dict[str, Any]:
        return {**make(text), "i": {"id": f"ex:{text}", "name": "n"}}

    assert spliced(named, ["a"]) is None, "of an object: it might be the document itself"
    require_same(make, ["a"], ["b:c"], ["b/c"])
    assert b"<urn:ex:a>" in canonicalize(make("a"))
    assert b"<ex://a>" in canonicalize(make("//a"))
    assert spliced(make, ["//a"], ["a"]) is None


def test_a_number_that_is_written_as_a_text_has_no_skeleton() -> None:
    def make(identifier: Any, value: Any) -> dict[str, Any]:
        return own({"@id": "urn:p", "@type": XSD + "string"}, value, id=identifier)

    assert spliced(make, ["urn:x:1", 1.25]) is None
    require_same(make, ["urn:x:1", 3], ["urn:x:1", 180])


@pytest.mark.parametrize("expansion", ["urn:ex:", "https://ex.example/"])
def test_a_compact_iri_has_no_skeleton(expansion: str) -> None:
    def make(identifier: Any, link: Any) -> dict[str, Any]:
        terms = {"ex": {"@id": expansion, "@prefix": True}, "i": {"@id": "urn:i", "@type": "@id"}}
        return {**badge(id=identifier, i=link), "@context": [*CONTEXT, terms]}

    assert spliced(make, ["urn:x:1", "ex:a"]) is None
    require_same(make, ["urn:x:1", "https://a.example"], ["urn:x:1", "https://b.example"])
    assert spliced(make, ["urn:x:1", "ex:a"], ["urn:x:1", "https://a.example"]) is None


def test_by_contexts_of_which_names_are_not_kept_keywords_have_no_skeleton() -> None:
    slots = Slots(["urn:x:1"])
    for members in {}, {"@nest": {"name": "n"}}:
        document = badge(id=slots.markers[0], type="VerifiableCredential", **members)
        skeleton = canonical_skeleton(document, slots, "sha256", vendored())
        assert (skeleton is None) is bool(members)


def test_an_iri_without_a_scheme_at_first_has_no_skeleton() -> None:
    assert (
        spliced(lambda x: badge(id="urn:x:1", credentialSubject={"id": x, "name": "n"}), ["no scheme"])
        is None
    )


def test_too_many_values_or_another_type_have_no_slots() -> None:
    assert Slots.of(["a"] * MOST) is not None
    assert Slots.of(["a"] * (MOST + 1)) is None
    for value in None, ["a"], {"a": 1}:
        assert Slots.of(["a", value]) is None


def test_a_truth_value_is_no_slot() -> None:
    slots = Slots.of(["a", True])
    assert slots is not None
    assert (slots.markers[1], slots.numbers) == (True, [])


def test_a_text_that_spoils_a_marker_has_no_format() -> None:
    slots = Slots(["urn:x", "a"])
    whole, cut = str(slots.markers[0]), str(slots.markers[1])
    form = slots.format(f"<{whole}>")
    assert form
    assert (form([b"urn:x", b"b"]), form.text(["urn:y", "b"])) == (b"<urn:x>", "<urn:y>")
    assert slots.format(whole.removeprefix("urn:")) is None
    assert slots.format(cut[:-1]) is None
    constant = slots.format("100 %")
    assert constant
    assert constant([]) == b"100 %"


def test_an_order_that_values_decide_is_none() -> None:
    def ordered(one: list[str | int], other: list[str | int]) -> bool:
        return Format(one).is_ordered(Format(other))

    assert ordered(["a", 0, "x"], ["b", 0, "x"])
    assert ordered(["a", 0, "x"], ["a", 0, "y"])
    assert ordered(["a", 0, "x"], ["a", 0, "x"])
    assert not ordered(["a", 0, "x"], ["a", 1, "x"])
    assert not ordered(["a", 0, "x"], ["ab"])
    assert not ordered(["a", 0, "x"], ["a", 0, "xy"])


# The proof


FACTS = IssuingFacts("urn:x:1", {"id": "did:example:i", "type": ["Profile"], "name": "I"}, None, None,
                     StatusPlace("https://x.example/status/1", 5), "x.example/log", None)  # fmt: skip
OPTIONS = Options("did:example:i#k", created=NOW)
SAID = {
    "@context": CONTEXT,
    "type": ["VerifiableCredential"],
    "name": "n",
    "credentialSubject": {"name": "s"},
}


LIST = {"@context": [*CONTEXT, {"p": {"@id": "urn:p", "@container": "@list"}}], "p": ["a"]}
TIE = {"credentialSubject": [{"name": "same"}, {"name": "same"}]}


def skeleton_for(form: DataIntegrity, key: PrivateKey, said: dict[str, Any] = SAID) -> Skeleton | None:
    slots = Slots([FACTS.id, "name"])
    identifier, name = map(str, slots.markers)
    facts = FACTS._replace(id=identifier)
    return form.skeleton(facts, {**said, "name": name}, slots, key.public_key, OPTIONS)


def digest_of(skeleton: Skeleton, credential: bytes) -> bytes:
    read = skeleton.read(["urn:x:1", "Ann"], credential)
    assert read
    return read.digest


class Repeated:
    """Gives the signature that a skeleton reads in a credential, once it is verified."""

    def __init__(self, skeleton: Skeleton, credential: bytes, key: PrivateKey) -> None:
        read = skeleton.read(["urn:x:1", "Ann"], credential)
        assert read
        self.public_key, self.signature = key.public_key, read.signature()

    def sign(self, data: bytes) -> bytes:
        self.public_key.verify(self.signature, data)
        return self.signature


class Counting:
    """Counts what it signs."""

    def __init__(self, key: PrivateKey) -> None:
        self.key, self.public_key, self.signed = key, key.public_key, 0

    def sign(self, data: bytes) -> bytes:
        self.signed += 1
        return self.key.sign(data)


@pytest.mark.parametrize("suite", [name for name, suite in SUITES.items() if suite.signs])
def test_each_suite_signs_the_same(suite: str) -> None:
    form = DataIntegrity(suite=suite)
    key = PrivateKey.generate("Ed25519" if suite.startswith("eddsa") else "P-256")
    skeleton = skeleton_for(form, key)
    assert skeleton
    for identifier, name in (("urn:x:1", "Ann"), ("urn:x:2", 'é"\n🎓')):
        secured = form.secure(FACTS._replace(id=identifier), {**SAID, "name": name}, key, OPTIONS)
        spliced = skeleton.secure([identifier, name], key)
        assert spliced
        assert spliced.credential == orjson.dumps(secured)
        assert {spliced.digest} == form.read(spliced.credential, {}, Work()).digests(Work())


@pytest.mark.parametrize("suite", [name for name, suite in SUITES.items() if suite.signs])
def test_what_another_signed_has_the_same_digest_and_nothing_else_has_one(suite: str) -> None:
    key = PrivateKey.generate("Ed25519" if suite.startswith("eddsa") else "P-256")
    skeleton = skeleton_for(DataIntegrity(suite=suite), key)
    assert skeleton
    spliced = skeleton.secure(["urn:x:1", "Ann"], key)
    assert spliced
    text, digest = spliced
    assert digest_of(skeleton, text) == digest
    assert skeleton.sign(["urn:x:1", "Ann"], Repeated(skeleton, text, key)) == text
    head, mark, tail = text.rpartition(b'"proofValue":"z')
    other = head + mark + b"3" * 9 + tail[9:]  # whether a signature fits is looked at elsewhere
    assert digest_of(skeleton, other) not in (None, digest)
    for lie in (
        text.replace(b"Ann", b"Eve"),
        text.replace(b"urn:x:1", b"urn:x:2"),
        text.replace(NOW.strftime("%Y").encode(), b"1999"),
        text + b" ",
        b" " + text,
        text[:-1],
        b"",
        head + mark + tail.partition(b'"')[2],
        head + mark + b"3" * 500 + b'"' + tail.partition(b'"')[2],
        head + mark + b'","more":"' + tail,
        head + mark + b"0" + tail[1:],
    ):
        assert skeleton.read(["urn:x:1", "Ann"], lie) is None
    for values in (["urn:x:1", "Null or null"], ["urn:x:1", "n" * 9000], ["urn:x:1", "\ud800"]):
        assert skeleton.read(values, text) is None


def test_a_jwt_that_another_signed_has_the_same_digest_and_nothing_else_has_one() -> None:
    key, slots = PrivateKey.generate(), Slots([FACTS.id, "name"])
    identifier, name = map(str, slots.markers)
    said = {**SAID, "name": name}
    skeleton = VCJWT().skeleton(FACTS._replace(id=identifier), said, slots, key.public_key, OPTIONS)
    assert skeleton
    spliced = skeleton.secure(["urn:x:1", "Ann"], key)
    assert spliced
    text, digest = spliced
    assert digest_of(skeleton, text) == digest
    assert skeleton.sign(["urn:x:1", "Ann"], Repeated(skeleton, text, key)) == text
    assert skeleton.read(["urn:x:2", "Ann"], text) is None
    head, dot, tail = text.rpartition(b".")
    assert digest_of(skeleton, head + dot + b"A" * 9 + tail[9:]) not in (None, digest)
    end = tail.partition(b'"')[2]
    empty, long = head + dot + b'"' + end, head + dot + b"A" * 500 + b'"' + end
    for lie in (text + b" ", text[:-1], b"", empty, long, head + dot + b'","more":"' + tail):
        assert skeleton.read(["urn:x:1", "Ann"], lie) is None
    for values in (["urn:x:1", "Null or null"], ["urn:x:1", "\ud800"]):
        assert skeleton.read(values, text) is None


@pytest.mark.parametrize(
    "row",
    [["urn:x:1", "n" * 9000], ["urn:x:1", "Null or null"], ["urn:x:1", "\ud800"], ["urn: :1", "Ann"]],
    ids=lambda row: ascii(row)[:30],
)
def test_what_goes_the_general_way_is_not_signed(row: list[Value]) -> None:
    """The first ones are good: there it is counted what they cost, and that nothing in them is null."""
    signer = Counting(PrivateKey.generate())
    skeleton = skeleton_for(DataIntegrity(), signer.key)
    assert skeleton
    assert skeleton.secure(["urn:x:1", "Ann"], signer)
    assert (skeleton.secure(row, signer), signer.signed) == (None, 1)


def test_null_may_be_half_of_a_value() -> None:
    key, slots = PrivateKey.generate(), Slots([FACTS.id, "name"])
    identifier, name = map(str, slots.markers)
    said = {**SAID, "credentialSubject": {"name": f"nul{name}"}}
    facts = FACTS._replace(id=identifier)
    skeleton = DataIntegrity().skeleton(facts, said, slots, key.public_key, OPTIONS)
    assert skeleton
    assert skeleton.secure(["urn:x:1", "a"], key)
    assert skeleton.secure(["urn:x:1", "l"], key) is None


class Own:
    """A suite of somebody else's."""

    def __init__(self) -> None:
        self._suite = SUITES["eddsa-rdfc-2022"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._suite, name)


def other_form(document: Any, *_: Any, **__: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


RDFC = SUITES["eddsa-rdfc-2022"]
assert isinstance(RDFC, DataIntegritySuite)


@pytest.mark.parametrize(
    "suite",
    [Own(), replace(RDFC, skeleton=None), replace(RDFC, canonicalize=other_form)],
    ids=["another class", "no skeletons", "another canonical form than its skeletons have"],
)
def test_a_suite_without_fitting_skeletons_signs_the_general_way(suite: Cryptosuite) -> None:
    form, key = DataIntegrity(suites={RDFC.name: suite}), PrivateKey.generate()
    assert skeleton_for(form, key) is None
    assert form.secure(FACTS, SAID, key, OPTIONS)


@pytest.mark.parametrize("said", [{"nonsense": "undefined"}, {"description": None}, TIE, LIST])
def test_what_cannot_be_traced_has_no_skeleton(said: dict[str, Any]) -> None:
    assert skeleton_for(DataIntegrity(), PrivateKey.generate(), {**SAID, **said}) is None
