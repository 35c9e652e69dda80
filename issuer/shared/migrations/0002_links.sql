-- Claim links, by hashes of their tokens, each with its place among all; and the challenges that are open.
CREATE TABLE intaglio_issuer.link (
  nth bigint PRIMARY KEY,
  token bytea NOT NULL UNIQUE,
  kind text COLLATE "C" NOT NULL,
  number text COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  expires bigint NOT NULL,
  holder text
);
CREATE INDEX ON intaglio_issuer.link (number, kind);

CREATE TABLE intaglio_issuer.challenge (
  challenge bytea PRIMARY KEY,
  token bytea NOT NULL,
  expires bigint NOT NULL,
  used boolean NOT NULL DEFAULT false
);
CREATE INDEX ON intaglio_issuer.challenge (token);
CREATE INDEX ON intaglio_issuer.challenge (expires);

GRANT SELECT, INSERT ON intaglio_issuer.link, intaglio_issuer.challenge TO intaglio_issuer;
GRANT UPDATE (expires, holder) ON intaglio_issuer.link TO intaglio_issuer;
GRANT UPDATE (used) ON intaglio_issuer.challenge TO intaglio_issuer;
GRANT DELETE ON intaglio_issuer.challenge TO intaglio_issuer;
