-- From here on the number stands in `user_version`; release 0.1.0 reads here that the index is none of its own.

UPDATE alembic_version SET version_num = 'user_version';
