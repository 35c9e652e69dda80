"""Credentials by others, as published: what is said of each, and why. `pytest -s` prints the tables.

`now` is the day after the last of them was signed. Their makers' DID documents and status lists are served on
loopback; issuers are recognised by the registry, or by the one key that the proof names where nobody has a
document.
"""

from __future__ import annotations

import csv
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
from tests.conftest import ROOT
from tests.interop.peers import javascript
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
    """The hosts that the samples name, whose files a server on this machine has, by the paths alone."""

    def __init__(self, fetcher: HttpsFetcher, site: Site, ca_file: Path) -> None:
        self._fetcher, self.site, self.ca_file = fetcher, site, ca_file

    def fetch(self, url: str, **options: Any) -> bytes:
        parts = urlsplit(url)
        assert parts.scheme == "https"
        return self._fetcher.fetch(self.site.url(parts.path), **options)


GITHUB = "/vc-test-fixtures"
LISTS = (
    f"{GITHUB}/statusLists/didkey-ed25519Signature2020",
    "/digitalcredentials/verifier-core/refs/heads/main/src/test-fixtures/status",
)
HOSTS = ("localhost", "digitalcredentials.github.io", "raw.githubusercontent.com", "purl.imsglobal.org")
REGISTRY = {
    "name": "of the samples",
    "type": "dcc-legacy",
    "url": "https://digitalcredentials.github.io/registry",
}
OF_NO_REGISTRY = "did:key:z6MkqBcwQ7qnRBRpgtsJQviLFeYxExMUE2k9nwKkMTF3DdRZ"
"""The issuer in the files whose names say `noRegistry`."""


@pytest.fixture
def mirror(corpora: Path, tmp_path: Path) -> Iterator[Mirror]:
    folder = corpora / "samples/dcc"
    pages = {
        f"{GITHUB}/dids/{file.stem.removesuffix('-did')}/did.json": file.read_bytes()
        for file in (folder / "dids").iterdir()
    }
    for file in (folder / "status").iterdir():
        pages |= {f"{place}/{file.stem}": file.read_bytes() for place in LISTS}
    entry = {"name": "Issuer", "location": "Cambridge", "url": "https://issuer.example"}
    registry = {"meta": {}, "registry": dict.fromkeys(registered(folder), entry)}
    pages["/registry"] = json.dumps(registry).encode()
    authority = Authority(tmp_path)

    def answer(path: str) -> bytes:
        return response(200, pages[path], content_type="application/json") if path in pages else response(404)

    with Site(answer, authority.server_context(*HOSTS)).running() as site:
        fetcher = HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file)
        yield Mirror(fetcher, site, authority.ca_file)


def registered(folder: Path) -> list[str]:
    """The issuers of the files, but for the one that is in no registry."""
    issuers = {issuer_of(json.loads(file.read_bytes())) for file in folder.glob("*.json")}
    return sorted(issuers - {OF_NO_REGISTRY})


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


def expected() -> dict[str, dict[str, str]]:
    """By the name of a file: verdict, code of the check that decides, what verifier-core says, and why."""
    with (ROOT / "tests/dcc.tsv").open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file, delimiter="\t")}


def test_those_of_the_digital_credentials_consortium(corpora: Path, mirror: Mirror) -> None:
    folder, rows = corpora / "samples/dcc", expected()
    trust = Trust(tuple(map(RecognisedIssuer, registered(folder))))
    judge = Verifier(Resolver(METHODS, mirror), trust=trust, lists=(Fetched(mirror),))
    seen = {}
    for file in sorted(folder.glob("*.json")):
        report = judge.verify(file.read_bytes(), now=NOW)
        seen[file.stem] = (report.verdict.value, report.deciding.code if report.deciding else "")
    assert seen == {name: (row["verdict"], row["code"]) for name, row in rows.items()}
    assert Counter(verdict for verdict, _ in seen.values()) == {
        "valid": 39,
        "invalid": 17,
        "undetermined": 33,
    }
    assert all(row["reason"] for row in rows.values())


def test_verifier_core_says_the_same_of_them(corpora: Path, mirror: Mirror) -> None:
    """It asks the same registry, hosts and lists. Whatever is not valid here has something wrong there.

    But for lists by another issuer, of which it takes any: those say nothing here. It goes by today's clock,
    and some of the files end in 2030.
    """
    rows = expected()
    with javascript(mirror.ca_file, all_hosts=mirror.site.port) as ask:
        said = {
            file.stem: by_verifier_core(
                ask("verifierCore", json.loads(file.read_bytes()), registries=[REGISTRY])
            )
            for file in sorted((corpora / "samples/dcc").glob("*.json"))
        }
    assert said == {name: row["verifier-core"] for name, row in rows.items()}
    for name, row in rows.items():
        is_good_there = re.fullmatch(
            "(signature|expiry|status|issuer) true(, (expiry|status|issuer) true)*", said[name]
        )
        of_another = row["code"] == "status-status-unknown"
        assert (row["verdict"] == "valid") == bool(is_good_there and not of_another), name


def by_verifier_core(outcome: dict[str, Any]) -> str:
    """Return its result for signature, expiry, status and registry, or the name of its error."""
    if "errors" in outcome:
        return ", ".join(error["name"] for error in outcome["errors"])
    log = {entry["id"]: entry.get("valid", entry.get("error")) for entry in outcome["log"]}
    parts = ["not yet valid"] if 'is before "validFrom"' in outcome.get("error", "") else []
    for name, answer in VERIFIER_CORE.items():
        if answer in log:
            value = log[answer]
            parts.append(f"{name} {value['name'] if isinstance(value, dict) else str(value).lower()}")
    return ", ".join(parts)


VERIFIER_CORE = {
    "signature": "valid_signature",
    "expiry": "expiration",
    "status": "revocation_status",
    "issuer": "registered_issuer",
}


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
