"""Paths of X.509 certificates: each rule of RFC 5280 broken once, and OpenSSL's word on each of them."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from keys import certificates
from keys.certificates import CertifiedKey
from keys.jws import JWS, MOST_CERTIFICATES, sign_compact
from keys.problem import CERTIFICATES_NOT_SUPPORTED, INVALID_CERTIFICATES, INVALID_JWS
from keys.signer import PrivateKey
from tests.authorities import YEAR, Certified, Secret, of, sans, usage, utc
from tests.problems import raises
from tests.world import NOW
from wire.problem import Problem, Raisable, TooLarge
from wire.work import SIGNATURE, Work

Chain = Sequence[Certified]
ROOT = Certified("Root", authority=True)
MIDDLE = Certified("Middle", ROOT, of("P-384"), authority=True, path_length=0)
LEAF = Certified("Registrar", MIDDLE, extensions=[(sans("https://uni.example", "uni.example"), False)])


def judged(chain: Chain, anchor: Certified = ROOT, work: Work | None = None) -> CertifiedKey | None:
    """The key of a leaf; `None` where its chain leads to another anchor."""
    work = work or Work()
    parsed = certificates.read_chain([one.der for one in chain], work)
    path = certificates.path_to(certificates.read_certificate(anchor.der, work), parsed, work)
    return certificates.validate(path, work) if path else None


def below(by: Certified = MIDDLE, **said: object) -> Chain:
    """A leaf with what is said of it, below an authority and those above that."""
    chain = [Certified("Registrar", by, **said)]  # type: ignore[arg-type]
    while by.by is not None:
        chain.append(by)
        by = by.by
    return chain


def authority(**said: object) -> Chain:
    """A leaf below an authority of which something is said."""
    return below(Certified("Middle", ROOT, **{"authority": True, **said}))  # type: ignore[arg-type]


def purposes(*names: str | ObjectIdentifier) -> list[tuple[x509.ExtensionType, bool]]:
    oids = [name if isinstance(name, ObjectIdentifier) else ObjectIdentifier(name) for name in names]
    return [(x509.ExtendedKeyUsage(oids), True)]


def constrained(*names: x509.GeneralName, excluded: bool = False) -> Chain:
    """A leaf for uni.example below an authority with constraints of names."""
    trees = (None, list(names)) if excluded else (list(names), None)
    middle = Certified("Middle", ROOT, authority=True, extensions=[(x509.NameConstraints(*trees), True)])
    return [Certified("Registrar", middle, extensions=LEAF.extensions), middle]


def deep(steps: int) -> Chain:
    chain = [ROOT]
    for number in range(1, steps):
        chain.insert(0, Certified(f"Authority {number}", chain[0], authority=True))
    return [Certified("Registrar", chain[0]), *chain[:-1]]


def _apart() -> Chain:
    middle = Certified("Middle", ROOT, authority=True, until=NOW - YEAR / 2)
    return [Certified("Registrar", middle, since=NOW - YEAR / 4), middle]


@functools.cache
def _rsa() -> Secret:
    return rsa.generate_private_key(65537, 1024)


VALID: dict[str, Callable[[], Chain]] = {
    "a leaf, an authority, an anchor": lambda: [LEAF, MIDDLE],
    "the anchor itself is there": lambda: [LEAF, MIDDLE, ROOT],
    "a leaf by the anchor": lambda: below(ROOT),
    "four steps": lambda: deep(4),
    "keys on P-384": lambda: below(MIDDLE, key=of("P-384")),
    "no key usage": lambda: below(left_out=[x509.KeyUsage]),
    "for any purpose": lambda: below(extensions=purposes(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)),
    "for documents": lambda: below(extensions=purposes("1.3.6.1.5.5.7.3.36")),
    "for mobile documents": lambda: below(extensions=purposes("1.0.18013.5.1.2")),
    "for person identification data": lambda: below(extensions=purposes("1.3.130.2.0.0.1.2")),
    "for documents and for a server": lambda: below(
        extensions=purposes("1.3.6.1.5.5.7.3.36", ExtendedKeyUsageOID.SERVER_AUTH)
    ),
    "within constraints of its host": lambda: constrained(x509.DNSName("uni.example")),
    "outside what is excluded": lambda: constrained(x509.DNSName("other.example"), excluded=True),
    "without an end": lambda: below(until=utc(9999, 12, 31)),
}
BROKEN: dict[str, tuple[Raisable[Problem], str, Callable[[], Chain]]] = {
    "an authority that is none": (
        INVALID_CERTIFICATES,
        "cA must be asserted",
        lambda: authority(extensions=[(x509.BasicConstraints(False, None), True)]),
    ),
    "a leaf that certifies": (
        INVALID_CERTIFICATES,
        "not for certifying others",
        lambda: below(below(ROOT)[0]),
    ),
    "an authority that does not say so": (
        INVALID_CERTIFICATES,
        "required extension",
        lambda: authority(left_out=[x509.BasicConstraints]),
    ),
    "an authority that says so by the way": (
        INVALID_CERTIFICATES,
        "criticality",
        lambda: authority(extensions=[(x509.BasicConstraints(True, None), False)]),
    ),
    "a path too long for an authority": (
        INVALID_CERTIFICATES,
        "path length",
        lambda: below(Certified("Lower", MIDDLE, authority=True)),
    ),
    "an authority without keyCertSign": (
        INVALID_CERTIFICATES,
        "not for certifying others",
        lambda: authority(extensions=[(usage(signs=True), True)]),
    ),
    "an authority without a key usage": (
        INVALID_CERTIFICATES,
        "not for certifying others",
        lambda: authority(left_out=[x509.KeyUsage]),
    ),
    "a leaf without digitalSignature": (
        INVALID_CERTIFICATES,
        "not for signatures",
        lambda: below(extensions=[(usage(), True)]),
    ),
    "a leaf that is an authority": (
        INVALID_CERTIFICATES,
        "one of an authority",
        lambda: below(authority=True, extensions=[(usage(signs=True, certifies=True), True)]),
    ),
    "a leaf for a server": (
        INVALID_CERTIFICATES,
        "not for signing documents",
        lambda: below(extensions=purposes(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)),
    ),
    "an authority for servers": (
        INVALID_CERTIFICATES,
        "not for signing documents",
        lambda: authority(extensions=purposes(ExtendedKeyUsageOID.SERVER_AUTH)),
    ),
    "a purpose that is not known": (
        CERTIFICATES_NOT_SUPPORTED,
        "1.2.3.4, 1.3.6.1.5.5.7.3.1, which is not known",
        lambda: below(extensions=purposes("1.2.3.4", ExtendedKeyUsageOID.SERVER_AUTH)),
    ),
    "an unknown critical extension": (
        CERTIFICATES_NOT_SUPPORTED,
        "critical extension 1.2.3.4",
        lambda: below(
            extensions=[(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]
        ),
    ),
    "wrong order": (INVALID_CERTIFICATES, "not by the next one", lambda: [LEAF, ROOT, MIDDLE]),
    "a leaf twice": (INVALID_CERTIFICATES, "not by the next one", lambda: [LEAF, LEAF, MIDDLE]),
    "an authority twice": (
        INVALID_CERTIFICATES,
        "stands there twice",
        lambda: [LEAF, MIDDLE, ROOT, ROOT],
    ),
    "a signature by another key of that name": (
        INVALID_CERTIFICATES,
        "signature does not match",
        lambda: [LEAF, Certified("Middle", ROOT, authority=True)],
    ),
    "never valid together": (
        INVALID_CERTIFICATES,
        "never valid at the same time",
        _apart,
    ),
    "another host than it may have": (
        INVALID_CERTIFICATES,
        "name constraints",
        lambda: constrained(x509.DNSName("other.example")),
    ),
    "a host that is excluded": (
        INVALID_CERTIFICATES,
        "name constraint",
        lambda: constrained(x509.DNSName("uni.example"), excluded=True),
    ),
    "constraints of a kind that is not read": (
        CERTIFICATES_NOT_SUPPORTED,
        "constrains names",
        lambda: constrained(x509.DirectoryName(ROOT.certificate.subject)),
    ),
    "a key on P-521": (CERTIFICATES_NOT_SUPPORTED, "neither P-256 nor P-384", lambda: below(key=of("P-521"))),
    "an RSA key": (CERTIFICATES_NOT_SUPPORTED, "neither P-256 nor P-384", lambda: below(key=_rsa())),
    "an Ed25519 key": (
        CERTIFICATES_NOT_SUPPORTED,
        "neither P-256 nor P-384",
        lambda: below(key=ed25519.Ed25519PrivateKey.generate()),
    ),
    "an authority with an RSA key": (
        CERTIFICATES_NOT_SUPPORTED,
        "neither P-256 nor P-384",
        lambda: authority(key=_rsa()),
    ),
    "five steps": (TooLarge, "more than 4 steps", lambda: deep(5)),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("case", VALID)
def test_what_holds(case: str) -> None:
    chain = VALID[case]()
    found = judged(chain)
    assert found is not None
    assert (found.key, found.subject, found.pinned) == (chain[0].signer.public_key, "CN=Registrar", False)
    assert found.since == max(one.since for one in (*chain, ROOT))
    assert found.until > NOW


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("case", BROKEN)
def test_each_rule_broken(case: str) -> None:
    kind, says, chain = BROKEN[case]
    with raises(kind, says):
        judged(chain())


def test_a_chain_that_leads_to_another_anchor_leads_nowhere() -> None:
    assert judged([LEAF, MIDDLE], Certified("Root", authority=True)) is None  # its name, and another key
    assert judged([LEAF, MIDDLE], Certified("Other", authority=True, key=ROOT.key)) is None
    assert judged([LEAF]) is None


def test_an_anchor_may_stand_in_the_middle_of_a_chain() -> None:
    chain = [LEAF, MIDDLE, ROOT]
    for anchor in (MIDDLE, ROOT):
        found = judged(chain, anchor)
        assert found is not None
        assert not found.pinned
    assert judged([LEAF], MIDDLE) is not None
    found = judged([LEAF, Certified("Middle")], LEAF)
    assert found is not None
    assert found.pinned


def test_a_self_signed_leaf_counts_where_it_is_itself_pinned() -> None:
    alone = Certified("Registrar")
    assert judged([alone]) is None
    found = judged([alone], alone)
    assert found is not None
    assert found.pinned
    # as `openssl req -x509` makes it, which is no authority for that
    made = Certified("Self-made", authority=True, left_out=[x509.KeyUsage])
    assert judged([made], made) is not None
    with raises(INVALID_CERTIFICATES, "not for certifying"):
        judged(below(made), made)
    # the key of an authority, which certifies itself as a leaf
    assert judged([Certified("Root", key=ROOT.key)]) is None


def test_what_a_leaf_is_for() -> None:
    names = judged([LEAF, MIDDLE])
    assert names is not None
    for url in ("https://uni.example", "https://uni.example/a?b#c", "https://uni.example:8443"):
        assert names.names(url)
    for url in (
        "http://uni.example",
        "https://UNI.example",
        "https://a.uni.example",
        "https://uni.example@evil.example",
        "https://evil.example\\@uni.example",
        "uni.example",
        "did:web:uni.example",
        "",
    ):
        assert not names.names(url)
    wild = judged(below(extensions=[(sans("*.example", "https://a.example/x"), False)]))
    assert wild is not None
    assert wild.names("https://a.example/x")
    assert not wild.names("https://a.example/y")
    assert not wild.names("https://*.example")
    none = judged(below())
    assert none is not None
    assert not none.names("https://uni.example")


def test_below_a_constraint_of_hosts_a_uri_names_nobody() -> None:
    middle = Certified(
        "Middle",
        ROOT,
        authority=True,
        extensions=[(x509.NameConstraints([x509.DNSName("uni.example")], None), True)],
    )
    names = [(sans("uni.example", "did:web:victim.example"), False)]
    found = judged([Certified("Registrar", middle, extensions=names), middle])
    assert found is not None
    assert found.names("https://uni.example")
    assert not found.names("did:web:victim.example")


def test_the_dates_of_a_chain_are_those_on_which_all_of_it_is_valid() -> None:
    middle = Certified("Middle", ROOT, authority=True, since=NOW - YEAR / 2, until=utc(2026, 12, 31))
    found = judged([Certified("Registrar", middle), middle])
    assert found is not None
    assert (found.since, found.until) == (NOW - YEAR / 2, utc(2026, 12, 31).replace(second=1))


# What arrives


@pytest.mark.parametrize(
    "der", [b"", b"garbage", b"\x30\x03\x02\x01\x01", LEAF.der + b"\0", LEAF.der[:-1], b"\x30\x80" * 4000]
)
def test_garbage_is_no_certificate(der: bytes) -> None:
    with raises(INVALID_CERTIFICATES, "cannot be parsed"):
        certificates.read_certificate(der, Work())


def test_no_changed_byte_gives_a_certificate_that_counts() -> None:
    der = LEAF.der
    for place in range(0, len(der), 7):
        changed = bytearray(der)
        changed[place] ^= 0x21
        with pytest.raises(Problem):
            _whole(bytes(changed))


def _whole(der: bytes) -> None:
    """Raises a `Problem` unless a leaf below the middle counts."""
    chain = certificates.read_chain([der, MIDDLE.der], Work())
    path = certificates.path_to(certificates.read_certificate(ROOT.der, Work()), chain, Work())
    certificates.validate(path, Work())


def test_names_of_kinds_that_are_not_read_leave_it_open() -> None:
    odd = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x02\xa3\x00")  # x400Address
    with raises(CERTIFICATES_NOT_SUPPORTED, "a name of a kind"):
        certificates.read_certificate(Certified("Registrar", MIDDLE, extensions=[(odd, False)]).der, Work())


def test_it_is_charged() -> None:
    work = Work()
    judged([LEAF, MIDDLE], work=work)
    assert Work().left - work.left >= 4 * SIGNATURE
    with raises(TooLarge):
        judged([LEAF, MIDDLE], work=Work(SIGNATURE))


def test_a_file_with_an_anchor() -> None:
    assert certificates.from_pem(ROOT.pem).der == ROOT.der
    for data in (b"", b"garbage", ROOT.pem + MIDDLE.pem, ROOT.der):
        with raises(INVALID_CERTIFICATES, "one certificate, in PEM"):
            certificates.from_pem(data)
    with raises(CERTIFICATES_NOT_SUPPORTED, "P-256"):
        certificates.from_pem(Certified("Root", key=_rsa(), authority=True).pem)


# `x5c`


def in_header(x5c: object) -> tuple[bytes, ...]:
    return JWS.parse(sign_compact({"x5c": x5c}, {}, PrivateKey.generate()), limit=1000).certificates


def test_x5c_is_base64_of_der() -> None:
    assert in_header([LEAF.text, MIDDLE.text]) == (LEAF.der, MIDDLE.der)
    url = LEAF.text.translate(str.maketrans("+/", "-_"))
    assert url != LEAF.text
    spelled = [url, LEAF.text.rstrip("=") + "====", f" {LEAF.text}", f"{LEAF.text}\n", "é", ""]
    malformed: list[object] = [[], {}, "MIIB", None, [5], [[LEAF.text]], *([text] for text in spelled)]
    for wrong in malformed:
        with raises(INVALID_JWS, "x5c"):
            in_header(wrong)


def test_how_much_of_it_is_read() -> None:
    with raises(TooLarge, "more than 5 certificates"):
        in_header(["AAAA"] * (MOST_CERTIFICATES + 5))
    with raises(TooLarge, "longer than"):
        in_header(["A" * 8196])


# Others


@pytest.mark.slow
def test_openssl_says_the_same(tmp_path: Path) -> None:
    """No chain that openssl refuses is valid here."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl: apt-get install openssl")

    def verified(chain: Chain) -> bool:
        for name, some in (("leaf", chain[:1]), ("others", chain[1:] or chain), ("anchor", [ROOT])):
            (tmp_path / name).write_bytes(b"".join(one.pem for one in some))
        when = ("-attime", str(int(NOW.timestamp())))
        words = ["verify", *when, "-CAfile", "anchor", "-untrusted", "others", "leaf"]
        done = subprocess.run([openssl, *words], cwd=tmp_path, capture_output=True, check=False)
        return done.returncode == 0

    refused = {name for name, (_, _, chain) in BROKEN.items() if not verified(chain())}
    assert refused >= {
        "an authority that is none",
        "a path too long for an authority",
        "an authority without keyCertSign",
        "an authority that does not say so",
        "an unknown critical extension",
        "another host than it may have",
        "never valid together",
    }
    lax = {name for name, chain in VALID.items() if not verified(chain())}
    assert lax == set()
