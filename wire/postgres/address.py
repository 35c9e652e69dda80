"""The address of a database: a URI of libpq's form (PostgreSQL 34.1.1.2), which holds no secret.

Passwords are in `PGPASSFILE` or `~/.pgpass`; `sslcert` and `sslkey` name a certificate. A service file and
libpq's environment supply the options that the URI leaves out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ..problem import PASSWORD_IN_ADDRESS, Refused

_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_DEFAULTS = {
    "application_name": "intaglio",
    "connect_timeout": "10",  # seconds
    "tcp_user_timeout": "30000",  # milliseconds; for a network that was cut in the middle of an answer
}
_GIVES_AWAY = frozenset({"password", "md5"})
"""Ways to prove a password (PostgreSQL 34.1.2, `require_auth`) that let the server learn or guess it."""
_NEVER = ",".join(f"!{way}" for way in sorted(_GIVES_AWAY))


def parse(uri: str) -> str:
    """The connection string; over a network with TLS and a verified server name, unless the URI overrides it.

    A password is proved, never handed over. Raises `PASSWORD_IN_ADDRESS`, and `Refused` for an address that
    libpq does not read, or not safely; the address itself is not shown.
    """
    try:
        return make_conninfo(**_safe(_said(uri)))
    except psycopg.ProgrammingError:  # or libpq is older than 16: it knows no `require_auth`
        raise Refused(
            "the address of the database is not one of PostgreSQL's: postgresql://host/database"
        ) from None


def parts(uri: str) -> Mapping[str, str]:
    """The options in the address, by libpq's names, for the user to agree to. Raises as `parse`."""
    parse(uri)
    return _said(uri)


def _said(uri: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo_to_dict(uri).items() if value is not None}


def _safe(options: Mapping[str, str]) -> dict[str, str]:
    """The options in the address, with safe defaults for the others. Raises as `parse`."""
    default = {
        option.keyword.decode(): option.val.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.val
    }
    if any(name in options for name in _SECRETS):  # addresses get into lists of processes and histories
        raise PASSWORD_IN_ADDRESS("the address of the database has a password in it")
    if ":" in options.get("sslkey", ""):  # libpq then has OpenSSL load the engine before the colon: a program
        raise Refused("the address of the database has a program hold its key (sslkey=ENGINE:KEY)")
    verified = {} if _is_local(options, default) else {"sslmode": "verify-full"}
    proved = _proved(options.get("require_auth"), default.get("require_auth"))
    return {**_DEFAULTS, **verified, **options, "require_auth": proved}


def _proved(method: str | None, default: str | None) -> str:
    """The ways in which the server may ask for a password: ours, or a narrower choice that was made already.

    Raises `Refused` where the address itself lets the server ask for the password in the clear, or in md5.
    """
    if method is not None and not _is_safe(method):  # threat F23: a stranger's folder names the server
        raise Refused("the address of the database lets its server ask for a password so that it learns it")
    return method or (default if default is not None and _is_safe(default) else _NEVER)


def _is_safe(ways: str) -> bool:
    listed = {way.strip() for way in ways.split(",")}
    excluded = {way.removeprefix("!") for way in listed if way.startswith("!")}
    return excluded >= _GIVES_AWAY if excluded else bool(listed - {""}) and not listed & _GIVES_AWAY


def _is_local(options: Mapping[str, str], default: Mapping[str, str]) -> bool:
    """True if it leads to a socket or loopback; False with a service file, whose content is unknown here."""
    if "service" in options or "service" in default:
        return False
    return all(map(_is_loopback, _hosts({**default, **options})))


def _hosts(options: Mapping[str, str]) -> Iterator[str]:
    for name in ("host", "hostaddr"):
        yield from options.get(name, "").split(",")


def _is_loopback(host: str) -> bool:
    if host in ("", "localhost") or host[0] in "/@":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
