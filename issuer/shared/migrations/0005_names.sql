-- What a credential of a file says about its person stands in its own row: one row and one index less for each.
-- `person` keeps what was recorded before, single credentials, and what an issuer who moved here brought along.
ALTER TABLE intaglio_issuer.credential ADD COLUMN name text, ADD COLUMN email text;
