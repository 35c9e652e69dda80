"""A file from elsewhere chooses nothing: what a backup or a folder names is used once the user agreed."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import struct
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from intaglio.session import utc_now
from issuer import Description
from issuer.identity.home import Identity
from issuer.issuer import Issuer
from issuer.keeping import backup as backups
from keys import KeyFile
from keys.envelope import seal
from ledger.outbox import Outbox
from ledger.shared import keep_store_address
from tests.commandline import Answer, Program, typed
from tests.copying import copy_folder
from tests.world import graduate, table
from wire.consent import digest_of

PHRASE = "correct horse battery staple"
OWN_SECRET = "the operator's own password"


class Asking:
    """A database server that asks for the password, in the clear or in md5, and keeps all that it is told."""

    def __init__(self, listener: socket.socket, request: bytes) -> None:
        self._listener, self._request = listener, request
        self.calls, self.heard = 0, b""
        self.port: int = listener.getsockname()[1]

    def serve(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                caller, _ = self._listener.accept()
                self.calls += 1
                with caller, suppress(OSError):
                    caller.settimeout(5)
                    said = caller.recv(4096)
                    while said[4:8] in (struct.pack(">I", 80877103), struct.pack(">I", 80877104)):
                        caller.sendall(b"N")  # neither TLS nor GSSAPI
                        said = caller.recv(4096)
                    caller.sendall(self._request)
                    self.heard += caller.recv(4096)


CLEAR = b"R" + struct.pack(">II", 8, 3)  # AuthenticationCleartextPassword
MD5 = b"R" + struct.pack(">II4s", 12, 5, b"salt")  # AuthenticationMD5Password


@contextmanager
def asking(request: bytes = CLEAR) -> Iterator[Asking]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Asking(listener, request)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(autouse=True)
def _operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose environment has a password for databases, and one for backups."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("PGPASSWORD", OWN_SECRET)
    monkeypatch.setenv("PGUSER", "issuer")
    Path("g.csv").write_text(table([graduate(2)]))
    Path("phrase").touch(0o600)
    Path("phrase").write_text(PHRASE)
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(tmp_path / "phrase"))


def leading_to(folder: Path, server: Asking, *, host: str = "127.0.0.1", more: str = "") -> str:
    """Has the log of a folder be kept at a server: the address."""
    address = f"postgresql://{host}:{server.port}/log?sslmode=disable{more}"
    (folder / "ledger.json").write_text(json.dumps({"version": 1, "address": address}))
    return address


def refused(answer: Answer, named: str) -> str:
    """The digest that a refusal shows, with all of what was named."""
    assert answer.code == 1, answer
    shown = "".join(answer.err.split())
    assert named in shown, answer.err
    digest = answer.err.partition("--agree ")[2][:64]
    assert len(digest) == 64, answer.err
    return digest


def hostile(
    genuine: Path, file: Path, more: Mapping[str, bytes] = {}, identity: Mapping[str, str] = {}
) -> None:
    """A genuine backup with another description and further files, as a stranger makes one."""
    with (
        genuine.open("rb") as sealed,
        tarfile.open(
            fileobj=backups._Unsealing(sealed, backups._key(sealed, PHRASE.encode())), mode="r|"
        ) as archive,
    ):
        content = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    described = {**json.loads(content["issuer.json"]), **identity}
    content = {**content, "issuer.json": json.dumps(described).encode(), **more}
    key = os.urandom(32)
    envelope = json.dumps(seal(key, PHRASE.encode())).encode()
    with file.open("wb") as opened:
        opened.write(backups._MAGIC + len(envelope).to_bytes(4) + envelope)
        sealing = backups._Sealing(opened, key)
        with tarfile.open(fileobj=sealing, mode="w|") as archive:
            for name, data in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        sealing.finish()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody else's home, with an issuer that has issued a diploma; the diploma; a backup, `genuine`."""
    folder = tmp_path_factory.mktemp("elsewhere")
    issuer = Issuer.create(
        folder / "theirs" / "issuer",
        Description("Mallory's", "https://m.example"),
        lambda: None,
        utc_now,
    )
    bundle = issuer.bundle(issuer.issue(graduate(1)))
    (folder / "diploma.json").write_bytes(bundle.to_bytes())
    backups.backup(issuer.home, folder / "genuine", PHRASE.encode())
    issuer.store.close()
    return folder


@pytest.fixture
def elsewhere(theirs: Path, tmp_path: Path) -> Path:
    """The folder of that issuer, for this test. Nothing of it is in this home."""
    copy_folder(theirs, tmp_path, dirs_exist_ok=True)
    return tmp_path / "theirs" / "issuer"


def pointing_out(folder: Path, uri: str) -> dict[str, str]:
    """What a description says of a key for diplomas at `uri`, which is that of the key file."""
    key = KeyFile.open(folder / "keys.json", lambda: None).public_keys["assertion"]
    return {"signerUri": uri, "signerKey": key.multikey()}


# 3.2: addresses of logs

LOOKING = [
    ("ledger", "--in", "{}", "status"),
    ("ledger", "--in", "{}", "audit"),
    ("ledger", "--in", "{}", "prove", "0"),
    ("ledger", "--in", "{}", "anchor", "status"),
    ("ledger", "--in", "{}", "anchor", "run"),
    ("ledger", "--in", "{}", "anchor", "add", "eip155:1"),
    ("ledger", "--in", "{}", "serve"),
    ("issuer", "--home", "{}", "list"),
    ("issuer", "--home", "{}", "show", "UNI-000001"),
    ("issuer", "--home", "{}", "issue", "g.csv"),
    ("issuer", "--home", "{}", "init"),
    ("issuer", "--home", "{}", "export"),
    ("issuer", "--home", "{}", "trust"),
    ("issuer", "--home", "{}", "key", "list"),
    ("issuer", "--home", "{}", "status", "publish"),
    ("issuer", "--home", "{}", "revoke", "UNI-000001"),
    ("issuer", "--home", "{}", "backup", "b"),
    ("issuer", "--home", "{}", "close"),
    ("issuer", "--home", "{}", "clock", "accept"),
    ("issuer", "--home", "{}", "serve"),
]


def test_no_command_calls_the_host_that_a_strangers_folder_names(program: Program, elsewhere: Path) -> None:
    shutil.rmtree(elsewhere / "log")
    with asking() as server:
        named = leading_to(elsewhere, server)
        for words in LOOKING:
            answer = program(*(word.format(elsewhere) for word in words))
            assert (server.calls, server.heard) == (0, b""), words
            refused(answer, named)
        (elsewhere / "issuer.json").unlink()  # and it is not asked whether there is a log
        for words in (("list",), ("init", "--name", "U"), ("issue", "g.csv")):
            assert program("issuer", "--home", elsewhere, *words).code != 0
            assert server.calls == 0, words


def test_no_command_calls_the_database_that_a_strangers_folder_names(
    program: Program, elsewhere: Path
) -> None:
    with asking() as server:
        named = f"postgresql://127.0.0.1:{server.port}/issuer?sslmode=disable"
        keep_store_address(elsewhere, named)
        for words in LOOKING:
            answer = program(*(word.format(elsewhere) for word in words))
            assert (server.calls, server.heard) == (0, b""), words
            refused(answer, named)
        answer = program("doctor", "--in", elsewhere)
        assert (answer.code, server.calls) == (1, 0)
        assert digest_of(named) in answer.out + answer.err
        program("--agree", digest_of(named), "issuer", "--home", elsewhere, "list")
        assert server.calls > 0


def test_a_hidden_host_is_shown_and_not_called(program: Program, elsewhere: Path) -> None:
    """The name in the address may be anybody's, and the number behind it the attacker's."""
    with asking() as server:
        named = leading_to(elsewhere, server, host="db.example", more="&hostaddr=127.0.0.1")
        answer = program("ledger", "--in", elsewhere, "status")
        assert server.calls == 0
        refused(answer, named)


def test_a_password_or_a_pin_in_an_address_is_not_shown(program: Program, elsewhere: Path) -> None:
    address = "postgresql://u:hidden-words@db.example/log"
    (elsewhere / "ledger.json").write_text(json.dumps({"version": 1, "address": address}))
    answers = [program("ledger", "--in", elsewhere, "status"), program("doctor", "--in", elsewhere)]
    (elsewhere / "ledger.json").unlink()
    described = json.loads((elsewhere / "issuer.json").read_bytes())
    uri = "pkcs11:token=t;object=o?module-path=/x.so&pin-value=hidden-words"
    (elsewhere / "issuer.json").write_text(json.dumps({**described, **pointing_out(elsewhere, uri)}))
    answers.append(program("doctor", "--in", elsewhere))
    for answer in answers:
        assert answer.code == 1
        assert "hidden-words" not in answer.err + answer.out


@pytest.mark.parametrize("address", ["s3://somebodys-bucket/log", "file:///somebodys/log"])
def test_no_other_address_is_opened_either(program: Program, elsewhere: Path, address: str) -> None:
    (elsewhere / "ledger.json").write_text(json.dumps({"version": 1, "address": address}))
    refused(program("ledger", "--in", elsewhere, "status"), address)


def test_who_agrees_once_by_digest_is_not_asked_again(program: Program, elsewhere: Path) -> None:
    """For this folder and this address: another folder, and another address, are another question."""
    copy_folder(elsewhere, elsewhere.with_name("copy"))
    with asking() as server:
        named = leading_to(elsewhere, server)
        leading_to(elsewhere.with_name("copy"), server)
        look = ("ledger", "--in", elsewhere, "status")
        answer = program(*look)
        assert server.calls == 0
        digest = refused(answer, named)
        assert "--agree" in program("--agree", "0" * 64, *look).err
        assert server.calls == 0
        for words in (("--agree", digest, *look), look):
            before = server.calls
            assert "--agree" not in program(*words).err
            assert server.calls > before
        agreed = program.home / "agreed.json"
        assert agreed.stat().st_mode & 0o077 == 0
        assert str(server.port) not in agreed.read_text()
        before = server.calls
        assert "--agree" in program("ledger", "--in", elsewhere.with_name("copy"), "status").err
        leading_to(elsewhere, server, more="&application_name=x")
        assert "--agree" in program(*look).err
        assert server.calls == before


@pytest.mark.slow
def test_at_a_terminal_it_is_shown_and_asked(program: Program, elsewhere: Path) -> None:
    with asking() as server:
        named = leading_to(elsewhere, server)
        look = ["ledger", "--in", str(elsewhere), "status"]
        question = b"may it be used? [y/N]: "
        _, err = typed(program.home, look, [(question, b"")], code=5)
        assert server.calls == 0
        _, err = typed(program.home, look, [(question, b"y")], code=3)
        assert server.calls > 0
        assert "not agreed" not in err
        typed(program.home, look, [], code=3)
        assert named not in (program.home / "agreed.json").read_text()


@pytest.mark.slow
def test_what_is_typed_is_agreed_to(program: Program, tmp_path: Path) -> None:
    address = (tmp_path / "log").as_uri()
    place = ("ledger", "--in", tmp_path / "mine")
    assert program(*place, "init", "log.example", "--ledger", address).code == 0
    assert program(*place, "status").code == 0
    moved = (tmp_path / "moved").as_uri()
    assert program(*place, "migrate", address, moved).code == 0
    assert program(*place, "status").code == 0
    other = ("issuer", "--home", tmp_path / "theirs")
    assert program(*other, "init", "--name", "U", "--ledger", (tmp_path / "second").as_uri()).code == 0
    assert program(*other, "list").code == 0


def test_ones_own_issuer_is_not_asked_about(program: Program, tmp_path: Path) -> None:
    """As the release before made it, when nothing was remembered of what was typed."""
    init = ("issuer", "init", "--name", "U", "--ledger", (tmp_path / "log").as_uri())
    assert program(*init).code == 0
    (program.home / "agreed.json").unlink(missing_ok=True)
    assert program("issuer", "list").code == 0
    assert program("ledger", "status").code == 0
    assert program("doctor").code == 0
    # named by its path it is still the same; in another home it is a stranger's
    assert program("ledger", "--in", program.home / "issuer", "status").code == 0
    answer = program("--home", tmp_path / "other", "ledger", "--in", program.home / "issuer", "status")
    assert "--agree" in answer.err


def test_doctor_says_what_a_folder_names_and_by_which_digest_to_agree(
    program: Program, elsewhere: Path
) -> None:
    """A folder that the release before made is asked about once."""
    with asking() as server:
        leading_to(elsewhere, server)
        described = json.loads((elsewhere / "issuer.json").read_bytes())
        uri = "pkcs11:token=t;object=o?module-path=/usr/lib/x.so&pin-source=/run/pin"
        (elsewhere / "issuer.json").write_text(json.dumps({**described, **pointing_out(elsewhere, uri)}))
        answer = program("doctor", "--in", elsewhere, "--json")
        assert (answer.code, server.calls) == (1, 0)
        found = [item for item in json.loads(answer.out)["findings"] if item["code"] == "not-agreed"]
        assert [item["facts"]["named"] for item in found] == [
            f"postgresql://127.0.0.1:{server.port}/log?sslmode=disable",
            uri,
        ]
        digests = [item["facts"]["digest"] for item in found]
        assert all(digest in answer.out for digest in digests)
        assert server.calls == 0
        agreed = [word for digest in digests for word in ("--agree", digest)]
        answer = program(*agreed, "doctor", "--in", elsewhere, "--json")
        codes = [item["code"] for item in json.loads(answer.out)["findings"]]
        assert (codes.count("named-agreed"), codes.count("not-agreed")) == (2, 0)


@pytest.mark.parametrize("request_", [CLEAR, MD5], ids=["in the clear", "md5"])
def test_no_server_learns_a_password(program: Program, elsewhere: Path, request_: bytes) -> None:
    """Of an address that is one's own, too: the server may be somebody else's by now."""
    own = program.home / "issuer"
    own.parent.mkdir(exist_ok=True)
    copy_folder(elsewhere, own)
    with asking(request_) as server:
        leading_to(own, server)
        answer = program("ledger", "status")
        assert server.calls > 0
        assert server.heard == b""
        assert (answer.code, OWN_SECRET in answer.err) == (3, False)


# 3.1: backups


def test_a_restore_takes_the_files_of_an_issuer_and_no_other(
    program: Program, elsewhere: Path, tmp_path: Path
) -> None:
    more = {
        "x.so": b"\x7fELF",
        "pin": b"1234",
        "log/x.so": b"",
        "shards/1/x.sh": b"#!",
        "contexts/a.json": b"{}",
    }
    hostile(tmp_path / "genuine", tmp_path / "b", more)
    answer = program("issuer", "restore", "b")
    assert answer.code == 0, answer.err
    there = {str(path.relative_to(program.home / "issuer")) for path in (program.home / "issuer").rglob("*")}
    assert there.isdisjoint(more)
    assert all(name in answer.err for name in more)
    assert program("issuer", "list").out.startswith("UNI-000001")


SOURCE = """#include <stdio.h>
__attribute__((constructor)) static void run(void) { fclose(fopen("ran", "w")); }
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler: install gcc")
def test_a_module_that_a_backup_brings_does_not_run(
    program: Program, elsewhere: Path, tmp_path: Path
) -> None:
    Path("x.c").write_text(SOURCE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "x.so", "x.c"], check=True)
    program.home.mkdir(mode=0o700)
    os.chdir(program.home)
    module = (tmp_path / "x.so").read_bytes()
    for path in ("/proc/self/cwd/issuer/x.so", str(tmp_path / "x.so")):
        uri = f"pkcs11:token=t;object=o?module-path={path}&pin-source=file:/proc/self/cwd/issuer/pin"
        described = pointing_out(elsewhere, uri)
        hostile(tmp_path / "genuine", tmp_path / "b", {"x.so": module, "pin": b"1234"}, described)
        restore = ("issuer", "restore", tmp_path / "b")
        correct = ("issuer", "correct", "UNI-000001", "--set", "gpa=3.1")
        answer = program(*restore)
        program(*correct)
        assert not Path("ran").exists(), path
        digest = refused(answer, uri)
        assert not (program.home / "issuer").exists()
        assert program("--agree", digest, *restore).code == 0
        answer = program(*correct)
        assert not Path("ran").exists(), path
        assert answer.code in (1, 3), answer.err
        shutil.rmtree(program.home / "issuer")
        (program.home / "issuer.checkpoint").unlink(missing_ok=True)


def test_a_restore_calls_no_host_unasked(program: Program, elsewhere: Path, tmp_path: Path) -> None:
    with asking() as server:
        named = leading_to(elsewhere, server)
        brought = {"ledger.json": (elsewhere / "ledger.json").read_bytes()}
        hostile(tmp_path / "genuine", tmp_path / "b", brought)
        answer = program("issuer", "restore", "b")
        assert server.calls == 0
        refused(answer, named)
        assert not (program.home / "issuer").exists()


def test_what_was_restored_is_asked_about_after_it_changed(
    program: Program, elsewhere: Path, tmp_path: Path
) -> None:
    """Wherever it is by then, and whoever looks: whoever verifies, too."""
    hostile(tmp_path / "genuine", tmp_path / "b")
    assert program("issuer", "restore", "b").code == 0
    with asking() as server:
        named = leading_to(program.home / "issuer", server)
        answers = program("issuer", "list"), program("ledger", "status")
        assert server.calls == 0
        for answer in answers:
            refused(answer, named)
        assert named in program("doctor", "--json").out
        Path("trust.json").write_text(program("--home", elsewhere.parent, "issuer", "trust").out)
        program("verify", "diploma.json", "--trust", "trust.json")
        assert server.calls == 0


# 3.3: who is recognised


def recognised(program: Program) -> list[str]:
    return [issuer["id"] for issuer in json.loads(program("trust", "list", "--json").out)["issuers"]]


def test_who_restores_a_backup_does_not_thereby_recognise_its_issuer(
    program: Program, elsewhere: Path, tmp_path: Path
) -> None:
    hostile(tmp_path / "genuine", tmp_path / "b")
    answer = program("issuer", "restore", "b")
    assert recognised(program) == []
    fingerprint = program("--home", elsewhere.parent, "issuer", "trust").err.partition(": ")[2].split("\n")[0]
    assert len(fingerprint) == 41
    for told in (fingerprint, "Mallory's", "did:web:m.example", "trust add"):
        assert told in answer.err
    assert program("verify", "diploma.json", "--offline").code == 3
    # nor does whoever works with it
    assert program("issuer", "issue", "g.csv").code == 0
    assert program("issuer", "close").code == 0
    assert recognised(program) == []


@pytest.mark.slow
def test_at_a_terminal_it_is_asked_who_is_recognised(
    program: Program, elsewhere: Path, tmp_path: Path
) -> None:
    hostile(tmp_path / "genuine", tmp_path / "b")
    question = b"is the fingerprint the one that they have? [y/N]: "
    typed(program.home, ["issuer", "restore", str(tmp_path / "b")], [(question, b"n")])
    assert recognised(program) == []
    shutil.rmtree(program.home / "issuer")
    typed(program.home, ["issuer", "restore", str(tmp_path / "b")], [(question, b"y")])
    assert recognised(program) == ["did:web:m.example"]
    shutil.rmtree(program.home / "issuer")
    typed(
        program.home, ["issuer", "restore", str(tmp_path / "b")], []
    )  # who is recognised is not asked about


def test_a_backup_binds_no_other_log_to_an_issuer_that_is_recognised(
    program: Program, elsewhere: Path, tmp_path: Path
) -> None:
    """It says that it is the university's, and brings a log and keys of its own."""
    theirs = ("--home", tmp_path / "university")
    init = ("issuer", "init", "--name", "University", "--url", "https://m.example")
    assert program(*theirs, *init).code == 0
    Path("trust.json").write_text(program(*theirs, "issuer", "trust").out)
    assert program("trust", "add", "trust.json").code == 0
    before = (program.home / "trust.json").read_bytes()
    hostile(tmp_path / "genuine", tmp_path / "b")
    assert Identity.read(elsewhere).did == "did:web:m.example"
    answer = program("issuer", "restore", "b")
    assert (program.home / "trust.json").read_bytes() == before
    assert answer.code == 0
    assert "Conflict" in answer.err or "speak for" in answer.err


# What else a file of a folder names


def test_a_change_of_keys_that_a_backup_brings_is_asked_about(
    program: Program, elsewhere: Path, tmp_path: Path
) -> None:
    """It is finished by whoever opens the log next, and then the description names its key."""
    uri = "pkcs11:token=t;object=o?module-path=/x/y.so"
    key = pointing_out(elsewhere, uri)["signerKey"]
    change = {
        "version": 1,
        "kind": "rotate",
        "document": json.loads((elsewhere / "did.json").read_bytes()),
        "replaced": {},
        "identity": {"signer_uri": uri, "signer_key": key},
    }
    hostile(tmp_path / "genuine", tmp_path / "b", {"rotation.json": json.dumps(change).encode()})
    answer = program("issuer", "restore", "b")
    assert not (program.home / "issuer").exists()
    refused(answer, uri)


@pytest.mark.slow
def test_the_ledgers_of_a_strangers_log_are_asked_about(program: Program, elsewhere: Path) -> None:
    """Their settings name a file of nodes, a contract, and a key that pays."""
    with asking() as server:
        nodes = elsewhere / "nodes"
        nodes.touch(0o600)
        nodes.write_text(f"http://127.0.0.1:{server.port}")
        account = "0x" + "1" * 40
        settings = {
            "nodes": str(nodes), "depth": 1, "feeCap": 10**9, "feeKey": f"file:{elsewhere}/keys.json#log",
            "asOf": 1, "account": account, "owner": account, "contract": account, "since": 0,
        }  # fmt: skip
        Outbox(elsewhere).add("eip155:1", timedelta(days=1), settings, utc_now())
        in_folder = ("ledger", "--in", elsewhere, "anchor")
        for words in (("run",), ("add", "eip155:1", "--depth", "2")):
            answer = program(*in_folder, *words)
            assert server.calls == 0, words
            refused(answer, str(nodes))
        copy_folder(elsewhere, program.home / "issuer")
        program("doctor")
        assert server.calls > 0, "of one's own nobody is asked"


@pytest.mark.parametrize("long", [2001, 50_000])
def test_what_nobody_would_read_to_its_end_is_not_agreed_to(
    program: Program, elsewhere: Path, long: int
) -> None:
    with asking() as server:
        leading_to(elsewhere, server, more="&application_name=" + "x" * long)
        answer = program("ledger", "--in", elsewhere, "status")
        assert server.calls == 0
        assert (answer.code, "more than 2000 characters" in answer.err) == (1, True)
