//! `/members`: joining, adding, leaving, removing.

use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_problem, assert_refused};
use crate::kit::{Guest, Server, Shell};

struct Scene {
    server: Server,
    owner: Guest,
    ada: Guest,
    bob: Guest,
}

impl Scene {
    async fn set() -> Self {
        let server = Server::start(Shell::Lean).await;
        let (owner, ada, bob) =
            (server.guest("Owner").await, server.guest("Ada").await, server.guest("Bob").await);
        Self { server, owner, ada, bob }
    }

    async fn room(&self, kind: &str) -> String {
        let create = json!({ "name": "Tea", "kind": kind });
        let (_, room) = self.server.post("/api/rooms", Some(&self.owner), &create).await;
        room["id"].as_str().unwrap().to_owned()
    }

    async fn add(&self, room: &str, who: &Guest, body: &Value) -> (u16, Value) {
        self.server.post(&format!("/api/rooms/{room}/members"), Some(who), body).await
    }

    async fn remove(&self, room: &str, who: &Guest, whom: &str) -> (u16, Value) {
        self.server.delete(&format!("/api/rooms/{room}/members/{whom}"), who).await
    }

    async fn members(&self, room: &str) -> Vec<String> {
        let (_, list) = self.server.get(&format!("/api/rooms/{room}/members"), &self.owner).await;
        let name = |it: &Value| it["name"].as_str().unwrap().to_owned();
        list["items"].as_array().unwrap().iter().map(name).collect()
    }
}

#[tokio::test]
async fn one_joins_and_leaves_by_oneself() {
    let scene = Scene::set().await;
    let tea = scene.room("public").await;
    let path = format!("/api/rooms/{tea}/members");
    // Without a body, with an empty object, with one's own name; again and again.
    let token = &scene.ada.token;
    let bare = scene.server.ask(Method::POST, &path, |it| it.bearer_auth(token)).await;
    assert_eq!((bare.status, &bare.body["role"]), (200, &json!("member")), "{bare:?}");
    for body in [json!({}), json!({ "user": null }), json!({ "user": scene.ada.id, "x": 1 })] {
        assert_eq!(scene.add(&tea, &scene.ada, &body).await, (200, bare.body.clone()), "{body}");
    }
    assert_eq!(scene.members(&tea).await, ["Ada", "Owner"]);
    for whom in ["me", "me", &scene.ada.id] {
        assert_eq!(scene.remove(&tea, &scene.ada, whom).await, (200, json!({})));
        assert_eq!(scene.members(&tea).await, ["Owner"]);
    }
    scene.add(&tea, &scene.ada, &json!({ "user": scene.ada.id })).await;
    assert_eq!(scene.remove(&tea, &scene.ada, &scene.ada.id).await, (200, json!({})));
    assert_eq!(scene.members(&tea).await, ["Owner"]);
    let history = scene.server.history(&tea, &scene.ada).await;
    let kinds: Vec<_> = history[2..].iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["member.joined", "member.removed", "member.joined", "member.removed"]);
}

#[tokio::test]
async fn an_owner_adds_and_removes() {
    let scene = Scene::set().await;
    for kind in ["public", "private"] {
        let room = scene.room(kind).await;
        for _ in 0..2 {
            let body = json!({ "user": scene.ada.id });
            let (status, seen) = scene.add(&room, &scene.owner, &body).await;
            assert_eq!((status, &seen["member_count"]), (200, &json!(2)), "{seen}");
            assert_eq!(seen["role"], "owner", "as the owner sees it");
        }
        for _ in 0..2 {
            let (status, seen) = scene.remove(&room, &scene.owner, &scene.ada.id).await;
            assert_eq!((status, &seen["member_count"]), (200, &json!(1)), "{seen}");
        }
        let history = scene.server.history(&room, &scene.owner).await;
        let last = history.last().unwrap();
        assert_eq!((&last["reason"], &last["user"]["name"]), (&json!("removed"), &json!("Owner")));
        assert_eq!(last["member"], json!({ "id": scene.ada.id, "name": "Ada" }));
        assert_eq!(scene.remove(&room, &scene.owner, "me").await, (200, json!({})), "and may go");
    }
}

#[tokio::test]
async fn each_refusal_about_a_member_has_its_status() {
    let scene = Scene::set().await;
    let (tea, den) = (scene.room("public").await, scene.room("private").await);
    let Scene { owner, ada, bob, .. } = &scene;
    scene.add(&tea, ada, &json!({})).await;
    for (room, who, body, code) in [
        (tea.as_str(), ada, json!({ "user": bob.id }), 103),
        (&tea, bob, json!({ "user": ada.id }), 103),
        (&den, bob, json!({}), 103),
        (&den, bob, json!({ "user": ada.id }), 402),
        (&tea, owner, json!({ "user": "nobody" }), 107),
        (&tea, owner, json!({ "user": "" }), 107),
        (&tea, owner, json!({ "user": "me" }), 107),
        (&tea, owner, json!({ "user": 7 }), 107),
        ("nowhere", owner, json!({}), 401),
        ("a%20b", owner, json!({}), 107),
    ] {
        let refused = scene.add(room, who, &body).await;
        assert_refused(&refused, code, &format!("{} adds {body} to {room}", who.name));
    }
    for (room, who, whom, code) in [
        (tea.as_str(), ada, owner.id.as_str(), 103),
        (&tea, bob, &ada.id, 103),
        (&den, bob, &owner.id, 402),
        (&tea, owner, "nobody", 107),
        (&tea, owner, "%00", 107),
        ("general", ada, "me", 103),
        ("general", owner, &ada.id, 103),
        ("nowhere", ada, "me", 401),
    ] {
        let refused = scene.remove(room, who, whom).await;
        assert_refused(&refused, code, &format!("{} removes {whom} from {room}", who.name));
    }
    assert_eq!(scene.members(&tea).await, ["Ada", "Owner"], "nothing came of it");
    assert_eq!(scene.members(&den).await, ["Owner"]);
    let (status, general) = scene.add("general", ada, &json!({ "user": bob.id })).await;
    assert_eq!((status, &general["head"]), (200, &json!(1)), "everyone is in `general` already");
}

// A body that can't be read says nothing about who is meant, least of all "me".
#[tokio::test]
async fn a_malformed_body_joins_nobody() {
    let scene = Scene::set().await;
    let tea = scene.room("public").await;
    let path = format!("/api/rooms/{tea}/members");
    for body in [
        "{",
        "null",
        "[]",
        "[null]",
        "{}{}",
        "\"me\"",
        "user",
        " ",
        "{\"user\":[]}",
        "{\"user\":\"\\ud800\"}",
        "{\"user\":\"a\",\"user\":\"b\"}",
        "\u{feff}{}",
    ] {
        let shape = |it: reqwest::RequestBuilder| {
            it.bearer_auth(&scene.ada.token).header("content-type", "application/json").body(body)
        };
        let answer = scene.server.ask(Method::POST, &path, shape).await;
        assert_problem(&answer, 107, body);
    }
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(64 * 1024));
    let answer = scene
        .server
        .ask(Method::POST, &path, |it| it.bearer_auth(&scene.ada.token).body(large))
        .await;
    assert_problem(&answer, 107, "more than 64 KiB");
    assert_eq!(scene.members(&tea).await, ["Owner"]);
}
