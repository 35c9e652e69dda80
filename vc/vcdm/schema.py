"""JSON Schema checks of a credential, where a deployment names the schema (VCDM 2.0, 4.11).

Schemas come from the caller, never from the network, and their `$ref`s stay inside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from wire import Malformed, load_json_object
from wire.problem import ExtraMissing

from ..claims import Claims
from ..problem import SCHEMA_MISMATCH
from .credential import Credential

_LARGEST_PATTERN = 1 << 18  # bytes of one that is compiled, for which it takes a millisecond


def no_engine() -> ExtraMissing:
    """The problem that the extra `schema` is not installed."""
    return ExtraMissing.saying(
        "for JSON Schemas {package} is needed, which is not installed",
        package="jsonschema_rs",
        extra="schema",
    )


class Schemas:
    """Compiled JSON Schemas by URL. Raises `Malformed` for one that is not a schema or points elsewhere.

    Raises `ExtraMissing` where the extra `schema` is not installed: nothing that should be checked against a
    schema then passes without.
    """

    def __init__(self, schemas: Mapping[str, Mapping[str, Any]], *, of_strangers: bool = False) -> None:
        """`of_strangers` takes patterns only that take linear time, and little memory."""
        try:
            import jsonschema_rs
        except ModuleNotFoundError as error:
            raise no_engine() from error
        self._validators = {}
        # The default engine is linear for usual patterns and gives up on others in the middle of a text.
        engine = jsonschema_rs.RegexOptions(size_limit=_LARGEST_PATTERN) if of_strangers else None
        for url, schema in schemas.items():
            try:
                self._validators[url] = jsonschema_rs.validator_for(
                    dict(schema), validate_formats=True, retriever=_refuse, pattern_options=engine
                )
            except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
                raise Malformed.saying(
                    "the schema {url} cannot be used: {kind}", url=url, kind=type(error).__name__
                ) from None

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The schemas in a folder's `.json` files, by their `$id`. Raises `Malformed`, naming the file."""
        schemas: dict[str, Mapping[str, Any]] = {}
        for path in sorted(folder.glob("*.json")):
            try:
                schema = load_json_object(path.read_bytes())
            except Malformed as problem:
                raise Malformed.saying("the schema {file}: {why}", file=str(path), why=problem) from None
            url = schema.get("$id")
            if not isinstance(url, str) or url in schemas:
                raise Malformed.saying(
                    "the schema {file} has no $id of its own, which is the URL that names it", file=str(path)
                )
            schemas[url] = schema
        return cls(schemas)

    def check(self, claims: Claims, url: str | None = None) -> tuple[str, ...]:
        """Checks against the schemas that the credential names, or against `url`.

        Returns the URLs that were checked; those not configured are left out. Raises `SCHEMA_MISMATCH`,
        naming the place and the rule, never the value.
        """
        # VC JSON Schema describes documents of W3C's data model. In another form a genuine credential would
        # break it, and a holder could hide what breaks it.
        if not isinstance(claims, Credential):
            return ()
        wanted = [url] if url else [str(schema["id"]) for schema in claims.schemas]
        checked = tuple(address for address in wanted if address in self._validators)
        for address in checked:
            error = next(iter(self._validators[address].iter_errors(claims.said)), None)
            if error is not None:
                place = "/".join(str(step) for step in error.instance_path) or "the credential itself"
                raise SCHEMA_MISMATCH.saying(
                    "{place} breaks the rule {rule} of the schema {schema}",
                    place=place,
                    rule=repr(error.schema_path[-1]),
                    schema=address,
                )
        return checked


def _refuse(url: str) -> Any:
    # Threat 61: a `$ref` could have this machine ask any host.
    raise ValueError(f"schemas are never fetched: {url}")
