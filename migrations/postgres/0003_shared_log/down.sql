DROP TABLE outbox;
ALTER TABLE members DROP COLUMN version;
ALTER TABLE rooms DROP COLUMN version;
ALTER TABLE log_meta DROP COLUMN shared;
