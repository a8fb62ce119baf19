//! `invitation`: sends the customer address, login and first password, once.
//!
//! Odoo wrote the mail, with a placeholder where the password goes; only here, at the last moment, the two come together.

use secrecy::ExposeSecret;
use tracing::warn;

use super::Task;
use super::story::StepHandle;
use crate::kubernetes::namespace::{self, Marked};
use crate::mailgun::{self, message};
use crate::odoo::contract::{JobResult, Message, StepCode};
use crate::problem::Problem;

/// On the app's namespace: the job that last began to send an invitation. Whoever finds its own job there cannot know
/// whether the mail went out before it was cut off.
const ANNOTATION: &str = "chandlery.dev/invitation";

/// The recipe.
pub async fn invitation(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    let sent = task
        .story
        .step(StepCode::Invitation, async |step| send(task, step).await)
        .await?;
    result.message_id = Some(sent).filter(|id| !id.is_empty());
    Ok(())
}

async fn send(task: &Task, step: &StepHandle<'_>) -> Result<String, Problem> {
    let (cluster, namespace, owner) = (&task.cluster, &task.app.namespace, &task.owner);
    let mailgun = task.mailgun()?;
    let Some(written) = &task.job.message else {
        return Err(task.misfit("a message"));
    };
    let mail = mail(task, written).await?;
    let recipients = addresses(&written.to);

    let job = task.job.uid.as_str();
    if namespace::mark(cluster, namespace, owner, ANNOTATION, job).await? == Marked::Before {
        return Err(uncertain(&recipients));
    }
    let domain = task.app.mail_domain.as_ref().unwrap_or(&task.app.hostname);
    match message::send(mailgun, domain, &mail).await {
        Ok(id) => {
            step.say(format!("Sent to {recipients}"));
            Ok(id)
        }
        Err(problem) => {
            // Whatever else went wrong: the mail did not leave, and the next attempt may send it.
            if problem.code != "mail_unconfirmed"
                && let Err(problem) =
                    namespace::unmark(cluster, namespace, owner, ANNOTATION, job).await
            {
                warn!("the next attempt will not send the invitation: {problem}");
            }
            Err(problem)
        }
    }
}

/// The mail with the password in its place.
async fn mail(task: &Task, written: &Message) -> Result<mailgun::Message, Problem> {
    let (mut text, mut html) = (written.text.clone(), written.html.clone());
    if let Some(place) = &written.password {
        let placeholder = place.placeholder.as_str();
        if placeholder.is_empty() {
            return Err(task.misfit("a placeholder for the password"));
        }
        // Whoever edits the mail template may leave the password out.
        if text.contains(placeholder) || html.contains(placeholder) {
            let password = task.first_password(&place.key).await?;
            let password = password.expose_secret();
            text = text.replace(placeholder, password);
            html = html.replace(placeholder, &crate::ansible::escaped(password));
        }
    }
    let some = |body: String| Some(body).filter(|body| !body.trim().is_empty());
    Ok(mailgun::Message {
        from: written.from.clone(),
        to: written.to.clone(),
        subject: written.subject.clone(),
        text: some(text),
        html: some(html),
        headers: written
            .reply_to
            .iter()
            .map(|reply_to| ("Reply-To".to_owned(), reply_to.clone()))
            .collect(),
        tags: vec!["invitation".to_owned()],
    })
}

/// `customer@demo.example` of `Customer <customer@demo.example>`.
fn addresses(to: &[String]) -> String {
    let address = |to: &String| match (to.rfind('<'), to.trim_end().strip_suffix('>')) {
        (Some(begin), Some(inner)) => inner[begin + 1..].to_owned(),
        _ => to.trim().to_owned(),
    };
    to.iter().map(address).collect::<Vec<_>>().join(", ")
}

fn uncertain(recipients: &str) -> Problem {
    Problem::new(
        "invitation_uncertain",
        format!("The invitation to {recipients} may have been sent: an earlier attempt was cut off while it sent it."),
    )
    .hint("Ask the customer, or look into Mailgun's log of the domain. If it is not there, press Send Invitation Again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_told_by_their_addresses() {
        let to = [
            "Customer <customer@demo.example>",
            "\"A, <B>\" <b@x.example> ",
            "c@x.example",
        ];
        assert_eq!(
            addresses(&to.map(str::to_owned)),
            "customer@demo.example, b@x.example, c@x.example"
        );
    }
}
