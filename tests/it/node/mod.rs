//! One node from outside: the protocol, the promises of `docs/SEMANTICS.md`, and what happens when something dies.

mod embedded;
mod ending;
mod hints;
mod panics;
mod presence;
mod promises;
mod protocol;
mod revocation;
mod slow;
mod starting;
