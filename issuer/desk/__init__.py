"""Where others come: holders with a claim link, and whoever reads the status lists and the log."""
