"""Control flow of a row and of a bundle through the packages: the files entered, and the stays in them.

A stay is the execution in one file until a call or a return leads into another one. The row goes from a CSV
to an indexed credential, the bundle to a verdict; both were made once before. At 81e9505 these were 76 files
and 989 stays, and 50 and 609.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from issuer import Order  # noqa: E402
from tests.world import NOW, csv_file, graduate, issuer_in, trust_in, verifier  # noqa: E402

PACKAGES = (
    "intaglio",
    "issuer",
    "holder",
    "verifier",
    "exchange",
    "kinds",
    "vc",
    "did",
    "ledger",
    "keys",
    "wire",
)
HOUSE = tuple(f"{ROOT / package}/" for package in PACKAGES)


class Walk(NamedTuple):
    files: int
    stays: int


def walked(work: Callable[[], object]) -> Walk:
    """The files of this program that `work` enters."""
    files, stays, last = set[str](), 0, ""

    def moved(frame: FrameType, event: str, _: object) -> None:
        nonlocal stays, last
        if event not in ("call", "return"):
            return
        here: FrameType | None = frame if event == "call" else frame.f_back
        while here is not None and not here.f_code.co_filename.startswith(HOUSE):
            here = here.f_back
        if here is not None and (name := here.f_code.co_filename) != last:
            files.add(name)
            stays, last = stays + 1, name

    sys.setprofile(moved)
    try:
        work()
    finally:
        sys.setprofile(None)
    return Walk(len(files), stays)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        issuer = issuer_in(Path(folder, "home"), url="https://university.example")
        orders = [
            Order(csv_file(Path(folder, f"{row}.csv"), [graduate(row)]), Path(folder, "e.csv"), workers=0)
            for row in (1, 2)
        ]
        issuer.issue_file(orders[0])
        row = walked(lambda: issuer.issue_file(orders[1]))
        bundle = issuer.bundle(issuer.current("UNI-000002")).to_bytes()
        judge = verifier(trust_in(issuer))
        assert judge.verify(bundle, now=NOW)
        verdict = walked(lambda: judge.verify(bundle, now=NOW))
    for name, walk in (("a row", row), ("a bundle", verdict)):
        print(f"{name}: {walk.files} files, {walk.stays} stays")


if __name__ == "__main__":
    main()
