//! Mutants: deliberate mistakes at named points, one of which a process may be told to make. Whatever judges the server
//! has to notice it.
//!
//! Only builds with the feature `mutants` can make them (tests have it; `cargo build` does not): the process makes the one
//! that the variable `CHAT_MUTANT` names. In all others [`is`] is `false`, and what it stands before is nothing at all.
//! Each has a row in `tests/teeth.txt`, which says what it breaks and what must catch it; docs/TEETH.md is the table.

/// The variable that names the mistake.
#[cfg(feature = "mutants")]
const VARIABLE: &str = "CHAT_MUTANT";

/// Is this the mistake to make?
#[cfg(feature = "mutants")]
#[inline]
pub fn is(mutant: &'static str) -> bool {
    chosen() == Some(mutant)
}

/// Never.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn is(_mutant: &'static str) -> bool {
    false
}

/// The mistake that this process makes, if it makes one.
#[cfg(feature = "mutants")]
#[inline]
pub fn chosen() -> Option<&'static str> {
    static CHOSEN: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var(VARIABLE).ok());
    CHOSEN.as_deref()
}

/// None.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn chosen() -> Option<&'static str> {
    None
}
