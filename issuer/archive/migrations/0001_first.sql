-- The tables of the issuer's index. Credentials themselves lie in shards; the log has their digests.
-- No index here is on a random value: at ten million rows such an index writes ninety times what it keeps.
-- The `id` of a credential is computed from its number, its status position from `seq`, so neither is stored.
-- An index of release 0.1.0 has these tables, and no number in `user_version`: this step finds nothing to do.

CREATE TABLE IF NOT EXISTS counter (name TEXT NOT NULL PRIMARY KEY, next INTEGER NOT NULL);
INSERT OR IGNORE INTO counter VALUES ('seq', 0);

CREATE TABLE IF NOT EXISTS job (
    id INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,  -- what it was asked to do, hashed
    file TEXT NOT NULL,
    created TEXT NOT NULL,  -- in every proof of the job
    first_seq INTEGER NOT NULL,  -- of row 1; row n has first_seq + n - 1
    length INTEGER NOT NULL,
    chunks INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS chunk (
    first_seq INTEGER NOT NULL PRIMARY KEY,
    job INTEGER NOT NULL,
    number INTEGER NOT NULL,
    first_leaf INTEGER,
    issued INTEGER,  -- null while its shard is on disk, but perhaps not its digests in the log
    UNIQUE (job, number)
);

CREATE TABLE IF NOT EXISTS credential (
    seq INTEGER NOT NULL PRIMARY KEY,
    number TEXT NOT NULL,  -- of the diploma
    edition INTEGER NOT NULL,
    leaf INTEGER,  -- its place in the log; null while a single issue is under way
    UNIQUE (number, edition)
);
CREATE INDEX IF NOT EXISTS begun ON credential (seq) WHERE leaf IS NULL;  -- almost always empty

CREATE TABLE IF NOT EXISTS person (  -- private, for finding people; may be emptied without harm to any diploma
    seq INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS single (  -- what was issued one at a time, where a shard each would be a waste
    seq INTEGER NOT NULL PRIMARY KEY,
    line BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS revocation (  -- the journal of revocations: a list is made anew from its rows
    seq INTEGER NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    date TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS status_list (  -- as last published
    number INTEGER NOT NULL PRIMARY KEY,
    entries INTEGER NOT NULL,
    revoked INTEGER NOT NULL,
    expires TEXT NOT NULL,
    leaf INTEGER NOT NULL,
    details_leaf INTEGER NOT NULL
);
