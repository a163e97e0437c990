//! The checker on made-up histories: clean ones pass, and each kind of breach is told apart.

mod drawing;
mod mutations;
mod properties;
mod world;
