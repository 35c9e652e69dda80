-- One issuer's index in a schema of its own. Roles are of the whole server: those of another may be there.
DO $$
DECLARE role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['intaglio_issuer', 'intaglio_issuer_reader'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    END IF;
  END LOOP;
END $$;

-- Texts are compared by bytes: an order by a language changes with the operating system.
-- 'log' is the size of the log after the last batch that is recorded here.
CREATE TABLE intaglio_issuer.counter (name text COLLATE "C" PRIMARY KEY, next bigint NOT NULL);
INSERT INTO intaglio_issuer.counter VALUES ('seq', 0), ('log', 0);

-- The columns are as in `schema.sql` beside this folder, where nothing else is said.
CREATE TABLE intaglio_issuer.job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key bytea NOT NULL UNIQUE,
  file text NOT NULL,
  created text COLLATE "C" NOT NULL,
  first_seq bigint NOT NULL,
  length bigint NOT NULL,
  chunks bigint NOT NULL,
  forms text NOT NULL
);

CREATE TABLE intaglio_issuer.chunk (
  first_seq bigint PRIMARY KEY,
  job bigint NOT NULL,
  number bigint NOT NULL,
  first_leaf bigint,
  issued bigint,
  shard bytea CHECK (length(shard) = 32),
  UNIQUE (job, number)
);
CREATE INDEX ON intaglio_issuer.chunk (job) WHERE issued IS NULL;

-- Each edition, from when its number is taken, with its credentials in all forms and copies: `credential` is
-- partitioned, and could not say of a number that nobody else has it.
CREATE TABLE intaglio_issuer.edition (
  number text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  edition bigint NOT NULL,
  seqs bigint[] NOT NULL,
  PRIMARY KEY (number, kind, edition)
);

-- What a chunk has taken, until it is finished.
CREATE TABLE intaglio_issuer.taking (
  job bigint NOT NULL,
  chunk bigint NOT NULL,
  kind text COLLATE "C" NOT NULL,
  numbers text[] NOT NULL,
  begun boolean NOT NULL DEFAULT false,
  PRIMARY KEY (job, chunk, kind)
);

CREATE TABLE intaglio_issuer.credential (
  seq bigint PRIMARY KEY,
  kind text COLLATE "C" NOT NULL,
  number text COLLATE "C" NOT NULL,
  edition bigint NOT NULL,
  form text COLLATE "C" NOT NULL,
  copy bigint NOT NULL,
  leaf bigint
) PARTITION BY RANGE (seq);

CREATE TABLE intaglio_issuer.person (
  seq bigint PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL
) PARTITION BY RANGE (seq);

CREATE TABLE intaglio_issuer.single (seq bigint PRIMARY KEY, line bytea NOT NULL);
CREATE TABLE intaglio_issuer.batch (seq bigint PRIMARY KEY, key bytea NOT NULL);
CREATE TABLE intaglio_issuer.appending (key bytea PRIMARY KEY);

CREATE TABLE intaglio_issuer.released (
  kind text COLLATE "C" NOT NULL,
  number text COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  PRIMARY KEY (kind, number)
);

CREATE TABLE intaglio_issuer.lookup (key bigint NOT NULL, seq bigint NOT NULL, PRIMARY KEY (key, seq));
CREATE TABLE intaglio_issuer.unlisted (first bigint PRIMARY KEY, stop bigint NOT NULL);

CREATE TABLE intaglio_issuer.given_number (
  identity bytea PRIMARY KEY,
  number text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  UNIQUE (number, kind)
);

CREATE TABLE intaglio_issuer.number_series (
  kind text COLLATE "C" NOT NULL,
  series text COLLATE "C" NOT NULL,
  next bigint NOT NULL,
  PRIMARY KEY (kind, series)
);

CREATE TABLE intaglio_issuer.revocation (
  seq bigint PRIMARY KEY,
  reason text COLLATE "C" NOT NULL,
  date text COLLATE "C" NOT NULL
);
CREATE TABLE intaglio_issuer.unpublished (seq bigint PRIMARY KEY);
CREATE TABLE intaglio_issuer.listed (number bigint PRIMARY KEY, expires text COLLATE "C" NOT NULL);

CREATE TABLE intaglio_issuer.status_file (
  name text COLLATE "C" PRIMARY KEY,
  leaf bigint NOT NULL,
  dated text COLLATE "C" NOT NULL,
  digest bytea NOT NULL
);
CREATE TABLE intaglio_issuer.status_file_begun (
  name text COLLATE "C" PRIMARY KEY,
  key bytea NOT NULL,
  digest bytea NOT NULL,
  content bytea NOT NULL
);
CREATE TABLE intaglio_issuer.status_file_held (
  name text COLLATE "C" PRIMARY KEY,
  digest bytea NOT NULL,
  content bytea NOT NULL
);

-- Makes the partitions of 2^20 sequence numbers up to one. Attaching an empty table holds up neither readers nor
-- writers, as making it in its place would.
CREATE FUNCTION intaglio_issuer.extend(first bigint, last bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  part bigint;
  parent text;
  child text;
BEGIN
  FOR part IN SELECT generate_series(first >> 20, last >> 20) LOOP
    FOREACH parent IN ARRAY ARRAY['credential', 'person'] LOOP
      child := parent || '_' || part;
      IF to_regclass('intaglio_issuer.' || child) IS NULL THEN
        EXECUTE format('CREATE TABLE intaglio_issuer.%I (LIKE intaglio_issuer.%I INCLUDING ALL)', child, parent);
        EXECUTE format(
          'ALTER TABLE intaglio_issuer.%I ATTACH PARTITION intaglio_issuer.%I FOR VALUES FROM (%s) TO (%s)',
          parent, child, part << 20, (part + 1) << 20);
      END IF;
    END LOOP;
  END LOOP;
END $$;

-- The first of so many sequence numbers. It runs as the owner, who alone makes tables; the row's lock has those who
-- come at once make the partitions one after the other.
CREATE FUNCTION intaglio_issuer.reserve(count bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  after bigint;
BEGIN
  IF count < 0 OR count > 1 << 30 THEN
    RAISE EXCEPTION 'so many sequence numbers are not given out at once' USING ERRCODE = '22023';
  END IF;
  UPDATE intaglio_issuer.counter SET next = next + count WHERE name = 'seq' RETURNING next INTO after;
  PERFORM intaglio_issuer.extend(after - count, after - 1);
  RETURN after - count;
END $$;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA intaglio_issuer FROM PUBLIC;

GRANT USAGE ON SCHEMA intaglio_issuer TO intaglio_issuer, intaglio_issuer_reader;
GRANT EXECUTE ON FUNCTION intaglio_issuer.reserve TO intaglio_issuer;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA intaglio_issuer TO intaglio_issuer;
REVOKE INSERT ON intaglio_issuer.step FROM intaglio_issuer;
GRANT UPDATE ON intaglio_issuer.counter, intaglio_issuer.taking, intaglio_issuer.released, intaglio_issuer.unlisted,
  intaglio_issuer.number_series, intaglio_issuer.revocation, intaglio_issuer.listed, intaglio_issuer.status_file,
  intaglio_issuer.status_file_begun, intaglio_issuer.status_file_held TO intaglio_issuer;
GRANT UPDATE (first_leaf, issued) ON intaglio_issuer.chunk TO intaglio_issuer;
GRANT UPDATE (seqs) ON intaglio_issuer.edition TO intaglio_issuer;
GRANT UPDATE (leaf) ON intaglio_issuer.credential TO intaglio_issuer;
GRANT DELETE ON intaglio_issuer.taking, intaglio_issuer.edition, intaglio_issuer.batch, intaglio_issuer.appending,
  intaglio_issuer.unlisted, intaglio_issuer.given_number, intaglio_issuer.revocation, intaglio_issuer.unpublished,
  intaglio_issuer.status_file_begun, intaglio_issuer.status_file_held TO intaglio_issuer;

-- A reader sees nothing about anybody: no name, number or address, no hash of one, no file's name, no credential.
GRANT SELECT ON intaglio_issuer.step, intaglio_issuer.counter, intaglio_issuer.revocation,
  intaglio_issuer.unpublished, intaglio_issuer.listed, intaglio_issuer.status_file TO intaglio_issuer_reader;
GRANT SELECT (id, created, first_seq, length, chunks, forms) ON intaglio_issuer.job TO intaglio_issuer_reader;
GRANT SELECT (first_seq, job, number, first_leaf, issued) ON intaglio_issuer.chunk TO intaglio_issuer_reader;
GRANT SELECT (seq, kind, edition, form, copy, leaf) ON intaglio_issuer.credential TO intaglio_issuer_reader;

-- After the rights: nobody needs one on a partition, who has it on the whole.
SELECT intaglio_issuer.extend(0, 0);
