-- Status lists that are made from what changed, with their revocation details in pages: see `status.py`.

CREATE TABLE unpublished (  -- revocations that are journalled and in no published list yet
    seq INTEGER NOT NULL PRIMARY KEY
);

CREATE TABLE status_file (  -- each file in status/, as last published
    name TEXT NOT NULL PRIMARY KEY,
    leaf INTEGER NOT NULL,  -- its place in the log
    dated TEXT NOT NULL,  -- from when it is; '' where it was published before there were pages
    digest BLOB  -- SHA-256; null where release 0.1.0 published it
);
INSERT INTO status_file SELECT CAST(number AS TEXT), leaf, '', digest FROM status_list;

CREATE TABLE status_file_begun (  -- what was signed, and may be in the log and in its file already
    name TEXT NOT NULL PRIMARY KEY,
    key BLOB NOT NULL,  -- of the batch
    digest BLOB NOT NULL,
    content BLOB  -- null where it was begun before there were pages
);
INSERT INTO status_file_begun SELECT CAST(number AS TEXT), key, digest, NULL FROM publishing;

CREATE TABLE status_file_held (  -- what was published, and may not be on the disk yet
    name TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL,
    content BLOB NOT NULL
);

CREATE TABLE listed (  -- the lists that have all but what is in `unpublished`; others are made from the journal
    number INTEGER NOT NULL PRIMARY KEY,
    expires TEXT NOT NULL
);
DROP TABLE status_list;
DROP TABLE publishing;
