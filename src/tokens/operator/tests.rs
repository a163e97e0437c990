use jsonwebtoken::{Algorithm, EncodingKey, encode};
use serde_json::{Value, json};

use super::*;
use crate::tokens::key_files::Kind;

const SECRET: [u8; 32] = [b'a'; 32];
/// In ms.
const NOW: u64 = 1_000_000;

fn operator(rules: Rules) -> Operator {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, SECRET).unwrap();
    Operator::new(rules, KeyFiles::open(vec![(Kind::HmacSecret, path)]).unwrap())
}

fn sign(header: &Header, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_secret(&SECRET)).unwrap()
}

/// What becomes of a token with these claims, beside a good `sub` and `exp`; `null` takes one away.
fn read(operator: &Operator, claims: Value) -> Result<Bearer, Denied> {
    let mut all = json!({ "sub": "ada", "exp": 1_060 });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    operator.look_at(&sign(&Header::new(Algorithm::HS256), &all), NOW)
}

#[test]
fn a_good_token_says_who_is_there_and_until_when() {
    let operator = operator(Rules { leeway_ms: 30_000, ..Rules::default() });
    let claims = json!({ "exp": 1_060.5, "iat": 990, "jti": "t-1", "name": "Ada", "more": [] });
    let bearer = read(&operator, claims).unwrap();
    assert_eq!((bearer.user.as_str(), bearer.expires_at), ("ada", 1_090_500));
    assert_eq!((bearer.mark.issued_at, bearer.mark.id.as_deref()), (Some(990_000), Some("t-1")));
    assert_eq!(bearer.account, Account::Operator { name: Some("Ada".to_owned()) });
    let unnamed = read(&operator, json!({ "name": 7 })).unwrap();
    assert_eq!(unnamed.account, Account::Operator { name: None });
}

#[test]
fn times_are_compared_with_the_leeway_and_a_token_without_an_end_is_none() {
    let operator = operator(Rules { leeway_ms: 30_000, ..Rules::default() });
    let denied = |claims| read(&operator, claims).err();
    assert_eq!(denied(json!({ "exp": 971 })), None);
    assert_eq!(denied(json!({ "exp": 970 })), Some(Denied::Expired));
    assert_eq!(denied(json!({ "exp": u64::MAX })), None);
    assert_eq!(denied(json!({ "nbf": 1_030 })), None);
    assert_eq!(denied(json!({ "nbf": 1_031 })), Some(Denied::Invalid));
    for exp in [json!(null), json!("1060"), json!(-1), json!([1060])] {
        assert_eq!(denied(json!({ "exp": exp })), Some(Denied::Invalid), "{exp}");
    }
}

#[test]
fn a_sub_is_a_users_id_or_nobodys() {
    let operator = operator(Rules::default());
    let long = "x".repeat(128);
    for sub in ["ada", "ada@example.org", "auth0|7", "ü", &long] {
        assert!(read(&operator, json!({ "sub": sub })).is_ok(), "{sub}");
    }
    for sub in
        [json!(null), json!(""), json!("me"), json!("a\u{0}"), json!(format!("{long}x")), json!(7)]
    {
        assert_eq!(read(&operator, json!({ "sub": sub })), Err(Denied::Invalid), "{sub}");
    }
}

#[test]
fn issuer_and_audience_are_as_configured() {
    let plain = operator(Rules::default());
    assert!(read(&plain, json!({ "iss": "anyone" })).is_ok());
    for aud in [json!("chat"), json!(["chat"])] {
        assert_eq!(read(&plain, json!({ "aud": aud })), Err(Denied::Invalid), "for somebody else");
    }
    let rules = Rules { issuer: "us".into(), audience: "chat".into(), leeway_ms: 0 };
    let strict = operator(rules);
    for (iss, aud, good) in [
        (json!("us"), json!("chat"), true),
        (json!("us"), json!(["shop", "chat"]), true),
        (json!("them"), json!("chat"), false),
        (json!(null), json!("chat"), false),
        (json!("us"), json!("shop"), false),
        (json!("us"), json!(["shop"]), false),
        (json!("us"), json!([]), false),
        (json!("us"), json!(null), false),
    ] {
        let result = read(&strict, json!({ "iss": iss, "aud": aud }));
        assert_eq!(result.is_ok(), good, "{iss} {aud}: {result:?}");
    }
}

#[test]
fn what_must_be_understood_and_isn_t_makes_a_token_invalid() {
    let operator = operator(Rules::default());
    let mut header = Header::new(Algorithm::HS256);
    header.crit = Some(vec!["b64".to_owned()]);
    let token = sign(&header, &json!({ "sub": "ada", "exp": 1_060 }));
    assert_eq!(operator.look_at(&token, NOW), Err(Denied::Invalid));
}
