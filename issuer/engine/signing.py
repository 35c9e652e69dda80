"""The worker's side of a task: it signs rows by its own keys, and creates the shard in the store.

All but the rows is the worker's own: the environment variable `INTAGLIO_WORKER` names its issuer's folder,
which is as `worker_home` writes it. A worker that lacks something, or has another one, says so by a code.
"""

from __future__ import annotations

import functools
import hmac
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from keys import KeyFile, PassphraseNeeded, Signer, open_signer
from vc.forms import FORMS, INTEGRITY, STATUS_KINDS, DataIntegrity, by_contexts
from vc.secured import Form
from vc.vcdm import jsonld
from wire.problem import Malformed, NotFound

from ..archive.frame import LARGEST, ZstdError
from ..archive.kept import DEFAULT, ShardName
from ..archive.shard_store import ShardStore
from ..archive.shard_stores import shards_in
from ..identity.forms import IssuerForms
from ..identity.home import Identity
from ..identity.kind import Kinds
from ..identity.root import root_digest
from ..job.chunk import settled, signed_shard
from ..job.presses import Presses
from ..job.spool import unpacked_rows
from ..press.press import Press
from .problem import WORKER_KEYS, WORKER_KIND, WORKER_RELEASE, WORKER_SETTINGS
from .signing_task import SigningSettings, SigningTask

HOME = "INTAGLIO_WORKER"
"""The environment variable that names the folder of a worker's issuer."""
FUNCTION = f"{__name__}:sign_chunk"
"""The name under which workers are asked to sign."""
_PASSPHRASE, _PIN = "INTAGLIO_PASSPHRASE_FILE", "INTAGLIO_PIN_FILE"


def sign_chunk(item: bytes) -> bytes:
    """The answer to a task: the SHA-256 of the shard, which lies in the store.

    Raises `WORKER_RELEASE`, `WORKER_KEYS`, `WORKER_KIND` or `WORKER_SETTINGS` where this worker would sign
    something else, `Malformed` and `TooLarge` for a task that is none, and what signing and storing raise.
    """
    task = SigningTask.parse(item)
    worker = _worker(os.environ.get(HOME, ""))
    presses = worker.presses(task.settings)
    try:
        rows = settled(presses[0].composer.kind, unpacked_rows(task.frame, LARGEST), task, task.numbers)
        data = signed_shard(presses, rows, task)
    except (ZstdError, ValueError, KeyError) as error:
        raise Malformed("the rows of a task cannot be read") from error
    digest = sha256(data).digest()
    worker.shards.write(ShardName(task.job, task.number, digest), data)
    return digest


def require_ready() -> None:
    """Opens the keys, for all processes that this one forks. Raises the reason why they would not sign."""
    _worker(os.environ.get(HOME, ""))


@dataclass(frozen=True, repr=False)
class _Worker:
    """The keys and settings of this machine, and the store where it may create."""

    home: Path
    identity: Identity
    keys: KeyFile
    signer: Signer
    by_settings: dict[bytes, list[Press]] = field(default_factory=dict)

    @functools.cached_property
    def shards(self) -> ShardStore:
        """The store where this machine may create; a connection must not be taken through a fork."""
        return shards_in(self.home, self.identity.shards, self.identity.did)

    def presses(self, asked: SigningSettings) -> Sequence[Press]:
        """The press of each form, which prints as the driver's does; kept, since making one takes long."""
        release, root = version("intaglio"), root_digest(self.keys).decode()
        if asked.release != release:  # another release may sign other bytes for the same row
            raise WORKER_RELEASE.saying(
                "a worker has release {ours}, and the driver {theirs}",
                ours=release,
                theirs=asked.release[:40],
            )
        # Of another root, two credentials could get one id, or one place in a status list.
        if not hmac.compare_digest(asked.root, root):
            raise WORKER_KEYS("a worker has another root of secrets than the driver")
        if asked.method != (ours := self.identity.verification_method(self.signer.public_key)):
            raise WORKER_KEYS.saying("a worker signs as {method}, not as it was asked to", method=ours)
        if asked.issuer != asdict(self.identity.profile):
            raise WORKER_SETTINGS("a worker's issuer.json differs from that of the driver")
        digest = sha256(repr(asked).encode()).digest()
        if digest not in self.by_settings:
            if len(self.by_settings) >= _MOST_KEPT:
                self.by_settings.clear()
            self.by_settings[digest] = self._presses(asked, release, root)
        return self.by_settings[digest]

    def _presses(self, asked: SigningSettings, release: str, root: str) -> list[Press]:
        forms = IssuerForms(self.home, None, _given(asked, self._contexts), self._contexts)
        presses = Presses(self.home, self.identity, self.keys, self.signer, forms, STATUS_KINDS)
        reference = asked.kind or None
        if reference not in Kinds(self.home).references:
            raise WORKER_KIND("a worker has not the kind of which credentials are to be issued")
        for each in presses.templates(reference, [name for name, _, _ in asked.forms]):
            if SigningSettings.of(each, release, root) == asked:
                return each
        if all(form in forms.readable for _, form, _ in asked.forms):
            raise WORKER_KIND("a worker has not the template by which credentials are to be issued")
        raise WORKER_SETTINGS("a worker does not know a form in which credentials are to be issued")

    @property
    def _contexts(self) -> Path | None:
        folder = self.home.parent / "contexts"
        return folder if folder.is_dir() else None


_MOST_KEPT = 16
"""The most sets of presses that a worker keeps: an issuer has few kinds, and a driver could ask for any."""


@functools.lru_cache(maxsize=2)
def _worker(folder: str) -> _Worker:
    if not folder:
        raise WORKER_SETTINGS.saying("{variable} names no folder of an issuer", variable=HOME)
    home = Path(folder)
    try:
        identity = Identity.read(home)
    except NotFound as problem:
        raise WORKER_SETTINGS("a worker has no folder of its issuer", because=problem) from problem
    keys = KeyFile.open(home / "keys.json", lambda: _secret(_PASSPHRASE))
    if identity.signer_uri:
        signer: Signer = open_signer(
            identity.signer_uri, passphrase=lambda: _secret(_PIN), public_key=identity.kept_elsewhere
        )
    elif "assertion" in keys.public_keys:
        signer = keys.signer("assertion")
    else:
        raise WORKER_KEYS("a worker has no key that signs credentials")
    root_digest(keys)  # asks for the passphrase
    return _Worker(home, identity, keys, signer)


def _secret(variable: str) -> bytes | None:
    """The passphrase or PIN in the file that a variable names, as typed at a terminal (NFC), if one does."""
    if not (file := os.environ.get(variable)):
        return None
    try:
        typed = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise PassphraseNeeded.saying(
            "{variable} names a file that cannot be read", variable=variable
        ) from None
    return unicodedata.normalize("NFC", typed).encode() or None


def _given(asked: SigningSettings, folder: Path | None) -> Form | None:
    """The form for which no other is named, with the suite that the driver signs JSON with."""
    contexts = jsonld.load(folder) if folder else None
    of_default = next((form for name, form, _ in asked.forms if name == DEFAULT), INTEGRITY)
    if of_default != INTEGRITY:
        return by_contexts(FORMS, contexts).get(of_default)
    suite = next((suite for _, form, suite in asked.forms if form == INTEGRITY), "")
    return DataIntegrity(contexts=contexts, suite=suite)
