"""What can be wrong with evidence, beside what every package raises."""

from __future__ import annotations

from wire.problem import Damaged, Malformed, NotFound, Problem, Refused, TryLater, Unavailable


class InvalidEvidence(Malformed):
    """The evidence does not have its form, or does not prove what it is said to prove."""

    code = "invalid-evidence"
    title = "The ledger evidence does not hold"


class UnknownKind(Problem):
    """The evidence is of a kind that this program does not read: it proves nothing here, nor against it."""

    code = "unknown-evidence-kind"
    title = "The evidence is of a kind that is not supported"
    undetermined = True


class PackageMissing(UnknownKind):
    """The evidence is of a kind for which a package is needed that is not installed here."""

    code = "evidence-needs-package"


class UnknownForm(UnknownKind):
    """A block or receipt of a chain is in a form that this program does not read, such as a later one."""

    code = "unknown-block-form"
    title = "A block of a chain is in a form that is not supported"


class UnknownLog(Unavailable):
    """Nothing here says whether this log may be believed, so that the question stays open."""

    code = "unknown-log"
    title = "The log is not a trusted one"


class LogContradicted(UnknownLog):
    """The log is known to have had something else: an old copy goes on, there are two, or its clock errs."""

    code = "log-contradicted"
    title = "The log is contradicted by what is known of it"


class UnknownLedger(UnknownLog):
    """Nothing here says that this ledger may be believed to have a log's checkpoints."""

    code = "unknown-ledger"
    title = "The ledger is not a trusted one"


class UnknownBlock(UnknownLedger):
    """Nothing here says that this block is one of the chain, which is trusted."""

    code = "unknown-block"
    title = "The block is not a trusted one"


class UnknownContract(UnknownLedger):
    """Nothing here says that this contract, on a chain that is trusted, has the log's checkpoints."""

    code = "unknown-contract"
    title = "The contract is not a trusted one"


class Overtaken(TryLater):
    """Another writer has changed the log meanwhile: nothing was changed by this one."""

    code = "overtaken"
    title = "Another writer of the log was faster"


class Sealed(Unavailable):
    """The log was moved to another engine, or is being moved: nothing is appended here any more."""

    code = "log-sealed"
    title = "The log goes on elsewhere"


class ClockBehind(Refused):
    """The clock here is well behind the newest checkpoint: nothing is signed until one is put right."""

    code = "clock-behind"
    title = "The clock here has gone back"


class NotWitnessed(Refused):
    """Fewer witnesses have signed the log's checkpoint than the trust policy asks for."""

    code = "not-witnessed"
    title = "Too few witnesses have seen this"


class NoLog(NotFound):
    """There is no log in the folder."""

    code = "no-log"


class IsTheLogItself(NoLog):
    """The folder is the log itself; meant is the one above, which has its keys."""

    code = "is-the-log-itself"


class PasswordInAddress(Refused):
    """A log's address has a password in it: addresses get into lists of processes, histories and reports."""

    code = "password-in-address"


class TilesAhead(Damaged):
    """Somebody else wrote ahead of the log, into its database or bucket, which no appender can undo."""

    code = "ledger-tiles-ahead"
    title = "Something lies in the log's way"


class NotPrepared(NotFound):
    """The database is there, and has no tables of a log yet."""

    code = "ledger-not-prepared"
    title = "No log was prepared there"


class RoleMayNot(Refused):
    """The role that opened the log's database lacks a right: to append, or to make and change tables."""

    code = "ledger-role"


class NotDurable(Refused):
    """The log's database loses what it has acknowledged when the power fails: nothing is appended there."""

    code = "ledger-not-durable"
    title = "What is written would not last"


class NotConditional(Refused):
    """The store of the log's bucket creates what is there already: two writers would fork the log."""

    code = "ledger-not-conditional"
    title = "This store cannot keep a log"


class ClockDiffers(Refused):
    """The store of the log's bucket refuses what is signed at a time that is not its own."""

    code = "ledger-clock"
    title = "The clock here is wrong"
