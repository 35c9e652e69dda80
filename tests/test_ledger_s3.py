"""A log in a bucket, by a real cluster: what is refused, who may do what, and what faults leave.

Where nothing is said of either, the same is asked of the twin in memory: what both do, the twin does right.
"""

from __future__ import annotations

import json
import random
import secrets
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

import httpx
import pytest

from tests.problems import raises

pytest.importorskip("obstore", reason="no extra [s3]: pip install '.[s3]'")
pytest.importorskip("boto3", reason="no moto: pip install 'moto[server]'")
from botocore.exceptions import ClientError

from intaglio.tls import ServerFiles, server_files
from ledger import Checkpoint
from ledger.audit import audit
from ledger.log import LogReader
from ledger.move import seal_source
from ledger.problem import LEDGER_CLOCK, LEDGER_NOT_CONDITIONAL, LOG_SEALED
from ledger.tiles.engines import open_store
from ledger.tiles.journal import Capacity
from ledger.tiles.s3.address import ENDPOINT, Location, parse_location, settings
from ledger.tiles.s3.bucket import Bucket
from ledger.tiles.s3.heads import head_path
from ledger.tiles.s3.store import S3Store
from ledger.tiles.store import CHECKPOINT, Batch, Mark, State, examine, mark_of
from tests import s3_server
from tests.commandline import Program
from tests.crowd import Crowd
from tests.fault.kill import killed_by
from tests.ledger_samples import COSIGNER, ORIGIN, SIGNER, open_log, samples
from tests.s3_line import Answer, Cut, Request, line, moto
from tests.s3_server import BUCKET, LOCKED, Cluster, client, environment
from tests.s3_twin import Twin, twin
from tests.serving import listening
from tests.test_service_logs import running
from wire.problem import PASSWORD_IN_ADDRESS, Damaged, NotFound, Refused, TooLarge, TryLater, Unavailable

_T = TypeVar("_T")
HIDDEN = "correct-horse"


def served(test: _T) -> _T:
    """A test by a server."""
    return cast("_T", pytest.mark.slow(s3_server.needed(test)))


@pytest.fixture(params=["twin", pytest.param("cluster", marks=[pytest.mark.slow, s3_server.needed])])
def store_in_use(request: pytest.FixtureRequest) -> Iterator[Cluster | Twin]:
    """Stores that are opened from now on go there."""
    if request.param == "cluster":
        yield s3_server.server()
    else:
        with twin().reached():
            yield twin()


@pytest.fixture
def cluster() -> Cluster:
    return s3_server.server()


@pytest.fixture
def real(cluster: Cluster, tmp_path: Path) -> str:
    """The address of a log in the cluster."""
    return cluster.of(tmp_path)


@pytest.fixture
def endpoint(store_in_use: Cluster | Twin) -> str:
    return store_in_use.endpoint


@pytest.fixture
def uri(store_in_use: Cluster | Twin, tmp_path: Path) -> str:
    return store_in_use.of(tmp_path)


@pytest.fixture
def look(store_in_use: Cluster | Twin) -> Objects:
    return Objects(store_in_use)


class Objects:
    """The objects of a log as their owner sees them."""

    def __init__(self, store: Cluster | Twin) -> None:
        self._objects = store.objects if isinstance(store, Twin) else Owned(store.endpoint)

    def names(self, uri: str) -> list[str]:
        prefix = parse_location(uri).prefix
        return sorted(name.removeprefix(prefix) for name in self._objects if name.startswith(prefix))

    def get(self, uri: str, name: str) -> bytes:
        return self._objects[parse_location(uri).prefix + name]

    def put(self, uri: str, name: str, data: bytes) -> None:
        self._objects[parse_location(uri).prefix + name] = data

    def remove(self, uri: str, name: str) -> None:
        del self._objects[parse_location(uri).prefix + name]


class Owned(MutableMapping[str, bytes]):
    """The objects of a bucket, by its owner's key."""

    def __init__(self, endpoint: str) -> None:
        self._client = client(endpoint)

    def __iter__(self) -> Iterator[str]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            yield from (listed["Key"] for listed in page.get("Contents", []))

    def __len__(self) -> int:
        return len([*self])

    def __getitem__(self, name: str) -> bytes:
        return bytes(self._client.get_object(Bucket=BUCKET, Key=name)["Body"].read())

    def __setitem__(self, name: str, data: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=name, Body=data)

    def __delitem__(self, name: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=name)


def through(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, key: str = "appender", secret: str | None = None
) -> None:
    """Stores that are opened from now on go there."""
    for name, value in environment(endpoint, key, secret).items():
        monkeypatch.setenv(name, value)


class TestAddresses:
    def test_a_bucket_and_a_prefix(self) -> None:
        assert parse_location("s3://diplomas/university/log") == Location("diplomas", "university/log/")
        assert parse_location("s3://diplomas/log/") == Location("diplomas", "log/")
        assert parse_location("s3://diplomas") == parse_location("s3://diplomas/") == Location("diplomas", "")

    @pytest.mark.parametrize("rest", [f"clerk:{HIDDEN}@diplomas/log", f"{HIDDEN}@diplomas"])
    def test_a_secret_is_refused_by_name_and_shown_nowhere(self, rest: str) -> None:
        with raises(PASSWORD_IN_ADDRESS) as caught:
            open_store(f"s3://{rest}")
        assert HIDDEN not in repr(caught.value.to_dict())

    @pytest.mark.parametrize(
        "rest",
        [
            *("", "/log", "UPPER/log", "ab", f"diplomas?secret={HIDDEN}", "diplomas#x", "diplomas/../log"),
            *("diplomas/a//b", "diplomas/a b", "diplomas/%2e%2e/log", "[/log", "diplomas:443/log"),
        ],
    )
    def test_what_is_no_bucket_is_not_shown(self, rest: str) -> None:
        with pytest.raises(Refused) as caught:
            open_store(f"s3://{rest}")
        assert HIDDEN not in repr(caught.value.to_dict())

    def test_the_environment_goes_before_the_files(self, tmp_path: Path) -> None:
        aws = tmp_path / ".aws"
        aws.mkdir()
        (aws / "credentials").write_text(
            "[default]\naws_access_key_id = D\naws_secret_access_key = d\n"
            "[uni]\naws_access_key_id = U\naws_secret_access_key = u\naws_session_token = t\n"
        )
        (aws / "config").write_text(
            "[default]\nregion = eu-west-1\n"
            "[profile uni]\nendpoint_url = https://s3.uni.example\ns3 =\n    addressing_style = virtual\n"
        )
        home = {"HOME": str(tmp_path)}
        assert settings("log", home) == {
            "region": "eu-west-1",
            "virtual_hosted_style_request": False,
            "access_key_id": "D",
            "secret_access_key": "d",
        }
        assert settings("log", {**home, "AWS_PROFILE": "uni"}) == {
            "region": "us-east-1",
            "virtual_hosted_style_request": True,
            "access_key_id": "U",
            "secret_access_key": "u",
            "session_token": "t",
            ENDPOINT: "https://log.s3.uni.example:443",
        }
        told = {"AWS_REGION": "eu-north-1", "AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "e"}
        found = settings("log", {**home, **told, "AWS_ENDPOINT_URL": "https://[2001:db8::1]:9000"})
        assert found["access_key_id"] == "E"
        assert (found["region"], found[ENDPOINT]) == ("eu-north-1", "https://[2001:db8::1]:9000")
        for value, is_virtual in (("true", True), ("1", True), ("false", False)):
            asked = {**home, "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": value}
            assert settings("log", asked)["virtual_hosted_style_request"] is is_virtual
        (aws / "config").write_text("region = nowhere\n")
        with pytest.raises(Refused, match="config is not a file"):
            settings("log", home)

    @pytest.mark.parametrize("host", ["s3.uni.example", "192.0.2.1", "127.0.0.1.example", "[2001:db8::1]"])
    def test_without_tls_only_on_this_machine(self, host: str) -> None:
        key = {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "e", "HOME": "/nowhere"}
        for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
            with pytest.raises(Refused, match="no TLS"):
                settings("log", {**key, name: f"http://{host}:9000"})
        for here in ("127.0.0.1", "localhost", "[::1]"):
            settings("log", {**key, "AWS_ENDPOINT_URL_S3": f"http://{here}:9000"})

    def test_no_key(self) -> None:
        with pytest.raises(Refused, match="no key"):
            settings("log", {"HOME": "/nowhere", "AWS_ENDPOINT_URL_S3": "https://s3.uni.example"})

    @pytest.mark.slow
    def test_without_the_extra_that_is_said(self) -> None:
        program = (
            "import sys; sys.modules['obstore'] = None\n"
            "from ledger.tiles.engines import open_store\n"
            "from wire.problem import Refused\n"
            "try: open_store('s3://diplomas/log')\n"
            "except Refused as problem: print(problem.detail)\n"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert said.stdout == "a log in S3 needs obstore, which is not installed\n"


@served
class TestStores:
    def test_one_that_creates_what_is_there_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As s3rver does, which ignores the condition: here moto, for which a line takes it out."""

        def ignore(request: Request) -> None:
            request.headers = {k: v for k, v in request.headers.items() if k.lower() != "if-none-match"}

        with moto() as endpoint, line(endpoint, ignore) as ignoring:
            client(endpoint).create_bucket(Bucket=BUCKET)
            through(ignoring, monkeypatch)
            for _ in range(2):
                with raises(LEDGER_NOT_CONDITIONAL):
                    open_log(open_store(f"s3://{BUCKET}/log"))
                with raises(LEDGER_NOT_CONDITIONAL):
                    open_store(f"s3://{BUCKET}/log").put({})
            through(endpoint, monkeypatch)
            log = open_log(open_store(f"s3://{BUCKET}/log"))
            assert log.append(samples(0, 300), b"1") == range(300)

    def test_a_bucket_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with moto() as endpoint:
            through(endpoint, monkeypatch)
            for read_only in (False, True):
                store = open_store("s3://nowhere/log", read_only=read_only)
                with pytest.raises(NotFound, match="no such bucket"), store.lock():
                    store.get("tile/0/000")

    def test_versions_and_a_lock_on_objects(self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
        owner, real = client(cluster.endpoint), f"s3://{LOCKED}/{secrets.token_hex(8)}"
        through(cluster.endpoint, monkeypatch, "owner")
        log = open_log(open_store(real))
        for size in (1, 300, 301):
            log.append(samples(log.checkpoint().size, size), b"%d" % size)
        assert audit(open_log(open_store(real))).size == 301
        prefix = parse_location(real).prefix
        versions = owner.list_object_versions(Bucket=LOCKED, Prefix=prefix)["Versions"]
        names = [each["Key"] for each in versions if each["Key"] != f"{prefix}{CHECKPOINT}"]
        assert len(names) == len({*names}) > 10  # nothing was written twice
        version = next(each for each in versions if each["Key"] == f"{prefix}{head_path(1)}")
        with pytest.raises(ClientError, match=r"AccessDenied|WORM|retention"):
            owner.delete_object(Bucket=LOCKED, Key=version["Key"], VersionId=version["VersionId"])


@served
class TestTLS:
    @pytest.fixture
    def files(self, tmp_path: Path) -> ServerFiles:
        return server_files(tmp_path / "tls", ["localhost"], now=datetime.now(UTC))

    @pytest.fixture
    def tls(self, files: ServerFiles) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.chain, files.key)
        return context

    def test_an_authority_is_named_by_the_environment(
        self,
        cluster: Cluster,
        real: str,
        files: ServerFiles,
        tls: ssl.SSLContext,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
        with line(cluster.endpoint, tls=tls, host="localhost") as endpoint:
            assert endpoint.startswith("https:")
            through(endpoint, monkeypatch)
            assert open_log(open_store(real)).append(samples(0, 3), b"1") == range(3)

    def test_an_unknown_authority(
        self, cluster: Cluster, real: str, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with line(cluster.endpoint, tls=tls, host="localhost") as endpoint:
            through(endpoint, monkeypatch)
            with pytest.raises(Unavailable, match="not trusted"):
                open_store(real).get("tile/0/000")

    def test_another_name(
        self,
        cluster: Cluster,
        real: str,
        files: ServerFiles,
        tls: ssl.SSLContext,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
        with line(cluster.endpoint, tls=tls, host="127.0.0.2") as endpoint:
            through(endpoint, monkeypatch)
            with pytest.raises(Unavailable, match="not trusted"):
                open_store(real).get("tile/0/000")


class TestTheStore:
    """What an engine builds upon: the S3 API Reference, PutObject and ListObjectsV2."""

    @pytest.fixture
    def bucket(self, uri: str) -> Bucket:
        return Bucket(parse_location(uri))

    def test_what_is_there_is_not_created(self, bucket: Bucket) -> None:
        assert bucket.create("batch/1", b"one")
        assert bucket.create("batch/1", b"one"), "as where an answer was lost"
        assert not bucket.create("batch/1", b"other")
        assert (bucket.get("batch/1"), bucket.has("batch/1"), bucket.has("batch/2")) == (b"one", True, False)
        bucket.create_many({"batch/1": b"other", "batch/2": b"two", "batch/3": b""})
        bucket.replace("batch/3", b"three")
        wanted = [f"batch/{number}" for number in range(4)]
        assert bucket.get_many(wanted) == {"batch/1": b"one", "batch/2": b"two", "batch/3": b"three"}

    def test_of_many_who_create_one_object_one_does(self, bucket: Bucket) -> None:
        barrier = threading.Barrier(8)

        def create(number: int) -> bool:
            barrier.wait(60)
            return bucket.create("head/1", b"%d" % number)

        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(create, range(8)))
        assert won.count(True) == 1
        assert bucket.get("head/1") == b"%d" % won.index(True)

    def test_names_come_in_the_order_of_their_bytes(self, bucket: Bucket) -> None:
        """A page has a thousand of them; those below a folder are among them."""
        names = ["a/0", "a/1", "a/10", "a/1a", "a/2/3", "a/A", "a/_", "a/b"]
        bucket.create_many(dict.fromkeys([*names, "b/0"], b"x"))
        assert bucket.names("a/", 8) == sorted(names)
        assert [bucket.first_after(f"a/{name}") for name in ("", "1", "10", "b")] == [
            "a/0",
            "a/10",
            "a/1a",
            None,
        ]
        with pytest.raises(Damaged, match="more than 7 objects"):
            bucket.names("a/", 7)

    @pytest.mark.slow
    def test_more_names_than_a_page_has(self, bucket: Bucket) -> None:
        names = [f"c/{number:04}" for number in range(1005)]
        bucket.create_many(dict.fromkeys(names, b"x"))
        assert bucket.names("c/", 2000) == names
        assert bucket.first_after("c/1002") == "c/1003"


class TestRights:
    def test_a_reader_only_reads(self, endpoint: str, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
        log = open_log(open_store(uri))
        log.append(samples(0, 300), b"first")
        through(endpoint, monkeypatch, "reader")
        store = open_store(uri, read_only=True)
        assert audit(LogReader(ORIGIN, SIGNER.public_key, COSIGNER.public_key, store)) == log.checkpoint()
        with pytest.raises(Refused, match="does not let this key"):
            open_log(open_store(uri)).append(samples(0, 1), b"second")

    @served
    def test_a_wrong_secret(self, cluster: Cluster, real: str, monkeypatch: pytest.MonkeyPatch) -> None:
        through(cluster.endpoint, monkeypatch, "appender", HIDDEN)
        for ask in (open_store(real).head, lambda: open_log(open_store(real))):
            with pytest.raises(Refused, match="does not let this key") as caught:
                ask()
            assert HIDDEN not in repr(caught.value.to_dict())


class TestHeads:
    @pytest.mark.slow
    def test_none_is_written_where_nothing_was_appended(self, uri: str, look: Objects) -> None:
        log = open_log(open_store(uri))
        log.append(samples(0, 3), b"1")
        before = look.names(uri)
        for _ in range(5):
            log = open_log(open_store(uri))
            assert log.append(samples(0, 3), b"1") == range(3)
        assert look.names(uri) == before
        assert [name for name in before if name.startswith("head/")] == [head_path(1), head_path(2)]

    @pytest.mark.slow
    def test_the_newest_is_found_in_few_steps(
        self, endpoint: str, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = open_log(S3Store(uri, capacity=Capacity(batches=1)))
        for size in range(1, 21):
            log.append(samples(size - 1, size), b"%d" % size)
        asked: list[str] = []

        def count(request: Request) -> None:
            asked.extend([request.path] if "/head/" in request.path else [])

        with line(endpoint, count) as counted:
            through(counted, monkeypatch)
            store = open_store(uri, read_only=True)
            assert store.get(CHECKPOINT) == log.checkpoint().note
        assert len(asked) < 14

    def test_a_list_that_is_behind(self, endpoint: str, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if nothing had ever been written: the newest head is found, and appending goes on behind it."""
        log = open_log(open_store(uri))
        for size in range(1, 8):
            log.append(samples(size - 1, size), b"%d" % size)
        nothing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        lists: list[str] = []

        def behind(request: Request) -> Answer | None:
            if "list-type=2" not in request.path:
                return None
            lists.append(request.path)
            return Answer(200, nothing)

        with line(endpoint, behind) as late:
            through(late, monkeypatch)
            second = open_log(open_store(uri))
            assert second.checkpoint() == log.checkpoint()
            assert second.append(samples(7, 9), b"more") == range(7, 9)
        assert lists
        assert audit(log).size == 9

    def test_a_gap_in_them_is_seen(self, uri: str, look: Objects) -> None:
        log = open_log(open_store(uri))
        for size in range(1, 5):
            log.append(samples(size - 1, size), b"%d" % size)
        look.remove(uri, head_path(3))
        for read_only in (False, True):
            with pytest.raises(Damaged, match="head/0000000000000003 is missing"):
                open_store(uri, read_only=read_only).head()
        look.remove(uri, head_path(1))
        with pytest.raises(Damaged, match="head/0000000000000001 is missing"):
            open_store(uri).head()

    def test_what_is_not_a_head(self, uri: str, look: Objects) -> None:
        open_log(open_store(uri))
        said = look.get(uri, head_path(1))
        for wrong in (b"", b"{}\n", b"[]\n", said.replace(b'"version":1', b'"version":2'), said[:40]):
            look.put(uri, head_path(1), wrong)
            with pytest.raises(Damaged, match="head/0000000000000001"):
                open_store(uri).head()

    def test_what_is_not_a_batch(self, uri: str, look: Objects) -> None:
        log = open_log(open_store(uri))
        log.append(samples(0, 3), b"1")
        [name] = [name for name in look.names(uri) if name.startswith("batch/")]
        said = look.get(uri, name)
        look.put(uri, name, said[:-1] + b"x")
        with pytest.raises(Damaged, match="is not what was written"):
            open_log(open_store(uri))


class TestAnOldCopy:
    def test_it_is_refused_where_the_newest_checkpoint_is_kept(
        self, endpoint: str, uri: str, look: Objects, tmp_path: Path
    ) -> None:
        kept, yesterday = tmp_path / "kept", f"{uri}/yesterday"
        log = open_log(open_store(uri), kept=kept)
        log.append(samples(0, 3), b"1")
        for name in look.names(uri):
            look.put(yesterday, name, look.get(uri, name))
        log.append(samples(3, 5), b"2")
        for _ in range(2):
            with pytest.raises(Damaged, match="once had 5 entries"):
                open_log(open_store(yesterday), kept=kept)
        assert open_log(open_store(uri), kept=kept).checkpoint() == log.checkpoint()
        assert open_log(open_store(yesterday)).checkpoint().size == 3  # where nothing knows better

    @pytest.mark.slow
    def test_the_kept_checkpoint_never_goes_back(self, uri: str, tmp_path: Path) -> None:
        """Of several writers with one file, who published first may come last to write it."""
        kept, behind = tmp_path / "kept", list[bytes]()

        def work(name: int) -> None:
            log = open_log(open_store(uri), kept=kept)
            for number in range(5):
                key = b"%d/%d" % (name, number)
                stop = log.append([key], key).stop
                if Checkpoint.parse(kept.read_bytes()).size < stop:
                    behind.append(key)

        open_log(open_store(uri), kept=kept)
        with ThreadPoolExecutor() as threads:
            list(threads.map(work, range(3)))
        assert not behind
        assert Checkpoint.parse(kept.read_bytes()) == open_log(open_store(uri)).checkpoint()

    def test_what_another_writer_published_for_us_is_kept_before_we_answer(
        self, endpoint: str, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other signs for our batch while we write its tiles. An older copy must not pass for newest."""
        kept, other = tmp_path / "kept", open_log(open_store(uri))
        held: list[str] = []

        def hold(request: Request) -> None:
            if request.method == "PUT" and "/tile/" in request.path and not held:
                held.append(request.path)
                other.append(samples(3, 5), b"other")

        with line(endpoint, hold) as slow:
            through(slow, monkeypatch)
            log = open_log(open_store(uri), kept=kept)
            assert log.append(samples(0, 3), b"mine") == range(3)
        assert held
        assert Checkpoint.parse(kept.read_bytes()).size >= 3


class TestThePublicCheckpoint:
    def test_it_is_the_newest(self, uri: str, look: Objects) -> None:
        log = open_log(open_store(uri))
        for size in (1, 2):
            log.append(samples(size - 1, size), b"%d" % size)
            assert look.get(uri, CHECKPOINT) == log.checkpoint().note

    def test_an_older_one_that_comes_last_is_written_over(
        self, endpoint: str, uri: str, look: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its writer is held up on the way there, while another appends and publishes."""
        other = open_log(open_store(uri))
        held: list[bytes] = []

        def hold(request: Request) -> None:
            if request.method == "PUT" and request.path.endswith(f"/{CHECKPOINT}") and not held:
                held.append(request.body)
                other.append(samples(3, 5), b"other")

        with line(endpoint, hold) as slow:
            through(slow, monkeypatch)
            log = open_log(open_store(uri))
            log.append(samples(0, 3), b"mine")
        assert held != [other.checkpoint().note]
        assert look.get(uri, CHECKPOINT) == other.checkpoint().note == log.checkpoint().note

    def test_where_its_writer_died_the_next_one_writes_it(
        self, endpoint: str, uri: str, look: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = open_log(open_store(uri))
        log.append(samples(0, 3), b"1")
        look.put(uri, CHECKPOINT, b"an older one")
        assert open_store(uri, read_only=True).get(CHECKPOINT) == log.checkpoint().note
        open_log(open_store(uri))
        assert look.get(uri, CHECKPOINT) == log.checkpoint().note


@pytest.mark.slow
def test_a_tile_that_another_with_the_key_created_ahead_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key may create objects and change none: once it is deleted, by who may, the log goes on."""
    with moto() as endpoint:
        owner = client(endpoint)
        owner.create_bucket(Bucket="diplomas")
        for name, value in environment(endpoint).items():
            monkeypatch.setenv(name, value)
        log = open_log(open_store("s3://diplomas/university"))
        log.append(samples(0, 300), b"1")
        store = open_store("s3://diplomas/university", read_only=True)
        examine(store)
        false = "tile/0/001.p/45"
        owner.put_object(Bucket="diplomas", Key=f"university/{false}", Body=b"x")
        for _ in range(2):
            with pytest.raises(Damaged, match=f"ahead of it: {false}$"):
                examine(store)
            with pytest.raises(Damaged, match="does not read back"):
                log.append([b"one more"], b"2")
        owner.delete_object(Bucket="diplomas", Key=f"university/{false}")
        examine(store)
        assert log.append([b"one more"], b"2") == range(300, 301)
        assert audit(log).size == 301


class TestWhatIsGone:
    @pytest.fixture
    def log(self, uri: str) -> str:
        log = open_log(S3Store(uri, capacity=Capacity(batches=1)))
        log.append(samples(0, 700), b"1")
        log.append(samples(700, 701), b"2")
        return uri

    @pytest.mark.quick("twin-head/0000000000000001")
    @pytest.mark.parametrize("name", [head_path(1), "tile/0/000", "tile/entries/000"])
    def test_a_look_at_some_objects_misses_it(self, log: str, name: str, look: Objects) -> None:
        store = open_store(log, read_only=True)
        examine(store)
        look.remove(log, name)
        with pytest.raises(Damaged, match=f"{name} is gone"):
            examine(store)

    def test_a_tile_that_is_another(self, log: str, look: Objects) -> None:
        look.put(log, "tile/0/000", look.get(log, "tile/0/001"))
        with pytest.raises(Damaged, match="tile/0/000 is not what follows"):
            examine(open_store(log, read_only=True))

    @pytest.mark.quick("twin-False")
    @pytest.mark.parametrize("read_only", [False, True])
    def test_some_opening_looks(
        self, log: str, look: Objects, read_only: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One in a hundred, and here one in four: that none of two hundred does is not to be expected."""
        monkeypatch.setattr("ledger.tiles.s3.store._EXAMINED", 4)
        look.remove(log, "tile/0/000")
        for _ in range(200):
            try:
                with open_store(log, read_only=read_only).lock():
                    pass
            except Damaged:
                return
        pytest.fail("no opening missed it")


class TestTheLine:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "passing",
        [
            Answer(429),
            Answer(500, b"<Error><Code>InternalError</Code></Error>"),
            Answer(503, b"<Error><Code>SlowDown</Code></Error>"),
            Answer(400, b"<Error><Code>RequestTimeout</Code></Error>"),
            Answer(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>"),
            Cut.BEFORE,
            Cut.WITHIN,
        ],
        ids=str,
    )
    def test_what_passes_is_tried_again(
        self, endpoint: str, uri: str, monkeypatch: pytest.MonkeyPatch, passing: Answer | Cut
    ) -> None:
        """What S3 answers now and then ("Error responses"), or a line that breaks: once while recording."""
        failures = [passing]

        def judge(request: Request) -> Answer | Cut | None:
            return (
                failures.pop() if request.method == "PUT" and "/batch/" in request.path and failures else None
            )

        with line(endpoint, judge) as bad:
            through(bad, monkeypatch)
            log = open_log(open_store(uri))
            assert log.append(samples(0, 300), b"1") == range(300)
            assert audit(log).size == 300
        assert not failures

    @pytest.mark.slow
    def test_what_does_not_pass_is_told_after_ten_seconds(
        self, endpoint: str, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A store that stays busy, and one that is not there: all of them at once."""
        with listening() as free:
            nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
        with (
            line(endpoint, lambda _: Answer(429)) as slower,
            line(endpoint, lambda _: Answer(503)) as busy,
            ThreadPoolExecutor() as threads,
        ):
            asked = []
            for endpoint in (slower, busy, nobody):
                through(endpoint, monkeypatch)
                asked.append(threads.submit(open_store(uri).get, "tile/0/000"))
            begun = time.monotonic()
            problems = [each.exception() for each in asked]
            assert 5 < time.monotonic() - begun < 12
        assert [type(problem) for problem in problems] == [TryLater, TryLater, Unavailable]
        assert "cannot be reached" in str(problems[-1])
        assert "secret" not in repr(problems)

    def test_a_clock_that_is_wrong_is_named(
        self, endpoint: str, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What S3 answers then ("Error responses", RequestTimeTooSkewed)."""
        skewed = Answer(403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>")
        with line(endpoint, lambda _: skewed) as late:
            through(late, monkeypatch)
            with raises(LEDGER_CLOCK):
                open_store(uri).get("tile/0/000")

    def test_a_bucket_in_another_region_is_named(
        self, endpoint: str, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with line(endpoint, lambda _: Answer(301)) as elsewhere:
            through(elsewhere, monkeypatch)
            with pytest.raises(Refused, match="another region"):
                open_store(uri).get("tile/0/000")

    @pytest.mark.quick("twin-batch", "twin-conditional")
    @pytest.mark.parametrize("kind", ["batch", "head", "tile", "key", "conditional"])
    def test_an_answer_that_is_lost(
        self, kind: str, endpoint: str, uri: str, look: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The store did it, and says that it is there already when it is asked again: it is ours."""
        lost: list[str] = []

        def lose(request: Request) -> Cut | None:
            if request.method == "PUT" and f"/{kind}" in request.path and request.path not in lost:
                lost.append(request.path)
                return Cut.AFTER
            return None

        with line(endpoint, lose) as bad:
            through(bad, monkeypatch)
            log = open_log(S3Store(uri, capacity=Capacity(batches=1)))
            assert log.append(samples(0, 300), b"1") == range(300)
            assert log.append(samples(0, 300), b"1") == range(300)
            assert audit(log).size == 300
        assert lost
        names = look.names(uri)
        assert len([name for name in names if name.startswith("batch/")]) == 1
        assert len([name for name in names if name.startswith("head/")]) == 3  # empty, appended, settled

    def test_a_batch_of_anothers_is_not_taken_for_ours(
        self, endpoint: str, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The line breaks before ours arrives; by the time it is sent again, another has recorded there."""
        other = open_log(open_store(uri))
        cut: list[str] = []

        def judge(request: Request) -> Cut | None:
            if request.method == "PUT" and "/batch/" in request.path and not cut:
                cut.append(request.path)
                other.append(samples(10, 12), b"other")
                return Cut.BEFORE
            return None

        with line(endpoint, judge) as bad:
            through(bad, monkeypatch)
            log = open_log(open_store(uri))
            assert log.append(samples(0, 3), b"mine") == range(2, 5)
        assert audit(other).size == 5

    def test_a_batch_that_does_not_read_back_is_not_signed_for(
        self, endpoint: str, uri: str, look: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[str] = []

        def judge(request: Request) -> None:
            if "/batch/" in request.path and request.method == "PUT":
                written.append(request.path.partition(parse_location(uri).prefix)[2])
            elif "/batch/" in request.path and request.method == "GET" and written:
                look.put(uri, written.pop(), b"something else")

        with line(endpoint, judge) as bad:
            through(bad, monkeypatch)
            log = open_log(open_store(uri))
            with pytest.raises(Damaged, match="does not read back"):
                log.append(samples(0, 3), b"1")
            assert open_store(uri).get(CHECKPOINT) == log.checkpoint().note
            assert log.checkpoint().size == 0

    def test_a_fork_of_a_process_that_used_it(self, uri: str) -> None:
        """Its threads are not in the fork, which would wait for them for ever."""
        open_log(open_store(uri))

        def work() -> None:
            with pytest.raises(Unavailable, match="forked"):
                open_store(uri).head()

        assert not killed_by(work)


class TestAStore:
    def test_who_waits_too_long_is_told(self, uri: str) -> None:
        store, told = S3Store(uri, patience=0.05), list[type]()

        def work() -> None:
            try:
                with store.lock():
                    pass
            except TryLater as problem:
                told.append(type(problem))

        with store.lock():
            waiting = threading.Thread(target=work)
            waiting.start()
            waiting.join()
        assert told == [TryLater]
        with store.lock():
            pass

    def test_a_batch_has_as_many_bytes_as_it_may(self, uri: str) -> None:
        store = S3Store(uri, capacity=Capacity(record=10))
        with pytest.raises(TooLarge, match="at most 10 bytes"):
            store.record(Batch(0, b"key", [b"nine and more"]))
        with pytest.raises(TooLarge):
            store.record(Batch(0, b"key", [b"four"]), Batch(1, b"other", [bytes(9)]))
        store.record(Batch(0, b"key", [b"12345678"]))

    def test_it_is_full_by_batches_or_by_bytes(self, uri: str) -> None:
        store = S3Store(uri, capacity=Capacity(batches=2, size=100))
        batches = [Batch(0, b"0", [bytes(97)]), Batch(1, b"1", [b""])]  # each after two bytes of its length
        assert [store.record(batch) for batch in batches] == [False, True]
        by_bytes = S3Store(uri, capacity=Capacity(batches=9, size=104))
        assert len(list(by_bytes.pending(0))) == 2
        assert [by_bytes.record(Batch(at, b"%d" % at, [b""])) for at in (2, 3)] == [False, True]

    def test_who_died_while_a_log_was_sealed_is_helped(
        self, endpoint: str, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The end of the log is sealed by then; the head that stops those who sign is not written."""
        log = open_log(open_store(uri))
        log.append(samples(0, 3), b"1")
        judge = lambda asked: Answer(403) if asked.method == "PUT" and "/head/" in asked.path else None  # noqa: E731
        with line(endpoint, judge) as bad:
            through(bad, monkeypatch)
            with pytest.raises(Refused):
                seal_source(open_store(uri), "move")
        through(endpoint, monkeypatch)
        for store in (open_store(uri, read_only=True), open_store(uri), open_store(uri, read_only=True)):
            assert mark_of(store) == Mark("move", State.LEFT)
        with raises(LOG_SEALED):
            log.append(samples(3, 4), b"2")


@served
def test_several_processes_publish_it(program: Program, real: str) -> None:
    """Each has its own way to the bucket."""
    assert program("issuer", "init", "--name", "U", "--ledger", real).code == 0
    size = json.loads(program("ledger", "status", "--json").out)["size"]
    with running(program.home, "ledger", "serve", "--processes", "3") as (url, _):
        for _ in range(12):
            answer = httpx.get(url)
            assert (answer.status_code, answer.text.splitlines()[1]) == (200, str(size))


@served
class TestFaults:
    def test_a_volume_server_that_is_killed(self, cluster: Cluster, real: str, tmp_path: Path) -> None:
        with Crowd(real, tmp_path / "kept", writers=2) as crowd:
            _until(crowd, 3)
            cluster.kill("volume1")
            _until(crowd, 6)
            cluster.volume(1)
        crowd.require_all()

    @pytest.mark.soak
    def test_volume_servers_that_are_killed_again_and_again(
        self, cluster: Cluster, real: str, tmp_path: Path
    ) -> None:
        with Crowd(real, tmp_path / "kept", writers=4) as crowd:
            for round_ in range(30):
                cluster.kill(f"volume{round_ % 3}")
                _until(crowd, 10)
                cluster.volume(round_ % 3)
                time.sleep(10)  # so that the masters know it again: two of three have to be there
        crowd.require_all()

    def test_a_network_that_is_cut(
        self, cluster: Cluster, real: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dice, cuts = random.Random(3), list[Cut]()

        def judge(request: Request) -> Cut | None:
            if dice.random() > 0.1 or request.method == "GET":
                return None
            cuts.append(dice.choice([*Cut]))
            return cuts[-1]

        with line(cluster.endpoint, judge) as bad:
            through(bad, monkeypatch)
            with Crowd(real, tmp_path / "kept", writers=4) as crowd:
                _until(crowd, 10)
            through(cluster.endpoint, monkeypatch)
            crowd.require_all()
        assert {*cuts} == {*Cut}


def _until(crowd: Crowd, more: int) -> None:
    """Waits until so many more batches are acknowledged."""
    enough, deadline = len(crowd.acknowledged) + more, time.monotonic() + 240
    while len(crowd.acknowledged) < enough:
        assert time.monotonic() < deadline, [problem.detail for problem in crowd.problems[-3:]]
        time.sleep(0.02)
