use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chat_services::{Durability, Error, Postgres};

#[test]
fn what_was_committed_is_there_after_kill_9() {
    let mut postgres = Postgres::start(Durability::Durable).unwrap();
    let url = postgres.create_database("chat").unwrap();
    assert_eq!(url, format!("postgres://postgres@127.0.0.1:{}/chat", postgres.port()));
    postgres.query("chat", "CREATE TABLE t (n int)").unwrap();
    postgres.query("chat", "INSERT INTO t SELECT generate_series(1, 1000)").unwrap();

    postgres.kill().unwrap();
    assert!(matches!(postgres.kill(), Err(Error::NotRunning { .. })));
    postgres.query("chat", "SELECT 1").unwrap_err();
    postgres.start_again().unwrap();
    assert_eq!(postgres.query("chat", "SELECT count(*) FROM t").unwrap(), "1000");
    assert_eq!(postgres.query("chat", "SHOW fsync").unwrap(), "on");
    postgres.start_again().unwrap_err();

    postgres.stop().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", postgres.port())).unwrap();
    assert!(matches!(postgres.start_again(), Err(Error::AddressInUse { .. })));
    drop(listener);
    postgres.start_again().unwrap();
    assert_eq!(postgres.query("chat", "SELECT count(*) FROM t").unwrap(), "1000");
}

#[test]
fn a_paused_server_answers_when_it_is_resumed() {
    let mut postgres = Postgres::start(Durability::Quick).unwrap();
    let database = postgres.create_database("it's \"quoted\"").unwrap();
    assert!(database.ends_with("it's \"quoted\""));
    assert!(matches!(postgres.create_database("postgres"), Err(Error::Refused { .. })));

    postgres.pause().unwrap();
    postgres.pause().unwrap();
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let url = postgres.url();
        scope.spawn(move || tell.send(is_ready(&url)));
        // It connects, and waits for an answer that can't come.
        let answer = told.recv_timeout(Duration::from_millis(300));
        assert_eq!(answer, Err(mpsc::RecvTimeoutError::Timeout));
        postgres.resume();
        assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(true));
    });
    assert_eq!(postgres.query("postgres", "SELECT 1 + 1").unwrap(), "2");

    // Paused, it can be killed all the same, and what is dropped is gone.
    postgres.pause().unwrap();
    postgres.kill().unwrap();
    postgres.start_again().unwrap();
    postgres.pause().unwrap();
    let pid = postgres.pid().unwrap();
    drop(postgres);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

/// Does the server take a connection, however long that may take?
fn is_ready(url: &str) -> bool {
    let mut psql = std::process::Command::new("psql");
    psql.args([url, "-X", "-q", "-c", "SELECT 1"]).output().unwrap().status.success()
}
