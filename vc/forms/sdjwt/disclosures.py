"""Selective disclosure for JSON Web Tokens: an SD-JWT's payload with what its disclosures say (RFC 9901).

Nothing here knows what the claims mean, nor who signed them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from wire import Malformed, TooLarge, base64url_decode, base64url_encode
from wire.problem import Code, Refused
from wire.strict import load_json
from wire.text import shortened
from wire.work import VALUE_WALKED, Work

from ...problem import UnsupportedForm

INVALID_SD_JWT = Code("invalid-sd-jwt", Malformed, "Not a well-formed SD-JWT")
"""An SD-JWT that breaks RFC 9901, such as by a disclosure that nothing signed refers to."""
SD_HASH_UNKNOWN = Code("sd-hash-unknown", UnsupportedForm, "The hash of the disclosures is not known here")
"""The disclosures of an SD-JWT are referred to by a hash that this program does not use."""
NOT_DISCLOSED_ALONE = Code("not-disclosed-alone", Refused, "Nothing that can be shown by itself")
"""A path was chosen that is no disclosure, or stands in one that was not chosen."""

ClaimPath = tuple[str | int, ...]
"""Member names and positions in arrays, from the outermost object on."""

HASHES: Mapping[str, Callable[[bytes], Any]] = {
    "sha-256": hashlib.sha256,
    "sha-384": hashlib.sha384,
    "sha-512": hashlib.sha512,
}
"""By the names of the IANA registry of named information hashes; each resists collisions (RFC 9901, 9.4)."""

# Threat 44b, as for each limit here.
DISCLOSURE_READ = 10
"""Steps of `Work` for a disclosure, so that 100,000 of them are refused before one is read."""
DEEPEST = 64
"""Levels of the whole payload: disclosures in disclosures could nest as deep as there are disclosures."""
_NESTED = (dict, list)
RESERVED = ("_sd", "...", "_sd_alg")
"""Names that no claim of an issuer has (RFC 9901, 4.1)."""


class SDJWT(NamedTuple):
    """The three parts of the compact form (RFC 9901, 4), as they were received."""

    jwt: bytes
    disclosures: tuple[bytes, ...]
    binding: bytes
    """The key binding JWT; empty where there is none."""

    @classmethod
    def parse(cls, data: bytes, work: Work) -> SDJWT:
        """Raises `INVALID_SD_JWT`, and `TooLarge` for more disclosures than `work` allows."""
        # Threat 44b: charged before anything is split or hashed.
        work.spend(DISCLOSURE_READ * data.count(b"~"))
        jwt, *disclosures = data.split(b"~")
        if not disclosures:
            raise INVALID_SD_JWT("an SD-JWT has a tilde behind its JWT, and behind each disclosure")
        *disclosures, binding = disclosures
        return cls(jwt, tuple(disclosures), binding)

    @property
    def shown(self) -> bytes:
        """The bytes that a key binding covers (RFC 9901, 4.3.1): all but itself, with the last tilde."""
        return b"~".join((self.jwt, *self.disclosures, b""))

    @property
    def shown_size(self) -> int:
        """The length of `shown` in bytes, without making it."""
        return len(self.jwt) + sum(map(len, self.disclosures)) + len(self.disclosures) + 1


class Disclosed(NamedTuple):
    """A payload with the values of its disclosures in their places."""

    payload: dict[str, Any]
    """Without digests (RFC 9901, 7.1, step 3)."""
    disclosures: Mapping[ClaimPath, bytes]
    """Each disclosure as it was received, in that order, by the place of its value."""
    hidden: int
    """The number of digests without a disclosure here: values that were not shown, and decoys."""
    digest: Callable[[bytes], Any]
    """The hash by which disclosures, and key bindings, refer to what they are about."""

    def choose(self, chosen: Collection[ClaimPath]) -> tuple[bytes, ...]:
        """The disclosures at the chosen paths, each with all that stands in it.

        Raises `NOT_DISCLOSED_ALONE` for a path that has none, or whose value stands in one not chosen.
        """
        wanted = frozenset(chosen)
        kept = {path for path in self.disclosures if path in wanted or not wanted.isdisjoint(around(path))}
        for path in wanted.difference(kept, *map(around, kept)):
            raise NOT_DISCLOSED_ALONE.saying(
                "{path} cannot be shown or left out by itself", path=shortened(written_path(path))
            )
        for path in kept:
            # RFC 9901, 7.2, step 2: each chosen one stands in the JWT or in another chosen one; a verifier
            # refuses the rest (7.1, step 5).
            if outer := [each for each in around(path) if each in self.disclosures and each not in kept]:
                raise NOT_DISCLOSED_ALONE.saying(
                    "{path} stands in {outer}, which was not chosen",
                    path=shortened(written_path(path)),
                    outer=shortened(written_path(outer[0])),
                )
        return tuple(text for path, text in self.disclosures.items() if path in kept)


def around(path: ClaimPath) -> Sequence[ClaimPath]:
    """The paths of all that something stands in, from the outermost on."""
    return [path[:length] for length in range(1, len(path))] if len(path) > 1 else ()


def written_path(path: ClaimPath) -> str:
    """A path as text: its steps between slashes, which are escaped in names (RFC 6901, 3)."""
    return "/".join([str(step).replace("~", "~0").replace("/", "~1") for step in path])


def _hash_of(payload: Mapping[str, Any]) -> Callable[[bytes], Any]:
    """The hash that `_sd_alg` names (RFC 9901, 4.1.1). Raises `INVALID_SD_JWT` and `SD_HASH_UNKNOWN`."""
    name = payload.get("_sd_alg", "sha-256")
    if not isinstance(name, str):
        raise INVALID_SD_JWT("_sd_alg is no text")
    # Threat 42: under a weak hash, a disclosure could be exchanged. Open, since other programs may know it.
    if name not in HASHES:
        raise SD_HASH_UNKNOWN.saying(
            "disclosures are referred to by {hash}, which is not known here", hash=shortened(name)
        )
    return HASHES[name]


def disclose(
    payload: dict[str, Any], disclosures: Sequence[bytes], work: Work, fixed: Collection[str] = frozenset()
) -> Disclosed:
    """Put the values of the disclosures in their places (RFC 9901, 7.1, steps 3 to 5); `payload` is used up.

    `fixed` names top-level claims that are never disclosed apart, nor any part of them. Raises
    `INVALID_SD_JWT`, `SD_HASH_UNKNOWN`, and `TooLarge` for what nests too deep or costs too much.
    """
    reading = _Reading(payload, disclosures, work, fixed)
    reading.walk(payload)
    if reading.texts:  # 7.1, step 5 (threat 39)
        raise INVALID_SD_JWT("a disclosure is of another SD-JWT: nothing that was signed refers to it")
    # Each disclosure was referred to once by now: the other digests have none.
    hidden = len(reading.digests) - len(disclosures)
    places = {reading.places[text]: text for text in disclosures}
    return Disclosed(payload, places, hidden, reading.digest)


class _Reading:
    """The walk over a payload, without recursion: a sender chooses how deep it goes."""

    def __init__(
        self, payload: dict[str, Any], disclosures: Sequence[bytes], work: Work, fixed: Collection[str]
    ) -> None:
        self.digest = _hash_of(payload)
        payload.pop("_sd_alg", None)
        self._work, self._fixed = work, fixed
        self.texts = {base64url_encode(self.digest(text).digest()): text for text in disclosures}
        """The disclosures that nothing referred to yet, by their digests."""
        # Threat 39: each disclosure is referred to once.
        if len(self.texts) != len(disclosures):
            raise INVALID_SD_JWT("a disclosure stands there twice")
        self.digests: set[str] = set()
        self.places: dict[bytes, ClaimPath] = {}
        """The place of each disclosure."""

    def walk(self, payload: dict[str, Any]) -> None:
        """Take each object and array of the payload, and those in disclosures as they come."""
        waiting: list[tuple[ClaimPath, Any]] = [((), payload)]
        while waiting:
            path, node = waiting.pop()
            self._work.spend(VALUE_WALKED)
            # Threat 44b: disclosures in disclosures nest as deep as a sender likes.
            if len(path) > DEEPEST:
                raise TooLarge.saying("the SD-JWT nests deeper than {most} levels", most=DEEPEST)
            members = self._object(path, node) if isinstance(node, dict) else self._array(path, node)
            waiting += [((*path, step), member) for step, member in members if isinstance(member, _NESTED)]

    def _object(self, path: ClaimPath, node: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        digests = node.pop("_sd", [])
        # RFC 9901, 4.2.4.1: an array of strings, even for one.
        if not isinstance(digests, list):
            raise INVALID_SD_JWT("_sd is no array of digests")
        if "..." in node:  # RFC 9901, 4.1: reserved, but for an array element that is nothing else
            raise INVALID_SD_JWT("a claim is named ..., which is reserved")
        if "_sd_alg" in node:  # 4.1.1: at the top level only
            raise INVALID_SD_JWT("_sd_alg stands below the top level")
        for digest in self._shown(digests, path):
            _, name, value = self._content(digest, 3)
            # 7.1, steps 3.c.ii.2 and 3: else a disclosure could bring digests, or take a signed claim's place
            # (threats 41 and 43).
            if not isinstance(name, str) or name in RESERVED or name in node:
                raise INVALID_SD_JWT("the name of a disclosed claim is reserved, taken or no text")
            # Threat 43: a holder could leave it out, and what it says would not count.
            if not path and name in self._fixed:
                raise _fixed(name)
            node[name] = value
            self.places[self.texts.pop(digest)] = (*path, name)
        return iter(node.items())

    def _array(self, path: ClaimPath, node: list[Any]) -> Iterator[tuple[int, Any]]:
        kept: list[Any] = []
        for item in node:
            if not isinstance(item, dict) or "..." not in item:
                kept.append(item)
                continue
            # RFC 9901, 4.2.4.2: such an element is its digest alone; other members would be lost.
            if len(item) > 1:
                raise INVALID_SD_JWT("an array element has members beside ..., which stands alone")
            for digest in self._shown([item["..."]], path):
                _, value = self._content(digest, 2)
                self.places[self.texts.pop(digest)] = (*path, len(kept))
                kept.append(value)
        node[:] = kept
        return enumerate(kept)

    def _shown(self, digests: Sequence[Any], path: ClaimPath) -> list[str]:
        """The digests at a place that have a disclosure; the others are decoys, or hide a value.

        Raises `INVALID_SD_JWT` for one that stands in two places.
        """
        if not digests:
            return []
        self._work.spend(len(digests))
        # RFC 9901, 4.2.4.1: an array of strings, decoys among them.
        if {*map(type, digests)} != {str}:
            raise INVALID_SD_JWT("a digest is no text")
        # Threat 43: nor any part of it.
        if path and path[0] in self._fixed:
            raise _fixed(str(path[0]))
        before = len(self.digests)
        self.digests.update(digests)
        if len(self.digests) != before + len(digests):  # 7.1, step 4 (threat 40)
            raise INVALID_SD_JWT("one digest stands in two places")
        return [digest for digest in digests if digest in self.texts]

    def _content(self, digest: str, size: int) -> list[Any]:
        """The elements of the disclosure with this digest."""
        content = _array_of(self.texts[digest], self._work)
        # RFC 9901, 7.1, steps 3.c.ii.1 and 3.c.iii.1: with a name in an object, without one in an array.
        if len(content) != size or not isinstance(content[0], str):
            raise INVALID_SD_JWT.saying(
                "a disclosure there is no array of {size} elements, the first a salt", size=size
            )
        return content


def _array_of(text: bytes, work: Work) -> list[Any]:
    try:
        content = load_json(base64url_decode(text, limit=len(text)), limit=len(text), work=work)
    except TooLarge:
        raise
    except Malformed:  # the problem would name a place in a person's claim
        raise INVALID_SD_JWT("a disclosure is no JSON in base64url") from None
    if not isinstance(content, list):
        raise INVALID_SD_JWT("a disclosure is no JSON array")
    return content


def _fixed(name: str) -> Malformed:
    # SD-JWT VC, 2.2.2.3: its holder could else leave out when it ends, or where its status stands.
    return INVALID_SD_JWT.saying("{claim}, or a part of it, can be left out", claim=shortened(name))
