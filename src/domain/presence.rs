//! Who is in the rooms of this node, and what their members are told of who comes and goes anywhere.
//!
//! Both halves are pure. [`Register`] keeps what this node has to report; [`Ticks`] makes of what is known of a room one
//! tick at a time, so that a room costs what changes and who hears of it, never one times the other.

mod register;
mod ticks;

pub use register::{Move, Register, Report};
pub use ticks::Ticks;

#[cfg(test)]
mod tests;
