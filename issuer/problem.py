"""What can be wrong with an issuer's folder, its description, and the file that it is to issue."""

from __future__ import annotations

from wire.problem import Conflict, Damaged, Malformed, NotFound, Refused, Unavailable

# The folder


class NoIssuer(NotFound):
    """No issuer lives in the folder."""

    code = "no-issuer"


class DamagedIssuer(Damaged):
    """A file of the issuer is gone or not as it was written, and a backup has it."""

    code = "damaged-issuer"


class DamagedIssuerFile(Damaged):
    """One file of the issuer is not as it was written, which a backup can give alone."""

    code = "damaged-issuer-file"


class IssuerLost(DamagedIssuer):
    """The issuer's description is gone, and a log is there."""

    code = "issuer-lost"


class OlderIndex(Damaged):
    """The index is an older copy than the log."""

    code = "older-index"


class DamagedClaims(Damaged):
    """The list of claim links is damaged or an older copy."""

    code = "damaged-claims"


class ClaimsLost(DamagedClaims):
    """The list of claim links is gone, and links were given out."""

    code = "claims-lost"


class StatusFileGone(Damaged):
    """A status list that was published is not there any more."""

    code = "status-file-gone"


class StatusFileDamaged(Damaged):
    """A status list is not what was published last."""

    code = "status-file-damaged"


class UnsoundDatabase(Damaged):
    """A database that is to be backed up is damaged."""

    code = "unsound-database"


class HomeTaken(Conflict):
    """A backup is to be restored into a folder that exists."""

    code = "home-taken"


class ExportFolderTaken(Conflict):
    """A file that is not this issuer's lies where a bundle should be written."""

    code = "export-folder-taken"


# The description


class AnotherIssuer(Conflict):
    """Another issuer lives in the folder than the one that was described."""

    code = "another-issuer"


class AnotherKeyType(Conflict):
    """The issuer signs with keys of another type than was asked for."""

    code = "another-key-type"


class AnotherKey(Conflict):
    """The issuer signs with another key than that which is kept elsewhere at this address."""

    code = "another-key"


class KeyKeptElsewhere(Refused):
    """The key that signs is not in the key file, and nothing says where the next one is to be."""

    code = "key-kept-elsewhere"


class KeyInUse(Refused):
    """A key is to be revoked with which the issuer signs, or is to sign next."""

    code = "key-in-use"


class KeyUnknown(NotFound):
    """No document of the issuer's ever had this key."""

    code = "key-unknown"


class OneKeyOnly(Refused):
    """A DID that is one key was to have another key for status lists."""

    code = "issuer-with-one-key"


class StatusDIDMissing(Conflict):
    """The issuer signs status lists under its own DID, and not under another as was asked for."""

    code = "issuer-without-status-did"


class NameMissing(Refused):
    """An issuer has no name."""

    code = "issuer-without-name"


class AddressMissing(Refused):
    """A did:web has no web address."""

    code = "issuer-without-address"


class AddressWithoutScheme(Refused):
    """The issuer's address does not begin with https://."""

    code = "address-without-scheme"


# Single diplomas


class NoSuchDiploma(NotFound):
    """No diploma of this number or name was issued here."""

    code = "no-such-diploma"


class FormNotKnown(Refused):
    """A diploma was issued in a form that this program does not know."""

    code = "form-not-known"


class FormNotGiven(Unavailable):
    """The issuer issues in a form that is not at hand here, and nothing in another one unasked."""

    code = "form-not-given"
    title = "The issuer's form is not at hand"


class ListNotPublished(NotFound):
    """The status list was never published."""

    code = "status-list-not-published"


class NameIsWhole(Refused):
    """A part of a name is to be changed that was given as one text."""

    code = "name-is-whole"


# The registrar's file


class NoTable(NotFound):
    """The file of graduates is not there."""

    code = "no-table"


class UnreadableFile(Malformed):
    """The file is not a table of graduates."""

    code = "unreadable-file"
    title = "The file cannot be read as a table of graduates"


class ColumnMappedTwice(UnreadableFile):
    """Two fields are mapped to one column."""

    code = "column-mapped-twice"


class ColumnAmbiguous(UnreadableFile):
    """Two columns could both be one field."""

    code = "column-ambiguous"


class ColumnsMissing(UnreadableFile):
    """Fields that are needed have no column."""

    code = "columns-missing"


class HeadingsMissing(ColumnsMissing):
    """No heading is known: the first row may be no header."""

    code = "headings-missing"


class FamilyNameMissing(UnreadableFile):
    """A column could be the given name or the whole name, and none is the family name."""

    code = "family-name-missing"


class CatalogueColumnMissing(UnreadableFile):
    """There is a catalogue of programmes, and no column to search it by."""

    code = "catalogue-column-missing"


class TooManyFindings(UnreadableFile):
    """So many rows are not as expected that something more basic must be wrong."""

    code = "too-many-findings"


class ErrorFileRefused(Refused):
    """The error file cannot be written where it was asked for."""

    code = "error-file-refused"


# The template


class InvalidTemplate(Malformed):
    """The template cannot make a credential."""

    code = "invalid-template"
    title = "The template is not usable"


class FieldMissing(InvalidTemplate):
    """The template names a field that the record of this diploma does not have."""

    code = "field-missing"
