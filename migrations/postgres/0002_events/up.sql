-- The log's records as they were folded. No foreign key to rooms: only who holds the partition's lock inserts, and has
-- looked the room up; a check on every message would cost more than it.
CREATE TABLE events (
    room_no BIGINT NOT NULL,
    "offset" BIGINT NOT NULL,
    log_offset BIGINT NOT NULL,
    -- Of client ids; NULL for a void.
    bucket BIGINT,
    time BIGINT NOT NULL,
    -- How many messages the room has up to here, this one included.
    ordinal BIGINT NOT NULL,
    p INTEGER NOT NULL,
    kind SMALLINT NOT NULL,
    -- The room is part of what it is made from. NULL for a void.
    id BYTEA,
    author TEXT COLLATE "C",
    author_name TEXT COLLATE "C",
    client_id TEXT COLLATE "C",
    -- A message's text, or what another kind holds as JSON.
    body BYTEA NOT NULL,
    PRIMARY KEY (room_no, "offset")
);
-- Not unique: a log without an index may repeat an id after its window, and both have their place. Where this is the log,
-- the partition's lock makes it so.
CREATE INDEX events_by_id ON events (id) WHERE id IS NOT NULL;
-- To build another projection of the newest ids.
CREATE INDEX events_by_bucket ON events (p, bucket) WHERE bucket IS NOT NULL;
