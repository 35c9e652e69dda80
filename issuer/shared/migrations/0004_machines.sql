-- The machines that issue here. A machine renews its row when it issues; the server's clock dates the rows.
-- `keys` is a JSON object of public keys by name. `ahead` is by how many milliseconds its clock is ahead.
CREATE TABLE intaglio_issuer.machine (
  id text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  release text NOT NULL,
  keys text NOT NULL,
  ahead bigint NOT NULL,
  seen timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON intaglio_issuer.machine TO intaglio_issuer;
GRANT SELECT ON intaglio_issuer.machine TO intaglio_issuer_reader;
