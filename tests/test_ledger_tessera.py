"""The log that the Tessera project keeps for tests (testdata/log): the same roots and signatures here."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest

from keys import PrivateKey, PublicKey
from ledger import Checkpoint, Log, VerifierKey, merkle
from ledger.audit import audit
from ledger.log import LogReader
from ledger.note import Note
from ledger.tiles.memory import MemoryStore
from tests.ledger_samples import COSIGNER, NOW
from wire.problem import Damaged, Malformed

ENTRIES = (
    *("one", "two", "three", "four", "five", "six", "seven", "eit", "nain", "ten"),
    *("ileven", "twelf", "threeten", "fourten", "fivten"),
)
ROOTS = [
    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=",
    "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=",
    "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=",
    "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
    "gy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=",
    "a6sWvsc2eEzmj72vah7mZ5dwFltivehh2b11qwlp5Jg=",
    "IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U=",
    "bC+VwvrJbalNVjfkdI8kUgs7mJoXrqiXCE7bgnD28pY=",
    "CvhHViE3S9E3htHLR+25mapWoGCJ3WckMq1UtC3VmEY=",
    "y8/gZsZCtitsMan09tY+k8I7Qpr7Y5fbO2tLi9GQnfU=",
    "Yok1cS5VdokGLBy73BC2I16b3atss6KBN9jnIi6Fz/A=",
    "uZo6M+IhVna+CLgWCrJs0xBPUHbozHkYTQASduHSLME=",
    "av0kLH0VkkVDrTuZzBGIx7d9z5G1l/GlKz/nAV/8woQ=",
    "SvCd38yNade7xEPY1a/aAc1M3A2AHYVF8lIiUnsH1ao=",
    "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
]
KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
PUBLIC_KEY = PublicKey("Ed25519", base64.b64decode(KEY.split("+", 2)[2])[1:])
SECRET = base64.b64decode("AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg")[1:]  # published with the log
LINES = {
    0: "M9e0lhxJACzE1KoUdqKuPa+9p6R7dSW8BlEvrg/noo8FkGg6PbJoRNOcdjqjOq89wVvTA60eubCc4oufo5BvIVEgtQc=",
    3: "M9e0lvAQRtH832pk2RTbeSeZMkp4FZSdJYFBUjO5SKxuRbywPUF3cx+HUrb50kjd3rUWW/fj53Wj1dwcwh9bGQnqVAg=",
    8: "M9e0lq1EK37dHtgv9O3UzPxisw5vwIPcJsX9ab0xt4mvVfbdUR1fbMjN6sBFYpBoBEmD4+cWhj/AVgI5MitCO5+mews=",
    13: "M9e0liO8x8xfEOGmZVYODUjQajkEpjccPQ9EkG3yEEDet4K3BWE/DFRPH6H+b6gFFFaG5KS1bBmYS/xeZJs8lj+z+wM=",
}


@pytest.fixture(scope="module")
def checkpoints() -> list[Checkpoint]:
    signer = PrivateKey.from_secret("Ed25519", SECRET)
    log = Log("example.com/log/testdata", signer, COSIGNER, MemoryStore(), clock=lambda: NOW)
    assert str(log.verifier_key) == KEY
    found = [log.checkpoint()]
    for number, entry in enumerate(ENTRIES):
        assert log.append([entry.encode()], b"%d" % number) == range(number, number + 1)
        found.append(log.checkpoint())
    assert log.store.get("tile/entries/000.p/3") == b"\0\3one\0\3two\0\5three"
    return found


def test_the_same_roots(checkpoints: list[Checkpoint]) -> None:
    assert [base64.b64encode(checkpoint.root).decode() for checkpoint in checkpoints] == ROOTS


@pytest.mark.parametrize("size", LINES)
def test_the_same_signatures(checkpoints: list[Checkpoint], size: int) -> None:
    text, line = checkpoints[size].note.decode().split("\n\n")
    assert text == f"example.com/log/testdata\n{size}\n{ROOTS[size]}"
    assert line.split("\n")[0] == f"— example.com/log/testdata {LINES[size]}"


def test_a_note_of_a_larger_log_under_that_key() -> None:
    note = """\
example.com/log/testdata
100270
GRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8Ac=

— example.com/log/testdata \
M9e0lkcvy5bAe7rrC8tCyAP+my+CLzswA91zOpBNWVU7qCojkUOHnfdQzDImoYeYH8G8PJSwOqsx0RkSa261OmKVwwM=
"""
    key = VerifierKey.parse(KEY)
    assert Note.parse(note.encode()).signers([key]) == {key: None}


# As Tessera publishes it: entries that are not ours, and no line of a clock


@pytest.fixture
def published() -> MemoryStore:
    store, size = MemoryStore(), 13
    entries = [entry.encode() for entry in ENTRIES[:size]]
    store.put(
        {
            f"tile/entries/000.p/{size}": b"".join(len(entry).to_bytes(2) + entry for entry in entries),
            f"tile/0/000.p/{size}": b"".join(sha256(b"\0" + entry).digest() for entry in entries),
        }
    )
    note = f"example.com/log/testdata\n{size}\n{ROOTS[size]}\n\n— example.com/log/testdata {LINES[size]}\n"
    store.publish(note.encode(), after=None)
    return store


def test_it_is_read_proved_and_audited_without_a_clock(published: MemoryStore) -> None:
    log = LogReader("example.com/log/testdata", PUBLIC_KEY, None, published)
    checkpoint = audit(log)
    assert base64.b64encode(checkpoint.root).decode() == ROOTS[13]
    assert (log.time(), log.own_time(checkpoint), log.clock_key) == (None, None, None)
    for index, entry in enumerate(log.entries(0, 13)):
        proof = log.prove(index, 13)
        merkle.verify_inclusion(merkle.leaf_hash(entry), index, 13, proof, base64.b64decode(ROOTS[13]))
    for size in range(1, 14):
        root = base64.b64decode(ROOTS[size])
        merkle.verify_consistency(size, root, 13, checkpoint.root, log.consistency(size, 13))
    log.require_continues(checkpoint)
    with pytest.raises(Malformed, match="not of the form"):  # it is evidence of no digest
        log.evidence(3)


def test_whoever_asks_for_a_clock_does_not_do_without(published: MemoryStore) -> None:
    key = PUBLIC_KEY
    with pytest.raises(Damaged, match="own clock"):
        audit(LogReader("example.com/log/testdata", key, COSIGNER.public_key, published))


def test_an_altered_entry_of_it_is_found(published: MemoryStore) -> None:
    path = "tile/entries/000.p/13"
    data = published.get(path) or b""
    published.put({path: data.replace(b"eit", b"fit")})
    log = LogReader("example.com/log/testdata", PUBLIC_KEY, None, published)
    with pytest.raises(Damaged, match=r"tile/0/000\.p/13 is not what follows"):
        audit(log)
