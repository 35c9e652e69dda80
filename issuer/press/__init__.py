"""A record becomes a signed credential."""
