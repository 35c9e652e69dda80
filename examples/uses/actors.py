"""Those who act in a run of a use: institutions, each in a folder of its own, and people with wallets."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from did.methods import key as did_key
from exchange.claim import acceptance
from holder.wallet import Wallet
from issuer import Description
from issuer.archive.kept import KindNumber
from issuer.desk.claims import ClaimLinks
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.table.finding import CellFinding
from issuer.table.source import open_source
from keys import PrivateKey
from kinds.metadata import type_of
from vc import Bundle
from vc.forms import FORMS, INTEGRITY
from vc.secured import Options
from verifier import Trust, Verifier

from .folder import UseCase

CHALLENGE, DOMAIN = "asked-here-and-now", "verifier.example"
_PASSPHRASE = b"a passphrase for the runs of the uses"
_USUAL_LIFE = 365  # days of status lists where a kind does not say


@dataclass
class StoppedClock:
    """The time, which a run moves on."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


class Institution:
    """An issuer of the kinds of one or several uses; its keys have no passphrase."""

    def __init__(self, home: Path, name: str, address: str, *uses: UseCase) -> None:
        # All kinds of an issuer share its lists: it is made for the one that asks for the shortest life.
        first, *further = sorted(uses, key=lambda use: use.kind.list_life or _USUAL_LIFE)
        self.clock, self.address = StoppedClock(uses[0].now), address
        described = Description(name, url=address, kind=first.kind)
        self.issuer = Issuer.create(home, described, lambda: None, self.clock)
        for use in further:
            self.issuer.kinds.add(use.kind)

    def issue(self, use: UseCase) -> tuple[int, list[CellFinding]]:
        """Issues the rows of a use; returns the number of credentials and the findings of refused rows."""
        source = open_source(use.folder / "rows.csv", kind=use.kind)
        files = use.folder / "files" if use.files else None
        order = Order(source, workers=0, files=files, forms=use.kind.forms)
        issued = self.issuer.issue_file(order)
        findings = [each for of_row in issued.survey.findings.values() for each in of_row]
        return issued.issued, sorted(findings, key=lambda each: each.row)

    def bundle(self, which: KindNumber) -> bytes:
        """A credential as it stands, with all that verifies it offline."""
        return self.issuer.bundle(self.issuer.current(which)).to_bytes()

    def trust(self, use: UseCase) -> Trust:
        """A trust list that has this institution for credentials of a use's types, and for no others."""
        trust = Trust.parse(json.dumps(self.issuer.trust_file()).encode())
        issuers = (replace(each, types=tuple(use.types), vcts=(type_of(use.kind),)) for each in trust.issuers)
        return replace(trust, issuers=tuple(issuers))


class Person:
    """Somebody with a wallet of one key."""

    def __init__(self, home: Path, now: datetime) -> None:
        Wallet.create(home, _PASSPHRASE, now=now)
        self.wallet = Wallet(home, _PASSPHRASE)
        (self.key,) = self.wallet.holder_keys()

    def claim(
        self, at: Institution, which: KindNumber, file: Path, verifier: Verifier, form: str = INTEGRITY
    ) -> bytes:
        """Claims a credential in a form for this key and keeps it, and returns its bundle.

        `file` holds the institution's claim links; the wallet verifies the credential before it keeps it.
        """
        now, links = at.clock(), ClaimLinks(file, at.address)
        try:
            token = links.offer(which, at.issuer, now=now).token
            invitation = links.invite(token, at.issuer, now=now, form=form)
            method = self.key.verification_method
            signed = acceptance(invitation, self.key.signer, verification_method=method, created=now)
            data = links.redeem(token, signed, at.issuer, now=now, form=form)
        finally:
            links.close()
        # A bare bundle cannot show what the kind asks of a presentation, such as its holder.
        self.wallet.accept(data, lambda seen: verifier.verify(seen, now=now, asks_by_kind=False), now=now)
        return data

    def present(self, now: datetime, form: str = INTEGRITY, only: Collection[str] | None = None) -> bytes:
        """The wallet's answer to the challenge, with a credential in a form: all fields, or `only` these."""
        (name,) = (held.id for held in self.wallet.credentials() if held.secured.form == form)
        shown = self.wallet.present([name], challenge=CHALLENGE, domain=DOMAIN, now=now, only=only)
        return shown.to_bytes()


def present_as_own(data: bytes, now: datetime) -> bytes:
    """A thief's answer to the challenge, which no wallet gives: a stolen credential with the own key."""
    bundle, key = Bundle.parse(data, FORMS), PrivateKey.generate()
    method = f"{did_key.create(key.public_key)}#{key.public_key.multikey()}"
    options = Options(method, "authentication", now, CHALLENGE, DOMAIN)
    presented = FORMS[INTEGRITY].present([bundle.secured], key, options)
    return replace(bundle, secured=presented).to_bytes()
