"""The page that checks a diploma: a form against `POST /verify` of the same bytes, and the first paint.

The real service, in a process of its own; requests one after another on one connection that stays open, in
rounds that take turns. First paint is that of a Chromium that has just begun, by its own clock, without what
beginning takes; where none is installed that row is left out.
"""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson

from bench.bundles import bundle

ROUNDS, CALLS = 10, 20
GOAL = 3.0
GOAL_PAINT = 1.0
"""Seconds."""

_BOUNDARY = "bench-of-pages"


def form_of(data: bytes) -> bytes:
    """What the page's form sends with one file."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n'
    return head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()


def timed(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> float:
    """Seconds from the first byte that is sent to the last of the answer."""
    start = time.perf_counter()
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    found = answer.read()
    taken = time.perf_counter() - start
    assert answer.status == 200, found
    assert path == "/verify" or b'class="answer valid"' in found
    return taken


def first_paint(url: str) -> float | None:
    """Seconds until something is seen, in a browser that was started for it."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        return None
    with sync_playwright() as playwright:
        args = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=args)
        page = browser.new_page()
        page.goto(url)
        page.wait_for_timeout(500)
        found = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        browser.close()
    return float(found) / 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, trust = bundle(folder / "university", datetime.now(UTC).replace(microsecond=0))
        (folder / "trust.json").write_bytes(trust.to_bytes())
        service = subprocess.Popen(
            (sys.executable, "-m", "intaglio", "verifier", "serve", "--plain", "--port", "0", "--offline"),
            env={**os.environ, "INTAGLIO_HOME": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert service.stdout is not None
            address = service.stdout.readline().split("/")[2]
            connection = http.client.HTTPConnection(address)
            url = f"http://{address}"
            as_form = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "Origin": url}
            as_json = {"Content-Type": "application/json"}
            body = form_of(data)
            for _ in range(4):  # until each process has begun
                timed(connection, "/", body, as_form)
            pages, programs = list[float](), list[float]()
            for _ in range(ROUNDS):
                pages += [timed(connection, "/", body, as_form) for _ in range(CALLS)]
                programs += [timed(connection, "/verify", data, as_json) for _ in range(CALLS)]
            paint = first_paint(url)
        finally:
            service.terminate()
            service.wait()
    page, program = statistics.median(pages) * 1000, statistics.median(programs) * 1000
    print(f"a form {page:.1f} ms, POST /verify {program:.1f} ms: {page / program:.1f} times, goal {GOAL:.0f}")
    if paint is not None:
        print(
            f"first paint in a browser that just began: {paint * 1000:.0f} ms, goal {GOAL_PAINT * 1000:.0f}"
        )
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    told = {"form": page, "verify": program, "ratio": page / program, "goal": GOAL, "firstPaint": paint}
    (results / "pages.json").write_bytes(orjson.dumps(told))


if __name__ == "__main__":
    main()
