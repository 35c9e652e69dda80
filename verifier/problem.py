"""What is not enough to decide: neither valid nor invalid."""

from __future__ import annotations

from did import MethodNotSupported
from vc.problem import UnsupportedForm
from wire import Conflict, Malformed, Problem, Unavailable


class NotKnown(Problem):
    """Nothing speaks against the credential, but too little is known to accept it."""

    code = "not-known"
    title = "Not enough is known"
    undetermined = True


class StatusUnknown(Unavailable):
    """Whether the credential was revoked could not be found out."""

    code = "status-unknown"
    type = "https://www.w3.org/ns/credentials/status-list#STATUS_RETRIEVAL_ERROR"
    title = "The status could not be checked"


# NotKnown, by what is missing


class IssuerUnknown(NotKnown):
    """The issuer is on no list here: a stranger is not a forger."""

    code = "issuer-unknown"


class IssuerUnknownWithoutLog(IssuerUnknown):
    """The same of an issuer that names no log, so that there is hardly a trust file of it."""

    code = "issuer-unknown-without-log"


class NotFromThen(NotKnown):
    """The issuer is recognised for what is from some day or before, and nothing shows that this is."""

    code = "not-from-then"


class IssuerMethodNotSupported(MethodNotSupported):
    """The issuer's DID is of a method that is not in use here, and nothing else says what its keys are."""

    code = "issuer-method-not-supported"


class IssuerUnreachable(Unavailable):
    """The issuer's keys could not be had from where it publishes them."""

    code = "issuer-unreachable"


class IssuerDocumentMissing(NotKnown):
    """No document of the issuer came along that has the key."""

    code = "issuer-document-missing"


class IssuerNotPinned(NotKnown):
    """A log speaks for several issuers, and the trust list pins no document of this one."""

    code = "issuer-not-pinned"


class DocumentNotChained(NotKnown):
    """The key is in a document that does not follow from the one that the trust list pins."""

    code = "document-not-chained"


class NewestDocumentMissing(NotKnown):
    """The trust list pins a newer document of the issuer than those at hand."""

    code = "newest-document-missing"


class KeyOwnerUnknown(NotKnown):
    """The key is not looked up, since whose it is stands on no list here."""

    code = "key-owner-unknown"


class KeyNamedByNoDID(UnsupportedForm):
    """The proof names its key by neither a DID nor an https URL."""

    code = "key-named-by-no-did"


class KeyNotPinned(NotKnown):
    """The trust list pins other keys of the issuer than the one that signed."""

    code = "key-not-pinned"


class KeyNotPublished(NotKnown):
    """The issuer's document of today does not have the key; one of an earlier day may."""

    code = "key-not-published"


class KeyEnded(NotKnown):
    """The key is not in force any more, and nothing shows that it signed while it was."""

    code = "key-ended"


class SchemaUnknown(NotKnown):
    """The policy asks for a schema that is not known here."""

    code = "schema-unknown"


class EvidenceMissing(NotKnown):
    """The credential should be in a log, and no evidence of it came along."""

    code = "evidence-missing"


class LedgerEvidenceMissing(NotKnown):
    """The trust list asks for ledgers that have the log's checkpoint, and too few are shown to have it."""

    code = "ledger-evidence-missing"


class BlocksMissing(Unavailable):
    """The file beside the trust list with the blocks that it trusts is gone, or another one."""

    code = "trusted-blocks-missing"


class LogNotListed(NotKnown):
    """The credential should be in a log that is not on the list for its issuer."""

    code = "log-not-listed"


class TooFewWitnesses(NotKnown):
    """Fewer witnesses have signed the log's checkpoint than the trust list asks for."""

    code = "too-few-witnesses"


class ContextsAdded(NotKnown):
    """The document has contexts that its signature does not cover."""

    code = "contexts-added"


class ZoneUnknown(NotKnown):
    """The day on which the credential begins or ends is today, by a clock that it does not name."""

    code = "time-zone-unknown"


# What a policy misses


class StatusMissing(NotKnown):
    """The policy asks for a status, and the credential has none that could be looked up."""

    code = "status-missing"


class TrustedLogMissing(NotKnown):
    """The policy asks for a trusted log, or for more witnesses than have seen it there."""

    code = "trusted-log-missing"


class PresenterNotProved(NotKnown):
    """The policy asks who presents, and nobody proved to."""

    code = "presenter-not-proved"


class SubjectNotProved(NotKnown):
    """The policy asks for the subject, and the presenter did not prove to be it."""

    code = "subject-not-proved"


class ProofUnknown(NotKnown):
    """The policy asks for every proof, and one is of a kind that is not known here."""

    code = "proof-unknown"


class SuiteMissing(NotKnown):
    """The policy asks for a cryptosuite with which the issuer did not sign."""

    code = "suite-missing"


class UnknownRule(Malformed):
    """A policy has a rule that there is not, or one with a value that it cannot have."""

    code = "unknown-rule"


# StatusUnknown, by why


class ListMissing(StatusUnknown):
    """No copy of the status list is at hand."""

    code = "status-list-missing"


class ListMissingOffline(ListMissing):
    """The same of a list that has no web address."""

    code = "status-list-missing-offline"


class ListEnded(StatusUnknown):
    """The newest status list at hand is past its own end."""

    code = "status-list-ended"


class ListEndedOffline(ListEnded):
    """The same of a list that has no web address."""

    code = "status-list-ended-offline"


class ListUnusable(StatusUnknown):
    """What lies at the address of the status list, and claims to be the issuer's, cannot be used."""

    code = "status-list-unusable"


class ListShort(StatusUnknown):
    """The status list has fewer entries than the standard asks for, and does not say "revoked" (3.2)."""

    code = "status-list-short"
    type = "https://www.w3.org/ns/credentials/status-list#STATUS_LIST_LENGTH_ERROR"
    title = "The status list is too short"


class ListNotShown(NotKnown):
    """The status list that came along should be in a log, and no evidence of it came along."""

    code = "status-list-not-shown"


class StatusTooOld(StatusUnknown):
    """The newest status is older than the policy allows."""

    code = "status-too-old"


# The trust list


class NotATrustFile(Malformed):
    """What stands where the trust list should be is none."""

    code = "not-a-trust-file"


class TrustDiffers(Conflict):
    """A trust file says something else of an issuer, or of its log, than the list here."""

    code = "trust-differs"


class TrustLogDiffers(Conflict):
    """A trust file lets a log speak for an issuer for which the list here does not have it."""

    code = "trust-log-differs"


class NameTaken(Conflict):
    """A new issuer has a name that people would take for that of another one on the list."""

    code = "name-taken"
