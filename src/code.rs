//! The codes of errors: what programs tell them apart by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong, for programs. In the contract in snake case: `manifest_fetch`, `template_render`, …
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Code {
    /// Nothing keeps the worker to its own namespaces.
    AdmissionPolicy,
    /// An admission webhook of the cluster does not answer.
    AdmissionUnavailable,
    /// Something else changes the object all the time.
    ApplyConflict,
    /// The cluster does not take an object.
    ApplyRefused,
    /// Somebody asked for the job to end.
    Cancelled,
    /// The cluster answers what is not read.
    ClusterAnswer,
    /// The worker's credentials for the cluster cannot be used.
    ClusterCredentials,
    /// The worker's account may not do what it has to in the cluster.
    ClusterForbidden,
    /// The cluster lacks a kind that every Kubernetes has.
    ClusterKinds,
    /// The cluster refuses a call.
    ClusterRefused,
    /// The kubeconfig cannot be used.
    ClusterSettings,
    /// The kubeconfig's token ends soon.
    ClusterToken,
    /// Odoo or the worker knows no cluster of this name.
    ClusterUnknown,
    /// The cluster does not answer, or not now.
    ClusterUnreachable,
    /// What changes in the cluster cannot be followed.
    ClusterWatch,
    /// Odoo and the worker do not understand each other.
    Contract,
    /// The DNS does not answer.
    DnsUnanswered,
    /// Every user of the machine may read a file with a secret.
    FileMode,
    /// The Secret with the app's generated passwords is not what it was.
    GeneratedSecret,
    /// Somebody has pushed to the app's repository what nobody has taken over.
    GitChanged,
    /// The repository is there, and is not the app's.
    GitForeign,
    /// The Git server refuses what is asked.
    GitRefused,
    /// The Git server does not answer, or fails.
    GitUnreachable,
    /// A defect of the worker.
    #[default]
    Internal,
    /// It is not known whether the invitation was sent.
    InvitationUncertain,
    /// The job is no longer this worker's.
    LeaseLost,
    /// Mailgun has disabled the domain.
    MailDomainDisabled,
    /// The domain at Mailgun is somebody else's.
    MailDomainForeign,
    /// Mailgun does not have the domain, or does not show it yet.
    MailDomainMissing,
    /// The domain is another account's at Mailgun.
    MailDomainTaken,
    /// The mail cannot be sent as it is.
    MailInvalid,
    /// The mail is to come from a domain that this worker does not send from.
    MailSender,
    /// It is not known whether Mailgun took the mail.
    MailUnconfirmed,
    /// Mailgun answers what cannot be read.
    MailgunAnswer,
    /// Mailgun takes no more requests for now.
    MailgunBusy,
    /// Mailgun failed.
    MailgunFailed,
    /// Mailgun does not allow it.
    MailgunForbidden,
    /// Mailgun does not accept the API key.
    MailgunKey,
    /// Mailgun refuses a request.
    MailgunRefused,
    /// Invitations cannot come from the operator's own domain.
    MailgunSendingDomain,
    /// Mailgun does not answer.
    MailgunUnreachable,
    /// The worker has no Mailgun account.
    MailgunUnset,
    /// The address is not that of Mailgun's API.
    MailgunUrl,
    /// The archive of a manifest cannot be used.
    ManifestArchive,
    /// The manifest is not what it is pinned to.
    ManifestChanged,
    /// What the manifests hold cannot go to the cluster.
    ManifestCheck,
    /// A manifest, or a file that it names, cannot be fetched.
    ManifestFetch,
    /// What was rendered is no YAML with objects.
    ManifestParse,
    /// The cluster's policy does not allow what the manifests hold.
    ManifestPolicy,
    /// The worker lacks the tool that a manifest is made for, or cannot confine it.
    ManifestTool,
    /// A pinned manifest names a file that its digest does not cover.
    ManifestUnpinned,
    /// The worker has no rights in the app's namespace.
    NamespaceAccess,
    /// Somebody else wrote on the namespace at the same moment.
    NamespaceChanged,
    /// The namespace is not this app's.
    NamespaceForeign,
    /// The namespace was deleted meanwhile.
    NamespaceGone,
    /// The app has no namespace in the cluster.
    NamespaceMissing,
    /// The namespace is not the one that was chosen.
    NamespaceOther,
    /// The namespace is being deleted.
    NamespaceTerminating,
    /// Kubernetes did not let go of everything in time.
    NotDeleted,
    /// The app did not become ready in time.
    NotReady,
    /// The app's pods did not end in time.
    NotStopped,
    /// The app has nothing in the cluster that this could be done to.
    NotThere,
    /// An object in the cluster is not this app's.
    ObjectForeign,
    /// An object is being deleted.
    ObjectTerminating,
    /// Odoo and the worker have no version of the contract in common.
    OdooOutdated,
    /// Odoo refuses a call.
    OdooRefused,
    /// Odoo failed while it answered.
    OdooServer,
    /// What answers does not know the worker's calls.
    OdooNotThere,
    /// Odoo answers with more than the worker reads.
    OdooTooLong,
    /// Odoo does not accept the worker key.
    OdooUnauthorized,
    /// Something in front of Odoo says that it is away.
    OdooUnavailable,
    /// Odoo does not answer.
    OdooUnreachable,
    /// Odoo answers what cannot be read.
    OdooUnreadable,
    /// A package is not as `package.yml` has to say it.
    PackageInvalid,
    /// The app has no password of this name.
    PasswordMissing,
    /// The browser's public key cannot be used.
    PasswordPublicKey,
    /// The worker's account has too few rights in the cluster, or too many.
    Permissions,
    /// The cluster has not counted what the namespace uses.
    QuotaUncounted,
    /// The quota is new, and not counted yet.
    QuotaUnknown,
    /// The worker stops and hands the job back.
    Released,
    /// The index of a repository cannot be fetched.
    RepositoryFetch,
    /// A repository's index cannot be read, or is not one.
    RepositoryInvalid,
    /// The app may not be reset.
    ResetRefused,
    /// Something in a manifest hangs on the contents of a secret.
    SecretDependent,
    /// The worker's settings cannot be used.
    Settings,
    /// The Secret with the app's SMTP login changed at the same moment.
    SmtpSecret,
    /// The app is stopped.
    Stopped,
    /// A manifest cannot be rendered.
    TemplateRender,
    /// A variable cannot be read.
    Variables,
    /// A value that is encrypted with ansible-vault cannot be opened.
    Vault,
}

/// Whether trying again later may help without anybody changing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    No,
    Yes,
    /// That depends on the cause.
    Either,
}

impl Code {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The word in metrics, beside that of whose API it is.
    pub fn label(self) -> &'static str {
        let word = self.as_str();
        word.strip_prefix("odoo_").unwrap_or(word)
    }

    /// Whether what failed was a call to Mailgun.
    pub fn is_mailguns(self) -> bool {
        matches!(
            self,
            Self::MailgunAnswer
                | Self::MailgunBusy
                | Self::MailgunFailed
                | Self::MailgunForbidden
                | Self::MailgunKey
                | Self::MailgunRefused
                | Self::MailgunUnreachable
                | Self::MailgunUnset
                | Self::MailgunUrl
        )
    }

    /// Whether what is wrong with a namespace keeps all else from it, too.
    pub fn is_of_namespace(self) -> bool {
        matches!(
            self,
            Self::NamespaceAccess
                | Self::NamespaceChanged
                | Self::NamespaceForeign
                | Self::NamespaceGone
                | Self::NamespaceMissing
                | Self::NamespaceOther
                | Self::NamespaceTerminating
        )
    }

    /// Whether it may pass by itself.
    pub fn retry(self) -> Retry {
        match self {
            Self::AdmissionUnavailable
            | Self::ApplyConflict
            | Self::ClusterUnknown
            | Self::ClusterUnreachable
            | Self::ClusterWatch
            | Self::DnsUnanswered
            | Self::GitUnreachable
            | Self::LeaseLost
            | Self::MailDomainMissing
            | Self::MailSender
            | Self::MailgunBusy
            | Self::MailgunFailed
            | Self::MailgunUnreachable
            | Self::MailgunUnset
            | Self::ManifestTool
            | Self::NamespaceChanged
            | Self::NamespaceGone
            | Self::NamespaceTerminating
            | Self::NotDeleted
            | Self::NotStopped
            | Self::ObjectTerminating
            | Self::QuotaUncounted
            | Self::QuotaUnknown
            | Self::Released
            | Self::SmtpSecret
            | Self::OdooUnreachable
            | Self::OdooUnavailable => Retry::Yes,
            Self::ClusterRefused
            | Self::GeneratedSecret
            | Self::Internal
            | Self::ManifestFetch
            | Self::RepositoryFetch => Retry::Either,
            Self::AdmissionPolicy
            | Self::ApplyRefused
            | Self::Cancelled
            | Self::ClusterAnswer
            | Self::ClusterCredentials
            | Self::ClusterForbidden
            | Self::ClusterKinds
            | Self::ClusterSettings
            | Self::ClusterToken
            | Self::Contract
            | Self::FileMode
            | Self::GitChanged
            | Self::GitForeign
            | Self::GitRefused
            | Self::InvitationUncertain
            | Self::MailDomainDisabled
            | Self::MailDomainForeign
            | Self::MailDomainTaken
            | Self::MailInvalid
            | Self::MailUnconfirmed
            | Self::MailgunAnswer
            | Self::MailgunForbidden
            | Self::MailgunKey
            | Self::MailgunRefused
            | Self::MailgunSendingDomain
            | Self::MailgunUrl
            | Self::ManifestArchive
            | Self::ManifestChanged
            | Self::ManifestCheck
            | Self::ManifestParse
            | Self::ManifestPolicy
            | Self::ManifestUnpinned
            | Self::NamespaceAccess
            | Self::NamespaceForeign
            | Self::NamespaceMissing
            | Self::NamespaceOther
            | Self::NotReady
            | Self::NotThere
            | Self::ObjectForeign
            | Self::OdooOutdated
            | Self::OdooRefused
            | Self::OdooServer
            | Self::OdooNotThere
            | Self::OdooTooLong
            | Self::OdooUnauthorized
            | Self::OdooUnreadable
            | Self::PackageInvalid
            | Self::PasswordMissing
            | Self::PasswordPublicKey
            | Self::Permissions
            | Self::RepositoryInvalid
            | Self::ResetRefused
            | Self::SecretDependent
            | Self::Settings
            | Self::Stopped
            | Self::TemplateRender
            | Self::Variables
            | Self::Vault => Retry::No,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strum::VariantArray;

    use super::*;

    #[test]
    fn the_words_are_those_that_are_sent() {
        for code in Code::VARIANTS {
            assert_eq!(json!(code), json!(code.as_str()));
        }
    }
}
