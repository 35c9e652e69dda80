"""A verifiable credential: a read-only view over the JSON as received, its form checked (VCDM 2.0, 4).

Version 1.1 is accepted for verification, since diplomas outlive specifications. Whether every term
has a meaning is found out by canonicalisation; whether anything is true, by the verifier.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from wire import Malformed, Problem
from wire.datetimestamp import Moment, parse_datetime, parse_datetimestamp
from wire.text import shortened
from wire.work import Work

from ..problem import UnsupportedForm

if TYPE_CHECKING:
    from .jsonld import Contexts, Reading

CONTEXT_V2 = "https://www.w3.org/ns/credentials/v2"
CONTEXT_V1 = "https://www.w3.org/2018/credentials/v1"
_MODELS = "https://www.w3.org/ns/credentials/v"
_VERSIONS = {CONTEXT_V2: "2.0", CONTEXT_V1: "1.1"}
DEGREE_NAME = "ext:degreeName"
"""The `identifierType` of an achievement's name for the degree, as its issuer words it.

Open Badges 3.0 names an achievement by its `otherIdentifier`s, as it does a person by `identifier`; `ext:`
begins a type that its enumeration lacks.
"""
STATUS_STATEMENT = "urn:intaglio:vocab:StatusStatement"
"""The type of a term of use whose `id` is a position in a status list that no address leads to."""

_BLANKS = r"\x00-\x20\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # quicker than \s
_URL = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*:[^{_BLANKS}<>\"{{}}|\\^`]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
_SRI = re.compile(r"sha(?:256|384|512)-[A-Za-z0-9+/]+={0,2}", re.ASCII)


class MalformedCredential(Malformed):
    """The JSON is not a credential or presentation as the data model wants it."""

    code = "malformed-credential"
    type = "https://www.w3.org/TR/vc-data-model#MALFORMED_VALUE_ERROR"
    title = "Not a well-formed credential"


_ENVELOPED = ("EnvelopedVerifiableCredential", ["EnvelopedVerifiableCredential"])


class Credential(NamedTuple):
    """A credential whose form was checked.

    All but `document` is as its contexts mean it, whatever its members are called: under the names of
    `jsonld.vocabulary`, terms of its own under their IRIs.
    """

    document: Mapping[str, Any]
    """The signed JSON, for signatures and digests; do not change it, and take no claims from it."""
    claims: Mapping[str, Any]
    """What it says: the document itself where that is spelled so."""
    version: str
    """`2.0` or `1.1`, by its first context."""
    id: str | None
    types: tuple[str, ...]
    issuer: str
    """The issuer's URL, in most cases a DID."""
    valid_from: datetime | None
    valid_until: datetime | None
    starts: Moment | None
    """The same as `valid_from`, which without a time zone is known to 14 hours only."""
    ends: Moment | None
    """The same as `valid_until`."""
    subjects: tuple[Mapping[str, Any], ...]
    status: tuple[Mapping[str, Any], ...]
    """Where its status stands: its `credentialStatus`, or what a status statement says, in the same words."""
    schemas: tuple[Mapping[str, Any], ...]
    terms_of_use: tuple[Mapping[str, Any], ...]
    reading: Reading
    unread: Problem | None
    """Why nobody can tell what the document means; `claims` is then the bare JSON, and worth nothing."""

    @classmethod
    def parse(
        cls, document: object, work: Work | None = None, contexts: Contexts | None = None
    ) -> Credential:
        """Checks the rules of the data model that concern form; `work` is what it may cost to read it.

        It is read by `contexts`, by default the vendored ones.

        Raises `MalformedCredential`, `UnsupportedForm` for one that follows other rules, and what
        `jsonld.read` does where a member that is missing may stand there under another name.
        """
        document = require_object(document, "the credential")
        if document.get("type") in _ENVELOPED:
            raise UnsupportedForm("the credential is an enveloped one, such as a JWT")
        version = require_context(document)
        reading, unread = as_read(document, work, contexts)
        try:
            return cls._of(document, version, reading, unread)
        except Malformed as problem:
            raise (unread if may_hide_members(unread) else problem) from None

    @classmethod
    def _of(
        cls, source: Mapping[str, Any], version: str, reading: Reading, unread: Problem | None
    ) -> Credential:
        document = reading.claims
        types = require_types(document, "VerifiableCredential")
        start, end = ("validFrom", "validUntil") if version == "2.0" else ("issuanceDate", "expirationDate")
        starts = _moment(document, start)
        moments = [  # whichever version's name it has: an end is an end
            moment for name in ("validUntil", "expirationDate") if (moment := _moment(document, name))
        ]
        ends = Moment(*map(min, zip(*moments, strict=True))) if moments else None
        if version == "1.1" and starts is None:
            raise MalformedCredential("issuanceDate is missing")
        if starts and ends and ends.latest < starts.earliest:
            raise MalformedCredential.saying("{end} is before {start}", end=end, start=start)
        for name in ("name", "description"):
            if version == "2.0" and name in document:
                _require_language_value(document[name], name)
        _require_related_resources(document)
        for name in ("refreshService", "evidence"):
            typed_objects(reading, name)
        terms_of_use = typed_objects(reading, "termsOfUse")
        return cls(
            source,
            document,
            version,
            optional_url(document, "id", "the credential"),
            types,
            _issuer(document),
            starts and starts.utc,
            ends and ends.utc,
            starts,
            ends,
            _subjects(reading),
            _status(typed_objects(reading, "credentialStatus"), terms_of_use),
            typed_objects(reading, "credentialSchema", id_required=True),
            terms_of_use,
            reading,
            unread,
        )

    def about(self, value: object) -> Mapping[str, Any]:
        """All that the credential says of an object in `claims`, or of an id, or of the first of several.

        Empty for what is neither. Raises as `Reading.about`.
        """
        found = self.reading.about(value[0] if isinstance(value, list) and value else value)
        return found if isinstance(found, Mapping) else {}

    @property
    def issuer_name(self) -> str | None:
        """What the issuer calls itself here; its word only."""
        return text_of(self.about(self.claims["issuer"]), "name") or None

    @property
    def title(self) -> str:
        """What it is called: first subject's achievement (Open Badges 3.0), its own name, or its types."""
        types = [short_name(name) for name in self.types if name != "VerifiableCredential"]
        return (
            text_of(self._achievement, "name")
            or text_of(self.claims, "name")
            or ", ".join(types or self.types)
        )

    @property
    def achievement_type(self) -> str:
        """The `achievementType` of the achievement, such as BachelorDegree (Open Badges 3.0)."""
        return text_of(self._achievement, "achievementType")

    @property
    def degree_name(self) -> str:
        """The degree as the issuer words it: the achievement's `otherIdentifier` of type `DEGREE_NAME`."""
        for identifier in self._each(self._achievement.get("otherIdentifier")):
            if text_of(identifier, "identifierType") == DEGREE_NAME:
                return text_of(identifier, "identifier")
        return ""

    @property
    def subject_name(self) -> str:
        """The first subject's name: an identifier (Open Badges 3.0), `name`, or given and family name."""
        subject = self.subjects[0]
        for identifier in self._each(subject.get("identifier")):
            hashed = identifier.get("hashed")  # or a list of one, as any member may be
            hashed = hashed[0] if isinstance(hashed, list) and len(hashed) == 1 else hashed
            if text_of(identifier, "identityType") == "name" and hashed is False:
                return text_of(identifier, "identityHash")
        parts = (_text_called(subject, part) for part in ("givenName", "familyName"))
        return text_of(subject, "name") or " ".join(filter(None, parts))

    @property
    def _achievement(self) -> Mapping[str, Any]:
        return self.about(self.subjects[0].get("achievement"))

    def _each(self, value: object) -> Iterator[Mapping[str, Any]]:
        """All that the credential says of the objects in a member, one or a list."""
        return map(self.about, value if isinstance(value, list) else [value])


def as_read(
    document: Mapping[str, Any], work: Work | None = None, contexts: Contexts | None = None
) -> tuple[Reading, Problem | None]:
    """What a document says; the document as it is, and why, where that cannot be found out."""
    read_it, unread = _reader()
    try:
        return read_it(document, work, contexts), None
    except Problem as problem:
        return unread(document), problem


@functools.cache  # a statement that imports takes longer than most of what is done here
def _reader() -> tuple[Callable[..., Reading], type[Reading]]:
    from . import jsonld  # only here: most of this module needs no contexts

    return jsonld.read, jsonld.Reading


def may_hide_members(unread: Problem | None) -> TypeGuard[Problem]:
    """Whether what is missing or malformed may stand there in a way that is not read."""
    from . import jsonld

    return isinstance(unread, jsonld.Respelled | jsonld.UnknownContext)


def short_name(iri: str) -> str:
    """The last part of an IRI, as people know a type or a property; a name that is no IRI stays."""
    return re.split("[#/:]", iri.rstrip("#/:"))[-1] or iri


def _text_called(value: Mapping[str, Any], name: str) -> str:
    """The member `name`, else the first whose IRI ends with it: every vocabulary has its own givenName."""
    called = (member for member in value if short_name(member) == name)
    return text_of(value, min(called, key=lambda member: (member != name, member), default=name))


def text_of(value: Mapping[str, Any], name: str) -> str:
    """The member `name`: a text, or the first of several in different languages (VCDM 2.0, 11.1)."""
    found = value.get(name)
    found = found[0] if isinstance(found, list) and found else found
    found = found.get("@value") if isinstance(found, dict) else found
    return found if isinstance(found, str) else ""


def is_url(value: object) -> TypeGuard[str]:
    """Whether `value` is an absolute IRI: scheme, colon, and no character that an IRI cannot have."""
    return isinstance(value, str) and _URL.fullmatch(value) is not None


def require_object(value: object, where: str) -> dict[str, Any]:
    """`value`, if it is a JSON object with at least one member. Raises `MalformedCredential`."""
    if not isinstance(value, dict):
        raise MalformedCredential.saying("{where} is not a JSON object", where=where)
    if not value:
        raise MalformedCredential.saying("{where} is empty", where=where)
    return value


def require_context(document: Mapping[str, Any]) -> str:
    """The version that `@context` names with its first entry (VCDM 2.0, 4.3).

    Raises `MalformedCredential`; `UnsupportedForm` for that of another data model.
    """
    contexts = document.get("@context")
    if not isinstance(contexts, list) or not contexts:
        raise MalformedCredential("@context is missing or not a list")
    version = _VERSIONS.get(contexts[0]) if isinstance(contexts[0], str) else None
    if version is None and isinstance(contexts[0], str) and contexts[0].startswith(_MODELS):
        raise UnsupportedForm.saying("it is of another data model, {context}", context=shortened(contexts[0]))
    if version is None:
        raise MalformedCredential.saying("@context does not begin with {context}", context=CONTEXT_V2)
    for number, context in enumerate(contexts[1:], 1):
        if not isinstance(context, dict) and not is_url(context):
            raise MalformedCredential.saying("@context[{place}] is neither a URL nor an object", place=number)
    return version


def require_types(document: Mapping[str, Any], base: str) -> tuple[str, ...]:
    """The entries of `type`, which have to include `base` (VCDM 2.0, 4.5). Raises `MalformedCredential`."""
    found = document.get("type")
    types = found if isinstance(found, list) else [found]
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
    """The objects under `name`, one or a list, each with a `type` (VCDM 2.0, 4.9 to 4.14).

    Raises `MalformedCredential`.
    """
    if name not in reading.claims:
        return ()
    found = reading.claims[name]
    items = list(map(reading.about, found if isinstance(found, list) else [found]))
    objects: list[Mapping[str, Any]] = []
    for item in items:
        if not isinstance(item, dict) or not item:
            raise MalformedCredential.saying("{member} is not an object or a list of objects", member=name)
        types = item.get("type")
        types = types if isinstance(types, list) else [types]
        if not types or not all(isinstance(text, str) and text for text in types):
            raise MalformedCredential.saying("{member} has no type", member=name)
        if optional_url(item, "id", name) is None and id_required:
            raise MalformedCredential.saying("{member} has no id", member=name)
        objects.append(item)
    return tuple(objects)


def has_type(item: Mapping[str, Any], name: str) -> bool:
    """Whether `name` is a type of one of the `typed_objects`."""
    types = item["type"]
    return name in (types if isinstance(types, list) else [types])


def _moment(document: Mapping[str, Any], name: str) -> Moment | None:
    """A date of the document; those of VCDM 1.1 may lack the time zone. Raises `Malformed`."""
    if name not in document:
        return None
    if name in ("issuanceDate", "expirationDate"):
        return parse_datetime(document[name], name)
    moment = parse_datetimestamp(document[name], name)
    return Moment(moment, moment, moment)


def _status(
    entries: tuple[Mapping[str, Any], ...], terms_of_use: tuple[Mapping[str, Any], ...]
) -> tuple[Mapping[str, Any], ...]:
    statements = [terms for terms in terms_of_use if has_type(terms, STATUS_STATEMENT)]
    if not statements:
        return entries
    if entries or len(statements) > 1:
        raise MalformedCredential("the credential says more than once where its status stands")
    list_url, _, position = str(statements[0].get("id")).partition("#")
    if not (position.isascii() and position.isdigit()):
        raise MalformedCredential("the status statement names no position in a list")
    return (
        {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": position,
            "statusListCredential": list_url,
        },
    )


def _issuer(document: Mapping[str, Any]) -> str:
    issuer = document.get("issuer")
    url = issuer.get("id") if isinstance(issuer, dict) else issuer
    if not is_url(url):
        raise MalformedCredential("issuer is neither a URL nor an object whose id is one")
    for name in ("name", "description"):
        if isinstance(issuer, dict) and name in issuer:
            _require_language_value(issuer[name], f"issuer.{name}")
    return url


def _subjects(reading: Reading) -> tuple[Mapping[str, Any], ...]:
    found = reading.claims.get("credentialSubject")
    subjects: list[Mapping[str, Any]] = []
    for subject in map(reading.about, found if isinstance(found, list) and found else [found]):
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
    return isinstance(value, str) and _LANGUAGE.fullmatch(value) is not None


def _require_related_resources(document: Mapping[str, Any]) -> None:
    """Each with an id of its own and at least one digest (VCDM 2.0, 5.3)."""
    if "relatedResource" not in document:
        return
    found = document["relatedResource"]
    seen = set[str]()
    for item in found if isinstance(found, list) else [found]:
        if not isinstance(item, dict) or not is_url(item.get("id")):
            raise MalformedCredential("relatedResource has no id that is a URL")
        if item["id"] in seen:
            raise MalformedCredential("relatedResource names the same id twice")
        seen.add(item["id"])
        sri, multibase = item.get("digestSRI"), item.get("digestMultibase")
        if sri is None and multibase is None:
            raise MalformedCredential("relatedResource has neither digestSRI nor digestMultibase")
        if sri is not None and not (isinstance(sri, str) and _SRI.fullmatch(sri)):
            raise MalformedCredential("relatedResource.digestSRI is not a subresource integrity value")
        if multibase is not None and not (isinstance(multibase, str) and multibase[:1] in ("z", "u")):
            raise MalformedCredential("relatedResource.digestMultibase is not base58btc or base64url")
