"""The bytes that five hubs move, keep and prove for 10^8 and 10^9 entries, computed from measured sizes.

A smaller log is mirrored, cosigned and watched by five hubs that are each other's peers, minute by minute, as
it grows. All bytes of requests and answers are counted, without HTTP's headers. What depends on the size
grows with the entries (what is stored) or with the height of the tree (what is proved).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from hub import make_hub, open_witness
from hub.home import open_signing_mirrors
from hub.mirrors import Mirrors
from hub.monitor import Monitor
from keys import PrivateKey
from ledger import Checkpoint, EntryKind, Log, entry
from ledger.add_checkpoint import AddCheckpoint
from ledger.note import SignatureType, signature_line
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import CHECKPOINT
from ledger.witness import Peer, Witness, origin_hash
from wire.fetch import NoFetcher
from wire.health import Health
from wire.problem import NotFound

SIZES = (10**8, 10**9)
HUBS, YEARS = 5, 3
MINUTES_A_DAY = 24 * 60
BEGINS = 1 << 17
MINUTES = 4  # that are measured
REMEMBERED = 300  # checkpoints, after which a witness's state grows no more
HASH_LINE = 45  # bytes of a hash in a proof
NAME = "bench.example/log"


class Network(NoFetcher):
    """Leads each address to its files, and counts the bytes of what is fetched."""

    def __init__(self) -> None:
        self.hosts: dict[str, Callable[[str], bytes | None]] = {}
        self.counted = 0

    def fetch(self, url: str, **_: object) -> bytes:
        base = next(base for base in self.hosts if url.startswith(f"{base}/"))
        content = self.hosts[base](url.removeprefix(f"{base}/"))
        if content is None:
            raise NotFound("nothing there")
        self.counted += len(content)
        return content


@dataclass
class Hub:
    """One of the hubs, at its address."""

    url: str
    folder: Path
    witness: Witness
    mirrors: Mirrors
    monitor: Monitor

    def shows(self, path: str) -> bytes | None:
        kind, hashed, rest = (*path.split("/", 2), "")[:3]
        if kind == "mirror":
            return self.mirrors.file(hashed, rest).content
        state = self.witness.state
        return state.seen(hashed) if kind == "seen" else state.checkpoint(hashed)


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def height(size: int) -> int:
    return (size - 1).bit_length()


class Town:
    """A log, and five hubs that watch it."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 7, 1, tzinfo=UTC)
        keys = PrivateKey.generate(), PrivateKey.generate()
        self.log = Log(NAME, *keys, PosixStore(folder / "log"), clock=lambda: self.now)
        self.network, self.published = Network(), b""
        self.network.hosts[f"https://{NAME}"] = self._published
        self.hubs = [self._hub(folder, number) for number in range(HUBS)]
        for hub in self.hubs:
            for other in self.hubs:
                if other is not hub:
                    hub.witness.state.add_peer(Peer(other.witness.state.key, other.url))
        self.asked = 0  # the size at which the witnesses were asked last

    def _hub(self, folder: Path, number: int) -> Hub:
        home, name = folder / f"hub{number}", f"hub{number}.example"
        state = make_hub(home, f"{name}/witness", lambda: None)
        state.add(self.log.verifier_key, f"https://{NAME}")
        witness = open_witness(home, lambda: None, lambda: self.now)
        mirrors = open_signing_mirrors(home, witness.state, lambda: None, lambda: self.now)
        mirrors.add(NAME)
        monitor = Monitor(home, witness.state, mirrors, self.network)
        hub = Hub(f"https://{name}", home, witness, mirrors, monitor)
        self.network.hosts[hub.url] = hub.shows
        return hub

    def _published(self, path: str) -> bytes | None:
        return self.published if path == CHECKPOINT else self.log.store.get(path)

    def grow(self, count: int) -> None:
        start = self.log.checkpoint().size
        entries = [entry(EntryKind.CREDENTIAL, os.urandom(32)) for _ in range(count)]
        self.log.append(entries, b"%d" % start)

    def cosign(self) -> int:
        """Have all hubs cosign the newest checkpoint; the bytes that go there and back."""
        self.now += timedelta(minutes=1)
        checkpoint, moved = self.log.checkpoint(), 0
        proof = self.log.consistency(self.asked, checkpoint.size) if self.asked else []
        body, note = AddCheckpoint(self.asked, proof, checkpoint).write(), checkpoint.note
        for hub in self.hubs:
            lines = hub.witness.add_checkpoint(body)
            note += lines
            moved += len(body) + len(lines)
        self.asked, self.published = checkpoint.size, note
        return moved

    def watch(self) -> int:
        """A round of all hubs; the bytes that they fetch."""
        before = self.network.counted
        for hub in self.hubs:
            faults = [item for item in hub.monitor.watch(self.now) if item.health is not Health.PASSED]
            assert not faults, faults
        return self.network.counted - before

    def minute(self, count: int) -> tuple[int, int]:
        """A minute in which so many entries come: the bytes for cosignatures, and those that are fetched."""
        self.grow(count)
        return self.cosign(), self.watch()

    def proof(self, *types: SignatureType) -> int:
        """The bytes of an entry's evidence, by the lines of these types that its checkpoint has."""
        checkpoint = Checkpoint.parse(self.published)
        witnesses = [hub.witness.state for hub in self.hubs]
        keys = [key for state in witnesses for key in (state.key, state.second) if key and key.type in types]
        places = {(key.name, key.id) for key in keys}
        lines = [signature_line(*line) for line in checkpoint.signatures if line[:2] in places]
        return len(self.log.evidence(12345, self.log.checkpoint().note + b"".join(lines)).body)


def measured(folder: Path) -> dict[str, float]:
    """All sizes that the table is computed from."""
    town = Town(folder)
    town.grow(BEGINS)
    town.cosign()
    town.watch()
    hub = town.hubs[0]
    mirror = hub.folder / "mirror" / origin_hash(NAME)
    sizes = {
        "tiles": bytes_below(mirror / "log" / "tile") / BEGINS,
        "lookup": bytes_below(mirror / "lookup") / BEGINS,
        "note": len(town.published),
        "proof": town.proof(SignatureType.COSIGNATURE),
        "proofMlDsa": town.proof(SignatureType.COSIGNATURE, SignatureType.ML_DSA_44),
        "height": height(BEGINS),
    }
    for size in SIZES:
        count = round(size / YEARS / 365 / MINUTES_A_DAY)
        town.minute(count)  # after which nothing is new to a hub
        asked, fetched = zip(*(town.minute(count) for _ in range(MINUTES)), strict=True)
        sizes |= {f"asked{size}": sum(asked) / MINUTES, f"fetched{size}": sum(fetched) / MINUTES}
    for _ in range(REMEMBERED):
        town.grow(1)
        town.cosign()
    beside = bytes_below(mirror) - bytes_below(mirror / "log" / "tile") - bytes_below(mirror / "lookup")
    return {**sizes, "rest": bytes_below(hub.folder) - bytes_below(mirror) + beside}


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        sizes = measured(Path(name))
    print("measured, in bytes:", ", ".join(f"{part} {value:,.1f}" for part, value in sizes.items()))
    print(f"computed from these, for {HUBS} hubs, a log that fills in {YEARS} years, and rounds of a minute:")
    table = []
    for size in SIZES:
        moved = (sizes[f"asked{size}"] + sizes[f"fetched{size}"]) * MINUTES_A_DAY
        stored = size * (sizes["tiles"] + sizes["lookup"]) + sizes["rest"]
        longer = (height(size) - sizes["height"]) * HASH_LINE
        row = {
            "entries": size,
            "aDay": moved,
            "askedADay": sizes[f"asked{size}"] * MINUTES_A_DAY,
            "stored": HUBS * stored,
            "storedEach": stored,
            "kept": 24 * sizes["note"],
            "proof": sizes["proof"] + longer,
            "proofMlDsa": sizes["proofMlDsa"] + longer,
        }
        table.append(row)
        print(", ".join(f"{part} {value:,.0f}" for part, value in row.items()))
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "hub_sizes.json").write_bytes(orjson.dumps({"measured": sizes, "computed": table}))


if __name__ == "__main__":
    main()
