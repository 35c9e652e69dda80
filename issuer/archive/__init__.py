"""What was issued: the index, the credentials themselves, and what was revoked."""
