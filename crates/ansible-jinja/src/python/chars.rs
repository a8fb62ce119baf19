//! Characters as Python classifies them.

/// What Python's `\s` matches.
pub fn is_blank(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}
