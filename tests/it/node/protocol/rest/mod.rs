//! The REST half: the same objects, rights and errors. One shell will do: sessions have no part in it.

mod bearers;
mod bodies;
mod membership;
mod messages;
mod openapi;
mod people;
mod rooms;

use serde_json::{Value, json};

use crate::kit::Answer;

/// Fails unless `answer` is the problem of this error code, as the document's table has it.
pub fn assert_problem(answer: &Answer, code: u32, what: &str) {
    let error = chat_protocol::ErrorCode::ALL.iter().find(|it| it.code() == code).unwrap();
    let expected = json!({
        "type": format!("urn:scalable-chat:error:{}", error.name()),
        "title": error.name(),
        "status": error.http(),
        "detail": error.advice(),
        "code": error.name(),
        "temporary": error.temporary(),
    });
    assert_eq!(answer.body, expected, "{what}");
    assert_eq!(answer.status, error.http(), "{what}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
}

/// The same for a status and a body.
fn assert_refused((status, body): &(u16, Value), code: u32, what: &str) {
    let error = chat_protocol::ErrorCode::ALL.iter().find(|it| it.code() == code).unwrap();
    assert_eq!((*status, &body["code"]), (error.http(), &json!(error.name())), "{what}: {body}");
}
