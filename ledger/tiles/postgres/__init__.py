"""A log in a PostgreSQL database: `schema` makes the tables, and `store` keeps the log in them.

The extra `[postgres]` installs its dependencies.
"""
