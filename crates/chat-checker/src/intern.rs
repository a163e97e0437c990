//! Names as small integers: a history of millions of events holds each string once.

use std::collections::HashMap;
use std::rc::Rc;

/// An interned name; equal exactly when the names are, within one [`Interner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(u32);

/// The table behind the [`Symbol`]s of one history.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    symbols: HashMap<Rc<str>, Symbol>,
    names: Vec<Rc<str>>,
}

impl Interner {
    /// The symbol of `name`, new or known.
    ///
    /// # Panics
    /// After 2³² different names: a harness that records that many has long run out of memory.
    pub fn intern(&mut self, name: &str) -> Symbol {
        if let Some(known) = self.symbols.get(name) {
            return *known;
        }
        let next = u32::try_from(self.names.len()).expect("fewer than 2^32 names fit in memory");
        let name: Rc<str> = name.into();
        self.names.push(Rc::clone(&name));
        self.symbols.insert(name, Symbol(next));
        Symbol(next)
    }

    /// The name behind `symbol`, or `"?"` if it came from another interner.
    pub fn name(&self, symbol: Symbol) -> &str {
        self.names.get(symbol.0 as usize).map_or("?", |name| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_share_a_symbol_and_keep_their_text() {
        let mut names = Interner::default();
        let (a, b, again) = (names.intern("a"), names.intern("b"), names.intern("a"));
        assert_eq!(a, again);
        assert_ne!(a, b);
        assert_eq!(names.name(b), "b");
    }

    #[test]
    fn a_foreign_symbol_has_no_name() {
        let mut other = Interner::default();
        let foreign = other.intern("a");
        assert_eq!(Interner::default().name(foreign), "?");
    }
}
