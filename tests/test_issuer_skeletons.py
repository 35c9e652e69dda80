"""Rows of a file by skeletons: byte for byte as the general path makes them, or nothing is logged."""

from __future__ import annotations

import json
import pickle
import random
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.press import skeletons
from issuer.press.press import Comparison, Line, Press, Printed
from issuer.problem import SKELETON_DIFFERS, LineUnlike
from issuer.table.source import Source
from keys import PrivateKey, PublicKey, Signer
from ledger.audit import audit
from tests.fuzz.oracles import by_pyld
from tests.line import LineForm
from tests.problems import raises
from tests.test_issuer_bulk import everything
from tests.world import NOW, csv_file, graduate, issuer_before, issuer_in, twin
from vc.facts import IssuingFacts
from vc.forms import VCJWT, DataIntegrity
from vc.secured import Form, Options, ReadBack, Skeleton, Spliced
from vc.slots import Slots, Value
from wire import base58_decode
from wire.problem import Problem
from wire.work import Work


class WithoutSkeletons(DataIntegrity):
    """The same form, of which all goes the general way."""

    skeleton = None  # type: ignore[assignment]  # to isinstance() of a protocol, None is no method


class Shapeless(DataIntegrity):
    """A form that has skeletons, but none for these shapes."""

    def skeleton(self, *_: object) -> Skeleton | None:
        return None


@dataclass(frozen=True)
class Spoiling(DataIntegrity):
    """Its skeletons spoil a credential from one of them on."""

    start: int = 0
    spoil: Callable[[list[Value]], list[Value]] = list
    after: Callable[[Spliced], Spliced] = lambda spliced: spliced

    def skeleton(
        self, facts: IssuingFacts, said: Any, slots: Slots, key: Any, options: Options
    ) -> Skeleton | None:
        skeleton = super().skeleton(facts, said, slots, key, options)
        return skeleton and Spoiled(skeleton, self)


class Spoiled:
    def __init__(self, skeleton: Skeleton, how: Spoiling) -> None:
        self.skeleton, self.how, self.used = skeleton, how, 0

    def secure(self, values: Sequence[Value], signer: Signer) -> Spliced | None:
        self.used += 1
        if self.used <= self.how.start:
            return self.skeleton.secure(values, signer)
        spliced = self.skeleton.secure(self.how.spoil(list(values)), signer)
        return spliced and self.how.after(spliced)

    def sign(self, values: Sequence[Value], signer: Signer) -> bytes | None:
        spliced = self.secure(values, signer)
        return spliced and spliced.credential

    def read(self, values: Sequence[Value], credential: bytes) -> ReadBack | None:
        read = self.skeleton.read(self.how.spoil(list(values)), credential)
        if read is None:
            return None
        spliced = self.how.after(Spliced(credential, read.digest))
        return read._replace(digest=spliced.digest)


def swapped(values: list[Value]) -> list[Value]:
    """The title and the number of the diploma have changed places."""
    title = values.index("Bachelor of Science")
    number = next(index for index, value in enumerate(values) if str(value).startswith("UNI-"))
    values[title], values[number] = values[number], values[title]
    return values


def record(index: int, **change: Any) -> dict[str, Any]:
    return {**graduate(index), "ects": 180, "degree_name": "", **change}


def outcome(make: Callable[..., Printed], row: dict[str, Any], seq: int = 0) -> Printed | tuple[str, str]:
    try:
        return make(row, seq, NOW)
    except Problem as problem:
        return problem.code, problem.detail
    except UnicodeEncodeError:  # of what is hashed before anything is signed, which no file holds
        return "", ""


def issue(issuer: Issuer, source: Source, **options: Any) -> Any:
    return issuer.issue_file(Order(source, source.path.with_name("errors.csv"), **{"workers": 0, **options}))


# The same bytes


LETTERS = (
    'abc XYZ 019', 'äéßø', "e\u0301a\u0308", "王小明", "مرحبا", "\u202e\u200f\u2028",
    "🎓👩\u200d🎓", '"\\/', "\n\r\t\x00\x1f\x7f",
    "%s{}[],:<>^`|", "_:c14n0", "\ufffd\U0010fffd", "\ufeff\x85\xa0",
)  # fmt: skip
REFUSED = ("\ud800", "\ufffe", "\uffff")
OPTIONAL = ("email", "student_id", "programme_code", "eqf_level", "gpa", "honours")
EMPTY = [fields for length in range(3) for fields in combinations((*OPTIONAL, "degree_name"), length)]
NUMBERS = (0, 1, 180, -3, 2**53 - 1, 1.5, 1.50, 7.25, 123456.789)
GENERAL = (1e21, 1e-7, 60.0, 2**53)
DATES = ("2026-06-30", "2020-02-29", "2026-06-31", "yesterday")
REFUSED_LINKS = ("none", "https://a.example/ b", "https:/<", "", "HTTPS://a.example", "ob:x")
LINKS = ("https://a.example/é", "https://b.example/?a=1#b", "http://c.example", "did:x:y", "urn:x:a%20b")


def text(chance: random.Random) -> str:
    letters = "".join(chance.sample(LETTERS, chance.choice((1, 1, 2, 4))))
    length = chance.choice((1, 3, 10, 10, 30, 30, 300, 3000 if chance.random() < 0.02 else 5))
    made = "".join(chance.choices(letters, k=length))
    if chance.random() < 0.01:
        made += chance.choice(REFUSED)
    return unicodedata.normalize(chance.choice(("NFC", "NFD")), made)


def random_record(chance: random.Random, index: int) -> dict[str, Any]:
    """Most are such as a file may have, and some none would let through."""
    rare = chance.random() < 0.1
    usual = record(
        index,
        given_name=text(chance),
        family_name=text(chance),
        programme_title=text(chance),
        gpa=text(chance),
        diploma_number=f"{text(chance)}{index}",
        ects=chance.choice(GENERAL if rare else NUMBERS[: chance.choice((5, 5, 9))]),
        eqf_level=chance.choice(("6", "7", "8", text(chance))),
        homepage=chance.choice(REFUSED_LINKS if rare else LINKS[: chance.choice((2, 2, 5))]),
        award_date=chance.choice(DATES if rare else DATES[:2]),
    )
    usual["degree_name"] = text(chance)
    return {**usual, **dict.fromkeys(chance.choice(EMPTY), "")}


def press_with_links(home: Path, form: Form | None = None) -> Press:
    """Of a template with an address of the registrar's own in it."""
    issuer = issuer_before(home, **({"form": form} if form else {}))
    template = json.loads((issuer.home / "template.json").read_bytes())
    template["credentialSubject"]["achievement"]["criteria"]["id"] = "{homepage}"
    template["credentialSubject"]["achievement"]["fieldOfStudy"] = "{programme_title} {ects}"
    (issuer.home / "template.json").write_text(json.dumps(template))
    return at_once(Issuer(issuer.home, lambda: None, lambda: NOW, form=form).press())


def require_same(press: Press, rows: int) -> Counter[str]:
    """Each random record by its skeleton and the general way; how many went by which, and failed."""
    chance, counts = random.Random(rows), Counter[str]()
    for index in range(rows):
        row = random_record(chance, index)
        general = outcome(press.print, row, index)
        before = used(press)
        quick = outcome(press.print_row, row, index)
        assert quick == general, ascii(row)
        counts["refused"] += not isinstance(quick, Printed)
        counts["quick"] += used(press) - before
    return counts


def at_once(press: Press) -> Press:
    """The press, whose skeletons are compiled at the first record of a shape."""
    press._skeletons.worth = 0
    return press


def used(press: Press) -> int:
    return sum(shaped._used for shaped in press._skeletons._shapes.values() if shaped)


FORMS_TRIED = [
    pytest.param({}, id="eddsa-rdfc-2022"),
    pytest.param({"form": DataIntegrity(suite="eddsa-jcs-2022")}, id="eddsa-jcs-2022"),
    pytest.param({"form": VCJWT()}, id="vc+jwt"),
]


@pytest.mark.quick("eddsa-rdfc-2022")
@pytest.mark.parametrize("options", FORMS_TRIED)
def test_random_rows_are_the_same_either_way(tmp_path: Path, options: dict[str, Any]) -> None:
    counts = require_same(press_with_links(tmp_path / "home", **options), 60)
    assert counts["quick"] > 30
    assert counts["refused"] > 2


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("options", FORMS_TRIED[:2])  # a JWT splices what JCS does
def test_many_random_rows_are_the_same_either_way(tmp_path: Path, options: dict[str, Any], rows: int) -> None:
    counts = require_same(press_with_links(tmp_path / "home", **options), rows)
    assert counts["quick"] > 0.66 * rows
    assert counts["refused"] > 0.0066 * rows


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # pyld's, about contexts
def test_what_is_signed_is_what_pyld_makes_of_it(tmp_path: Path) -> None:
    """The signature verifies over pyld's canonical form of the credential that was spliced."""
    issuer = issuer_in(tmp_path / "home")
    press = at_once(issuer.press())
    for index in range(5):
        printed = press.print_row(record(index, gpa=f'{index}\n"é'), index, NOW)
        credential = json.loads(printed.line)["credential"]
        (proof,) = credential.pop("proof")
        signature = base58_decode(proof.pop("proofValue")[1:])
        options = {**proof, "@context": credential["@context"]}
        hashes = [sha256(by_pyld(each).encode()).digest() for each in (options, credential)]
        issuer.public_keys["assertion"].verify(signature, b"".join(hashes))
    assert used(press) == 5


# A job


ROWS, CHUNK = 146, 73  # a few above 3 + 64: a row whose random id has "null" in it goes the general way


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    rows = [graduate(row, honours="" if row > ROWS - 2 else "merit") for row in range(1, ROWS + 1)]
    return csv_file(tmp_path_factory.mktemp("source") / "g.csv", rows, span_rows=CHUNK)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
def test_a_job_leaves_the_same_with_skeletons_and_without(
    tmp_path: Path, source: Source, suite: str, workers: int
) -> None:
    """Shards, index, log and lists."""
    issuer = issuer_in(tmp_path / "first", form=DataIntegrity(suite=suite))
    other = twin(issuer, tmp_path / "second" / "home", form=WithoutSkeletons(suite=suite))
    assert issue(issuer, source, workers=workers).issued == ROWS
    assert issue(other, source, workers=workers).issued == ROWS
    assert everything(issuer) == everything(other)


def damaged(spliced: Spliced) -> Spliced:
    return spliced._replace(credential=spliced.credential.replace(b"merit", b"Merit"))


def other_digest(spliced: Spliced) -> Spliced:
    return spliced._replace(digest=bytes(32))


@pytest.mark.quick("another text")
@pytest.mark.parametrize(
    "spoiling",
    [Spoiling(spoil=swapped), Spoiling(after=damaged), Spoiling(after=other_digest)],
    ids=["values swapped", "another text", "another entry"],
)
def test_a_skeleton_that_differs_ends_the_job_with_nothing_logged(
    tmp_path: Path, source: Source, spoiling: Spoiling
) -> None:
    issuer = issuer_in(tmp_path / "home", form=spoiling)
    before = audit(issuer.log)
    with raises(SKELETON_DIFFERS):
        issue(issuer, source)
    assert audit(issuer.log) == before
    assert list(issuer.entries()) == []
    assert list((issuer.home / "shards").rglob("*.zst")) == []
    sound = Issuer(issuer.home, lambda: None, lambda: NOW)
    assert issue(sound, source).issued == ROWS, "once it is mended, the same job is done"


@pytest.mark.parametrize("spoiling", [Spoiling(spoil=swapped), Spoiling(after=other_digest)])
def test_a_skeleton_that_differs_at_both_ends_is_noticed_where_rows_are_read_back(
    tmp_path: Path, spoiling: Spoiling
) -> None:
    press = at_once(issuer_in(tmp_path / "home", form=spoiling).press())
    line, due = press.print_unguarded(record(1), 1, NOW), list[Comparison]()
    press.read_back(line, record(1), 1, NOW, due.append, verified=False)
    with raises(SKELETON_DIFFERS):  # the first few of each shape are compared, whatever is verified besides
        due.pop()()
    press._skeletons.find(record(1), 1, NOW)[0]._used = skeletons.FIRST  # type: ignore[union-attr]
    press.read_back(line, record(1), 1, NOW, due.append, verified=False)
    assert not due
    with raises(SKELETON_DIFFERS):
        press.read_back(line, record(1), 1, NOW, verified=True)


@pytest.mark.parametrize("form", [DataIntegrity(), VCJWT()])
def test_of_a_line_that_is_verified_the_signature_has_to_be_the_issuer_s(tmp_path: Path, form: Form) -> None:
    press = at_once(issuer_in(tmp_path / "home", form=form).press())
    stranger = at_once(replace(press, signer=Claiming(press.signer.public_key)))
    line = press.print_unguarded(record(1), 1, NOW)
    assert press.read_back(line, record(1), 1, NOW, verified=True) == press.print(record(1), 1, NOW)
    other = stranger.print_unguarded(record(1), 1, NOW)
    with raises(LineUnlike):
        press.read_back(other, record(1), 1, NOW, verified=True)


class Claiming:
    """Signs by another key than it says."""

    def __init__(self, key: PublicKey) -> None:
        self.public_key, self._own = key, PrivateKey.generate(key.type)

    def sign(self, data: bytes) -> bytes:
        return self._own.sign(data)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_one_in_sixty_four_is_compared(tmp_path: Path, source: Source, workers: int) -> None:
    """A swap after the first rows, in each process: nothing of its chunk is logged, what was before stays."""
    issuer = issuer_in(
        tmp_path / "home", form=Spoiling(start=CHUNK + 5 if workers == 0 else 5, spoil=swapped)
    )
    with raises(SKELETON_DIFFERS):
        issue(issuer, source, workers=workers)
    issued = CHUNK if workers == 0 else 0
    assert len(list(issuer.entries())) == issued
    assert len(list((issuer.home / "shards").rglob("*.zst"))) == issued // CHUNK


def test_the_guard_looks_at_the_first_rows_and_then_at_one_in_so_many(tmp_path: Path) -> None:
    press, due = at_once(issuer_in(tmp_path / "home").press()), []
    for index in range(2 * skeletons.EVERY + 1):
        press.print_row(record(index), index, NOW)
        (shaped,) = press._skeletons._shapes.values()
        assert shaped
        if shaped.is_due:
            due.append(shaped._used)
    assert due == [1, 2, 64, 128]


def test_the_first_position_of_a_list_is_of_the_shape_of_the_others(tmp_path: Path) -> None:
    """Once in 131,072 rows: a zero there is no empty field."""
    press = at_once(issuer_in(tmp_path / "home").press())
    for index, seq in enumerate((7, press.composer.positions.seq(0, 0), 8)):
        assert press.print_row(record(index), seq, NOW) == press.print(record(index), seq, NOW)
        (shaped,) = press._skeletons._shapes.values()
        assert shaped
        assert shaped._used == index + 1


class Unrepeatable:
    """As a token with ECDSA: each signature over the same is another. Counts them."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        numbers = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        self.public_key, self.signed = PublicKey("P-256", numbers), 0

    def sign(self, data: bytes) -> bytes:
        self.signed += 1
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)


def test_a_token_signs_each_row_once(tmp_path: Path) -> None:
    """The guard compares what is signed, and asks for no second signature."""
    for home in "abc":  # what is random in an issuer may send its rows the general way, once in thousands
        token = Unrepeatable()
        press = at_once(replace(issuer_in(tmp_path / home).press(), signer=token))
        lines = [press.print_row(record(index), index, NOW).line for index in range(5)]
        assert token.signed == 5
        if used(press):
            break
    assert used(press) == 5
    for line in lines:
        secured = Line.parse(line).secured
        (signed,) = secured.signatures(Work()).known
        secured.verify(signed, token.public_key, Work())


def test_a_form_without_skeletons_prints_the_general_way(tmp_path: Path) -> None:
    for form in LineForm(), WithoutSkeletons():
        press = at_once(replace(issuer_in(tmp_path / "home").press(), form=form))
        assert press.print_row(record(1), 1, NOW) == press.print(record(1), 1, NOW)
        assert not press._skeletons._shapes


SHAPES = [dict(zip(OPTIONAL, empty, strict=True)) for empty in product(("", "x"), repeat=len(OPTIONAL))]


@pytest.mark.slow
def test_the_257th_shape_goes_the_general_way(tmp_path: Path) -> None:
    """Each is a hundred kilobytes, and a file may have one a row."""
    press = at_once(issuer_in(tmp_path / "home").press())
    numbers: tuple[Any, ...] = (1, 1.5, "", 0)
    shapes = [
        record(index, **shape, ects=ects, degree_name=degree)
        for index, (shape, ects, degree) in enumerate(product(SHAPES, numbers, ("", "x")))
    ]
    assert len(shapes) > skeletons.MOST + 1
    for index, row in enumerate(shapes):
        printed = press.print_row(row, index, NOW)
        assert len(press._skeletons._shapes) == min(index + 1, skeletons.MOST)
        assert used(press) >= min(index + 1, skeletons.MOST) - 2  # one went the general way, once
        if index > skeletons.MOST - 3:
            assert printed == press.print(row, index, NOW)
    assert len(press._skeletons._shapes) == skeletons.MOST
    before = used(press)
    press.print_row(shapes[0], 0, NOW)
    assert used(press) == before + 1, "those that are there stay"


def test_shapes_are_bounded(tmp_path: Path) -> None:
    press = at_once(replace(issuer_in(tmp_path / "home").press(), form=Shapeless()))
    for index, shape in enumerate(product(SHAPES, (1, 1.5, "", 0), ("", "x"))):
        members, ects, degree = shape
        press._skeletons.find(record(index, **members, ects=ects, degree_name=degree), index, NOW)
    assert len(press._skeletons._shapes) == skeletons.MOST


def test_another_time_is_another_skeleton(tmp_path: Path) -> None:
    press = at_once(issuer_in(tmp_path / "home").press())
    for created in NOW, NOW.replace(hour=3):
        assert press.print_row(record(1), 1, created) == press.print(record(1), 1, created)
    assert used(press) == 2


def test_a_value_of_an_unknown_type_goes_the_general_way(tmp_path: Path) -> None:
    press = at_once(issuer_in(tmp_path / "home").press())
    assert press.print_row(record(1, gpa=["1"]), 1, NOW) == press.print(record(1, gpa=["1"]), 1, NOW)
    assert used(press) == 0


def test_a_truth_value_makes_another_shape(tmp_path: Path) -> None:
    press = at_once(issuer_in(tmp_path / "home").press())
    for seq, value in enumerate((True, False, True, False)):
        row = record(1, gpa=value)
        assert press.print_row(row, seq, NOW) == press.print(row, seq, NOW)
    assert used(press) == 4


def test_the_end_in_a_template_is_read_for_each_row(tmp_path: Path) -> None:
    issuer = issuer_before(tmp_path / "home")
    template = json.loads((issuer.home / "template.json").read_bytes())
    (issuer.home / "template.json").write_text(
        json.dumps({**template, "validUntil": "{award_date}T23:59:59Z"})
    )
    press = at_once(Issuer(issuer.home, lambda: None, lambda: NOW).press())
    for date in "2026-06-30", "2026-06-31", "2026-07-01":
        row = record(1, award_date=date)
        assert outcome(press.print_row, row) == outcome(press.print, row)
    assert used(press) == 2


def test_a_press_that_has_printed_can_be_sent_to_another_process(tmp_path: Path) -> None:
    press = at_once(issuer_in(tmp_path / "home").press())
    printed = press.print_row(record(1), 1, NOW)
    sent = pickle.loads(pickle.dumps(press))
    assert used(sent) == 0
    assert sent.print_row(record(1), 1, NOW) == printed


def test_a_shape_gets_a_skeleton_once_it_is_worth_one(tmp_path: Path) -> None:
    press = issuer_in(tmp_path / "home").press()
    for seq in range(skeletons.WORTH + 2):
        assert press.print_row(record(seq), seq, NOW) == press.print(record(seq), seq, NOW)
    assert used(press) == 2
