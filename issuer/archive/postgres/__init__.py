"""The issuer's index in a PostgreSQL database, for an institution that has one.

The extra `[postgres]` installs its dependencies.
"""
