//! An operation: what a method of a path does. It mounts the handler and describes it, so there is none without the other.

use actix_web::dev::Handler;
use actix_web::http::Method;
use actix_web::{FromRequest, Responder, Route, web};
use chat_protocol::ErrorCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// How JSON of a type looks.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    Anyone,
    /// The bearer of a token.
    User,
    /// One of the operator's, by its key.
    Server,
}

/// What an answer carries.
#[derive(Clone, Copy)]
pub enum Content {
    Json(Shape),
    Text,
    /// No body: a connection that becomes another.
    Nothing,
}

/// See the module.
pub struct Operation {
    pub method: Method,
    /// As the server is asked, with names of what varies in braces.
    pub path: &'static str,
    pub summary: &'static str,
    pub asker: Asker,
    pub query: Option<Shape>,
    pub body: Option<Shape>,
    /// May the body be left out?
    pub body_optional: bool,
    pub answers: Vec<(u16, Content)>,
    pub refusals: Vec<ErrorCode>,
    pub(super) route: Route,
}

impl Operation {
    /// `handler` at `method` of `path`. Anyone may ask, and nothing is said of what they get.
    pub fn new<F, Args>(
        method: Method,
        path: &'static str,
        handler: F,
        summary: &'static str,
    ) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self {
            route: web::method(method.clone()).to(handler),
            method,
            path,
            summary,
            asker: Asker::Anyone,
            query: None,
            body: None,
            body_optional: false,
            answers: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// For whoever has a token.
    pub fn user(mut self) -> Self {
        self.asker = Asker::User;
        self.refuses(&[ErrorCode::Unauthorized, ErrorCode::TokenExpired, ErrorCode::Unavailable])
    }

    /// For the operator's servers alone.
    pub fn server(mut self) -> Self {
        self.asker = Asker::Server;
        self.refuses(&[ErrorCode::Unauthorized, ErrorCode::NotAvailable, ErrorCode::Unavailable])
    }

    /// What may stand in the query: the fields of `T`.
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self.refuses(&[ErrorCode::BadRequest])
    }

    /// The body: JSON of `T`.
    pub fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(|generator| generator.subschema_for::<T>());
        self.refuses(&[ErrorCode::BadRequest])
    }

    /// The same, for a body that may be left out.
    pub fn body_if_any<T: JsonSchema>(self) -> Self {
        Self { body_optional: true, ..self.body::<T>() }
    }

    /// Answers JSON of `T` under this status.
    pub fn answers<T: JsonSchema>(self, status: u16) -> Self {
        self.gives(status, Content::Json(|generator| generator.subschema_for::<T>()))
    }

    /// Answers so under this status.
    pub fn gives(mut self, status: u16, content: Content) -> Self {
        self.answers.push((status, content));
        self
    }

    /// May refuse with these codes.
    pub fn refuses(mut self, codes: &[ErrorCode]) -> Self {
        self.refusals.extend(codes);
        self
    }
}
