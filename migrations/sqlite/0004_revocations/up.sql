-- Orders to end sessions and tokens. Nodes look for new ones by the time; a token is looked up by its user.
CREATE TABLE revocations (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    -- 1: the sessions of then; 2: one token; 3: every token issued until then.
    kind SMALLINT NOT NULL,
    token_id TEXT,
    -- ms since the Unix epoch.
    at BIGINT NOT NULL
);
CREATE INDEX revocations_by_user ON revocations (user_id);
CREATE INDEX revocations_by_time ON revocations (at);
