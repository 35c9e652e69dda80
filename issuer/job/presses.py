"""The presses of an issuer: one for each version of its kinds in each form, made when it is first needed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from keys import KeyFile, Signer
from kinds import Kind
from vc.status.kind import StatusKinds

from ..archive.kept import DEFAULT, IdOf
from ..identity.forms import IssuerForms, require_allowed
from ..identity.home import Identity
from ..identity.kind import Kinds, former_kinds, name_of
from ..identity.succession import require_in_force
from ..press.document import Composer, Ids, scope_of
from ..press.permutation import Positions, list_key
from ..press.press import Line, Press


@dataclass(frozen=True)
class Presses:
    """The keys, forms and settings from which each of an issuer's presses is made."""

    home: Path
    identity: Identity
    keys: KeyFile
    signer: Signer
    forms: IssuerForms
    status_kinds: StatusKinds
    _made: dict[tuple[str | None, str], Press] = field(default_factory=dict)
    """By the URN of the kind and the form."""

    def newest(self, name: str = "", form: str = DEFAULT) -> Press:
        """The press for new credentials of a kind, by default of the only one.

        Raises as `Kinds.newest`, `InvalidTemplate`, `Refused` for a form that does not work with the key or
        the kind, `FORM_NOT_GIVEN` and `KeysChanged`.
        """
        return self.of(Kinds(self.home).reference(name), form)

    def of_line(self, line: Line, form: str = DEFAULT) -> Press:
        """The press for later editions of a credential: that of the version it names, never a newer one.

        Of the templates of diplomas it is the one in force. Raises as `newest`, and `FormNotKnown`.
        """
        return self.of(line.secured.claims.kind, form)

    def of(self, reference: str | None, form: str = DEFAULT) -> Press:
        """The press for the kind with this URN; `None` means template.json. Raises as `newest`."""
        if (reference, form) not in self._made:
            method = self.identity.verification_method(self.signer.public_key)
            require_in_force(self.home, method)
            secured_as = self.forms.named(form)
            secured_as.algorithm(self.signer.public_key)
            composer = self._composer(Kinds(self.home).of(reference), form)
            require_allowed(composer.kind, secured_as.media_type)
            composer.check()
            press = Press(composer, self.signer, method, secured_as, dict(self.status_kinds))
            self._made.setdefault((reference, form), press)  # another thread may have made one
        return self._made[reference, form]

    def in_form(self, press: Press, form: str) -> Press:
        """The press for the same kind and template in another form. Raises as `newest`."""
        kind = press.composer.kind
        other = self.of(kind.reference, form)
        if other.composer.kind.template.text == kind.template.text:
            return other
        return replace(other, composer=press.composer.in_form(form))

    def replaced(self, press: Press) -> list[Press]:
        """The press with each template that an update replaced; those of other kinds never change."""
        kind, form = press.composer.kind, press.composer.form
        if kind.reference is not None:
            return []
        return [replace(press, composer=self._composer(each, form)) for each in former_kinds(self.home)]

    def templates(self, reference: str | None, forms: Sequence[str]) -> list[list[Press]]:
        """All templates with which a job of this kind may have been begun: for each, a press in each form.

        The kind with this URN comes first, then its other versions and templates, but for those that are not
        issued in all of the forms. Raises as `newest`.
        """
        kinds, wanted = Kinds(self.home), self.of(reference, forms[0]).composer.kind
        versions = [reference, *(each for each in kinds.references if each != reference)]
        references = [
            each
            for each in versions
            if each == reference
            or (
                name_of(each) == wanted.name
                and all(self.forms.is_allowed(kinds.of(each), form) for form in forms)
            )
        ]
        of_versions = [[self.of(each, form) for form in forms] for each in references]
        replaced = [
            list(each) for presses in of_versions for each in zip(*map(self.replaced, presses), strict=True)
        ]
        return [*of_versions, *replaced]

    def _composer(self, kind: Kind, form: str) -> Composer:
        secret, contexts = self.keys.secret, self.forms.contexts
        profile, places = self.identity.profile, positions(self.keys)
        composer = Composer(kind, profile, secret("credential-id"), secret("salt"), places, contexts)
        return composer.in_form(form)


def positions(keys: KeyFile) -> Positions:
    """The places of credentials in the issuer's status lists, whatever their kind."""
    return Positions(functools.partial(list_key, keys.secret("status-position")))


def id_of(identity: Identity, keys: KeyFile) -> IdOf:
    """The `id` of a copy of an edition. No kind's files are read for it."""
    ids = Ids(identity.profile, keys.secret("credential-id"))
    return lambda which, edition, copy, form: ids(scope_of(which.kind), which.number, edition, copy, form)
