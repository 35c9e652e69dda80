"""Forms of credentials beside what other programs do, in CPU time: medians of five rounds of one run.

The programs of one line take turns in each round. A ratio is the other program's time divided by ours, the
median over the rounds. All sign with keys that are loaded and were used before, and node has compiled its hot
code. Our ECDSA is deterministic, which takes a tenth longer than theirs. The lines:

- issue: eight claims hidden, and one signature. Ours makes its salts by HMAC, so that issuing a row again
  gives the same bytes; the others draw random salts.
- show: two of the eight claims are chosen, and the holder signs. Each program has already read the
  credential: a wallet has to read it anyway, to list the claims that can be shown. Ours checks that the
  credential is bound to that key. `present` of `@sd-jwt` takes text alone, so its own steps are called one by
  one after the reading.
- read, show: the same from the text, which ours reads as strictly as a verifier does.
- verify: two signatures, `sd_hash`, every digest, and the challenge. Ours knows the rules of SD-JWT VC and
  reads the claims as well; `@sd-jwt` compares no audience.
- nine steps: the whole verdict, trust and dates among it; `polaris-oid4vp` checks the presentation alone.
- list: a token status list of 2^20 entries is unpacked, and one of them read.

Without node and `make peers` the lines of `@sd-jwt` are left out. Rows of a file as `vc+jwt` are held against
those with Data Integrity, by its skeleton and the general way; those as SD-JWT VCs stand beside them. Give a
number to print so many rows.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from polaris_oid4vp.sdjwt import verify_presentation
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from bench.issue import NOW, issuer_in, write_csv
from bench.press import General
from did import DID, DIDURL
from issuer.job.checking import Checker
from issuer.press.document import _Keyed
from issuer.table.source import open_source
from keys import PrivateKey, public
from keys.jws import JWS
from keys.kinds import KINDS
from tests.interop.peers import JavaScript, javascript
from tests.sd_jwts import as_text, digest, framed, jwt
from tests.world import Holder, verifier
from vc import StatusList
from vc.facts import ClaimsByKind, IssuingFacts, StatusPlace
from vc.forms import SD_JWT_VC, TOKEN, VCJWT, DataIntegrity
from vc.forms.sdjwt import SDJWTVC
from vc.forms.sdjwt.credential import SDJWTCredential
from vc.forms.sdjwt.disclosures import SDJWT, disclose
from vc.possession import Asked
from vc.secured import Form, Options, Secured
from vc.status.kind import ListFacts
from vc.vcdm.enveloped import Enveloped
from verifier import RecognisedIssuer, Trust
from verifier.sources.keys import _did_of
from wire import base64url_encode
from wire.strict import load_json_object
from wire.work import Work

ROUNDS, TIMES = 5, 200
UNCOUNTED = 10
"""Rounds of node before it is measured: until its hot code is compiled, it takes twice as long."""
FORGET = (
    public._POINTS.clear,
    public._BY_MULTIKEY.clear,
    public._MULTIKEYS.clear,
    DID.parse.cache_clear,
    DIDURL.parse.cache_clear,
    _did_of.cache_clear,
)
"""Keys and DIDs of holders, who in most cases come once."""
WAYS: Mapping[str, Form] = {
    "general": General(),
    "skeleton": DataIntegrity(),
    "vc+jwt": VCJWT(),
    "dc+sd-jwt": SDJWTVC(),
}
FORM = SDJWTVC()
CLOCK = datetime.now(UTC).replace(microsecond=0)  # peers go by the clock
SECONDS = int(CLOCK.timestamp())
CHALLENGE, DOMAIN = "n-0S6_WzA2Mj", "x509_san_dns:employer.example"
ASKED = Asked(CHALLENGE, DOMAIN)
VCT, LIST = "urn:example:degree", "https://university.example/status/0"
HIDDEN = {f"claim_{number}": f"what is said, {number} of 8" for number in range(1, 8)}
"""Claims beside `iat`."""
TWO = dict.fromkeys([*HIDDEN][:2], True)

Times = dict[str, float]
"""Microseconds of CPU, by whose they are."""


class World:
    """An issuer, its credentials, and what each program takes for them: the same claims and keys."""

    def __init__(self, ask: JavaScript | None, key_type: str = "P-256") -> None:
        self.ask, self.key_type = ask, key_type
        self.issuer, self.algorithm = self.holder(), KINDS[key_type].algorithms[0]
        kind = ClaimsByKind(
            VCT, "", HIDDEN, {name: (name,) for name in HIDDEN}, frozenset(), _Keyed(bytes(32))
        )
        self.by_kind = lambda: kind
        self.public = {**self.issuer.key.public_key.jwk(), "kid": self.issuer.method}
        self.private = private(self.issuer.key)

    def holder(self) -> Holder:
        return Holder(PrivateKey.generate(self.key_type))

    def issuance(self, holder: Holder) -> Callable[[], Enveloped]:
        facts = IssuingFacts(
            "urn:intaglio:abcdefghijklmnop:credential:abcdefghijklmnopqrstuvwxyz234567",
            {"id": self.issuer.did},
            CLOCK - timedelta(days=1),
            CLOCK + timedelta(days=365),
            StatusPlace(LIST, 7, is_stated=True),  # else each program would look it up
            "university.example/log",
            holder.did,
            by_kind=self.by_kind,
        )
        options = Options(self.issuer.method, created=CLOCK)
        return partial(FORM.secure, facts, {}, self.issuer.key, options)

    def peer(
        self, do: str, tasks: Sequence[Mapping[str, Any]], times: int = 1, uncounted: int = UNCOUNTED
    ) -> Times:
        """The CPU time that @sd-jwt takes for a task, once node has compiled its hot code."""
        if self.ask is None:
            return {}
        with_names = [{"do": do, **task} for task in tasks]
        return {"@sd-jwt": self.ask("measure", tasks=with_names, times=times, uncounted=uncounted)["time"]}

    def issuing(self) -> Times:
        holder = self.holder()
        shown = SDJWTCredential(SDJWT.parse(self.issuance(holder)().data, Work()), Work()).disclosed.payload
        hidden = {name: shown.pop(name) for name in (*HIDDEN, "iat")}
        marked = {**shown, **{SDObj(name): value for name, value in hidden.items()}}
        header = {"typ": "dc+sd-jwt", "kid": self.issuer.method}
        issuer, bound = JWK(**self.private), shown.pop("cnf")
        del marked["cnf"]
        by_peer = partial(
            SDJWTIssuer, marked, issuer, JWK(**bound["jwk"]), self.algorithm, extra_header_parameters=header
        )
        document = {**shown, **hidden, "cnf": bound}
        task = {"document": document, "frame": {"_sd": [*hidden]}, "header": header, "issuer": self.private}
        return {
            "ours": each([self.issuance(holder)] * TIMES),
            "sd-jwt": each([by_peer] * TIMES),
            **self.peer("sdJwtIssue", [task] * TIMES),
        }

    def showing(self) -> Times:
        holders = [self.holder() for _ in range(TIMES)]
        whole = [self.issuance(holder)() for holder in holders]

        def ours(credential: Enveloped, holder: Holder) -> None:
            FORM.show(FORM.read(credential.data, {}, Work()), TWO, ASKED, holder.key, CLOCK)

        def by_peer(credential: Enveloped, key: JWK) -> None:
            SDJWTHolder(credential.data.decode()).create_presentation(
                TWO, CHALLENGE, DOMAIN, key, sign_alg=self.algorithm
            )

        pairs = [*zip(whole, holders, strict=True)]
        tasks = self.to_show([issuance.data.decode() for issuance in whole], holders)
        return {
            "ours": each([partial(ours, *pair) for pair in pairs]),
            "sd-jwt": each([partial(by_peer, issuance, JWK(**private(by.key))) for issuance, by in pairs]),
            **self.peer("sdJwtPresent", tasks),
        }

    def showing_read(self) -> Times:
        holders = [self.holder() for _ in range(TIMES)]
        whole = [self.issuance(holder)() for holder in holders]
        texts = [issuance.data.decode() for issuance in whole]
        credentials = [read(issuance) for issuance in whole]
        peers = [SDJWTHolder(text) for text in texts]

        def by_peer(credential: SDJWTHolder, key: JWK) -> None:
            credential.create_presentation(TWO, CHALLENGE, DOMAIN, key, sign_alg=self.algorithm)

        pairs = zip(credentials, holders, strict=True)
        others = zip(peers, [JWK(**private(by.key)) for by in holders], strict=True)
        return {
            "ours": each([partial(FORM.show, issuance, TWO, ASKED, by.key, CLOCK) for issuance, by in pairs]),
            "sd-jwt": each([partial(by_peer, *pair) for pair in others]),
            **self.peer("sdJwtShow", self.to_show(texts, holders)),
        }

    def to_show(self, texts: Sequence[str], holders: Sequence[Holder]) -> list[dict[str, Any]]:
        asked = {"now": SECONDS, "challenge": CHALLENGE, "domain": DOMAIN}
        return [
            {"text": text, "holder": private(holder.key), "frame": TWO, **asked}
            for text, holder in zip(texts, holders, strict=True)
        ]

    def verifying(self) -> Times:
        texts, key = self.shown(), JWK(**self.public)
        tasks = [
            {"text": text, "issuer": self.public, "now": SECONDS, "challenge": CHALLENGE} for text in texts
        ]

        def by_peer(text: str) -> None:
            payload = SDJWTVerifier(text, lambda *_: key, DOMAIN, CHALLENGE).get_verified_payload()
            assert payload["claim_1"] == HIDDEN["claim_1"]

        return {
            "ours": each([partial(self.strictly, text.encode()) for text in texts]),
            "sd-jwt": each([partial(by_peer, text) for text in texts]),
            **self.peer("sdJwtVerify", tasks),
        }

    def shown(self) -> list[str]:
        texts = []
        for _ in range(TIMES):
            holder = self.holder()
            shown = FORM.show(read(self.issuance(holder)()), TWO, ASKED, holder.key, CLOCK)
            texts.append(shown.data.decode())
        return texts

    def strictly(self, text: bytes) -> None:
        """The form alone, as the nine steps call it: no trust, no status."""
        work = Work()
        shown = FORM.read(text, {}, work)
        (credential,) = shown.credentials
        assert isinstance(credential, SDJWTCredential)
        (answer,), (signed,) = (each.signatures(work).known for each in (shown, credential))
        holder = credential.holder
        assert holder
        assert holder.key
        shown.verify(answer, holder.key, work)
        credential.verify(signed, self.issuer.key.public_key, work)
        assert (answer.challenge, answer.domain) == (CHALLENGE, (DOMAIN,))
        assert credential.claims.said["claim_1"] == HIDDEN["claim_1"]

    def nine_steps(self) -> Times:
        """Verifies a credential without status or log, since `polaris-oid4vp` looks up neither."""
        texts = []
        for _ in range(TIMES):
            holder = self.holder()
            frame = framed({**HIDDEN, "iat": SECONDS}, [(name,) for name in (*HIDDEN, "iat")])
            frame.payload |= {"iss": self.issuer.did, "vct": VCT}
            frame.payload |= {"exp": SECONDS + 9999, "cnf": {"jwk": holder.key.public_key.jwk()}}
            header = {"alg": "ES256", "typ": "dc+sd-jwt", "kid": self.issuer.method}
            parts = [jwt(header, frame.payload, self.issuer.key), *frame.disclosures.values()]
            whole = Enveloped(SD_JWT_VC, b"".join(part + b"~" for part in parts))
            texts.append(FORM.show(read(whole), TWO, ASKED, holder.key, CLOCK).data.decode())

        def steps() -> list[Callable[[], None]]:
            """By one verifier, which remembers holders' documents."""
            ours = verifier(Trust().adding(RecognisedIssuer(self.issuer.did)))

            def verify(text: str) -> None:
                assert ours.verify(text.encode(), challenge=CHALLENGE, domain=DOMAIN, now=CLOCK)

            return [partial(verify, text) for text in texts]

        def by_peer(text: str) -> None:
            assert verify_presentation(
                text,
                expected_nonce=CHALLENGE,
                expected_audience=DOMAIN,
                issuer_jwks=[self.public],
                now=SECONDS,
            ).authentic

        return {
            "ours": each(steps(), steps()),
            "polaris-oid4vp": each([partial(by_peer, text) for text in texts]),
        }

    def opening(self) -> Times:
        bits = StatusList(1 << 20)
        for place in range(0, 1 << 20, 100):
            bits[place * 7919 % (1 << 20)] = 1
        facts = ListFacts(f"{LIST}.jwt", self.issuer.did, CLOCK, timedelta(days=1))
        content = TOKEN.publish(bits, facts, self.issuer.key, self.issuer.method).content
        entry = TOKEN.entry({"idx": 7919, "uri": facts.url})

        def ours() -> None:
            tokens = TOKEN.form.read(content, {}, Work())
            assert TOKEN.open(entry, tokens.claims, lambda of, *args: of(*args))[700 * 7919 % (1 << 20)]

        return {
            "ours": each([ours] * 20),
            **self.peer("tokenStatus", [{"text": content.decode(), "places": [7919]}], 3, 3),
        }


def a_megabyte() -> float:
    """Seconds for 10,000 disclosures, close to the limit for one file."""
    texts = [as_text([f"{number:022}", f"claim_{number}", "x" * 40]) for number in range(10_000)]
    text = b"~".join(
        [jwt({"alg": "ES256"}, {"_sd": [*map(digest, texts)]}, PrivateKey.generate("P-256")), *texts, b""]
    )
    assert len(text) > 1 << 20

    def read() -> None:
        work = Work()
        parts = SDJWT.parse(text, work)
        payload = load_json_object(JWS.parse(parts.jwt, limit=1 << 21).payload, limit=1 << 21, work=work)
        assert not disclose(payload, parts.disclosures, work).hidden

    return each([read] * 3) / 1e6


def read(credential: Enveloped) -> Secured:
    """The credential as a wallet holds it, with its owner and its disclosable claims already read."""
    secured = FORM.read(credential.data, {}, Work())
    assert secured.claims.subjects
    assert FORM.choices(secured).alone
    return secured


def each(calls: Sequence[Callable[[], object]], again: Sequence[Callable[[], object]] = ()) -> float:
    """Microseconds of CPU a call.

    All are called once before, uncounted: the first signature by a key takes a fifth longer, and node's have
    signed before. `again` is measured instead where a second call would profit from the first.
    """
    for call in calls:
        call()
    for forget in FORGET:
        forget()
    begun = time.process_time()
    for call in again or calls:
        call()
    return (time.process_time() - begun) / len(calls) * 1e6


def private(key: PrivateKey) -> dict[str, str]:
    return {**key.public_key.jwk(), "d": base64url_encode(key.secret)}


def rows_of_a_file(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as scratch:
        folder = Path(scratch)
        write_csv(folder / "g.csv", rows)
        presses = {name: issuer_in(folder / name, form).press() for name, form in WAYS.items()}
        source = open_source(folder / "g.csv")
        checker = Checker(source, NOW.date(), presses["vc+jwt"].composer)
        records = [
            (checker.check(row, cells)[0], row) for span in source.spans for row, cells in source.rows(span)
        ]
        seconds: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(ROUNDS):
            for name, press in presses.items():
                fresh = replace(press)  # which compiles its skeletons anew
                begun = time.process_time()
                for record, seq in records:
                    fresh.print_row(record, seq, NOW)
                seconds[name].append((time.process_time() - begun) / len(records))
    for name, taken in seconds.items():
        print(f"{name}: {statistics.median(taken) * 1e6:.0f} µs a row")
    for name, most in (("general", 0.5), ("skeleton", 0.9)):
        ratio = statistics.median(
            mine / theirs for mine, theirs in zip(seconds["vc+jwt"], seconds[name], strict=True)
        )
        print(f"vc+jwt / {name}: {ratio:.2f} (at most {most})")


GOALS = {
    ("issue", "sd-jwt"): ">= 3",
    ("issue", "@sd-jwt"): ">= 4.5",
    ("show", "@sd-jwt"): ">= 6",
    ("read, show", "@sd-jwt"): ">= 6",
    ("verify", "sd-jwt"): ">= 1.2",
    ("verify", "@sd-jwt"): ">= 2",
    ("nine steps", "polaris-oid4vp"): ">= 0.71",
    ("list", "@sd-jwt"): ">= 100",
}
"""The goals: ratio of the other program's time to ours."""


def beside_others(ask: JavaScript | None) -> None:
    for key_type in ("P-256", "Ed25519"):
        world = World(ask, key_type)
        lines = {"issue": world.issuing}
        if key_type == "P-256":  # sd-jwt verifies no other key binding, polaris-oid4vp no other signature
            lines |= {"show": world.showing_read, "read, show": world.showing, "verify": world.verifying}
            lines |= {"nine steps": world.nine_steps, "list": world.opening}
        for name, line in lines.items():
            rounds = [line() for _ in range(ROUNDS)]
            for who in rounds[0]:
                mine = statistics.median(times[who] for times in rounds)
                ratio = statistics.median(times[who] / times["ours"] for times in rounds)
                goal = GOALS.get((name, who), "")
                print(f"{key_type:9}{name:12}{who:16}{mine:10.0f} µs{ratio:10.2f}  {goal}".rstrip())
    megabyte = statistics.median(a_megabyte() for _ in range(ROUNDS))
    print(f"1 MB of disclosures: {megabyte:.3f} s (at most 0.1)")


@contextlib.contextmanager
def node() -> Iterator[JavaScript | None]:
    with contextlib.ExitStack() as stack:
        try:
            ask = stack.enter_context(javascript())
        except pytest.skip.Exception as skipped:
            print(skipped)
            ask = None
        yield ask


def main(rows: int) -> None:
    with node() as ask:
        beside_others(ask)
    rows_of_a_file(rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
