"""The memory of a mirror from nothing, of a log of 10^5 and of 10^7 entries: the peak of a process for each.

A stranger's log is made in a folder, with its tiles, and a hub's mirror pulls it from there, together with
the files by which leaves are looked up. Takes minutes, and 1.5 GB of disk.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import orjson

from hub import make_hub
from hub.mirrors import Mirrors
from keys import PrivateKey
from ledger.note import Checkpoint, SignatureType, VerifierKey, checkpoint_text
from ledger.tiles.edge import Edge
from ledger.tiles.store import CHECKPOINT, Batch

SIZES = (10**5, 10**7)
GOAL = 1.1
_BATCH = 1 << 16
_SIGNER = PrivateKey.from_secret("Ed25519", b"\x05" * 32)
_KEY = VerifierKey("stranger.example/log", SignatureType.ED25519, _SIGNER.public_key)


def grow(folder: Path, size: int) -> None:
    """Publish a log of `size` entries of 32 bytes."""
    edge = Edge()
    while edge.size < size:
        stop = min(edge.size + _BATCH, size)
        entries = [sha256(b"%d" % index).digest() for index in range(edge.size, stop)]
        edge, tiles = edge.extend(Batch(edge.size, b"", entries))
        for path, data in tiles.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    text = checkpoint_text(_KEY.name, size, edge.root)
    (folder / CHECKPOINT).write_bytes(text + b"\n" + _KEY.sign(_SIGNER, text))


def pull(folder: Path, home: Path) -> None:
    """Mirror the log of a folder, and print the peak of this process before and after."""
    state = make_hub(home, "hub.example/witness", lambda: None)
    state.add(_KEY, "https://stranger.example/log")
    mirrors = Mirrors(home / "mirror", state)
    mirrors.add(_KEY.name)

    def read(path: str, limit: int) -> bytes:
        return (folder / path).read_bytes()[:limit]

    before = peak()
    mirrors.pull(state.logs()[0], Checkpoint.parse(read(CHECKPOINT, 1 << 17)), read)
    print(before, peak())


def peak() -> int:
    """The most memory that this process has had so far, in KiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    if len(sys.argv) == 3:
        pull(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    peaks: dict[int, int] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "log"
            folder.mkdir()
            grow(folder, size)
            command = (sys.executable, "-m", "bench.mirror_memory", str(folder), f"{name}/hub")
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            before, peaks[size] = map(int, answer.split())
            print(f"{size} entries: {peaks[size] / 1024:.1f} MiB, {before / 1024:.1f} before the first")
    ratio = peaks[SIZES[1]] / peaks[SIZES[0]]
    print(f"{ratio:.3f} × the memory for {SIZES[1] // SIZES[0]} × the entries, goal {GOAL}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    each = {str(size): kib for size, kib in peaks.items()}
    (results / "mirror_memory.json").write_bytes(orjson.dumps({**each, "ratio": ratio, "goal": GOAL}))


if __name__ == "__main__":
    main()
