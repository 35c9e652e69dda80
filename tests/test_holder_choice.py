"""What a holder shows of a credential: what was chosen and no more, or, where its form has no choice, all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain, combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from did import METHODS, Resolver
from holder import Held, Wallet
from holder.problem import NO_SUCH_CLAIM, SHOWN_ALONE, SHOWN_WHOLE
from intaglio.deployment import Deployment
from intaglio.session import Session
from tests.commandline import Program
from tests.problems import raises
from tests.world import COLLEGE, NOW, bundle, check, diploma, graduate, issuer_in, trust_in
from vc import Enveloped, Verdict
from vc.forms import FORMS, SD_JWT_VC
from verifier import Verifier, load_policy
from wire.fetch import NoFetcher

PASSPHRASE = b"correct horse battery"
ASKED: dict[str, Any] = {"challenge": "n-0S6_WzA2Mj", "domain": "https://employer.example"}
NAMES = ("name", "diploma_number")


class World(NamedTuple):
    """A wallet with two diplomas: the form of one has a choice, that of the other has none."""

    wallet: Wallet
    parted: Held
    whole: Held
    judge: Verifier


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("choice")
    issuer = issuer_in(home / "issuer", form=FORMS[SD_JWT_VC])
    issuer.issue(graduate(1))
    judge = Verifier(Resolver(METHODS, NoFetcher()), trust=trust_in(issuer), forms=FORMS)
    Wallet.create(home / "wallet", PASSPHRASE, now=NOW)
    with Wallet(home / "wallet", PASSPHRASE, forms=FORMS) as wallet:
        (key,) = wallet.holder_keys()
        data = issuer.claim("UNI-000001", key.did)
        parted = wallet.accept(data, lambda data: judge.verify(data, now=NOW), now=NOW)
        yield World(wallet, parted, wallet.accept(diploma(key.did), check, now=NOW), judge)


SUBSETS = list(chain.from_iterable(combinations(NAMES, count) for count in range(len(NAMES) + 1)))


@pytest.mark.parametrize("only", SUBSETS, ids=",".join)
def test_what_was_chosen_is_shown_and_no_more(world: World, only: tuple[str, ...]) -> None:
    shown = world.wallet.present([world.parted.id], **ASKED, now=NOW, only=only)
    report = world.judge.verify(shown.to_bytes(), now=NOW, **ASKED, policy=load_policy("holderBound"))
    (claims,) = report.require()
    assert {name for name in NAMES if name in claims.said} == {*only}
    assert claims.holder_name == ("Given1 Family1" if "name" in only else "")
    secured = shown.secured
    assert isinstance(secured, Enveloped)
    assert secured.data.count(b"~") == 1 + len(only), "no disclosure is in it that was not chosen"


def test_by_default_all_is_shown_and_what_always_is_may_be_named(world: World) -> None:
    for only in (None, (*NAMES, "iss")):
        shown = world.wallet.present([world.parted.id], **ASKED, now=NOW, only=only)
        (claims,) = world.judge.verify(shown, now=NOW, **ASKED).require()
        assert claims.said.keys() >= {*NAMES}


def test_a_name_that_is_not_there_is_an_error(world: World) -> None:
    for name in ("grade", "_sd", ""):
        with raises(NO_SUCH_CLAIM):
            world.wallet.present([world.parted.id], **ASKED, now=NOW, only=["name", name])


def test_where_a_part_was_chosen_the_whole_is_never_shown(world: World) -> None:
    for names in ([world.whole.id], [world.whole.id, world.whole.id]):
        with raises(SHOWN_WHOLE, match="application/vc"):
            world.wallet.present(names, **ASKED, now=NOW, only=["name"])
    for only, code in ((None, SHOWN_ALONE), (["name"], SHOWN_WHOLE)):
        with raises(code):
            world.wallet.present([world.parted.id, world.whole.id], **ASKED, now=NOW, only=only)
    assert world.wallet.present([world.whole.id], **ASKED, now=NOW)


@pytest.mark.slow
def test_the_holder_reads_what_will_be_seen_before_anything_is_signed(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passphrase, file, college = (tmp_path / name for name in ("passphrase", "a.json", "b.json"))
    passphrase.write_bytes(PASSPHRASE)
    passphrase.chmod(0o600)
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(passphrase))
    program.deployment = Deployment(forms=FORMS)
    program.now = lambda: NOW
    did = program("wallet", "init").out.strip()
    issuer = issuer_in(tmp_path / "issuer", form=FORMS[SD_JWT_VC])
    issuer.issue(graduate(1))
    file.write_bytes(issuer.claim("UNI-000001", did))
    college.write_bytes(bundle(diploma(did)))
    (program.home / "trust.json").write_bytes(COLLEGE.trust.to_bytes())
    Session(program.home).pin(issuer.trust_entry())
    name, whole = (program("wallet", "import", path).out.strip() for path in (file, college))
    asked = ("--challenge", ASKED["challenge"], "--domain", ASKED["domain"], "--yes")

    card = program("wallet", "show", name, "--disclose").out
    assert "can be shown alone: diploma_number, student_id, name, " in card
    assert "always shown: iss, " in card
    listed = json.loads(program("wallet", "show", name, "--disclose", "--json").out)["disclosure"]
    assert ({*NAMES} <= {*listed["alone"]}, "iss" in listed["always"]) == (True, True)
    assert not {*listed["alone"]} & {*listed["always"]}
    assert "always shown whole" in program("wallet", "show", whole, "--disclose").out
    assert json.loads(program("wallet", "show", whole, "--disclose", "--json").out)["disclosure"] is None
    assert "disclosure" not in json.loads(program("wallet", "show", name, "--json").out)

    shown = program("wallet", "present", name, *asked, "--only", "name")
    first, second, *_ = shown.err.splitlines()
    assert first.endswith(", name")
    assert f"this will be shown to {ASKED['domain']}: iss, " in first
    assert second.strip().startswith("this will not be shown: diploma_number, student_id, ")
    (tmp_path / "shown.json").write_text(shown.out)
    report = program("verify", tmp_path / "shown.json", *asked[:-1], "--offline", "--json")
    assert json.loads(report.out)["verdict"] == Verdict.VALID.value
    assert "UNI-000001" not in report.out

    token = program("wallet", "present", name, *asked, "--only", "name", "--format", "json").out
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+~[\w-]+~[\w-]+\.[\w-]+\.[\w-]+\n", token), "as it is sent"
    assert program("wallet", "export", name, "--format", "json").out.startswith("eyJ")
    assert json.loads(program("wallet", "export", whole, "--format", "json").out)["proof"]

    assert "will not be shown" not in program("wallet", "present", name, *asked).err
    answer = program("wallet", "present", whole, *asked)
    assert (answer.code, "all of it will be shown to" in answer.err) == (0, True)
    for chosen, only, code in ((whole, "name", 1), (name, "grade", 4)):
        answer = program("wallet", "present", chosen, *asked, "--only", only)
        assert (answer.code, answer.out) == (code, "")
