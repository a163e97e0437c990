//! A client of the live protocol that keeps to it and forgets nothing that it was told.

use std::collections::VecDeque;
use std::net::SocketAddr;

use chat_protocol::Format;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use uuid::Uuid;

use super::{Guest, Server, wire, within};

/// An error reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: u64,
    pub temporary: bool,
}

/// A connection and what came over it.
pub struct Client {
    ws: WebSocketStream<TcpStream>,
    pub guest: Guest,
    format: Format,
    next_id: u64,
    /// Whatever came while something else was awaited.
    replies: Vec<Value>,
    pushes: VecDeque<Value>,
    /// What came in the user's own channel, apart from what rooms say.
    hints: VecDeque<Value>,
    /// Code and reason of the close frame, once one came; code 0: the connection just ended.
    closed: Option<(u16, String)>,
    /// What an ack is worth, as the connect reply named it; empty if somebody else read that.
    durability: String,
    pub answers_pings: bool,
}

impl Client {
    /// A WebSocket that has said nothing yet.
    pub async fn open(server: &Server, guest: &Guest) -> Self {
        Self::dial(server.format, server.address, guest).await.expect("a WebSocket opens")
    }

    async fn dial(format: Format, address: SocketAddr, guest: &Guest) -> Option<Self> {
        let url = format!("ws://{address}/connection/websocket");
        let mut request = url.into_client_request().unwrap();
        if format != Format::Json {
            let subprotocol = HeaderValue::from_static(format.subprotocol());
            request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol);
        }
        let dial = async {
            let stream = TcpStream::connect(address).await.ok()?;
            Some(client_async(request, stream).await.ok()?.0)
        };
        Some(Self {
            ws: within("a WebSocket", dial).await?,
            guest: guest.clone(),
            format,
            next_id: 1,
            replies: Vec::new(),
            pushes: VecDeque::new(),
            hints: VecDeque::new(),
            closed: None,
            durability: String::new(),
            answers_pings: true,
        })
    }

    /// Open and connected, if somebody is there who takes us.
    pub async fn try_connect(address: SocketAddr, guest: &Guest) -> Option<Self> {
        let mut client = Self::dial(Format::Json, address, guest).await?;
        let id = client.command("connect", json!({ "token": guest.token })).await;
        let reply = client.reply(id).await?;
        client.durability = reply.get("connect")?["data"]["durability"].as_str()?.to_owned();
        Some(client)
    }

    /// Open, and connected as `guest`.
    pub async fn connect(server: &Server, guest: &Guest) -> Self {
        let mut client = Self::open(server, guest).await;
        let token = json!({ "token": guest.token });
        let reply = client.call("connect", token).await.expect("the connect command succeeds");
        assert_eq!(reply["data"]["user"]["id"], guest.id);
        client.durability = reply["data"]["durability"].as_str().unwrap().to_owned();
        client
    }

    /// Sends commands, written in JSON, in one frame of the client's format.
    pub async fn send(&mut self, commands: impl Into<String>) {
        self.send_message(wire::message(self.format, commands.into())).await;
    }

    /// Sends text as it is.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send_message(Message::text(text.into())).await;
    }

    /// Sends a WebSocket message as it is.
    pub async fn send_message(&mut self, message: Message) {
        let _ = within("the client writes", self.ws.send(message)).await; // a closed one is noticed by reading
    }

    /// The next frame as it came, pings aside; `None` once the connection is over.
    pub async fn frame(&mut self) -> Option<String> {
        loop {
            match within("the server says something", self.ws.next()).await {
                Some(Ok(Message::Text(text))) if text.as_str() != "{}" => {
                    return Some(text.to_string());
                }
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return None,
            }
        }
    }

    /// What the next frame holds, pings aside; `None` once the connection is over.
    pub async fn objects(&mut self) -> Option<Vec<Value>> {
        loop {
            let objects = match within("the server says something", self.ws.next()).await {
                Some(Ok(Message::Text(text))) => wire::parsed(&text),
                Some(Ok(Message::Binary(bytes))) => wire::undelimited(&bytes),
                Some(Ok(_)) => continue,
                None | Some(Err(_)) => return None,
            };
            if objects != [json!({})] {
                return Some(objects);
            }
        }
    }

    /// Sends a command; its reply is asked for later.
    pub async fn command(&mut self, name: &str, body: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(json!({ "id": id, name: body }).to_string()).await;
        id
    }

    /// The result of a command, whose name is that of its result.
    pub async fn result(&mut self, id: u64, name: &str) -> Result<Value, Refusal> {
        match self.reply(id).await {
            Some(reply) => result(&reply, name),
            None => panic!("closed with {:?} before reply {id}", self.closed),
        }
    }

    /// The reply to a command, or `None` if the connection ended first.
    pub async fn reply(&mut self, id: u64) -> Option<Value> {
        loop {
            if let Some(at) = self.replies.iter().position(|reply| reply["id"] == id) {
                return Some(self.replies.swap_remove(at));
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// A command and its result.
    pub async fn call(&mut self, name: &str, body: Value) -> Result<Value, Refusal> {
        let id = self.command(name, body).await;
        self.result(id, name).await
    }

    /// An RPC and its data.
    pub async fn rpc(&mut self, method: &str, data: Value) -> Result<Value, Refusal> {
        let mut result = self.call("rpc", json!({ "method": method, "data": data })).await?;
        Ok(result["data"].take())
    }

    /// Makes a room with these members, and gives its id.
    pub async fn make_room(&mut self, kind: &str, members: &[&Guest]) -> String {
        let members: Vec<&str> = members.iter().map(|guest| guest.id.as_str()).collect();
        let data = json!({ "name": "Tea", "kind": kind, "members": members });
        let room = self.rpc("room.create", data).await.expect("the room is made");
        room["id"].as_str().unwrap().to_owned()
    }

    /// Sends a message under a client id, and gives its id.
    pub async fn say_as(
        &mut self,
        room: &str,
        client_id: &str,
        text: &str,
    ) -> Result<String, Refusal> {
        let data = json!({ "room": room, "client_id": client_id, "text": text });
        let reply = self.rpc("message.send", data).await?;
        if !self.durability.is_empty() {
            assert_eq!(reply["durability"], self.durability, "what the connect reply has named");
        }
        Ok(reply["id"].as_str().unwrap().to_owned())
    }

    /// Sends a message whose text is its client id.
    pub async fn say(&mut self, room: &str, text: &str) -> String {
        self.say_as(room, text, text).await.expect("the message is taken")
    }

    /// Sends a message as clients do, under a client id that tells the time: no log has to look it up.
    pub async fn say_now(&mut self, room: &str, text: &str) -> String {
        let client_id = Uuid::now_v7().to_string();
        self.say_as(room, &client_id, text).await.expect("the message is taken")
    }

    /// Subscribes to a room from now on, and gives its place.
    pub async fn subscribe(&mut self, room: &str) -> Value {
        let channel = json!({ "channel": format!("room:{room}") });
        self.call("subscribe", channel).await.expect("the subscription succeeds")
    }

    /// Subscribes to a room from a place on.
    pub async fn resume(&mut self, room: &str, epoch: &str, offset: u64) -> Result<Value, Refusal> {
        let channel = format!("room:{room}");
        let place =
            json!({ "channel": channel, "recover": true, "epoch": epoch, "offset": offset });
        self.call("subscribe", place).await
    }

    /// The next push.
    pub async fn push(&mut self) -> Value {
        loop {
            if let Some(push) = self.pushes.pop_front() {
                return push;
            }
            assert!(self.read().await, "closed with {:?} instead of a push", self.closed);
        }
    }

    /// The event of the next push, which must be a publication.
    pub async fn event(&mut self) -> Value {
        let mut push = self.push().await;
        assert_eq!(push["pub"]["offset"], push["pub"]["data"]["offset"], "{push}");
        push["pub"]["data"].take()
    }

    /// The texts of the next `count` publications that say something; places must follow on each other from `offset` on.
    pub async fn texts(&mut self, offset: u64, count: usize) -> Vec<String> {
        let (mut texts, mut at) = (Vec::new(), offset);
        while texts.len() < count {
            let event = self.event().await;
            assert_eq!(event["offset"], at, "{event}");
            at += 1;
            if event["type"] != "void" {
                texts.push(event["text"].as_str().unwrap_or_default().to_owned());
            }
        }
        texts
    }

    /// The next hint of what is the user's own.
    pub async fn hint(&mut self) -> Value {
        loop {
            if let Some(mut push) = self.hints.pop_front() {
                assert_eq!(push["channel"], format!("user:{}", self.guest.id));
                assert_eq!(push["pub"].get("offset"), None, "a hint has no place: {push}");
                return push["pub"]["data"].take();
            }
            assert!(self.read().await, "closed with {:?} instead of a hint", self.closed);
        }
    }

    /// Hints that came already.
    pub fn hints(&self) -> &VecDeque<Value> {
        &self.hints
    }

    /// The event of the next tick of presence that is wanted, of whatever room.
    pub async fn tick_where(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let push = self.push().await;
            let event = &push["pub"]["data"];
            if event["type"] == "presence.tick" {
                assert_eq!(push["pub"].get("offset"), None, "a tick has no place: {push}");
                if is_wanted(event) {
                    return event.clone();
                }
            }
        }
    }

    /// Pushes that came already.
    pub fn waiting(&self) -> &VecDeque<Value> {
        &self.pushes
    }

    /// Reads until the server has closed; gives code and reason. Code 0: the connection ended without a word.
    pub async fn closed(&mut self) -> (u16, String) {
        while self.read().await {}
        self.closed.clone().unwrap_or_default()
    }

    /// Asks for something and waits for the answer: whatever the server had sent before is here now.
    pub async fn settle(&mut self) {
        let id = self.command("rpc", json!({ "method": "user.me", "data": {} })).await;
        assert!(self.reply(id).await.is_some(), "closed with {:?}", self.closed);
    }

    /// Stops reading for good: what is sent to it piles up on the way.
    pub fn stop_reading(self) -> Unread {
        Unread(self.ws)
    }

    /// Takes one frame in; `false` once the connection is over.
    async fn read(&mut self) -> bool {
        if self.closed.is_some() {
            return false;
        }
        match within("the server says something", self.ws.next()).await {
            Some(Ok(Message::Text(text))) => self.take(wire::parsed(&text)).await,
            Some(Ok(Message::Binary(bytes))) => self.take(wire::undelimited(&bytes)).await,
            Some(Ok(Message::Close(frame))) => {
                let frame = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                self.closed = Some(frame.unwrap_or_default());
            }
            Some(Ok(_)) => {}
            None | Some(Err(Error::ConnectionClosed | Error::Protocol(_) | Error::Io(_))) => {
                self.closed.get_or_insert_default();
            }
            Some(Err(error)) => panic!("not WebSocket: {error}"),
        }
        true
    }

    async fn take(&mut self, objects: Vec<Value>) {
        for mut object in objects {
            if object == json!({}) {
                if self.answers_pings {
                    self.send("{}").await;
                }
            } else if object.get("id").is_some() {
                self.replies.push(object);
            } else {
                let push = object["push"].take();
                let is_hint = push["channel"].as_str().is_some_and(|it| it.starts_with("user:"));
                if is_hint { &mut self.hints } else { &mut self.pushes }.push_back(push);
            }
        }
    }
}

fn result(reply: &Value, name: &str) -> Result<Value, Refusal> {
    if let Some(error) = reply.get("error") {
        let code = error["code"].as_u64().expect("an error has a code");
        return Err(Refusal { code, temporary: error["temporary"] == true });
    }
    Ok(reply.get(name).unwrap_or_else(|| panic!("no {name} in {reply}")).clone())
}

/// A connection that nobody reads any more.
pub struct Unread(#[expect(dead_code, reason = "held open")] WebSocketStream<TcpStream>);
