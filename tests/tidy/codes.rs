//! The wire: one table of codes on both sides, and no change without its document.

use std::collections::BTreeMap;

use super::source::read;

const TABLES: &str = "crates/chat-protocol/src/codes.rs";
const CLIENT_TABLES: &str = "static/protocol/codes.js";
const DOCUMENT: &str = "docs/PROTOCOL.md";

/// What defines the wire, in the order of the checksum.
const WIRE: &[&str] = &[
    "crates/chat-protocol/src/client.rs",
    "crates/chat-protocol/src/server.rs",
    "crates/chat-protocol/src/json/commands.rs",
    "crates/chat-protocol/src/json/replies.rs",
    "crates/chat-protocol/src/protobuf/messages.rs",
    "crates/chat-protocol/src/protobuf/requests.rs",
    "crates/chat-protocol/src/protobuf/commands.rs",
    "crates/chat-protocol/src/protobuf/replies.rs",
    "crates/chat-protocol/src/codes.rs",
    "crates/chat-protocol/src/event.rs",
    "crates/chat-protocol/src/hint.rs",
];

/// What follows the first `opening` of `text`, up to the first `closing` after it.
fn between<'a>(text: &'a str, opening: &str, closing: &str) -> &'a str {
    let begin = text.find(opening).unwrap_or_else(|| panic!("no {opening:?}")) + opening.len();
    let end = text[begin..].find(closing).unwrap_or_else(|| panic!("no {closing:?}"));
    &text[begin..begin + end]
}

/// The rows of a Rust table: `100 Internal "internal" …;`.
fn server_table(name: &str) -> BTreeMap<u32, String> {
    let text = read(TABLES);
    let rows = between(&text, &format!("\n{name}! {{\n"), "\n}").lines().map(|row| {
        let code = row.split_whitespace().next().and_then(|code| code.parse().ok());
        let name = row.split('"').nth(1);
        code.zip(name).map(|(code, name)| (code, name.to_owned()))
    });
    rows.map(|row| row.unwrap_or_else(|| panic!("{TABLES}: a row of {name} is no row"))).collect()
}

/// The rows of a table of the web client: `internal: 100,`.
fn client_table(name: &str) -> BTreeMap<u32, String> {
    let text = read(CLIENT_TABLES);
    let table = between(&text, &format!("export const {name} = Object.freeze({{\n"), "\n})");
    let rows = table.lines().map(str::trim).filter(|row| !row.starts_with("//")).map(|row| {
        let (name, code) = row.strip_suffix(',')?.split_once(": ")?;
        Some((code.parse().ok()?, name.to_owned()))
    });
    rows.map(|row| row.unwrap_or_else(|| panic!("{CLIENT_TABLES}: a row of {name} is no row")))
        .collect()
}

#[test]
fn the_web_client_knows_the_servers_codes() {
    for (server, client) in [("error_codes", "ERROR_CODES"), ("close_codes", "CLOSE_CODES")] {
        let server = server_table(server);
        assert!(server.len() > 10, "{TABLES}: the table was not understood");
        assert_eq!(client_table(client), server, "{CLIENT_TABLES} differs from {TABLES}");
    }
}

#[test]
fn the_document_lists_every_code() {
    let document = read(DOCUMENT);
    let mut missing = Vec::new();
    for table in ["error_codes", "close_codes"] {
        for (code, name) in server_table(table) {
            let listed = document.lines().filter(|line| line.starts_with('|')).any(|line| {
                let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
                cells.any(|cell| cell == code.to_string()) && line.contains(&name)
            });
            if !listed {
                missing.push(format!("{code} {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{DOCUMENT} has no table row for {missing:#?}");
}

/// FNV-1a over 64 bits: enough to notice a change, and short enough to be ours.
fn checksum(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[test]
fn the_wire_does_not_change_without_its_document() {
    let wire: String = WIRE.iter().map(|path| read(path)).collect();
    let expected = format!("<!-- wire: {:016x} -->", checksum(wire.bytes()));
    assert!(
        read(DOCUMENT).contains(&expected),
        "{WIRE:?} changed: read through {DOCUMENT}, say there what is different now, \
         and then let it carry this line:\n{expected}"
    );
}

#[test]
fn the_checksum_is_fnv_1a() {
    assert_eq!(checksum(b"".iter().copied()), 0xcbf2_9ce4_8422_2325);
    assert_eq!(checksum(b"foobar".iter().copied()), 0x8594_4171_f739_67e8);
}
