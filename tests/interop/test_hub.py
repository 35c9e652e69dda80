"""Hubs beside another implementation of C2SP tlog-witness: `aics-tlog` and `aics-witness`, by Python 3.13.

Their programs are looked for on the path.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from hub import make_hub, open_witness
from hub.home import open_signing_mirrors
from hub.http import create_app
from ledger import Checkpoint, Log, TrustedLog, TrustPolicy, VerifierKey
from ledger.add_checkpoint import AddCheckpoint
from ledger.add_entries import add_entries
from ledger.cosigned import Cosigned
from ledger.cosigning import Witnesses
from ledger.evidence import attest
from ledger.problem import LOG_BEHIND, OTHER_ROOT
from ledger.tiles.posix import PosixStore
from ledger.tiles.reader import TileReader
from ledger.witness import Witness, origin_hash
from tests.ledger_samples import COSIGNER, ORIGIN, SIGNER, samples
from tests.problems import is_a, raises
from tests.serving import listening, serving
from tests.witnessing import FORK, HONEST, LOG_KEY, URL
from wire.fetch import HttpsFetcher

_VERIFIER, _WITNESS = shutil.which("aics-tlog"), shutil.which("aics-witness")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (_VERIFIER and _WITNESS),
        reason="no aics-witness: pip install it with Python 3.13, and put its folder onto the PATH",
    ),
]
NAME = "hub.example/witness"


def run(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*map(str, words)], input=stdin, capture_output=True, check=False, timeout=60)


def now() -> datetime:
    return datetime.now(UTC)


def made(folder: Path) -> Witness:
    make_hub(folder / "hub", NAME, lambda: None)
    witness = open_witness(folder / "hub", lambda: None, now)
    witness.state.add(LOG_KEY, URL)
    return witness


def test_a_checkpoint_of_our_log_cosigned_by_our_witness_meets_their_quorum(tmp_path: Path) -> None:
    witness = made(tmp_path)
    log = Log(ORIGIN, SIGNER, COSIGNER, PosixStore(tmp_path / "log"), clock=now)
    known = 0
    for size in (3, 300):
        log.append(samples(known, size), b"%d" % size)
        checkpoint = log.checkpoint()
        proof = log.consistency(known, size) if known else []
        line = witness.add_checkpoint(AddCheckpoint(known, proof, checkpoint).write())
        known = size
    note = witness.state.checkpoint(origin_hash(ORIGIN))
    assert note.endswith(line)
    asked = (
        _VERIFIER,
        "verify-checkpoint",
        "--note",
        "-",
        "--log-key",
        LOG_KEY,
        "--witness-key",
        witness.state.key,
    )
    seen = run(*asked, "--quorum", 1, "--max-age", 60, "--tiles", tmp_path / "log", stdin=note)
    assert seen.returncode == 0, seen.stderr.decode()
    without = run(*asked, "--quorum", 1, stdin=checkpoint.note)
    assert without.returncode != 0
    # Their policy counts Ed25519 alone, so that is the line to spoil; the last one is ML-DSA's.
    ed25519 = line.splitlines()[0]
    altered = run(*asked, "--quorum", 1, stdin=note.replace(ed25519[-8:-4], b"AAAA"))
    assert altered.returncode != 0


def test_a_mirror_that_our_log_was_pushed_to_meets_their_quorum(tmp_path: Path) -> None:
    """Its tiles give the root that it shows; and its own line counts as one, beside that of the witness."""
    witness = made(tmp_path)
    mirrors = open_signing_mirrors(tmp_path / "hub", witness.state, lambda: None, now)
    mirrors.add(ORIGIN)
    log = Log(ORIGIN, SIGNER, COSIGNER, PosixStore(tmp_path / "log"), clock=now)
    entries = samples(0, 700)
    log.append(entries, b"700")
    checkpoint = log.checkpoint()
    request = AddCheckpoint(0, [], checkpoint).write()
    cosigned = witness.add_checkpoint(request)
    with listening() as listener, serving(create_app(witness, mirrors=mirrors), listener):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mirror"
        answer = httpx.post(f"{url}/add-checkpoint", content=request, trust_env=False)
        assert answer.status_code == 200, answer.text
        body = add_entries(ORIGIN, TileReader(log.store.get), 0, 700)
        answer = httpx.post(f"{url}/add-entries", content=body, trust_env=False)
        assert answer.status_code == 200, answer.text
        mirrored = f"{url}/{origin_hash(ORIGIN)}"
        note = httpx.get(f"{mirrored}/checkpoint", trust_env=False).content
        keys = (*("--log-key", LOG_KEY), *("--witness-key", mirrors.vkey))
        with_tiles = (*keys, "--max-age", 60, "--tiles", mirrored)
        # The checkpoint is the one that the mirror shows; the entry is proved by the mirror's tiles alone.
        alone = run(_VERIFIER, "verify-checkpoint", *with_tiles, "--quorum", 1)
        assert alone.returncode == 0, alone.stderr.decode()
        asked = (_VERIFIER, "verify-inclusion", *with_tiles, "--quorum", 1, "--index", 678, "--leaf", "-")
        proved = run(*asked, stdin=entries[678])
        assert proved.returncode == 0, proved.stderr.decode()
        assert run(*asked, stdin=entries[679]).returncode != 0
        both = (*with_tiles, "--witness-key", witness.state.key, "--quorum", 2, "--note", "-")
        assert run(_VERIFIER, "verify-checkpoint", *both, stdin=note).returncode != 0
        seen = run(_VERIFIER, "verify-checkpoint", *both, stdin=note + cosigned)
        assert seen.returncode == 0, seen.stderr.decode()


def test_what_proves_a_fork_is_seen_by_their_verifier(tmp_path: Path) -> None:
    """Both notes verify under the log's key, alone; and their texts differ in the root."""
    witness = made(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    with raises(OTHER_ROOT):
        witness.add_checkpoint(FORK.request(3, 3))
    (fork,) = witness.state.forks()
    for note in fork.notes:
        seen = run(_VERIFIER, "verify-checkpoint", "--note", "-", "--log-key", fork.key, stdin=note)
        assert seen.returncode == 0, seen.stderr.decode()
    one, other = (note.split(b"\n") for note in fork.notes)
    assert one[:2] == other[:2]
    assert one[2] != other[2]


FEED = """
import base64, json, sys
from aics_witness.feeder import WitnessClient, WitnessRejected, merge_cosignatures
asked = json.load(sys.stdin)
answers = []
with WitnessClient(asked["url"], asked["key"]) as client:
    for note, proofs in asked["notes"]:
        proved = {int(old): [base64.b64decode(line) for line in lines] for old, lines in proofs.items()}
        try:
            line = client.submit(note, lambda old, new: proved[old])
        except WitnessRejected as refused:
            answers.append(refused.status)
        else:
            answers.append(merge_cosignatures(note, line).decode())
json.dump(answers, sys.stdout)
"""


def test_their_client_gets_a_cosignature_of_our_service(tmp_path: Path) -> None:
    """It begins at zero, is told the size, goes on from there; a fork is refused by the status it knows."""
    witness = made(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    proofs = {3: [base64.b64encode(hashed).decode() for hashed in HONEST.proof(3, 5)]}
    notes = [(HONEST.note(5).decode(), proofs), (FORK.note(5).decode(), {5: []})]
    with listening() as listener, serving(create_app(witness), listener):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/witness"
        asked = {"url": url, "key": str(witness.state.key), "notes": notes}
        python = Path(str(_WITNESS)).read_text().splitlines()[0].removeprefix("#!")
        seen = run(python, "-c", FEED, stdin=json.dumps(asked).encode())
    assert seen.returncode == 0, seen.stderr.decode()
    cosigned, refused = json.loads(seen.stdout)
    checkpoint = Checkpoint.parse(cosigned.encode())
    assert (checkpoint.size, {*checkpoint.signers([LOG_KEY, witness.state.key])}) == (
        5,
        {LOG_KEY, witness.state.key},
    )
    assert refused == 422
    assert len(witness.state.forks()) == 1


@contextmanager
def their_witness(folder: Path) -> Iterator[tuple[str, VerifierKey]]:
    """Its address and key; it knows our log."""
    config = folder / "witness.json"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    told = run(
        *(_WITNESS, "init", "--config", config, "--name", "their.example/w1", "--listen", f"127.0.0.1:{port}")
    )
    assert told.returncode == 0, told.stderr.decode()
    added = run(_WITNESS, "add-log", "--config", config, "--origin", ORIGIN, "--vkey", LOG_KEY)
    assert added.returncode == 0, added.stderr.decode()
    with subprocess.Popen(
        [str(_WITNESS), "serve", "--config", str(config)], stderr=subprocess.DEVNULL
    ) as serving:
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(200):
                with suppress(httpx.TransportError):
                    httpx.get(f"{url}/healthz", trust_env=False)
                    break
                time.sleep(0.05)
            yield url, VerifierKey.parse(told.stdout.decode().strip())
        finally:
            serving.terminate()


def test_their_witness_cosigns_our_log_as_the_log_asks_it(tmp_path: Path) -> None:
    """From the first checkpoint on; what it has missed it is told, and what it has more, the log learns."""
    log = Log(ORIGIN, SIGNER, COSIGNER, PosixStore(tmp_path / "log"), clock=now)
    client = HttpsFetcher(allow_loopback=True, timeout=10.0)
    with their_witness(tmp_path) as (url, key):
        folders = tmp_path / "one", tmp_path / "other"
        for folder in folders:
            folder.mkdir()
            Cosigned(folder).add(key, url)
        sizes = [(folders[0], 3), (folders[0], 300), (folders[1], 301)]
        for folder, size in sizes:
            known = log.checkpoint().size
            log.append(samples(known, size), b"%d" % size)
            cosigned = Cosigned(folder)
            asking = Witnesses(cosigned, client, now).ask(log)
            assert asking is not None
            assert asking.is_met, asking.answers
            note = cosigned.newest()
            assert note is not None
            assert {key, LOG_KEY} == set(Checkpoint.parse(note).signers([key, LOG_KEY]))
        old = Log(ORIGIN, SIGNER, COSIGNER, PosixStore(tmp_path / "old"), clock=now)
        old.append(samples(0, 3), b"3")
        asking = Witnesses(Cosigned(folders[1]), client, now).ask(old)
        assert asking is not None
        (reply,) = asking.answers
        assert is_a(reply.problem, LOG_BEHIND), reply
    assert note is not None
    asked = (_VERIFIER, "verify-checkpoint", "--note", "-", "--log-key", LOG_KEY, "--witness-key", key)
    seen = run(*asked, "--quorum", 1, "--tiles", tmp_path / "log", stdin=note)
    assert seen.returncode == 0, seen.stderr.decode()


def test_their_witness_takes_the_requests_that_ours_takes(tmp_path: Path) -> None:
    """And answers ours and theirs alike; a log that both cosigned meets a quorum of two."""
    ours = made(tmp_path)
    with (
        their_witness(tmp_path) as (url, their_key),
        listening() as listener,
        serving(create_app(ours), listener),
    ):
        places = (f"http://127.0.0.1:{listener.getsockname()[1]}/witness", url)

        def ask(body: bytes) -> tuple[httpx.Response, httpx.Response]:
            one, other = (
                httpx.post(f"{place}/add-checkpoint", content=body, trust_env=False) for place in places
            )
            assert one.status_code == other.status_code, (body, one.text, other.text)
            if one.status_code == 409:
                assert (one.text, one.headers["content-type"]) == (other.text, other.headers["content-type"])
            return one, other

        statuses = [
            ask(body)[0].status_code
            for body in (
                HONEST.request(0, 3),
                HONEST.request(0, 3),
                HONEST.request(2, 5),
                b"old 3\n\n" + HONEST.note(5),
                FORK.request(3, 3),
                FORK.request(3, 5),
                HONEST.request(3, 2),
                b"old 0\n\n" + HONEST.note(5, origin="another.example"),
                HONEST.request(3, 5).replace(b" 5\n", b" 6\n").replace(b"\n5\n", b"\n6\n"),
                b"",
                b"old 3\n" + b"%b\n" % base64.b64encode(bytes(32)) * 64 + b"\n" + HONEST.note(5),
                HONEST.request(3, 3),
            )
        ]
        assert statuses == [200, 409, 409, 422, 422, 422, 400, 404, 403, 400, 400, 200]
        answers = ask(HONEST.request(3, 5))
        shown = [httpx.get(f"{place}/{origin_hash(ORIGIN)}/checkpoint", trust_env=False) for place in places]
        assert [found.status_code for found in shown] == [200, 200]
        note = HONEST.note(5) + b"".join(answer.content for answer in answers)
    policy = TrustPolicy((TrustedLog(LOG_KEY, None, (ours.state.key, their_key), 2),))
    assert attest(note, policy).witnesses == 2
    checked = run(
        *(_VERIFIER, "verify-checkpoint", "--note", "-", "--log-key", LOG_KEY, "--quorum", 2),
        *("--witness-key", ours.state.key, "--witness-key", their_key),
        stdin=note,
    )
    assert checked.returncode == 0, checked.stderr.decode()
