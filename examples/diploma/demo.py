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
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from intaglio.terminal import Result, verb, wrapped
from wire.text import counted

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

    def run(self, *words: str | Path, expect: int = 0, quiet: bool = False) -> str:
        """Types `intaglio …` for this role, shows it and the start of its answer; gives what it printed."""
        shown = " ".join(_short(word) for word in words)
        if "receive" in words:  # the link leads to this very machine
            shown = f"--loopback {shown}"
        if not quiet:
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
def demo(_session: object, keep: Path | None) -> Result:
    """See a university issue 500 diplomas, a graduate claim one, an employer check it, a forger fail."""
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="intaglio-demo-")) if keep is None else keep
    folder.mkdir(parents=True, exist_ok=True)
    try:
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
        "  intaglio --help",
    )


def _story(folder: Path) -> list[dict[str, Any]]:
    """Tells it all; gives what each check of the employer said."""
    university, graduate, employer, forger = (
        _role(folder, name) for name in ("university", "graduate", "employer", "forger")
    )
    diplomas = folder / "diplomas"
    port = _free_port()

    _say("1", "A university sets itself up and issues 500 diplomas, all of invented people.")
    address = f"https://localhost:{port}"
    university.run("issuer", "init", "--name", "Example University (invented)", "--url", address)
    _show(university.run("issuer", "issue", HERE / "graduates.csv", "--out", diplomas))
    _show(university.run("ledger", "status"))

    _say(
        "2",
        "It hands a claim link to one graduate, whose wallet proves a key and gets the diploma bound to it.",
    )
    (link,) = university.run("issuer", "claim", NUMBER).split()[1:]
    _recognise(university, graduate)
    graduate.run("wallet", "init")
    with _served(university, port) as authority:
        held = graduate.run("wallet", "receive", link, "--ca", authority, "--yes").strip()
    _show(graduate.run("wallet", "list"))

    _say("3", "An employer asks with a fresh challenge; the graduate shows the diploma. Checked offline.")
    _recognise(university, employer)
    asked = ("--challenge", "employer-2026-0001", "--domain", "https://employer.example")
    shown = employer.folder / "shown.json"
    shown.write_text(graduate.run("wallet", "present", held, *asked, "--yes"))
    verdicts: list[dict[str, Any]] = []
    check = _checker(employer, verdicts)
    check(shown, *asked, expect=0, verdict="VALID")

    _say("4", "A bundle from the university's folder verifies offline as well.")
    diploma = diplomas / "UNI-2026-00001.json"
    check(diploma, expect=0, verdict="VALID")

    _say("5", "And now what must fail, each for its own reason.")
    click.echo("\n  One altered grade:")
    check(
        _altered(diploma, forger.folder / "altered-grade.json", _better_grade), expect=1, verdict="NOT VALID"
    )

    click.echo("\n  One revoked diploma:")
    revoked = "UNI-2026-00002"
    university.run("issuer", "revoke", revoked, "--reason", "issued-in-error")
    university.run("issuer", "export", revoked, "--out", folder / "after")
    check(folder / "after" / f"{revoked}.json", expect=1, verdict="NOT VALID", reason="revoked by the issuer")

    click.echo("\n  One presentation replayed to another employer, under another challenge:")
    replayed = ("--challenge", "employer-2026-0002", "--domain", "https://employer.example")
    check(shown, *replayed, expect=1, verdict="NOT VALID", reason="another challenge")

    click.echo("\n  One diploma by an issuer that nobody here knows:")
    mill = forger.folder / "mill"
    forger.run("issuer", "issue", HERE / "graduates.csv", "--name", "Example Univers1ty", "--out", mill)
    check(mill / "UNI-2026-00003.json", expect=3, verdict="COULD NOT BE DECIDED", reason="not on your list")

    click.echo("\n  One ledger proof that belongs to another diploma:")
    other = json.loads((diplomas / "UNI-2026-00004.json").read_bytes())
    swapped = _altered(
        diploma,
        forger.folder / "swapped-proof.json",
        lambda bundle: bundle.update(evidence=other["evidence"]),
    )
    check(swapped, expect=1, verdict="NOT VALID", reason="belongs to another diploma")
    return verdicts


def _role(folder: Path, name: str) -> Role:
    role = Role(name, folder / name)
    role.folder.mkdir(mode=0o700)
    secret = role.folder / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(f"a passphrase for the demo of the {name}\n")
    return role


def _recognise(university: Role, role: Role) -> None:
    """The university's trust file, handed over by a way that is trusted, such as a ministry's list."""
    handed = role.folder / "university.json"
    handed.write_text(university.run("issuer", "trust"))
    role.run("trust", "add", handed)


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
def _served(university: Role, port: int) -> Any:
    """`issuer serve` in a process of its own; gives the file of the CA that it made."""
    command = Role.command("issuer", "serve", "--tls", "--port", str(port))
    click.secho(f"  {university.name}$ intaglio issuer serve --tls --port {port} &", dim=True)
    server = subprocess.Popen(
        command,
        env=university.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        if not server.stdout.readline():  # its address, said once it listens
            raise Unexpected(f"the claim service did not start:\n{server.communicate()[1]}")
        yield university.folder / "issuer" / "tls" / "authority.pem"
    finally:
        server.terminate()
        server.communicate()


def _say(number: str, text: str) -> None:
    click.echo()
    click.secho(wrapped(f"{number}  {text}", 3), bold=True)


def _show(answer: str, bold: str = "") -> None:
    for line in answer.rstrip().splitlines():
        finding = 30 if line.startswith("  ") else 5  # a check's begins further right
        click.secho(wrapped(f"     {line}", finding), bold=bool(bold) and line.startswith(bold))
