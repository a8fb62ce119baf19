//! What reading may take.

use crate::error::{Error, ErrorKind};
use crate::grammar::Place;

/// What reading a text may take: one of a few bytes can unfold to more than any machine holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest text.
    pub bytes: usize,
    /// How many levels collections may be nested. Each takes a few hundred bytes of the thread's stack.
    pub depth: usize,
    /// How many values a text may hold, aliases counted as often as they are used.
    pub nodes: usize,
    /// How many bytes of scalars aliases may repeat.
    pub repeated_bytes: usize,
}

impl Default for Limits {
    /// Many times what a Kubernetes API server takes.
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            depth: 100,
            nodes: 200_000,
            repeated_bytes: 4 << 20,
        }
    }
}

impl Limits {
    pub(crate) fn too_long(&self, place: Place) -> Error {
        let message = format!("this is longer than {} bytes", self.bytes);
        Error::new(ErrorKind::TooLong, place, message)
    }

    pub(crate) fn too_deep(&self, place: Place) -> Error {
        let message = format!("this is nested more than {} levels deep", self.depth);
        Error::new(ErrorKind::TooDeep, place, message)
    }

    pub(crate) fn too_many_nodes(&self, place: Place) -> Error {
        let message = format!("this unfolds to more than {} values", self.nodes);
        Error::new(ErrorKind::TooManyNodes, place, message)
    }

    pub(crate) fn too_much_repeated(&self, place: Place) -> Error {
        let message = format!(
            "aliases repeat more than {} bytes of text",
            self.repeated_bytes
        );
        Error::new(ErrorKind::TooMuchRepeated, place, message)
    }
}
