use serde_json::{Value, json};

use super::*;

const RSA: &[u8] = include_bytes!("../../../tests/keys/rsa.pub.pem");

fn set(keys: Value) -> Result<Vec<(Option<String>, Algorithm)>, Unusable> {
    let keys = keys_of_set(json!({ "keys": keys }).to_string().as_bytes())?;
    Ok(keys.into_iter().map(|key| (key.kid, key.algorithm)).collect())
}

/// A key of 32 bytes, which is a point on the curve.
fn ed25519(kid: &str) -> Value {
    let public = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": URL_SAFE_NO_PAD.encode(public) })
}

fn rsa() -> Value {
    let key = RsaPublicKey::from_public_key_pem(std::str::from_utf8(RSA).unwrap()).unwrap();
    let part = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    json!({ "kty": "RSA", "n": part(key.n()), "e": part(key.e()) })
}

#[test]
fn a_public_key_in_pem_decides_its_algorithm() {
    for (pem, algorithm) in [
        (RSA, Algorithm::RS256),
        (include_bytes!("../../../tests/keys/rsa.pkcs1.pem"), Algorithm::RS256),
        (include_bytes!("../../../tests/keys/ed25519.pub.pem"), Algorithm::EdDSA),
    ] {
        assert_eq!(Key::from_pem(pem).ok().map(|key| key.algorithm), Some(algorithm));
    }
}

#[test]
fn what_is_no_key_or_too_weak_a_one_is_said() {
    let why = |key: Result<Key, Unusable>| key.err().map(|unusable| unusable.0).unwrap_or_default();
    let ec = include_bytes!("../../../tests/keys/ec.pub.pem");
    let weak = include_bytes!("../../../tests/keys/rsa-1024.pub.pem");
    let private = include_bytes!("../../../tests/keys/rsa.pem");
    assert_eq!(why(Key::from_pem(ec)), "no public key in PEM, of RSA or Ed25519");
    assert_eq!(why(Key::from_pem(b"")), "no public key in PEM, of RSA or Ed25519");
    assert_eq!(
        why(Key::from_pem(&RSA[..RSA.len() / 2])),
        "no public key in PEM, of RSA or Ed25519"
    );
    assert!(why(Key::from_pem(weak)).contains("2048"));
    assert!(why(Key::from_pem(private)).contains("private"));
    assert!(why(Key::from_secret(&[1; 31])).contains("32 bytes"));
    assert!(why(Key::from_secret(RSA)).contains("public_key_file"), "a public key is no secret");
}

#[test]
fn a_set_has_a_key_for_each_kid_and_what_is_not_for_us_is_passed_over() {
    let secret =
        json!({ "kty": "oct", "kid": "c", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode([1; 32]) });
    let other = |mut key: Value, field: &str, value: &str| {
        key[field] = value.into();
        key
    };
    let keys = json!([
        ed25519("a"),
        rsa(),
        secret,
        { "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" },
        { "kty": "OKP", "crv": "X25519", "x": "AA" },
        other(rsa(), "use", "enc"),
        other(rsa(), "alg", "RS512"),
        other(secret.clone(), "alg", "HS512"),
        { "kty": "something new", "with": 7 },
    ]);
    let expected = [
        (Some("a".to_owned()), Algorithm::EdDSA),
        (None, Algorithm::RS256),
        (Some("c".to_owned()), Algorithm::HS256),
    ];
    assert_eq!(set(keys), Ok(expected.to_vec()));
}

#[test]
fn a_set_with_a_broken_key_is_broken() {
    let broken = |key: Value, field: &str, value: Value| {
        let mut key = key;
        key[field] = value;
        json!([ed25519("good"), key])
    };
    let short = URL_SAFE_NO_PAD.encode([1; 31]);
    for keys in [
        json!([]),
        json!([{ "kty": "EC" }]),
        json!([ed25519("a"), ed25519("a")]),
        json!([{ "kid": "a" }]),
        broken(ed25519("b"), "x", Value::Null),
        broken(ed25519("b"), "x", "not base64!".into()),
        broken(ed25519("b"), "x", short.clone().into()),
        broken(rsa(), "n", short.clone().into()),
        broken(rsa(), "n", Value::Null),
        broken(rsa(), "e", "AA".into()),
        broken(json!({ "kty": "oct" }), "k", short.into()),
    ] {
        assert!(set(keys.clone()).is_err(), "{keys}");
    }
    assert!(keys_of_set(b"").is_err() && keys_of_set(b"[]").is_err());
    let many: Vec<_> = (0..101).map(|n| ed25519(&n.to_string())).collect();
    assert!(set(json!(many[..100])).is_ok() && set(json!(many)).is_err());
}
