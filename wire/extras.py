"""Importing what one of this program's extras installs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .problem import ExtraMissing


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Guards imports of an extra's packages, which `what` needs. Raises `ExtraMissing` without them."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]  # a module inside it is nothing to install
        raise ExtraMissing(
            f"{what} needs {package}, which is not installed", package=package, extra=name
        ) from error
