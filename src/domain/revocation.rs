//! Which sessions and tokens an order to end them means.

use chat_protocol::UserId;

/// An order that every node obeys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    pub user: UserId,
    pub what: Revoked,
    /// When it was given, ms since the Unix epoch.
    pub at: u64,
}

/// What is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The sessions of now; whoever has a token may come back.
    Sessions,
    /// The token of this id (`jti`), and its sessions.
    Token(String),
    /// Every token issued until then, and their sessions.
    Tokens,
}

/// What tells one token of a user from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenMark {
    /// ms since the Unix epoch; `None`: the token doesn't say.
    pub issued_at: Option<u64>,
    /// Its own name (`jti`), if it has one.
    pub id: Option<String>,
}

impl Revocation {
    /// Is a token of its user, as `mark` tells it, good no longer? One that doesn't say when it was issued may be as old
    /// as any. Tokens tell whole seconds: one of the very second of the order is older than it.
    pub fn voids(&self, mark: &TokenMark) -> bool {
        match &self.what {
            Revoked::Sessions => false,
            Revoked::Token(id) => mark.id.as_ref() == Some(id),
            Revoked::Tokens => mark.issued_at.is_none_or(|issued_at| issued_at <= self.at),
        }
    }

    /// Does a session of `user` under such a token end?
    pub fn ends(&self, user: &UserId, mark: &TokenMark) -> bool {
        *user == self.user && (self.what == Revoked::Sessions || self.voids(mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_means_what_it_names() {
        let user = UserId::parse("u").unwrap();
        let order = |what| Revocation { user: user.clone(), what, at: 5_500 };
        let mark = |issued_at, id: &str| TokenMark { issued_at, id: Some(id.to_owned()) };
        let bare = TokenMark::default();
        let (sessions, tokens) = (order(Revoked::Sessions), order(Revoked::Tokens));
        let token = order(Revoked::Token("a".into()));
        assert!(sessions.ends(&user, &bare) && !sessions.voids(&bare));
        assert!(tokens.voids(&mark(Some(5_000), "a")) && tokens.voids(&bare));
        assert!(!tokens.voids(&mark(Some(6_000), "a")));
        assert!(token.ends(&user, &mark(Some(9_000), "a")) && !token.voids(&mark(None, "b")));
        assert!(!token.voids(&bare));
        let other = UserId::parse("v").unwrap();
        assert!(![sessions, tokens, token].iter().any(|it| it.ends(&other, &mark(None, "a"))));
    }
}
