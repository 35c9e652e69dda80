"""Maintenance of an issuer over the years: keys rotated, the folder looked over, backed up, exported."""
