"""The key file: made once, private, whole at any instant, the same for whoever opens it later."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import multiprocessing
import os
import pickle
import select
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keys import KeyFile, PassphraseNeeded, PrivateKey, PublicKey, WrongPassphrase, keyfile, open_signer
from keys.problem import KEY_NOT_OPENED
from tests.fault.kill import Work, kill_at_each_step
from tests.problems import raises
from tests.processes import ended
from wire.problem import Conflict, Damaged, Malformed, NotFound, Refused, Unavailable

FORK = multiprocessing.get_context("fork")

KEPT_PUBLIC = "z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"  # RFC 8032, TEST 1
KEPT_ROOT = bytes(range(32))
KEPT_PLAIN: dict[str, Any] = {  # made once; must be readable for ever
    "version": 1,
    "protected": False,
    "keys": {"assertion": KEPT_PUBLIC},
    "secrets": {
        "root": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "keys": {"assertion": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
    },
}
KEPT_SEALED: dict[str, Any] = {
    "version": 1,
    "protected": True,
    "keys": {"assertion": KEPT_PUBLIC},
    "secrets": {
        "version": 1,
        "kdf": "Argon2id",
        "cipher": "A256GCM",
        "memory": 64,
        "iterations": 1,
        "lanes": 1,
        "salt": "aGv67_P2106VqO7kvxYUCw",
        "nonce": "HYrnL2D60YY7q04j",
        "ciphertext": "Y0a8Ry9fzkdRQASnPlSJkqPQ4dkOopAzQfM3B-ZSfVXEKOMRBraKf7F3vpNWMQHxQCN9sQ-8079zjqNSyHRs6k"
        "4EaOrDMNxtg1F75KNzytXeDEnJganX6o-ddCah0FTYvfqqgbuThehcYoa2FbFrIWJTeVPMRwWTvxkoDglMAXDeJl5Ycvut-4kCfizA",
    },
}
PASSPHRASE = "Grüße".encode()  # of files made before a passphrase had to be longer
LONGER = "Grüße an alle".encode()


def nobody_there() -> bytes | None:
    return None


def never_asked() -> bytes | None:
    raise AssertionError("asked for a passphrase")


def stored(path: Path, content: dict[str, Any] | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("content", "passphrase"), [(KEPT_PLAIN, None), (KEPT_SEALED, PASSPHRASE)])
def test_files_made_earlier_are_read(
    tmp_path: Path, content: dict[str, Any], passphrase: bytes | None
) -> None:
    file = KeyFile.open(stored(tmp_path / "keys.json", content), lambda: passphrase)
    assert file.protected is (passphrase is not None)
    assert {name: key.multikey() for name, key in file.public_keys.items()} == {"assertion": KEPT_PUBLIC}
    assert file.signer("assertion").sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a")
    for label in keyfile.LABELS:  # RFC 5869 by hand: extract with a salt of zeros, one round of expand
        extracted = hmac.digest(bytes(32), KEPT_ROOT, hashlib.sha256)
        assert file.secret(label) == hmac.digest(extracted, f"intaglio/{label}\1".encode(), hashlib.sha256)


def test_one_root_gives_unrelated_secrets(tmp_path: Path) -> None:
    file = KeyFile.open(stored(tmp_path / "keys.json", KEPT_PLAIN), never_asked)
    assert len({file.secret(label) for label in keyfile.LABELS} | {KEPT_ROOT}) == len(keyfile.LABELS) + 1
    with pytest.raises(AssertionError, match="anything"):
        file.secret("anything")


@pytest.mark.slow
@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_created_used_and_opened_again(tmp_path: Path, passphrase: bytes | None) -> None:
    path = tmp_path / "issuer" / "keys.json"
    made = KeyFile.create(path, {"assertion": "Ed25519", "tls": "P-256", "log": "Ed25519"}, passphrase)
    assert made.protected is (passphrase is not None)
    assert list(made.public_keys) == ["assertion", "tls", "log"]
    again = KeyFile.open(path, lambda: passphrase)
    assert again.public_keys == made.public_keys
    assert again.secret("salt") == made.secret("salt")
    for name, key in again.public_keys.items():
        assert again.signer(name).public_key == key
        key.verify(made.signer(name).sign(b"data"), b"data")
    uri = f"file:{path}#tls"
    open_signer(uri, passphrase=lambda: passphrase).public_key.verify(
        made.signer("tls").sign(b"data"), b"data"
    )
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path.parent, path)] == [0o700, 0o600]
    text = path.read_text()
    assert passphrase is None or all(key not in text for key in ("root", "correct horse"))


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_keys_are_added_retired_and_take_anothers_place(tmp_path: Path, passphrase: bytes | None) -> None:
    file = KeyFile.create(tmp_path / "keys.json", {"assertion": "Ed25519", "log": "Ed25519"}, passphrase)
    other = KeyFile.open(file.path, lambda: passphrase)
    salt = file.secret("salt")
    file.add({"next": "P-256", "after": "Ed25519"})
    added, after = file.public_keys["next"], file.public_keys["after"]
    other.add({"third": "Ed25519"})  # of two that change it, neither undoes the other's change
    file.replace({"assertion": "next", "log": "after"})
    file.retire("third")
    for seen in (file, KeyFile.open(file.path, lambda: passphrase)):
        assert seen.public_keys == {"assertion": added, "log": after}
        assert (seen.protected, seen.secret("salt")) == (passphrase is not None, salt)
        added.verify(seen.signer("assertion").sign(b"data"), b"data")
    with pytest.raises(Conflict, match="to be added: log"):
        file.add({"new": "Ed25519", "log": "Ed25519"})
    with pytest.raises(Malformed, match="lower-case"):
        file.add({"Log": "Ed25519"})
    with pytest.raises(NotFound, match="no key 'next'"):
        file.retire("log", "next")
    with pytest.raises(NotFound, match="no key 'next'"):
        file.replace({"log": "next"})
    assert KeyFile.open(file.path, lambda: passphrase).public_keys == {"assertion": added, "log": after}


@pytest.mark.parametrize("before", [None, b"correct horse"])
@pytest.mark.parametrize("after", [None, b"battery staple"])
def test_another_passphrase_seals_the_same_keys(
    tmp_path: Path, before: bytes | None, after: bytes | None
) -> None:
    file = KeyFile.create(tmp_path / "keys.json", {"assertion": "Ed25519"}, before)
    salt, key = file.secret("salt"), file.signer("assertion").secret
    file.change_passphrase(lambda: after)
    assert file.signer("assertion").secret == key  # goes on with the new one
    again = KeyFile.open(file.path, lambda: after)
    assert (file.is_open, again.is_open) == (True, False)
    assert (again.secret("salt"), again.signer("assertion").secret) == (salt, key)
    assert again.is_open
    assert again.protected is (after is not None)
    if after is not None:
        with pytest.raises(WrongPassphrase if before else PassphraseNeeded):
            KeyFile.open(file.path, lambda: before).secret("salt")


def test_only_who_knows_the_passphrase_can_change_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KeyFile.create(path, {"assertion": "Ed25519"}, b"correct horse")
    stored_before = path.read_bytes()
    with pytest.raises(WrongPassphrase):
        KeyFile.open(path, lambda: b"battery staple").change_passphrase(never_asked)
    assert path.read_bytes() == stored_before


def test_two_files_share_nothing(tmp_path: Path) -> None:
    one, two = (KeyFile.create(tmp_path / name, {"assertion": "Ed25519"}, None) for name in ("one", "two"))
    assert one.public_keys != two.public_keys
    assert one.secret("salt") != two.secret("salt")


def test_printing_shows_no_secret(tmp_path: Path) -> None:
    file = KeyFile.open(stored(tmp_path / "keys.json", KEPT_PLAIN), never_asked)
    file.signer("assertion")
    assert repr(file) == f"KeyFile({str(tmp_path / 'keys.json')!r}: assertion)"


def test_public_keys_need_no_passphrase_and_one_question_is_enough(tmp_path: Path) -> None:
    path = stored(tmp_path / "keys.json", KEPT_SEALED)
    assert KeyFile.open(path, never_asked).public_keys["assertion"].multikey() == KEPT_PUBLIC
    asked = []

    def ask() -> bytes:
        asked.append(1)
        return PASSPHRASE

    file = KeyFile.open(path, ask)
    file.signer("assertion")
    file.secret("salt")
    assert asked == [1]


def test_without_or_with_a_wrong_passphrase_it_says_so(tmp_path: Path) -> None:
    path = stored(tmp_path / "keys.json", KEPT_SEALED)
    with pytest.raises(PassphraseNeeded, match=r"keys\.json are sealed, and no passphrase"):
        KeyFile.open(path, nobody_there).signer("assertion")
    with pytest.raises(WrongPassphrase, match="another passphrase"):
        KeyFile.open(path, lambda: b"wrong").secret("salt")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644, 0o620])
def test_plain_secrets_that_others_may_read_are_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(Refused, match="others than the owner") as caught:
        KeyFile.open(stored(tmp_path / "keys.json", KEPT_PLAIN, mode), never_asked)
    assert "chmod 600" in caught.value.hint
    assert KeyFile.open(stored(tmp_path / "sealed.json", KEPT_SEALED, mode), never_asked).protected


@pytest.mark.parametrize("passphrase", [None, b"passphrase"])
def test_nothing_replaces_a_key(tmp_path: Path, passphrase: bytes | None) -> None:
    path = tmp_path / "keys.json"
    KeyFile.create(path, {"assertion": "Ed25519"}, passphrase)
    before = path.read_bytes()
    with pytest.raises(Conflict, match="exists already"):
        KeyFile.create(path, {"assertion": "Ed25519"}, passphrase)
    assert path.read_bytes() == before


def test_an_empty_passphrase_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="at least 8 characters"):
        KeyFile.create(tmp_path / "keys.json", {"assertion": "Ed25519"}, b"")
    assert not (tmp_path / "keys.json").exists()


def test_names(tmp_path: Path) -> None:
    for name in ("", "Assertion", "a b", "-a", "1", "a\n", "ä", "a" * 65, "../a"):
        with pytest.raises(Malformed, match="name is a word"):
            KeyFile.create(tmp_path / "keys.json", {name: "Ed25519"}, None)
    file = KeyFile.create(tmp_path / "keys.json", {"status-list-2": "Ed25519"}, None)
    with pytest.raises(NotFound, match="no key 'log'; it has status-list-2"):
        file.signer("log")


def test_files_that_are_not_there_or_not_readable(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no key file"):
        KeyFile.open(tmp_path / "keys.json", never_asked)
    with pytest.raises(Unavailable, match="Is a directory"):
        KeyFile.open(tmp_path, never_asked)


OTHER_SECRET = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2E"
DAMAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no member": lambda c: c.pop("keys"),
    "a member more": lambda c: c.update(more=1),
    "version": lambda c: c.update(version=2),
    "version true": lambda c: c.update(version=True),
    "protected as text": lambda c: c.update(protected="false"),
    "keys as list": lambda c: c.update(keys=[]),
    "name": lambda c: c["keys"].update({"../x": KEPT_PUBLIC}),
    "multikey": lambda c: c["keys"].update(assertion="z6Mk"),
    "multikey a number": lambda c: c["keys"].update(assertion=6),
    "a key without secret": lambda c: c["keys"].update(log=KEPT_PUBLIC),
    "a secret without key": lambda c: c["secrets"]["keys"].update(log=OTHER_SECRET),
    "secrets without keys": lambda c: c["secrets"].pop("keys"),
    "no root": lambda c: c["secrets"].pop("root"),
    "short root": lambda c: c["secrets"].update(root="AAEC"),
    "padded secret": lambda c: c["secrets"]["keys"].update(assertion=OTHER_SECRET + "="),
    "secret a number": lambda c: c["secrets"]["keys"].update(assertion=5),
    "short secret": lambda c: c["secrets"]["keys"].update(assertion="AAEC"),
    "secret of another key": lambda c: c["secrets"]["keys"].update(assertion=OTHER_SECRET),
}


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_content_that_does_not_fit_together_is_damaged(
    tmp_path: Path, damage: Callable[[dict[str, Any]], Any]
) -> None:
    content = json.loads(json.dumps(KEPT_PLAIN))
    damage(content)
    with pytest.raises(Damaged, match="cannot be used") as caught:
        KeyFile.open(stored(tmp_path / "keys.json", content), never_asked).signer("assertion")
    assert OTHER_SECRET not in caught.value.detail


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, json.dumps(KEPT_PLAIN).encode()[:-5], b"[" * 5000, b"x" * (2 << 20)]
)
def test_other_bytes_are_damage_too(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Damaged, match="cannot be used"):
        KeyFile.open(stored(tmp_path / "keys.json", data), never_asked)


def test_a_public_key_swapped_in_a_sealed_file_is_found_at_first_use(tmp_path: Path) -> None:
    swapped = {**KEPT_SEALED, "keys": {"assertion": PrivateKey.generate().public_key.multikey()}}
    file = KeyFile.open(stored(tmp_path / "keys.json", swapped), lambda: PASSPHRASE)
    with pytest.raises(Damaged, match="does not belong to its public key"):
        file.signer("assertion")


def test_a_sealed_file_that_asks_for_8_gib_is_damaged(tmp_path: Path) -> None:
    greedy = {**KEPT_SEALED, "secrets": {**KEPT_SEALED["secrets"], "memory": 8 << 20}}
    with pytest.raises(Damaged, match="'memory' of the sealed secret is above"):
        KeyFile.open(stored(tmp_path / "keys.json", greedy), lambda: PASSPHRASE).signer("assertion")


# --- several processes, and death at any instant ----------------------------------------------------------


def create_or_lose(path: Path, results: Any) -> None:
    try:
        results.put(
            str(KeyFile.create(path, {"assertion": "Ed25519"}, None).public_keys["assertion"].multikey())
        )
    except Conflict:
        results.put("")


@pytest.mark.slow
def test_of_many_that_create_at_once_one_wins(tmp_path: Path) -> None:
    for number in range(5):
        path, results = tmp_path / f"{number}.json", FORK.SimpleQueue()
        processes = [FORK.Process(target=create_or_lose, args=(path, results)) for _ in range(4)]
        for process in processes:
            process.start()
        ended(processes)
        winners = [winner for winner in (results.get() for _ in processes) if winner]
        assert winners == [KeyFile.open(path, never_asked).public_keys["assertion"].multikey()]


def change_for_ever(path: Path, acknowledged: int) -> None:
    file = KeyFile.open(path, lambda: LONGER)
    secrets: tuple[Callable[[], bytes | None], ...] = (lambda: LONGER, lambda: None)
    for passphrase in itertools.cycle(secrets):
        file.change_passphrase(passphrase)
        os.write(acknowledged, b".")


@pytest.mark.slow
def test_killed_at_any_instant_no_key_is_lost(tmp_path: Path) -> None:
    for round_number in range(15):
        path = tmp_path / f"{round_number}.json"
        before = KeyFile.create(path, {"assertion": "Ed25519"}, None)
        reader, writer = os.pipe()
        process = FORK.Process(target=change_for_ever, args=(path, writer))
        process.start()
        os.close(writer)
        assert os.read(reader, 1)
        select.select([], [], [], round_number / 1000)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        os.close(reader)
        file = KeyFile.open(path, lambda: LONGER)
        assert file.signer("assertion").secret == before.signer("assertion").secret
        assert file.secret("salt") == before.secret("salt")


# --- open_signer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri", ["", "keys.json#assertion", "kms:token=x", "/keys.json#assertion", "FILE:/x#a"]
)
def test_only_known_schemes(uri: str) -> None:
    with pytest.raises(Malformed, match="no known scheme; known are file"):
        open_signer(uri, passphrase=never_asked)


@pytest.mark.parametrize(
    "uri", ["file:keys.json#a", "file://host/keys.json#a", "file:/keys.json", "file:/k?x#a", "file:"]
)
def test_the_form_of_a_file_uri(uri: str) -> None:
    with pytest.raises(Malformed, match="file:/absolute/path#name"):
        open_signer(uri, passphrase=never_asked)


def test_a_file_uri_may_hold_any_path(tmp_path: Path) -> None:
    folder = tmp_path / "grüne Mappe #1"
    folder.mkdir()
    path = stored(folder / "keys.json", KEPT_PLAIN)
    for uri in (f"{path.as_uri()}#assertion", f"file:{path.as_uri().removeprefix('file://')}#assertion"):
        assert open_signer(uri, passphrase=never_asked).public_key.multikey() == KEPT_PUBLIC
    with pytest.raises(NotFound, match="no key 'log'"):
        open_signer(f"{path.as_uri()}#log", passphrase=never_asked)


def test_a_key_that_is_known_is_not_taken_for_another(tmp_path: Path) -> None:
    path = stored(tmp_path / "keys.json", KEPT_PLAIN)
    uri, known = f"{path.as_uri()}#assertion", PublicKey.from_multikey(KEPT_PUBLIC)
    assert open_signer(uri, passphrase=never_asked, public_key=known).public_key == known
    with raises(KEY_NOT_OPENED, match="another one by now"):
        open_signer(uri, passphrase=never_asked, public_key=PrivateKey.generate().public_key).sign(b"")


def test_the_schemes_are_an_argument() -> None:
    key = PrivateKey.generate()
    signers = {"memory": lambda uri, passphrase, public_key: key}
    assert open_signer("memory:it", passphrase=never_asked, signers=signers) is key
    with pytest.raises(Malformed, match="known are memory"):
        open_signer("file:/keys.json#a", passphrase=never_asked, signers=signers)


def test_a_signer_that_is_opened_when_it_first_signs_goes_to_other_processes(tmp_path: Path) -> None:
    keys = KeyFile.create(tmp_path / "keys" / "keys.json", {"assertion": "Ed25519"}, None)
    known = keys.signer("assertion").public_key
    uri = f"{(tmp_path / 'keys' / 'keys.json').as_uri()}#assertion"
    later = open_signer(uri, passphrase=lambda: None, public_key=known)
    copy = pickle.loads(pickle.dumps(later))
    known.verify(copy.sign(b"text"), b"text")


@pytest.mark.slow
@pytest.mark.parametrize("change", ["add", "retire", "replace"])
def test_no_kill_leaves_a_secret_that_outlives_a_new_passphrase(tmp_path: Path, change: str) -> None:
    """What a killed writer leaves beside the file holds the root in the clear, and all keys."""
    numbers, left = itertools.count(), list[Path]()
    root = json.dumps(KEPT_PLAIN["secrets"]["root"]).encode()
    work: dict[str, Callable[[KeyFile], object]] = {
        "add": lambda file: file.add({"next": "Ed25519"}),
        "retire": lambda file: file.retire("assertion"),
        "replace": lambda file: file.replace({"other": "assertion"}),
    }

    def prepare() -> tuple[Work, Work]:
        path = tmp_path / str(next(numbers)) / "keys.json"
        path.parent.mkdir()
        path.write_text(json.dumps(KEPT_PLAIN))
        path.chmod(0o600)

        def check() -> None:
            left.extend(each for each in path.parent.iterdir() if root in each.read_bytes() and each != path)
            KeyFile.open(path, nobody_there).change_passphrase(lambda: LONGER)
            assert [each for each in path.parent.iterdir() if root in each.read_bytes()] == []
            assert sorted(each.name for each in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]

        return lambda: work[change](KeyFile.open(path, nobody_there)), check

    assert kill_at_each_step(prepare) >= 5
    assert left, "it was killed while a secret lay there"


@pytest.mark.parametrize("passphrase", [None, LONGER])
def test_a_copy_has_the_same_root_and_only_the_keys_that_were_named(
    tmp_path: Path, passphrase: bytes | None
) -> None:
    types = {"assertion": "Ed25519", "log": "Ed25519"}
    keys = KeyFile.create(tmp_path / "keys.json", types, passphrase)
    keys.copy(tmp_path / "copy.json", "assertion")
    copy = KeyFile.open(tmp_path / "copy.json", lambda: passphrase)
    assert ({*copy.public_keys}, copy.protected) == ({"assertion"}, passphrase is not None)
    assert copy.secret("salt") == keys.secret("salt")
    assert copy.signer("assertion").sign(b"x") == keys.signer("assertion").sign(b"x")
    assert stat.S_IMODE((tmp_path / "copy.json").stat().st_mode) == 0o600
    with raises(NotFound):
        keys.copy(tmp_path / "other.json", "nobody")
    with raises(Conflict):
        keys.copy(tmp_path / "copy.json")
    keys.copy(tmp_path / "root.json")
    assert KeyFile.open(tmp_path / "root.json", lambda: passphrase).secret("salt") == keys.secret("salt")
