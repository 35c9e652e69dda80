-- The tables of the issuer's index. Credentials themselves lie in shards; the log has their digests.
-- No index here is on a random value, but for `lookup`, which is filled in the order of its keys: at ten
-- million rows such an index writes ninety times what it keeps.
-- The `id` of a credential is computed from its kind, number and form, its status position from `seq`, so neither
-- is stored.

CREATE TABLE IF NOT EXISTS counter (name TEXT NOT NULL PRIMARY KEY, next INTEGER NOT NULL);
-- 'log' is the size of the log after the last batch that is recorded here.
INSERT OR IGNORE INTO counter VALUES ('seq', 0), ('log', 0);

CREATE TABLE IF NOT EXISTS job (
    id INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,  -- what it was asked to do, hashed
    file TEXT NOT NULL,
    created TEXT NOT NULL,  -- in every proof of the job
    first_seq INTEGER NOT NULL,  -- of row 1; row n has first_seq + (n - 1) * f, where f is how many forms there are
    length INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    forms TEXT NOT NULL  -- in which each row is issued, with a blank between two; see credential.form
);

CREATE TABLE IF NOT EXISTS chunk (
    first_seq INTEGER NOT NULL PRIMARY KEY,
    job INTEGER NOT NULL,
    number INTEGER NOT NULL,
    first_leaf INTEGER,
    issued INTEGER,  -- null while its shard is stored, but perhaps not its digests in the log
    shard BLOB,  -- the SHA-256 of its shard, part of whose name it is; null where names had none yet
    UNIQUE (job, number)
);

CREATE TABLE IF NOT EXISTS taken (  -- numbers whose first editions are signed next; empty when no job is under way
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    job INTEGER NOT NULL,
    chunk INTEGER NOT NULL,  -- its number
    PRIMARY KEY (number, kind)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS credential (
    seq INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,  -- the name of its kind, whatever the version
    number TEXT NOT NULL,  -- unique within the kind
    edition INTEGER NOT NULL,
    form TEXT NOT NULL,  -- a media type; empty for the form that issuer.json names, as most are
    copy INTEGER NOT NULL,  -- of several of one edition in one form, from 1
    leaf INTEGER,  -- its place in the log; null while a single issue is under way
    UNIQUE (number, kind, edition, form, copy)  -- the number first: people seldom say the kind
);
CREATE INDEX IF NOT EXISTS begun ON credential (seq) WHERE leaf IS NULL;  -- almost always empty

CREATE TABLE IF NOT EXISTS person (  -- private, for finding people; may be emptied without harm to any credential
    seq INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS single (  -- what was issued one at a time, where a shard each would be a waste
    seq INTEGER NOT NULL PRIMARY KEY,
    line BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS batch (  -- single credentials on their way into the log
    seq INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL  -- of the batch that they go in together
);

CREATE TABLE IF NOT EXISTS appending (  -- batches on their way into the log, or in it and not recorded yet
    key BLOB NOT NULL PRIMARY KEY
);

CREATE TABLE IF NOT EXISTS released (  -- credentials whose claim links were all ended
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    generation INTEGER NOT NULL,  -- how often; a link of an earlier generation is good no longer
    PRIMARY KEY (kind, number)
);

-- By what people find a credential besides its number: the id of its credential and the holder's e-mail address,
-- six bytes of a hash of each, after two for the run of 2^18 sequence numbers. These are random values, so a
-- file's rows come here after it is issued, sorted, not one by one. Emptying `person` has to empty this, too.

CREATE TABLE IF NOT EXISTS lookup (
    key INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, seq)
) WITHOUT ROWID;

-- The numbers that were given to rows of files without numbers. Identities are random values, and a file's are
-- put in in one transaction. A row may be erased: a file with that person's row then gets another number for it.

CREATE TABLE IF NOT EXISTS given_number (
    identity BLOB NOT NULL PRIMARY KEY,  -- a digest, under a secret, of the kind and what tells the row from others
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    UNIQUE (number, kind)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS number_series (
    kind TEXT NOT NULL,
    series TEXT NOT NULL,  -- such as 2026-{seq:06}
    next INTEGER NOT NULL,  -- no number before this place is given
    PRIMARY KEY (kind, series)
);

CREATE TABLE IF NOT EXISTS unlisted (  -- sequence numbers whose credentials may not be there yet
    first INTEGER NOT NULL PRIMARY KEY,
    stop INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS revocation (  -- the journal of revocations: a list can be made anew from its rows
    seq INTEGER NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    date TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS unpublished (  -- revocations that are journalled and in no published list yet
    seq INTEGER NOT NULL PRIMARY KEY
);

CREATE TABLE IF NOT EXISTS listed (  -- the lists that have all but what is in `unpublished`
    number INTEGER NOT NULL PRIMARY KEY,
    expires TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS status_file (  -- each file in status/, as last published
    name TEXT NOT NULL PRIMARY KEY,
    leaf INTEGER NOT NULL,  -- its place in the log
    dated TEXT NOT NULL,  -- from when it is
    digest BLOB  -- SHA-256, of every file
);

CREATE TABLE IF NOT EXISTS status_file_begun (  -- what was signed, and may be in the log and in its file already
    name TEXT NOT NULL PRIMARY KEY,
    key BLOB NOT NULL,  -- of the batch
    digest BLOB NOT NULL,
    content BLOB  -- of every file
);

CREATE TABLE IF NOT EXISTS status_file_held (  -- what was published, and may not be on the disk yet
    name TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL,
    content BLOB NOT NULL
);
