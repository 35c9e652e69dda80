"""Problems of an issuer's folder, its description, and the file that it is to issue."""

from __future__ import annotations

from collections.abc import Sequence

from wire.problem import (
    Code,
    Conflict,
    Damaged,
    Declined,
    Malformed,
    NotFound,
    Problem,
    Refused,
    TryLater,
    Unavailable,
)

# The folder


NO_ISSUER = Code("no-issuer", NotFound)
"""No issuer lives in the folder."""
DAMAGED_ISSUER = Code("damaged-issuer", Damaged)
"""A file of the issuer is gone or not as it was written, and a backup has it."""
DAMAGED_ISSUER_FILE = Code("damaged-issuer-file", Damaged)
"""One file of the issuer is not as it was written, which a backup can give alone."""
SHARD_UNLIKE = Code("shard-unlike", Damaged)
"""A shard of credentials is not what was written under its name, which has its digest."""
SHARD_LOST = Code("shard-lost", Damaged)
"""A shard of credentials, or what says whose they are, is not in the bucket any more."""
SHARDS_OF_ANOTHER = Code("shards-of-another", Conflict)
"""The place in a bucket has the shards of another issuer."""
SHARDS_VERSIONED = Code("shards-versioned", Refused, "The bucket keeps versions")
"""A bucket keeps versions, so that credentials could not be erased there."""
SHARD_TAKEN = Code("shard-taken", Conflict)
"""Something else lies where a shard of credentials is to be written."""
ISSUER_LOST = DAMAGED_ISSUER.finer("issuer-lost")
"""The issuer's description is gone, and a log is there."""
OLDER_INDEX = Code("older-index", Damaged)
"""The index is an older copy than the log."""
INDEX_NOT_PREPARED = Code("index-not-prepared", NotFound, "No index was prepared there")
"""The database is there, and has no tables of an issuer's index yet."""
INDEX_ROLE = Code("index-role", Refused)
"""The role that opened the index's database lacks a right: to issue, or to make and change tables."""
NO_KEYS_HERE = Code("no-keys-here", NotFound, "This machine has no keys of the issuer")
"""The issuer lives in the database, and the machine that would work for it has not joined it."""
NOT_SHARED = Code("not-shared", Refused, "Other machines could not use it")
"""The index, the log or the archive lies in the folder of one machine, and others are to work with it."""
ANOTHER_ROOT = Code("another-root", Conflict, "These are other keys")
"""The keys of a machine come from another root than those of the issuer in the database."""
INDEX_NOT_DURABLE = Code("index-not-durable", Refused, "What is written would not last")
"""The index's database loses what it has acknowledged when the power fails: nothing is issued there."""
INDEX_OVERTAKEN = Code("index-overtaken", TryLater)
"""Another process has changed the index meanwhile: nothing was changed by this one."""
CLOCK_UNLIKE_DATABASE = Code("clock-unlike-database", Refused, "The clock here is not the database's")
"""The clock of a machine differs from that of the issuer's database: it signs nothing, others go on."""
TAKEN_OVER = Code("taken-over", TryLater, "Another machine went on with this")
"""This process stood still or was cut off, and another one took its lock: nothing more was written."""
DAMAGED_CLAIMS = Code("damaged-claims", Damaged)
"""The list of claim links is damaged or an older copy."""
CLAIMS_LOST = DAMAGED_CLAIMS.finer("claims-lost")
"""The list of claim links is gone, and links were given out."""
STATUS_FILE_GONE = Code("status-file-gone", Damaged)
"""A status list that was published is not there any more."""
STATUS_FILE_DAMAGED = Code("status-file-damaged", Damaged)
"""A status list is not what was published last."""
UNSOUND_DATABASE = Code("unsound-database", Damaged)
"""A database that is to be backed up is damaged."""
SKELETON_DIFFERS = Code("skeleton-differs", Damaged, "The program disagrees with itself")
"""Two ways of making one credential gave different bytes, so that neither is trusted."""
HOME_TAKEN = Code("home-taken", Conflict)
"""A backup is to be restored into a folder that exists."""
EXPORT_FOLDER_TAKEN = Code("export-folder-taken", Conflict)
"""A file that is not this issuer's lies where a bundle should be written."""
LINK_FILE_TAKEN = Code("link-file-taken", Conflict)
"""Something else lies where the file of claim links should be written."""


# The description


ANOTHER_ISSUER = Code("another-issuer", Conflict)
"""Another issuer lives in the folder than the one that was described."""
ANOTHER_KEY_TYPE = Code("another-key-type", Conflict)
"""The issuer signs with keys of another type than was asked for."""
ANOTHER_KEY = Code("another-key", Conflict)
"""The issuer signs with another key than that which is kept elsewhere at this address."""
ANOTHER_KIND = Code("another-kind", Conflict)
"""The issuer issues another kind under this name and version than was asked for."""
TYPE_TAKEN = Code("type-taken", Conflict)
"""Another kind of the issuer's has the same type, by which verifiers tell credentials apart."""
KIND_NOT_NAMED = Code("kind-not-named", Conflict)
"""Several kinds are issued here, or have the number, and nothing says which is meant."""
NO_SUCH_KIND = Code("no-such-kind", NotFound)
"""No kind of this name is issued here."""
LISTS_TOO_OLD = Code("lists-too-old", Refused)
"""Status lists get older here, before they are signed anew, than the policy of a kind lets a status be."""
KEY_KEPT_ELSEWHERE = Code("key-kept-elsewhere", Refused)
"""The key that signs is not in the key file, and nothing says where the next one is to be."""
KEY_IN_USE = Code("key-in-use", Refused)
"""A key is to be revoked with which the issuer signs, or is to sign next."""
KEY_UNKNOWN = Code("key-unknown", NotFound)
"""No document of the issuer's ever had this key."""
ISSUER_WITH_ONE_KEY = Code("issuer-with-one-key", Refused)
"""A DID that is one key was to have another key for status lists."""
ISSUER_WITHOUT_STATUS_DID = Code("issuer-without-status-did", Conflict)
"""The issuer signs status lists under its own DID, and not under another as was asked for."""
ISSUER_WITHOUT_NAME = Code("issuer-without-name", Refused)
"""An issuer has no name."""
ISSUER_WITHOUT_ADDRESS = Code("issuer-without-address", Refused)
"""A did:web has no web address."""
ADDRESS_WITHOUT_SCHEME = Code("address-without-scheme", Refused)
"""The issuer's address does not begin with https://."""


# Jobs


NO_SUCH_JOB = Code("no-such-job", NotFound)
"""No file was begun here under this number."""
JOB_CANCELLED = Code("job-cancelled", Declined, "Cancelled")
"""Somebody ended the job while it ran: what was issued by then stays issued, and the same file goes on."""


# Single credentials


NO_SUCH_DIPLOMA = Code("no-such-diploma", NotFound)
"""No credential of this number or name was issued here."""


class LineUnlike(Refused):
    """A credential that a cluster's worker signed is not what its row asks for: nothing of it is logged."""

    code = "line-unlike"
    title = "A worker signed something else"


class FormNotKnown(Refused):
    """A credential was issued in a form that this program does not know."""

    code = "form-not-known"


FORM_NOT_ALLOWED = Code("form-not-allowed", Refused, "Not issued in this form")
"""A credential was asked for in a form in which its kind, or its issuer, is not issued."""
FORM_NOT_GIVEN = Code("form-not-given", Unavailable, "The issuer's form is not at hand")
"""The issuer issues in a form that is not at hand here, and nothing in another one unasked."""
CREDENTIAL_SUSPENDED = Code("credential-suspended", Refused, "The credential is suspended")
"""The credential is suspended: no other edition of it is issued, for a wallet or with other values."""
REVOKED_FOR_GOOD = Code("revoked-for-good", Refused, "A revocation is for good")
"""The credential was revoked, and can be neither suspended nor reinstated."""
NOT_SUSPENDABLE = Code("not-suspendable", Refused, "The credential cannot be suspended")
"""The credential was issued under a version of its kind that provides for no suspension."""
SUSPENSION_NEEDS_ADDRESS = Code(
    "suspension-needs-address", Refused, "Suspensions are looked up at a web address"
)
"""Credentials of the kind can be suspended, and the issuer has no web address where others could look."""
STATUS_LIST_NOT_PUBLISHED = Code("status-list-not-published", NotFound)
"""The status list was never published."""


def not_in_force(*, is_suspended: bool) -> Problem:
    """The problem with a credential that is revoked, or suspended: nothing more is made of it."""
    if is_suspended:
        return CREDENTIAL_SUSPENDED("this credential is suspended")
    return Refused("this credential was revoked", hint="A new one needs a number of its own.")


# The registrar's file


NO_TABLE = Code("no-table", NotFound)
"""The registrar's file is not there."""
UNREADABLE_FILE = Code("unreadable-file", Malformed, "The file cannot be read as a table")
"""The registrar's file is not a table of records."""

_SEVERAL_WAYS = "The file can be read in several ways"


class EncodingOpen(Malformed):
    """A table could be in several encodings, and says something else in each."""

    code = "encoding-open"
    title = _SEVERAL_WAYS

    choices: Sequence[tuple[str, Sequence[str]]] = ()
    """Of each encoding, a few cells as it reads them: for the registrar's terminal, so not in `detail`."""


class SheetOpen(Malformed):
    """A workbook has several sheets that could be meant."""

    code = "sheet-open"
    title = _SEVERAL_WAYS

    choices: Sequence[tuple[str, Sequence[str]]] = ()
    """Of each sheet, its first headings."""


class HiddenOpen(Malformed):
    """A workbook has hidden rows or sheets that could belong to the table."""

    code = "hidden-open"
    title = _SEVERAL_WAYS

    choices: Sequence[tuple[str, Sequence[str]]] = ()
    """The choices, and each in words."""


COLUMN_MAPPED_TWICE = UNREADABLE_FILE.finer("column-mapped-twice")
"""Given and family name are mapped to one column."""
CONSTANT_HAS_COLUMN = UNREADABLE_FILE.finer("constant-has-column")
"""A field is to be the same in all rows, and a column has it."""
INVALID_CONSTANT = Code("invalid-constant", Malformed)
"""A cell that all rows are to share could not stand in one of them."""
NO_WHOLE_NAMES = UNREADABLE_FILE.finer("no-whole-names")
"""Names are to be read as family name, comma, given name, and no column alone has both."""
INVALID_WORD = Code("invalid-word", Malformed)
"""A line of a list of words gives none its value, or one that its field cannot have."""
COLUMN_AMBIGUOUS = UNREADABLE_FILE.finer("column-ambiguous")
"""Two columns could both be one field."""
COLUMNS_MISSING = UNREADABLE_FILE.finer("columns-missing")
"""Fields that are needed have no column."""
HEADINGS_MISSING = COLUMNS_MISSING.finer("headings-missing")
"""No heading is known: the first row may be no header."""
FAMILY_NAME_MISSING = UNREADABLE_FILE.finer("family-name-missing")
"""A column could be the given name or the whole name, and none is the family name."""
CATALOGUE_COLUMN_MISSING = UNREADABLE_FILE.finer("catalogue-column-missing")
"""There is a catalogue of programmes, and no column to search it by."""
FILES_FOLDER_MISSING = UNREADABLE_FILE.finer("files-folder-missing")
"""A column names files, and nobody said in which folder they are."""
TOO_MANY_FILES = UNREADABLE_FILE.finer("too-many-files")
"""A table names more files than one job takes."""
NUMBER_PATTERN = Code("number-pattern", Malformed, "The pattern of numbers cannot be used")
"""The pattern of the numbers to be given is none, or makes numbers that the kind does not take."""
KIND_WITHOUT_IDENTITY = Code("kind-without-identity", Refused)
"""Numbers are to be given to rows of a kind that does not say what tells its rows apart."""
NUMBERS_USED_UP = Code("numbers-used-up", Refused)
"""The next number that the pattern makes is none that the kind takes."""
NUMBER_COLUMN = UNREADABLE_FILE.finer("number-column")
"""Numbers are to be given to rows that have some."""
ROWS_WITHOUT_NUMBER = UNREADABLE_FILE.finer("rows-without-number")
"""Only a number can say which rows are one record, and there is no column of numbers."""
TOO_MANY_FINDINGS = UNREADABLE_FILE.finer("too-many-findings")
"""So many rows are not as expected that something more basic must be wrong."""
ERROR_FILE_REFUSED = Code("error-file-refused", Refused)
"""The error file cannot be written where it was asked for."""
