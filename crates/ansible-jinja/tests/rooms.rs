//! The folders of the source use one another in one direction only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[test]
fn no_room_uses_what_uses_it() {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(Path::new("src")) {
        let inner = file.strip_prefix("src").unwrap();
        let first = inner.iter().next().unwrap().to_str().unwrap();
        let room = first.trim_end_matches(".rs").to_owned();
        if room == "lib" || first.ends_with("_tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod").next().unwrap();
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for rest in line.split("crate::").skip(1) {
                let names = rest
                    .strip_prefix('{')
                    .map_or(vec![rest], |all| all.split(", ").collect());
                for name in names {
                    let end = name.find(|next: char| !next.is_alphanumeric() && next != '_');
                    let used = &name[..end.unwrap_or(name.len())];
                    let path = Path::new("src").join(used);
                    let is_room = path.is_dir() || path.with_extension("rs").is_file();
                    if is_room && used != room {
                        uses.entry(room.clone())
                            .or_default()
                            .insert(used.to_owned());
                    }
                }
            }
        }
    }
    assert!(uses.len() > 10, "{uses:?}");
    // Whatever uses only what is gone can go, until nothing is left.
    while !uses.is_empty() {
        let free: BTreeSet<String> = uses
            .values()
            .flatten()
            .filter(|used| !uses.contains_key(*used))
            .cloned()
            .collect();
        uses.values_mut()
            .for_each(|used| used.retain(|used| !free.contains(used)));
        let before = uses.len();
        uses.retain(|_, used| !used.is_empty());
        assert!(
            uses.len() < before,
            "these use one another in a circle: {uses:#?}"
        );
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}
