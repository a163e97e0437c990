//! The REST half.

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

    /// `GET` as somebody.
    pub async fn get(&self, path: &str, guest: &Guest) -> (u16, Value) {
        answer(path, reqwest::Client::new().get(self.url(path)).bearer_auth(&guest.token)).await
    }

    /// `POST` JSON, as somebody or nobody.
    pub async fn post(
        &self,
        path: &str,
        guest: Option<&Guest>,
        body: &impl Serialize,
    ) -> (u16, Value) {
        let mut request = reqwest::Client::new().post(self.url(path)).json(body);
        if let Some(guest) = guest {
            request = request.bearer_auth(&guest.token);
        }
        answer(path, request).await
    }

    /// `DELETE` as somebody.
    pub async fn delete(&self, path: &str, guest: &Guest) -> (u16, Value) {
        answer(path, reqwest::Client::new().delete(self.url(path)).bearer_auth(&guest.token)).await
    }
}

async fn answer(path: &str, request: reqwest::RequestBuilder) -> (u16, Value) {
    let exchange = async {
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    };
    within(path, exchange).await
}
