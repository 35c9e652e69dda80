"""The presses of an issuer: one for each version of its kinds, made when something is first issued by it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path

from keys import KeyFile, Signer
from kinds import Kind
from vc.secured import Form
from vc.status.kind import StatusKinds
from vc.vcdm import jsonld

from ..archive.kept import IdOf
from ..identity.home import Identity
from ..identity.kind import Kinds, former_kinds, name_of
from ..identity.succession import require_in_force
from ..press.document import Composer, Ids, scope_of
from ..press.permutation import Positions, list_key
from ..press.press import Line, Press, require_given


@dataclass(frozen=True)
class Presses:
    """All that an issuer signs credentials with, and from which each press is made."""

    home: Path
    identity: Identity
    keys: KeyFile
    signer: Signer
    form: Form
    absent: str
    """The media type of the form in which the issuer issues, where that was not given."""
    contexts: jsonld.Contexts | None
    status_kinds: StatusKinds
    _made: dict[str | None, Press] = field(default_factory=dict)
    """By the URN of the kind."""

    def require_form(self) -> None:
        """Raises as `Press.require_form`."""
        require_given(self.absent)

    def newest(self, name: str = "") -> Press:
        """The press for new credentials of a kind, by default of the only one.

        Raises as `Kinds.newest`, `InvalidTemplate`, `Refused` for a form that does not work with the key, and
        `KeysChanged`.
        """
        return self.of(Kinds(self.home).reference(name))

    def of_line(self, line: Line) -> Press:
        """The press for later editions of a credential: that of the version it names, never a newer one.

        Of the templates of diplomas it is the one in force. Raises as `newest`, and `FormNotKnown`.
        """
        return self.of(line.secured.claims.kind)

    def of(self, reference: str | None) -> Press:
        """The press for the kind with this URN; `None` stands for template.json. Raises as `newest`."""
        if reference not in self._made:
            method = self.identity.verification_method(self.signer.public_key)
            require_in_force(self.home, method)
            self.form.algorithm(self.signer.public_key)
            composer = self._composer(Kinds(self.home).of(reference))
            composer.check()
            press = Press(composer, self.signer, method, self.form, self.absent, dict(self.status_kinds))
            self._made.setdefault(reference, press)  # another thread may have made one
        return self._made[reference]

    def replaced(self, press: Press) -> list[Press]:
        """The press with each template that an update replaced; those of other kinds never change."""
        if press.composer.kind.reference is not None:
            return []
        return [replace(press, composer=self._composer(kind)) for kind in former_kinds(self.home)]

    def former(self, press: Press) -> list[Press]:
        """All by which a job of this kind may have been begun: of its other versions and templates."""
        kind = press.composer.kind
        versions = [each for each in Kinds(self.home).references if name_of(each) == kind.name]
        presses = [press if each == kind.reference else self.of(each) for each in versions]
        replaced = [each for made in presses for each in self.replaced(made)]
        return [each for each in (*presses, *replaced) if each is not press]

    def _composer(self, kind: Kind) -> Composer:
        secret = self.keys.secret
        profile, places = self.identity.profile, positions(self.keys)
        return Composer(kind, profile, secret("credential-id"), secret("salt"), places, self.contexts)


def positions(keys: KeyFile) -> Positions:
    """The places of credentials in the issuer's status lists, whatever their kind."""
    return Positions(functools.partial(list_key, keys.secret("status-position")))


def id_of(identity: Identity, keys: KeyFile) -> IdOf:
    """The `id` of a copy of an edition. No kind's files are read for it."""
    ids = Ids(identity.profile, keys.secret("credential-id"))
    return lambda which, edition, copy: ids(scope_of(which.kind), which.number, edition, copy)
