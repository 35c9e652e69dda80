"""What is done with an issuer over the years: keys rotated, the folder looked over, backed up, exported."""
