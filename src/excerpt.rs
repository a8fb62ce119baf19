//! A line that a problem speaks of, as it stands in its text, and the part of it that is meant.

use serde::{Deserialize, Serialize};

/// Characters of a line that are kept. Of a longer one those around what is meant are.
const KEPT: usize = 240;
/// Of these, how many stand before what is meant.
const BEFORE: usize = 80;

/// Which text a line is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(deny_unknown_fields)]
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
    pub label: String,
}

impl Excerpt {
    /// Takes a line out of a text; `None` where there is no such line. What is meant ends with the line.
    pub fn line(of: TextOf, text: &str, line: u32, column: u32, length: u32) -> Option<Self> {
        let index = (line as usize).checked_sub(1)?;
        // A file that ends with a line end has an empty line behind it.
        let whole = text.split('\n').nth(index)?;
        let whole = whole.strip_suffix('\r').unwrap_or(whole);
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
        Some(Self {
            of,
            line,
            column: number(start + 1),
            length: number(length.min(from + KEPT - start)),
            text: kept.iter().collect(),
            from: number(from + 1),
            ..Self::default()
        })
    }

    /// The same by a position in the text: `offset` and `length` count bytes.
    pub fn at(of: TextOf, text: &str, offset: usize, length: usize) -> Self {
        let offset = floor(text, offset);
        let (line, column) = place(text, offset);
        let meant = &text[offset..floor(text, offset.saturating_add(length))];
        let meant = meant.split('\n').next().unwrap_or_default();
        let length = number(meant.chars().count().max(1));
        Self::line(of, text, line, column, length).unwrap_or_default()
    }

    /// Says whose text it is.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says something at the mark.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with what `mask` blackens; the mark stays where it can.
    pub fn masked(self, mask: impl Fn(&str) -> String) -> Self {
        let text = mask(&self.text);
        let label = match self.label.is_empty() {
            true => String::new(),
            false => mask(&self.label),
        };
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

/// Line and column of a position in bytes, from 1.
pub fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..floor(text, offset)];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (number(line), number(before[start..].chars().count() + 1))
}

/// The position itself, or the nearest one before it that stands between two characters of the text.
pub fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_in_bytes_becomes_a_line_with_columns_in_characters() {
        let text = "a: 1\nß: {{ größe }}\r\nc: 3\n";
        let offset = text.find("größe").unwrap();
        let found = Excerpt::at(TextOf::Template, text, offset, "größe".len());
        assert_eq!((found.line, found.column, found.length), (2, 7, 5));
        assert_eq!(found.text, "ß: {{ größe }}");
        assert_eq!(&found.text[found.marked()], "größe");
    }

    #[test]
    fn of_a_very_long_line_the_part_around_the_mark_is_kept() {
        let text = format!(
            "{}{{{{ nosuch }}}}{}",
            "é".repeat(50_000),
            "y".repeat(50_000)
        );
        let found = Excerpt::at(TextOf::Template, &text, text.find("nosuch").unwrap(), 6);
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
        let found = Excerpt::at(TextOf::Template, "{% if\nx", 3, 4);
        assert_eq!((found.length, found.text.as_str()), (2, "{% if"));
        let end = Excerpt::at(TextOf::Template, "a: 1", 4, 1);
        assert_eq!((end.column, end.length, end.marked()), (5, 1, 4..4));
        assert_eq!(Excerpt::line(TextOf::Template, "a", 2, 1, 1), None);
    }
}
