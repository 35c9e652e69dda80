"""Consent to the addresses that one folder's files name: each is shown and agreed to once, before its use.

The issuer of this home is one's own, unless a backup was restored there. Typing an address is consent to it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wire.consent import Agreements, digest_of, is_marked, not_agreed
from wire.problem import Declined
from wire.strict import load_json_object

from .deployment import USUAL, Deployment
from .terminal import confirmed, say
from .words import tr

if TYPE_CHECKING:
    from issuer.archive.shard_store import ShardStore
    from issuer.archive.shard_stores import ShardStores
    from keys.opening import Opener
    from ledger.anchor import Anchor, Sender
    from ledger.anchors import AnchorKind
    from ledger.folder import Engines
    from ledger.tiles.engines import Engine
    from ledger.tiles.store import Store

MODULE = "INTAGLIO_PKCS11_MODULE"
"""Names the module of a token that an address from elsewhere may have loaded, wherever that module lies."""


@dataclass(frozen=True)
class Consent:
    """The consent of this home's user to the addresses that the files in `folder` name."""

    folder: Path
    home: Path
    typed: frozenset[str] = frozenset()
    """The digests that were typed, each of a text that is agreed to."""
    asks: bool = True
    """True if a person at the terminal may be asked."""
    restoring: bool = False
    """True if the folder is about to be written from a backup."""
    deployment: Deployment = USUAL

    @property
    def is_own(self) -> bool:
        """True if the folder is this home's own issuer, and nothing in it came out of a backup."""
        # By real path: a link into the home would lend its consent to a stranger's folder (ADR 66).
        is_here = os.path.realpath(self.folder) == os.path.realpath(self.home / "issuer")
        return is_here and not self.restoring and not is_marked(self.folder)

    def has(self, named: str) -> bool:
        """True if an address named in the folder may be used, as far as is known without asking."""
        return self.is_own or self._agreements.has(self.folder, named)

    def keep(self, named: str) -> None:
        """Remember the digests that were typed for this folder."""
        self._agreements.add(self.folder, named)

    def require(self, named: str) -> None:
        """Ask, once, about an address that a file in the folder names.

        Raises `Declined`, and `NotAgreed` where nobody can be asked. Threads of a service ask nobody.
        """
        if self.has(named):
            return
        if digest_of(named) not in self.typed:
            # Before anything is shown: an address with a password or a PIN in it is refused, not repeated.
            parts, problem = list(shown(named)), not_agreed(self.folder, named)
            is_main = threading.current_thread() is threading.main_thread()
            if not (self.asks and is_main and sys.stdin.isatty()):
                raise problem
            say(tr("A file in {folder} names what is outside it:").format(folder=self.folder), *parts)
            if not confirmed(tr("Is that yours, and may it be used?")):
                raise Declined("what the folder names was not agreed to, and not used")
        self.keep(named)

    def require_database(self) -> None:
        """Ask about the database that all machines of an issuer share, if the folder names one."""
        from ledger.shared import named_store

        if (address := named_store(self.folder)) is not None:
            self.require(address)

    def engines(self) -> Engines:
        """The engines for the folder's log; where that is kept elsewhere, each asks before it opens it."""
        from ledger.tiles.engines import ENGINES

        engines = ENGINES if self.deployment.engines is None else self.deployment.engines
        return {scheme: partial(self._engine, engine) for scheme, engine in engines.items()}

    def _engine(self, engine: Engine, uri: str, **options: Any) -> Store:
        if uri != (self.folder / "log").absolute().as_uri():
            self.require(uri)
        return engine(uri, **options)

    def shard_stores(self) -> ShardStores:
        """The stores of shards that are not in the folder; each asks before it is opened."""
        from issuer.archive.shard_stores import SHARD_STORES

        return {scheme: partial(self._shards, opener) for scheme, opener in SHARD_STORES.items()}

    def _shards(
        self, opener: Callable[..., ShardStore], address: str, *arguments: Any, **options: Any
    ) -> ShardStore:
        self.require(address)
        return opener(address, *arguments, **options)

    def signers(self) -> Mapping[str, Opener]:
        """The openers for keys whose addresses the folder's files name; each asks before it opens one."""
        from keys.opening import SIGNERS, signers_from_elsewhere

        openers = SIGNERS if self.deployment.signers is None else self.deployment.signers
        if not self.is_own:
            openers = signers_from_elsewhere(os.environ.get(MODULE), openers)
        return {scheme: partial(self._signer, opener) for scheme, opener in openers.items()}

    def _signer(self, opener: Opener, uri: str, *arguments: Any) -> Any:
        self.require(uri)
        return opener(uri, *arguments)

    def anchors(self, kinds: Mapping[str, AnchorKind]) -> Mapping[str, AnchorKind]:
        """The kinds of ledgers; each asks before it uses the settings that the folder's files have."""
        return {
            namespace: kind._replace(begin=partial(self._begin, kind), open=partial(self._open, kind))
            for namespace, kind in kinds.items()
        }

    def _begin(
        self, kind: AnchorKind, name: str, typed: Mapping[str, str], sender: Sender
    ) -> Mapping[str, Any]:
        from ledger.outbox import Outbox, named

        for former in Outbox(self.folder).destinations():
            if former.name == name:  # what is not typed now stays as it was
                self.require(former.named)
        settings = kind.begin(name, typed, sender)
        self.keep(named(name, settings))
        return settings

    def _open(self, kind: AnchorKind, name: str, settings: Mapping[str, Any], sender: Sender) -> Anchor:
        from ledger.outbox import named

        self.require(named(name, settings))
        return kind.open(name, settings, sender)

    @property
    def _agreements(self) -> Agreements:
        return Agreements(self.home / "agreed.json")


def shown(named: str) -> Iterator[str]:
    """The parts of an address in a file, for the person who has to agree. Raises for an invalid one."""
    yield named
    if named.startswith("pkcs11:"):
        from keys.address import pin_file, token_address

        address = token_address(named)
        module = address["module-path"]
        yield tr("module: {file}, a program that is run; here that is {real}").format(
            file=module, real=os.path.realpath(module)
        )
        pin = address.get("pin-source")
        yield (
            tr("file of the PIN: {file}").format(file=pin_file(pin)) if pin else tr("the PIN is asked for")
        )
    elif named.startswith("{"):
        yield from (f"{name}: {value}" for name, value in load_json_object(named.encode()).items())
    else:
        from ledger.tiles.engines import address_parts

        yield from (f"{name}: {value}" for name, value in address_parts(named).items())
    yield tr("digest: {digest}").format(digest=digest_of(named))
