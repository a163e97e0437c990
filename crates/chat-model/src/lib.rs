//! A model of the way of a message, from its author to everyone, with everything that may die on it; explored state by
//! state, exhaustively within bounds.
//!
//! The log decides, so what is modelled is small: who appends, who folds, who hears. What gives a place is not modelled at
//! all: it is the server's own [`chat_server::domain::fold::fold`]. What a node does with events that come in any order is the
//! server's own [`chat_server::domain::room::Room`]. docs/MODEL.md tells what is left out, the bounds, and what was found.
//!
//! | module | holds |
//! | --- | --- |
//! | [`bounds`] | how much of everything a run has: messages, moments, copies, faults |
//! | [`variant`] | the server as it is, and servers that are wrong in one thing each |
//! | [`record`] | messages, records of the log, and the events that they become |
//! | [`log`] | the log, and its fold: what is so |
//! | [`projection`] | the log folded, as Redis and the store each keep it |
//! | [`redis`], [`store`] | the two projections with what they are beside: a live order, a history |
//! | [`receiver`] | a room on a node, and the one who reads there |
//! | [`state`] | all of it at one moment |
//! | [`action`], [`enabled`], [`step`] | what may happen, when, and what follows |
//! | [`properties`] | what always holds, and what holds when nothing more happens |
//! | [`model`], [`explore`] | the model for the checker; what came of exploring one |
//! | [`story`] | a path through it in words |
//! | [`runs`] | the runs: how much of everything is explored |

pub mod action;
pub mod bounds;
pub mod enabled;
pub mod explore;
pub mod log;
pub mod model;
pub mod projection;
pub mod properties;
pub mod receiver;
pub mod record;
pub mod redis;
pub mod runs;
pub mod state;
pub mod step;
pub mod store;
pub mod story;
pub mod variant;
