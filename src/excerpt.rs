//! A line that a problem speaks of, as it stands in its text, and the part of it that is meant.

use serde::{Deserialize, Serialize};

use crate::sentence::{self, Sentence};

/// Characters of a line that are kept. Of a longer one those around what is meant are.
const KEPT: usize = 240;
/// Of these, how many stand before what is meant.
const BEFORE: usize = 80;

/// Which text a line is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TextOf {
    /// The manifest as it was fetched.
    #[default]
    Template,
    /// What was rendered from it.
    Rendered,
    /// The value of a variable, or the file it stands in.
    Value,
}

/// One line with a mark. Never holds a secret. All columns count characters from 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Excerpt {
    pub of: TextOf,
    /// The file or the variable that the text belongs to; `None`: the manifest's own.
    pub name: Option<String>,
    /// From 1.
    pub line: u32,
    /// Where the part that is meant begins.
    pub column: u32,
    /// How many characters are meant; 0: the line as a whole.
    pub length: u32,
    /// The line, without its end; of a very long one the part around what is meant.
    pub text: String,
    /// At which column `text` begins.
    pub from: u32,
    /// What is to be said at the mark; may be empty.
    #[serde(flatten, with = "sentence::as_label")]
    #[cfg_attr(test, schemars(with = "sentence::Label"))]
    pub label: Sentence,
}

impl Excerpt {
    /// Takes a line out of a text; `None` where there is no such line. What is meant ends with the line.
    pub fn line(of: TextOf, text: &str, line: u32, column: u32, length: u32) -> Option<Self> {
        let index = (line as usize).checked_sub(1)?;
        // A file that ends with a line end has an empty line behind it.
        let whole = text.split('\n').nth(index)?;
        let whole = whole.strip_suffix('\r').unwrap_or(whole);
        Some(Self::of_line(of, whole, line, column, length))
    }

    /// The line itself; of a very long one the part around what is meant.
    pub fn of_line(of: TextOf, whole: &str, line: u32, column: u32, length: u32) -> Self {
        let characters: Vec<char> = whole.chars().collect();
        let start = (column.max(1) as usize - 1).min(characters.len());
        let length = (length as usize).min((characters.len() - start).max(1));
        let from = match characters.len() > KEPT {
            true => start
                .saturating_sub(BEFORE)
                .min(characters.len().saturating_sub(KEPT)),
            false => 0,
        };
        let kept = &characters[from..characters.len().min(from + KEPT)];
        Self {
            of,
            line,
            column: number(start + 1),
            length: number(length.min(from + KEPT - start)),
            text: kept.iter().collect(),
            from: number(from + 1),
            ..Self::default()
        }
    }

    /// Says whose text it is.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says something at the mark.
    pub fn label(mut self, label: impl Into<Sentence>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with what `mask` blackens; the mark stays where it can.
    pub fn masked(self, mask: impl Fn(&str) -> String) -> Self {
        let text = mask(&self.text);
        let label = self.label.hidden(&mask);
        if text == self.text {
            return Self { label, ..self };
        }
        let before = mask(&self.text[..self.marked().start]);
        let known = text.starts_with(&before) && self.length > 0;
        let column = self.from + number(before.chars().count());
        let left = number(text.chars().count() + 1).saturating_sub(column - self.from);
        Self {
            column: if known { column } else { self.from },
            length: if known {
                self.length.min(left.max(1))
            } else {
                0
            },
            text,
            label,
            ..self
        }
    }

    /// Where the part that is meant stands in `text`, in bytes.
    pub fn marked(&self) -> std::ops::Range<usize> {
        let byte = |character: u32| {
            let mut places = self.text.char_indices().map(|(index, _)| index);
            places.nth(character as usize).unwrap_or(self.text.len())
        };
        let start = self.column.saturating_sub(self.from);
        byte(start)..byte(start + self.length)
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_very_long_line_the_part_around_the_mark_is_kept() {
        let text = format!(
            "{}{{{{ nosuch }}}}{}",
            "é".repeat(50_000),
            "y".repeat(50_000)
        );
        let found = Excerpt::line(TextOf::Template, &text, 1, 50_004, 6).unwrap();
        assert_eq!(found.column, 50_004);
        assert_eq!(found.text.chars().count(), KEPT);
        assert_eq!(&found.text[found.marked()], "nosuch");
    }

    #[test]
    fn what_is_blackened_moves_the_mark_along() {
        let mask = |text: &str| text.replace("hunter2", "***");
        let of = |column, length| {
            let line = Excerpt::line(TextOf::Rendered, "a: hunter2 x: [", 1, column, length);
            let found = line.unwrap().masked(mask);
            (found.text[found.marked()].to_owned(), found.length)
        };
        assert_eq!(of(15, 1), ("[".to_owned(), 1));
        assert_eq!(of(4, 7), ("*** x: [".to_owned()[..7].to_owned(), 7));
    }

    #[test]
    fn what_is_meant_ends_with_its_line_and_may_stand_behind_the_last_character() {
        let line = |text, column| Excerpt::line(TextOf::Template, text, 1, column, 4);
        let found = line("{% if\nx", 4).unwrap();
        assert_eq!((found.length, found.text.as_str()), (2, "{% if"));
        let end = line("a: 1", 5).unwrap();
        assert_eq!((end.column, end.length, end.marked()), (5, 1, 4..4));
        assert_eq!(Excerpt::line(TextOf::Template, "a", 2, 1, 1), None);
    }
}
