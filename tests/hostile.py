"""Inputs made as expensive as possible, by families, which a verifier must refuse or process cheaply.

Each maker gives about `size` bytes. The attacker can sign, has a diploma of a recognised university, and may
add anything that a bundle allows.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

from tests.world import CONTEXT, NOW, Holder, University
from vc import SUITES, Anchored, Bundle, StatusList
from vc.forms.integrity import DataIntegritySuite
from vc.status import status_entry
from vc.vcdm.jsonld import Contexts
from vc.vcdm.status_lists import status_list_document
from wire import Problem, base64url_encode
from wire.work import Work

Maker = Callable[[int], bytes]

UNIVERSITY, STRANGER = University(), Holder()
EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"  # gives every word a meaning
_METHOD = STRANGER.method
_PROOF = {
    "type": "DataIntegrityProof",
    "cryptosuite": "eddsa-rdfc-2022",
    "verificationMethod": _METHOD,
    "proofPurpose": "assertionMethod",
    "proofValue": "z" + "1" * 64,
}


def text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def filled(size: int, items: Iterator[Any]) -> list[Any]:
    """As many of the items as `size` bytes hold."""
    fitting: list[Any] = []
    for item in items:
        size -= len(text(item)) + 1
        if size < 0:
            return fitting
        fitting.append(item)
    return fitting


def credential(claims: Any, *contexts: Any, **change: Any) -> dict[str, Any]:
    return {
        "@context": [CONTEXT[0], *(contexts or (EXAMPLES,))],
        "type": ["VerifiableCredential"],
        "issuer": STRANGER.did,
        "credentialSubject": claims,
        **change,
    }


_canonical: dict[tuple[bytes, str], bytes] = {}


def _once(suite: DataIntegritySuite) -> DataIntegritySuite:
    """A suite that does not canonicalise the same document again for each proof."""

    def canonicalize(
        document: Mapping[str, Any],
        digest: str,
        work: Work,
        contexts: Contexts | None,
        *,
        recurs: bool = False,
        whole: bool = False,
    ) -> bytes:
        key = text(document), suite.name
        if key not in _canonical:
            if len(_canonical) > 16:
                _canonical.clear()
            _canonical[key] = suite.canonicalize(document, digest, work, contexts, recurs=recurs, whole=whole)
        return _canonical[key]

    return replace(suite, canonicalize=canonicalize)


_SUITES = {name: _once(suite) for name, suite in SUITES.items() if isinstance(suite, DataIntegritySuite)}


def signed(document: Mapping[str, Any], suite: str = "eddsa-jcs-2022", **options: Any) -> dict[str, Any]:
    created = NOW - timedelta(hours=3)
    return STRANGER.sign(document, created=created, suite=suite, suites=_SUITES, **options)


def with_proofs(
    document: Mapping[str, Any], number: int = 1, suite: str = "eddsa-rdfc-2022", **change: Any
) -> dict[str, Any]:
    """The document signed `number` times; if signing costs too much, with proofs of the right form."""
    if not change:
        try:
            secured = dict(document)
            for at in range(number):
                secured = signed(secured, suite, nonce=str(at))
        except Problem:
            pass
        else:
            return secured
    value = _PROOF["proofValue"][:-1]
    return {
        **document,
        "proof": [
            {**_PROOF, "cryptosuite": suite, **change, "nonce": str(at), "proofValue": value + "23456789"[at]}
            for at in range(number)
        ],
    }


def presented(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@context": CONTEXT[:1],
        "type": ["VerifiablePresentation"],
        "verifiableCredential": documents,
        "proof": [{**_PROOF, "proofPurpose": "authentication"}],
    }


def claimed(items: Iterator[Any], *contexts: Any, proofs: int = 1, suite: str = "eddsa-rdfc-2022") -> Maker:
    """One credential whose subject has the items as values of `p`."""

    def make(size: int) -> bytes:
        claims = {"p": filled(size - 1_500 * proofs, items)}
        return text(with_proofs(credential(claims, *contexts), proofs, suite))

    return make


def in_every_credential(make: Callable[[int], Any], proofs: int = 8) -> Maker:
    """Sixteen credentials with eight proofs each, of the claims that `make` gives for some bytes."""

    def whole(size: int) -> bytes:
        claims = make(size // 16 - 4_000)
        return text(presented([with_proofs(credential(claims), proofs)] * 16))

    return whole


def nested(levels: int, inside: Any, wrap: Callable[[Any], Any]) -> Any:
    for _ in range(levels):
        inside = wrap(inside)
    return inside


def numbers() -> Iterator[int]:
    return count(1_000_000)


# Graphs whose blank nodes look alike


def alike(levels: int, predicate: str = "q") -> dict[str, Any]:
    return {predicate: [alike(levels - 1, predicate)] * 2} if levels else {"r": 1}


def shared_predicate(length: int, levels: int) -> Maker:
    """One long name, written once in each of sixteen credentials, between all objects that look alike."""

    def make(size: int) -> bytes:
        trees = [alike(levels, "k")] * max(2, min(20, size // 20_000))
        inner = credential({"p": trees}, EXAMPLES, {"k": "urn:x:" + "a" * (length - 6)})
        return text(presented([with_proofs(inner, 1 if length > 5_000 else 8)] * 16))

    return make


def stars(size: int) -> Any:
    """Two hubs with leaves that look alike, under a predicate as long as one may be."""
    leaves = max(2, size // 40)
    return {"p": [{"x" * 3_000: [{"r": [{"r": 1}]} for _ in range(leaves // 2)]} for _ in range(2)]}


def trees(size: int) -> Any:
    levels = max(1, (size // 12).bit_length() - 1)
    return {"p": [alike(levels)]}


def chains(size: int) -> Any:
    """Long paths that differ nowhere."""
    return {"p": [nested(25, {"r": 1}, lambda value: {"q": value}) for _ in range(max(2, size // 200))]}


def long_predicates(size: int) -> Any:
    predicate = "q" * 3_500
    return {"p": [{predicate: [{"r": 1}, {"r": 1}]} for _ in range(max(2, size // 3_600))]}


# Beside the credential


def compact(bundle: Bundle) -> bytes:
    return text(json.loads(bundle.to_bytes()))


def bundle(**parts: Any) -> bytes:
    return compact(replace(_diploma(), **parts))


def _diploma() -> Bundle:
    return UNIVERSITY.issue(index=1)


def empty_list(entries: int = 131_072) -> dict[str, Any]:
    return status_list_document(
        "urn:list:0",
        STRANGER.did,
        StatusList(entries),
        valid_from=NOW - timedelta(days=1),
        lifetime=timedelta(days=9),
    )


def listed(lists: list[Anchored], *purposes: str) -> bytes:
    """A credential of the same stranger that names the lists, which come along."""
    status = [status_entry("urn:list:0", 5, purpose) for purpose in purposes or ("revocation",)]
    secured = signed(credential({"id": "urn:example:x"}, credentialStatus=status))
    return compact(Bundle(secured, (), (), tuple(lists)))


def lists(suite: str, purposes: int, entries: int, proofs: int = 1) -> Maker:
    """Lists of a stranger's own, at an address that his credential names."""

    def make(size: int) -> bytes:
        names = [f"purpose{number}" for number in range(purposes)]
        whole = empty_list(entries)
        whole["credentialSubject"]["statusPurpose"] = names
        each = max(10, (size - 5_000) // 64 - len(text(whole)) - 700 * proofs)
        anchored = []
        for number in range(64):
            document = {**whole, "name": str(number), "description": "x" * each}
            for at in range(proofs):
                document = signed(document, suite, nonce=str(at))
            anchored.append(Anchored(document))
        return listed(anchored, *names)

    return make


def evidence_of_lines(line: bytes) -> Maker:
    """Evidence whose checkpoint, or whose path, has as many lines as fit."""

    def make(size: int) -> bytes:
        (true,) = _diploma().evidence
        body = true.body + line * min((120_000) // len(line), size // 70 // len(line))
        return bundle(evidence=(replace(true, body=body),) * 64)

    return make


def signatures_again(size: int) -> bytes:
    """Checkpoints that differ, each with all genuine signature lines as often as fit."""
    (true,) = _diploma().evidence
    head, _, lines = true.body.rpartition(b"\n\n")
    times = max(1, min(120_000, size // 64 - 2_000) // len(lines))
    bodies = (
        head + b"\n\n" + lines * times + b"\xe2\x80\x94 x%d AAAAAAAAAAAA\n" % number for number in range(64)
    )
    return bundle(evidence=tuple(replace(true, body=body) for body in bodies))


def documents_with_evidence(size: int) -> bytes:
    (document,) = UNIVERSITY.documents[:1]
    (true,) = document.evidence
    each = max(1, min(64, size // 64 // (len(true.body) + 200)))
    notes = tuple(replace(true, body=true.body + b"\xe2\x80\x94 x %d\n" % number) for number in range(each))
    return bundle(issuer_documents=(replace(document, evidence=notes),) * 64)


def documents_with_methods(size: int) -> bytes:
    (document,) = UNIVERSITY.documents[:1]
    each = max(1, min(250, size // 64 // 250))
    methods = [
        {**document.document["verificationMethod"][0], "id": f"{UNIVERSITY.did}#{number}"}
        for number in range(each)
    ]
    value = {**document.document, "verificationMethod": methods, "assertionMethod": ["#1"] * 5}
    return bundle(issuer_documents=(replace(document, document=value),) * 64)


def documents_of_numbers(size: int) -> bytes:
    (document,) = UNIVERSITY.documents[:1]
    value = {**document.document, "é": [0.1] * (size // 64 // 8)}
    return bundle(issuer_documents=(replace(document, document=value),) * 64)


def documents_of_the_holders_issuers(size: int) -> bytes:
    """Every credential by eight signers, each with a document of its own."""
    documents = []
    for number in range(64):
        did = f"did:web:host{number}.example"
        documents.append(Anchored({"id": did, "x": "y" * max(1, size // 64 - 8_000)}))
    credentials = [
        with_proofs(credential({"q": number}), 8, verificationMethod=f"did:web:host{number}.example#k")
        for number in range(16)
    ]
    return compact(Bundle(presented(credentials), (), tuple(documents), ()))


def bomb(size: int) -> bytes:
    packed = gzip.compress(bytes(min(1 << 21, size * 900) - 1), 9)
    whole = empty_list()
    whole["credentialSubject"]["encodedList"] = "u" + base64url_encode(packed)
    anchored = [Anchored(signed({**whole, "name": str(number)})) for number in range(64)]
    return listed(anchored)


def far_bomb(size: int) -> bytes:
    packed = gzip.compress(bytes(200 << 20), 9)[: max(1_000, size - 4_000)]
    whole = empty_list()
    whole["credentialSubject"]["encodedList"] = "u" + base64url_encode(packed)
    return listed([Anchored(signed(whole))])


def padded_bomb(size: int) -> bytes:
    """A list that does not compress: base64url and inflation of as many bytes as come."""
    whole = empty_list()
    noise = bytes((number * number >> 3) & 255 for number in range(min(size // 2, 1 << 20)))
    whole["credentialSubject"]["encodedList"] = "u" + base64url_encode(gzip.compress(noise, 0))
    anchored = [Anchored(signed(whole))] * max(1, size // len(text(whole)))
    return listed(anchored[:64])


# Contexts, and names of the vendored ones


def scoped(size: int) -> bytes:
    """Each type brings a context that defines the next ones."""
    terms: dict[str, Any] = {}
    for number in range(max(4, size // 160)):
        terms[f"T{number}"] = {"@id": f"urn:t:{number}", "@context": {f"u{number}": f"urn:u:{number}"}}
    things = [{"type": [f"T{number}", f"T{number + 1}"]} for number in range(max(1, size // 160) - 1)]
    return text(with_proofs(credential({"p": things}, EXAMPLES, terms)))


def chained(size: int) -> bytes:
    contexts = [{f"t{number}": f"urn:t:{number}"} for number in range(max(2, size // 30))]
    return text(with_proofs(credential({"t1": "x"}, EXAMPLES, *contexts)))


def contexts_inside(size: int) -> bytes:
    things = filled(
        size - 15_000, ({"@context": {f"t{number}": "urn:t"}, f"t{number}": 1} for number in count())
    )
    return text(with_proofs(credential({"p": things})))


def prefixes(size: int) -> bytes:
    terms = {f"p{number}": f"p{number + 1}:x" for number in range(max(2, size // 24))}
    return text(with_proofs(credential({"p1": 1}, EXAMPLES, terms)))


def _vendored_types(step: int) -> Iterator[Any]:
    names = [
        "Achievement", "AchievementSubject", "Address", "Alignment", "Criteria", "Evidence", "GeoCoordinates",
        "IdentifierEntry", "IdentityObject", "Image", "Profile", "Related", "Result", "ResultDescription",
        "RubricCriterionLevel", "VerifiableCredential", "VerifiablePresentation", "OpenBadgeCredential",
    ]  # fmt: skip
    for number in count(0, step):
        chosen = [
            names[(number >> shift) % len(names)] + ("" if number % 3 else "x") for shift in (0, 4, 8, 12)
        ]
        yield {"type": list(dict.fromkeys(chosen)), "r": number}


def typed(step: int, suite: str = "eddsa-rdfc-2022") -> Maker:
    def make(size: int) -> bytes:
        claims = {"p": filled(size - 12_000, _vendored_types(step))}
        return text(with_proofs(credential(claims, CONTEXT[1], EXAMPLES), suite=suite))

    return make


def raw(before: bytes, piece: bytes, after: bytes) -> Maker:
    """Bytes that are JSON, or nearly, and nothing else."""
    return lambda size: before + piece * ((size - len(before) - len(after)) // len(piece)) + after


_LONG = "urn:x:" + "a" * 4_000
_PICTURE = "data:image/png;base64," + "A" * 500_000


def about_one(subject: Any, evidence: Iterator[Any]) -> bytes:
    """An unsigned credential: it is parsed before any signature is looked for."""
    head = {"@context": ["https://www.w3.org/ns/credentials/v2"], "type": ["VerifiableCredential"]}
    rest = {
        "issuer": "did:web:a.example",
        "credentialSubject": subject or {"id": "u:a"},
        "evidence": [*evidence],
    }
    return text({**head, **rest})


def _with_one_id(inner: Any) -> dict[str, Any]:
    return {"id": "u:a", "type": "u:T", "u:p": [inner]}


FAMILIES: dict[str, dict[str, Maker]] = {
    "deep nesting": {
        "lists of lists": raw(b'{"type":"IntaglioBundle","x":[', b"[" * 60 + b"]" * 60 + b",", b"0]}"),
        "objects in objects": claimed(nested(40, {"r": n}, lambda v: {"q": v}) for n in numbers()),
        "lists in claims": claimed(nested(20, n, lambda v: {"q": [v, 1]}) for n in numbers()),
        "too deep": raw(b"", b"[" * 65 + b"]" * 65, b""),
        "twenty thousand deep": raw(b"[" * 20_000, b"1,", b"1" + b"]" * 20_000),
    },
    "poison graphs": {
        "trees that look alike": in_every_credential(trees),
        "long paths": in_every_credential(chains),
        "stars of one predicate": in_every_credential(stars),
        "long predicates": in_every_credential(long_predicates),
        "a shared predicate": shared_predicate(4_096, 3),
        "small, in every proof": in_every_credential(lambda _size: {"p": [alike(3)]}),
        "seven and seven": in_every_credential(
            lambda size: {"p": [{"q": [{"r": [1, 2]}] * 7}] * max(2, min(300, size // 100))}
        ),
    },
    "long predicates and ids": {
        "an id of many values": lambda size: text(
            with_proofs(credential({"id": _LONG, "p": filled(size - 20_000, numbers())}))
        ),
        "a predicate of many values": lambda size: text(
            with_proofs(credential({_LONG: filled(size - 20_000, numbers())}))
        ),
        "a prefix of many ids": lambda size: text(
            with_proofs(
                credential(
                    {"p": filled(size - 20_000, ({"id": f"k:{n}"} for n in numbers()))},
                    EXAMPLES,
                    {"k": {"@id": _LONG, "@prefix": True}},
                )
            )
        ),
        "a datatype of many values": lambda size: text(
            with_proofs(
                credential(
                    {"k": filled(size - 20_000, map(str, numbers()))},
                    EXAMPLES,
                    {"k": {"@id": "urn:k", "@type": _LONG}},
                )
            )
        ),
        "too long an id": lambda size: text(
            with_proofs(credential({"id": "urn:x:" + "a" * (size // 2), "p": filled(size // 3, numbers())}))
        ),
    },
    "data:": {
        "one picture of many values": lambda size: text(
            with_proofs(credential({"id": _PICTURE, "p": filled(size - 520_000, numbers())}))
        ),
        "one picture in every credential": lambda size: text(
            presented(
                [with_proofs(credential({"image": {"id": "data:," + "A" * (size // 16 - 4_000)}}))] * 16
            )
        ),
        "pictures": lambda size: text(
            with_proofs(
                credential({"p": [{"id": f"{_PICTURE}{n}", "r": [1, 2]} for n in range(size // 501_000)]})
            )
        ),
    },
    "many proofs": {
        "eight over all": claimed(({"q": n} for n in numbers()), proofs=8),
        "eight of another suite": claimed(({"q": n} for n in numbers()), proofs=8, suite="eddsa-jcs-2022"),
        "eight that cover floats": claimed(
            ({"é": n / 7} for n in numbers()), proofs=8, suite="eddsa-jcs-2022"
        ),
        "a chain": lambda size: text(
            {
                **credential({"p": filled(size // 2, numbers())}),
                "proof": [
                    {
                        **_PROOF,
                        "id": f"urn:p:{n}",
                        "nonce": "x" * (size // 40),
                        "previousProof": [f"urn:p:{m}" for m in range(n)] or "urn:p:0",
                    }
                    for n in range(8)
                ],
            }
        ),
    },
    "many credentials": {
        "objects": in_every_credential(lambda size: {"p": filled(size, ({"q": n} for n in numbers()))}),
        "numbers": in_every_credential(lambda size: {"p": filled(size, numbers())}),
        "texts": in_every_credential(lambda size: {"p": ["é" * (size // 2)]}),
        "escapes": in_every_credential(lambda size: {"p": ["\n" * (size // 2)]}),
    },
    "lists": {
        "by JCS": lists("eddsa-jcs-2022", 1, 131_072),
        "by RDF": lists("eddsa-rdfc-2022", 1, 131_072),
        "with proofs": lists("eddsa-rdfc-2022", 1, 131_072, proofs=8),
        "for four purposes": lists("eddsa-jcs-2022", 4, 131_072),
    },
    "evidence lines": {
        "signatures": evidence_of_lines(b"\xe2\x80\x94 x AAAAAAAAAAAA\n"),
        "by the log, it seems": lambda size: evidence_of_lines(
            b"\xe2\x80\x94 %b %b\n"
            % (
                UNIVERSITY.log.verifier_key.name.encode(),
                b64encode(UNIVERSITY.log.verifier_key.id + bytes(64)),
            )
        )(size),
        "the log's own, again and again": signatures_again,
        "short lines": evidence_of_lines(b"\n"),
    },
    "DID documents": {
        "with evidence": documents_with_evidence,
        "with methods": documents_with_methods,
        "with numbers": documents_of_numbers,
        "of many issuers": documents_of_the_holders_issuers,
    },
    "gzip bombs": {
        "as large as a list may be": bomb,
        "larger": far_bomb,
        "not compressed": padded_bomb,
        "for four purposes": lists("eddsa-jcs-2022", 4, 1 << 24),
    },
    "big numbers": {
        "integers": claimed(10**15 + n for n in count()),
        "integers of 300 digits": claimed(10**300 + n for n in count()),
        "floats": claimed((n / 7 for n in numbers()), suite="eddsa-jcs-2022", proofs=8),
        "as a bundle": raw(b'{"type":"IntaglioBundle","version":1,"x":[', b"0.1234567890123456789,", b"0]}"),
    },
    "context chains": {
        "one after another": chained,
        "of types": scoped,
        "in every object": contexts_inside,
        "prefixes of prefixes": prefixes,
    },
    "one id": {
        "objects of it, each with a member": lambda size: about_one(
            {}, ({"id": "u:a", "type": "u:T", f"u:p{number}": "x"} for number in range(size // 38))
        ),
        "references to it, and objects": lambda size: about_one(
            ["u:a"] * (size // 16), ({"id": "u:a", "type": "u:T", "name": f"x{n}"} for n in range(size // 88))
        ),
        "objects of it in each other": lambda size: about_one(
            {}, iter([nested(40, {"id": "u:a", "u:p": [*range(size // 8)]}, _with_one_id)])
        ),
        "ids of objects": lambda size: about_one(
            {}, ({"id": f"urn:x:{number:05}", "type": "urn:x:T"} for number in range(size // 44))
        ),
    },
    "respelled types": {
        "combinations": typed(1),
        "more of them": typed(7),
        "by JCS": typed(7, "eddsa-jcs-2022"),
    },
    "JSON": {
        "empty objects": raw(b'{"type":"IntaglioBundle","x":[', b"{},", b"0]}"),
        "objects of one member": raw(b'{"type":"IntaglioBundle","x":[', b'{"":1},', b"0]}"),
        "the same, and a long number": raw(
            b'{"type":"IntaglioBundle","y":12345678901234567890,"x":[', b'{"":1},', b"0]}"
        ),
        "members": lambda size: text({f"{n:x}": 0 for n in range(size // 9)}),
        "members, one of them twice": lambda size: (
            text({f"{n:x}": 0 for n in range(size // 9)})[:-1] + b',"0":1}'
        ),
        "quotation marks": raw(b"", b'"', b""),
        "texts": raw(b"[", b'"",', b"0]"),
        "escapes": raw(b'["', rb"\"", b'"]'),
    },
}


# Worse ones


def varied(random: Random, size: int) -> bytes:
    """A random input of at most `size` bytes, with parts of others in it, signed anew."""
    while True:
        value = json.loads(_some(random, size)(_length(random, size)))
        if isinstance(value, dict):
            break
    for _ in range(random.randrange(4)):
        _change(random, value, size)
    data = text(_signed_anew(value, random.choice([1, 1, 2, 8])))
    return data if len(data) <= size else varied(random, size)


def _length(random: Random, size: int) -> int:
    return size >> random.randrange(7)


def _some(random: Random, size: int) -> Maker:
    """A random maker of inputs that are JSON as a whole."""
    family = random.choice([name for name in FAMILIES if name != "JSON"])
    return random.choice([make for name, make in FAMILIES[family].items() if " deep" not in name])


def _claims(value: Any) -> list[dict[str, Any]]:
    """The subjects in a document, which may say anything."""
    documents = [value.get("credential"), value.get("presentation"), value]
    subjects: list[dict[str, Any]] = []
    for document in documents:
        if isinstance(document, dict):
            inside = document.get("verifiableCredential", [])
            for each in (document, *(inside if isinstance(inside, list) else [inside])):
                if isinstance(each, dict) and isinstance(each.get("credentialSubject"), dict):
                    subjects.append(each["credentialSubject"])
    return subjects


def _change(random: Random, value: dict[str, Any], size: int) -> None:
    for claims in _claims(value)[: random.choice([1, 16])]:
        name = random.choice([*claims, "p", "q" * random.choice([1, 100, 4_000])])
        former = claims.get(name, 1)
        match random.randrange(6):
            case 0:
                others = _claims(json.loads(_some(random, size)(_length(random, size) // 16)))
                claims[name] = [former, random.choice(others)] if others else former
            case 1:
                claims[name] = [former] * random.choice([2, 7, 40])
            case 2:
                claims[name] = nested(random.randrange(1, 30), former, lambda inside: {"q": inside})
            case 3:
                claims[name] = nested(random.randrange(1, 7), former, lambda inside: {"q": [inside, inside]})
            case 4:
                terms = range(random.randrange(2_000))
                claims["@context"] = {f"t{number}": f"urn:t:{number}" for number in terms}
            case 5:
                claims["id"] = random.choice([_LONG, "data:," + "A" * 10_000, "urn:x"])
        if len(text(claims)) > size:
            claims.clear()
            claims["q"] = 1


def _signed_anew(value: dict[str, Any], proofs: int) -> dict[str, Any]:
    if "verifiableCredential" in value:
        items = value["verifiableCredential"]
        item = _signed_anew(items[0], proofs)
        return {**value, "verifiableCredential": [item] * len(items)}
    if value.get("issuer") == STRANGER.did:
        unsigned = {name: member for name, member in value.items() if name != "proof"}
        return with_proofs(unsigned, proofs)
    return value
