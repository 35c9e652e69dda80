-- Where release 0.1.0 looks for the number: a greater one than its own, so that it leaves the index alone.

CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL);
DELETE FROM alembic_version;
INSERT INTO alembic_version VALUES ('user_version');
