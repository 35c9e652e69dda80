-- One log in a schema of its own. Roles are of the whole server: those of another log's database may be there.
DO $$
DECLARE role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['intaglio_reader', 'intaglio_appender'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    END IF;
  END LOOP;
END $$;

-- Where the log ends, with what is recorded; where its settled part ends; its newest checkpoint.
CREATE TABLE intaglio.head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  size bigint NOT NULL,
  base_size bigint NOT NULL,
  base_root bytea NOT NULL,
  checkpoint bytea
);
INSERT INTO intaglio.head VALUES
  (true, 0, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', NULL);

CREATE TABLE intaglio.batch (
  start bigint PRIMARY KEY,
  stop bigint NOT NULL CHECK (stop > start),
  key bytea NOT NULL UNIQUE
);

-- The entries of the batches that are not settled yet.
CREATE TABLE intaglio.pending (
  start bigint PRIMARY KEY REFERENCES intaglio.batch,
  entries bytea NOT NULL
);

-- By bytes, not by a language's order, which changes with the operating system.
CREATE TABLE intaglio.tile (
  path text COLLATE "C" PRIMARY KEY,
  data bytea NOT NULL
);

-- Hashes do not get smaller.
ALTER TABLE intaglio.pending ALTER entries SET STORAGE EXTERNAL;
ALTER TABLE intaglio.tile ALTER data SET STORAGE EXTERNAL;

GRANT USAGE ON SCHEMA intaglio TO intaglio_reader, intaglio_appender;
GRANT SELECT ON ALL TABLES IN SCHEMA intaglio TO intaglio_reader, intaglio_appender;
GRANT UPDATE ON intaglio.head TO intaglio_appender;
GRANT INSERT ON intaglio.batch, intaglio.tile TO intaglio_appender;
GRANT INSERT, DELETE ON intaglio.pending TO intaglio_appender;
