-- The small files that decide for all machines: issuer.json, the DID document, kinds, the clock's corrections, the
-- published lists. Each is read and replaced as a whole.
CREATE TABLE intaglio_issuer.file (name text COLLATE "C" PRIMARY KEY, content bytea NOT NULL);

-- The locks of all machines. Whoever takes one counts the number up; a holder with a former number writes nothing.
CREATE TABLE intaglio_issuer.fence (name text COLLATE "C" PRIMARY KEY, number bigint NOT NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON intaglio_issuer.file TO intaglio_issuer;
GRANT SELECT, INSERT, UPDATE ON intaglio_issuer.fence TO intaglio_issuer;
