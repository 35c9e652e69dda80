"""Three machines issue under one identity, over one database and one bucket, and one of them is killed.

    python -m examples.city.story

With `--cluster`, one file goes to the workers of a cluster: see `cluster`.
All people are invented.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from issuer.archive.engines import open_index
from tests import postgres_server, s3_server

from . import cluster
from .residents import write_residents

ROWS = 10_000
"""The rows of each of the two files, unless the command says another number."""
CITY = ("--name", "Invented City", "--url", "https://city.example", "--kind", "resident")


class Begun(subprocess.Popen[str]):
    """A command of a machine, begun."""

    def finish(self) -> str:
        """Its output. Raises `SystemExit` with that where it failed."""
        out, err = self.communicate()
        if self.returncode:
            raise SystemExit(f"{self.args!r}\n{out}{err}")
        return out


class City(NamedTuple):
    """A database and a bucket, and the folders of the machines that work with them."""

    folder: Path
    database: str
    bucket: str
    environment: Mapping[str, str]

    def begin(self, machine: str, *words: str) -> Begun:
        """A command of a machine, begun."""
        return Begun(
            [sys.executable, "-m", "intaglio", "--home", str(self.folder / machine), *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, machine: str, *words: str) -> str:
        """The output of a command of a machine. Raises as `Begun.finish`."""
        return self.begin(machine, *words).finish()

    def home(self, machine: str) -> Path:
        """The folder of the issuer on a machine."""
        return self.folder / machine / "issuer"


def a_city(folder: Path) -> City:
    """A database and a bucket of its own, and three machines that have joined."""
    folder.mkdir()
    server, store = postgres_server.server(), s3_server.server()
    database = server.uri(server.of(folder), "machine")
    environment = {**os.environ, **s3_server.environment(store.endpoint)}
    city = City(folder, database, store.of(folder), environment)
    keys = str(folder / "keys.json")
    city.run("first", "issuer", "init", *CITY, "--store", database, "--shards", city.bucket)
    city.run("first", "issuer", "backup", "--keys", keys)
    for machine in ("second", "third"):
        city.run(machine, "issuer", "join", database, "--keys", keys)
    return city


def issued(city: City, files: Sequence[Path], half: int, *, is_killed: bool) -> float:
    """Two machines issue a file each, at once; returns the seconds that it took."""
    began = time.monotonic()
    first = city.begin("first", "issuer", "issue", str(files[0]), "--yes", "--out", "north")
    second = city.begin("second", "issuer", "issue", str(files[1]), "--yes", "--out", "south")
    if is_killed:
        index = open_index(city.home("third"))
        while index.count() < half and second.poll() is None:
            time.sleep(0.02)
        index.close()
        second.send_signal(signal.SIGKILL)
        second.communicate()
        print(f"  killed the second machine after {time.monotonic() - began:.1f} s; the third one goes on")
        city.run("third", "issuer", "issue", str(files[1]), "--yes", "--out", "south")
    else:
        second.finish()
    first.finish()
    return time.monotonic() - began


def indexed(city: City) -> list[tuple[Any, ...]]:
    """All credentials by number, without the places that depend on who came first."""
    index, after, rows = open_index(city.home("first")), -1, list[tuple[Any, ...]]()
    while page := index.entries(after):
        rows += [(*each.which, each.edition, each.copy, each.form, each.name, each.state) for each in page]
        after = page[-1].seq
    index.close()
    return sorted(rows)


def main(rows: int = ROWS) -> None:
    """Tells the story; exits with an error where anything is not as it should be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / "north.csv", folder / "south.csv"]
        for place, path in enumerate(files):
            write_residents(path, place * rows, rows)
        indexes = []
        for title, is_killed in (("one machine is killed half-way", True), ("nobody is killed", False)):
            city = a_city(folder / title.replace(" ", "-"))
            print(f"{2 * rows} rows in two files, three machines: {title}")
            seconds = issued(city, files, rows // 2, is_killed=is_killed)
            print(f"  {seconds:.1f} s, {2 * rows / seconds:.0f} credentials a second")
            indexes.append(indexed(city))
            city.run(
                "third",
                "issuer",
                "export",
                "XPID000007",
                f"XPID{rows + 7:06}",
                "--out",
                str(city.folder / "out"),
            )
            for bundle in sorted((city.folder / "out").glob("*.json")):
                print(f"  {bundle.stem}: {city.run('third', 'verify', str(bundle)).splitlines()[0]}")
        killed, whole = indexes
        if killed != whole or len(killed) != 2 * rows:
            raise SystemExit(f"the indexes differ: {len(killed)} and {len(whole)} credentials")
        print(f"Both indexes have the same {len(whole)} credentials: none is lost, and none issued twice.")


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m examples.city.story")
    options.add_argument("rows", nargs="?", type=int)
    options.add_argument("--cluster", action="store_true", help="one file, by the workers of a cluster")
    chosen = options.parse_args()
    story = cluster.main if chosen.cluster else main
    story(*[chosen.rows] if chosen.rows else [])
