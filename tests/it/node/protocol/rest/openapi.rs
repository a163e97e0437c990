//! `/openapi.json` against the server that serves it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::kit::{Answer, Guest, Server, Shell};

/// The document of the REST half in prose.
const PROSE: &str = "docs/PROTOCOL.md";

/// The document, with its objects closed: what an answer carries beyond its schema is a lie by omission.
struct Document(Value);

impl Document {
    async fn of(server: &Server) -> Self {
        let answer = server.ask(Method::GET, "/openapi.json", |it| it).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        let mut document = answer.body;
        close(&mut document);
        Self(document)
    }

    /// Every operation: method and path.
    fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let all = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        });
        all.collect()
    }

    /// Fails unless the operation says that it may answer so.
    fn check(&self, method: &Method, path: &str, answer: &Answer) {
        let method = method.as_str().to_lowercase();
        let response = &self.0["paths"][path][&method]["responses"][answer.status.to_string()];
        let media = answer.header("content-type").split(';').next().unwrap_or_default();
        let what = format!("{method} {path}: {} {media} {}", answer.status, answer.body);
        assert!(response.is_object(), "not documented: {what}");
        let Some(content) = response["content"].as_object() else { return };
        let schema = content.get(media).unwrap_or_else(|| panic!("not documented: {what}"));
        if let Some(schema) = schema.get("schema") {
            let mut schema = schema.clone();
            schema["components"] = self.0["components"].clone();
            let schema = jsonschema::validator_for(&schema).unwrap();
            let errors: Vec<_> =
                schema.iter_errors(&answer.body).map(|it| it.to_string()).collect();
            assert!(errors.is_empty(), "{what}: {errors:#?}");
        }
    }
}

/// Closes every object whose properties are known, but for what puts them together of several.
fn close(value: &mut Value) {
    match value {
        Value::Object(it) => {
            it.values_mut().for_each(close);
            if it.get("properties").is_some_and(Value::is_object) && it.contains_key("type") {
                close_one(it);
            }
        }
        Value::Array(it) => it.iter_mut().for_each(close),
        _ => {}
    }
}

fn close_one(object: &mut Map<String, Value>) {
    let Some(branches) = object.remove("oneOf") else {
        object.insert("additionalProperties".into(), false.into());
        return;
    };
    // A flattened enum: each of its branches is an object with what all have.
    let common = object.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut branches = branches;
    for branch in branches.as_array_mut().unwrap() {
        branch["properties"].as_object_mut().unwrap().extend(common.clone());
        branch["additionalProperties"] = false.into();
    }
    object.insert("oneOf".into(), branches);
}

/// A request with what it needs, under the path that the document has for it.
struct Asked {
    method: Method,
    path: &'static str,
    /// In place of the names in braces.
    filled: String,
    body: Value,
}

fn asked(method: Method, path: &'static str, room: &str, body: Value) -> Asked {
    Asked { method, path, filled: path.replace("{room}", room).replace("{user}", "me"), body }
}

/// A story in which every operation below `/api` that a user has succeeds once.
fn story(room: &str) -> Vec<Asked> {
    vec![
        asked(Method::POST, "/api/guests", room, json!({ "name": "Eve" })),
        asked(Method::POST, "/api/tokens/refresh", room, json!({})),
        asked(Method::GET, "/api/me", room, json!({})),
        asked(Method::PATCH, "/api/me", room, json!({ "name": "Ada L." })),
        asked(Method::GET, "/api/rooms", room, json!({})),
        asked(Method::POST, "/api/rooms", room, json!({ "name": "Mate", "kind": "private" })),
        asked(Method::GET, "/api/rooms/{room}", room, json!({})),
        asked(Method::PATCH, "/api/rooms/{room}", room, json!({ "topic": "green" })),
        asked(Method::GET, "/api/rooms/{room}/members", room, json!({})),
        asked(Method::POST, "/api/rooms/{room}/members", room, json!({})),
        asked(
            Method::POST,
            "/api/rooms/{room}/messages",
            room,
            json!({ "client_id": "1", "text": "hi" }),
        ),
        asked(
            Method::POST,
            "/api/rooms/{room}/messages",
            room,
            json!({ "client_id": "1", "text": "hi" }),
        ),
        asked(Method::PUT, "/api/rooms/{room}/read", room, json!({ "offset": 1 })),
        asked(Method::GET, "/api/rooms/{room}/messages", room, json!({})),
        asked(Method::DELETE, "/api/rooms/{room}/members/{user}", room, json!({})),
        asked(Method::GET, "/api/rooms/{room}/messages", room, json!({})),
        asked(Method::GET, "/openapi.json", room, json!({})),
        asked(Method::GET, "/health/live", room, json!({})),
        asked(Method::GET, "/health/ready", room, json!({})),
        asked(Method::GET, "/metrics", room, json!({})),
        asked(Method::GET, "/connection/websocket", room, json!({})),
        asked(Method::POST, "/api/tokens/revoke", room, json!({})),
    ]
}

async fn ask(server: &Server, it: &Asked, guest: Option<&Guest>, key: &str) -> Answer {
    let shape = |request: reqwest::RequestBuilder| {
        let request = request.header("x-api-key", key);
        let request = guest.map_or_else(
            || request.try_clone().unwrap(),
            |guest| request.try_clone().unwrap().bearer_auth(&guest.token),
        );
        if it.method == Method::GET { request } else { request.json(&it.body) }
    };
    server.ask(it.method.clone(), &it.filled, shape).await
}

#[tokio::test]
async fn the_openapi_document_says_what_the_server_does() {
    let open_channels = ("CHAT__PROTOCOL__OPEN_CHANNELS", "true");
    let server = Server::with(Shell::Lean, &[open_channels]).await;
    let document = Document::of(&server).await;
    let guest = server.guest("Ada").await;
    let (status, room) =
        server.post("/api/rooms", Some(&guest), &json!({ "name": "Tea", "kind": "public" })).await;
    assert_eq!(status, 201, "{room}");
    let room = room["id"].as_str().unwrap();
    let key = std::fs::read_to_string(server.data_dir().join("api-key")).unwrap();
    let mut story = story(room);
    let data = json!({ "channel": "news", "data": [1] });
    story.push(asked(Method::POST, "/api/publish", room, data));
    for path in ["/api/disconnect", "/api/revoke"] {
        story.push(asked(Method::POST, path, room, json!({ "user": guest.id })));
    }
    let asked: BTreeSet<_> =
        story.iter().map(|it| (it.method.to_string(), it.path.to_owned())).collect();
    assert_eq!(document.operations(), asked, "what is documented, and what this test asks");

    for it in &story {
        let answer = ask(&server, it, Some(&guest), key.trim()).await;
        let expected = if it.path == "/connection/websocket" { 400 } else { 200 };
        assert!(
            answer.status / 100 == expected / 100,
            "{} {}: {} {}",
            it.method,
            it.path,
            answer.status,
            answer.body
        );
        document.check(&it.method, it.path, &answer);
    }
    // Refusals are as documented: without a token, with nonsense, of a room that isn't there.
    let other = server.guest("Bob").await;
    for it in &story {
        let nonsense = Asked {
            method: it.method.clone(),
            path: it.path,
            filled: it.path.replace("{room}", "n%20o").replace("{user}", "%00"),
            body: json!([]),
        };
        let nowhere = Asked { filled: it.filled.replace(room, "nowhere"), ..asked_again(it) };
        for (asked, guest, key) in [
            (it, None, ""),
            (&nonsense, Some(&other), key.trim()),
            (&nowhere, Some(&other), key.trim()),
        ] {
            // The last of the story is revocation: of Bob's own tokens too, who then is nobody.
            document.check(&it.method, it.path, &ask(&server, asked, guest, key).await);
        }
    }
}

fn asked_again(it: &Asked) -> Asked {
    Asked {
        method: it.method.clone(),
        path: it.path,
        filled: it.filled.clone(),
        body: it.body.clone(),
    }
}

/// What the document in prose says is below `/api`.
fn told() -> BTreeSet<(String, String)> {
    let prose = std::fs::read_to_string(PROSE).unwrap();
    let rows = prose.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next());
    let calls = rows.filter_map(|call| call.split_once(' '));
    calls
        .filter(|(_, path)| path.starts_with("/api/"))
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect()
}

#[tokio::test]
async fn both_documents_have_the_same_operations() {
    let server = Server::start(Shell::Lean).await;
    let mut described = Document::of(&server).await.operations();
    described.retain(|(_, path)| path.starts_with("/api/"));
    assert_eq!(described, told());
}

#[tokio::test]
async fn the_openapi_document_is_one_whose_references_lead_somewhere() {
    let server = Server::start(Shell::Lean).await;
    let document = server.ask(Method::GET, "/openapi.json", |it| it).await.body;
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = BTreeMap::new();
    collect(&document, &mut references);
    assert!(references.len() > 10, "{references:?}");
    for reference in references.keys() {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in schemas.keys() {
        let reference = format!("#/components/schemas/{name}");
        assert!(references.contains_key(&reference), "nothing is a {name}");
    }
}

fn collect(value: &Value, references: &mut BTreeMap<String, ()>) {
    match value {
        Value::Object(it) => {
            if let Some(Value::String(reference)) = it.get("$ref") {
                references.insert(reference.clone(), ());
            }
            it.values().for_each(|it| collect(it, references));
        }
        Value::Array(it) => it.iter().for_each(|it| collect(it, references)),
        _ => {}
    }
}
