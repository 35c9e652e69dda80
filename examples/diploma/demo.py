"""`intaglio demo`: the whole story on this machine, each step a command that you could type yourself.

A university, a graduate and an employer have a folder each and know of each other only what they hand
over. All people in it are invented. The demo fails loudly if any verdict is not the one it tells.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import click

from intaglio.commands.verify.page import serve_page
from intaglio.session import Session
from intaglio.terminal import Result, extra, say, verb, wrapped
from wire.text import counted

from ..uses.catalogue import catalogue
from . import chain

HERE = Path(__file__).parent
NUMBER = "UNI-2026-00000"
"""The diploma that the graduate of this story claims."""


class Unexpected(click.ClickException):
    """A command ended otherwise than the story says."""


@dataclass(frozen=True)
class Role:
    """Somebody with a folder of their own."""

    name: str
    folder: Path
    is_quiet: bool = False

    def run(self, *words: str | Path, expect: int = 0) -> str:
        """Types `intaglio …` for this role, shows it and the start of its answer; gives what it printed."""
        shown = " ".join(_short(word) for word in words)
        if "receive" in words:  # the link leads to this very machine
            shown = f"--loopback {shown}"
        if not self.is_quiet:
            click.secho(f"  {self.name}$ intaglio {shown}", dim=True)
        done = subprocess.run(
            self.command(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,  # what is asked at a terminal would not be seen
            capture_output=True,
            text=True,
        )
        if done.returncode != expect:
            raise Unexpected(
                f"intaglio {shown} ended with {done.returncode}, not {expect}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    @property
    def environment(self) -> Mapping[str, str]:
        passphrase = self.folder / "passphrase"
        return {**os.environ, "INTAGLIO_HOME": str(self.folder), "INTAGLIO_PASSPHRASE_FILE": str(passphrase)}

    @staticmethod
    def command(*words: str | Path) -> list[str]:
        return [sys.executable, "-m", "intaglio", "--loopback", "--lang", "en", *map(str, words)]


def _short(word: str | Path) -> str:
    text = word.name if isinstance(word, Path) else word
    text = text if len(text) <= 60 else f"{text[:40]}…"
    return f'"{text}"' if " " in text else text


@verb()
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the folders of the three roles there.")
@click.option("--serve", is_flag=True, help="Check its diplomas in a browser instead, until Ctrl-C.")
def demo(_session: object, keep: Path | None, serve: bool) -> Result:
    """See a university issue 500 diplomas, a graduate claim one, an employer check it, a forger fail."""
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="intaglio-demo-")) if keep is None else keep
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if serve:
            _serve(folder)
            return Result({}, "")
        verdicts = _story(folder)
    finally:
        if keep is None:
            shutil.rmtree(folder)
    seconds = round(time.monotonic() - begun)
    click.secho(f"\nAll verdicts as told, in {counted(seconds, 'second')}.", bold=True)
    return Result(
        {"verdicts": verdicts, "seconds": seconds, "folder": str(keep) if keep else None},
        "What to type next:\n"
        "  intaglio samples tryout                      one file of each verdict, and graduates.csv\n"
        '  intaglio issuer issue tryout/graduates.csv --name "Your University"\n'
        "  intaglio verify diplomas/UNI-2026-00000.json\n"
        "  intaglio --help\n"
        "The employer's desk, as a page in your browser:\n"
        "  intaglio demo --serve",
    )


def _story(folder: Path) -> list[dict[str, Any]]:
    """Tells it all; gives what each check of the employer said."""
    world = World.begin(folder)
    university, graduate, employer, port = world.university, world.graduate, world.employer, world.port

    _say("1", "A university sets itself up and issues 500 diplomas, all of invented people.")
    _show(world.issue())
    _show(university.run("ledger", "status"))

    _say(
        "2",
        "It hands a claim link to one graduate, whose wallet proves a key and gets the diploma bound to it.",
    )
    (link,) = university.run("issuer", "claim", NUMBER).split()[1:]
    world.recognise(graduate)
    graduate.run("wallet", "init")
    with _served(university, port) as authority:
        held = graduate.run("wallet", "receive", link, "--ca", authority, "--yes").strip()
    _show(graduate.run("wallet", "list"))

    _say("3", "An employer asks with a fresh challenge; the graduate shows the diploma. Checked offline.")
    world.recognise(employer)
    asked = ("--challenge", "employer-2026-0001", "--domain", "https://employer.example")
    shown = employer.folder / "shown.json"
    shown.write_text(graduate.run("wallet", "present", held, *asked, "--yes"))
    verdicts: list[dict[str, Any]] = []
    check = _checker(employer, verdicts)
    check(shown, *asked, expect=0, verdict="VALID")

    _say("4", "A bundle from the university's folder verifies offline as well.")
    check(world.diploma(1), expect=0, verdict="VALID")

    _say("5", "And now what must fail, each for its own reason.")
    click.echo("\n  One altered grade:")
    check(world.altered(), expect=1, verdict="NOT VALID")

    click.echo("\n  One revoked diploma:")
    check(world.revoked(), expect=1, verdict="NOT VALID", reason="revoked by the issuer")

    click.echo("\n  One presentation replayed to another employer, under another challenge:")
    replayed = ("--challenge", "employer-2026-0002", "--domain", "https://employer.example")
    check(shown, *replayed, expect=1, verdict="NOT VALID", reason="another challenge")

    click.echo("\n  One diploma by an issuer that nobody here knows:")
    check(world.strange(), expect=3, verdict="COULD NOT BE DECIDED", reason="not on your list")

    click.echo("\n  One ledger proof that belongs to another credential:")
    check(world.swapped(), expect=1, verdict="NOT VALID", reason="belongs to another credential")

    _say("6", "Until now the time was the university's own word. A chain has a clock that it cannot set.")
    anvil = chain.program()
    if anvil is None:
        click.echo("  Left out: anvil, a chain for one machine, is not installed here (make peers).")
    else:
        with chain.running(anvil) as local:
            check(world.anchored(local), expect=0, verdict="VALID", reason=chain.NAME)

    _say(
        "7", "Who has a log's key can show it in two versions. Three hubs stand against that; one is killed."
    )
    check_seen = _checker(world.auditor, verdicts)
    check_seen(world.witnessed(), expect=0, verdict="VALID", reason="seen by 2 of 3 witnesses")
    return verdicts


def _serve(folder: Path) -> None:
    """The same world, and the employer's page on it until the terminal ends it."""
    world = World.begin(folder, is_quiet=True)
    say("A university issues 500 diplomas, all of invented people, and a forger has four more…")
    world.issue()
    world.recognise(world.employer)
    files = {
        "as issued": world.diploma(1),
        "a better grade": world.altered(),
        "revoked": world.revoked(),
        "by an unknown issuer": world.strange(),
        "another's proof": world.swapped(),
    }
    say("Files to try:", *(f"{what:<21} {file}" for what, file in files.items()))
    with extra("serve"):
        from intaglio.pages.uses import Uses

    employer = Session(world.employer.folder)
    serve_page(employer, trust_file=None, policy=None, offline=True, uses=Uses(catalogue))


@dataclass(frozen=True)
class World:
    """A university, a graduate, an employer and a forger, with what they hand over."""

    folder: Path
    university: Role
    graduate: Role
    employer: Role
    forger: Role
    auditor: Role
    """Somebody else who checks diplomas, and asks for two of three witnesses."""
    port: int
    """The port on which the university answers claim links."""

    @classmethod
    def begin(cls, folder: Path, *, is_quiet: bool = False) -> Self:
        """The world at the start, in which nobody has anything."""
        university, graduate, employer, forger, auditor = (
            _role(folder, name, is_quiet)
            for name in ("university", "graduate", "employer", "forger", "auditor")
        )
        return cls(folder, university, graduate, employer, forger, auditor, _free_port())

    def issue(self) -> str:
        """The university's first day: creates the issuer and issues; returns the last output."""
        address = f"https://localhost:{self.port}"
        self.university.run("issuer", "init", "--name", "Example University (invented)", "--url", address)
        return self.university.run("issuer", "issue", HERE / "graduates.csv", "--out", self._diplomas)

    def recognise(self, role: Role) -> None:
        """The university's trust file, handed over by a way that is trusted, such as a ministry's list."""
        handed = role.folder / "university.json"
        handed.write_text(self.university.run("issuer", "trust"))
        role.run("trust", "add", handed)

    def diploma(self, number: int) -> Path:
        """A diploma as the university issued it."""
        return self._diplomas / f"UNI-2026-{number:05}.json"

    def altered(self) -> Path:
        """A diploma with a forged, better grade."""
        return _altered(self.diploma(1), self.forger.folder / "altered-grade.json", _better_grade)

    def revoked(self) -> Path:
        """A revoked diploma, as the university exports it after the revocation."""
        number = self.diploma(2).stem
        self.university.run("issuer", "revoke", number, "--reason", "issued-in-error")
        self.university.run("issuer", "export", number, "--out", self.folder / "after")
        return self.folder / "after" / f"{number}.json"

    def strange(self) -> Path:
        """A diploma by an unknown issuer."""
        mill = self.forger.folder / "mill"
        self.forger.run(
            "issuer", "issue", HERE / "graduates.csv", "--name", "Example Univers1ty", "--out", mill
        )
        return mill / "UNI-2026-00003.json"

    def anchored(self, local: chain.LocalChain) -> Path:
        """A diploma that is anchored on a chain; the employer knows the block."""
        university, employer = self.university, self.employer
        nodes = university.folder / "nodes"
        nodes.touch(mode=0o600)
        nodes.write_text(local.url)
        add = ("ledger", "anchor", "add", chain.NAME, "--rpc-file", nodes, "--owner", chain.OWNER, "--json")
        to_fund = json.loads(university.run(*add, expect=3))["error"]
        _show(to_fund["detail"])
        local.fund(to_fund["facts"]["account"])
        contract = json.loads(university.run(*add))["settings"]["contract"]
        university.run("ledger", "anchor", "run")
        local.get_on()
        _show(university.run("ledger", "anchor", "run"))
        number = self.diploma(7).stem
        university.run("issuer", "export", number, "--out", self.folder / "on-chain")
        handed = json.loads((employer.folder / "university.json").read_bytes())
        origin = handed["logs"][0]["key"].partition("+")[0]
        seen = employer.folder / "nodes"
        shutil.copy(nodes, seen)  # others, where the chain is not on one machine
        follow = ("trust", "chain", "add", chain.NAME, "--log", origin, "--contract", contract)
        _show(employer.run(*follow, "--rpc-file", seen, "--yes"))
        return self.folder / "on-chain" / f"{number}.json"

    def witnessed(self) -> Path:
        """A diploma whose checkpoint two of three hubs have seen: the third is gone by then."""
        university, number = self.university, self.diploma(9).stem
        log = json.loads(university.run("ledger", "status", "--json"))
        witness = ("ledger", "witness")
        with ExitStack() as stack:
            hubs = list[subprocess.Popen[str]]()
            for name in ("hub-1", "hub-2", "hub-3"):
                hub = _role(self.folder, name, university.is_quiet)
                key = json.loads(hub.run("hub", "init", f"{name}.example", "--json"))["key"]
                hub.run("hub", "add", log["key"], f"https://{log['origin']}")
                process, url = stack.enter_context(
                    _serving(hub, "hub", "serve", "--alone", "--plain", "--port", "0")
                )
                university.run(*witness, "add", key, url)
                hubs.append(process)
            university.run(*witness, "quorum", "2")
            _show(university.run(*witness, "run"))
            self.recognise(self.auditor)
            hubs[2].kill()
            hubs[2].wait()
            click.secho("  The third one is killed, and the log grows.", dim=True)
            university.run("issuer", "correct", number, "--set", "gpa=2.00", "--out", self.folder / "seen")
            _show(university.run(*witness, "run"))
        return self.folder / "seen" / f"{number}.2.json"

    def swapped(self) -> Path:
        """A diploma with the proof that another diploma is in the log."""
        other = json.loads(self.diploma(4).read_bytes())
        target = self.forger.folder / "swapped-proof.json"
        return _altered(self.diploma(1), target, lambda bundle: bundle.update(evidence=other["evidence"]))

    @property
    def _diplomas(self) -> Path:
        return self.folder / "diplomas"


def _role(folder: Path, name: str, is_quiet: bool) -> Role:
    role = Role(name, folder / name, is_quiet)
    role.folder.mkdir(mode=0o700)
    secret = role.folder / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(f"a passphrase for the demo of the {name}\n")
    return role


def _checker(employer: Role, verdicts: list[dict[str, Any]]) -> Callable[..., None]:
    def check(file: Path, *options: str, expect: int, verdict: str, reason: str = "") -> None:
        answer = employer.run("verify", file, *options, "--offline", expect=expect)
        if not answer.startswith(verdict) or reason not in answer:
            raise Unexpected(f"{file.name}: expected {verdict}, {reason!r}, but the answer was\n{answer}")
        verdicts.append({"file": file.name, "answer": answer.partition("\n")[0], "exitCode": expect})
        _show(answer, bold=verdict)

    return check


def _altered(bundle: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    value = json.loads(bundle.read_bytes())
    change(value)
    target.write_text(json.dumps(value))
    return target


def _better_grade(bundle: dict[str, Any]) -> None:
    bundle["credential"]["credentialSubject"]["result"][0]["value"] = "4.00"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _served(university: Role, port: int) -> Iterator[Path]:
    """`issuer serve` in a process of its own; gives the file of the CA that it made."""
    with _serving(university, "issuer", "serve", "--tls", "--port", str(port)):
        yield university.folder / "issuer" / "tls" / "authority.pem"


@contextmanager
def _serving(role: Role, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service in a process of its own, with the address that it says once it listens."""
    if not role.is_quiet:
        click.secho(f"  {role.name}$ intaglio {' '.join(words)} &", dim=True)
    server = subprocess.Popen(
        Role.command(*words),
        env=role.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        if not (address := server.stdout.readline().strip()):
            raise Unexpected(f"{' '.join(words)} did not start:\n{server.communicate()[1]}")
        yield server, address
    finally:
        server.terminate()
        server.communicate()


def _say(number: str, text: str) -> None:
    click.echo()
    click.secho(wrapped(f"{number}  {text}", 3), bold=True)


def _show(answer: str, bold: str = "") -> None:
    for line in answer.rstrip().splitlines():
        finding = 31 if line.startswith("  ") else 5  # a check's begins further right
        click.secho(wrapped(f"     {line}", finding), bold=bool(bold) and line.startswith(bold))
