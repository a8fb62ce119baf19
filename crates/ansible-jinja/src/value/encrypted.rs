//! Which texts of a rendering came out of a vault: `to_yaml` writes such a text as it was encrypted, and
//! `is vault_encrypted` is true for it.
//!
//! Ansible marks the text. As with its mark, it is this very text that counts: what is made of it, even if it reads the
//! same, did not come out of a vault. A text is known by its place in memory, which is its own while it is kept here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::value::Value;

thread_local! {
    static TEXTS: RefCell<HashMap<*const u8, Rc<str>>> = RefCell::default();
}

/// The texts that one rendering has taken out of a vault; they are forgotten with it.
#[derive(Default)]
pub struct Kept {
    texts: RefCell<Vec<Rc<str>>>,
}

impl Kept {
    /// The value of a text that was encrypted as `encrypted`.
    pub fn value(&self, text: &str, encrypted: &str) -> Value {
        let text: Rc<str> = Rc::from(text);
        TEXTS.with_borrow_mut(|texts| texts.insert(text.as_ptr(), Rc::from(encrypted)));
        self.texts.borrow_mut().push(text.clone());
        Value::Text(text)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        TEXTS.with_borrow_mut(|texts| {
            for text in self.texts.get_mut() {
                texts.remove(&text.as_ptr());
            }
        });
    }
}

/// A value as it was encrypted, if it came out of a vault or cannot be taken out of it.
pub fn text_of(value: &Value) -> Option<Rc<str>> {
    match value {
        Value::Text(text) => TEXTS.with_borrow(|texts| texts.get(&text.as_ptr()).cloned()),
        Value::Marker(error) => error.encrypted_text().map(Rc::from),
        Value::Lazy(lazy) => text_of(&lazy.value()),
        _ => None,
    }
}
