"""The address of a bucket, `s3://bucket/prefix`, and the credentials for it, which are never in the address.

They are found as AWS's own tools do it: in variables of the environment, else in `~/.aws/config` and
`~/.aws/credentials` (AWS SDKs and Tools Reference Guide, "Configuration and credential settings").
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from wire.address import Target, is_loopback
from wire.problem import PASSWORD_IN_ADDRESS, Refused

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_KEY = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
}


ENDPOINT = "aws_endpoint_url_s3"
"""The name of the endpoint setting that nothing in the environment overrides."""


class Location(NamedTuple):
    """A bucket, and the prefix of the names of its objects: empty, or ending with a `/`."""

    bucket: str
    prefix: str


def parse_location(uri: str) -> Location:
    """Read an address. Raises `PASSWORD_IN_ADDRESS`, and `Refused` for all but a bucket and a prefix.

    Neither message shows the address.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    # An address stands in files, messages and process lists: it never has a secret.
    if "@" in parts.netloc:
        raise PASSWORD_IN_ADDRESS("the address has a user name or a password in it")
    prefix = f"{parts.path.strip('/')}/".lstrip("/")
    # Fully matched: `..` or an escape in a name would lead out of the prefix that was agreed to (F23).
    if parts.query or parts.fragment or not _BUCKET.fullmatch(parts.netloc) or not _PREFIX.fullmatch(prefix):
        raise Refused("an address in a bucket is s3://BUCKET/PREFIX")
    return Location(parts.netloc, prefix)


def settings(bucket: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings to open a bucket with: region, endpoint, style of addresses, and key.

    At AWS itself a role may take the key's place. Raises `Refused` for an endpoint without TLS that is not on
    loopback, and where no key is known.
    """
    profile = _profile(environment)
    region = _first(environment, _REGIONS) or profile.get("region", "us-east-1")
    endpoint = _first(environment, _ENDPOINTS) or profile.get("endpoint_url")
    virtual = environment.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() in ("true", "1")
    virtual = virtual or re.search(r"addressing_style\s*=\s*virtual", profile.get("s3", "")) is not None
    options: dict[str, Any] = {"region": region, "virtual_hosted_style_request": virtual}
    key = {name: environment[variable] for variable, name in _KEY.items() if environment.get(variable)}
    key = key or {name: profile[f"aws_{name}"] for name in _KEY.values() if f"aws_{name}" in profile}
    if endpoint is None:
        return {**options, **key}
    # Only AWS has roles to take a key's place; elsewhere each request would be refused, much later.
    if not {"access_key_id", "secret_access_key"} <= key.keys():
        raise Refused(
            "no key to the bucket is known",
            hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them to ~/.aws/credentials.",
        )
    return {**options, **key, ENDPOINT: _endpoint(endpoint, bucket if virtual else "")}


def _endpoint(url: str, bucket: str) -> str:
    target = Target.parse(url)
    # Without TLS anybody on the way could answer for the bucket.
    if target.scheme == "http" and not _is_here(target.host):
        raise Refused("the endpoint of the bucket has no TLS, and is not on this machine")
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{target.scheme}://{f'{bucket}.' if bucket else ''}{host}:{target.port}"


def _is_here(host: str) -> bool:
    return host == "localhost" or (re.fullmatch(r"[0-9.]+|.*:.*", host) is not None and is_loopback(host))


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def _profile(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of the profile in use, from AWS's files."""
    name = environment.get("AWS_PROFILE") or "default"
    home = Path(environment.get("HOME", "/")) / ".aws"
    values: dict[str, str] = {}
    for variable, file, section in (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        path = environment.get(variable) or str(home / file)
        read = configparser.RawConfigParser(default_section="", strict=False)
        try:
            read.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            raise Refused(f"{path} is not a file as AWS's tools have it") from None
        if read.has_section(section):
            values |= read.items(section)
    return values
