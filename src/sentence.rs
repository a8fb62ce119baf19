//! What is told to people, as an English text and in a form that others can put into their own language.
//!
//! A sentence is made of a template (`"{name} created"`), which is a constant and holds no secret, and of values by name. What
//! comes from elsewhere (an API server's message, a log, a template engine's error) is a text, which is quoted as it is.
//! [`Display`](fmt::Display) gives the English; the contract carries both, and Odoo words it in the reader's language. Odoo
//! knows the templates from this source: `make translations` looks for each `sentence!("…"`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// What is made of more is told in English alone: Odoo refuses it.
const MOST_PARTS: usize = 200;
const DEEPEST: usize = 8;
const LONGEST: usize = 10_000;

/// Makes a [`Sentence`]: `sentence!("{name} created", name)`, `sentence!("{done} of {all}", done = 3, all = total)`. A value
/// is a sentence, or anything that can be displayed: its text is quoted. The compiler says which place has no value, and
/// which value no place.
#[macro_export]
macro_rules! sentence {
    (@value $name:ident) => { $name };
    (@value $name:ident $value:expr) => { $value };
    ($text:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::sentence::Quoted as _;
        let _ = ::std::format_args!($text $(, $name = "")*);
        $crate::sentence::Sentence::worded(
            $text,
            [$((stringify!($name), $crate::sentence::Given(&$crate::sentence!(@value $name $($value)?)).sentence())),*],
        )
    }};
}

/// A value of a sentence's, which is taken as it is.
pub struct Given<'a, T: ?Sized>(pub &'a T);

impl Given<'_, Sentence> {
    /// The value itself.
    pub fn sentence(&self) -> Sentence {
        self.0.clone()
    }
}

impl Given<'_, &Sentence> {
    /// The value itself.
    pub fn sentence(&self) -> Sentence {
        (*self.0).clone()
    }
}

/// Any other value, whose text is quoted.
pub trait Quoted {
    /// Its text.
    fn sentence(&self) -> Sentence;
}

impl<T: fmt::Display + ?Sized> Quoted for Given<'_, T> {
    fn sentence(&self) -> Sentence {
        self.0.to_string().into()
    }
}

/// What is told: an English text, and what it is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sentence {
    text: String,
    /// `None`: it comes from elsewhere, and is told as it is.
    words: Option<Words>,
}

/// What a sentence is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Words {
    /// A text from elsewhere, a name or a number: it is told as it is.
    Quoted(String),
    /// A template and what stands in its places.
    Worded {
        /// English, with named places: `{name} created`. Braces that are meant are doubled.
        text: Cow<'static, str>,
        values: BTreeMap<Cow<'static, str>, Words>,
    },
    /// Several, one after the other.
    Joined {
        /// What stands between them.
        join: Cow<'static, str>,
        items: Vec<Words>,
    },
}

impl Sentence {
    /// One by a template; [`sentence!`](crate::sentence!) is the way to write it.
    pub fn worded<const N: usize>(text: &'static str, values: [(&'static str, Self); N]) -> Self {
        let values = values.map(|(name, value)| (name.into(), value.into_words()));
        Self::of(Words::Worded {
            text: text.into(),
            values: values.into(),
        })
    }

    /// Several, with something between them that needs no other words in any language. Empty ones are left out.
    pub fn joined(join: &'static str, items: impl IntoIterator<Item = Self>) -> Self {
        let items = items.into_iter().filter(|item| !item.is_empty());
        let mut items: Vec<Self> = items.collect();
        match items.len() {
            0 => Self::default(),
            1 => items.remove(0),
            _ if items.iter().all(|item| item.words.is_none()) => {
                let texts: Vec<String> = items.into_iter().map(|item| item.text).collect();
                texts.join(join).into()
            }
            _ => Self::of(Words::Joined {
                join: join.into(),
                items: items.into_iter().map(Self::into_words).collect(),
            }),
        }
    }

    /// This one and then another one.
    pub fn and(self, join: &'static str, next: impl Into<Self>) -> Self {
        Self::joined(join, [self, next.into()])
    }

    fn of(words: Words) -> Self {
        let text = words.to_string();
        let mut parts = MOST_PARTS;
        let words = Some(words).filter(|words| words.fits(DEEPEST, &mut parts));
        Self { text, words }
    }

    /// Its English text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn into_words(self) -> Words {
        self.words.unwrap_or(Words::Quoted(self.text))
    }

    /// The same in which each text has become another one. Where the whole has become something else than its parts, as a
    /// whole text alone.
    pub(crate) fn hidden(&self, hide: impl Fn(&str) -> String) -> Self {
        let text = hide(&self.text);
        let words = self.words.as_ref().map(|words| words.hidden(&hide));
        let words = words.filter(|words| words.to_string() == text);
        Self { text, words }
    }
}

impl Words {
    fn hidden(&self, hide: &impl Fn(&str) -> String) -> Self {
        match self {
            Self::Quoted(text) => Self::Quoted(hide(text)),
            Self::Worded { text, values } => {
                let values = values.iter();
                let values = values.map(|(name, value)| (name.clone(), value.hidden(hide)));
                Self::Worded {
                    text: text.clone(),
                    values: values.collect(),
                }
            }
            Self::Joined { join, items } => Self::Joined {
                join: join.clone(),
                items: items.iter().map(|item| item.hidden(hide)).collect(),
            },
        }
    }

    fn fits(&self, depth: usize, parts: &mut usize) -> bool {
        if depth == 0 || *parts == 0 {
            return false;
        }
        *parts -= 1;
        match self {
            Self::Quoted(text) => text.len() <= LONGEST,
            Self::Worded { values, .. } => {
                values.values().all(|value| value.fits(depth - 1, parts))
            }
            Self::Joined { items, .. } => items.iter().all(|item| item.fits(depth - 1, parts)),
        }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quoted(text) => f.write_str(text),
            Self::Worded { text, values } => {
                let mut rest = text.as_ref();
                while let Some(at) = rest.find(['{', '}']) {
                    f.write_str(&rest[..at])?;
                    let brace = &rest[at..=at];
                    rest = &rest[at + 1..];
                    if let Some(behind) = rest.strip_prefix(brace) {
                        f.write_str(brace)?;
                        rest = behind;
                    } else if let Some((name, behind)) = rest.split_once('}') {
                        if let Some(value) = values.get(name) {
                            value.fmt(f)?;
                        }
                        rest = behind;
                    }
                }
                f.write_str(rest)
            }
            Self::Joined { join, items } => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(join)?;
                    }
                    item.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

impl Deref for Sentence {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self { text, words: None }
    }
}

impl From<&str> for Sentence {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Sentence {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<&Self> for Sentence {
    fn from(sentence: &Self) -> Self {
        sentence.clone()
    }
}

impl From<Sentence> for String {
    fn from(sentence: Sentence) -> Self {
        sentence.text
    }
}

impl PartialEq<str> for Sentence {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for Sentence {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl PartialEq<String> for Sentence {
    fn eq(&self, other: &String) -> bool {
        self.text == *other
    }
}

/// A sentence as the contract has it: its English text in `message`, and beside it what that is made of.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Message {
    /// English, for logs and for who knows no words.
    message: String,
    /// What the message is made of; `None`: it is to be told as it is. Since version 2; `None` where it is absent.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    message_words: Option<Words>,
}

/// Members `message` and `message_words`.
pub(crate) mod as_message {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Message, Sentence};

    pub(crate) fn serialize<S: Serializer>(
        sentence: &Sentence,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Sentence { text, words } = sentence.clone();
        let members = Message {
            message: text,
            message_words: words,
        };
        members.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Sentence, D::Error> {
        let members = Message::deserialize(deserializer)?;
        Ok(Sentence {
            text: members.message,
            words: members.message_words,
        })
    }
}

/// The same of the way out, which not every problem has.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Hint {
    /// The way out: what to do about it, in English.
    hint: Option<String>,
    /// What the hint is made of; `None`: it is to be told as it is. Since version 2; `None` where it is absent.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    hint_words: Option<Words>,
}

/// Members `hint` and `hint_words`.
pub(crate) mod as_hint {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Hint, Sentence};

    pub(crate) fn serialize<S: Serializer>(
        hint: &Option<Sentence>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let (hint, hint_words) = match hint.clone() {
            Some(Sentence { text, words }) => (Some(text), words),
            None => (None, None),
        };
        Hint { hint, hint_words }.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Sentence>, D::Error> {
        let Hint { hint, hint_words } = Hint::deserialize(deserializer)?;
        Ok(hint.map(|text| Sentence {
            text,
            words: hint_words,
        }))
    }
}

/// The same of what is said at the mark of a line.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Label {
    /// What is to be said at the mark, in English; may be empty.
    label: String,
    /// What the label is made of; `None`: it is to be told as it is. Since version 2; `None` where it is absent.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    label_words: Option<Words>,
}

/// Members `label` and `label_words`.
pub(crate) mod as_label {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Label, Sentence};

    pub(crate) fn serialize<S: Serializer>(
        sentence: &Sentence,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Sentence { text, words } = sentence.clone();
        let members = Label {
            label: text,
            label_words: words,
        };
        members.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Sentence, D::Error> {
        let Label { label, label_words } = Label::deserialize(deserializer)?;
        Ok(Sentence {
            text: label,
            words: label_words,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::redact::Redactor;

    fn words(sentence: &Sentence) -> serde_json::Value {
        serde_json::to_value(&sentence.words).unwrap()
    }

    #[test]
    fn a_sentence_is_told_in_english_and_as_what_it_is_made_of() {
        let (name, all) = ("shop-prod", 3_usize);
        let made = sentence!("{name} created", name);
        assert_eq!(made.to_string(), "shop-prod created");
        assert_eq!(
            words(&made),
            json!({"text": "{name} created", "values": {"name": "shop-prod"}})
        );
        let both = sentence!("{what}; {done} of {all}", what = made, done = 2_u32, all);
        assert_eq!(both, "shop-prod created; 2 of 3");
        assert_eq!(words(&both)["values"]["what"]["text"], "{name} created");
        assert_eq!(
            sentence!("write {{{{ {name} }}}}", name),
            "write {{ shop-prod }}"
        );
        assert!(both.contains("of 3") && both.starts_with("shop"));
    }

    #[test]
    fn what_comes_from_elsewhere_has_no_words() {
        let quoted = Sentence::from("pods \"odoo\" is forbidden: {quota}");
        assert_eq!(quoted, "pods \"odoo\" is forbidden: {quota}");
        assert_eq!(words(&quoted), json!(null));
        let framed = sentence!("The cluster says: {answer}", answer = quoted);
        assert_eq!(
            framed,
            "The cluster says: pods \"odoo\" is forbidden: {quota}"
        );
    }

    #[test]
    fn several_are_joined_and_empty_ones_left_out() {
        let joined = Sentence::joined("; ", [sentence!("Stopped"), "".into(), "x".into()]);
        assert_eq!(joined, "Stopped; x");
        assert_eq!(
            words(&joined),
            json!({"join": "; ", "items": [{"text": "Stopped", "values": {}}, "x"]})
        );
        assert_eq!(Sentence::joined("; ", []), "");
        assert_eq!(words(&Sentence::from("a").and(", ", "b")), json!(null));
        let one = Sentence::joined(", ", [sentence!("Stopped")]);
        assert_eq!(one, sentence!("Stopped"));
    }

    #[test]
    fn a_secret_is_hidden_in_values_as_in_the_text() {
        let redactor = Redactor::new(["hunter2".to_owned()]);
        let told = sentence!(
            "{name} says: {words}",
            name = "odoo",
            words = "no hunter2 here"
        );
        let hidden = redactor.sentence(&told);
        assert_eq!(hidden, "odoo says: no *** here");
        assert_eq!(words(&hidden)["values"]["words"], "no *** here");
        let nested = sentence!("{first}; {second}", first = told, second = "HUNTER2");
        assert!(
            !format!("{:?}", redactor.sentence(&nested))
                .to_lowercase()
                .contains("hunter")
        );
    }

    #[test]
    fn where_a_secret_is_found_in_the_whole_alone_the_whole_is_told_as_a_text() {
        // It reaches from one value to the next, and into the template's own words.
        for secret in ["odoo:8069", "8069 answers"] {
            let redactor = Redactor::new([secret.to_owned()]);
            let told = sentence!("{host}:{port} answers", host = "odoo", port = 8069);
            let hidden = redactor.sentence(&told);
            assert_eq!(hidden.as_str(), redactor.text(&told));
            assert_eq!(words(&hidden), json!(null));
        }
    }

    #[test]
    fn what_odoo_would_refuse_is_told_in_english_alone() {
        let many = (0..300).map(|number| sentence!("{number}", number));
        let many = Sentence::joined(", ", many);
        assert!(many.starts_with("0, 1, 2") && many.words.is_none());
        let mut deep = sentence!("Stopped");
        for _ in 0..20 {
            deep = sentence!("not {deep}", deep);
        }
        assert!(deep.ends_with("not Stopped"));
        let fits = |words: &Words| words.fits(DEEPEST, &mut { MOST_PARTS });
        assert!(deep.words.as_ref().is_none_or(fits), "its inside is a text");
    }
}
