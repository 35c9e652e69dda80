"""The program's texts outside of tables and templates, for the catalogues: findings, and words in facts."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

FINDINGS: Mapping[str, str] = {
    "readable-well-formed": "well-formed",
    "readable-former-name": "well-formed, under a former name of its form, {name}",
    "readable-in-part": "beside what it shows, up to {most} more values may be hidden, or none: "
    "issuers add empty places, so that nobody can tell",
    "holder-shown": "shown by {holder}, for this challenge and domain",
    "holder-shown-anywhere": "shown by {holder}, for this challenge; its domain was not compared",
    "holder-anyone": "not checked: anyone can hold a file",
    "holder-unasked": "not checked: nobody here asked for this presentation",
    "issuer-key-itself": "{issuer}: the key is the identifier itself",
    "issuer-key-pinned": "{issuer}: the key is pinned in the trust list",
    "issuer-key-published": "{issuer}: the key is in the document that {issuer} publishes",
    "issuer-document-pinned": "{issuer}: the key is in a document that is pinned in the trust list",
    "issuer-document-in-log": "{issuer}: the key is in a document that the trusted log {log} holds",
    "issuer-key-certified": '{name}: the key is certified for "{subject}"',
    "signature-unchanged": "unchanged since the issuer signed it",
    "signature-all-resources": "{count} of {count} related resources are as it says",
    "signature-resources": (
        "of {count} related resources {compared} are as it says, and the others are not compared"
    ),
    "dates-in-force": "since {since}, until {until}",
    "dates-in-force-from": "since {since}, without an end",
    "dates-in-force-until": "no first day, until {until}",
    "dates-in-force-always": "no first day, without an end",
    "status-irrevocable": "the credential has no status: it cannot be revoked",
    "status-not-revoked": "not revoked as of {date}",
    "status-not-suspended": "not suspended as of {date}",
    "status-current": "no newer version is available as of {date}",
    "status-refresh": "a newer version is available as of {date}",
    "status-message": "the issuer's message about it as of {date} is {status_value}",
    "schema-fits": "has the form of {forms}",
    "schema-none-known": "the credential names no schema that is known here",
    "schema-no-engine": "not checked: the extra that compares it with its schema is not installed here",
    "evidence-in-log": "entry {index} of the log {log} by {time} (time: the issuer's own clock)",
    "evidence-in-log-witnessed": (
        "entry {index} of the log {log} by {time} (time: the clock of independent witnesses)"
    ),
    "evidence-in-log-undated": "entry {index} of the log {log}, at a time that nobody states",
    "evidence-in-log-by-ledgers": (
        "entry {index} of the log {log} by {time} (time: other ledgers, while its key was in force)"
    ),
    "evidence-in-log-by-witnesses": (
        "entry {index} of the log {log} by {time} (time: independent witnesses, while its key was in force)"
    ),
    "evidence-in-no-log": "in no log",
    "evidence-derived": "no log has a derived proof: evidence speaks of the issuer's keys and lists only",
    "evidence-not-compared": ("not compared with its log, {log}; the issuer's trust file has that log's key"),
    "trust-accepted": "accepted by the policy",
    "not-reached": "not checked: step {stopped} did not pass",
    "not-asked": "not checked: only a DID was to be proved",
}
"""By a check's code; the last two by the finding alone, which any step may have."""

_NAMED = (  # what a date, a place or a member is of
    "the credential",
    "the credential itself",
    "the presentation",
    "the proof",
    "the status list",
    "the log's checkpoint",
    "the bundle",
    "the wallet",
    "The extra data of the evidence",
    "A hash of the inclusion proof",
    "The key of a log or witness",
    "The root of the checkpoint",
    "A signature of the note",
    "the cryptosuite",
    "a proof of the type",
    "an entry of evidence in the bundle",
    "an entry of issuerDocuments in the bundle",
    "an entry of statusLists in the bundle",
)
_SYSTEM = tuple(
    map(os.strerror, (errno.EACCES, errno.EISDIR, errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.EROFS))
)

PHRASES: Mapping[str, tuple[str, ...]] = {
    "what": _NAMED,
    "where": _NAMED,
    "place": ("the credential itself",),
    "ignored": (  # why evidence was left aside
        "unknown-evidence-kind",
        "unknown-log",
        "unknown-ledger",
        "unknown-block",
        "unknown-block-form",
        "unknown-contract",
        "evidence-needs-package",
        "log-contradicted",
        "dated-ahead",
        "too-few-witnesses",
        "not-known",
    ),
    "form": (  # what is known by sight
        "a PDF",
        "a picture (JPEG)",
        "a picture (PNG)",
        "a picture (PNG), into which a badge is baked",
        "a picture (SVG)",
        "a picture (SVG), into which a badge is baked",
        "a ZIP archive or an office document",
        "a compressed file (gzip)",
        "a signature in CMS, such as a .p7m file",
        "a JSON Web Signature in JSON, such as JAdES",
        "an SD-JWT in JSON",
        "the backup of an issuer",
        "a database, such as a wallet or its backup",
        "text in UTF-16; what is read is UTF-8",
        "a web page",
        "a JWT",
        "an SD-JWT",
        "an encrypted JWT",
        "an mdoc (ISO 18013-5)",
        "a credential in COSE",
        "an e-mail",
    ),
    "reason": (
        # of a revocation
        "unspecified",
        "issued-in-error",
        "superseded",
        "withdrawn",
        "fraud",
        "key-compromise",
        # what keeps a badge from being read
        "there are several of them",
        "it is compressed, which the standard forbids",
        "its chunk is not as the PNG specification has it",
        "its element is not as the standard has it",
        "it has a reference that is not read",
        "a chunk does not have its checksum",
        "the file is cut off",
        # why an issuer is on a list
        "the issuer of these samples",
        *_SYSTEM,
    ),
    "system": _SYSTEM,
}
"""Facts that are words of ours, or of the system, by name; all other facts are quoted from documents."""
