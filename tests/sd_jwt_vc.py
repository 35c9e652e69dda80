"""A form for tests that knows no JSON-LD: an SD-JWT VC, `application/dc+sd-jwt`, each attribute disclosed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from did import METHODS, Resolver
from did.methods import key as did_key
from did.resolution import own_method
from keys import PublicKey, Signer
from ledger import EntryKind, entry
from tests.jwt_vc import ALGORITHMS, JWT, SignedJWT, compact
from vc import Claims, InvalidProof
from vc.anchoring import anchoring_terms
from vc.claims import JSON_SCHEMA, KIND
from vc.facts import IssuingFacts
from vc.possession import Asked
from vc.secured import Carried, Choices, Form, Options, Received, Secured, Signatures, Signed
from vc.status import status_entry, status_statement
from vc.vcdm.enveloped import Enveloped
from wire import Malformed, Problem, base64url_decode, base64url_encode, load_json_object
from wire.datetimestamp import Moment
from wire.fetch import NoFetcher
from wire.strict import load_json
from wire.work import Work

MEDIA_TYPE = "application/dc+sd-jwt"
_SD_JWT = re.compile(rb"eyJ[\w-]+\.[\w-]+\.[\w-]{86}~(?:[\w-]+~)*(?:eyJ[\w-]+\.[\w-]+\.[\w-]{86})?")


class SDJWT(JWT):
    """One SD-JWT with its disclosures."""

    form = MEDIA_TYPE

    def __init__(self, data: bytes, work: Work) -> None:
        jwt, *disclosures = data.removesuffix(b"~").split(b"~")
        super().__init__(jwt, work)
        self._disclosures = disclosures

    @cached_property
    def claims(self) -> Claims:
        said = dict(self.payload)
        digests = said.pop("_sd", [])
        for disclosure in self._disclosures:
            if base64url_encode(hashlib.sha256(disclosure).digest()) not in digests:
                raise Malformed("a disclosure is of another SD-JWT")
            _, name, value = load_json(base64url_decode(disclosure.decode(), limit=1 << 20))
            said[name] = value
        subject = {**said, **({"id": said["sub"]} if "sub" in said else {})}
        place = said.get("status", {})
        return Claims(
            said=said,
            id=said["jti"],
            types=(said["vct"],),
            issuer=said["iss"],
            issuer_name=said.get("iss_name"),
            subjects=(subject,),
            starts=_moment(said.get("nbf")),
            ends=_moment(said.get("exp")),
            entries=(status_entry(place["uri"], place["idx"]),) if "idx" in place else (),
            terms=tuple(said.get("terms", ())),
            schemas=tuple(said.get("schemas", ())),
            title=said["title"],
            holder_name=said.get("name", ""),
            number=said.get("number", ""),
            awarded=None,
        )

    def signatures(self, work: Work) -> Signatures:
        header = self._header
        if header.get("typ") != "dc+sd-jwt" or header.get("alg") not in ALGORITHMS.values():
            raise InvalidProof("the header is not that of an SD-JWT VC")
        return Signatures([SignedJWT(header["kid"], header["alg"], _utc(header.get("iat")))])

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> Sequence[bytes]:
        return (entry(kind, hashlib.sha256(self.data).digest()),)  # without disclosures


class Binding(NamedTuple):
    """What a key binding says beside its credential."""

    holder: str | None = None
    unread: Problem | None = None


class KeyBound(JWT):
    """One SD-JWT with its key binding (RFC 9901, 4.3)."""

    form = MEDIA_TYPE

    def __init__(self, data: bytes, work: Work) -> None:
        shown, _, binding = data.rpartition(b"~")
        super().__init__(binding, work)
        self._shown = shown + b"~"

    @property
    def presentation(self) -> Binding:
        return Binding()

    @cached_property
    def credentials(self) -> Sequence[Secured]:
        return (SDJWT(self._shown, self._work),)

    def signatures(self, work: Work) -> Signatures:
        header, said = self._header, self.payload
        digest = base64url_encode(hashlib.sha256(self._shown).digest())
        if header.get("typ") != "kb+jwt" or header.get("alg") not in ALGORITHMS.values():
            raise InvalidProof("the header is not that of a key binding")
        if said.get("sd_hash") != digest or (made := _utc(said.get("iat"))) is None:
            raise InvalidProof("sd_hash is of another SD-JWT, or iat is missing")
        signed = SignedJWT(header["kid"], header["alg"], made, "authentication")
        return Signatures([signed._replace(domain=(said["aud"],), challenge=said["nonce"])])


class SDJWTForm:
    """See `vc.secured.Form`."""

    media_type, limit = MEDIA_TYPE, 1 << 20

    def recognises(self, content: Carried) -> bool:
        return isinstance(content, bytes) and _SD_JWT.fullmatch(content) is not None

    def identifier(self, content: Carried) -> object:
        assert isinstance(content, bytes)
        return load_json_object(base64url_decode(content.split(b".")[1].decode(), limit=1 << 20)).get("jti")

    def read(
        self, content: Carried, forms: Mapping[str, Form], work: Work, asked: Asked | None = None
    ) -> Secured:
        if not isinstance(content, bytes) or not self.recognises(content):
            raise Malformed("this is no SD-JWT")
        return SDJWT(content, work) if content.endswith(b"~") else KeyBound(content, work)

    def algorithm(self, key: PublicKey) -> str:
        return ALGORITHMS[key.type]

    def secure(
        self, facts: IssuingFacts, said: Mapping[str, Any], signer: Signer, options: Options
    ) -> Received:
        subject, place = said["credentialSubject"], facts.status
        names = [one["identityHash"] for one in subject["identifier"] if one["identityType"] == "name"]
        disclosed = {"name": names[0], "number": subject["licenseNumber"]}
        disclosures = [
            base64url_encode(json.dumps([f"{facts.id}/{name}", name, value]).encode()).encode()
            for name, value in disclosed.items()
        ]
        terms: list[Mapping[str, Any]] = [anchoring_terms(facts.log)]
        if facts.kind:
            terms.append({"type": KIND, "id": facts.kind})
        if place.is_stated:
            terms.append(status_statement(place.list_url, place.position))
        schemas = []
        if facts.schema:
            schemas.append({"id": facts.schema.id, "type": JSON_SCHEMA, "digestSRI": facts.schema.digest})
        payload = {
            "iss": facts.issuer["id"],
            "iss_name": facts.issuer["name"],
            "jti": facts.id,
            "vct": "urn:eu.example:diploma:1",
            "title": subject["achievement"]["name"],
            "terms": terms,
            "schemas": schemas,
            **({} if place.is_stated else {"status": {"idx": place.position, "uri": place.list_url}}),
            **({"nbf": int(facts.valid_from.timestamp())} if facts.valid_from else {}),
            **({"exp": int(facts.valid_until.timestamp())} if facts.valid_until else {}),
            **({"sub": facts.holder} if facts.holder else {}),
            "_sd": [base64url_encode(hashlib.sha256(one).digest()) for one in disclosures],
        }
        jwt = compact("dc+sd-jwt", payload, signer, options, MEDIA_TYPE)
        return Enveloped(MEDIA_TYPE, b"~".join([jwt.data, *disclosures, b""]))

    def choices(self, credential: Received) -> Choices:
        names = [name for name, _ in _disclosures(credential)]
        return Choices(names, [name for name in SDJWT(_jwt(credential), Work()).payload if name != "_sd"])

    def show(
        self, credential: Received, choice: Collection[str], asked: Asked, signer: Signer, created: datetime
    ) -> Received:
        parts = [text for name, text in _disclosures(credential) if name in choice]
        chosen = Enveloped(MEDIA_TYPE, b"~".join([_jwt(credential), *parts, b""]))
        method = own_method(did_key.create(signer.public_key), Resolver(METHODS, NoFetcher()))
        assert method is not None
        options = Options(method.id, "authentication", created, asked.challenge, asked.domain)
        return self.present([chosen], signer, options)

    def present(self, credentials: Sequence[Received], signer: Signer, options: Options) -> Received:
        (shown,) = credentials
        assert isinstance(shown, Enveloped)
        payload: dict[str, Any] = {
            "nonce": options.challenge,
            "aud": options.domain,
            "sd_hash": base64url_encode(hashlib.sha256(shown.data).digest()),
            **({"iat": int(options.created.timestamp())} if options.created else {}),
        }
        return Enveloped(
            MEDIA_TYPE, shown.data + compact("kb+jwt", payload, signer, options, MEDIA_TYPE).data
        )


def _jwt(credential: Received) -> bytes:
    assert isinstance(credential, Enveloped)
    return credential.data.partition(b"~")[0]


def _disclosures(credential: Received) -> list[tuple[str, bytes]]:
    assert isinstance(credential, Enveloped)
    texts = credential.data.split(b"~")[1:-1]
    return [(load_json(base64url_decode(text.decode(), limit=1 << 20))[1], text) for text in texts]


def _utc(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else None


def _moment(seconds: object) -> Moment | None:
    moment = _utc(seconds)
    return Moment(moment, moment, moment, moment.date()) if moment else None
