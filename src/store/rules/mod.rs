//! What every store does alike, whatever its database. An adapter asks its database for facts, lets these rules decide,
//! and writes what they say; so a rule stands in one place, and stores can't disagree.
//!
//! | module | decides |
//! | --- | --- |
//! | `rows` | what is in a row: codes, bodies |
//! | `founding` | what a new log begins with |
//! | `group` | where an event of a group gets its place, and what is a repeat |
//! | `folding` | what a run of a shared log becomes |
//! | `change` | who may change what, and what that does |
//! | `view` | what a user may see of a room |
//! | `page` | where a page of history begins and ends |
//! | `list`, `cursor` | what a page of a list holds, and where the next one begins |

pub mod change;
pub mod cursor;
pub mod folding;
pub mod founding;
pub mod group;
pub mod list;
pub mod page;
pub mod read;
pub mod rows;
pub mod view;
