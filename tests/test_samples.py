"""Credentials by others, as published: what is said of each, and why. `pytest -s` prints the tables.

`now` is the day after the last of them was signed. Their makers' DID documents and status lists are served on
loopback; issuers are recognised by name, or by the one key that the proof names where nobody has a document.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from did import METHODS, Resolver
from keys import InvalidKey, PublicKey
from tests.loopback import Authority, Site, response
from tests.world import verifier
from vc import Verdict
from vc.forms.integrity import proof_values
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.sources.lists import Fetched
from wire.fetch import HttpsFetcher

NOW = datetime(2026, 1, 24, tzinfo=UTC)
VALID, INVALID, OPEN = Verdict.VALID, Verdict.INVALID, Verdict.UNDETERMINED
Row = tuple[str, Verdict, str]

pytestmark = pytest.mark.slow


class Mirror:
    """The hosts that the samples name, whose files a server on this machine has."""

    def __init__(self, fetcher: HttpsFetcher, site: Site) -> None:
        self._fetcher, self._site = fetcher, site

    def fetch(self, url: str, **options: Any) -> bytes:
        parts = urlsplit(url)
        assert parts.scheme == "https"
        return self._fetcher.fetch(self._site.url(f"/{parts.netloc}{parts.path}"), **options)


GITHUB = "/digitalcredentials.github.io/vc-test-fixtures"
LISTS = (
    f"{GITHUB}/statusLists/didkey-ed25519Signature2020",
    "/raw.githubusercontent.com/digitalcredentials/verifier-core/refs/heads/main/src/test-fixtures/status",
)


@pytest.fixture
def mirror(corpora: Path, tmp_path: Path) -> Iterator[Mirror]:
    folder = corpora / "samples/dcc"
    pages = {
        f"{GITHUB}/dids/{file.stem.removesuffix('-did')}/did.json": file.read_bytes()
        for file in (folder / "dids").iterdir()
    }
    for file in (folder / "status").iterdir():
        pages |= {f"{place}/{file.stem}": file.read_bytes() for place in LISTS}
    authority = Authority(tmp_path)

    def answer(path: str) -> bytes:
        return response(200, pages[path]) if path in pages else response(404)

    with Site(answer, authority.server_context("localhost")).running() as site:
        yield Mirror(HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file), site)


def issuer_of(document: dict[str, Any]) -> str:
    found = document.get("issuer")
    return str(found["id"] if isinstance(found, dict) else found)


def judged(judge: Verifier, folder: Path, files: list[Path]) -> list[Row]:
    rows = []
    for file in files:
        report = judge.verify(file.read_bytes(), now=NOW)
        reason = report.deciding.text if report.deciding else ""
        rows.append((str(file.relative_to(folder).with_suffix("")), report.verdict, reason))
    print()
    for name, verdict, reason in rows:
        print(f"{name:<84} {verdict.value:<13} {reason}")
    print(dict(Counter(verdict.value for _, verdict, _ in rows)))
    return rows


# What the names of the Digital Credentials Consortium's files tell; the first that fits counts. The first
# is of a file that ended in 2010, whatever its name says.
NAMES: dict[str, tuple[Verdict, str]] = {
    "v2_dataIntegrityProof_didKey_noRegistry-revokedStatus-noExpiry$": (INVALID, "expired on 2010-01-02"),
    "-expired$": (INVALID, "expired on "),
    "-notYetValid$": (INVALID, "valid only from 2099-01-01 on"),
    "-tampered$": (INVALID, "the signature does not fit"),
    "badDidWeb$": (OPEN, "has no document"),
    # lists that are none, of the issuer's own
    "expiredStatus": (OPEN, "the newest status list at hand was good until 2021-01-09"),
    "notYetValidStatus": (OPEN, "the status list is dated 3000-01-09"),
    "missingTypeStatus": (OPEN, "the status list is not a BitstringStatusListCredential"),
    "tamperedStatus": (OPEN, "cannot be used: the signature does not fit"),
    # a list by one of the makers' keys, which is not the issuer's
    "(valid|revoked)(Status|Staus)|-revoked-": (OPEN, "the status list is by another issuer"),
    "noStatus": (VALID, ""),
}


def test_those_of_the_digital_credentials_consortium(corpora: Path, mirror: Mirror) -> None:
    folder = corpora / "samples/dcc"
    files = sorted(folder.glob("*.json"))
    issuers = sorted({issuer_of(json.loads(file.read_bytes())) for file in files})
    trust = Trust(tuple(map(RecognisedIssuer, issuers)))
    judge = Verifier(Resolver(METHODS, mirror), trust=trust, lists=(Fetched(mirror),))
    rows = judged(judge, folder, files)
    fitting = Counter[str]()
    for name, verdict, reason in rows:
        told = next(pattern for pattern in NAMES if re.search(pattern, name))
        assert (verdict, NAMES[told][1] in reason) == (NAMES[told][0], True), (name, reason)
        fitting[told] += 1
    assert fitting.keys() == NAMES.keys()
    assert Counter(verdict for _, verdict, _ in rows) == {VALID: 42, INVALID: 17, OPEN: 30}


def test_a_list_by_another_that_the_owner_named_is_read(corpora: Path, mirror: Mirror) -> None:
    """Theirs then stay open for what they are: each calls itself by another address."""
    folder = corpora / "samples/dcc"
    file = folder / "v1_ed25519_didWeb_legacy-validStatus-noExpiry.json"
    listed = json.loads((folder / "status/e5WK8CbZ1GjycuPombrj.json").read_bytes())
    issuer = issuer_of(json.loads(file.read_bytes()))
    trust = Trust().adding(RecognisedIssuer(issuer, status_issuers=(issuer_of(listed),)))
    judge = Verifier(Resolver(METHODS, mirror), trust=trust, lists=(Fetched(mirror),))
    ((_, verdict, reason),) = judged(judge, folder, [file])
    assert (verdict, "is not the one that the credential names" in reason) == (OPEN, True)


BADGES: dict[str, tuple[Verdict, str]] = {
    **dict.fromkeys(
        (
            "ob3/simple", "ob3/simple-did-web-method", "ob3/simple-multiple-proofs", "ob3/endorsement-valid",
            "ob3/simple-did-key-method", "clr2/simple", "clr2/complex",
        ),
        (VALID, ""),
    ),
    "ob3/complete": (OPEN, "the status is of a kind that is not known here"),
    "ob3/sd-derivedcredential": (OPEN, "'ecdsa-sd-2023' is not supported"),
    "ob3/simple-eddsa-2022": (OPEN, "'eddsa-2022' is not supported"),
    "ob3/simple-noproof": (INVALID, "there is no proof"),
    "clr2/simple-noproof": (INVALID, "there is no proof"),
}  # fmt: skip


def test_those_of_1edtech(corpora: Path) -> None:
    folder = corpora / "samples"
    files = [
        file for name in ("ob3", "ob3/invalid", "clr2") for file in sorted((folder / name).glob("*.json"))
    ]
    pins: dict[str, set[str]] = {}
    for document in (json.loads(file.read_bytes()) for file in files):
        for proof in proof_values(document):
            key = re.split("[#:]", str(proof.get("verificationMethod")))[-1]
            try:
                pins.setdefault(issuer_of(document), set()).add(PublicKey.from_multikey(key).multikey())
            except InvalidKey:  # one is misspelt on purpose
                continue
    trust = Trust(tuple(RecognisedIssuer(name, keys=tuple(keys)) for name, keys in pins.items()))
    judge = verifier(trust)
    for name, verdict, reason in judged(judge, folder, files):
        if name.startswith("ob3/invalid/"):
            assert verdict is not VALID, (name, reason)
        else:
            assert (verdict, BADGES[name][1] in reason) == (BADGES[name][0], True), (name, reason)
