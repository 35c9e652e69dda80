"""The keys with which an issuer signs: where each is kept, and which of them signs status lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from keys import KeyFile, PublicKey, Signer, open_signer
from keys.opening import Opener
from keys.signer import Passphrase
from wire.consent import require_unmarked

from .home import Identity


@dataclass(frozen=True)
class Signers:
    """The signers of an issuer, as its folder is now. Secrets are looked for when a signer first signs."""

    home: Path
    identity: Identity
    keys: KeyFile
    given: Signer | None
    """The signer for credentials that the caller passed."""
    pin: Passphrase
    openers: Mapping[str, Opener] | None
    """The ways to open a URI; without any, what the files of a restored folder name is refused."""

    @cached_property
    def elsewhere(self) -> Signer | None:
        """The signer for credentials, if its key is kept elsewhere than in the key file.

        Raises `NotAgreed` where the folder came from a backup, and nobody has agreed to what it names.
        """
        if self.given is not None:
            return self.given
        uri, key = self.identity.signer_uri, self.identity.kept_elsewhere
        if not uri:
            return None
        if self.openers is None:
            # Threat F23: a folder from elsewhere could name a module, which would run here.
            require_unmarked(self.home, uri)
        return open_signer(uri, passphrase=self.pin, public_key=key, signers=self.openers)

    def named(self, name: str) -> Signer:
        """The signer for the key with this name in the key file, or elsewhere."""
        if name == "assertion" and self.elsewhere is not None:
            return self.elsewhere
        return self.keys.signer(name)

    @property
    def list_key(self) -> str:
        """The name of the key that signs status lists: that for diplomas, if the folder has none for lists.

        A did:key has no key for lists, and neither has an issuer whose diploma key is kept elsewhere: other
        programs would accept diplomas by every key in `assertionMethod`. Two kinds of issuer have one: those
        of 81e9505 until they rotate, and those whose lists have a DID of their own.
        """
        has_own = self.identity.rotates and "status-list" in self.keys.public_keys
        return "status-list" if has_own else "assertion"

    @property
    def public_keys(self) -> Mapping[str, PublicKey]:
        """The issuer's keys by name; no secret is opened for them."""
        kept_elsewhere = {"assertion": self.elsewhere.public_key} if self.elsewhere else {}
        return {**self.keys.public_keys, **kept_elsewhere}
