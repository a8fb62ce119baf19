//! placeholder
use super::Task;
use crate::odoo::contract::JobResult;
use crate::problem::Problem;
pub async fn deploy(_task: &Task, _result: &mut JobResult) -> Result<(), Problem> {
    Err(Problem::new("internal", "not yet"))
}
