"""What is believed, and how far: the trust file, issuers' keys, status lists, evidence."""
