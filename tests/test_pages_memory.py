"""What the running service has in its memory once a file was checked: nothing that names a person."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from intaglio.pages.upload import MAX_FILE
from tests.baking import itxt, png
from tests.pages import Running, running, send
from tests.world import NAME, Holder, University

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="no memory of a process to read: only on Linux"),
]

FREED = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0"}
"""Memory is written over as soon as it is given back (mallopt(3)), so that what is found is kept."""

UNIVERSITY = University(now=datetime.now(UTC) - timedelta(hours=2))
STRANGER = University("stranger.example", now=UNIVERSITY.now)


def memory_of(pid: int) -> Iterator[bytes]:
    """Each part that a process may write to."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if found and "[v" not in line:
                first, end = (int(place, 16) for place in found.groups())
                memory.seek(first)
                yield memory.read(end - first)


def spelled(text: str) -> set[bytes]:
    """A text as it may stand in memory: in bytes, in strings of each width, and in the base64 of a page."""
    plain = text.encode()
    spellings = {plain, text.encode("utf-16-le"), text.encode("utf-32-le")}
    for start in range(3):
        whole = plain[start : start + (len(plain) - start) // 3 * 3]
        spellings.add(base64.b64encode(whole))
    return spellings


def holding(service: Running, *texts: str) -> set[str]:
    """Which of these texts are in the memory of the service or of one of its processes."""
    found = set[str]()
    for pid in service.processes:
        for part in memory_of(pid):
            found |= {text for text in texts if any(spelling in part for spelling in spelled(text))}
    return found


MARK = "Quetzalcoatl"
NAMED = f"Canaria {MARK}-Undisclosed"


def files() -> dict[str, bytes]:
    """They name a person in each place that a file has for it, and end in each verdict."""
    document = UNIVERSITY.diploma()
    document["credentialSubject"] |= {"id": f"did:example:{MARK}", "licenseNumber": MARK}
    document["credentialSubject"]["identifier"][0]["identityHash"] = NAMED
    bundle, whole = UNIVERSITY.issue(document), UNIVERSITY.issue(document).to_bytes()
    foreign = {**document, "issuer": {**document["issuer"], "id": STRANGER.did, "name": MARK}}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(f"{MARK}/one.json", whole)
        opened.writestr(f"{MARK}/two.pdf", b"%PDF")
    return {
        "valid.json": whole,
        "altered.json": whole.replace(b"Master of Science", b"Doctor of Everything"),
        "unknown.json": STRANGER.issue(foreign).to_bytes(),
        "presented.json": json.dumps(Holder().present(bundle.secured)).encode(),
        "baked.png": png(itxt(json.dumps(bundle.secured).encode())),
        "cut.json": whole[: len(whole) // 2],
        "text.txt": f"{NAMED}, whose diploma this is".encode(),
        "all.zip": archive.getvalue(),
    }


def test_nothing_that_names_a_person_is_kept(tmp_path: Path) -> None:
    """Neither by the service nor by its processes, whatever was sent, and however it was answered."""
    serve = ("verifier", "serve", "--plain", "--port", 0, "--offline")
    with running(UNIVERSITY.trust, tmp_path / "home", *serve, **FREED) as service:
        url = service.line.rstrip("/")
        for name, data in [*files().items()] * 2:  # each of the two processes has some
            for lang in ("en", "zh"):
                named = {"file": (f"{MARK}-{name}", data)}
                own = {"Origin": url, "Accept-Language": lang}
                found = httpx.post(f"{url}/", files=named, headers=own, timeout=60)
                assert (found.status_code, MARK in found.text) == (200, True)
            httpx.post(f"{url}/verify", content=data, timeout=60)
        assert MARK in send(url, text=files()["valid.json"].decode()).text
        assert send(url, NAMED.encode().ljust(MAX_FILE + 1)).status_code == 413
        for _ in range(4):
            assert send(url, UNIVERSITY.issue().to_bytes()).status_code == 200
        # what the trust list says shows that it would be found
        assert holding(service, MARK, "Undisclosed", NAME) == {NAME}
