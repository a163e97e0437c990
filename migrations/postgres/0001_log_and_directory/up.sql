-- Nodes of two versions share a database during an upgrade: expand first, contract a release later, and rewrite no table.

CREATE TABLE log_meta (
    epoch TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    partitions INTEGER NOT NULL,
    record_version INTEGER NOT NULL,
    -- Signs the tokens of guests, for all nodes alike.
    secret BYTEA NOT NULL
);

-- What the fold knows of a partition. Who appends to it holds its row's lock, so its records have one order.
CREATE TABLE log_part (
    p INTEGER PRIMARY KEY,
    next BIGINT NOT NULL,
    time BIGINT NOT NULL,
    -- Of the record before `next`, where the log is another's: tells that log from any other. 64 bits of no sign.
    checksum BIGINT
);

-- "C": texts are compared byte by byte, and lower() folds ASCII alone, whatever the database's own collation is.
CREATE TABLE users (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    guest BOOLEAN NOT NULL
);
CREATE INDEX users_by_name ON users (lower(name), id);

-- The number stands for the room in every other table: 8 bytes instead of 36. A room's partition of the log never changes.
CREATE TABLE rooms (
    no BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    partition INTEGER NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind SMALLINT NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    creator TEXT COLLATE "C",
    client_id TEXT COLLATE "C",
    member_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (creator, client_id)
);
CREATE INDEX rooms_by_name ON rooms (lower(name), id);

-- Apart from rooms because it changes with every message: pages keep room for a row's next version.
CREATE TABLE room_top (
    room_no BIGINT PRIMARY KEY REFERENCES rooms (no),
    "offset" BIGINT NOT NULL,
    log_offset BIGINT NOT NULL,
    messages BIGINT NOT NULL
) WITH (fillfactor = 60);

CREATE TABLE members (
    room_no BIGINT NOT NULL REFERENCES rooms (no),
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    role SMALLINT NOT NULL,
    joined BIGINT NOT NULL,
    PRIMARY KEY (room_no, user_id)
);
CREATE INDEX members_by_user ON members (user_id);
