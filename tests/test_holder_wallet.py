"""The wallet: verified before kept, shown only by the right key, whole again from a backup."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from did.methods import jwk as did_jwk
from holder import BOUND_TO_ANOTHER, Wallet
from holder.store import EncryptedStore, StoredRecord
from holder.wallet import _LONGEST_KEY, FILE, Held, _credential_record, _key_record
from keys import PrivateKey, WrongPassphrase
from tests.problems import raises
from tests.world import (
    COLLEGE,
    NOW,
    University,
    bundle,
    check,
    diploma,
    tampered,
    verifier,
)
from vc import Anchored
from vc.anchoring import document_digest
from vc.report import Report, Verdict
from verifier import Trust
from wire import base64url_encode
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem, Refused

PASSPHRASE = b"correct horse battery"
ASKED = {"challenge": "challenge of the employer", "domain": "https://employer.example"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Wallet.create(tmp_path / "wallet", PASSPHRASE, now=NOW)
    return tmp_path / "wallet"


def verdict(wallet: Wallet, names: list[str], **other: str) -> Report:
    shown = wallet.present(names, **ASKED, now=NOW)
    asked = {**ASKED, **other}
    return verifier(COLLEGE.trust).verify(
        shown.to_bytes(), now=NOW, challenge=asked["challenge"], domain=asked["domain"]
    )


def unknowing(data: bytes) -> Report:
    """What a verifier says who knows nobody."""
    return verifier(Trust()).verify(data, now=NOW)


def test_a_diploma_is_kept_as_received(home: Path) -> None:
    data = bundle(diploma(), statusLists=[])
    with Wallet(home, PASSPHRASE) as wallet:
        held = wallet.accept(data, check, now=NOW)
    with Wallet(home, PASSPHRASE) as wallet:
        assert wallet.credentials() == [held]
        assert wallet.get(held.id[:4]) == held
    assert (held.data, held.added, held.verdict) == (data, NOW, Verdict.VALID)
    assert held.claims.issuer == COLLEGE.did


def test_the_same_diploma_is_kept_once_and_the_newer_bundle_stays(home: Path) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        bare = wallet.accept(diploma(), check, now=NOW)
        again = wallet.accept(bundle(diploma()), check, now=NOW + timedelta(days=1))
        other = wallet.accept(diploma(title="Bachelor of Arts"), check, now=NOW)
        assert bare.id == again.id != other.id
        assert [held.data for held in wallet.credentials()] == [other.data, again.data]


def test_a_bare_copy_does_not_take_the_place_of_a_bundle(home: Path) -> None:
    document = {"document": {"id": COLLEGE.did}, "evidence": []}
    data = bundle(diploma(), issuerDocuments=[document])
    with Wallet(home, PASSPHRASE) as wallet:
        wallet.accept(data, check, now=NOW)
        assert wallet.accept(diploma(), check, now=NOW + timedelta(days=1)).data == data
        assert [held.data for held in wallet.credentials()] == [data]


@pytest.mark.parametrize(
    "data",
    [
        tampered(diploma(), achievement={"type": ["Achievement"], "name": "Doctor of Everything"}),
        json.dumps({**json.loads(diploma()), "proof": []}).encode(),
        diploma(validFrom="2023-01-01T00:00:00Z", validUntil="2024-01-01T00:00:00Z"),
    ],
)
def test_what_is_not_valid_is_not_kept_even_if_wanted(home: Path, data: bytes) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        for undetermined in (False, True):
            with pytest.raises(Problem) as refused:
                wallet.accept(data, check, now=NOW, undetermined=undetermined)
            assert not refused.value.undetermined
        assert wallet.credentials() == []


def test_what_could_not_be_decided_is_kept_only_if_wanted_and_marked(home: Path) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        with pytest.raises(Problem) as open_question:
            wallet.accept(diploma(), unknowing, now=NOW)
        assert open_question.value.undetermined
        assert wallet.credentials() == []
        wallet.accept(diploma(), unknowing, now=NOW, undetermined=True)
        assert [held.verdict for held in wallet.credentials()] == [Verdict.UNDETERMINED]
        wallet.accept(diploma(), check, now=NOW)
        assert [held.verdict for held in wallet.credentials()] == [Verdict.VALID]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b"\xff", b'{"type": "IntaglioBundle", "version": 2}']
)
def test_what_is_no_credential_is_not_kept(home: Path, data: bytes) -> None:
    with Wallet(home, PASSPHRASE) as wallet, pytest.raises(Problem):
        wallet.accept(data, check, now=NOW, undetermined=True)


def test_a_presentation_is_not_kept(home: Path) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        held = wallet.accept(diploma(), check, now=NOW)
        shown = wallet.present([held.id], **ASKED, now=NOW)
        for data in (shown.to_bytes(), json.dumps(shown.secured).encode()):
            with pytest.raises(Malformed, match="presentation"):
                wallet.accept(data, check, now=NOW)


def test_a_presentation_is_for_one_challenge_and_one_domain(home: Path) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        (key,) = wallet.holder_keys()
        held = wallet.accept(diploma(key.did), check, now=NOW)
        report = verdict(wallet, [held.id])
        assert report
        assert key.did in report.checks[1].text
        assert verdict(wallet, [held.id], challenge="another").verdict is Verdict.INVALID
        assert verdict(wallet, [held.id], domain="https://other.example").verdict is Verdict.INVALID


def test_several_diplomas_in_one_presentation_with_what_came_with_them_once(home: Path) -> None:
    document = {"document": {"id": COLLEGE.did}, "evidence": []}
    with Wallet(home, PASSPHRASE) as wallet:
        (key,) = wallet.holder_keys()
        names = [
            wallet.accept(bundle(credential, issuerDocuments=[document]), check, now=NOW).id
            for credential in (diploma(key.did), diploma(title="Bachelor of Arts"))
        ]
        shown = wallet.present([*names, names[0]], **ASKED, now=NOW)
        assert len(shown.secured["verifiableCredential"]) == 2
        assert [item.document for item in shown.issuer_documents] == [{"id": COLLEGE.did}]
        assert verdict(wallet, names)


def test_a_diploma_of_another_key_is_not_presented(home: Path) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        for holder in ("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH", "urn:student:4711"):
            held = wallet.accept(diploma(holder), check, now=NOW)
            with raises(BOUND_TO_ANOTHER, match="does not have"):
                wallet.present([held.id], **ASKED, now=NOW)


@pytest.mark.parametrize("key_type", ["Ed25519", "P-256"])
def test_a_diploma_may_name_the_key_by_another_did(tmp_path: Path, key_type: str) -> None:
    """Other issuers name a holder's key by its JWK. What is compared is the key, not the text of a DID."""
    Wallet.create(tmp_path / "wallet", PASSPHRASE, now=NOW, key_type=key_type)
    with Wallet(tmp_path / "wallet", PASSPHRASE) as wallet:
        (key,) = wallet.holder_keys()
        by_jwk = did_jwk.create(key.signer.public_key)
        held = wallet.accept(diploma(by_jwk), check, now=NOW)
        report = verdict(wallet, [held.id])
        assert (report.verdict, report.holder) == (Verdict.VALID, by_jwk), "other verifiers compare texts"
        other = wallet.accept(diploma(key.did, title="Bachelor of Arts"), check, now=NOW)
        assert verdict(wallet, [held.id, other.id])
        strange = did_jwk.create(PrivateKey.generate().public_key)
        held = wallet.accept(diploma(strange), check, now=NOW)
        with raises(BOUND_TO_ANOTHER, match="does not have"):
            wallet.present([held.id], **ASKED, now=NOW)


def test_each_diploma_is_shown_by_its_own_key_and_not_with_that_of_another(home: Path) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        second = wallet.add_key("P-256", now=NOW + timedelta(seconds=1))
        first = wallet.holder_keys()[0]
        assert [key.did for key in wallet.holder_keys()] == [first.did, second.did]
        of_first = wallet.accept(diploma(first.did), check, now=NOW).id
        of_second = wallet.accept(diploma(second.did, title="Bachelor"), check, now=NOW).id
        of_nobody = wallet.accept(diploma(title="Minor"), check, now=NOW).id
        for names, key in (([of_first, of_nobody], first), ([of_nobody, of_second], second)):
            report = verdict(wallet, names)
            assert report
            assert key.did in report.checks[1].text
        with raises(BOUND_TO_ANOTHER, match="different keys"):
            wallet.present([of_first, of_second], **ASKED, now=NOW)


@pytest.mark.parametrize("kind", ["Ed25519", "P-256"])
def test_a_wallet_of_each_kind_of_key(tmp_path: Path, kind: str) -> None:
    did = Wallet.create(tmp_path, PASSPHRASE, now=NOW, key_type=kind)
    with Wallet(tmp_path, PASSPHRASE) as wallet:
        held = wallet.accept(diploma(did), check, now=NOW)
        assert wallet.holder_keys()[0].signer.public_key.type == kind
        assert verdict(wallet, [held.id])


def test_a_key_that_wallets_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        Wallet.create(tmp_path / "wallet", PASSPHRASE, now=NOW, key_type="secp256k1")
    assert not (tmp_path / "wallet").exists()


def test_an_id_that_fits_none_or_several(home: Path) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        held = [wallet.accept(diploma(title=f"Course {n}"), check, now=NOW) for n in range(17)]
        starts = [one.id[0] for one in held]
        ambiguous = max(starts, key=starts.count)
        for name in ("", "x", ambiguous, held[0].id + "0"):
            with pytest.raises(NotFound):
                wallet.get(name)
        wallet.delete(held[0].id)
        with pytest.raises(NotFound):
            wallet.delete(held[0].id)
        assert len(wallet.credentials()) == 16


def test_a_backup_is_a_wallet_elsewhere(home: Path, tmp_path: Path) -> None:
    backup, elsewhere = tmp_path / "usb" / "backup", tmp_path / "other machine"
    with Wallet(home, PASSPHRASE) as wallet:
        held = wallet.accept(diploma(wallet.holder_keys()[0].did), check, now=NOW)
        keys = [(key.did, key.signer.secret, key.added) for key in wallet.holder_keys()]
        wallet.backup(backup, b"passphrase of the backup")
        with pytest.raises(Conflict):
            wallet.backup(backup, b"passphrase of the backup")
    assert [file.name for file in backup.parent.iterdir()] == ["backup"]
    assert PrivateKey.from_secret("Ed25519", keys[0][1]).secret not in backup.read_bytes()
    Wallet.restore(elsewhere, backup, b"passphrase of the backup", b"passphrase over there")
    with Wallet(elsewhere, b"passphrase over there") as wallet:
        assert wallet.credentials() == [held]
        assert [(key.did, key.signer.secret, key.added) for key in wallet.holder_keys()] == keys
        assert verdict(wallet, [held.id])


def test_nothing_is_overwritten_and_nothing_made_from_a_bad_backup(home: Path, tmp_path: Path) -> None:
    backup, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    with Wallet(home, PASSPHRASE) as wallet:
        wallet.accept(diploma(), check, now=NOW)
        wallet.backup(backup, b"passphrase of the backup")
    with pytest.raises(Conflict):
        Wallet.restore(home, backup, b"passphrase of the backup", PASSPHRASE)
    with pytest.raises(Conflict):
        Wallet.create(home, PASSPHRASE, now=NOW)
    with pytest.raises(WrongPassphrase):
        Wallet.restore(elsewhere, backup, b"some other passphrase", PASSPHRASE)
    with pytest.raises(NotFound):
        Wallet.restore(elsewhere, tmp_path / "none", b"passphrase of the backup", PASSPHRASE)
    with closing(sqlite3.connect(backup, isolation_level=None)) as connection:
        connection.execute("UPDATE record SET sealed = zeroblob(length(sealed))")
    with pytest.raises(Damaged):
        Wallet.restore(elsewhere, backup, b"passphrase of the backup", PASSPHRASE)
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    "record",
    [
        StoredRecord("loyalty card", "x", b"{}"),
        StoredRecord("key", "did:key:z6Mk", b'{"type": "Ed25519"}'),
        StoredRecord("key", "did:key:z6Mk", b"not JSON"),
        StoredRecord("key", "did:key:z6Mk", b"[]"),
        StoredRecord("key", "did:key:z6Mk", b"[" * 100_000),
        StoredRecord("key", "did:key:z6Mk", b'{"type": 1, "secret": 1, "added": 1}'),
        StoredRecord("credential", "x", b'{"added": 1, "verdict": "valid"}\n{}'),
        StoredRecord("credential", "x", b"[]\n{}"),
        StoredRecord(
            "key", "did:key:z6Mk", b'{"type": "RSA", "secret": "AA", "added": "2026-06-30T12:00:00Z"}'
        ),
        StoredRecord("credential", "x", b'{"added": "yesterday", "verdict": "valid"}\n{}'),
        StoredRecord("credential", "x", b'{"added": "2026-06-30T12:00:00Z", "verdict": "green"}\n{}'),
    ],
)
def test_a_backup_of_something_else_is_damaged(tmp_path: Path, record: StoredRecord) -> None:
    EncryptedStore.create(tmp_path / "backup", PASSPHRASE, [record])
    with pytest.raises(Damaged):
        Wallet.restore(tmp_path / "wallet", tmp_path / "backup", PASSPHRASE, PASSPHRASE)
    assert not (tmp_path / "wallet").exists()


def test_what_is_open_never_takes_the_place_of_what_is_valid(home: Path) -> None:
    university = University()
    bundle = university.issue(index=7)
    stuffed = replace(bundle, evidence=(), status_lists=(*bundle.status_lists,) * 4)

    def judge(data: bytes) -> Report:
        return verifier(university.trust).verify(data, now=NOW)

    with Wallet(home, PASSPHRASE) as wallet:
        first = wallet.accept(bundle.to_bytes(), judge, now=NOW)
        again = wallet.accept(stuffed.to_bytes(), judge, now=NOW, undetermined=True)
        assert again == first
        assert wallet.credentials() == [first]


def test_junk_keeps_no_fresher_bundle_out(home: Path) -> None:
    university = University()
    old = university.issue(index=7)
    university.now += timedelta(hours=1)
    fresh = replace(old, status_lists=university.status_lists())
    junk = tuple(Anchored({"id": f"urn:example:{number}"}) for number in range(9))

    def judge(data: bytes) -> Report:
        return verifier(university.trust).verify(data, now=NOW)

    with Wallet(home, PASSPHRASE) as wallet:
        wallet.accept(replace(old, status_lists=(*old.status_lists, *junk)).to_bytes(), judge, now=NOW)
        wallet.accept(fresh.to_bytes(), judge, now=NOW)
        assert [held.bundle for held in wallet.credentials()] == [fresh]


def test_what_does_not_belong_to_a_credential_is_not_presented(home: Path) -> None:
    """A bundle may bring 64 lists; presented with another it must not be more."""
    university, other = University(), University("other.example")
    bundle = university.issue(index=7)
    junk = tuple(Anchored({"id": f"urn:example:{number}"}) for number in range(60))
    stuffed = replace(bundle, status_lists=(*bundle.status_lists, *junk))
    trust = university.trust.joined(other.trust)

    def judge(data: bytes, **options: Any) -> Report:
        return verifier(trust).verify(data, now=NOW, **options)

    with Wallet(home, PASSPHRASE) as wallet:
        held = [
            wallet.accept(each.to_bytes(), judge, now=NOW)
            for each in (stuffed, other.issue(index=3), university.issue(index=4))
        ]
        shown = wallet.present([each.id for each in held], challenge="c", domain="d", now=NOW)
    assert len(shown.status_lists) < 10
    assert judge(shown.to_bytes(), challenge="c", domain="d")


def test_a_document_with_other_evidence_in_each_bundle_is_presented_once(home: Path) -> None:
    """A bundle may bring 64 documents; each of its issuer's diplomas brings the same, as of another day."""

    def dated(day: str) -> list[dict[str, Any]]:
        documents = [{"id": COLLEGE.did, "number": number} for number in range(40)]
        return [
            {
                "document": document,
                "evidence": [
                    {
                        "type": "example.org/made-up",
                        "digest": base64url_encode(document_digest(document)),
                        "proof": day,
                    }
                ],
            }
            for document in documents
        ]

    with Wallet(home, PASSPHRASE) as wallet:
        names = [
            wallet.accept(bundle(diploma(title=day), issuerDocuments=dated(day)), check, now=NOW).id
            for day in ("Monday", "Tuesday")
        ]
        assert verdict(wallet, names)
        shown = wallet.present(names, **ASKED, now=NOW).issuer_documents
    assert [len(item.evidence) for item in shown] == [2] * 40


def test_a_new_passphrase(home: Path) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        wallet.change_passphrase(b"another passphrase")
    with pytest.raises(WrongPassphrase):
        Wallet(home, PASSPHRASE)
    with Wallet(home, b"another passphrase") as wallet:
        assert len(wallet.holder_keys()) == 1


def test_the_check_sees_the_very_bytes_that_are_kept(home: Path) -> None:
    seen = []

    def looking(data: bytes) -> Report:
        seen.append(data)
        return check(data)

    with Wallet(home, PASSPHRASE) as wallet:
        held = wallet.accept(diploma(), looking, now=NOW)
    assert seen == [held.data]


def test_the_package_gives_its_names_lazily() -> None:
    import holder

    assert holder.Wallet is Wallet
    with pytest.raises(AttributeError):
        _ = holder.Purse  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/io").exists(), reason="no count of what a process reads: only on Linux"
)
def test_what_is_held_already_is_not_read_for_one_more(tmp_path: Path) -> None:
    """Of a wallet of a thousand diplomas, 10 MB, one more costs what the tenth does: n of them O(n)."""

    def work(home: Path) -> tuple[int, int]:
        before = _read_by_this_process()
        with Wallet(home, PASSPHRASE) as wallet:
            held = wallet.accept(diploma(title="One more"), check, now=NOW)
            assert not held.known
            assert wallet.accept(diploma(title="One more"), check, now=NOW).known
            assert wallet.get(held.id) == held
            kept = _read_by_this_process()
            assert len(wallet.holder_keys()) == 1
        return kept - before, _read_by_this_process() - kept

    few, many = filled(tmp_path / "few", 10), filled(tmp_path / "many", 1000)
    size = (many / FILE).stat().st_size
    assert size > 10_000_000
    work(filled(tmp_path / "first", 1))  # loads what is loaded once
    (tenth, _), (thousandth, keys) = work(few), work(many)
    assert thousandth < tenth + size / 20
    assert keys < size / 3


def _read_by_this_process() -> int:
    lines = Path("/proc/self/io").read_text().split()
    return int(lines[lines.index("rchar:") + 1])


def filled(home: Path, count: int) -> Path:
    """A wallet with a key and so many diplomas of 10 KB."""
    Wallet.create(home / "of its own", PASSPHRASE, now=NOW)
    with Wallet(home / "of its own", PASSPHRASE) as wallet:
        (key,) = wallet.holder_keys()
    held = [Held(f"{number:012x}", b"{}" + bytes(10_000), NOW, Verdict.VALID) for number in range(count)]
    EncryptedStore.create(home / FILE, PASSPHRASE, [_key_record(key), *map(_credential_record, held)])
    Wallet(home, PASSPHRASE).close()  # which makes ready for those that follow
    return home


@pytest.mark.parametrize("key_type", ["Ed25519", "P-256"])
def test_a_key_is_found_by_its_length_among_credentials(home: Path, key_type: str) -> None:
    with Wallet(home, PASSPHRASE) as wallet:
        made = wallet.add_key(key_type, now=NOW + timedelta(days=1))
        assert wallet.holder_keys()[-1].did == made.did
        records = wallet._store._connection.execute("SELECT length(sealed) FROM record").fetchall()
    assert max(length for (length,) in records) < _LONGEST_KEY / 2
