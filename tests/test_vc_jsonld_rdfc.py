"""RDFC-1.0: the W3C corpus, other implementations on random graphs, and graphs made to stall a verifier."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pyoxigraph
import pytest

from tests.calls import calls
from tests.fuzz.oracles import canonical_by_pyoxigraph
from tests.nquads import parse
from tests.problems import raises
from vc.vcdm.jsonld import TOO_COMPLEX
from vc.vcdm.jsonld.rdfc import Dataset, canonicalize, labels
from wire.work import Work


@pytest.mark.slow
def test_w3c_corpus(corpora: Path) -> None:
    folder = corpora / "vectors/rdf-canon"
    passed = 0
    for entry in json.loads((folder / "manifest.jsonld").read_bytes())["entries"]:
        dataset, names = parse((folder / entry["action"]).read_text())
        digest = entry.get("hashAlgorithm", "SHA256").lower()
        if "Negative" in entry["type"]:
            with raises(TOO_COMPLEX):
                canonicalize(dataset, digest=digest)
        elif "Map" in entry["type"]:
            numbers = labels(dataset, digest=digest)
            issued = {name: f"c14n{numbers[blank]}" for name, blank in names.items()}
            assert issued == json.loads((folder / entry["result"]).read_bytes()), entry["id"]
        else:
            expected = (folder / entry["result"]).read_text()
            assert canonicalize(dataset, digest=digest) == expected, entry["id"]
        passed += 1
    assert passed == 86


def random_quads(rng: Random, *, named: bool) -> set[tuple[str, str, str, str]]:
    blanks = [f"_:b{number}" for number in range(rng.randint(1, 6))]
    names = ["", *(["<urn:g>", "_:g0", "_:g1"] if named else [])]
    return {
        (
            rng.choice([*blanks, *blanks, "<urn:s>"]),
            f"<urn:p{rng.randrange(2)}>",
            rng.choice([*blanks, *blanks, "<urn:o>", '"x"', '"\\n"@en', *(names[2:])]),
            rng.choice(names),
        )
        for _ in range(rng.randint(1, 9))
    }


def text_of(quads: list[tuple[str, str, str, str]]) -> str:
    return "".join(" ".join(part for part in quad if part) + " .\n" for quad in quads)


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("digest", ["sha256", "sha384"])
def test_equals_pyoxigraph_on_random_graphs(digest: str) -> None:
    for seed in range(400):
        text = text_of(sorted(random_quads(Random(seed), named=False)))
        quads = pyoxigraph.parse(text.encode(), format=pyoxigraph.RdfFormat.N_QUADS)
        expected = canonical_by_pyoxigraph(pyoxigraph.Dataset(quads), digest)
        assert canonicalize(parse(text)[0], digest=digest) == expected, text


def test_equals_pyoxigraph_where_many_nodes_look_alike() -> None:
    for seed in range(150):
        rng = Random(seed)
        blanks = [f"_:b{number}" for number in range(rng.randint(4, 7))]
        edges = {(rng.choice(blanks), "<urn:p>", rng.choice(blanks), "") for _ in range(rng.randint(5, 10))}
        circle = {
            (one, "<urn:p>", other, "") for one, other in zip(blanks, blanks[1:] + blanks[:1], strict=True)
        }
        text = text_of(sorted([edges, circle, edges | circle][seed % 3]))
        quads = pyoxigraph.parse(text.encode(), format=pyoxigraph.RdfFormat.N_QUADS)
        assert canonicalize(parse(text)[0]) == canonical_by_pyoxigraph(pyoxigraph.Dataset(quads)), text


def test_neither_order_nor_names_nor_repetition_matter() -> None:
    for seed in range(300):
        rng = Random(seed)
        quads = sorted(random_quads(rng, named=True))
        expected = canonicalize(parse(text_of(quads))[0])
        names = {f"_:{letter}{number}" for letter in "bg" for number in range(6)}
        renamed = dict(zip(sorted(names), rng.sample(sorted(names), len(names)), strict=True))
        again = [tuple(renamed.get(part, part) for part in quad) for quad in quads + quads[:2]]
        rng.shuffle(again)
        assert canonicalize(parse(text_of(again))[0]) == expected, text_of(quads)  # type: ignore[arg-type]


def test_different_statements_that_look_alike_are_kept_apart() -> None:
    """Repetitions must go before blank nodes are masked: _:a p _:b and _:a p _:c both read _:a p _:z."""
    one = "_:a <urn:p> _:b .\n_:a <urn:p> _:c .\n"
    assert canonicalize(parse(one)[0]).count("\n") == 2
    assert canonicalize(parse(one)[0]) != canonicalize(parse("_:a <urn:p> _:b .\n")[0])


def clique(size: int) -> Dataset:
    dataset = Dataset()
    blanks = [dataset.blank() for _ in range(size)]
    for one in blanks:
        for other in blanks:
            if one != other:
                dataset.add(one, "<urn:p>", other)
    return dataset


@pytest.mark.slow
@pytest.mark.parametrize("size", range(5, 11))
def test_cliques_stall_nobody(size: int) -> None:
    dataset = clique(size)
    if size < 7:
        assert canonicalize(dataset).count("\n") == size * (size - 1)
    else:
        with raises(TOO_COMPLEX):
            canonicalize(dataset)


def test_the_limit_is_the_caller_s() -> None:
    with raises(TOO_COMPLEX):
        canonicalize(clique(4), work=Work(100))
    assert canonicalize(clique(4), work=Work(10_000))


def test_a_long_chain_of_equal_neighbours() -> None:
    dataset = Dataset()
    blanks = [dataset.blank() for _ in range(2000)]
    for one, other in zip(blanks, blanks[1:] + blanks[:1], strict=True):
        dataset.add(one, "<urn:next>", other)

    def tried() -> None:
        with raises(TOO_COMPLEX):
            canonicalize(dataset, work=Work(10**9))

    assert calls(tried) < 500_000


def test_many_equal_leaves_are_no_work() -> None:
    dataset = Dataset()
    hub = [dataset.blank(), dataset.blank()]
    for one in hub:
        for _ in range(40):
            leaf = dataset.blank()
            dataset.add(one, "<urn:p>", leaf)
            dataset.add(leaf, "<urn:q>", '"x"')
    assert canonicalize(dataset).count("\n") == 160


def test_a_blank_node_without_statements_does_not_count() -> None:
    dataset = Dataset()
    dataset.blank()
    dataset.add(dataset.blank(), "<urn:p>", '"x"')
    assert canonicalize(dataset) == '_:c14n0 <urn:p> "x" .\n'


def test_nothing() -> None:
    assert canonicalize(Dataset()) == ""
