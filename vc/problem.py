"""What was received is nothing that can be read here."""

from __future__ import annotations

from wire.problem import Malformed, Problem

THE_FILE = "Ask for the diploma's own file (.json)."


class UnsupportedForm(Problem):
    """The credential may be good, but this program does not read its form."""

    code = "unsupported-form"
    title = "The form is not supported"
    undetermined = True
    advice = "Ask the issuer for a credential with a Data Integrity proof, by the key of a DID."


class NoCredential(Malformed):
    """Nothing that could be a credential, a presentation or a bundle, as far as can be seen."""

    code = "no-credential"
    title = "This is no credential"
    undetermined = True
    advice = f"Was another file meant? {THE_FILE}"
