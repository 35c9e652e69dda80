"""A log in a PostgreSQL database: `address` reads where that is, `connections` is the one way there,
`schema` makes the tables, `store` keeps the log in them. The extra `[postgres]` installs what it needs.
"""
