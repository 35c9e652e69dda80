"""Verifying a bundle whose checkpoints five witnesses have cosigned, against the same bundle without them.

Once with nothing remembered, where each line that counts has to be checked, and once by a verifier that knows
the checkpoint, where nothing has to be. CPU time; the best of many rounds that take turns in one run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson

from bench.bundles import NOW, bundle, interleaved
from did import METHODS, Resolver
from keys import PrivateKey
from ledger import Checkpoint, Evidence, VerifierKey
from ledger.evidence import _verified_before, attest, parse_proof
from ledger.note import SignatureType
from vc import Anchored, Bundle
from vc.forms import FORMS
from verifier import Trust, Verifier
from wire.fetch import NoFetcher

WITNESSES, QUORUM = 5, 4
AT = NOW - timedelta(minutes=5)
GOAL = 1.1


class Cosigned:
    """A bundle with the lines of all witnesses on each of its checkpoints, and a trust list that asks."""

    def __init__(self, handed_out: bytes, trust: Trust) -> None:
        self.secrets = [PrivateKey.generate() for _ in range(WITNESSES)]
        self.keys = [
            VerifierKey(f"witness{number}.example", SignatureType.COSIGNATURE, secret.public_key)
            for number, secret in enumerate(self.secrets)
        ]
        self.notes: set[bytes] = set()
        plain = Bundle.parse(handed_out, FORMS)

        def lined(parts: object) -> tuple[Anchored, ...]:
            assert isinstance(parts, (list, tuple))
            return tuple(
                Anchored(part.document, tuple(map(self._with_lines, part.evidence))) for part in parts
            )

        whole = replace(
            plain,
            evidence=tuple(map(self._with_lines, plain.evidence)),
            issuer_documents=lined(plain.issuer_documents),
            status_lists=lined(plain.status_lists),
        )
        self.data = whole.to_bytes()
        vkeys = tuple(map(str, self.keys))
        logs = tuple(replace(log, witnesses=vkeys, quorum=QUORUM) for log in trust.logs)
        self.trust = Trust(trust.issuers, logs)

    def _with_lines(self, item: Evidence) -> Evidence:
        note = parse_proof(item.body)[2]
        text = Checkpoint.parse(note).text
        lines = (key.sign(secret, text, AT) for key, secret in zip(self.keys, self.secrets, strict=True))
        body = item.body + b"".join(lines)
        self.notes.add(parse_proof(body)[2])
        return replace(item, body=body)

    def lines(self) -> Callable[[], None]:
        """The bare checks of the lines that count, on each checkpoint once."""
        known = {(key.name, key.id): key for key in self.keys[:QUORUM]}
        checks = [
            (known[name, key_id], signature, checkpoint.text)
            for checkpoint in map(Checkpoint.parse, self.notes)
            for name, key_id, signature in checkpoint.signatures
            if (name, key_id) in known
        ]
        assert len(checks) == QUORUM * len(self.notes)

        def check() -> None:
            for key, signature, text in checks:
                key.verify(signature, text)

        return check


def main() -> None:
    resolver = Resolver(METHODS, NoFetcher())
    with tempfile.TemporaryDirectory() as folder:
        handed_out, trust = bundle(Path(folder) / "university")
    cosigned = Cosigned(handed_out, trust)

    def first(data: bytes, trust: Trust) -> Callable[[], object]:
        def verify() -> object:
            attest.cache_clear()
            _verified_before.cache_clear()
            return Verifier(resolver, trust=trust).verify(data, now=NOW)

        return verify

    def again(data: bytes, trust: Trust) -> Callable[[], object]:
        verifier = Verifier(resolver, trust=trust)
        return lambda: verifier.verify(data, now=NOW)

    rows = {
        "without, first time": first(handed_out, trust),
        "cosigned, first time": first(cosigned.data, cosigned.trust),
        "the lines that count": cosigned.lines(),
    }
    for verify in (rows["without, first time"], rows["cosigned, first time"]):
        assert verify()
    times = interleaved(rows, 400)
    # Apart from those, which clear what others remember.
    times |= interleaved(
        {
            "without, known": again(handed_out, trust),
            "cosigned, known": again(cosigned.data, cosigned.trust),
        },
        400,
    )
    parts = times["without, first time"] + times["the lines that count"]
    ratios = {
        "cosigned, first time": times["cosigned, first time"] / parts,
        "cosigned, known": times["cosigned, known"] / times["without, known"],
    }
    count, sizes = len(cosigned.notes), f"{len(handed_out)} and {len(cosigned.data)} bytes"
    print(f"{QUORUM} of {WITNESSES} witnesses, checkpoints: {count}, {sizes}")
    for name, taken in times.items():
        print(f"{name:<24}{taken:>8.0f} µs")
    for name, ratio in ratios.items():
        print(f"{name:<24}{ratio:>8.2f} × its parts, goal {GOAL}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    measured = {"us": times, "ratios": ratios, "goal": GOAL}
    (results / "witnessed.json").write_bytes(orjson.dumps(measured, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
