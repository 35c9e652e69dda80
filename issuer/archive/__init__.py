"""The archive of an issuer: the index, the credentials themselves, and the revocations."""
