//! What depends on a secret: [`stand_ins`] takes other values in place of secrets, so that what comes out differently
//! depends on one; [`file_choice`] tells where a secret decides which file is used.

pub mod file_choice;
pub mod stand_ins;
