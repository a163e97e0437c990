//! `/openapi.json`: the REST half as an OpenAPI 3.1 document, made of the route table and the types that it names.
//!
//! The table mounts what it describes, and schemas follow the serde attributes of the very types that are read and written
//! (schemars). A library that describes handlers in attributes beside them, as utoipa does, would leave both to care.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chat_protocol::{ErrorCode, RoomId, UserId};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::error::{Problem, json};
use super::operation::{Asker, Content, Operation, Shape};
use super::routes;

static DOCUMENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| chat_protocol::json::encode(&describe(routes::table())));

/// `GET /openapi.json`
pub async fn serve() -> HttpResponse {
    json(StatusCode::OK, DOCUMENT.clone())
}

/// This document, as it describes itself.
pub struct Document;

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "Document".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "required": ["openapi", "info", "paths"] })
    }
}

/// Types as they are read, and as they are written: what may be left out differs.
struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|it| {
                it.definitions_path = "/components/schemas".into();
                it.meta_schema = None;
            })
        };
        Self {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
        }
    }

    /// Those that have names. One that is read and written is the same both ways, as a test sees.
    fn named(mut self) -> Map<String, Value> {
        let mut named = self.read.take_definitions(true);
        named.extend(self.written.take_definitions(true));
        named
    }
}

/// The document of these operations.
fn describe(operations: Vec<Operation>) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for it in operations {
        let method = it.method.as_str().to_ascii_lowercase();
        paths.entry(it.path).or_default().insert(method, operation(&it, &mut schemas));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Scalable Chat",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything that isn't live. The live half is the Centrifuge client protocol v2 over a WebSocket.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas.named(),
            "securitySchemes": {
                "user": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "server": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
            },
        },
    })
}

fn operation(it: &Operation, schemas: &mut Schemas) -> Value {
    let mut described = json!({ "summary": it.summary, "responses": responses(it, schemas) });
    let security = match it.asker {
        Asker::Anyone => json!([]),
        Asker::User => json!([{ "user": [] }]),
        Asker::Server => json!([{ "server": [] }]),
    };
    described["security"] = security;
    let mut parameters = in_path(it.path, schemas);
    parameters.extend(it.query.map(|shape| in_query(shape, schemas)).unwrap_or_default());
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(shape) = it.body {
        let schema = shape(&mut schemas.read);
        described["requestBody"] = json!({
            "required": !it.body_optional,
            "content": { "application/json": { "schema": schema } },
        });
    }
    described
}

/// What stands in braces. A user may also be `me`.
fn in_path(path: &str, schemas: &mut Schemas) -> Vec<Value> {
    let names = path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let schema = match name {
            "room" => schemas.read.subschema_for::<RoomId>(),
            _ => {
                let user = schemas.read.subschema_for::<UserId>();
                json_schema!({ "anyOf": [user, { "const": "me" }] })
            }
        };
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    };
    names.map(parameter).collect()
}

/// The fields of an object; none of a query has to be there.
fn in_query(shape: Shape, schemas: &mut Schemas) -> Vec<Value> {
    let object = shape(&mut schemas.read);
    let fields = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    fields.map(|(name, schema)| json!({ "name": name, "in": "query", "schema": schema })).collect()
}

fn responses(it: &Operation, schemas: &mut Schemas) -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, content) in &it.answers {
        let reason = StatusCode::from_u16(*status).ok().and_then(|it| it.canonical_reason());
        let mut response = json!({ "description": reason.unwrap_or_default() });
        match content {
            Content::Json(shape) => {
                let schema = shape(&mut schemas.written);
                response["content"] = json!({ "application/json": { "schema": schema } });
            }
            Content::Text => response["content"] = json!({ "text/plain": {} }),
            Content::Nothing => {}
        }
        responses.insert(status.to_string(), response);
    }
    let mut refusals: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    // What may be refused may fail, too; and what varies in a path may be malformed.
    let fails = (!it.refusals.is_empty()).then_some(ErrorCode::Internal);
    let varies = it.path.contains('{').then_some(ErrorCode::BadRequest);
    for code in it.refusals.iter().copied().chain(fails).chain(varies) {
        let names = refusals.entry(code.http()).or_default();
        if !names.contains(&code.name()) {
            names.push(code.name());
        }
    }
    for (status, names) in refusals {
        let problem = schemas.written.subschema_for::<Problem>();
        let content = json!({ "application/problem+json": { "schema": problem } });
        let response = responses.entry(status.to_string()).or_insert_with(|| json!({}));
        response["description"] = names.join(", ").into();
        response["content"]["application/problem+json"] =
            content["application/problem+json"].clone();
    }
    responses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_written_has_one_schema() {
        let mut schemas = Schemas::new();
        for it in routes::table() {
            operation(&it, &mut schemas);
        }
        let read = schemas.read.take_definitions(true);
        let written = schemas.written.take_definitions(true);
        assert!(read.contains_key("RoomKind") && written.contains_key("RoomKind"));
        for (name, schema) in read {
            assert_eq!(written.get(&name).unwrap_or(&schema), &schema, "{name}");
        }
    }
}
