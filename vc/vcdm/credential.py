"""A verifiable credential: a read-only view over the JSON as received, its form checked (VCDM 2.0, 4).

Version 1.1 is accepted for verification, since diplomas outlive specifications. Canonicalisation checks that
every term has a meaning; the verifier finds out whether anything is true.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, TypeGuard

from wire import Malformed, Problem
from wire.datetimestamp import Moment, parse_datetime
from wire.strict import is_url
from wire.text import shortened
from wire.work import Work

from ..claims import Claims
from ..problem import MalformedCredential, UnsupportedForm
from . import badge

if TYPE_CHECKING:
    from .jsonld import Contexts, Reading

CONTEXT_V2 = "https://www.w3.org/ns/credentials/v2"
CONTEXT_V1 = "https://www.w3.org/2018/credentials/v1"
_MODELS = "https://www.w3.org/ns/credentials/v"
_VERSIONS = {CONTEXT_V2: "2.0", CONTEXT_V1: "1.1"}
_LANGUAGE = r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*"
_SRI = r"sha(?:256|384|512)-[A-Za-z0-9+/]+={0,2}"


_ENVELOPED = ("EnvelopedVerifiableCredential", ["EnvelopedVerifiableCredential"])


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Credential(Claims):
    """The claims of a credential whose form was checked.

    `said` is as its contexts mean it, whatever its members are called: under the names of
    `jsonld.vocabulary`, terms of its own under their IRIs. It is the document where that is spelled so.
    """

    document: Mapping[str, Any]
    """The signed JSON, for signatures and digests; do not change it, and take no claims from it."""
    version: str
    """`2.0` or `1.1`, by its first context."""
    reading: Reading
    # What people are shown, and what no verdict needs: worked out when it is first asked for.
    issuer_name: str | None = field(init=False)
    title: str = field(init=False)
    holder_name: str = field(init=False)
    number: str = field(init=False)
    awarded: Moment | None = field(init=False)
    degree: str = field(init=False)
    achievement_type: str = field(init=False)
    results: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._read_terms()  # what was said is JSON

    if not TYPE_CHECKING:  # or every name would be one of ours to a type checker

        def __getattr__(self, name: str) -> Any:
            if name not in badge.DISPLAYED:
                raise AttributeError(f"a credential has no {name!r}")
            for fact, value in badge.displayed(self.reading, self.types, self.subjects[0]).items():
                object.__setattr__(self, fact, value)
            return getattr(self, name)

    def reworded(self, chosen: Callable[[dict[str, Any]], dict[str, Any]]) -> Self:
        """See `Claims`; what people are shown is read anew."""
        words = Claims.reworded(self, chosen)
        return replace(words, reading=replace(self.reading, claims=words.said))

    @classmethod
    def parse(
        cls,
        document: object,
        work: Work | None = None,
        contexts: Contexts | None = None,
        *,
        states: bool = False,
    ) -> Credential:
        """Checks the rules of the data model that concern form; `work` is what it may cost to read it.

        It is read by `contexts`, by default the vendored ones; `states` is as `jsonld.read` has it.

        Raises `MalformedCredential`, `UnsupportedForm` for one that follows other rules, and what
        `jsonld.read` does where a member that is missing may stand there under another name.
        """
        document = require_object(document, "the credential")
        # VCDM 2.0, 4.13: what it says is in its `data:` URL, in another form.
        if document.get("type") in _ENVELOPED:
            raise UnsupportedForm("the credential is an enveloped one, such as a JWT")
        version = require_context(document)
        reading, unread = as_read(document, work, contexts, states=states)
        try:
            return cls._of(document, version, reading, unread)
        except Malformed as problem:
            # ADR 15: it may stand there under a name that is not read, so that nothing was found to be wrong.
            raise (unread if may_hide_members(unread) else problem) from None

    @classmethod
    def _of(
        cls, source: Mapping[str, Any], version: str, reading: Reading, unread: Problem | None
    ) -> Credential:
        claims = reading.claims
        types = require_types(claims, "VerifiableCredential")
        starts, ends = _period(claims, version)
        for name in ("name", "description"):
            if version == "2.0" and name in claims:
                _require_language_value(claims[name], name)
        _require_related_resources(claims)
        for name in ("refreshService", "evidence"):
            if name in claims:
                typed_objects(reading, name)
        subjects = _subjects(reading)
        return cls(
            document=source,
            reading=reading,
            version=version,
            said=claims,
            id=optional_url(claims, "id", "the credential"),
            types=types,
            issuer=_issuer(claims),
            subjects=subjects,
            starts=starts,
            ends=ends,
            entries=typed_objects(reading, "credentialStatus"),
            terms=typed_objects(reading, "termsOfUse"),
            schemas=typed_objects(reading, "credentialSchema", id_required=True),
            unread=unread,
        )


def as_read(
    document: Mapping[str, Any],
    work: Work | None = None,
    contexts: Contexts | None = None,
    *,
    states: bool = False,
) -> tuple[Reading, Problem | None]:
    """The reading of a document; else the document as it is, and the problem that prevents reading it."""
    read_it, unread = _reader()
    try:
        return read_it(document, work, contexts, states=states), None
    except Problem as problem:
        return unread(document), problem


@functools.cache  # a statement that imports takes longer than most of what is done here
def _reader() -> tuple[Callable[..., Reading], type[Reading]]:
    from . import jsonld  # only here: most of this module needs no contexts

    return jsonld.read, jsonld.Reading


def may_hide_members(unread: Problem | None) -> TypeGuard[Problem]:
    """True if a missing or malformed member may stand there in a way that is not read."""
    from . import jsonld

    return isinstance(unread, jsonld.Respelled | jsonld.UnknownContext)


def require_object(value: object, where: str) -> dict[str, Any]:
    """`value`, if it is a JSON object with at least one member. Raises `MalformedCredential`."""
    if not isinstance(value, dict):
        raise MalformedCredential.saying("{where} is not a JSON object", where=where)
    # VCDM 2.0, 4.8: an object without a member makes no claim, and JSON-LD drops it.
    if not value:
        raise MalformedCredential.saying("{where} is empty", where=where)
    return value


def require_context(document: Mapping[str, Any]) -> str:
    """The version that `@context` names with its first entry (VCDM 2.0, 4.3).

    Raises `MalformedCredential`; `UnsupportedForm` for that of another data model.
    """
    contexts = document.get("@context")
    # VCDM 2.0, 4.3: an ordered set, whose first entry says which data model it is.
    if not isinstance(contexts, list) or not contexts:
        raise MalformedCredential("@context is missing or not a list")
    version = _VERSIONS.get(contexts[0]) if isinstance(contexts[0], str) else None
    # ADR 14: a later data model is not wrong.
    if version is None and isinstance(contexts[0], str) and contexts[0].startswith(_MODELS):
        raise UnsupportedForm.saying("it is of another data model, {context}", context=shortened(contexts[0]))
    if version is None:
        raise MalformedCredential.saying("@context does not begin with {context}", context=CONTEXT_V2)
    for number, context in enumerate(contexts[1:], 1):
        # VCDM 2.0, 4.3: each is a URL or an object; a null would drop the terms before it (threat 30).
        if not isinstance(context, dict) and not is_url(context):
            raise MalformedCredential.saying("@context[{place}] is neither a URL nor an object", place=number)
    return version


def require_types(document: Mapping[str, Any], base: str) -> tuple[str, ...]:
    """The entries of `type`, which have to include `base` (VCDM 2.0, 4.5). Raises `MalformedCredential`."""
    value = document.get("type")
    types = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item for item in types):
        raise MalformedCredential("type is missing or not a list of texts")
    if base not in types:
        raise MalformedCredential.saying("type does not include {type}", type=base)
    return tuple(types)


def optional_url(value: Mapping[str, Any], name: str, where: str) -> str | None:
    """The member `name`, a URL if it is there (VCDM 2.0, 4.4). Raises `MalformedCredential`."""
    if name not in value:
        return None
    url = value[name]
    if not is_url(url):
        raise MalformedCredential.saying(
            "the member {member} of {where} is not a URL", member=name, where=where
        )
    return url


def typed_objects(reading: Reading, name: str, *, id_required: bool = False) -> tuple[Mapping[str, Any], ...]:
    """The objects under `name`, one or a list, each with a `type` (VCDM 2.0, 4.10, 4.11, 5.4 to 5.6).

    Raises `MalformedCredential`.
    """
    if name not in reading.claims:
        return ()
    value = reading.claims[name]
    items = list(map(reading.about, value if isinstance(value, list) else [value]))
    objects: list[Mapping[str, Any]] = []
    for item in items:
        # Threat R5: what is missing or of another kind is a finding, and no crash.
        if not isinstance(item, dict) or not item:
            raise MalformedCredential.saying("{member} is not an object or a list of objects", member=name)
        types = item.get("type")
        types = types if isinstance(types, list) else [types]
        # VCDM 2.0, 4.10 and 4.11: its type says by which rules it is read.
        if not types or not all(isinstance(text, str) and text for text in types):
            raise MalformedCredential.saying("{member} has no type", member=name)
        # VCDM 2.0, 4.11: without an id nobody knows which schema it is.
        if optional_url(item, "id", name) is None and id_required:
            raise MalformedCredential.saying("{member} has no id", member=name)
        objects.append(item)
    return tuple(objects)


def _period(claims: Mapping[str, Any], version: str) -> tuple[Moment | None, Moment | None]:
    """Its first and last moment. Raises `MalformedCredential`."""
    start, end = ("validFrom", "validUntil") if version == "2.0" else ("issuanceDate", "expirationDate")
    starts = _moment(claims, start)
    moments = [  # whichever version's name it has: an end is an end
        _moment(claims, name) for name in ("validUntil", "expirationDate") if name in claims
    ]
    ends = Moment(*map(min, zip(*moments, strict=True))) if moments else None
    # VCDM 1.1, 4.6: required there, and optional since 2.0.
    if version == "1.1" and starts is None:
        raise MalformedCredential("issuanceDate is missing")
    # VCDM 2.0, 4.9. Dates without a time zone are refused only where they are wrong in every zone.
    if starts and ends and ends.latest < starts.earliest:
        raise MalformedCredential.saying("{end} is before {start}", end=end, start=start)
    return starts, ends


def _moment(claims: Mapping[str, Any], name: str) -> Moment | None:
    """A date of the credential; those of VCDM 1.1 may lack the time zone. Raises `Malformed`."""
    if name not in claims:
        return None
    return parse_datetime(claims[name], name, needs_zone=name not in ("issuanceDate", "expirationDate"))


def _issuer(document: Mapping[str, Any]) -> str:
    issuer = document.get("issuer")
    url = issuer.get("id") if isinstance(issuer, dict) else issuer
    # VCDM 2.0, 4.7.
    if not is_url(url):
        raise MalformedCredential("issuer is neither a URL nor an object whose id is one")
    for name in ("name", "description"):
        if isinstance(issuer, dict) and name in issuer:
            _require_language_value(issuer[name], f"issuer.{name}")
    return url


def _subjects(reading: Reading) -> tuple[Mapping[str, Any], ...]:
    value = reading.claims.get("credentialSubject")
    subjects: list[Mapping[str, Any]] = []
    for subject in map(reading.about, value if isinstance(value, list) and value else [value]):
        # VCDM 2.0, 4.8.
        if not isinstance(subject, dict) or not subject:
            raise MalformedCredential("credentialSubject is missing, empty or not an object")
        optional_url(subject, "id", "credentialSubject")
        subjects.append(subject)
    return tuple(subjects)


def _require_language_value(value: object, where: str) -> None:
    """A text, a language value object, or a list of those (VCDM 2.0, 11.1)."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            continue
        if (
            not isinstance(item, dict)
            or not isinstance(item.get("@value"), str)
            or not item.keys() <= {"@value", "@language", "@direction"}
            or ("@language" in item and not _is_language(item["@language"]))
            or item.get("@direction", "ltr") not in ("ltr", "rtl")
        ):
            raise MalformedCredential.saying(
                "{where} is neither a text nor a text with a language", where=where
            )


def _is_language(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(_LANGUAGE, value) is not None


def _require_related_resources(document: Mapping[str, Any]) -> None:
    """Each with an id of its own and at least one digest (VCDM 2.0, 5.3)."""
    if "relatedResource" not in document:
        return
    value = document["relatedResource"]
    seen = set[str]()
    for item in value if isinstance(value, list) else [value]:
        # VCDM 2.0, 5.3: the id is the address that the digest is about.
        if not isinstance(item, dict) or not is_url(item.get("id")):
            raise MalformedCredential("relatedResource has no id that is a URL")
        # VCDM 2.0, 5.3: two digests for one address could not both be right.
        if item["id"] in seen:
            raise MalformedCredential("relatedResource names the same id twice")
        seen.add(item["id"])
        sri, multibase = item.get("digestSRI"), item.get("digestMultibase")
        # VCDM 2.0, 5.3: without a digest, any file would do.
        if sri is None and multibase is None:
            raise MalformedCredential("relatedResource has neither digestSRI nor digestMultibase")
        # A digest that no file can have would look like a check, and be none.
        if sri is not None and not (isinstance(sri, str) and re.fullmatch(_SRI, sri)):
            raise MalformedCredential("relatedResource.digestSRI is not a subresource integrity value")
        if multibase is not None and not (isinstance(multibase, str) and multibase[:1] in ("z", "u")):
            raise MalformedCredential("relatedResource.digestMultibase is not base58btc or base64url")
