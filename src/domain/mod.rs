//! Pure state machines: event in, effects out. No clock, no I/O, no await, no logging.
//!
//! | machine | decides |
//! | --- | --- |
//! | [`session`] | what one connection may do, and what it is told |
//! | [`room`] | who is in a room, and in which order they hear of what happens |
//! | [`fold`] | a record's place in its room |
//! | [`resume`] | where a subscription begins |
//! | [`presence`] | who is here, and what is told of who comes and goes |
//! | [`revocation`] | which sessions and tokens an order means |
//! | [`outbound`] | what leaves for one client in one frame |
//! | [`rate_limit`] | how much one client may ask |
//!
//! [`log_record`] is a draft as bytes of a shared log, [`dead_letter`] what can't be read there. [`channel`] tells which room is meant, [`rpc`] checks what users ask for and turns it into what [`record`] and [`question`] name.

pub mod channel;
pub mod dead_letter;
pub mod fold;
pub mod log_record;
pub mod outbound;
pub mod presence;
pub mod question;
pub mod rate_limit;
pub mod record;
pub mod resume;
pub mod revocation;
pub mod room;
pub mod rpc;
pub mod session;
