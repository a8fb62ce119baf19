//! Files that were fetched, for the case that their server says that nothing has changed. Bounded by what they take.

use std::sync::Arc;

use indexmap::IndexMap;
use reqwest::header::HeaderValue;

/// Bytes of everything that is remembered together.
const BYTES: usize = 8 * 1024 * 1024;
/// Longer ones are not remembered: a few would leave no room for the others.
const LONGEST: usize = BYTES / 8;
/// How many are remembered: short ones take more than their bytes.
const MOST: usize = 1024;

/// By their URLs, the least recently used first.
#[derive(Default)]
pub struct Remembered {
    files: IndexMap<String, Known>,
    bytes: usize,
}

/// A file and its server's name for it.
#[derive(Clone)]
pub struct Known {
    pub etag: HeaderValue,
    pub content: Arc<[u8]>,
}

impl Remembered {
    /// What is known of a URL; it becomes the most recently used.
    pub fn get(&mut self, url: &str) -> Option<Known> {
        let index = self.files.get_index_of(url)?;
        let last = self.files.len() - 1;
        self.files.move_index(index, last);
        self.files.last().map(|(_, known)| known.clone())
    }

    /// Remembers a file, where it fits.
    pub fn insert(&mut self, url: &str, etag: HeaderValue, content: &[u8]) {
        self.forget(url);
        let known = Known {
            etag,
            content: Arc::from(content),
        };
        let bytes = size(url, &known);
        if bytes > LONGEST {
            return;
        }
        self.bytes += bytes;
        self.files.insert(url.to_owned(), known);
        while self.bytes > BYTES || self.files.len() > MOST {
            let Some((url, known)) = self.files.shift_remove_index(0) else {
                return;
            };
            self.bytes -= size(&url, &known);
        }
    }

    /// What is known of a URL no longer holds.
    pub fn forget(&mut self, url: &str) {
        if let Some(known) = self.files.shift_remove(url) {
            self.bytes -= size(url, &known);
        }
    }
}

fn size(url: &str, known: &Known) -> usize {
    url.len() + known.etag.len() + known.content.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etag(length: usize) -> HeaderValue {
        HeaderValue::from_str(&"e".repeat(length)).unwrap()
    }

    impl Remembered {
        fn held(&self) -> usize {
            let texts = self.files.iter();
            texts.map(|(url, known)| size(url, known)).sum()
        }
    }

    #[test]
    fn however_many_and_long_the_texts_are_they_stay_within_eight_mebibytes() {
        for length in [1024 * 1024 - 100, 1024 * 1024, 16 * 1024 * 1024] {
            let text = "x".repeat(length);
            let mut remembered = Remembered::default();
            for number in 0..256 {
                remembered.insert(
                    &format!("https://a.example/{number}"),
                    etag(3),
                    text.as_bytes(),
                );
                assert!(remembered.held() <= BYTES);
                assert_eq!(remembered.held(), remembered.bytes);
            }
        }
        // Also where the bytes are in the other parts, or there are very many of them.
        let mut remembered = Remembered::default();
        for number in 0..300 {
            let url = format!("https://a.example/{number}?{}", "u".repeat(300_000));
            remembered.insert(&url, etag(300_000), b"");
            assert!(remembered.held() <= BYTES);
        }
        let mut remembered = Remembered::default();
        for number in 0..5000 {
            remembered.insert(&format!("https://a.example/{number}"), etag(3), b"");
        }
        assert_eq!(remembered.files.len(), MOST);
    }

    #[test]
    fn what_is_used_stays_and_what_is_too_long_costs_nobody_else_their_place() {
        let mut remembered = Remembered::default();
        let text = "x".repeat(LONGEST - 100);
        remembered.insert("used", etag(3), text.as_bytes());
        for number in 0..20 {
            remembered.insert(&number.to_string(), etag(3), text.as_bytes());
            assert_eq!(*remembered.get("used").unwrap().content, *text.as_bytes());
        }
        assert!(remembered.get("0").is_none());
        remembered.insert("long", etag(3), "x".repeat(LONGEST + 1).as_bytes());
        assert!(remembered.get("long").is_none());
        assert!(remembered.get("used").is_some());
        // Grown too long: the old text must not come back either.
        remembered.insert("used", etag(3), "x".repeat(LONGEST + 1).as_bytes());
        assert!(remembered.get("used").is_none());
    }
}
