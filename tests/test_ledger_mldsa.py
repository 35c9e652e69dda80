"""Cosignatures with ML-DSA-44 (tlog-cosignature): made and read as the specification says, by other means."""

from __future__ import annotations

import base64
import hashlib
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from hub import make_hub, open_witness
from keys import InvalidKeyLength, InvalidSignature, PrivateKey
from keys.mldsa import MlDsaKey, MlDsaSigner
from ledger import Checkpoint, InvalidEvidence, NotWitnessed, TrustedLog, TrustPolicy, VerifierKey
from ledger.evidence import attest
from ledger.note import Note, SignatureType
from ledger.witness import Witness, WitnessState, origin_hash
from tests.ledger_samples import NOW, ORIGIN
from tests.witnessing import HONEST, LOG_KEY, URL, WITNESS, WITNESS_KEY, Branch, Clock
from wire.problem import Damaged, Malformed

SEED = b"\x44" * 32
THEIRS = MLDSA44PrivateKey.from_seed_bytes(SEED)
SIGNER = MlDsaSigner(SEED)
KEY = VerifierKey(WITNESS_KEY.name, SignatureType.ML_DSA_44, SIGNER.public_key)
TEXT = Checkpoint.parse(HONEST.note(3)).text


def message(name: str, stamp: int, origin: str, size: int, root: bytes) -> bytes:
    """The structure `cosigned_message`, in the presentation language of RFC 8446, 3."""
    parts = b"".join(
        struct.pack(f">B{len(text)}s", len(text), text)
        + (struct.pack(">Q", stamp) if text == name.encode() else b"")
        for text in (name.encode(), origin.encode())
    )
    return b"subtree/v1\n\0" + parts + struct.pack(">QQ32s", 0, size, root)


def line(stamp: int, signature: bytes) -> bytes:
    raw = bytes([6]) + THEIRS.public_key().public_bytes_raw()
    key_id = hashlib.sha256(KEY.name.encode() + b"\n" + raw).digest()[:4]
    encoded = base64.b64encode(key_id + struct.pack(">Q", stamp) + signature).decode()
    return f"\N{EM DASH} {KEY.name} {encoded}\n".encode()


def policy(quorum: int, *keys: VerifierKey) -> TrustPolicy:
    return TrustPolicy((TrustedLog.of(str(LOG_KEY), None, tuple(map(str, keys)), quorum),))


def test_a_line_of_another_program_is_read_and_ours_by_it() -> None:
    checkpoint = Checkpoint.parse(HONEST.note(3))
    stamp = int(NOW.timestamp())
    signed = message(KEY.name, stamp, ORIGIN, 3, checkpoint.root)
    note = checkpoint.note + line(stamp, THEIRS.sign(signed))
    assert Note.parse(note).signers([KEY]) == {KEY: NOW}
    ours = KEY.sign(SIGNER, checkpoint.text, NOW)
    raw = base64.b64decode(ours.split(b" ")[2])
    assert ours.startswith(line(stamp, bytes(2420))[:30])
    THEIRS.public_key().verify(raw[12:], signed)


def test_the_vkey() -> None:
    raw = bytes([6]) + THEIRS.public_key().public_bytes_raw()
    assert str(KEY).split("+", 2)[2] == base64.b64encode(raw).decode()
    assert VerifierKey.parse(str(KEY)) == KEY
    with pytest.raises(InvalidKeyLength):
        MlDsaKey(bytes(1311))
    for wrong in (
        lambda: VerifierKey.parse(str(KEY).replace("witness", "another")),
        lambda: VerifierKey("w.example", SignatureType.ML_DSA_44, WITNESS.public_key),
        lambda: VerifierKey("w.example", SignatureType.COSIGNATURE, SIGNER.public_key),
        lambda: VerifierKey("w" * 256, SignatureType.ML_DSA_44, SIGNER.public_key),
        lambda: TrustedLog(LOG_KEY, KEY),
        lambda: TrustedLog(LOG_KEY, None, (KEY, KEY)),
    ):
        with pytest.raises(Malformed):
            wrong()


@pytest.mark.parametrize("size", [0, 100, 2419, 2421])
def test_a_signature_of_another_length_is_none(size: int) -> None:
    with pytest.raises(InvalidSignature, match="2420 bytes"):
        SIGNER.public_key.verify(bytes(size), b"")


@pytest.mark.parametrize(
    "text",
    [
        HONEST.note(5).partition(b"\n\n")[0] + b"\n",
        TEXT.replace(ORIGIN.encode(), b"other.example"),
        b"no checkpoint\n",
        TEXT.replace(ORIGIN.encode(), b"o" * 256),
        TEXT.replace(b"\n3\n", b"\n9999999999999999999\n").replace(ORIGIN.encode(), b"o" * 256),
    ],
)
def test_it_covers_name_size_and_root(text: bytes) -> None:
    signature = Note.parse(TEXT + b"\n" + KEY.sign(SIGNER, TEXT, NOW)).signatures[0][2]
    with pytest.raises(InvalidEvidence):
        KEY.verify(signature, text)
    assert KEY.verify(signature, TEXT) == NOW
    altered = signature[:7] + bytes([signature[7] ^ 1]) + signature[8:]
    with pytest.raises(InvalidEvidence):
        KEY.verify(altered, TEXT)


def test_what_it_cannot_cover_is_not_signed() -> None:
    with pytest.raises(InvalidEvidence):
        KEY.sign(SIGNER, TEXT.replace(ORIGIN.encode(), b"o" * 256), NOW)


def test_it_counts_for_a_quorum_and_once_with_the_other_line_of_its_witness() -> None:
    note, later = HONEST.note(3), NOW + timedelta(hours=1)
    own, second = WITNESS_KEY.sign(WITNESS, TEXT, later), KEY.sign(SIGNER, TEXT, NOW)
    found = attest(note + second, policy(1, KEY))
    assert (found.clock, found.time, found.witnesses) == ("witness", NOW, 1)
    assert attest(note + own + second, policy(1, WITNESS_KEY, KEY)).witnesses == 1
    with pytest.raises(NotWitnessed, match="signed by 1 witness, not by 2"):
        attest(note + own + second, policy(2, WITNESS_KEY, KEY))


def test_time_0_is_no_time() -> None:
    never = datetime.fromtimestamp(0, UTC)
    note = HONEST.note(3) + KEY.sign(SIGNER, TEXT, never)
    assert Note.parse(note).signers([KEY]) == {KEY: never}
    with pytest.raises(NotWitnessed, match="signed by 0 witnesses"):
        attest(note, policy(1, KEY))


class TestWitness:
    @pytest.fixture
    def witness(self, tmp_path: Path) -> Witness:
        state = WitnessState.create(tmp_path / "witness.sqlite", WITNESS_KEY, KEY)
        state.add(LOG_KEY, URL)
        return Witness(state, WITNESS, Clock(), second=SIGNER)

    def test_it_signs_with_both(self, witness: Witness) -> None:
        lines = witness.add_checkpoint(HONEST.request(0, 3))
        assert lines.count(b"\n") == 2
        for note in (HONEST.note(3) + lines, witness.state.checkpoint(origin_hash(ORIGIN))):
            assert Note.parse(note).signers([WITNESS_KEY, KEY]) == {WITNESS_KEY: NOW, KEY: NOW}

    def test_extension_lines_are_not_signed_with_it(self, witness: Witness) -> None:
        lines = witness.add_checkpoint(HONEST.request(0, 3, "an extension"))
        assert [*Note.parse(HONEST.note(3, "an extension") + lines).signers([WITNESS_KEY, KEY])] == [
            WITNESS_KEY
        ]
        assert lines.count(b"\n") == 1
        assert witness.add_checkpoint(HONEST.request(3, 5)).count(b"\n") == 2

    def test_the_longest_name_of_a_log(self, witness: Witness) -> None:
        name = "o" * 255
        key = VerifierKey("l.example", SignatureType.ED25519, PrivateKey.generate().public_key)
        witness.state.add(key, URL, name)
        with pytest.raises(Malformed):
            witness.state.add(key, URL, "o" * 256)
        assert Branch("long").note(1, origin=name)

    def test_a_state_that_names_another_key_is_refused(self, witness: Witness, tmp_path: Path) -> None:
        with pytest.raises(Damaged):
            Witness(witness.state, WITNESS, Clock(), second=MlDsaSigner(bytes(32)))
        alone = WitnessState.create(tmp_path / "alone.sqlite", WITNESS_KEY)
        assert alone.second is None
        with pytest.raises(Damaged):
            Witness(alone, WITNESS, Clock(), second=SIGNER)


def test_a_hub_has_both_keys_after_each_start(tmp_path: Path) -> None:
    made = make_hub(tmp_path / "hub", "hub.example", lambda: b"four or five words")
    assert made.second is not None
    made.add(LOG_KEY, URL)
    lines = open_witness(tmp_path / "hub", lambda: b"four or five words", Clock()).add_checkpoint(
        HONEST.request(0, 3)
    )
    assert Note.parse(HONEST.note(3) + lines).signers([made.second]) == {made.second: NOW}
    with pytest.raises(Malformed):
        make_hub(tmp_path / "other", "h" * 256, lambda: None)
