"""What can be wrong with what was received, whatever secures it."""

from __future__ import annotations

from wire.problem import Malformed, Problem


class InvalidProof(Problem):
    """The proof was checked and does not hold."""

    code = "invalid-proof"
    type = "https://w3id.org/security#PROOF_VERIFICATION_ERROR"
    title = "The proof does not match the content"


class UnsupportedForm(Problem):
    """The credential may be good, but this program does not read its form."""

    code = "unsupported-form"
    title = "The form is not supported"
    undetermined = True


class KnownBySight(UnsupportedForm):
    """A form that is recognised and not read, such as a PDF."""

    code = "known-by-sight"


class IsTrustFile(UnsupportedForm):
    """A trust file, where a credential was expected."""

    code = "is-trust-file"


class LaterVersion(UnsupportedForm):
    """Our own form, with something in it that this version does not define."""

    code = "later-version"


class MalformedCredential(Malformed):
    """The JSON is not a credential or presentation as the data model wants it."""

    code = "malformed-credential"
    type = "https://www.w3.org/TR/vc-data-model#MALFORMED_VALUE_ERROR"
    title = "Not a well-formed credential"


class NoCredential(Malformed):
    """Nothing that could be a credential, a presentation or a bundle, as far as can be seen."""

    code = "no-credential"
    title = "This is no credential"
    undetermined = True
