//! Shells around the machines of [`crate::domain`]: mailboxes, supervision, and the pumps where waiting is done.
pub mod answer;
pub mod bridge;
pub mod chat_room;
pub mod fan_out;
pub mod flow;
pub mod hub;
pub mod links;
pub mod node;
pub mod reply;
pub mod session;
pub mod sessions;
pub mod sink;
pub mod store_pump;
pub mod supervisor;
pub mod workers;
