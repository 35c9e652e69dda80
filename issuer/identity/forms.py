"""The forms in which an issuer issues: the one that issuer.json names, and others that were asked for.

The first is the issuer's for good, once something was issued: ids of its credentials do not name it, and the
index has an empty text in its place. Another one is written into issuer.json before anything is signed in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from kinds import Kind
from vc.forms import FORMS, DataIntegrity, by_contexts
from vc.secured import INTEGRITY, Form
from vc.vcdm import jsonld
from wire.text import shortened

from ..archive.index import Index
from ..archive.kept import DEFAULT, Entry
from ..problem import FORM_NOT_ALLOWED, FORM_NOT_GIVEN, NO_SUCH_DIPLOMA
from ..shared import shared_in
from .home import FILE, Identity


@dataclass(frozen=True)
class IssuerForms:
    """The available forms of one issuer, by their names in its index."""

    home: Path
    store: Index | None
    """The index; a worker of a cluster has none, and the forms that the driver names."""
    given: Form | None
    """The form that the caller passed, in which it issues unless others are named."""
    folder: Path | None = None
    """The contexts of the deployment, as `jsonld.load` reads them."""

    @cached_property
    def contexts(self) -> jsonld.Contexts | None:
        """The deployment's contexts, in addition to the vendored ones. Raises `Malformed`."""
        return jsonld.load(self.folder) if self.folder else None

    @property
    def default(self) -> str:
        """The media type of the default form: JSON, unless another was given before anything was issued."""
        named = Identity.read(self.home).form
        if named or self.given is None or self.given.media_type == INTEGRITY:
            return named or INTEGRITY
        has_issued = self.store is not None and (self.store.count() or self.store.jobs())
        return INTEGRITY if has_issued else self.given.media_type

    @cached_property
    def own(self) -> Form:
        """The form in which it issues unless others are named."""
        return self.given or DataIntegrity(contexts=self.contexts)

    @cached_property
    def readable(self) -> Mapping[str, Form]:
        """The forms that its credentials may have, by their media types."""
        json, form = DataIntegrity(contexts=self.contexts), self.own
        return {**by_contexts(FORMS, self.contexts), INTEGRITY: json, form.media_type: form}

    @property
    def issued(self) -> list[str]:
        """The names of the forms in which it issues, the default one first."""
        return [DEFAULT, *Identity.read(self.home).forms]

    def names(self, media_types: Sequence[str] = ()) -> list[str]:
        """The names of forms, each once; without any, of the form that the caller gave, else the default."""
        if not media_types and self.given is None:
            return [DEFAULT]
        return list(dict.fromkeys(map(self.name, media_types or [self.own.media_type])))

    def name(self, media_type: str) -> str:
        """The name of a form."""
        return DEFAULT if media_type == self.default else media_type

    def name_of(self, media_type: str | None) -> str | None:
        """The name of a form, if one is given."""
        return None if media_type is None else self.name(media_type)

    def media_type(self, name: str) -> str:
        """The media type of the form with this name."""
        return name or self.default

    def named(self, name: str) -> Form:
        """The form with this name.

        Raises `FORM_NOT_GIVEN` for an unavailable form. So it does for a default form that is not JSON and
        that the caller did not pass.
        """
        media_type = self.media_type(name)
        form = self.readable.get(media_type)
        if form is None or (name == DEFAULT and self.given is None and media_type != INTEGRITY):
            raise FORM_NOT_GIVEN.saying(
                "the issuer issues as {form}, which is not at hand here", form=media_type
            )
        return form

    def of_edition(self, entry: Entry, media_type: str | None) -> Entry:
        """The first copy of the same edition in the form of this media type; without one, the given copy.

        Raises `NO_SUCH_DIPLOMA` if it was not issued in that form.
        """
        if media_type is None or (name := self.name(media_type)) == entry.form:
            return entry
        assert self.store is not None
        for other in self.store.copies(entry.which, entry.edition):
            if other.form == name:
                return other
        raise NO_SUCH_DIPLOMA.saying("the credential was not issued as {form}", form=shortened(media_type))

    def require_default(self) -> None:
        """Raises `FORM_NOT_GIVEN` if the default form is not available."""
        self.named(DEFAULT)

    def remember(self, names: Iterable[str]) -> bool:
        """Writes into issuer.json that it issues in these forms, before anything is signed in them.

        Returns true if anything changed.
        """
        kept, default = Identity.read(self.home), self.default
        form = "" if default == INTEGRITY else default
        new = {name for name in names if name}
        if form == kept.form and new <= {*kept.forms}:
            return False
        with shared_in(self.home).held(FILE):  # others may add forms at once
            kept = Identity.read(self.home)
            replace(kept, form=form, forms=(*kept.forms, *sorted(new - {*kept.forms}))).write(self.home)
        return True

    def is_allowed(self, kind: Kind, name: str) -> bool:
        """True if a kind may be issued in the form with this name."""
        return not kind.forms or self.media_type(name) in kind.forms


def require_allowed(kind: Kind, media_type: str) -> None:
    """Raises `FORM_NOT_ALLOWED` if a kind lists the forms in which it is issued, and this is none of them."""
    if kind.forms and media_type not in kind.forms:
        raise FORM_NOT_ALLOWED.saying(
            "the kind {kind} is not issued as {form}", kind=kind.name, form=media_type
        )
