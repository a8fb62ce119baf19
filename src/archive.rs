//! Unpacking an archive that anybody may have made: into memory, within limits, and nothing but files and folders below
//! its own root. What is in one has an address, too: the archive's with its path behind `#`.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use percent_encoding::percent_decode_str;
use tar::EntryType;
use url::Url;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// How the names of archives end.
const NAMED: [&str; 3] = [".tar.gz", ".tgz", ".zip"];
/// How zip archives begin; those without entries begin otherwise.
const ZIP: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
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

/// Whether a path or a URL's path is that of an archive.
pub fn is_named(path: &str) -> bool {
    NAMED.iter().any(|end| path.ends_with(end))
}

/// The address of something in an archive, given by the address of the archive or of a folder in it, and by its path there.
pub fn below(folder: &Url, path: &str) -> Url {
    let mut url = folder.clone();
    let path = path.replace('%', "%25");
    url.set_fragment(Some(&match folder.fragment() {
        None | Some("") => path,
        Some(folder) => format!("{folder}/{path}"),
    }));
    url
}

/// The path in an archive to which an address leads; empty where it names none.
pub fn path_within(url: &Url) -> Option<String> {
    let fragment = url.fragment().unwrap_or_default();
    let path = percent_decode_str(fragment).decode_utf8_lossy();
    is_named(url.path()).then(|| path.trim_matches('/').to_owned())
}

impl Archive {
    /// Unpacks a zip archive, or a tar archive that is packed with gzip.
    ///
    /// # Errors
    /// Where it is none, holds what is neither a file nor a folder of its own, or more than the limits.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Problem> {
        let mut unpacking = Unpacking::default();
        match ZIP.iter().any(|start| bytes.starts_with(start)) {
            true => unpacking.zip(bytes)?,
            false => unpacking.tar(bytes)?,
        }
        if unpacking.files.is_empty() {
            return Err(refused(sentence!("The archive holds no files."))
                .hint(sentence!("Check that the URL leads to the right archive.")));
        }
        Ok(Self {
            files: unpacking.files,
        })
    }

    /// The one folder that holds everything.
    pub fn top(&self) -> Option<&str> {
        let (first, _) = self.files.first_key_value()?.0.split_once('/')?;
        let mut paths = self.files.keys();
        let is_top = |path: &String| path.split_once('/').is_some_and(|(top, _)| top == first);
        paths.all(is_top).then_some(first)
    }

    /// A file's text.
    pub fn text(&self, path: &str) -> Option<&str> {
        let bytes = self.files.get(path)?;
        std::str::from_utf8(bytes).ok()
    }

    /// A file by its path below the one folder that holds everything, where there is such a folder.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        let found = match self.top() {
            Some(top) => self.files.get(&format!("{top}/{path}")),
            None => self.files.get(path),
        };
        found.map(Vec::as_slice)
    }

    /// The texts that are worth showing, within limits.
    pub fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
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
    pub fn mentions(&self, folder: &str, text: &str) -> bool {
        let mut files = self.files.iter();
        files.any(|(path, bytes)| {
            path.starts_with(folder)
                && bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
        })
    }

    /// Writes all files below a folder that is empty.
    ///
    /// # Errors
    /// Where one cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
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

/// The files that were unpacked by now, and how much more there may be.
struct Unpacking {
    files: BTreeMap<String, Vec<u8>>,
    left: u64,
    entries: usize,
}

impl Default for Unpacking {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            left: BYTES,
            entries: 0,
        }
    }
}

impl Unpacking {
    fn tar(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        // What is not counted as a file's bytes takes room, too.
        let unpacked = MultiGzDecoder::new(bytes).take(2 * BYTES);
        let mut archive = tar::Archive::new(unpacked);
        for entry in archive.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            self.count()?;
            let path = entry.path_bytes().into_owned();
            let shown = String::from_utf8_lossy(&path);
            match entry.header().entry_type() {
                EntryType::Directory | EntryType::XGlobalHeader => continue,
                EntryType::Regular | EntryType::Continuous => {}
                EntryType::Link | EntryType::Symlink => return Err(link(&shown)),
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
            self.file(&path, &mut entry)?;
        }
        Ok(())
    }

    fn zip(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let unreadable = |error: ZipError| unreadable(error.into());
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(unreadable)?;
            self.count()?;
            let path = entry.name_raw().to_owned();
            if entry.is_symlink() {
                return Err(link(&String::from_utf8_lossy(&path)));
            }
            if !entry.is_dir() {
                self.file(&path, &mut entry)?;
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Problem> {
        self.entries += 1;
        match self.entries > ENTRIES {
            true => Err(too_much(sentence!(
                "The archive has more than {number} entries.",
                number = ENTRIES
            ))),
            false => Ok(()),
        }
    }

    fn file(&mut self, path: &[u8], content: impl Read) -> Result<(), Problem> {
        let shown = String::from_utf8_lossy(path);
        let path = std::str::from_utf8(path)
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
        let mut bytes = Vec::new();
        let mut limited = content.take(self.left + 1);
        limited.read_to_end(&mut bytes).map_err(unreadable)?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            too_much(sentence!(
                "The archive is larger than {number} MiB, unpacked.",
                number = BYTES / 1024 / 1024
            ))
        })?;
        match self.files.insert(path, bytes) {
            None => Ok(()),
            Some(_) => Err(
                refused(sentence!("The archive holds `{shown}` twice.", shown))
                    .hint(sentence!("Pack it anew, each file once.")),
            ),
        }
    }
}

fn link(shown: &str) -> Problem {
    refused(sentence!(
        "The archive holds the link `{shown}`, and could lead out of its folder by it.",
        shown
    ))
    .hint(sentence!(
        "Put a copy of the file in the link's place: archives hold files and folders only."
    ))
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

fn unreadable(error: io::Error) -> Problem {
    refused(sentence!("The archive cannot be read: {error}.", error)).hint(sentence!(
        "Give the URL of a tar archive that is packed with gzip (.tgz or .tar.gz), or of a zip archive (.zip)."
    ))
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
