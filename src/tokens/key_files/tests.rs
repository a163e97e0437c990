use super::*;

const OWN: &[u8] = b"what guests' tokens are signed with";

fn secret(text: &str) -> (tempfile::TempDir, Vec<(Kind, PathBuf)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, text).unwrap();
    (folder, vec![(Kind::HmacSecret, path)])
}

/// The secrets as keys, at a time.
fn now(files: &mut KeyFiles, now_ms: u64) -> Vec<Vec<u8>> {
    let bytes = |key: &Key| key.decode.try_get_as_bytes().unwrap().to_vec();
    files.keys(now_ms).iter().map(bytes).collect()
}

#[test]
fn keys_are_exchanged_and_a_file_that_is_broken_or_gone_keeps_those_of_before() {
    let [a, b, c] = ["a", "b", "c"].map(|letter| letter.repeat(32));
    let (folder, files) = secret(&format!("{a}\r\n"));
    let path = folder.path().join("key");
    let mut files = KeyFiles::open(files).unwrap();
    assert_eq!(now(&mut files, 5_000), [a.as_bytes()], "without its line end");
    // Of the same length, and perhaps within the grain of the file system's clock.
    std::fs::write(&path, format!("{b}\r\n")).unwrap();
    assert_eq!(now(&mut files, 5_999), [a.as_bytes()], "looked at a moment ago");
    assert_eq!(now(&mut files, 6_000), [b.as_bytes()]);
    std::fs::write(&path, "short").unwrap();
    assert_eq!(now(&mut files, 7_000), [b.as_bytes()]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(now(&mut files, 8_000), [b.as_bytes()]);
    std::fs::create_dir(&path).unwrap();
    assert_eq!(now(&mut files, 9_000), [b.as_bytes()]);
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, &c).unwrap();
    assert_eq!(now(&mut files, 3_000), [c.as_bytes()], "a clock that was set back");
}

#[test]
fn a_change_is_told_once() {
    let (folder, files) = secret(&"a".repeat(32));
    let path = folder.path().join("key");
    let mut file = KeyFiles::open(files).unwrap().files.remove(0);
    assert!(matches!(file.look(OWN), Ok(false)));
    for broken in ["short", "shorter"] {
        std::fs::write(&path, broken).unwrap();
        assert!(matches!(file.look(OWN), Err(Problem::Key(_))));
        assert!(matches!(file.look(OWN), Ok(false)));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(file.look(OWN), Err(Problem::Read(_))));
    assert!(matches!(file.look(OWN), Ok(false)));
    std::fs::write(&path, "a".repeat(32)).unwrap();
    assert!(matches!(file.look(OWN), Ok(true)));
}

#[test]
fn a_file_that_can_t_be_used_is_named_by_its_option() {
    let (folder, missing) = secret("short");
    let error = |files| KeyFiles::open(files).err().unwrap().to_string();
    assert!(error(missing).starts_with("auth.hmac_secret_file: "));
    let path = folder.path().join("nowhere");
    let said = error(vec![(Kind::Jwks, path)]);
    assert!(said.contains("auth.jwks_file") && said.contains("nowhere"), "{said}");
    let (_folder, huge) = secret(&"x".repeat(1 + (1 << 20)));
    assert!(error(huge).contains("mebibyte"));
}

#[test]
fn what_guests_tokens_are_signed_with_can_t_be_an_operators_key() {
    let own = std::str::from_utf8(OWN).unwrap();
    let (_folder, files) = secret(&format!("{own}\n"));
    let error = KeyFiles::open(files).unwrap().without(OWN).err().unwrap().to_string();
    assert!(error.contains("draw another"), "{error}");
    let (folder, files) = secret(&"a".repeat(32));
    let mut files = KeyFiles::open(files).unwrap().without(OWN).unwrap();
    std::fs::write(folder.path().join("key"), own).unwrap();
    assert_eq!(now(&mut files, 5_000), ["a".repeat(32).as_bytes()], "nor become one");
}
