-- The newest move of the log: its name, and whether it is coming, here, or has left. Once it has left, the
-- conditions that a head is moved under do not hold.
ALTER TABLE intaglio.head
  ADD move text,
  ADD state text CHECK (state IN ('coming', 'here', 'left')),
  ADD CHECK ((move IS NULL) = (state IS NULL));

-- Keys as their digests, since a log that comes from a folder has no more of them; whole ones as long as a batch
-- is pending.
ALTER TABLE intaglio.pending ADD key bytea;
UPDATE intaglio.pending SET key = batch.key FROM intaglio.batch WHERE batch.start = pending.start;
ALTER TABLE intaglio.pending ALTER key SET NOT NULL;
UPDATE intaglio.batch SET key = sha256(key);
