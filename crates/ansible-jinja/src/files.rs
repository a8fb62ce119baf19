//! The files that a template may use beside itself: includes, imports, parents.

use std::collections::BTreeMap;

/// Files by their names, as far as they were looked for. A name is a path below the template's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Option<String>>);

impl Files {
    /// Adds a file's text, or that there is no such file. `name` is one that a rendering asked for.
    pub fn insert(&mut self, name: &str, text: Option<String>) {
        self.0.insert(name.to_owned(), text);
    }

    /// A file's text; within, that there is none; none where nobody looked for it yet.
    pub(crate) fn get(&self, name: &str) -> Option<Option<&str>> {
        self.0.get(name).map(Option::as_deref)
    }

    /// The files that are there, by their names.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.0.iter();
        texts.filter_map(|(name, text)| Some((name.as_str(), text.as_deref()?)))
    }

    /// How many were looked for.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was looked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of all texts.
    pub fn bytes(&self) -> usize {
        self.texts().map(|(_, text)| text.len()).sum()
    }
}

/// The one name of a file, from what a template wrote: Jinja2 drops empty and `.` parts, a leading `/` included, and
/// finds nothing where a part is `..`.
pub(crate) fn normal(name: &str) -> Option<String> {
    let parts: Vec<&str> = name
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    (!parts.is_empty() && !parts.contains(&"..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn a_name_never_leaves_the_folder() {
        assert_eq!(normal("./a//b.j2").as_deref(), Some("a/b.j2"));
        assert_eq!(normal("/etc/passwd").as_deref(), Some("etc/passwd"));
        for outside in ["../a", "a/../../b", "..", "", "/"] {
            assert_eq!(normal(outside), None, "{outside}");
        }
    }
}
