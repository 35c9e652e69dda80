"""An edit put into code that is loaded already, so that nothing has to be imported again to try it."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType


def functions_below(folder: Path) -> list[FunctionType]:
    """All that are loaded from files there."""
    gc.unfreeze()  # of what is frozen, as after pytest's collection, the collector names nothing
    loaded = [function for function in gc.get_objects() if type(function) is FunctionType]
    return [function for function in loaded if function.__code__.co_filename.startswith(f"{folder}/")]


def put_in(functions: Iterable[FunctionType], before: str, after: str, filename: str) -> bool:
    """Gives a file's loaded functions the code that they have after an edit; true if that is all of the edit.

    A module that is not loaded yet will be read with the edit. False if something else differs, such as the
    default of an argument; then nothing is changed.
    """
    in_file = [function for function in functions if function.__code__.co_filename == filename]
    if not in_file:
        return True
    pairs = list(
        zip(_all(compile(before, filename, "exec")), _all(compile(after, filename, "exec")), strict=False)
    )
    changed = [(former, other) for former, other in pairs if _differs(former, other)]
    if not changed or not all(former.co_flags & inspect.CO_OPTIMIZED for former, _ in changed):
        return False
    loaded = [
        (function, other) for former, other in changed for function in in_file if function.__code__ == former
    ]
    if not loaded or any(function.__code__.co_freevars != other.co_freevars for function, other in loaded):
        return False
    for function, code in loaded:
        function.__code__ = code
    return True


def _all(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in _inner(code):
        yield from _all(inner)


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _differs(code: CodeType, other: CodeType) -> bool:
    """True if the code itself differs, or, for a function, the code of functions inside it."""
    if _itself(code) != _itself(other):
        return True
    within = zip(_inner(code), _inner(other), strict=True)
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and any(_differs(*pair) for pair in within)


def _itself(code: CodeType) -> tuple[object, ...]:
    constants = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
    variables = code.co_varnames, code.co_freevars, code.co_cellvars
    says = (
        code.co_code,
        list(map(repr, constants)),
        len(code.co_consts),
        code.co_names,
        code.co_exceptiontable,
    )
    return code.co_qualname, variables, says
