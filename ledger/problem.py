"""Problems of evidence, logs and witnesses, besides those that every package raises."""

from __future__ import annotations

from wire.problem import Code, Conflict, Damaged, Malformed, NotFound, Problem, Refused, TryLater, Unavailable


class InvalidEvidence(Malformed):
    """The evidence does not have its form, or does not prove what it is said to prove."""

    code = "invalid-evidence"
    title = "The ledger evidence does not hold"


class UnknownKind(Problem):
    """The evidence is of a kind that this program does not read: it proves nothing here, nor against it."""

    code = "unknown-evidence-kind"
    title = "The evidence is of a kind that is not supported"
    undetermined = True


EVIDENCE_NEEDS_PACKAGE = Code("evidence-needs-package", UnknownKind)
"""The evidence is of a kind for which a package is needed that is not installed here."""


class UnknownForm(UnknownKind):
    """A block or receipt of a chain is in a form that this program does not read, such as a later one."""

    code = "unknown-block-form"
    title = "A block of a chain is in a form that is not supported"


class UnknownLog(Unavailable):
    """Nothing here says whether this log may be believed, so that the question stays open."""

    code = "unknown-log"
    title = "The log is not a trusted one"


LOG_CONTRADICTED = Code("log-contradicted", UnknownLog, "The log is contradicted by what is known of it")
"""The log is known to have had something else: an old copy goes on, there are two, or its clock errs."""


class UnknownLedger(UnknownLog):
    """Nothing here says that this ledger may be believed to have a log's checkpoints."""

    code = "unknown-ledger"
    title = "The ledger is not a trusted one"


UNKNOWN_BLOCK = Code("unknown-block", UnknownLedger, "The block is not a trusted one")
"""Nothing here says that this block is one of the chain, which is trusted."""
UNKNOWN_CONTRACT = Code("unknown-contract", UnknownLedger, "The contract is not a trusted one")
"""Nothing here says that this contract, on a chain that is trusted, has the log's checkpoints."""


class Overtaken(TryLater):
    """Another writer has changed the log meanwhile: nothing was changed by this one."""

    code = "overtaken"
    title = "Another writer of the log was faster"


LOG_SEALED = Code("log-sealed", Unavailable, "The log goes on elsewhere")
"""The log was moved to another engine, or is being moved: nothing is appended here any more."""
CLOCK_BEHIND = Code("clock-behind", Refused, "The clock here has gone back")
"""The clock here is well behind the newest checkpoint: nothing is signed until one is put right."""


class NotWitnessed(Refused):
    """Fewer witnesses have signed the log's checkpoint than the trust policy asks for."""

    code = "not-witnessed"
    title = "Too few witnesses have seen this"


LOG_NOT_WITNESSED = Code("log-not-witnessed", NotFound, "The witness does not know this log")
"""A witness was asked about a log that its operator did not add."""
NOT_SIGNED_BY_LOG = Code("not-signed-by-log", Refused, "The log did not sign this")
"""A checkpoint that a witness was sent has no signature by the log's key, or one that fails."""
WITNESS_AT_OTHER_SIZE = Code("witness-at-other-size", Conflict, "The witness has another size of this log")
"""The size that a proof starts from is not that of the witness's newest checkpoint; the fact `size` is."""
OTHER_ROOT = Code("other-root", Conflict, "The log has two roots for one size")
"""A log signed another root than the one that is known here for that size: the log is forked."""
NOT_CONTINUED = Code("not-continued", InvalidEvidence, "The log is not shown to have only grown")
"""The consistency proof does not lead from the tree that a witness cosigned to the new one."""
WITNESS_REFUSES = Code("witness-refuses", Refused, "The witness does not sign")
"""A witness that was asked for a line on the log's checkpoint answers that it gives none."""
NO_COSIGNATURE = Code("no-cosignature", InvalidEvidence, "The witness did not give a cosignature")
"""A witness that was asked for a line gave something else, or one that is dated ahead."""
LOG_BEHIND = Code("log-behind", Damaged, "The log here is an older copy")
"""The log here does not continue a checkpoint that it signed, and others have: nothing more is signed."""
LOG_NOT_MIRRORED = Code("log-not-mirrored", NotFound, "The mirror does not have this log")
"""A mirror was sent a checkpoint of a log that its operator did not add."""
MIRROR_AT_OTHER_ENTRY = Code("mirror-at-other-entry", Conflict, "The mirror goes on from elsewhere")
"""Entries were sent to a mirror from another place, or for another checkpoint, than it goes on from."""
LOG_WENT_BACK = Code("log-went-back", Conflict, "The log has gone back")
"""A log shows fewer entries than it once signed for: an older copy of itself, or another version."""
LOG_NOT_PROVED = Code("log-not-proved", InvalidEvidence, "The log does not show what it signed")
"""Entries or tiles that a log publishes do not give the root that it signed; none of them was kept."""
LOG_TILE_CHANGED = Code("log-tile-changed", Conflict, "A tile of the log has changed")
"""A log publishes other entries or hashes at a place than it did before."""
WITNESS_NOT_SURE = Code("witness-not-sure", TryLater, "The witness has to ask others first")
"""No peer has said yet whether the witness signed more of this log than it knows: its state may be old."""
OLD_WITNESS_STATE = Code("old-witness-state", Damaged, "The witness's state is an older copy")
"""The witness's state is older than one that was here: it could sign a second history of a log."""
NO_LOG = Code("no-log", NotFound)
"""There is no log in the folder."""
IS_THE_LOG_ITSELF = NO_LOG.finer("is-the-log-itself")
"""The folder is the log itself; meant is the one above, which has its keys."""
LEDGER_TILES_AHEAD = Code("ledger-tiles-ahead", Damaged, "Something lies in the log's way")
"""Somebody else wrote ahead of the log, into its database or bucket, which no appender can undo."""
LEDGER_NOT_PREPARED = Code("ledger-not-prepared", NotFound, "No log was prepared there")
"""The database is there, and has no tables of a log yet."""
LEDGER_ROLE = Code("ledger-role", Refused)
"""The role that opened the log's database lacks a right: to append, or to make and change tables."""
LEDGER_NOT_DURABLE = Code("ledger-not-durable", Refused, "What is written would not last")
"""The log's database loses what it has acknowledged when the power fails: nothing is appended there."""
SHARED_NOT_PREPARED = LEDGER_NOT_PREPARED.finer("shared-not-prepared")
"""The issuer's database has no tables, or those of before, of what its machines share of the log."""
SHARED_ROLE = LEDGER_ROLE.finer("shared-role")
"""The role that opened the issuer's database may not write what its machines share of the log."""
LEDGER_NOT_CONDITIONAL = Code("ledger-not-conditional", Refused, "This store cannot keep a log")
"""The store of the log's bucket creates what is there already: two writers would fork the log."""
LEDGER_CLOCK = Code("ledger-clock", Refused, "The clock here is wrong")
"""The store of a bucket refuses what is signed at a time that is not its own."""
