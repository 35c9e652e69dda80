"""Where a log's database is: a URI as libpq has it (PostgreSQL 34.1.1.2), which holds no secret.

Passwords are in `PGPASSFILE` or `~/.pgpass`, a certificate is named by `sslcert` and `sslkey`; what the URI
leaves out, a service file and libpq's environment say.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from wire.problem import Refused

from ...problem import PasswordInAddress

_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_DEFAULTS = {
    "application_name": "intaglio",
    "connect_timeout": "10",  # seconds
    "tcp_user_timeout": "30000",  # milliseconds; for a network that was cut in the middle of an answer
}


def parse(uri: str) -> str:
    """What to connect with; over a network by TLS, the server's name verified, unless the URI says else.

    Raises `PasswordInAddress`, and `Refused` for what libpq does not read; the address itself is not shown.
    """
    try:
        said = {name: str(value) for name, value in conninfo_to_dict(uri).items() if value is not None}
    except psycopg.ProgrammingError:
        raise Refused(
            "the address of the log is not one of PostgreSQL's: postgresql://host/database"
        ) from None
    if any(name in said for name in _SECRETS):
        raise PasswordInAddress("the address of the log has a password in it")
    verified = {} if _is_local(said) else {"sslmode": "verify-full"}
    return make_conninfo(**{**_DEFAULTS, **verified, **said})


def _is_local(said: Mapping[str, str]) -> bool:
    """Whether it leads to a socket or loopback; what a service file says is not known here."""
    default = {
        option.keyword.decode(): option.val.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.val
    }
    if "service" in said or "service" in default:
        return False
    found = {**default, **said}
    return all(map(_is_loopback, _hosts(found)))


def _hosts(found: Mapping[str, str]) -> Iterator[str]:
    for name in ("host", "hostaddr"):
        yield from found.get(name, "").split(",")


def _is_loopback(host: str) -> bool:
    if host in ("", "localhost") or host[0] in "/@":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
