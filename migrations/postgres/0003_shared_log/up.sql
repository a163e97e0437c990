-- Where the log is elsewhere and folded into this database, what is changed here has still to be said there.

-- Which of the two a database is for is chosen when it is founded.
ALTER TABLE log_meta ADD COLUMN shared BOOLEAN NOT NULL DEFAULT false;

-- How many changes of the room were announced. One that the log tells of and this hasn't was lost with a restored backup.
ALTER TABLE rooms ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

-- Which change made them a member: the log's event of it brings the place.
ALTER TABLE members ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

-- What the log is to be told, in the order of each room's changes; removed when the log has it.
CREATE TABLE outbox (
    room_no BIGINT NOT NULL REFERENCES rooms (no),
    version BIGINT NOT NULL,
    -- As the log will have it.
    value BYTEA NOT NULL,
    PRIMARY KEY (room_no, version)
);
