-- What the index knows of log and published lists, so that none of the three can be an older copy unnoticed.
-- How long the log was after the last batch that is recorded here stands in `counter` as 'log'; an index of
-- release 0.1.0 gets it when it is opened.

CREATE TABLE appending (  -- batches that are on their way into the log, or in it, and not recorded yet
    key BLOB NOT NULL PRIMARY KEY
);

-- SHA-256 of the two files; null where release 0.1.0 published them.
ALTER TABLE status_list ADD COLUMN digest BLOB;
ALTER TABLE status_list ADD COLUMN details_digest BLOB;

CREATE TABLE publishing (  -- lists that were signed, and may be in the log and in their files already
    number INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL,
    digest BLOB NOT NULL,
    details_digest BLOB NOT NULL
);
