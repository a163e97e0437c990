//! The check itself: index the rooms' logs, then hold every attempt and every reader against them.

mod live;
mod log;
mod sends;

use crate::history::History;
use crate::intern::{Interner, Symbol};
use crate::verdict::Verdict;
use log::Logs;

/// Holds `history` against the contract. Linear in the number of records.
pub fn check(history: &History) -> Verdict {
    let mut verdict = Verdict::default();
    let logs = Logs::index(history, &mut verdict);
    sends::check(history, &logs, &mut verdict);
    live::check(history, &logs, &mut verdict);
    verdict
}

/// (room, author, client id): what makes a message the same message.
pub(crate) type MessageKey = (Symbol, Symbol, Symbol);

/// How stories name a message.
pub(crate) fn told((room, author, client_id): MessageKey, names: &Interner) -> String {
    let (room, author) = (names.name(room), names.name(author));
    format!("message {} of {author} in {room}", names.name(client_id))
}

/// How stories name an id that may be absent.
pub(crate) fn told_id(id: Option<Symbol>, names: &Interner) -> &str {
    id.map_or("(no id)", |id| names.name(id))
}
