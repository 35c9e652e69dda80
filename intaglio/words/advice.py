"""Advice on a verdict for the reader of a page, by the code of the problem that decides it.

At a terminal, `remedies` has the commands to type. The readers of a page have no terminal, or not that of
the host that judges.
"""

from __future__ import annotations

from collections.abc import Mapping

_UNKNOWN = "The issuer of this file is not known to this page."
_NO_PROOF = "A proof from the issuer's public log is missing."
_NO_STATUS = "Whether it was revoked could not be found out."

REASONS: Mapping[str, str] = {
    "no-credential": "This is no file of a credential that could be checked.",
    "signature-misfit": "The content was changed after it was signed, or somebody else signed it.",
    "invalid-proof": "It was not signed by the institution that it names.",
    "key-of-another-use": "It is signed with a key that the institution does not sign credentials with.",
    "evidence-missing": _NO_PROOF,
    "log-does-not-show": _NO_PROOF,
    "ledger-evidence-missing": "A proof from a ledger that is not the issuer's is missing.",
    "issuer-document-missing": "The document with the issuer's keys is missing.",
    "issuer-unreachable": "The issuer's keys could not be looked up.",
    "status-list-missing": _NO_STATUS,
    "status-list-missing-offline": _NO_STATUS,
    "status-list-short": _NO_STATUS,
    "status-list-ended": _NO_STATUS,
    "status-list-ended-offline": _NO_STATUS,
    "status-list-unusable": _NO_STATUS,
    "status-list-not-shown": _NO_STATUS,
    "status-too-old": _NO_STATUS,
    "issuer-unknown": _UNKNOWN,
    "issuer-unknown-without-log": _UNKNOWN,
    "issuer-method-not-supported": _UNKNOWN,
    "key-owner-unknown": _UNKNOWN,
}
"""The deciding reason, in large letters: in the plainest words, without a word out of the file itself."""

GROUNDS: Mapping[str, str] = {
    "signature-misfit": "Not valid: altered or forged",
    "key-of-another-use": "Not valid: altered or forged",
    "revoked": "Not valid: revoked",
    "revoked-unexplained": "Not valid: revoked",
    "superseded": "Not valid: replaced",
    "suspended": "Not valid: suspended",
    "expired": "Not valid: expired",
    "not-yet-in-force": "Not valid: not in force yet",
}
"""Verdicts with their ground, by code: a forgery, or another reason for the refusal."""

ENDED = ("revoked", "revoked-unexplained", "superseded", "suspended", "expired", "not-yet-in-force")
"""Codes of refusals of a genuine file: the issuer did sign it, but it does not count now."""

STEPS: Mapping[str, str] = {"issuer": "the issuer's key"}
"""Names of checks whose short name claims too much: to know whose key it is recognises nobody."""

NOT_CHECKED = "– not checked"
"""The mark of a check that was not made."""

WHYS: Mapping[str, str] = {
    "not-reached": "Check {number} ({name}) did not pass, and without it this one would say nothing.",
    "holder-anyone": (
        "A file does not show whose it is: everybody who was given a copy has the same one. Compare the "
        "name in it with an identity document."
    ),
    "holder-unasked": (
        "Nobody here asked for this presentation, so it does not show that the person before you is the "
        "one whom it names."
    ),
    "status-irrevocable": (
        "The issuer named no place where it would revoke this, so there was nothing to look up."
    ),
    "schema-none-known": (
        "The file names no published form that this page knows, so there was nothing to compare it with."
    ),
    "schema-no-engine": (
        "The program that checked this cannot compare a file with its published form: the package for that "
        "is missing. Whoever runs it can add it with: pip install '.[schema]'"
    ),
    "evidence-derived": (
        "The person showed part of a credential. That part stands in no public log, where it could be "
        "followed from one showing to the next."
    ),
    "evidence-in-no-log": "The file brings no proof from a public log. Not every issuer has such a log.",
}
"""The reason why a check was not made, by its code, for a reader who knows none of the terms."""

EMPTY = "This file is empty."
CUT = "This file was cut off: its end is missing."
"""Words for an unreadable file whose fault is evident."""

PICTURED = "This is a picture of a credential, which cannot be checked."
"""The same for the forms in `MAILS`."""

_STRANGER = (
    "Nobody has told this page that this issuer is who it says it is; look at its name letter by letter. If "
    "you know the institution, ask it for its trust file, at an address that you look up yourself; whoever "
    "runs this page can put it on the list."
)
_WHOLE = (
    "Ask for the whole file as the issuer or the wallet gave it: it has the proofs that are missing here."
)
_LATER = "Try again later, or ask for a newer file."

ADVICE: Mapping[str, str] = {
    # refused
    "invalid-proof": "Ask the person for the file as the institution gave it.",
    "key-of-another-use": (
        "Somebody may have stolen that key. Ask the institution, at an address that you look up yourself."
    ),
    "signature-misfit": ("What this file says may have been changed. Ask the person for the original file."),
    "revoked": "The issuer has withdrawn this. Only the issuer can say more.",
    "revoked-unexplained": "The issuer has withdrawn this. Ask the issuer why.",
    "superseded": "The issuer has made a newer edition of this. Ask the person for that one.",
    "suspended": (
        "The issuer has suspended this for the time being. Ask the issuer, or check it again later."
    ),
    "expired": "It was valid until then. Ask the person for a current one.",
    "not-yet-in-force": "Check it again after that date.",
    # undecided
    "issuer-unknown": _STRANGER,
    "issuer-unknown-without-log": _STRANGER,
    "issuer-method-not-supported": _STRANGER,
    "key-owner-unknown": _STRANGER,
    "evidence-missing": _WHOLE,
    "kind-missing": _WHOLE,
    "log-does-not-show": _WHOLE,
    "ledger-evidence-missing": _LATER,
    "issuer-document-missing": _WHOLE,
    "status-list-missing": _WHOLE,
    "status-list-missing-offline": _WHOLE,
    "issuer-unreachable": _LATER,
    "status-list-unusable": _LATER,
    "status-list-short": (
        "The issuer's status list is shorter than the standard asks for. Whoever runs this page can "
        "accept such lists of this issuer."
    ),
    "status-list-ended": _LATER,
    "status-list-ended-offline": _LATER,
    "status-list-not-shown": _LATER,
    "status-too-old": _LATER,
    # unread
    "known-by-sight": (
        "This page reads the file that an issuer or a wallet gives. Ask for that; its name ends in "
        ".json, .svg or .png."
    ),
    "no-credential": (
        "Ask for the file as the issuer or the wallet gave it, attached rather than copied; its name "
        "ends in .json, .svg or .png."
    ),
    "is-trust-file": "It says whom to recognise, and is for whoever runs this page.",
}

_PICTURE = (
    "Thank you for your credential. What I received is a picture of it, which cannot be checked. Please send "
    "me the file itself that the issuer or your wallet gave you, and no photo of it: its name ends in .json, "
    ".svg or .png."
)

MAILS: Mapping[str, str] = dict.fromkeys(
    ("a PDF", "a picture (JPEG)", "a picture (PNG)", "a picture (SVG)"), _PICTURE
)
"""Drafts of a mail to the sender, by the form of the file as `vc.forms` names it."""
