"""Diplomas: a university issues, a graduate keeps and shows, an employer verifies, a forger fails."""
