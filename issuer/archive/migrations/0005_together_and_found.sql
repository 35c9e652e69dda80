-- Single credentials on their way into the log, with the key of the batch that they go in together. What a
-- program from before had begun is not here: each has a batch of its own, whose key is its log entry.

CREATE TABLE batch (
    seq INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL
);

-- By what people find a diploma besides its number: the id of its credential and the holder's e-mail address,
-- eight bytes of a hash of each. These are random values, so a file's rows come here after it is issued, sorted,
-- not one by one. Who empties `person` empties this, too.

CREATE TABLE lookup (
    key INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, seq)
) WITHOUT ROWID;

CREATE TABLE unlisted (  -- sequence numbers whose credentials may not be there yet
    first INTEGER NOT NULL PRIMARY KEY,
    stop INTEGER NOT NULL
);
INSERT INTO unlisted SELECT 0, next FROM counter WHERE name = 'seq' AND next > 0;
