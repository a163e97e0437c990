//! When the store can't be read: everyone is told so, truthfully, and comes back.

use std::io::Write;
use std::path::{Path, PathBuf};

use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use super::rest::assert_problem;
use crate::kit::{Client, Refusal, Server, Shell, eventually};

const UNAVAILABLE: Refusal = Refusal { code: 400, temporary: true };

/// Turns what is stored into noise; gives what it was.
fn spoil(server: &Server) -> Vec<(PathBuf, Vec<u8>)> {
    let files = ["chat.db", "chat.db-wal"].map(|name| server.data_dir().join(name));
    let whole = files.map(|path| (path.clone(), std::fs::read(path).unwrap()));
    for (path, bytes) in &whole {
        overwrite(path, &vec![0x5A; bytes.len()]);
    }
    whole.into()
}

/// In place, as the server has it open.
fn overwrite(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[rstest]
#[tokio::test]
async fn who_can_t_be_looked_up_now_is_told_to_try_again(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    let server = Server::start(shell).await;
    let guest = server.guest("Ada").await;
    let whole = spoil(&server);
    let mut client = Client::open(&server, &guest).await;
    let me = server.ask(Method::GET, "/api/me", |it| it.bearer_auth(&guest.token));
    let connect = client.call("connect", json!({ "token": guest.token }));
    let (me, connected) = tokio::join!(me, connect);
    assert_problem(&me, 400, "by REST");
    assert_eq!(connected, Err(Refusal { code: 100, temporary: true }));
    client.send_text("{}").await;
    assert_eq!(client.closed().await.0, 3501, "nothing may follow");
    for (path, bytes) in whole {
        overwrite(&path, &bytes);
    }
    let retry = async || Client::try_connect(server.address, &guest).await;
    let mut again = eventually("the store can be read again", retry).await;
    // Not every connection to the store need have noticed yet.
    let said = async || again.say_as("general", "here-again", "here-again").await.ok();
    eventually("the store can be written again", said).await;
}

// While a client catches up: its place is lost, its connection isn't.
#[rstest]
#[tokio::test]
async fn a_page_that_can_t_be_read_ends_the_subscription_with_2500(
    #[values(Shell::Lean, Shell::Actors)] shell: Shell,
) {
    const SAID: usize = 300;
    let server = Server::start(shell).await;
    let mut author = server.client("Ada").await;
    let text = "x".repeat(16_000);
    for n in 0..SAID {
        author.say_as("general", &format!("c{n}"), &text).await.unwrap();
    }
    let mut reader = server.client("Bob").await;
    let reply = reader.resume("general", "", 1).await.unwrap();
    let mut seen = reply["publications"].as_array().unwrap().len();
    spoil(&server);
    let ended = loop {
        let push = reader.push().await;
        if let Some(why) = push.get("unsubscribe") {
            break why.clone();
        }
        seen += 1;
        assert_eq!(push["pub"]["offset"], 1 + seen);
    };
    assert_eq!(ended, json!({ "code": 2500, "reason": "insufficient state" }));
    assert!(seen < SAID, "all of it was read before");
    let page = json!({ "room": "general" });
    assert_eq!(reader.rpc("history.page", page).await, Err(UNAVAILABLE), "and so is whatever else");
    reader.send_text(r#"{"id":900,"rpc":{"method":"nothing"}}"#).await;
    assert_eq!(reader.result(900, "rpc").await.unwrap_err().code, 104, "the connection goes on");
}
