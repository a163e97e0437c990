DROP TABLE members;
DROP TABLE room_top;
DROP TABLE rooms;
DROP TABLE users;
DROP TABLE log_part;
DROP TABLE log_meta;
