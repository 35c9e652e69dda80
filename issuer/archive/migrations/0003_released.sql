-- Diplomas whose claim links were all ended, by `claim --anew`.

CREATE TABLE released (
    number TEXT NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL  -- how often; a link of an earlier generation is good no longer
);
