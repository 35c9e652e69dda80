"""The problems of what was received, whatever secures it."""

from __future__ import annotations

from wire.problem import Code, Malformed, Problem


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


KNOWN_BY_SIGHT = Code("known-by-sight", UnsupportedForm)
"""A form that is recognised and not read, such as a PDF."""
IS_TRUST_FILE = Code("is-trust-file", UnsupportedForm)
"""A trust file, where a credential was expected."""
LATER_VERSION = Code("later-version", UnsupportedForm)
"""Our own form, with something in it that this version does not define."""


class MalformedCredential(Malformed):
    """The JSON is not a credential or presentation as the data model wants it."""

    code = "malformed-credential"
    type = "https://www.w3.org/TR/vc-data-model#MALFORMED_VALUE_ERROR"
    title = "Not a well-formed credential"


NO_CREDENTIAL = Code("no-credential", Malformed, "This is no credential", undetermined=True)
"""Nothing that could be a credential, a presentation or a bundle, as far as can be seen."""
SCHEMA_MISMATCH = Code("schema-mismatch", Problem, "The content does not have the form that was agreed")
"""The credential does not have the form that its schema asks for."""
ANOTHER_SCHEMA = SCHEMA_MISMATCH.finer("another-schema")
"""The credential names a schema of its kind with another digest than the one that the kind has."""
