"""The page that checks a diploma: a form against `POST /verify` of the same bytes; and the issuer's pages.

The real services, each in a process of its own; requests one after another on one connection that stays open,
in rounds that take turns. First paint is measured in a Chromium that has just started, by its own clock,
without the start itself. Without an installed Chromium those rows are left out.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import orjson

from bench.bundles import bundle

ROUNDS, CALLS = 10, 20
GOAL = 3.0
GOAL_PAINT = 1.0
"""Seconds."""

_BOUNDARY = "bench-of-pages"


def form_of(data: bytes) -> bytes:
    """The body that the page's form posts for one file."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n'
    return head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()


def timed(
    connection: http.client.HTTPConnection,
    path: str,
    has: bytes,
    body: bytes | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> float:
    """Seconds from the first byte that is sent to the last of an answer that has something in it."""
    start = time.perf_counter()
    connection.request("GET" if body is None else "POST", path, body, dict(headers))
    answer = connection.getresponse()
    content = answer.read()
    taken = time.perf_counter() - start
    assert answer.status == 200, content
    assert has in content
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
        start = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        browser.close()
    return float(start) / 1000


def first_paints(urls: Mapping[str, str]) -> dict[str, float]:
    """Seconds by name, for those that could be measured."""
    paints = {name: first_paint(url) for name, url in urls.items()}
    return {name: seconds for name, seconds in paints.items() if seconds is not None}


@contextmanager
def serving(home: Path, *words: str) -> Iterator[str]:
    """The first line that the command prints; it serves until the block ends."""
    service = subprocess.Popen(
        (sys.executable, "-m", "intaglio", *words),
        env={**os.environ, "INTAGLIO_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert service.stdout is not None
        yield service.stdout.readline().strip()
    finally:
        service.terminate()
        service.wait()


def checking(home: Path, data: bytes) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds of a form and of `POST /verify`, and the first paint of the form's page."""
    with serving(home, "verifier", "serve", "--plain", "--port", "0", "--offline") as address:
        host = address.split("/")[2]
        connection, url, body = http.client.HTTPConnection(host), f"http://{host}", form_of(data)
        as_form = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "Origin": url}
        as_json = {"Content-Type": "application/json"}
        for _ in range(4):  # until each process has begun
            timed(connection, "/", b"answer valid", body, as_form)
        pages, programs = list[float](), list[float]()
        for _ in range(ROUNDS):
            pages += [timed(connection, "/", b"answer valid", body, as_form) for _ in range(CALLS)]
            programs += [timed(connection, "/verify", b"valid", data, as_json) for _ in range(CALLS)]
        times = {"form": _p50(pages), "verify": _p50(programs)}
        return times, first_paints({"form": url})


def issuing(home: Path) -> tuple[dict[str, float], dict[str, float]]:
    """The same of the issuer's page, and of the page behind a claim link; neither is counted or kept."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://localhost:{free.getsockname()[1]}"
    claim = (sys.executable, "-m", "intaglio", "issuer", "claim", "EX-2026-0001", "--url", url, "--json")
    links = subprocess.run(
        claim, env={**os.environ, "INTAGLIO_HOME": str(home)}, capture_output=True, check=True
    ).stdout
    link = orjson.loads(links)["links"]["EX-2026-0001"]
    with serving(home, "issuer", "serve", "--plain", "--url", url):
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        times: dict[str, list[float]] = {"issuer": [], "claim": []}
        for _ in range(ROUNDS):
            for _ in range(CALLS):
                times["issuer"].append(timed(connection, "/", b"The checkpoint as it is signed"))
                times["claim"].append(timed(connection, urlsplit(link).path, b"How to take it"))
        return {name: _p50(taken) for name, taken in times.items()}, first_paints(
            {"issuer": url, "claim": link}
        )


def _p50(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        data, trust = bundle(home / "issuer", datetime.now(UTC).replace(microsecond=0))
        (home / "trust.json").write_bytes(trust.to_bytes())
        times, paints = checking(home, data)
        more_times, more_paints = issuing(home)
    times, paints = {**times, **more_times}, {**paints, **more_paints}
    ratio = times["form"] / times["verify"]
    print(f"{'p50, keep-alive':<32}{'ms':>8}")
    for page, taken in times.items():
        print(f"{page:<32}{taken:>8.1f}")
    print(f"a form over POST /verify: {ratio:.1f} times, goal {GOAL:.0f}")
    print(f"{'first paint, cold start':<32}{'ms':>8}{'goal':>8}")
    for page, seconds in paints.items():
        print(f"{page:<32}{seconds * 1000:>8.0f}{GOAL_PAINT * 1000:>8.0f}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    record = {"ms": times, "ratio": ratio, "goal": GOAL, "firstPaint": paints, "goalPaint": GOAL_PAINT}
    (results / "pages.json").write_bytes(orjson.dumps(record))


if __name__ == "__main__":
    main()
