-- The log itself, in its own order: appending fills page after page, wherever the events' rooms are. No foreign key to
-- rooms: only the writer inserts, it has looked the room up, and a check on every message would cost more than it.
CREATE TABLE events (
    log_offset INTEGER PRIMARY KEY NOT NULL,
    room_no BIGINT NOT NULL,
    "offset" BIGINT NOT NULL,
    kind SMALLINT NOT NULL,
    -- Unique over all rooms: the room is part of what it is made from. NULL for a void.
    id BINARY,
    author TEXT,
    author_name TEXT,
    client_id TEXT,
    -- A message's text, or what another kind holds as JSON.
    body BINARY NOT NULL,
    time BIGINT NOT NULL,
    -- How many messages the room has up to here, this one included.
    ordinal BIGINT NOT NULL
);
CREATE UNIQUE INDEX events_by_place ON events (room_no, "offset");
CREATE UNIQUE INDEX events_by_id ON events (id);
