"""What was promised is there, and what is new is written down: docs/stability.md."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests import stability


@pytest.fixture(scope="module")
def has() -> dict[str, Any]:
    return stability.actual()


@pytest.mark.slow  # types 44 commands
def test_no_promise_is_broken(has: dict[str, Any]) -> None:
    broken = stability.told(stability.recorded(), has)
    assert not broken, broken


@pytest.mark.slow
def test_what_is_new_is_recorded(has: dict[str, Any]) -> None:
    promised = stability.recorded()
    for part in promised.keys() - {"names", "codes"}:  # pages of their own, which other tests compare
        assert stability.joined(promised[part], has[part]) == promised[part], "python -m tests.stability"


def test_each_command_is_typed_or_there_is_a_reason() -> None:
    promised = json.loads(stability.RECORD.read_text())["json"].keys() - {"error"}
    assert promised | stability.NOT_TYPED.keys() == {*stability.commands()}
    assert not promised & stability.NOT_TYPED.keys()


@pytest.mark.parametrize(
    ("where", "value", "says"),
    [
        (("names", "vc", "Bundle"), None, "names vc: Bundle is gone."),
        (("codes", "expired"), None, "codes expired is gone."),
        (("codes", "expired", "exit"), 3, "codes expired exit was 1, and is 3."),
        (("codes", "status-not-revoked"), None, "codes status-not-revoked is gone."),
        (("exitCodes", "partly"), 1, "exitCodes partly was 7, and is 1."),
        (("files", "issuer.json", "version"), 2, "files issuer.json version was 1, and is 2."),
        (("files", "trust.json", "reads", 1), None, "files trust.json reads: 1 is gone."),
        (("files", "bundle", "members", "evidence"), None, "files bundle members: evidence is gone."),
        (("json", "verify", "verdict"), None, "json verify: verdict is gone."),
        (("json", "issuer list"), None, "json issuer list is gone."),
    ],
)
def test_a_broken_promise_is_named_with_what_to_do(where: tuple[Any, ...], value: object, says: str) -> None:
    promised = stability.recorded()
    has = copy.deepcopy(promised)
    *above, last = where
    inner: Any = has
    for name in above:
        inner = inner[name]
    if value is not None:
        inner[last] = value
    elif isinstance(inner, list):
        inner.remove(last)
    else:
        del inner[last]
    first, then = stability.told(promised, has).splitlines()
    assert first == says
    assert "docs/stability.md" in then
    with pytest.raises(SystemExit, match="docs/stability"):
        stability.require_kept(promised, has)


def test_what_is_new_breaks_nothing_and_is_joined() -> None:
    promised = stability.recorded()
    has = copy.deepcopy(promised)
    has["json"]["verify"].append("another")
    has["codes"]["another"] = {"exit": 1, "http": 403, "type": ""}
    assert stability.told(promised, has) == ""
    new = stability.joined(promised, has)
    assert "another" in new["json"]["verify"]
    assert new["codes"]["another"]["exit"] == 1
