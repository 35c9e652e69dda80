"""`intaglio samples`: one file of each verdict to try out, made on the spot by an invented university."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from issuer.issue import Issuer
from issuer.source import open_source
from vc.status import Reason
from verifier import RecognisedIssuer, RecognisedLog, Trust

HERE = Path(__file__).parent
FILES = ("graduates.csv", "graduates-with-errors.csv", "programmes.csv")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def samples(folder: Path) -> None:
    """Write one file of each verdict into FOLDER, and CSV files of invented graduates."""
    if folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty; name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(HERE / name, folder / name)
    with tempfile.TemporaryDirectory() as scratch:
        _write(folder, Path(scratch))
    trust = f"--trust {folder / 'trust.json'} --offline"
    click.echo(
        f"{folder / 'valid.json'}            exit code 0\n"
        f"{folder / 'altered.json'}          exit code 1: the grade was changed after signing\n"
        f"{folder / 'revoked.json'}          exit code 1: revoked, with date and reason\n"
        f"{folder / 'no-evidence.json'}      exit code 3: the proof from the log was taken away\n"
        f"{folder / 'unknown-issuer.json'}   exit code 3: genuine, but by nobody that you know\n"
        f"Try them: intaglio verify {folder / 'valid.json'} {trust}\n"
        f'Issue from the CSV: intaglio issuer issue {folder / "graduates.csv"} --name "Your University"'
    )


def _write(folder: Path, scratch: Path) -> None:
    university = _issuer(scratch / "university", "Example University (invented)")
    entry = university.trust_entry()
    trust = Trust().adding(
        RecognisedIssuer(**entry["issuer"], reason="the issuer of these samples"),
        RecognisedLog(**entry["log"]),
    )
    (folder / "trust.json").write_bytes(trust.to_bytes())
    valid, revoked = university.entries(0, 2)
    university.lists.revoke([revoked.number], Reason.ISSUED_IN_ERROR, date=_now(), now=_now())
    bundle = university.bundle(valid).to_bytes()
    (folder / "valid.json").write_bytes(bundle)
    (folder / "revoked.json").write_bytes(university.bundle(revoked).to_bytes())
    _alter(bundle, folder / "altered.json", _better_grade)
    _alter(bundle, folder / "no-evidence.json", lambda value: value.update(evidence=[]))
    stranger = _issuer(scratch / "stranger", "Example Univers1ty (invented)")
    (folder / "unknown-issuer.json").write_bytes(stranger.bundle(next(stranger.entries())).to_bytes())


def _issuer(home: Path, name: str) -> Issuer:
    made = Issuer.create(home, name=name, passphrase=lambda: None, clock=_now)
    made.issue_file(open_source(HERE / "graduates.csv"), home / "errors.csv", workers=0)
    return made


def _alter(bundle: bytes, target: Path, change: Callable[[dict[str, Any]], None]) -> None:
    value = orjson.loads(bundle)
    change(value)
    target.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def _better_grade(bundle: dict[str, Any]) -> None:
    bundle["credential"]["credentialSubject"]["result"][0]["value"] = "4.00"


def _now() -> datetime:
    return datetime.now(UTC)
