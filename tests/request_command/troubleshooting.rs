//! docs/troubleshooting.md has a row for every error there is, and none for one that is not.

use std::{collections::BTreeSet, fs, path::Path};

/// What is in the tables besides the enums whose names end in `Error`.
const ALSO: [&str; 7] = ["ErrorKind", "JsonErrorKind", "Phase", "Policy", "Resource", "Limit", "Unsupported"];

/// Every public enum of errors in the source, with its variants, in no order.
fn enums(folder: &Path, found: &mut Vec<(String, BTreeSet<String>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            enums(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut lines = text.lines();
            while let Some(line) = lines.next() {
                let Some(name) = line.strip_prefix("pub enum ").and_then(|rest| rest.split([' ', '<']).next()) else {
                    continue;
                };
                if !name.ends_with("Error") && !ALSO.contains(&name) {
                    continue;
                }
                let body = lines.by_ref().take_while(|line| *line != "}");
                let is_variant = |line: &&str| line.starts_with("    ") && line[4..].starts_with(char::is_uppercase);
                let name_of = |line: &str| line[4..].split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned();
                let variants = body.filter(is_variant).map(name_of).collect();
                found.push((name.to_owned(), variants));
            }
        }
    }
}

/// The tables of the page whose first heading is the name of an enum, with the names in their first column.
fn tables(page: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut tables: Vec<(String, BTreeSet<String>)> = Vec::new();
    let mut is_table = false;
    for line in page.lines() {
        match line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            Some(name) if !is_table => tables.push((name.to_owned(), BTreeSet::new())),
            Some(name) => {
                if let Some((_, names)) = tables.last_mut() {
                    assert!(names.insert(name.to_owned()), "{name} is there twice");
                }
            }
            None => {}
        }
        is_table = line.starts_with('|');
        if line.starts_with("| |") {
            tables.push((String::new(), BTreeSet::new())); // a table of something else
        }
    }
    tables.retain(|(name, _)| !name.is_empty());
    tables
}

#[test]
fn every_error_has_its_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    enums(&root.join("src"), &mut found);
    assert!(found.len() >= 20, "{found:?}");
    let tables = tables(&fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap());
    let mut faults = Vec::new();
    for (name, variants) in &found {
        match tables.iter().find(|(table, _)| table == name) {
            None => faults.push(format!("{name} has no table")),
            Some((_, rows)) => {
                faults.extend(variants.difference(rows).map(|variant| format!("{name}::{variant} has no row")));
                faults.extend(rows.difference(variants).map(|row| format!("{name}::{row} is no more")));
            }
        }
    }
    for (table, _) in &tables {
        if !found.iter().any(|(name, _)| name == table) {
            faults.push(format!("{table} is no more"));
        }
    }
    assert!(faults.is_empty(), "docs/troubleshooting.md:\n{}", faults.join("\n"));
}
