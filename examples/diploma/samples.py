"""`intaglio samples`: one file of each verdict to try out, made on the spot by an invented university."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from intaglio.terminal import Result, typed, verb
from issuer import Description
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.table.source import open_source
from vc.status import Reason
from verifier import RecognisedIssuer, RecognisedLog, Trust
from wire.problem import Conflict

HERE = Path(__file__).parent
FILES = ("graduates.csv", "graduates-with-errors.csv", "programmes.csv")
TRUST = "trust.json"
VERDICTS = {
    "valid.json": (0, "as the university made it"),
    "altered.json": (1, "the grade was changed after signing"),
    "revoked.json": (1, "revoked, with date and reason"),
    "no-evidence.json": (3, "the proof from the log was taken away"),
    "unknown-issuer.json": (3, "genuine, but by nobody that you know"),
}
"""The exit code for each file, and why."""


@verb()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def samples(_session: object, folder: Path) -> Result:
    """Write one file of each verdict into FOLDER, and CSV files of invented graduates."""
    _require_free(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if not (folder / name).exists():
            shutil.copy(HERE / name, folder / name)
    with tempfile.TemporaryDirectory() as scratch:
        _write(folder, Path(scratch))
    trust = folder / TRUST
    width = len(str(folder / max(VERDICTS, key=len))) + 3
    lines = [
        *(f"{folder / name!s:<{width}}exit code {code}: {why}" for name, (code, why) in VERDICTS.items()),
        f"Try them: {typed('verify')} {shlex.join([str(folder / 'valid.json'), '--trust', str(trust)])}"
        " --offline",
        f"Issue from the CSV: {typed('issuer', 'issue')} {shlex.quote(str(folder / FILES[0]))}"
        ' --name "Your University"',
    ]
    files = [{"file": name, "exitCode": code, "why": why} for name, (code, why) in VERDICTS.items()]
    return Result({"folder": str(folder), "trust": str(trust), "files": files}, "\n".join(lines))


def _require_free(folder: Path) -> None:
    """Raises `Conflict` for files that would be lost; those that are the samples themselves may be there."""
    taken = [name for name in (TRUST, *VERDICTS) if (folder / name).exists()]
    for name in FILES:
        if (folder / name).exists() and (folder / name).read_bytes() != (HERE / name).read_bytes():
            taken.append(name)
    if taken:
        raise Conflict(
            f"{folder} has files that would be written over: {', '.join(taken)}",
            hint="Nothing was written. Name a new folder: intaglio samples tryout",
        )


def _write(folder: Path, scratch: Path) -> None:
    university = _issuer(scratch / "university", "Example University (invented)")
    entry = university.trust_entry()
    trust = Trust().adding(
        RecognisedIssuer(**entry["issuer"], reason="the issuer of these samples"),
        RecognisedLog(**entry["log"]),
    )
    (folder / TRUST).write_bytes(trust.to_bytes())
    valid, revoked = university.entries(0, 2)
    university.revoke([revoked.number], Reason.ISSUED_IN_ERROR, date=_now(), now=_now())
    bundle = university.bundle(valid).to_bytes()
    (folder / "valid.json").write_bytes(bundle)
    revoked = university.store.entry(revoked.seq)  # with the reason, so that the bundle explains it
    (folder / "revoked.json").write_bytes(university.bundle(revoked).to_bytes())
    _alter(bundle, folder / "altered.json", _better_grade)
    _alter(bundle, folder / "no-evidence.json", lambda value: value.update(evidence=[]))
    stranger = _issuer(scratch / "stranger", "Example Univers1ty (invented)")
    (folder / "unknown-issuer.json").write_bytes(stranger.bundle(next(stranger.entries())).to_bytes())


def _issuer(home: Path, name: str) -> Issuer:
    issuer = Issuer.create(home, Description(name), lambda: None, _now)
    issuer.issue_file(Order(open_source(HERE / "graduates.csv"), home / "errors.csv", workers=0))
    return issuer


def _alter(bundle: bytes, target: Path, change: Callable[[dict[str, Any]], None]) -> None:
    value = orjson.loads(bundle)
    change(value)
    target.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def _better_grade(bundle: dict[str, Any]) -> None:
    bundle["credential"]["credentialSubject"]["result"][0]["value"] = "4.00"


def _now() -> datetime:
    return datetime.now(UTC)
