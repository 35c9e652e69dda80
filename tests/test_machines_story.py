"""A story of three machines: two issue, two serve claims, one changes the keys, one is killed for good."""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from exchange.claim import ClaimLink, Invitation
from issuer.desk.claims import ALREADY_CLAIMED, ClaimLinks
from issuer.desk.http import create_app
from issuer.desk.opening import open_links
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping.joining import join, write_keys
from issuer.keeping.rotation import add, rotate
from keys import PrivateKey
from tests import postgres_server, s3_server
from tests.doubles import at, stops
from tests.fault.issuing import require_once
from tests.serving import listening, serving
from tests.test_issuer_claims import Registrar
from tests.world import NOW, Holder, csv_file, graduate, issuer_in, of_diploma, reopened, verifier_for
from vc import Verdict
from wire.problem import DISK_FULL, Problem, is_full

pytestmark = [pytest.mark.slow, postgres_server.needed, s3_server.needed]

_T = TypeVar("_T")
NORTH, SOUTH, CLAIMED = range(1, 17), range(101, 117), range(201, 205)
ROUNDS = 200
URL = "https://uni.example"


def number(row: int) -> str:
    return graduate(row)["diploma_number"]


@pytest.fixture
def homes(tmp_path: Path) -> list[Path]:
    """Three machines that have joined, over a database and a bucket of their own."""
    server, store = postgres_server.server(), s3_server.server()
    address = server.uri(server.of(tmp_path), "machine")
    homes = [tmp_path / name for name in ("one", "two", "three")]
    issuer_in(homes[0], database=address, ledger=address, shards=store.of(tmp_path), url=URL)
    rejoin(homes, "keys")
    return homes


def rejoin(homes: Sequence[Path], name: str) -> None:
    """Brings the keys of the first machine to the others, by a file of this name."""
    file = homes[0].with_name(name)
    write_keys(homes[0], file)
    address = json.loads((homes[0] / "store.json").read_bytes())["address"]
    for home in homes[1:]:
        join(home, address, file, lambda: None, lambda _: None)


def issue(home: Path, rows: range) -> int:
    source = csv_file(home.with_name(f"{rows.start}.csv"), [graduate(row) for row in rows], span_rows=4)
    return reopened(home).issue_file(Order(source, workers=0)).issued


def issue_beside(home: Path, rows: range, begun: Barrier) -> None:
    """A file is issued by a process of its own, which begins when others do."""
    begun.wait(timeout=60)
    issue(home, rows)


def be_killed(home: Path, rows: range, begun: Barrier) -> None:
    """Another file, by a process that is killed: its second chunk is in the log, and not in the index."""
    begun.wait(timeout=60)
    parts = at(home, "index.finish_chunk", stops(on_call=2, before=True))
    source = csv_file(home.with_name(f"{rows.start}.csv"), [graduate(row) for row in rows], span_rows=4)
    reopened(home, **parts).issue_file(Order(source, workers=0))


def at_once(works: Sequence[Callable[[], _T]]) -> list[_T]:
    """Each in a thread of its own, begun when all are there."""
    barrier = threading.Barrier(len(works))

    def begun(work: Callable[[], _T]) -> _T:
        barrier.wait(timeout=60)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(begun, works))


def race(homes: Sequence[Path], rounds: int) -> None:
    """Two wallets at two machines want one link: in each round one has it, and the other is told."""
    registrar = Registrar()
    desks = [ClaimLinks(open_links(home), URL) for home in homes]
    wallets = [Holder(PrivateKey.generate()) for _ in desks]

    def answer(desk: ClaimLinks, wallet: Holder, token: str) -> bytes:
        return wallet.accept(desk.invite(token, registrar, now=NOW))

    def claim(desk: ClaimLinks, token: str, message: bytes) -> str:
        try:
            desk.redeem(token, message, registrar, now=NOW)
        except Problem as problem:
            return problem.code
        return "won"

    for each in range(rounds):
        token = desks[0].offer(of_diploma(f"race-{each}"), registrar, now=NOW).token
        answers = [answer(desk, wallet, token) for desk, wallet in zip(desks, wallets, strict=True)]
        claims = [partial(claim, desk, token, message) for desk, message in zip(desks, answers, strict=True)]
        assert sorted(at_once(claims)) == [ALREADY_CLAIMED.code, "won"]
    assert len(registrar.given) == rounds


class Desk(NamedTuple):
    """The service of a machine, and its links."""

    claims: ClaimLinks
    port: int

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()

    def claim(self, token: str, wallet: Holder) -> tuple[int, bytes]:
        """A wallet's request, after it has signed the challenge."""
        _, invitation = self.ask("GET", f"/claim/{token}")
        return self.ask(
            "POST",
            f"/claim/{token}",
            wallet.accept(Invitation.parse(invitation, ClaimLink.parse(f"{URL}/claim/{token}"))),
        )


@contextmanager
def served(issuer: Issuer) -> Iterator[Desk]:
    """What `issuer serve` runs, for the machine of an issuer."""
    with listening() as listener:
        claims = ClaimLinks(open_links(issuer.home), URL)
        app = create_app(issuer, claims, issuer.home, lambda: NOW, issuer.reader, kinds=issuer.kinds.intact)
        with serving(app, listener):
            yield Desk(claims, listener.getsockname()[1])


def race_for_diplomas(desks: Sequence[Desk], issuer: Issuer) -> dict[str, bytes]:
    """As `race`, over HTTP and for diplomas that are there: the bundles that were won, by number."""
    won = {}
    for row in CLAIMED:
        token = desks[0].claims.offer(of_diploma(number(row)), issuer, now=NOW).token
        wallets = [Holder(PrivateKey.generate()) for _ in desks]
        found = at_once(
            [partial(desk.claim, token, wallet) for desk, wallet in zip(desks, wallets, strict=True)]
        )
        assert sorted(status for status, _ in found) == [200, 409]
        ((place, body),) = [(place, body) for place, (status, body) in enumerate(found) if status == 200]
        assert json.loads(body)["credential"]["credentialSubject"]["id"] == wallets[place].did
        won[number(row)] = body
    return won


def test_three_machines_of_one_issuer(homes: list[Path]) -> None:
    one, two, three = homes
    issuer = reopened(three)
    issuer.issue_many([graduate(row) for row in CLAIMED])

    # Two issue different files, and meanwhile two serve one link to two wallets.
    context = get_context("spawn")  # with connections of their own, as other machines have them
    begun = context.Barrier(3)
    issuing = [
        context.Process(target=issue_beside, args=(one, NORTH, begun)),
        context.Process(target=be_killed, args=(two, SOUTH, begun)),
    ]
    for process in issuing:
        process.start()
    with served(issuer) as desk, served(reopened(one)) as another:
        begun.wait(timeout=60)
        won = race_for_diplomas([desk, another], issuer)
        race([three, one], ROUNDS)
        for process in issuing:
            process.join(timeout=120)
        assert [process.exitcode for process in issuing] == [0, -signal.SIGKILL]
        shutil.rmtree(two)  # and never comes back

        # A machine that serves all the while shows what another one wrote.
        documents = [each.ask("GET", "/.well-known/did.json") for each in (desk, another)]
        assert documents[0] == documents[1]
        assert documents[0][0] == 200
        assert desk.ask("GET", "/readyz")[0] == 200

        # One machine rotates the keys, which the other has by then.
        first = reopened(one)
        add(first)
        rejoin([one, three], "announced")
        rotate(reopened(one))
        assert desk.ask("GET", "/.well-known/did.json") != documents[0], "never older than what stands"
        token = desk.claims.offer(of_diploma(number(NORTH[0])), issuer, now=NOW).token
        wallet = Holder(PrivateKey.generate())
        assert desk.claim(token, wallet)[0] == 503, "it signs nothing with a key that has ended"
    with served(reopened(three)) as desk:
        status, body = desk.claim(token, wallet)
        assert status == 200, "started again, it has the key that signs now"
        won[number(NORTH[0])] = body

    # Two chunks of the second's file were logged: its second one is completed by whoever looks next, which
    # is the first machine if that began its own file later than the kill. The third issues the rest.
    assert issue(three, SOUTH) == len(SOUTH) - 8
    assert (issue(three, SOUTH), issue(one, NORTH), issue(one, SOUTH)) == (0, 0, 0)
    after = reopened(one)
    assert sorted(entry.number for entry in after.entries() if entry.edition == 1) == sorted(
        map(number, [*NORTH, *SOUTH, *CLAIMED])
    )
    require_once(after)
    assert after.archive.missing() == []
    verifier = verifier_for(after)
    current = [after.current(number(row)) for row in (*NORTH, *SOUTH, *CLAIMED)]
    bundles = [bundle.to_bytes() for bundle in after.bundles(current)]
    for bundle in [*bundles, *won.values()]:
        assert verifier.verify(bundle, now=NOW).verdict is Verdict.VALID


NEW_MOUNTS = 0x20000
"""CLONE_NEWNS of unshare(2): what is mounted from then on, this process and its children see alone."""


def on_a_full_disk(home: Path, rows: range, chunk: int, told: Path) -> None:
    """A file is issued by a process on whose disk nothing has room, from the start or from a chunk on."""
    disk, content = home.parent, told.with_name("content")  # the newest checkpoint lies beside the folder
    shutil.copytree(disk, content)
    assert ctypes.CDLL(None).unshare(NEW_MOUNTS) == 0
    for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", "size=4m", "none", str(disk)]):
        subprocess.run(["mount", *words], check=True)
    shutil.copytree(content, disk, dirs_exist_ok=True)
    source = csv_file(home.with_name("south.csv"), [graduate(row) for row in rows], span_rows=4)
    begun: list[object] = []

    def fill() -> None:
        with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
            while file.write(bytes(512)):
                pass

    def fills(real: Callable[..., None], *given: Any) -> None:
        real(*given)
        begun.append(given)
        if len(begun) == chunk:
            fill()

    if chunk == 0:
        fill()
    try:
        issuer = reopened(home, **at(home, "index.begin_chunk", fills))
        told.write_text(str(issuer.issue_file(Order(source, workers=0)).issued))
    except OSError as error:  # which the command line makes a problem of
        told.write_text(DISK_FULL.code if is_full(error) else "")
    except Problem as problem:
        told.write_text(problem.code)


@pytest.mark.skipif(os.geteuid() != 0, reason="no right to mount: run as root")
@pytest.mark.parametrize(("chunk", "left"), [(0, len(SOUTH)), (2, len(SOUTH) - 8)])
def test_a_full_disk_on_one_of_three(
    chunk: int, left: int, homes: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It is said, since the newest checkpoint has to be kept; with room, the same goes on."""
    told = tmp_path_factory.mktemp("another-disk") / "told"
    machine = get_context("spawn").Process(target=on_a_full_disk, args=(homes[1], SOUTH, chunk, told))
    machine.start()
    machine.join(timeout=120)
    assert told.read_text() == DISK_FULL.code
    assert issue(homes[2], NORTH) == len(NORTH)
    assert issue(homes[1], SOUTH) == left
    issuer = reopened(homes[0])
    assert sorted(entry.number for entry in issuer.entries()) == sorted(map(number, [*NORTH, *SOUTH]))
    require_once(issuer)
