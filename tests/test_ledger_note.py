"""Signed notes, checkpoints and cosignatures: examples of the specifications and of other implementations."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from keys import InvalidKey, PrivateKey, PublicKey
from ledger import Checkpoint, InvalidEvidence, VerifierKey
from ledger.note import LARGEST_SIZE, Note, SignatureType, checkpoint_text
from tests.ledger_samples import COSIGNER, NOW, SIGNER
from wire.problem import Malformed, TooLarge

# C2SP signed-note, "Format"
QUASIMODO = """\
Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore \
NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
""".encode()

# golang.org/x/mod/sumdb/note, documentation of the package
NEUMANN_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN = """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann \
x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
""".encode()

# C2SP tlog-cosignature, "Format"
SOFA = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 \
jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
""".encode()

# A checkpoint that a public Certificate Transparency log published, with the cosignatures of real witnesses
ARCHE_KEY = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
REMORA_KEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
ARCHE = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev \
zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev \
ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden \
2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— remora.n621.de \
2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
""".encode()


def test_the_example_of_signed_note_parses() -> None:
    """The text ends at the last empty line, and has one of its own."""
    note = Note.parse(QUASIMODO)
    assert note.text.decode().startswith("Ognuno sta solo")
    assert note.text.decode().endswith("di sole:\n\ned è subito sera.\n")
    [(name, key_id, signature)] = note.signatures
    assert (name, key_id.hex(), len(signature)) == ("quasimodo.example/salvatore", "367ba04b", 64)


def test_a_note_of_another_implementation_verifies() -> None:
    key = VerifierKey.parse(NEUMANN_KEY)
    assert Note.parse(NEUMANN).signers([key]) == {key: None}
    with pytest.raises(InvalidEvidence, match="PeterNeumann does not verify"):
        Note.parse(NEUMANN.replace(b"problem is", b"problem was")).signers([key])


def test_a_real_checkpoint_verifies_with_its_witness() -> None:
    log, witness = VerifierKey.parse(ARCHE_KEY), VerifierKey.parse(REMORA_KEY)
    assert Note.parse(ARCHE).signers([log, witness]) == {
        log: None,
        witness: datetime.fromtimestamp(0x6A122120, UTC),
    }
    assert Checkpoint.parse(ARCHE).size == 1432088532
    for old, new in ((b"1432088532", b"1432088533"), (b"2net5wAAAABqEiEg", b"2net5wAAAABqEiEh")):
        with pytest.raises(InvalidEvidence, match=r"remora\.n621\.de does not verify"):
            Note.parse(ARCHE.replace(old, new)).signers([witness])


def test_the_example_of_cosignature_parses() -> None:
    checkpoint = Checkpoint.parse(SOFA)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint_text(checkpoint.origin, checkpoint.size, checkpoint.root) == Note.parse(SOFA).text
    name, _, signature = Note.parse(SOFA).signatures[1]
    assert name == "witness.example.com/w1"
    assert int.from_bytes(signature[:8]) == 1679315147  # as in "Ed25519 signed message"
    assert len(signature) == 72


def test_a_cosignature_covers_the_message_of_the_specification() -> None:
    text = Note.parse(SOFA).text
    key = VerifierKey("witness.example.com/w1", SignatureType.COSIGNATURE, COSIGNER.public_key)
    line = key.sign(COSIGNER, text, datetime.fromtimestamp(1679315147, UTC))
    signature = base64.b64decode(line.split(b" ")[2])[4:]
    message = b"cosignature/v1\ntime 1679315147\n" + text
    COSIGNER.public_key.verify(signature[8:], message)


@pytest.mark.parametrize(
    "vkey",
    [
        NEUMANN_KEY,
        ARCHE_KEY,
        REMORA_KEY,
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",  # C2SP signed-note
        "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",  # golang.org/x/mod
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",  # '+' in its base64
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
    ],
)
def test_keys_of_other_implementations(vkey: str) -> None:
    assert str(VerifierKey.parse(vkey)) == vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",  # another id
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",  # type 2
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U0=",  # too short
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        "exa mple+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_malformed_keys(vkey: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey.parse(vkey)


def test_a_key_is_a_sound_ed25519_key() -> None:
    with pytest.raises(Malformed, match="P-256"):
        VerifierKey("a", SignatureType.ED25519, PrivateKey.generate("P-256").public_key)
    with pytest.raises(InvalidKey):
        VerifierKey("a", SignatureType.ED25519, PublicKey("Ed25519", bytes(32)))
    with pytest.raises(Malformed, match="name"):
        VerifierKey("", SignatureType.ED25519, SIGNER.public_key)


TEXT = checkpoint_text("log.example", 3, bytes(32))
LOG = VerifierKey("log.example", SignatureType.ED25519, SIGNER.public_key)
CLOCK = VerifierKey("log.example/clock", SignatureType.COSIGNATURE, COSIGNER.public_key)
LINE = LOG.sign(SIGNER, TEXT)


def test_lines_of_unknown_keys_say_nothing() -> None:
    """Also when they share a name or a key id with a known key (C2SP signed-note, "Signatures")."""
    other = VerifierKey("log.example", SignatureType.ED25519, COSIGNER.public_key)
    renamed = LINE.replace(b"log.example", b"elsewhere.example")
    note = Note.parse(TEXT + b"\n" + other.sign(COSIGNER, TEXT) + renamed)
    assert note.signers([LOG]) == {}
    assert note.signers([other]) == {other: None}


def test_a_second_line_of_a_key_has_to_verify_too() -> None:
    earlier, later = (CLOCK.sign(COSIGNER, TEXT, NOW + timedelta(hours=hours)) for hours in (0, 1))
    assert Note.parse(TEXT + b"\n" + earlier + later).signers([CLOCK]) == {CLOCK: NOW}
    wrong = CLOCK.sign(SIGNER, TEXT, NOW)
    with pytest.raises(InvalidEvidence):
        Note.parse(TEXT + b"\n" + earlier + wrong).signers([CLOCK])


def test_a_plain_signature_is_no_cosignature_and_the_reverse() -> None:
    """One key in two signature types: the ids differ, and so does what is signed."""
    both = VerifierKey("log.example", SignatureType.COSIGNATURE, SIGNER.public_key)
    assert both.id != LOG.id
    with pytest.raises(InvalidEvidence):
        both.verify(bytes(8) + SIGNER.sign(TEXT), TEXT)
    for length in (0, 7, 64, 71, 73):
        with pytest.raises(InvalidEvidence):
            both.verify(bytes(length), TEXT)


def test_a_time_beyond_all_calendars_is_refused() -> None:
    message = b"cosignature/v1\ntime %d\n%b" % (2**62, TEXT)
    with pytest.raises(InvalidEvidence, match="9999"):
        CLOCK.verify((2**62).to_bytes(8) + COSIGNER.sign(message), TEXT)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "note",
    [
        b"",
        TEXT,
        TEXT + b"\n",
        TEXT + LINE,
        b"\n" + LINE,
        TEXT + b"\n" + LINE[:-1],
        TEXT + b"\n" + LINE + b"\n",
        TEXT + b"\n" + LINE + b"x",
        TEXT + b"\n" + LINE.replace("—".encode(), b"-"),
        TEXT + b"\n" + LINE.replace(b"log.example", b""),
        TEXT + b"\n" + LINE.replace(b"log.example", b"log example"),
        TEXT + b"\n" + LINE.replace(b"log.example", "log\N{NO-BREAK SPACE}example".encode()),
        TEXT + b"\n" + LINE.replace(b"log.example", b"log+example"),
        TEXT + b"\n" + LINE.replace(b"=", b""),
        TEXT + b"\n" + LINE.replace(b"=\n", b"==\n"),
        TEXT + b"\n" + "— log.example AAAA\n".encode(),
        TEXT + b"\n" + "— log.example AAAAAB==\n".encode(),  # bits left over
        TEXT + b"\n" + LINE.replace(b"\n", b"\r\n"),
        TEXT.replace(b"3", b"3\t") + b"\n" + LINE,
        TEXT.replace(b"log", b"l\xffg") + b"\n" + LINE,
        TEXT + b"\n" + LINE.replace(b"log", b"l\xffg"),
    ],
)
def test_malformed_notes(note: bytes) -> None:
    with pytest.raises(InvalidEvidence):
        Checkpoint.parse(note)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "text",
    [
        b"log.example\n3\n",
        b"\n" + TEXT.split(b"\n", 1)[1],
        TEXT.replace(b"\n3\n", b"\n03\n"),
        TEXT.replace(b"\n3\n", b"\n-3\n"),
        TEXT.replace(b"\n3\n", b"\n+3\n"),
        TEXT.replace(b"\n3\n", b"\n3 \n"),
        TEXT.replace(b"\n3\n", "\n٣\n".encode()),
        TEXT.replace(b"\n3\n", b"\n" + b"9" * 20 + b"\n"),
        TEXT.replace(b"\n3\n", b"\n%d\n" % (1 << 63)),
        TEXT.replace(b"\n3\n", b"\n\n"),
        TEXT + b"\nextension\n",
        TEXT.replace(b"AA=", b"AB="),
        TEXT.replace(b"AAAA=", b"="),
        TEXT.replace(b"AAAAA=", b"AA=="),
    ],
)
def test_malformed_checkpoints(text: bytes) -> None:
    with pytest.raises(InvalidEvidence):
        Checkpoint.parse(text + b"\n" + LINE)


def test_lines_that_fail_can_be_left_out_and_others_stay() -> None:
    wrong, right = CLOCK.sign(SIGNER, TEXT, NOW), CLOCK.sign(COSIGNER, TEXT, NOW)
    strange = LINE.replace(b"log.example", b"elsewhere.example")
    note = Note.parse(TEXT + b"\n" + LINE + wrong + strange + right + right)
    assert note.without_failing([LOG, CLOCK]) == TEXT + b"\n" + LINE + strange + right
    assert note.without_failing([]) == TEXT + b"\n" + LINE + wrong + strange + right


def test_the_largest_size_is_that_of_databases() -> None:
    text = TEXT.replace(b"\n3\n", b"\n%d\n" % LARGEST_SIZE)
    assert Checkpoint.parse(text + b"\n" + LOG.sign(SIGNER, text)).size == LARGEST_SIZE


def test_extension_lines_and_the_empty_tree_are_allowed() -> None:
    text = checkpoint_text("log.example", 0, bytes(32)) + b"extension\n"
    assert Checkpoint.parse(text + b"\n" + LOG.sign(SIGNER, text)).size == 0


def test_a_huge_note_is_not_read() -> None:
    with pytest.raises(TooLarge):
        Note.parse(TEXT + b"\n" + LINE * 2000)
    longest = b"x" * (1 << 17)
    with pytest.raises(InvalidEvidence):  # read, and found to be none
        Note.parse(longest)
    with pytest.raises(TooLarge):
        Note.parse(longest + b"x")


def test_signature_lines_alone_are_no_note() -> None:
    with pytest.raises(InvalidEvidence):
        Note.parse(LINE)


def test_a_line_is_a_key_id_and_at_least_a_byte_of_signature() -> None:
    lines = [f"— log.example {base64.b64encode(bytes(size)).decode()}\n".encode() for size in (4, 5)]
    with pytest.raises(InvalidEvidence):
        Note.parse(TEXT + b"\n" + lines[0])
    assert Note.parse(TEXT + b"\n" + lines[1]).signatures == (("log.example", bytes(4), b"\0"),)
