"""Problems that leave a verdict open: neither valid nor invalid."""

from __future__ import annotations

from did import MethodNotSupported
from vc.problem import UnsupportedForm
from vc.status.bits import STATUS_ERRORS
from wire import Conflict, Damaged, Malformed, NotFound, Problem, Unavailable
from wire.problem import Code


class NotKnown(Problem):
    """Nothing speaks against the credential, but too little is known to accept it."""

    code = "not-known"
    title = "Not enough is known"
    undetermined = True


class NotShown(Unavailable):
    """The log that an issuer publishes could not be asked, or does not show what was looked for."""

    code = "log-does-not-show"
    title = "The issuer's log does not show it"

    def about(self, missing: Problem) -> NotShown:
        """This problem as the reason of a `missing` one, whose remedy goes first."""
        missing.because = self
        return NotShown.saying("{because}; {why}", because=missing, why=self)


STATUS_UNKNOWN = Code(
    "status-unknown",
    Unavailable,
    "The status could not be checked",
    STATUS_ERRORS + "STATUS_RETRIEVAL_ERROR",
)
"""It could not be found out whether the credential was revoked."""


# What is missing


ISSUER_UNKNOWN = Code("issuer-unknown", NotKnown)
"""The issuer is on no list here: a stranger is not a forger."""
ISSUER_UNKNOWN_WITHOUT_LOG = ISSUER_UNKNOWN.finer("issuer-unknown-without-log")
"""The same of an issuer that names no log, so that there is hardly a trust file of it."""
NOT_FROM_THEN = Code("not-from-then", NotKnown)
"""The issuer is recognised for what is from some day or before, and nothing shows that this is."""
ISSUER_METHOD_NOT_SUPPORTED = Code("issuer-method-not-supported", MethodNotSupported)
"""The issuer's DID is of a method that is not in use here, and nothing else says what its keys are."""
ISSUER_UNREACHABLE = Code("issuer-unreachable", Unavailable)
"""The issuer's keys could not be had from where it publishes them."""
ISSUER_DOCUMENT_MISSING = Code("issuer-document-missing", NotKnown)
"""No document of the issuer came along that has the key."""
ISSUER_NOT_PINNED = Code("issuer-not-pinned", NotKnown)
"""A log speaks for several issuers, and the trust list pins no document of this one."""
DOCUMENT_NOT_CHAINED = Code("document-not-chained", NotKnown)
"""The key is in a document that does not follow from the one that the trust list pins."""
NEWEST_DOCUMENT_MISSING = Code("newest-document-missing", NotKnown)
"""The trust list pins a newer document of the issuer than those at hand."""
KEY_OWNER_UNKNOWN = Code("key-owner-unknown", NotKnown)
"""The key is not looked up, since whose it is stands on no list here."""
KEY_NAMED_BY_NO_DID = Code("key-named-by-no-did", UnsupportedForm)
"""The proof names its key by neither a DID nor an https URL."""
KEY_NOT_PINNED = Code("key-not-pinned", NotKnown)
"""The trust list pins other keys of the issuer than the one that signed."""
KEY_NOT_PUBLISHED = Code("key-not-published", NotKnown)
"""The issuer's document of today does not have the key; one of an earlier day may."""
KEY_ENDED = Code("key-ended", NotKnown)
"""The key is not in force any more, and nothing shows that it signed while it was."""
KEY_STANDING_UNKNOWN = Code("key-standing-unknown", NotKnown)
"""The proof was derived, so that no log dates it; whether its key is still in force cannot be told."""
CERTIFICATE_NOT_LISTED = Code("certificate-not-listed", NotKnown)
"""The issuer is named by certificates, and they lead to none that is on the list."""
CERTIFICATE_OF_ANOTHER = Code("certificate-of-another", NotKnown)
"""The credential names an issuer that the certificate of its signer is not for."""
SCHEMA_UNKNOWN = Code("schema-unknown", NotKnown)
"""The policy asks for a schema that is not known here."""
EVIDENCE_MISSING = Code("evidence-missing", NotKnown)
"""The credential should be in a log, and no evidence of it came along."""
LEDGER_EVIDENCE_MISSING = Code("ledger-evidence-missing", NotKnown)
"""The trust list asks for ledgers that have the log's checkpoint, and too few are shown to have it."""


class BlocksMissing(Unavailable):
    """The file beside the trust list with the blocks that it trusts is gone, or another one."""

    code = "trusted-blocks-missing"


LOG_NOT_LISTED = Code("log-not-listed", NotKnown)
"""The credential should be in a log that is not on the list for its issuer."""
TOO_FEW_WITNESSES = Code("too-few-witnesses", NotKnown)
"""Fewer witnesses have signed the log's checkpoint than the trust list asks for."""
CONTEXTS_ADDED = Code("contexts-added", NotKnown)
"""The document has contexts that its signature does not cover."""
TIME_ZONE_UNKNOWN = Code("time-zone-unknown", NotKnown)
"""The day on which the credential begins or ends is today, by a clock that it does not name."""


# What a policy misses


STATUS_MISSING = Code("status-missing", NotKnown)
"""The policy asks for a status, and the credential has none that could be looked up."""
TRUSTED_LOG_MISSING = Code("trusted-log-missing", NotKnown)
"""The policy asks for a trusted log, or for more witnesses than have seen it there."""
NO_LOG_ENTRY = TRUSTED_LOG_MISSING.finer("no-log-entry")
"""The policy asks for a log, and the proof is derived: no log has an entry for it."""
PRESENTER_NOT_PROVED = Code("presenter-not-proved", NotKnown)
"""The policy asks who presents, and nobody proved to."""
SUBJECT_NOT_PROVED = Code("subject-not-proved", NotKnown)
"""The policy asks for the subject, and the presenter did not prove to be it."""
PROOF_UNKNOWN = Code("proof-unknown", NotKnown)
"""The policy asks for every proof, and one is of a kind that is not known here."""
SUITE_MISSING = Code("suite-missing", NotKnown)
"""The policy asks for a cryptosuite with which the issuer did not sign."""
KIND_MISSING = Code("kind-missing", NotKnown)
"""The credential says that its kind asks for something, and that kind is not at hand, or not in its log."""
CHECK_MISSING = Code("check-missing", NotKnown)
"""The credential's kind asks for a check within some time, and the credential has no day of one."""
RESOURCE_MISSING = Code("resource-missing", NotKnown)
"""The credential's kind asks for the files whose digests it states, and not all of them were given."""
NO_SUCH_RESOURCE = Code("no-such-resource", NotKnown)
"""A file was given that is none of those that the credential states, by the id that was given or any."""
UNKNOWN_RULE = Code("unknown-rule", Malformed)
"""A policy has a rule that there is not, or one with a value that it cannot have."""


# Why the status is unknown


STATUS_LIST_MISSING = STATUS_UNKNOWN.finer("status-list-missing")
"""No copy of the status list is at hand."""
STATUS_LIST_MISSING_OFFLINE = STATUS_LIST_MISSING.finer("status-list-missing-offline")
"""The same of a list that has no web address."""
STATUS_LIST_ENDED = STATUS_UNKNOWN.finer("status-list-ended")
"""The newest status list at hand is past its own end."""
STATUS_LIST_ENDED_OFFLINE = STATUS_LIST_ENDED.finer("status-list-ended-offline")
"""The same of a list that has no web address."""
STATUS_LIST_UNUSABLE = STATUS_UNKNOWN.finer("status-list-unusable")
"""The file at the address of the status list claims to be the issuer's, and cannot be used."""
STATUS_LIST_SHORT = Code(
    "status-list-short",
    Unavailable,
    "The status list is too short",
    STATUS_ERRORS + "STATUS_LIST_LENGTH_ERROR",
)
"""The status list has fewer entries than the standard asks for, and does not say "revoked" (3.2)."""
STATUS_LIST_NOT_SHOWN = Code("status-list-not-shown", NotKnown)
"""The status list that came along should be in a log, and no evidence of it came along."""
STATUS_TOO_OLD = STATUS_UNKNOWN.finer("status-too-old")
"""The newest status is older than the policy allows."""


# The trust list


NOT_A_TRUST_FILE = Code("not-a-trust-file", Malformed)
"""The file is no trust list."""
TRUST_DIFFERS = Code("trust-differs", Conflict)
"""A trust file says something else of an issuer, or of its log, than the list here."""
TRUST_LOG_DIFFERS = Code("trust-log-differs", Conflict)
"""A trust file lets a log speak for an issuer for which the list here does not have it."""
NAME_TAKEN = Code("name-taken", Conflict)
"""A new issuer has a name that people would take for that of another one on the list."""

STATUS_DIGEST_OLDER = Code("status-digest-older", Conflict)
"""A status digest is older than the one that was taken before, or another of the same number."""
NO_STATUS_DIGEST_BEFORE = Code("no-status-digest-before", NotFound)
"""Changes to a status digest that is not here: the whole one has to be taken first."""
STATUS_DIGEST_DAMAGED = Code("status-digest-damaged", Damaged)
"""A status digest on the disk is not as it was taken."""
