"""The answers of a worker: bytes, or a problem as data (code, sentence, facts), and never an object.

Whoever could have an object unpickled here would run what they like beside the issuer's log key.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

import orjson

from wire.problem import (
    DISK_FULL,
    Conflict,
    Damaged,
    Malformed,
    NotFound,
    Problem,
    Refused,
    Scalar,
    TooLarge,
    TryLater,
    Unavailable,
    is_full,
)
from wire.strict import load_json_object
from wire.text import printable

MOST_BYTES = 1 << 20
"""The most bytes of an answer: more is not read."""
_LONGEST = 500  # characters of a text in a problem
_MOST_FACTS = 16
_RESULT, _PROBLEM = b"\0", b"\1"
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_KINDS = {
    kind.code: kind
    for kind in (Problem, Malformed, Refused, Unavailable, TryLater, NotFound, Conflict, Damaged)
}
"""The classes that decide about exit codes; a finer one is rebuilt as the nearest of them."""
_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*:[a-z_][a-z0-9_]*", re.ASCII)


def answered(function: str, item: bytes) -> bytes:
    """A worker's part: the answer of the callable `module:name`, or the problem that it raised."""
    assert _NAME.fullmatch(function), function
    module, _, name = function.partition(":")
    try:
        result: bytes = getattr(importlib.import_module(module), name)(item)
    except Problem as problem:
        return of_problem(problem)
    except OSError as error:
        kind = DISK_FULL if is_full(error) else Unavailable
        stopped = kind.saying("a worker could not go on: {system}", system=error.strerror)
        return _PROBLEM + orjson.dumps(_members(stopped))
    return _RESULT + result


def of_problem(problem: Problem) -> bytes:
    """The answer of a worker that raised a problem."""
    return _PROBLEM + orjson.dumps(_members(problem))


def result_of(answer: bytes) -> bytes:
    """The result in an answer. Raises the problem that is in it, and `TooLarge` and `Malformed`."""
    if len(answer) > MOST_BYTES:  # a worker that lies must not fill the memory of the one who commits
        raise TooLarge(f"a worker's answer has more than {MOST_BYTES} bytes")
    if answer[:1] == _PROBLEM:
        raise _problem(load_json_object(answer[1:]))
    if answer[:1] != _RESULT:
        raise Malformed("a worker's answer is neither a result nor a problem")
    return answer[1:]


def _members(problem: Problem) -> dict[str, Any]:
    kind = next(name for base in type(problem).__mro__ for name, kind in _KINDS.items() if base is kind)
    return {**problem.to_dict(), "kind": kind, "undetermined": problem.undetermined}


def _problem(members: dict[str, Any]) -> Problem:
    """The problem of a worker. Its texts are as untrusted as itself: printable, short, never a template.

    The code is its own choice, too: it picks a remedy by that, and nothing else here.
    """
    kind, code = _KINDS.get(str(members.get("kind")), Problem), str(members.get("code"))
    if not _CODE.fullmatch(code) or not isinstance(facts := members.get("facts", {}), dict):
        raise Malformed("a worker's problem has no code, or its facts are none")
    problem = kind(_text(members.get("detail")), hint=_text(members.get("hint", "")))
    problem.code, problem.title = code, _text(members.get("title"))
    problem.undetermined = members.get("undetermined") is True
    problem.facts = {_text(name): _scalar(value) for name, value in [*facts.items()][:_MOST_FACTS]}
    return problem


def _text(value: object) -> str:
    return printable(str(value)[:_LONGEST])


def _scalar(value: object) -> Scalar:
    return value if isinstance(value, int | float | bool | None) else _text(value)
