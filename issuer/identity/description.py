"""The description of a new issuer, as given by the person who sets it up."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from did import METHODS
from did.issuer_metadata import location
from did.methods import web as did_web
from kinds import Kind
from wire.address import Target
from wire.problem import Refused

from ..problem import (
    ADDRESS_WITHOUT_SCHEME,
    ISSUER_WITH_ONE_KEY,
    ISSUER_WITHOUT_ADDRESS,
    ISSUER_WITHOUT_NAME,
    SUSPENSION_NEEDS_ADDRESS,
)


@dataclass(frozen=True)
class Description:
    """The issuer's name and address, and the locations of its keys, its log and its shards."""

    name: str
    url: str | None = None
    method: str | None = None
    """`key` (did:key) or `web` (did:web); by default `web` with a URL, else `key`."""
    key_type: str | None = None
    """The type of the keys that sign credentials and lists: one of `home.KEY_TYPES`, by default the first."""
    signer_uri: str = ""
    """The URI, without a PIN, of the key that signs diplomas, where that is not in the key file."""
    ledger: str | None = None
    """The address of the log, where that is not in the folder."""
    shards: str = ""
    """The address of the shards, `s3://…`, where they are not in the folder."""
    database: str = ""
    """The address of the database that all machines share, where the folder does not have all."""
    has_status_did: bool = False
    """True to sign lists under a DID of their own, with a key in the folder; needs a did:web."""
    has_address: bool = False
    """True if SD-JWT VCs name the issuer by its https address in place of its DID."""
    kind: Kind | None = None
    """A kind that it issues; a new issuer issues diplomas by default."""

    @property
    def did_method(self) -> str:
        """The method of the issuer's DID."""
        return self.method or ("web" if self.url else "key")

    def require_sound(self) -> None:
        """Raises `Refused` for an empty name, an invalid address, and a did:web without https.

        So it does for a DID of the status lists beside a DID that is a key, and for an issuer that is to be
        named by an https address and has none. Raises as `require_address`.
        """
        url, rotates = self.url, METHODS[self.did_method].rotates
        if not self.name.strip():
            raise ISSUER_WITHOUT_NAME("the issuer has no name")
        if self.has_status_did and not rotates:
            raise ISSUER_WITH_ONE_KEY("a did:key has one key, for credentials and status lists alike")
        if self.kind:
            require_address(self.kind, url)
        if self.has_address and not location(url or ""):
            raise ISSUER_WITHOUT_ADDRESS("an issuer that is named by its https address needs one")
        if not url:
            if rotates:
                raise ISSUER_WITHOUT_ADDRESS("a did:web needs the address of a web site")
            return
        if urlsplit(url).scheme not in ("https", "http"):
            raise ADDRESS_WITHOUT_SCHEME(f"the address {url} does not begin with https://")
        if urlsplit(url).query or urlsplit(url).fragment:
            raise Refused(f"{url} has a query or a fragment, so that no address can begin with it")
        Target.parse(url)
        if rotates:
            did_web.create(url.rstrip("/"))


def require_address(kind: Kind, url: str | None) -> None:
    """Raises `SUSPENSION_NEEDS_ADDRESS` for a kind whose credentials can be suspended, without an address.

    A list that only travels in bundles would keep a suspension in force after its end.
    """
    if kind.is_suspendable and not url:
        raise SUSPENSION_NEEDS_ADDRESS(f"credentials of the kind {kind.name} can be suspended")
