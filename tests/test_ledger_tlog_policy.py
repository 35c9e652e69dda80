"""Policies in the form of C2SP tlog-policy, read and written."""

from __future__ import annotations

import base64
import hashlib

import pytest

from keys import PrivateKey
from ledger import Requirement, TrustedLog, VerifierKey
from ledger.note import SignatureType
from ledger.quorum import QuorumRule
from ledger.tlog_policy import LARGEST, NOT_A_TLOG_POLICY, TlogPolicy, format_policy, parse_policy
from tests.problems import raises
from tests.witnessing import LOG_KEY
from wire.problem import Malformed, TooLarge


def key(name: str, number: int) -> str:
    public = PrivateKey.from_secret("Ed25519", bytes([number]) * 32).public_key
    return str(VerifierKey(name, SignatureType.COSIGNATURE, public))


def later(name: str) -> str:
    """A vkey of a type that is not read here."""
    raw = b"\x07" + bytes(40)
    key_id = hashlib.sha256(f"{name}\n".encode() + raw).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(raw).decode()}"


A, B, C, D, E, F = (key(f"{name}.example", 90 + number) for number, name in enumerate("abcdef"))
LOG = str(LOG_KEY)
EXAMPLE = f"""
# as in the specification, but for the keys
log {LOG} https://ledger.example/log
witness X1 {A}
witness X2 {B} https://b.example
\twitness  X3\t{C}
group X-witnesses 2 X1 X2 X3

witness Y1 {D}
witness Y2 {E}
witness Y3 {F}
  # another comment
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
RULE = Requirement.all(
    (
        Requirement(2, ("a.example", "b.example", "c.example")),
        Requirement(1, ("d.example", "e.example", "f.example")),
    )
)


def test_the_example_of_the_specification() -> None:
    found = parse_policy(EXAMPLE.encode())
    assert found == TlogPolicy((LOG,), (A, B, C, D, E, F), RULE)
    log = TrustedLog.of(LOG, None, found.witnesses, found.quorum)
    assert (log.by_operator.overlap, log.by_operator.away) == (1, 1)
    assert parse_policy(format_policy(log)) == found


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        (("quorum none",), 0),
        ((f"witness w {A}", "quorum none"), 0),
        ((f"witness w {A}", "quorum w"), 1),
        ((f"witness w {A}", f"witness v {B}", "quorum w"), Requirement(1, ("a.example",))),
        ((f"witness w {A}", f"witness v {B}", "group g 2 w v", "quorum g"), 2),
        ((f"witness w {A}", f"witness v {later('l.example')}", "group g any v w", "quorum g"), 1),
        ((f"witness \u202fw\u00e9 {A}".encode(), "quorum \u202fw\u00e9"), 1),
        ((b"# \xff\xfe", b"witness \xff " + A.encode(), b"quorum \xff"), 1),
        ((f"witness none2 {A}", "group all any none2", "quorum all"), 1),
    ],
)
def test_what_else_can_stand_there(lines: tuple[str | bytes, ...], rule: QuorumRule) -> None:
    data = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    assert parse_policy(data).quorum == rule


W, V = f"witness w {A}\n", f"witness v {B}\n"


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "text",
    [
        "",
        W,
        "quorum w\n",
        f"quorum w\n{W}",
        f"{W}quorum w\nquorum w\n",
        f"{W}quorum none\nquorum none\n",
        f"{W}witness w {B}\nquorum w\n",
        f"{W}witness v {A}\nquorum w\n",
        f"{W}witness v {key('other.example', 90)}\nquorum w\n",
        f"witness none {A}\nquorum none\n",
        f"{W}group none any w\nquorum w\n",
        f"{W}group w any w\nquorum w\n",
        f"{W}group g any g\nquorum g\n",
        f"{W}group g any none\nquorum g\n",
        f"{W}group g any\nquorum g\n",
        f"{W}group g 0 w\nquorum g\n",
        f"{W}group g 2 w\nquorum g\n",
        f"{W}group g 01 w\nquorum g\n",
        f"{W}group g some w\nquorum g\n",
        f"{W}group g 1 w w\nquorum g\n",
        f"{W}{V}group g 1 w v\ngroup h any w\nquorum g\n",
        f"{W}group g any v\n{V}quorum g\n",
        f"{W}quorum x\n",
        f"{W}quorum w x\n",
        f"witness w {A} https://a.example more\nquorum w\n",
        f"witness w {LOG}\nquorum w\n",
        f"log {A}\nquorum none\n",
        f"log {LOG}\nlog {LOG}\nquorum none\n",
        f"log {LOG} https://l.example more\nquorum none\n",
        f"witness w {A[:-1]}\nquorum w\n",
        "witness w garbage\nquorum w\n",
        f"{W}policy 2\nquorum w\n",
        f"{W}quorum w\r\n",
        f"{W}quorum\x0bw\n",
        f"{W}quorum w\x7f\n",
    ],
)
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with raises(NOT_A_TLOG_POLICY):
        parse_policy(text.encode())


@pytest.mark.parametrize("line", [b"log l.example+00000000+\xff\n", b"witness w \xe2+00000000+A\xc3\n"])
def test_a_key_that_is_no_text_makes_no_sense(line: bytes) -> None:
    """Although octets above 127 are allowed there."""
    with raises(NOT_A_TLOG_POLICY):
        parse_policy(line + b"quorum none\n")


def test_two_witnesses_whose_keys_have_one_name() -> None:
    """Here they are one, and so no group can ask for both."""
    same = f"witness w {A}\nwitness v {key('a.example', 99)}\ngroup g 2 w v\nquorum g\n"
    with pytest.raises(Malformed):
        parse_policy(same.encode())


def test_it_is_not_read_without_end() -> None:
    with raises(TooLarge):
        parse_policy(b"#" * (LARGEST + 1))
    deep = "".join(
        [W, "group g0 any w\n", *(f"group g{n + 1} any g{n}\n" for n in range(200)), "quorum g200\n"]
    )
    with raises(TooLarge):
        parse_policy(deep.encode())


def test_operators_are_groups_of_which_any_is_enough() -> None:
    operators = {A: "Somebody", B: "Somebody", C: "none"}
    log = TrustedLog.of(LOG, None, (A, B, C), 2, operators=operators)
    text = format_policy(log).decode()
    assert text == (
        f"log {LOG}\nwitness a.example {A}\nwitness b.example {B}\nwitness c.example {C}\n"
        "group group+1 1 a.example b.example\ngroup group+2 2 group+1 c.example\nquorum group+2\n"
    )
    found = parse_policy(text.encode()).quorum
    assert found == Requirement.all((Requirement(1, ("a.example", "b.example")), "c.example"))


def test_names_that_the_form_has_no_room_for() -> None:
    vkeys = (key("none", 95), key("w.example", 96), key("w.example", 97))
    text = format_policy(TrustedLog.of(LOG, None, vkeys, 2)).decode()
    assert [line.split()[1] for line in text.splitlines() if line.startswith("witness")] == [
        "none+2",
        "w.example",
        "w.example+2",
    ]
    assert text.endswith(
        "group group+1 1 w.example w.example+2\ngroup group+2 2 none+2 group+1\nquorum group+2\n"
    )
    assert format_policy(TrustedLog.of(LOG, None, vkeys)).endswith(b"quorum none\n")
    with raises(NOT_A_TLOG_POLICY):
        format_policy(TrustedLog.of(LOG, None, vkeys, 3))
