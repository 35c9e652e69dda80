-- The small files that decide for all machines: issuer.json, the DID document, kinds, the clock's corrections, the
-- published lists. Each is read and replaced as a whole.
CREATE TABLE intaglio_issuer.file (name text COLLATE "C" PRIMARY KEY, content bytea NOT NULL);

-- The locks of all machines. Whoever takes one counts the number up; a holder with a former number writes nothing.
CREATE TABLE intaglio_issuer.fence (name text COLLATE "C" PRIMARY KEY, number bigint NOT NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON intaglio_issuer.file TO intaglio_issuer;
GRANT SELECT, INSERT, UPDATE ON intaglio_issuer.fence TO intaglio_issuer;

-- After a move into this database: the next job has a number of its own. Only the owner changes the sequence.
CREATE FUNCTION intaglio_issuer.continue_jobs() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT setval(pg_get_serial_sequence('intaglio_issuer.job', 'id'), coalesce(max(id), 0) + 1, false)
  FROM intaglio_issuer.job;
$$;
REVOKE EXECUTE ON FUNCTION intaglio_issuer.continue_jobs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION intaglio_issuer.continue_jobs TO intaglio_issuer;
