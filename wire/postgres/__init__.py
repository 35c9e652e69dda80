"""The one way to PostgreSQL: `address` reads where a database is, `connections` goes there, and `rows` holds
its answers against what was asked. The extra `[postgres]` installs what that needs.
"""
