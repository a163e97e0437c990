//! The REST side of the server, as far as setting a scene and reading history need it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use chat_checker::Counted;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A client of one server, with its keep-alive connections. Not for use across threads.
pub struct Rest {
    address: SocketAddr,
    idle: RefCell<Vec<SendRequest<Full<Bytes>>>>,
}

/// A guest that the server made for us.
#[derive(Clone, Debug)]
pub struct Guest {
    pub token: String,
    pub user: String,
}

impl Rest {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: RefCell::default() }
    }

    /// Makes a guest.
    ///
    /// # Errors
    /// As for every request here: the server is away, slow, or says no.
    pub async fn guest(&self, name: &str) -> Result<Guest> {
        let body = json!({ "name": name });
        let made = self.ask(Method::POST, "/api/guests", None, Some(&body)).await?;
        Ok(Guest {
            token: text(&made, "/token")?.to_owned(),
            user: text(&made, "/user/id")?.to_owned(),
        })
    }

    /// Makes a public room, whose owner and first member is `owner`; returns its id.
    ///
    /// # Errors
    /// As above.
    pub async fn room(&self, owner: &Guest, name: &str) -> Result<String> {
        let client_id = uuid::Uuid::now_v7().to_string();
        let body = json!({ "name": name, "kind": "public", "client_id": client_id });
        let made = self.ask(Method::POST, "/api/rooms", Some(owner), Some(&body)).await?;
        Ok(text(&made, "/id")?.to_owned())
    }

    /// Makes `guest` a member of a public room.
    ///
    /// # Errors
    /// As above.
    pub async fn join(&self, guest: &Guest, room: &str) -> Result<()> {
        let path = format!("/api/rooms/{room}/members");
        self.ask(Method::POST, &path, Some(guest), Some(&json!({}))).await.map(drop)
    }

    /// The page of a room's history after an offset: `{events, next?, epoch, head}` as JSON text.
    ///
    /// # Errors
    /// As above.
    pub async fn page(&self, reader: &Guest, room: &str, after: u64) -> Result<Bytes> {
        let path = format!("/api/rooms/{room}/messages?after={after}&limit=200");
        self.fetch(Method::GET, &path, Some(reader), None).await
    }

    /// Says that `member` has read a room up to a place.
    ///
    /// # Errors
    /// As above.
    pub async fn mark(&self, member: &Guest, room: &str, offset: u64) -> Result<()> {
        let path = format!("/api/rooms/{room}/read");
        self.ask(Method::PUT, &path, Some(member), Some(&json!({ "offset": offset })))
            .await
            .map(drop)
    }

    /// What a member is told of a room: its last offset, the place up to which they have read, how much is unread.
    ///
    /// # Errors
    /// As above.
    pub async fn counted(&self, member: &Guest, room: &str) -> Result<Counted> {
        let told = self.ask(Method::GET, &format!("/api/rooms/{room}"), Some(member), None).await?;
        let number = |key: &str| {
            let found = told[key].as_u64();
            found.with_context(|| format!("no {key} in {told}"))
        };
        Ok(Counted { head: number("head")?, mark: number("read")?, unread: number("unread")? })
    }

    /// Revokes all tokens of a guest, as they may themselves.
    ///
    /// # Errors
    /// As above.
    pub async fn revoke_own(&self, guest: &Guest) -> Result<()> {
        self.ask(Method::POST, "/api/tokens/revoke", Some(guest), Some(&json!({}))).await.map(drop)
    }

    /// Whether the server says that it is ready.
    pub async fn is_ready(&self) -> bool {
        self.fetch(Method::GET, "/health/ready", None, None).await.is_ok()
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        who: Option<&Guest>,
        body: Option<&Value>,
    ) -> Result<Value> {
        let answer = self.fetch(method, path, who, body).await?;
        serde_json::from_slice(&answer).with_context(|| format!("{path} answers no JSON"))
    }

    async fn fetch(
        &self,
        method: Method,
        path: &str,
        who: Option<&Guest>,
        body: Option<&Value>,
    ) -> Result<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("content-type", "application/json");
        if let Some(guest) = who {
            request = request.header("authorization", format!("Bearer {}", guest.token));
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let request = request.body(Full::new(body))?;
        let answer = timeout(ANSWER_WITHIN, self.exchange(request)).await;
        let (status, body) = answer.with_context(|| format!("{path}: no answer in time"))??;
        if !status.is_success() {
            bail!("{path}: {status} {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        let mut connection = self.connection().await?;
        let response = connection.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        self.idle.borrow_mut().push(connection);
        Ok((status, body))
    }

    /// A connection that is kept alive and still open, else a new one.
    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>> {
        loop {
            let Some(mut kept) = self.idle.borrow_mut().pop() else { break };
            if kept.ready().await.is_ok() {
                return Ok(kept);
            }
        }
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(socket)).await?;
        // The driver ends with the connection; its error is the request's error as well.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> Result<&'v str> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.with_context(|| format!("no {pointer} in {value}"))
}
