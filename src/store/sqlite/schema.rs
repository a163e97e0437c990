// @generated automatically by Diesel CLI.

diesel::table! {
    events (log_offset) {
        log_offset -> BigInt,
        room_no -> BigInt,
        offset -> BigInt,
        kind -> SmallInt,
        id -> Nullable<Binary>,
        author -> Nullable<Text>,
        author_name -> Nullable<Text>,
        client_id -> Nullable<Text>,
        body -> Binary,
        time -> BigInt,
        ordinal -> BigInt,
    }
}

diesel::table! {
    log_meta (epoch) {
        epoch -> Text,
        generation -> Integer,
        record_version -> Integer,
    }
}

diesel::table! {
    log_part (p) {
        p -> BigInt,
        next -> BigInt,
        time -> BigInt,
    }
}

diesel::table! {
    members (room_no, user_id) {
        room_no -> BigInt,
        user_id -> Text,
        role -> SmallInt,
        joined -> BigInt,
    }
}

diesel::table! {
    read_marks (room_no, user_id) {
        room_no -> BigInt,
        user_id -> Text,
        offset -> BigInt,
    }
}

diesel::table! {
    revocations (number) {
        number -> BigInt,
        user_id -> Text,
        kind -> SmallInt,
        token_id -> Nullable<Text>,
        at -> BigInt,
    }
}

diesel::table! {
    room_top (room_no) {
        room_no -> BigInt,
        offset -> BigInt,
        log_offset -> BigInt,
        messages -> BigInt,
    }
}

diesel::table! {
    rooms (no) {
        no -> BigInt,
        id -> Text,
        name -> Text,
        kind -> SmallInt,
        topic -> Text,
        creator -> Nullable<Text>,
        client_id -> Nullable<Text>,
        member_count -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        name -> Text,
        guest -> Bool,
    }
}

diesel::joinable!(members -> rooms (room_no));
diesel::joinable!(members -> users (user_id));
diesel::joinable!(read_marks -> rooms (room_no));
diesel::joinable!(revocations -> users (user_id));
diesel::joinable!(room_top -> rooms (room_no));

diesel::allow_tables_to_appear_in_same_query!(
    events,
    log_meta,
    log_part,
    members,
    read_marks,
    revocations,
    room_top,
    rooms,
    users,
);
