//! What was revoked is kept, and found by whoever looks for it.

use chat_protocol::ErrorCode;
use chat_server::domain::record::Change;
use chat_server::domain::revocation::{Revocation, Revoked};
use chat_server::store::Changed;

use super::{person, refused, user};
use crate::ports::postgres::PgSubject;
use crate::ports::sqlite::SqliteSubject;
use crate::ports::{Subject, promises};

promises! { sqlite: super::SqliteSubject::start(); postgres: super::PgSubject::start().await;
    what_was_revoked_is_found_by_its_user_and_by_its_time
}

pub async fn what_was_revoked_is_found_by_its_user_and_by_its_time(subject: &mut dyn Subject) {
    let store = subject.store();
    let (a, b) = (user(&*store, "a").await, user(&*store, "b").await);
    let order = |user: &chat_protocol::object::Person, what, at| Revocation {
        user: user.id.clone(),
        what,
        at,
    };
    let orders = [
        order(&a, Revoked::Tokens, 100),
        order(&a, Revoked::Token("t-1".into()), 200),
        order(&b, Revoked::Sessions, 300),
        order(&a, Revoked::Sessions, 300),
    ];
    for order in &orders {
        assert_eq!(store.change(Change::Revoke(order.clone())).await, Ok(Changed::Gone));
    }
    let nobody = Change::Revoke(order(&person("nobody"), Revoked::Tokens, 1));
    assert_eq!(store.change(nobody).await, refused(ErrorCode::BadRequest));
    subject.crash().await;
    let store = subject.store();
    let of_a = [orders[0].clone(), orders[1].clone(), orders[3].clone()];
    assert_eq!(store.revocations_of(&a.id).await, Ok(of_a.to_vec()));
    let late = store.revocations_since(200).await.unwrap();
    let numbers: std::collections::HashSet<u64> = late.iter().map(|it| it.0).collect();
    let late: Vec<_> = late.into_iter().map(|(_, order)| order).collect();
    assert_eq!((late, numbers.len()), (orders[2..].to_vec(), 2));
    assert_eq!(store.revocations_since(300).await, Ok(vec![]));
}
