//! Unpacking an archive that anybody may have made: into memory, within limits, and nothing but files and folders below
//! its own root.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// How many entries an archive may have.
const ENTRIES: usize = 2000;
/// Bytes of all files together, unpacked; with what the archive itself takes.
const BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of a path.
const PATH: usize = 255;
/// Of these texts an operator sees what has changed.
const SHOWN_TEXT: usize = 64 * 1024;
const SHOWN: usize = 512 * 1024;
const SHOWN_FILES: usize = 300;

/// The files of an archive by their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    files: BTreeMap<String, Vec<u8>>,
}

impl Archive {
    /// Unpacks a tar archive that is packed with gzip.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Problem> {
        // What is not counted as a file's bytes takes room, too.
        let unpacked = MultiGzDecoder::new(bytes).take(2 * BYTES);
        let mut archive = tar::Archive::new(unpacked);
        let mut files = BTreeMap::new();
        let mut left = BYTES;
        let entries = archive.entries().map_err(|error| unreadable(&error))?;
        for (number, entry) in entries.enumerate() {
            let mut entry = entry.map_err(|error| unreadable(&error))?;
            if number >= ENTRIES {
                return Err(too_much(sentence!(
                    "The archive has more than {number} entries.",
                    number = ENTRIES
                )));
            }
            let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let kind = entry.header().entry_type();
            match kind {
                EntryType::Directory | EntryType::XGlobalHeader => continue,
                EntryType::Regular | EntryType::Continuous => {}
                EntryType::Link | EntryType::Symlink => {
                    return Err(refused(sentence!(
                        "The archive holds the link `{shown}`, and could lead out of its folder by it.",
                        shown
                    ))
                    .hint(sentence!(
                        "Put a copy of the file in the link's place: archives hold files and folders only."
                    )));
                }
                _ => {
                    return Err(refused(sentence!(
                        "The archive holds `{shown}`, which is neither a file nor a folder.",
                        shown
                    ))
                    .hint(sentence!(
                        "Leave it out: archives hold files and folders only."
                    )));
                }
            }
            let path = std::str::from_utf8(&entry.path_bytes())
                .ok()
                .and_then(inside)
                .ok_or_else(|| {
                    refused(sentence!(
                        "The archive holds the path `{shown}`, which is not below its own folder.",
                        shown
                    ))
                    .hint(sentence!(
                        "Pack the folder itself: `tar -czf shop.tar.gz shop`. Paths are relative and have no `..`."
                    ))
                })?;
            let mut content = Vec::new();
            let mut limited = (&mut entry).take(left + 1);
            limited
                .read_to_end(&mut content)
                .map_err(|error| unreadable(&error))?;
            left = left.checked_sub(content.len() as u64).ok_or_else(|| {
                too_much(sentence!(
                    "The archive is larger than {number} MiB, unpacked.",
                    number = BYTES / 1024 / 1024
                ))
            })?;
            if files.insert(path, content).is_some() {
                return Err(
                    refused(sentence!("The archive holds `{shown}` twice.", shown))
                        .hint(sentence!("Pack it anew, each file once.")),
                );
            }
        }
        if files.is_empty() {
            return Err(refused(sentence!("The archive holds no files."))
                .hint(sentence!("Check that the URL leads to the right archive.")));
        }
        Ok(Self { files })
    }

    /// The one folder that holds everything.
    pub(super) fn top(&self) -> Option<&str> {
        let (first, _) = self.files.first_key_value()?.0.split_once('/')?;
        let mut paths = self.files.keys();
        let is_top = |path: &String| path.split_once('/').is_some_and(|(top, _)| top == first);
        paths.all(is_top).then_some(first)
    }

    /// A file's text.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        let bytes = self.files.get(path)?;
        std::str::from_utf8(bytes).ok()
    }

    /// The texts that are worth showing, within limits.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut left = SHOWN;
        let texts = self.files.keys().filter_map(|path| {
            let text = self.text(path)?;
            let is_shown = text.len() <= SHOWN_TEXT && !text.contains('\0');
            is_shown.then_some((path.as_str(), text))
        });
        texts
            .take_while(move |(_, text)| {
                let rest = left.checked_sub(text.len());
                left = rest.unwrap_or_default();
                rest.is_some()
            })
            .take(SHOWN_FILES)
    }

    /// Whether any file in a folder holds a text.
    pub(super) fn mentions(&self, folder: &str, text: &str) -> bool {
        let mut files = self.files.iter();
        files.any(|(path, bytes)| {
            path.starts_with(folder)
                && bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
        })
    }

    /// Writes all files below a folder that is empty.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        for (path, bytes) in &self.files {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, bytes)?;
        }
        Ok(())
    }
}

/// A path without `.`; none where it leads out of its folder, or where not all systems would read it alike.
fn inside(path: &str) -> Option<String> {
    let is_odd = path.len() > PATH || path.chars().any(|next| next.is_control() || next == '\\');
    if is_odd {
        return None;
    }
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn refused(message: Sentence) -> Problem {
    Problem::new(Code::ManifestArchive, message)
}

fn too_much(message: Sentence) -> Problem {
    refused(message).hint(sentence!(
        "Check that the URL leads to the right archive, and leave out of it what the manifests do not need."
    ))
}

fn unreadable(error: &io::Error) -> Problem {
    refused(sentence!("The archive cannot be read: {error}.", error)).hint(sentence!(
        "Give the URL of a tar archive that is packed with gzip (.tgz or .tar.gz)."
    ))
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
