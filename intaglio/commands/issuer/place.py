"""The issuer that the commands work on: its folder, and the program around it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import click
import orjson

from issuer import Description
from issuer.identity.home import Identity, has_issuer
from issuer.issuer import Issuer
from issuer.status.due import due, overdue
from keys import KeyFile, Signer, WrongPassphrase, open_signer
from keys.address import token_address
from keys.envelope import require_strong
from keys.signer import Passphrase
from kinds.shipped import SHIPPED
from ledger.folder import has_log
from ledger.tiles.engines import address_of
from vc.secured import Form
from wire.problem import Problem
from wire.text import counted

from ...consent import Consent
from ...session import Session
from ...terminal import is_asked, passphrase, say, typed
from ..forms import FORM
from . import text

TRIES = 3
PIN = "INTAGLIO_PIN_FILE"
"""Names the file with the PIN of the token, where its address does not."""
IN_FILE = "keys.json"

key_option = click.option(
    "--key",
    "where",
    metavar="ADDRESS",
    help="Where the key for credentials and lists is: pkcs11:token=…;object=…?module-path=…, or keys.json.",
)

status_did_option = click.option(
    "--status-did", is_flag=True, help="Sign status lists under a DID of their own, with a key in the folder."
)


kind_option = click.option(
    "--kind",
    metavar="NAME|FOLDER",
    help=f"What it issues, by default its only kind: {', '.join(SHIPPED)}, or the folder of one's own.",
)

of_kind_option = click.option(
    "--kind", metavar="NAME", default="", help="Of which kind; needed where two kinds have a number."
)


of_form_option = click.option(
    "--form",
    "secured_as",
    type=FORM,
    help="Which form; if not given, the only one, else the issuer's own.",
)


@dataclass
class Place:
    """The issuer's folder, and the program around it."""

    folder: Path
    session: Session
    _issuer: Issuer | None = None
    """The issuer that was opened here."""
    _pins: dict[str, Passphrase] = field(default_factory=dict)
    """By token, the function that asks for its PIN, once for all of its keys."""

    @property
    def contexts(self) -> Path | None:
        """The folder of the deployment's own contexts, if it has one."""
        folder = self.session.home / "contexts"
        return folder if folder.is_dir() else None

    @property
    def consent(self) -> Consent:
        """The user's consent to the addresses that the folder's files name."""
        return self.session.consent(self.folder)

    def open(self) -> Issuer:
        """The issuer that lives here. Raises `NotFound`, and as `Consent.require`."""
        consent = self.consent
        self._issuer = Issuer(
            self.folder,
            self.ask_passphrase,
            self.session.now,
            contexts=self.contexts,
            pin=self._own_pin,
            form=self.session.form_of_issuer(self.folder),
            engines=consent.engines(),
            shard_stores=consent.shard_stores(),
            status_kinds=self.session.status_kinds,
            signers=consent.signers(),
        )
        self._issuer.anchors = self.session.anchors
        self._issuer.witnesses = self.session.witnesses(consent)
        return self._issuer

    def secret(self, label: str) -> bytes:
        """One of the issuer's secrets, as `KeyFile.secret` has it; nothing else is opened, or renewed."""
        return KeyFile.open(self.folder / "keys.json", self.ask_passphrase).secret(label)

    def ask(self) -> None:
        """Ask for the passphrase and the PIN that open the keys; later uses of the keys do not ask again.

        Raises as `KeyFile.open` and `Identity.read`.
        """
        KeyFile.open(self.folder / "keys.json", self.ask_passphrase).signer("log")
        if Identity.read(self.folder).signer_uri:
            self._own_pin()

    def signer(self, where: str | None) -> Signer | None:
        """The key for credentials that is kept elsewhere than in the key file, if it is to be.

        Its address was typed, and so agreed to.
        """
        if where is None or where == IN_FILE:
            return None
        signer = open_signer(where, passphrase=self._pin(where))
        self.consent.keep(where)
        return signer

    def _pin(self, where: str) -> Passphrase:
        """Return the prompt for the PIN of the token that has the key."""
        token = token_address(where)["token"] if where.startswith("pkcs11:") else where
        return self._pins.setdefault(token, functools.cache(_ask_pin))

    def _own_pin(self) -> bytes | None:
        """The PIN of the token that the folder remembers."""
        return self._pin(Identity.read(self.folder).signer_uri)()

    @functools.cached_property
    def ask_passphrase(self) -> Passphrase:
        """The function that asks for the passphrase once, and caches the answer."""
        return functools.cache(self._passphrase)

    def _passphrase(self) -> bytes | None:
        """The passphrase that opens the keys; a person has three tries."""
        left = TRIES
        while True:
            secret = passphrase("Issuer passphrase")
            if secret is None or not is_asked():
                return secret
            try:
                self._require_opening(secret)
            except WrongPassphrase:
                left -= 1
                if not left:
                    raise
                say(f"That is not the passphrase of this issuer: {counted(left, 'try', 'tries')} left.")
            else:
                return secret

    def _require_opening(self, passphrase: bytes) -> None:
        KeyFile.open(self.folder / "keys.json", lambda: passphrase).signer("log")

    def renew(self) -> None:
        """Sign the status lists that are due, if their key is open anyway; report failures, do not raise."""
        issuer, now = self._issuer, self.session.now()
        if issuer is None or not issuer.is_open or not due(issuer.store, issuer.identity, now):
            return
        old = overdue(issuer.store, issuer.identity, now)
        try:
            issuer.lists.publish(now=now)
        except (Problem, OSError) as error:
            say(
                f"Status lists are due and could not be signed: {error}", typed("issuer", "status", "publish")
            )
            return
        if old:
            say("Status lists were past half of their life, and are signed anew.", *text.to_publish(issuer))

    @property
    def exists(self) -> bool:
        """True if an issuer lives here."""
        return has_issuer(self.folder)

    def named(self, description: Description) -> Description:
        """The description; an empty name is that of the issuer here. Raises a usage error without either."""
        if description.name:
            return description
        # where its description is lost, that is said
        is_begun = self.exists or has_log(self.folder, engines=self.consent.engines())
        return replace(description, name=Identity.read(self.folder).name if is_begun else _nobody())

    def create(self, description: Description, where: str | None = None, form: Form | None = None) -> Issuer:
        """Makes the issuer, or opens it, and puts it on the local trust list.

        `description` is completed as `named` does; `where` is as `key_option` has it.
        """
        exists, consent = self.exists, self.consent
        if description.ledger is not None:
            consent.keep(address_of(description.ledger))
        for address in filter(None, (description.database, description.shards)):
            consent.keep(address)
        description = self.named(description)
        ask = functools.cache(self._passphrase if exists else _new_passphrase)
        signer = self.signer(where)
        issuer = Issuer.create(
            self.folder,
            replace(description, signer_uri=where if signer and where else ""),
            ask,
            self.session.now,
            contexts=self.contexts,
            signer=signer,
            pin=self._own_pin,
            form=form or (self.session.form_of_issuer(self.folder) if exists else None),
            engines=consent.engines(),
            shard_stores=consent.shard_stores(),
            status_kinds=self.session.status_kinds,
            signers=consent.signers(),
        )
        issuer.anchors = self.session.anchors
        issuer.witnesses = self.session.witnesses(consent)
        if not exists:
            say(*text.introduction(issuer))
        self.recognise(issuer, made_here=not exists)
        self._issuer = issuer
        return issuer

    def recognise(self, issuer: Issuer, *, made_here: bool = False) -> None:
        """Puts the issuer on the local trust list: at once if it is one's own, else if the user says so.

        Working with a folder from elsewhere does not imply trust in the identity that it claims.
        """
        if made_here or self.consent.is_own:
            self.session.pin(issuer.trust_entry())
            return
        from ..trust import recognise

        recognise(self.session, orjson.dumps(issuer.trust_file()))


def _ask_pin() -> bytes | None:
    """The PIN of a token, asked for once: a token locks after a few wrong ones."""
    return passphrase("PIN of the token", PIN)


def _new_passphrase() -> bytes | None:
    return passphrase("Passphrase for the issuer's keys (empty: none)", new=require_strong)


def _nobody() -> NoReturn:
    raise click.UsageError(
        "Who issues? There is no issuer here yet: name the institution as it shall stand on what it issues, "
        '--name "…".'
    )
