"""The page that checks a diploma, served for tests, and what a person has of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from intaglio.pages.inspection import Inspection, Sent, Sheet, recognises_nobody
from intaglio.pages.own import Own
from intaglio.pages.recognise import Recognition
from intaglio.pages.verify import VerifyPage
from tests.serving import listening, serving
from tests.world import NOW, verifier
from verifier import Trust
from verifier.http import create_app
from verifier.judge import Current, Judge, Verifiers


class Reader(HTMLParser):
    """A page as a person has it: its text, and the attributes of each tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.text, self.title, self._in = "", "", list[str]()
        self.feed(page)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "title" in self._in:
            self.title += data
        else:
            self.text += data

    def having(self, name: str) -> list[str]:
        return [str(attributes[name]) for _, attributes in self.tags if name in attributes]


@contextlib.contextmanager
def page_served(trust: Trust, folder: Path, clock: Callable[[], datetime] = lambda: NOW) -> Iterator[str]:
    """Its address, with the service's own routes beside it; all in this process."""
    trust_file = folder / "trust.json"
    trust_file.write_bytes(trust.to_bytes())
    judges = Verifiers(verifier(trust), verifier(trust))
    inspection = Inspection(Judge(lambda: judges), trust_file)

    async def ask(sent: Sent) -> Sheet:
        return inspection.sheet(sent)

    with listening() as listener:
        app = create_app(lambda: judges, clock=clock)
        mount(app, listener.getsockname()[1], ask, trust_file=trust_file, clock=clock)
        with serving(app, listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def mount(app: FastAPI, port: int, ask: Callable[[Sent], Awaitable[Sheet]], **options: Any) -> VerifyPage:
    """Puts the page beside an app on loopback."""
    addresses = Own.at(f"http://127.0.0.1:{port}")
    assert addresses is not None
    page = VerifyPage(addresses, ask, **{"require_ready": lambda: None, "clock": lambda: NOW, **options})
    page.mount(app)
    return page


@contextlib.contextmanager
def page_for_oneself(trust_file: Path) -> Iterator[str]:
    """The address of a page that takes trust files; all in this process."""
    judge = Judge(Current(trust_file, lambda: Verifiers(*[verifier(Trust.load(trust_file))] * 2)))
    inspection = Inspection(judge, trust_file)

    async def ask(sent: Sent) -> Sheet:
        return inspection.sheet(sent)

    with listening() as listener:
        port = listener.getsockname()[1]
        app, addresses = FastAPI(), Own.at(f"http://127.0.0.1:{port}")
        assert addresses is not None
        takes = {
            "recognition": Recognition(addresses, trust_file),
            "nobody": lambda: recognises_nobody(judge),
        }
        mount(app, port, ask, root="/secret/", trust_file=trust_file, **takes)
        with serving(app, listener):
            yield f"http://127.0.0.1:{port}/secret/"


def send(url: str, *files: bytes, text: str = "", lang: str = "en", **headers: str) -> httpx.Response:
    fields: Any = [("file", (f"{number}.json", data)) for number, data in enumerate(files)]
    fields += [("text", (None, text))]
    sent = {"Origin": url, "Accept-Language": lang, **headers}
    return httpx.post(f"{url}/", files=fields, headers=sent, timeout=30)


def answer(url: str, *files: bytes, **options: Any) -> Reader:
    response = send(url, *files, **options)
    assert response.status_code == 200
    return Reader(response.text)


def words_of(page: Reader) -> list[str]:
    """The verdict on each file, as the page marks it."""
    return [
        next(name for name in str(attributes["class"]).split() if name != "answer")
        for tag, attributes in page.tags
        if tag == "article"
    ]


class Running:
    """The program in a process of its own: the line that it printed, and all that it said besides."""

    def __init__(self, home: Path, *words: object, **environment: str) -> None:
        self.home = home
        self._process = subprocess.Popen(
            [sys.executable, "-m", "intaglio", *map(str, words)],
            env={
                **os.environ,
                "INTAGLIO_HOME": str(home),
                "TMPDIR": str(home / "tmp"),
                "HOME": str(home),
                **environment,
            },
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.line = self._process.stdout.readline().strip()
        self.said = ""
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said += line

    @property
    def processes(self) -> list[int]:
        """Its own id and those of its workers."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [self._process.pid, *map(int, children)]

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        self._process.send_signal(how)
        code = self._process.wait(20)
        self._reading.join(20)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        return code


@contextlib.contextmanager
def running(trust: Trust, home: Path, *words: object, **environment: str) -> Iterator[Running]:
    """The program, which recognises whom `trust` names, until the block ends."""
    (home / "tmp").mkdir(parents=True)
    (home / "trust.json").write_bytes(trust.to_bytes())
    program = Running(home, *words, **environment)
    try:
        yield program
    finally:
        program.end(signal.SIGKILL)
