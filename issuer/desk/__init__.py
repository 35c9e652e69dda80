"""The public face: holders come with a claim link, and anybody reads the status lists and the log."""
