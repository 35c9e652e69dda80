"""The sources that a verifier believes, and how far: trust file, issuers' keys, status lists, evidence."""
