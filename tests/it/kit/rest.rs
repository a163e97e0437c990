//! The REST half.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Server, within};

/// Who a client is.
#[derive(Clone, Debug)]
pub struct Guest {
    pub id: String,
    pub name: String,
    pub token: String,
}

impl Guest {
    /// A new guest.
    pub async fn make(server: &Server, name: &str) -> Self {
        let (status, body) = server.post("/api/guests", None, &json!({ "name": name })).await;
        assert_eq!(status, 201, "{body}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { id: text(&body["user"]["id"]), name: name.to_owned(), token: text(&body["token"]) }
    }
}

/// What a request was answered with.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null where it is not JSON.
    pub body: Value,
}

impl Answer {
    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    /// Where a path of this server is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The body of a GET that must succeed.
    pub async fn get_text(&self, path: &str) -> String {
        let get = async { reqwest::get(self.url(path)).await.unwrap().text().await.unwrap() };
        within(path, get).await
    }

    /// A request as `shape` makes it.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        shape: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Answer {
        let request = shape(reqwest::Client::new().request(method, self.url(path)));
        let exchange = async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, headers, body: response.json().await.unwrap_or(Value::Null) }
        };
        within(path, exchange).await
    }

    /// `GET` as somebody.
    pub async fn get(&self, path: &str, guest: &Guest) -> (u16, Value) {
        self.exchange(Method::GET, path, |it| it.bearer_auth(&guest.token)).await
    }

    /// `POST` JSON, as somebody or nobody.
    pub async fn post(
        &self,
        path: &str,
        guest: Option<&Guest>,
        body: &impl Serialize,
    ) -> (u16, Value) {
        let shape = |it: RequestBuilder| match guest {
            Some(guest) => it.json(body).bearer_auth(&guest.token),
            None => it.json(body),
        };
        self.exchange(Method::POST, path, shape).await
    }

    /// `PATCH` with JSON, as somebody.
    pub async fn patch(&self, path: &str, guest: &Guest, body: &impl Serialize) -> (u16, Value) {
        self.exchange(Method::PATCH, path, |it| it.json(body).bearer_auth(&guest.token)).await
    }

    /// `PUT` JSON, as somebody.
    pub async fn put(&self, path: &str, guest: &Guest, body: &impl Serialize) -> (u16, Value) {
        self.exchange(Method::PUT, path, |it| it.json(body).bearer_auth(&guest.token)).await
    }

    /// `DELETE` as somebody.
    pub async fn delete(&self, path: &str, guest: &Guest) -> (u16, Value) {
        self.exchange(Method::DELETE, path, |it| it.bearer_auth(&guest.token)).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        shape: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> (u16, Value) {
        let Answer { status, body, .. } = self.ask(method, path, shape).await;
        (status, body)
    }
}
