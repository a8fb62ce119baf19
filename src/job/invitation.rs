//! `invitation`: sends the customer address, login and first password, once.
//!
//! Odoo wrote the mail, with a placeholder where the password goes; only here, at the last moment, the two come together.

use secrecy::ExposeSecret;
use tracing::warn;

use super::JobContext;
use super::step_log::StepHandle;
use crate::code::Code;
use crate::kubernetes::namespace::{self, Marked};
use crate::mailgun::{self, message};
use crate::odoo::contract::{JobResult, Message, SecretLine, StepCode};
use crate::problem::Problem;
use crate::sentence;

/// On the app's namespace: the job that last began to send an invitation. Whoever finds its own job there cannot know
/// whether the mail went out before it was cut off.
const ANNOTATION: &str = "chandlery.dev/invitation";

/// The handler of such a job.
pub async fn invitation(
    context: &JobContext,
    written: &Message,
    secret: &[SecretLine],
    result: &mut JobResult,
) -> Result<(), Problem> {
    let sent = context
        .step_log
        .step(StepCode::Invitation, async |step| {
            send(context, written, secret, step).await
        })
        .await?;
    result.message_id = Some(sent).filter(|id| !id.is_empty());
    Ok(())
}

async fn send(
    context: &JobContext,
    written: &Message,
    secret: &[SecretLine],
    step: &StepHandle<'_>,
) -> Result<String, Problem> {
    let app = &context.target;
    let mailgun = context.mailgun()?;
    let domain = domain(context, &written.from)?;
    let mail = mail(context, written, secret).await?;
    let recipients = addresses(&written.to);

    let job = context.job.as_str();
    if namespace::mark(app, ANNOTATION, job).await? == Marked::Before {
        return Err(uncertain(&recipients));
    }
    match message::send(mailgun, &domain, &mail).await {
        Ok(id) => {
            step.say(sentence!("Sent to {recipients}", recipients));
            Ok(id)
        }
        Err(problem) => {
            // Whatever else went wrong: the mail did not leave, and the next attempt may send it.
            if problem.code != Code::MailUnconfirmed
                && let Err(problem) = namespace::unmark(app, ANNOTATION, job).await
            {
                warn!("the next attempt will not send the invitation: {problem}");
            }
            Err(problem)
        }
    }
}

/// The domain that the mail is sent from: the app's own, or the operator's. The account may hold others, which are no
/// app's to send from.
fn domain(context: &JobContext, from: &str) -> Result<String, Problem> {
    let of_app = context
        .app
        .mail_domain
        .as_ref()
        .unwrap_or(&context.app.hostname);
    let wanted = address(from)
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .to_owned();
    if wanted == *of_app || wanted == context.shared.sending_domain {
        return Ok(wanted);
    }
    // Another worker may be the one that said it.
    Err(Problem::transient(Code::MailSender, sentence!("This worker does not send from '{wanted}', which is neither the app's mail domain nor its sending domain.", wanted))
    .hint(sentence!("Set mailgun.sending_domain to the same domain in the settings of all workers that have a Mailgun key.")))
}

/// The mail with the password in its place.
async fn mail(
    context: &JobContext,
    written: &Message,
    secret: &[SecretLine],
) -> Result<mailgun::Message, Problem> {
    let (mut text, mut html) = (written.text.clone(), written.html.clone());
    if let Some(place) = &written.password {
        let placeholder = place.placeholder.as_str();
        // Whoever edits the mail template may leave the password out.
        if text.contains(placeholder) || html.contains(placeholder) {
            let password = context.first_password(&place.key, secret).await?;
            let password = password.expose_secret();
            text = text.replace(placeholder, password);
            html = html.replace(placeholder, &ansible_jinja::escaped(password));
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
    let addresses: Vec<&str> = to.iter().map(|to| address(to)).collect();
    addresses.join(", ")
}

fn address(text: &str) -> &str {
    match (text.rfind('<'), text.trim_end().strip_suffix('>')) {
        (Some(begin), Some(inner)) => &inner[begin + 1..],
        _ => text.trim(),
    }
}

fn uncertain(recipients: &str) -> Problem {
    Problem::new(Code::InvitationUncertain, sentence!("The invitation to {recipients} may have been sent: an earlier attempt was cut off while it sent it.", recipients))
    .hint(sentence!("Ask the customer, or look into Mailgun's log of the domain. If it is not there, press Send Invitation Again."))
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
