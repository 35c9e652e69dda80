"""The payload of an SD-JWT VC, read as `Claims` (draft-ietf-oauth-sd-jwt-vc-18, 2.2.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from wire.problem import Code
from wire.strict import is_url

from ...claims import ANCHORED_IN_LOG, KIND, STATUS_STATEMENT, Claims
from ...jose import AUDIENCE_NAMED, ConfirmationKey, numeric_date
from ...problem import MalformedCredential, UnsupportedForm

ISSUER_NOT_NAMED = Code("issuer-not-named", UnsupportedForm, "The issuer is not named")
"""A credential names its issuer neither by `iss` nor by a certificate with a name."""

TERMS = (ANCHORED_IN_LOG, KIND, STATUS_STATEMENT)
"""Claims that stand for terms of use; the type of each is its name."""
FIXED = frozenset(
    {
        "iss",
        "aud",
        "nbf",
        "exp",
        "cnf",
        "vct",
        "vct#integrity",
        "aka_vcts",
        "status",
        "credentialStatus",
        "credentialSchema",
        *TERMS,
    }
)
"""The claims that decide: none, nor any part of one, can be left out (2.2.2.3; RFC 9901, 9.7)."""
DATES = ("nbf", "exp", "iat")
_NOT_OF_SUBJECT = FIXED.union(DATES, ("id", "jti"))
STATUS_ENTRY = "https://www.w3.org/ns/credentials/status#BitstringStatusListEntry"
"""The member of `status` for a place in a bitstring status list: read, written by former releases."""
_ENTRY_TYPE = "BitstringStatusListEntry"
_NO_NAME = r"v?[0-9.]*"


def claims_of(
    payload: Mapping[str, Any], find_holder: Callable[[], ConfirmationKey | None], subject: str = ""
) -> Claims:
    """The claims of a payload with its disclosures; `find_holder` reads its `cnf`.

    `subject` is the name of its issuer's certificate.

    Raises `MalformedCredential`, and what leaves it open: `ISSUER_NOT_NAMED`, `AUDIENCE_NAMED`,
    `HOLDER_KEY_UNKNOWN`, and `UnsupportedForm` for one that is of W3C's data model as well.
    """
    vct = _text(payload, "vct")
    if "@context" in payload:  # whose end and terms of use would be passed over, such as `validUntil`
        raise UnsupportedForm("the credential is of W3C's data model as well, which is not read in an SD-JWT")
    _require_other_types(payload, vct)
    # ADR 14: `iss` is optional (2.2.2.3), so that a credential without one is not malformed.
    if "iss" not in payload and not subject:
        raise ISSUER_NOT_NAMED("the credential has no iss, and no certificate that names its issuer")
    if "aud" in payload:  # RFC 7519, 4.1.3: whoever is not named there has to refuse it
        raise AUDIENCE_NAMED("the credential names the recipients that it is for, which is not read here")
    if "vct#integrity" in payload:
        _text(payload, "vct#integrity")
    holder = find_holder()
    numeric_date(payload, "iat")
    return Claims(
        said=payload,
        id=_text(payload, "jti") if "jti" in payload else None,
        types=(vct,),
        issuer=_text(payload, "iss") if "iss" in payload else subject,
        issuer_name=None,
        subjects=(_subject(payload, holder),),
        starts=numeric_date(payload, "nbf"),
        ends=numeric_date(payload, "exp"),
        entries=(*_entries(payload), *_entries_of_w3c(payload)),
        terms=tuple(_terms(payload)),
        schemas=tuple(_schemas(payload)),
        title=_title(payload, vct),
        holder_name=_name(payload),
        number=_shown_text(payload, "document_number"),
        awarded=None,
        degree=_shown_text(payload, "degree_name"),
        achievement_type=_shown_text(payload, "achievement_type"),
        vct=vct,
    )


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    # Threat R5: a missing claim is a finding, and no crash.
    if not isinstance(value, str) or not value:
        raise MalformedCredential.saying("{claim} is missing, or no text", claim=name)
    return value


def _shown_text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def _require_other_types(payload: Mapping[str, Any], vct: str) -> None:
    """Checks `aka_vcts` (2.2.2.2). These types widen nobody's trust: `types` has the `vct` alone."""
    others = payload.get("aka_vcts", ["…"])
    # 2.2.2.2: a non-empty list of types.
    if not isinstance(others, list) or not others or not all(isinstance(each, str) for each in others):
        raise MalformedCredential("aka_vcts is no list of types")
    if vct in others:
        raise MalformedCredential("aka_vcts names the type that vct names")


def _subject(payload: Mapping[str, Any], holder: ConfirmationKey | None) -> dict[str, Any]:
    """Its claims about the subject. A claim `id` would be taken for the holder's key, which `cnf` names."""
    claims = {name: value for name, value in payload.items() if name not in _NOT_OF_SUBJECT}
    return {"id": holder.did, **claims} if holder else claims


def _entries(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each reference in `status` to a place of the status; a kind that is not known here leaves it open."""
    if "status" not in payload:
        return
    status = payload["status"]
    # Threat R3: a status that says nothing must not count as none.
    if not isinstance(status, dict) or not status:
        raise MalformedCredential("status says nothing")
    for name, place in status.items():
        # A way that is not known here may say anything; a known one is then refused for what it lacks.
        members = place if isinstance(place, dict) else {}
        yield {**members, "type": _ENTRY_TYPE if name == STATUS_ENTRY else f"status.{name}"}


def _entries_of_w3c(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of `credentialStatus`, by which others state the status of an SD-JWT VC, too (VCDM 2.0, 4.10).

    To pass over it would take what was revoked for what cannot be revoked.
    """
    values = payload.get("credentialStatus", ())
    for value in values if isinstance(values, list | tuple) else [values]:
        # Threat R3: as for `status`.
        if not isinstance(value, dict) or "type" not in value:
            raise MalformedCredential("credentialStatus is no object with a type")
        yield value


def _terms(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in TERMS:
        if name in payload:
            values = payload[name]
            for value in values if isinstance(values, list) else [values]:
                # Threat R3: a log or a place of the status that nobody can read must not count as none.
                if not is_url(value):
                    raise MalformedCredential.saying("{claim} is no URL", claim=name)
                yield {"type": name, "id": value}


def _schemas(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    values = payload.get("credentialSchema", ())
    for value in values if isinstance(values, list) else ():
        match value:
            case {"id": str(), "type": "JsonSchema"}:
                yield value


def _title(payload: Mapping[str, Any], vct: str) -> str:
    """Return `title`, the programme of a diploma, or the last word of the type's name that is no version."""
    return _shown_text(payload, "title") or _shown_text(payload, "programme_title") or _last_word(vct)


@lru_cache(maxsize=64)
def _last_word(vct: str) -> str:
    words = [word for word in re.split("[#/:]", vct) if not re.fullmatch(_NO_NAME, word)]
    return words[-1] if words else vct


def _name(payload: Mapping[str, Any]) -> str:
    parts = (_shown_text(payload, name) for name in ("given_name", "family_name"))
    return _shown_text(payload, "name") or " ".join(filter(None, parts))
