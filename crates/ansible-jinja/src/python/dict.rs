//! Python's `dict`, as templates call it.

use crate::value::arguments::Given;
use crate::value::error::{Result, fail};
use crate::value::{Key, Value};

/// Python's `dict(…)`: a mapping or pairs, then named values.
pub fn dict(given: Given) -> Result<Value> {
    let mut entries = indexmap::IndexMap::new();
    match given.positional.as_slice() {
        [] => {}
        [source] => match source.pairs() {
            Some(pairs) => {
                source.check_values()?;
                for (key, value) in pairs {
                    entries.insert(Key::new(key)?, value);
                }
            }
            None => {
                for pair in source.items()? {
                    let pair = pair.iterate()?;
                    let [key, value] = pair.as_slice() else {
                        return fail(format!(
                            "dictionary update sequence element has length {}; 2 is required",
                            pair.len()
                        ));
                    };
                    entries.insert(Key::new(key.clone())?, value.clone());
                }
            }
        },
        other => {
            return fail(format!(
                "dict expected at most 1 argument, got {}",
                other.len()
            ));
        }
    }
    for (name, value) in given.named {
        entries.insert(Key::text(&name), value);
    }
    Ok(Value::from_entries(entries))
}
