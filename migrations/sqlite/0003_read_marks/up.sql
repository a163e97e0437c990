-- How far members have read, as far as they have said. What is unread is counted from it, never kept.
CREATE TABLE read_marks (
    room_no BIGINT NOT NULL REFERENCES rooms (no),
    user_id TEXT NOT NULL REFERENCES users (id),
    "offset" BIGINT NOT NULL,
    PRIMARY KEY (room_no, user_id)
) WITHOUT ROWID;
