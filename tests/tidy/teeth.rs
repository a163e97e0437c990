//! tests/teeth.txt: every mutant has its point in the server and its row in the page, and every test that is named exists.

use std::collections::BTreeSet;

use super::lex::places;
use super::source::{files, read};

const TABLE: &str = "tests/teeth.txt";
const PAGE: &str = "docs/TEETH.md";

/// Layers whose lines name tests.
const TESTS: &[&str] = &["unit", "ports", "node", "holds", "variant"];

fn mutants(table: &str) -> BTreeSet<String> {
    let begins = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase());
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    table.lines().filter(begins).map(name).collect()
}

/// Those that the server can make: `mutants::is("name")`.
fn points() -> BTreeSet<String> {
    let mut points = BTreeSet::new();
    for file in files("src", "rs") {
        for at in places(&file.text, "mutants::is(") {
            let name = file.text[at..].split('"').nth(1).unwrap_or_default();
            points.insert(name.to_owned());
        }
    }
    points
}

/// The rows of the page's table, which is its end.
fn rows() -> Vec<String> {
    let page = read(PAGE);
    let table = page.split_once("| mutant | what is wrong |").map_or("", |(_, table)| table);
    table.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect()
}

#[test]
fn every_mutant_has_its_point_and_its_row() {
    let mutants = mutants(&read(TABLE));
    assert!(mutants.len() >= 15, "{TABLE} has {mutants:?}");
    assert_eq!(points(), mutants, "the points in src/, and {TABLE}");
    let rows: BTreeSet<String> =
        rows().iter().filter_map(|row| Some(row.split('`').nth(1)?.to_owned())).collect();
    assert_eq!(rows, mutants, "the rows of {PAGE}, and {TABLE}: run dev/mutants --write");
}

#[test]
fn only_tests_are_built_with_mutants_and_faults() {
    let mut manifests = files("crates", "toml");
    manifests.push(super::source::File { path: "Cargo.toml".to_owned(), text: read("Cargo.toml") });
    let mut users = 0;
    for manifest in manifests {
        let mut section = "";
        for line in manifest.text.lines() {
            section = if line.starts_with('[') { line } else { section };
            if ["\"mutants\"", "\"faults\""].iter().any(|feature| line.contains(feature)) {
                assert_eq!(section, "[dev-dependencies]", "{}: {line}", manifest.path);
                users += 1;
            }
            assert!(section != "[features]" || !line.starts_with("default"), "{line}");
        }
    }
    assert!(users >= 2, "tests have them");
}

#[test]
fn every_mutant_is_for_two_layers_and_names_what_it_breaks() {
    let table = read(TABLE);
    for mutant in table.split("\n\n").filter(|part| !part.starts_with('#')) {
        let words = || mutant.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(' '));
        let mut layers: Vec<_> = words().map(|(layer, _)| layer).collect();
        assert!(layers.contains(&"breaks"), "{mutant}");
        layers.retain(|layer| *layer != "breaks");
        // The model's two ways are one layer.
        let layers: BTreeSet<_> =
            layers.iter().map(|layer| if *layer == "variant" { "holds" } else { layer }).collect();
        assert!(layers.len() >= 2, "{mutant}");
        let known = |layer: &&str| TESTS.contains(layer) || *layer == "crash";
        assert!(layers.iter().all(known), "{mutant}");
    }
}

#[test]
fn the_page_says_that_every_mutant_was_caught_by_two_layers() {
    for row in rows() {
        assert!(row.matches("| caught ").count() >= 2, "{row}");
    }
}
