//! One file per kind of job: a short recipe that reads like the workflow it implements. Its steps are written into a
//! [`Story`], which the worker reports.

pub mod story;

pub use story::{Stop, Story};

use crate::odoo::contract::{JobResult, Outcome, OutcomeState};
use crate::problem::Problem;

/// What Odoo is told of a recipe's end.
pub fn outcome(ended: Result<(), Problem>, result: JobResult, story: &Story) -> Outcome {
    let state = match (&ended, story.stop_reason()) {
        (Ok(()), _) => OutcomeState::Done,
        (Err(_), Some(Stop::Cancelled)) => OutcomeState::Cancelled,
        (Err(_), Some(Stop::Released | Stop::Lost)) => OutcomeState::Released,
        (Err(problem), None) if problem.retry => OutcomeState::Retry,
        (Err(_), None) => OutcomeState::Failed,
    };
    Outcome {
        state,
        error: ended.err(),
        result,
    }
}
