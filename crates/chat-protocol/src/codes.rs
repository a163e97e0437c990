//! The tables of codes: one source for the wire, for REST, for the documents and for the web client.

/// Declares the error codes: number, name, may the same be tried again, HTTP status, what to do about it.
macro_rules! error_codes {
    ($($code:literal $variant:ident $name:literal $temporary:literal $http:literal $advice:literal;)*) => {
        /// Why a command was refused. The range tells whose code it is: 100–199 the Centrifuge protocol's, 400–499 the chat's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $(#[doc = $advice] $variant = $code,)* }

        impl ErrorCode {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in snake_case, the same on the wire, in REST and in the documents.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// May the very same command succeed later?
            pub const fn temporary(self) -> bool {
                match self { $(Self::$variant => $temporary,)* }
            }

            /// The HTTP status it has in REST.
            pub const fn http(self) -> u16 {
                match self { $(Self::$variant => $http,)* }
            }

            /// One sentence: what happened and what to do.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }

            /// Its number on the wire.
            pub const fn code(self) -> u32 {
                self as u32
            }
        }
    };
}

error_codes! {
    100 Internal "internal" true 500 "the server failed; try again";
    101 Unauthorized "unauthorized" false 401 "give a valid token";
    102 UnknownChannel "unknown_channel" false 404 "a channel is called room: and the id of a room";
    103 PermissionDenied "permission_denied" false 403 "you have no right to this";
    104 MethodNotFound "method_not_found" false 404 "there is no method of this name";
    105 AlreadySubscribed "already_subscribed" false 409 "unsubscribe first";
    106 LimitExceeded "limit_exceeded" false 429 "unsubscribe from another channel first";
    107 BadRequest "bad_request" false 400 "correct the request";
    108 NotAvailable "not_available" false 501 "this server does not offer it";
    109 TokenExpired "token_expired" false 401 "get a fresh token";
    110 Expired "expired" false 401 "connect again";
    111 TooManyRequests "too_many_requests" true 429 "slow down and try again";
    112 UnrecoverablePosition "unrecoverable_position" false 409 "this history is gone; start from the newest page";
    400 Unavailable "unavailable" true 503 "it is unknown whether this was done; try again with the same client_id";
    401 RoomNotFound "room_not_found" false 404 "there is no room of this id";
    402 NotAMember "not_a_member" false 403 "join the room first";
    403 Banned "banned" false 403 "you may not be in this room";
    404 Muted "muted" false 403 "you may not write in this room now";
    405 RoomArchived "room_archived" false 409 "this room is closed";
    406 TextEmpty "text_empty" false 422 "write something";
    407 TextTooLong "text_too_long" false 422 "write less, or in several messages";
    408 NameTaken "name_taken" false 409 "choose another name";
    409 ClientIdReused "client_id_reused" false 409 "use a new client_id for other content";
    410 SlowMode "slow_mode" true 429 "wait before you write again";
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name(), self.advice())
    }
}

impl std::error::Error for ErrorCode {}

/// Declares the close codes: number, name, reason as sent.
macro_rules! close_codes {
    ($($code:literal $variant:ident $name:literal $reason:literal;)*) => {
        /// Why a connection was closed, or (2000–2999) a subscription ended. The range tells the client what to do:
        /// 3000–3499 and 4000–4499 reconnect, 3500–3999 and 4500–4999 don't; 2000–2499 stay out, 2500–2999 subscribe again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CloseCode { $(#[doc = $reason] $variant = $code,)* }

        impl CloseCode {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in snake_case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The reason that goes with it: never empty and never JSON, since SDKs treat both specially.
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$variant => $reason,)* }
            }

            /// Its number on the wire.
            pub const fn code(self) -> u16 {
                self as u16
            }
        }
    };
}

close_codes! {
    1007 InvalidUtf8 "invalid_utf8" "text is not valid UTF-8";
    1009 MessageTooBig "message_too_big" "message is too big";
    2000 Unsubscribed "unsubscribed" "unsubscribed by the server";
    2100 Removed "removed" "no longer a member";
    2101 RemovedBanned "removed_banned" "banned from the room";
    2500 LostPlace "lost_place" "insufficient state";
    2501 SubscriptionExpired "subscription_expired" "subscription expired";
    3000 Normal "normal" "closed normally";
    3001 Shutdown "shutdown" "shutting down";
    3004 ServerError "server_error" "internal server error";
    3005 Expired "expired" "token expired";
    3008 Slow "slow" "reads too slowly";
    3010 InsufficientState "insufficient_state" "insufficient state";
    3012 NoPong "no_pong" "no pong";
    3013 TooManyRequests "too_many_requests" "too many requests";
    3500 InvalidToken "invalid_token" "invalid token";
    3501 BadRequest "bad_request" "bad request";
    3502 Stale "stale" "no connect command in time";
    3503 ForcedNoReconnect "forced_no_reconnect" "disconnected by the server";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_unique_and_reasons_fit_a_close_frame() {
        let mut names: Vec<_> = ErrorCode::ALL.iter().map(|c| c.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for close in CloseCode::ALL {
            assert!((1..=123).contains(&close.reason().len()) && !close.reason().starts_with('{'));
        }
    }
}
