"""The address of a key on a PKCS#11 token: a URI (RFC 7512). Reading it needs neither the token nor its PIN.

    pkcs11:token=LABEL;object=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin

A URI must not contain the PIN, since URIs get into logs. `pin-source` names a file that holds the PIN;
without it, the user is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from wire.problem import Malformed

from .problem import PIN_IN_ADDRESS

_PATH, _QUERY = {"token", "object", "type"}, {"module-path", "pin-source"}


def token_address(uri: str) -> Mapping[str, str]:
    """The parts of a `pkcs11:` URI. Raises `PIN_IN_ADDRESS`, and `Malformed` for one of another form."""
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    pieces = [(_PATH, piece) for piece in path.split(";")] + [(_QUERY, piece) for piece in query.split("&")]
    attributes: dict[str, str] = {}
    for allowed, piece in pieces:
        name, _, value = piece.partition("=")
        if name == "pin-value":  # threat F18, ADR 43: URIs get into shell histories and logs
            raise PIN_IN_ADDRESS(
                "the address of the key has a PIN in it, where many can read it",
                hint="Name the file that has it, as pin-source, and choose another PIN.",
            )
        # ADR 43: an attribute of RFC 7512 that we ignored could mean another key.
        if name not in allowed or name in attributes:
            raise Malformed("the address of the key has a part that is not known here, or one twice")
        attributes[name] = unquote(value)
    if (
        not {"token", "object", "module-path"} <= attributes.keys()
        or attributes.get("type", "private") != "private"
    ):
        raise Malformed(
            "the address of the key is not of the form pkcs11:token=…;object=…?module-path=/absolute/path"
        )
    # Threat F18: a relative path would load whatever lies in the working directory.
    if not Path(attributes["module-path"]).is_absolute() or "\0" in attributes["module-path"]:
        raise Malformed("module-path of the key's address is not the absolute path of a file")
    if not pin_file(attributes.get("pin-source", "/")).is_absolute():
        raise Malformed("pin-source of the key's address is not the absolute path of a file")
    return attributes


def require_well_formed(uri: str) -> None:
    """Check the address of a key on a token, so that it can be shown. Raises as `token_address` does.

    Addresses of other schemes pass unread.
    """
    if uri.lower().startswith("pkcs11:"):
        token_address(uri)


def pin_file(source: str) -> Path:
    """The file that a `pin-source` names."""
    return Path(source.removeprefix("file:").removeprefix("//"))
