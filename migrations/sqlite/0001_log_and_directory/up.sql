-- "chat": a file of another program is told apart before anything is written to it.
PRAGMA application_id = 1667785076;

CREATE TABLE log_meta (
    epoch TEXT PRIMARY KEY NOT NULL,
    generation INTEGER NOT NULL,
    record_version INTEGER NOT NULL
);

-- What the fold knows of a partition.
CREATE TABLE log_part (
    p INTEGER PRIMARY KEY NOT NULL,
    next BIGINT NOT NULL,
    time BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    guest BOOLEAN NOT NULL
) WITHOUT ROWID;
CREATE INDEX users_by_name ON users (name, id);

-- The number stands for the room in every other table: a key of two bytes instead of 36.
CREATE TABLE rooms (
    no INTEGER PRIMARY KEY NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL COLLATE NOCASE,
    kind SMALLINT NOT NULL,
    topic TEXT NOT NULL,
    creator TEXT,
    client_id TEXT,
    member_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (creator, client_id)
);
CREATE INDEX rooms_by_name ON rooms (name, id);

-- Apart from rooms because it changes with every message.
CREATE TABLE room_top (
    room_no INTEGER PRIMARY KEY NOT NULL REFERENCES rooms (no),
    "offset" BIGINT NOT NULL,
    log_offset BIGINT NOT NULL,
    messages BIGINT NOT NULL
);

CREATE TABLE members (
    room_no BIGINT NOT NULL REFERENCES rooms (no),
    user_id TEXT NOT NULL REFERENCES users (id),
    role SMALLINT NOT NULL,
    joined BIGINT NOT NULL,
    PRIMARY KEY (room_no, user_id)
) WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id);
