-- What other ledgers have of the log's checkpoints, and what is on its way. The columns are as in `outbox.py`.
CREATE TABLE intaglio_shared.destination (
  name text COLLATE "C" PRIMARY KEY,
  every bigint NOT NULL,
  settings text NOT NULL,
  seen bigint NOT NULL
);

CREATE TABLE intaglio_shared.submission (
  destination text COLLATE "C" NOT NULL REFERENCES intaglio_shared.destination,
  size bigint NOT NULL,
  note bytea NOT NULL,
  taken bigint NOT NULL,
  waits integer NOT NULL DEFAULT 1,
  state bytea,
  kind text, body bytea, anchored bigint,
  gone bigint,
  PRIMARY KEY (destination, size)
);
CREATE UNIQUE INDEX ON intaglio_shared.submission (destination) WHERE waits = 1;

-- The newest checkpoint that any machine has signed. The log is never shorter.
CREATE TABLE intaglio_shared.checkpoint (one integer PRIMARY KEY CHECK (one = 1), size bigint NOT NULL, note bytea NOT NULL);

-- Who looks after the outbox counts the number up; a machine with a former number changes nothing.
CREATE TABLE intaglio_shared.turn (one integer PRIMARY KEY CHECK (one = 1), number bigint NOT NULL);
INSERT INTO intaglio_shared.turn VALUES (1, 0);

GRANT USAGE ON SCHEMA intaglio_shared TO intaglio_issuer, intaglio_issuer_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA intaglio_shared TO intaglio_issuer, intaglio_issuer_reader;
GRANT INSERT, UPDATE ON intaglio_shared.destination, intaglio_shared.submission, intaglio_shared.checkpoint
  TO intaglio_issuer;
GRANT UPDATE ON intaglio_shared.turn TO intaglio_issuer;
