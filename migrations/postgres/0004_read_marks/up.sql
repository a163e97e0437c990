-- How far members have read, as far as they have said. What is unread is counted from it, never kept.
-- Often changed and never its key: pages keep room for a row's next version.
CREATE TABLE read_marks (
    room_no BIGINT NOT NULL REFERENCES rooms (no),
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    "offset" BIGINT NOT NULL,
    PRIMARY KEY (room_no, user_id)
) WITH (fillfactor = 60);
