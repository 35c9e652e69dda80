-- Single credentials on their way into the log, with the key of the batch that they go in together. What a
-- program from before had begun is not here: each has a batch of its own, whose key is its log entry.

CREATE TABLE batch (
    seq INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL
);
