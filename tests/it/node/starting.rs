//! What keeps a node from starting, or from writing: a sentence that says what to do, the right exit code, nothing lost.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::json;

use crate::kit::{Server, Shell, binary, eventually};

/// Runs a server that must not come up; gives its exit code and what it said.
fn refused(mut command: Command) -> (i32, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty(), "it said that it runs");
    (output.status.code().unwrap(), said)
}

fn at(data_dir: &Path) -> Command {
    let mut command = binary();
    command.arg("--data-dir").arg(data_dir);
    command
}

#[tokio::test]
async fn what_prevents_a_start_is_said_in_a_sentence() {
    let server = Server::start(Shell::Lean).await;
    let here = tempfile::tempdir().unwrap();

    let (code, said) = refused(at(server.data_dir()));
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("another data directory"), "directory in use: {said}");

    let mut taken = at(here.path());
    taken.args(["--port", &server.address.port().to_string()]);
    let (code, said) = refused(taken);
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("--port"), "port in use: {said}");

    let file = here.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let (code, said) = refused(at(&file));
    assert_eq!(code, 73, "{said}");
    assert!(said.contains("--data-dir"), "a file instead of a directory: {said}");

    let mut unknown = at(here.path());
    unknown.env("CHAT__HTTP__PROT", "80");
    let (code, said) = refused(unknown);
    assert_eq!(code, 64, "{said}");
    assert!(said.to_lowercase().contains("prot"), "an unknown key: {said}");

    let mut open = at(here.path());
    open.envs([
        ("CHAT__PROTOCOL__OPEN_CHANNELS", "true"),
        ("DATABASE_URL", "postgres://127.0.0.1:1/chat"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("KAFKA_BROKERS", "127.0.0.1:1"),
    ]);
    let (code, said) = refused(open);
    assert_eq!(code, 64, "{said}");
    assert!(said.contains("protocol.open_channels: not with a log in Kafka"), "{said}");

    let mut keyless = at(here.path());
    keyless.env("CHAT__AUTH__JWKS_FILE", "nowhere.json");
    let (code, said) = refused(keyless);
    assert_eq!(code, 64, "{said}");
    assert!(said.contains("auth.jwks_file: nowhere.json"), "keys that aren't there: {said}");
    assert!(!here.path().join("chat.db").exists(), "nothing is founded before");

    let database = here.path().join("chat.db");
    std::fs::write(&database, "what is this?".repeat(1000)).unwrap();
    let (code, said) = refused(at(here.path()));
    assert_eq!(code, 74, "{said}");
    assert_eq!(std::fs::read_to_string(&database).unwrap(), "what is this?".repeat(1000));
}

// Root may do anything, so the server runs as somebody else then, from where they may read it.
#[test]
fn a_directory_without_permission_is_said_with_73() {
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = place.path().join("chat-server");
    std::fs::copy(binary().get_program(), &program).unwrap();
    for (name, mode) in [("unreadable", 0o000), ("unwritable", 0o555)] {
        let data_dir = place.path().join(name);
        std::fs::create_dir(&data_dir).unwrap();
        std::fs::set_permissions(&data_dir, PermissionsExt::from_mode(mode)).unwrap();
        let mut command = Command::new(&program);
        command.env("PORT", "0").arg("--data-dir").arg(&data_dir);
        if std::fs::write(data_dir.join("probe"), "").is_ok() {
            command.uid(65534).gid(65534);
        }
        let (code, said) = refused(command);
        assert_eq!(code, 73, "{said}");
        assert!(said.contains(name) && said.contains("Permission denied"), "{said}");
    }
}

// On a file system of its own that somebody else fills up.
#[tokio::test]
async fn a_full_disk_refuses_honestly_and_loses_nothing() {
    let data_dir = Arc::new(tempfile::tempdir().unwrap());
    let script = "mount -t tmpfs -o size=16m tmpfs \"$1\" && exec \"$0\" --data-dir \"$1\"";
    let mut command = binary();
    let program = command.get_program().to_owned();
    let environment: Vec<_> =
        command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
    command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script]);
    command.arg(program).arg(data_dir.path()).envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("CHAT__LIMITS__ENABLED", "false");
    let server = Server::spawn(command, data_dir.clone(), Vec::new()).await;

    // Its mount can be reached through its process.
    let mount = format!("/proc/{}/root{}", server.pid(), data_dir.path().display());
    let ballast = Path::new(&mount).join("ballast");
    let mut author = server.client("Author").await;
    let mut acked = vec![author.say("general", "before").await];
    while std::fs::write(&ballast, vec![1; 64 * 1024 * 1024]).is_ok() {}
    let text = "x".repeat(16_000);
    let refusal = eventually("sends are refused", async || {
        let n = acked.len();
        match author.say_as("general", &format!("c{n}"), &text).await {
            Ok(id) => {
                acked.push(id);
                None
            }
            Err(refusal) => Some(refusal),
        }
    })
    .await;
    assert_eq!((refusal.code, refusal.temporary), (400, true));
    let page =
        author.rpc("history.page", json!({ "room": "general", "limit": 200 })).await.unwrap();
    assert_eq!(page["head"], acked.len() + 1, "reading goes on");

    std::fs::remove_file(&ballast).unwrap();
    let n = acked.len();
    acked.push(
        eventually("sends go on by themselves", async || {
            author.say_as("general", &format!("c{n}"), &text).await.ok()
        })
        .await,
    );
    // As after kill -9: what is on the disk, opened by another process.
    let copy = Arc::new(tempfile::tempdir().unwrap());
    for entry in std::fs::read_dir(&mount).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let mut again = at(copy.path());
    again.env("CHAT__LIMITS__ENABLED", "false");
    let again = Server::spawn(again, copy, Vec::new()).await;
    let (_, page) = again.get("/api/rooms/general/messages?after=1&limit=200", &author.guest).await;
    let ids = page["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), acked);
}
