//! `examples/embed.rs`: the chat within somebody's own application.

use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::json;

use crate::kit::tokens::{Signer, keep};
use crate::kit::{Client, Server};

/// The example, built if it isn't: a run of this test alone doesn't build examples.
fn example() -> Command {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--example", "embed"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(build.unwrap().success());
    let mut folder = std::env::current_exe().unwrap();
    while folder.file_name().is_some_and(|name| name != "deps") {
        folder.pop();
    }
    let mut command = Command::new(folder.with_file_name("examples").join("embed"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn an_application_that_embeds_the_chat_has_all_of_it() {
    let data_dir = Arc::new(tempfile::tempdir().unwrap());
    let mut command = example();
    command.envs([("PORT", "0"), ("CHAT__HTTP__HOST", "127.0.0.1"), ("CHAT__HTTP__DRAIN_S", "1")]);
    command.env("DATA_DIR", data_dir.path());
    let secret = "a secret of the application around it";
    let file = keep(data_dir.path(), "accounts.key", secret);
    command.env("CHAT__AUTH__HMAC_SECRET_FILE", file);
    let mut server = Server::spawn(command, data_dir, Vec::new()).await;
    assert!(server.get_text("/").await.starts_with("This page is the application's own."));
    let mut reader = server.client("Reader").await;
    let top = reader.subscribe("general").await["offset"].as_u64().unwrap();
    let mut author = server.client("Author").await;
    let id = author.say("general", "hello").await;
    let event = reader.event().await;
    assert_eq!((&event["offset"], &event["id"]), (&json!(top + 1), &json!(id)));
    let history = server.history("general", &author.guest).await;
    assert_eq!(history.last(), Some(&event));

    let ada = Signer::secret(secret.as_bytes()).user("ada", "Ada");
    Client::connect(&server, &ada).await.say("general", "from-the-application").await;
    assert_eq!(reader.event().await["user"], json!({ "id": "ada", "name": "Ada" }));

    server.terminate();
    assert_eq!(reader.closed().await.0, 3001);
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
}
