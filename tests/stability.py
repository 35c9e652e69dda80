"""The promises of docs/stability.md, read from the program; run as a module it records new ones.

Public names stand in docs/library.md, codes in docs/codes.md, everything else in stability.json. Earlier
promises are never removed here: that is done by hand, where a reviewer sees it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from contextvars import copy_context
from pathlib import Path
from typing import Any

import click
import pytest

import intaglio.__main__ as program
from intaglio.commands import cli
from intaglio.commands.wallet.verbs import PARTLY
from tests import codes
from vc.reading import bundle
from verifier.sources import trust

Promise = Mapping[str, Any]
"""Nested objects, down to the promised values: a number, or a list of names."""

RECORD = Path(__file__).with_name("stability.json")
LIBRARY = Path(__file__).parent.parent / "docs" / "library.md"
_NAMES = re.compile(r"^\| `([\w.]+)` \| (`.*`) \|$", re.MULTILINE)
_CODE = re.compile(r"^\| `([\w-]+)` \| .*?(?:\| (\d+) \| (\d+) \| (`\S+`)? ?\|)?$", re.MULTILINE)
_GRADUATES = Path(__file__).parent / "fixtures" / "81e9505" / "graduates.csv"
_OWN_KINDS = Path(__file__).parent / "own_kinds"

NOT_TYPED = {
    "demo": "it takes seconds; tests/test_demo.py reads its object",
    "issuer join": "it needs a database",
    "issuer move": "it needs a database",
    "issuer prepare": "it needs a database",
    "issuer worker": "it works until it is stopped; tests/test_operations.py types it",
    "ledger anchor add": "it asks nodes of a chain",
    "ledger anchor run": "it asks nodes of a chain",
    "ledger witness run": "it asks witnesses; tests/test_issuer_witnesses.py reads its object",
    "ledger prune": "it needs a database",
    "trust chain add": "it asks nodes of a chain",
    "samples": "it signs files for half a second; tests/test_demo.py reads its object",
    "trust chain update": "it asks nodes of a chain",
    "use run": "it signs files for half a second; tests/test_uses.py reads its object",
    "wallet receive": "it asks a service, and prints what `wallet import` does",
}
"""Commands whose object is not recorded, and why."""


def recorded() -> dict[str, Any]:
    """The promises until now."""
    names = {package: re.findall(r"`(\w+)`", names) for package, names in _NAMES.findall(LIBRARY.read_text())}
    return {"names": names, "codes": codes_in(codes.PAGE.read_text()), **json.loads(RECORD.read_text())}


def actual() -> dict[str, Any]:
    """The names, codes and formats that the program has."""
    packages = dict(_NAMES.findall(LIBRARY.read_text()))
    names = {package: sorted(importlib.import_module(package).__all__) for package in packages}
    return {"names": names, "codes": codes_in(codes.page()), **_in_use()}


def broken(promised: Promise, has: Promise, where: str = "") -> Iterator[str]:
    """A sentence for each promise that the program no longer keeps."""
    for name, value in promised.items():
        place = f"{where} {name}".lstrip()
        if name not in has:
            yield f"{place} is gone."
        elif isinstance(value, dict):
            yield from broken(value, has[name], place)
        elif isinstance(value, list):
            yield from (f"{place}: {gone} is gone." for gone in value if gone not in has[name])
        elif value != has[name]:
            yield f"{place} was {value}, and is {has[name]}."


def told(promised: Promise, has: Promise) -> str:
    """The broken promises and the remedy; empty if all are kept."""
    sentences = [*broken(promised, has)]
    return "\n".join([*sentences, _WHAT_TO_DO]) if sentences else ""


_WHAT_TO_DO = (
    "Others rely on this: bring it back, beside what replaces it. Where it has to change, docs/stability.md "
    "says how, under 'Changing a promise'."
)
_IN_RECORD = ("exitCodes", "files", "json")


def joined(promised: Any, has: Any) -> Any:
    """The promises together with the additions."""
    if isinstance(promised, dict) and isinstance(has, dict):
        return {name: joined(promised.get(name), has.get(name)) for name in sorted({*promised, *has})}
    if isinstance(promised, list) and isinstance(has, list):
        return sorted({*promised, *has})
    return has if promised is None else promised


def record() -> None:
    """Write additions into the three files. Ends the program where a promise is broken."""
    promised, has = recorded(), actual()
    require_kept(promised, has)
    new = joined(promised, has)
    page = LIBRARY.read_text()
    for package, names in new["names"].items():
        row = ", ".join(f"`{name}`" for name in sorted(names, key=str.casefold))
        page = re.sub(rf"(?m)^\| `{re.escape(package)}` \| .*$", f"| `{package}` | {row} |", page)
    LIBRARY.write_text(page)
    codes.PAGE.write_text(codes.page())
    RECORD.write_text(_text({part: new[part] for part in _IN_RECORD}))


def _text(record: Promise) -> str:
    """A line for each file and command, so that a change of one is seen as such."""
    parts = []
    for part, promises in record.items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in promises.items())
        parts.append(f"{json.dumps(part)}: {{\n{lines}\n}}")
    return f"{{{', '.join(parts)}}}\n"


def require_kept(promised: Promise, has: Promise) -> None:
    """End the program, with what is broken, before anything is written."""
    if sentences := told(promised, has):
        raise SystemExit(sentences)


def codes_in(page: str) -> dict[str, Any]:
    """By code, the values that scripts rely on: exit code, HTTP status and type; empty if no problem."""
    return {
        code: {"exit": int(exit_), "http": int(http), "type": type_.strip("`")} if exit_ else {}
        for code, exit_, http, type_ in _CODE.findall(page)
    }


# What is seen where the program is used


def _in_use() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        passphrase = Path(folder) / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text("a passphrase of tests")
        for which in ("", "NEW_", "BACKUP_"):
            patch.setenv(f"INTAGLIO_{which}PASSPHRASE_FILE", str(passphrase))
        patch.delenv("INTAGLIO_HOME", raising=False)
        use = _Use(Path(folder))
        use.everything()
        return {"exitCodes": _EXIT_CODES, "files": use.files(), "json": dict(sorted(use.shapes.items()))}


_EXIT_CODES = {
    "done": 0,
    "invalid": program.INVALID,
    "wrongUse": program.WRONG_USE,
    "undetermined": program.UNDETERMINED,
    "notFound": program.NOT_FOUND,
    "declined": program.DECLINED,
    "login": program.LOGIN,
    "partly": PARTLY,
    "tryLater": program.TRY_LATER,
    "interrupted": program.INTERRUPTED,
}


def commands() -> Iterator[str]:
    """All that print an object with --json."""

    def below(name: str, command: click.Command) -> Iterator[str]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for word in command.list_commands(context):
                inner = command.get_command(context, word)
                assert inner is not None
                yield from below(f"{name} {word}".lstrip(), inner)
        elif any("--json" in parameter.opts for parameter in command.params):
            yield name

    yield from below("", cli)


class _Use:
    """One home in which the commands are typed, in this process; their output and files are inspected."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.shapes: dict[str, list[str]] = {}

    def type(
        self, command: str, *words: object, home: str = "home", of: Sequence[object] = (), code: int = 0
    ) -> dict[str, Any]:
        """The object that a command prints; its members are kept. `of` are options of the first word."""
        out, err = io.StringIO(), io.StringIO()
        first, *others = command.split()
        argv = ["intaglio", "--home", self.folder / home, first, *of, *others, *words, "--json"]
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            patch.setattr(sys, "argv", [*map(str, argv)])
            patch.setattr(sys, "stdin", io.StringIO())
            with pytest.raises(SystemExit) as ended:
                copy_context().run(program.main)
        assert ended.value.code == code, (command, err.getvalue())
        (line,) = out.getvalue().splitlines()
        answer: dict[str, Any] = json.loads(line)
        self.shapes[command if "error" not in answer else "error"] = sorted(answer.get("error", answer))
        return answer

    def everything(self) -> None:
        out = self.folder / "out"
        self.type("issuer init", "--name", "Example University", "--url", "https://university.example")
        self.type("issuer issue", _GRADUATES, "--out", out)
        self.type("issuer list")
        self.type("issuer show", "FIX-0000")
        self.type("issuer show", "nobody", code=program.NOT_FOUND)
        self.type("issuer revoke", "FIX-0001", "--reason", "fraud")
        self.type("issuer correct", "FIX-0002", "--set", "gpa=4.0", "--out", out)
        self.type("issuer export", "FIX-0003", "--out", out)
        self.type("issuer claim", "FIX-0003")
        self.type("issuer clock accept")
        self.type("issuer template update")
        self.type("issuer template leave")
        self.type("issuer status publish")
        self.type("issuer status show")
        self.type("issuer status digest")
        ended = self.type("issuer key list")["keys"][0]["multikey"]
        self.type("issuer key add")
        self.type("issuer key rotate")
        self.type("issuer key revoke", ended, "--yes")
        self.type("issuer password")
        handed_out = self.folder / "university.json"
        handed_out.write_text(json.dumps(self.type("issuer trust")))
        self.type("issuer sweep")
        self.type("issuer backup", self.folder / "issuer.backup")
        self.type("issuer restore", self.folder / "issuer.backup", home="restored")
        self.use_wallet(out / "FIX-0000.json")
        self.type("verify", out / "FIX-0000.json", "--offline")
        self.use_kinds()
        self.use_ledger()
        self.use_hub()
        self.use_api()
        self.type("trust add", handed_out, home="employer")
        self.type("trust list", home="employer")
        log = "university.example/log"
        self.type("trust require", log, "none", home="employer")
        witness = self.type("hub status")["key"]
        self.type("trust witness add", log, witness, home="employer")
        self.type("trust witness list", home="employer")
        policy = self.folder / "policy"
        policy.write_text(self.type("trust witness export", log, home="employer")["policy"])
        self.type("trust witness import", log, policy, home="employer")
        self.type("trust witness remove", log, witness, home="employer")
        self.type("trust remove", json.loads(handed_out.read_text())["issuers"][0]["id"], home="employer")
        self.type("doctor")
        self.type("issuer close", "--yes", home="restored")

    def use_wallet(self, bundle: Path) -> None:
        self.type("wallet init")
        held = self.type("wallet import", bundle)["id"]
        self.type("wallet list")
        self.type("wallet show", held)
        challenge = ("--challenge", "a challenge", "--domain", "https://employer.example")
        self.type("wallet present", held, *challenge, "--yes")
        self.type("wallet export", held)
        self.type("wallet backup", self.folder / "wallet.backup")
        self.type("wallet restore", self.folder / "wallet.backup", home="restored")
        self.type("wallet password")
        self.type("wallet delete", held, "--yes", home="restored")

    def use_kinds(self) -> None:
        self.type("use list")
        self.type("kind list")
        self.type("kind show", "resident")
        self.type("kind check", "certificate")
        self.type("kind diff", "resident", "certificate")
        self.type("kind export", "diploma")
        self.type("kind test", _OWN_KINDS / "bcg")
        city = ("--name", "City", "--url", "https://city.example", "--kind", _OWN_KINDS / "licence")
        rows = _OWN_KINDS / "licence" / "rows.csv"
        self.type("issuer issue", rows, *city, "--out", self.folder / "city", home="city", code=PARTLY)
        self.type("issuer suspend", "L-1", home="city")
        self.type("issuer reinstate", "L-1", home="city")
        self.type("kind new", self.folder / "degree", "--from", _GRADUATES)

    def use_api(self) -> None:
        self.type("api token add", "registry", "--may", "issue")
        self.type("api token list")
        self.type("api token end", "registry")

    def use_ledger(self) -> None:
        self.type("ledger status")
        proved = self.type("ledger prove", 1)
        proof = self.folder / "proof"
        proof.write_text(proved["proof"])
        self.type("ledger verify", proof, proved["digest"], "--kind", proved["kind"])
        self.type("ledger audit")
        self.type("ledger anchor list")
        self.type("ledger anchor status")
        self.type("ledger init", "log.example", of=("--in", self.folder / "own"))
        shutil.copytree(self.home, self.folder / "moved")
        self.type(
            "ledger migrate", self.folder / "moved" / "issuer" / "log", self.folder / "log", home="moved"
        )

    def use_hub(self) -> None:
        witness = self.type("hub init", "hub.example/witness")["key"]
        self.type("ledger witness add", witness, "https://hub.example/witness")
        self.type("ledger witness quorum", "1")
        self.type("ledger witness list")
        self.type("ledger witness remove", "hub.example/witness")
        self.type("hub add", self.type("ledger status")["key"], "http://localhost:1024/log")
        self.type("hub status")
        self.type("hub run", code=PARTLY)
        self.type("hub evidence")
        self.type("hub clock accept")
        self.type("hub remove", "university.example/log")

    def files(self) -> dict[str, Any]:
        """The format of each kind of file, by name: its version, and the members or tables in it."""
        formats = {
            "bundle": {"reads": sorted(bundle._MEMBERS), **_in_json(self.folder / "out" / "FIX-0000.json")},
            "trust.json": {"reads": sorted(trust.VERSIONS)},
        }
        in_issuer = [self.home / "issuer" / name for name in ("issuer.json", "keys.json")]
        moved = self.folder / "moved" / "issuer" / "ledger.json"
        for path in (self.home / "trust.json", *in_issuer, moved):
            formats[path.name] = {**formats.get(path.name, {}), **_in_json(path)}
        for path in (*self.home.rglob("*.sqlite"), *self.home.rglob("*.sqlite3")):
            formats[path.name] = _in_sqlite(path)
        formats["wallet.backup"] = _in_sqlite(self.folder / "wallet.backup")
        begins, _, _ = (self.folder / "issuer.backup").read_bytes().partition(b"\n")
        formats["issuer.backup"] = {"begins": begins.decode()}
        return formats


def _in_json(path: Path) -> dict[str, Any]:
    read = json.loads(path.read_text())
    return {"members": sorted(read), **({"version": read["version"]} if "version" in read else {})}


def _in_sqlite(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {"version": version, "tables": sorted(name for (name,) in tables)}


if __name__ == "__main__":
    record()
