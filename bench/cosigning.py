"""The cost of witnesses: a bundle with the lines of five against one without, and five that are asked.

A bundle with lines is verified once with nothing remembered, against one without plus the bare checks of its
lines, and once where the checkpoint is known. CPU time, the least of many rounds that take turns in one run.
Of the five that are asked one is dead. Each of the others takes a time of its own; what is measured is the
time until the lines of four are kept, against the slowest that answers.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench.bundles import ISSUED, NOW, bundle
from did import METHODS, Resolver
from issuer.issuer import Issuer
from keys import PrivateKey
from ledger import Checkpoint, evidence
from ledger.add_checkpoint import AddCheckpoint
from ledger.cosigned import Cosigned
from ledger.cosigning import Witnesses
from ledger.evidence import parse_proof
from ledger.note import SignatureType, VerifierKey
from vc import Bundle
from vc.forms import FORMS
from verifier import Trust, Verifier
from wire.fetch import NoFetcher
from wire.https import Response
from wire.message import Body
from wire.problem import Unavailable

COUNT, NEEDED, ROUNDS = 5, 4, 200
GOAL, KEPT = 1.1, 1.2
SECONDS = (0.1, 0.2, 0.3, 0.4)
"""The time that each of those that answer takes."""

Keys = dict[VerifierKey, PrivateKey]


class Line(NoFetcher):
    """Leads to witnesses that sign whatever they are sent, each after its time; the last one is dead."""

    def __init__(self, keys: Keys) -> None:
        self._keys = list(keys.items())

    def exchange(self, method: str, url: str, body: Body | None = None, **_: Any) -> Response:
        number = int(url.split("/")[2].removeprefix("w").partition(".")[0])
        if number >= len(SECONDS) or body is None or method != "POST":
            time.sleep(60)
            raise Unavailable("nobody is there")
        time.sleep(SECONDS[number])
        key, secret = self._keys[number]
        text = AddCheckpoint.parse(body.content).checkpoint.text
        return Response(200, {}, key.sign(secret, text, ISSUED))


class Timed(Cosigned):
    """Notes when a quorum was kept first."""

    kept = 0.0

    def keep(self, checkpoint: Checkpoint, lines: Mapping[VerifierKey, bytes], now: datetime) -> bool:
        is_met = super().keep(checkpoint, lines, now)
        if is_met and not self.kept:
            self.kept = time.monotonic()
        return is_met


def witnesses() -> Keys:
    secrets = [PrivateKey.generate() for _ in range(COUNT)]
    return {
        VerifierKey(f"w{number}.example", SignatureType.COSIGNATURE, secret.public_key): secret
        for number, secret in enumerate(secrets)
    }


def asked(folder: Path, keys: Keys) -> float:
    """The ratio of the time until a quorum is kept to that of the slowest witness that answers."""
    cosigned = Timed(folder)
    for number, key in enumerate(keys):
        cosigned.add(key, f"https://w{number}.example")
    cosigned.require(str(NEEDED))
    issuer = Issuer(folder, lambda: None, lambda: ISSUED)
    begun = time.monotonic()
    asking = Witnesses(cosigned, Line(keys), lambda: ISSUED).ask(issuer.log, seconds=30.0)
    assert asking is not None
    assert asking.is_met
    return (cosigned.kept - begun) / max(SECONDS)


def least(rounds: int, *works: Callable[[], object]) -> list[float]:
    """CPU seconds of each, the least of many rounds."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for place, work in enumerate(works):
            before = time.process_time()
            work()
            best[place] = min(best[place], time.process_time() - before)
    return best


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder, keys = Path(name) / "issuer", witnesses()
        bare, trust = bundle(folder)
        kept = asked(folder, keys)
        issuer = Issuer(folder, lambda: None, lambda: ISSUED)
        (entry,) = issuer.entries()
        seen = issuer.bundle(entry).to_bytes()
    asks = Trust().adding(
        trust.issuers[0], replace(trust.logs[0], witnesses=tuple(map(str, keys)), quorum=NEEDED)
    )
    note = parse_proof(Bundle.parse(seen, FORMS).evidence[0].body)[2]
    lines = [key for key in keys if key in Checkpoint.parse(note).signers(keys)]

    def forget() -> None:
        evidence.attest.cache_clear()
        evidence._verified_before.cache_clear()

    def verified(data: bytes, trust: Trust, *, known: bool) -> Callable[[], object]:
        """One verdict; where nothing is `known`, by a verifier that has seen no checkpoint."""
        judge = Verifier(Resolver(METHODS, NoFetcher()), trust=trust)

        def verify() -> None:
            if not known:
                forget()
            used = judge if known else Verifier(Resolver(METHODS, NoFetcher()), trust=trust)
            report = used.verify(data, now=NOW)
            assert report, report.to_dict()

        verify()
        return verify

    without, with_lines, checks, again, known = least(
        ROUNDS,
        verified(bare, trust, known=False),
        verified(seen, asks, known=False),
        lambda: Checkpoint.parse(note).signers(lines),
        verified(bare, trust, known=True),
        verified(seen, asks, known=True),
    )
    results = {
        "kept": kept,
        "first": with_lines / (without + checks),
        "known": known / again,
        "bytes": [len(bare), len(seen)],
        "lines": len(lines),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    print(
        f"a bundle with {len(lines)} lines: {with_lines * 1e6:.0f} µs, {results['first']:.2f} × one without "
        f"({without * 1e6:.0f}) and its lines ({checks * 1e6:.0f}); known {known * 1e6:.0f}, "
        f"{results['known']:.2f} × {again * 1e6:.0f}; goal {GOAL}. {len(bare)} and {len(seen)} bytes"
    )
    print(f"{NEEDED} of {COUNT}, one dead: kept after {kept:.2f} × the slowest that answers, goal {KEPT}")
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "cosigning.json").write_bytes(orjson.dumps(results))


if __name__ == "__main__":
    main()
