//! What the cluster shows, in the words of the contract.

use jiff::{Timestamp, Unit};

use crate::kubernetes::namespace::OurNamespace;
use crate::kubernetes::{self, Owner};
use crate::odoo::contract::{
    Capacity, Health, Ingress, IngressState, Label, NamespaceSeen, ObjectSeen, Observation,
    ObservedState, Uid,
};
use crate::sentence;
use crate::sentence::Sentence;

/// What a cluster has.
pub fn capacity(seen: &kubernetes::Capacity) -> Capacity {
    let whole = |number: f64| number.round().clamp(0.0, f64::from(i32::MAX)) as u32;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mib = |bytes: f64| whole(bytes / 1024.0 / 1024.0);
    let (there, asked) = (seen.allocatable, seen.requested);
    Capacity {
        nodes: count(seen.nodes),
        nodes_ready: count(seen.nodes_ready),
        cpu_millicores: whole(there.cpu * 1000.0),
        cpu_millicores_requested: whole(asked.cpu * 1000.0),
        memory_mib: mib(there.memory),
        memory_mib_requested: mib(asked.memory),
        pods: whole(there.pods),
        pods_requested: whole(asked.pods),
        message: Sentence::default(),
    }
}

/// An app's observation.
pub fn observation(seen: kubernetes::Observation) -> Observation {
    Observation {
        state: match seen.state {
            kubernetes::State::Running => ObservedState::Running,
            kubernetes::State::Degraded => ObservedState::Degraded,
            kubernetes::State::Stopped => ObservedState::Stopped,
            kubernetes::State::Missing => ObservedState::Missing,
        },
        message: seen.message,
        ingress: ingress(seen.ingress),
        objects: Some(seen.objects.into_iter().map(object).collect()),
        seen_at: fine_enough(seen.seen_at),
    }
}

fn object(seen: kubernetes::ObjectSeen) -> ObjectSeen {
    ObjectSeen {
        object: seen.object,
        health: match seen.health {
            kubernetes::Health::Current => Health::Current,
            kubernetes::Health::InProgress => Health::InProgress,
            kubernetes::Health::Failed => Health::Failed,
            kubernetes::Health::Terminating => Health::Terminating,
            kubernetes::Health::NotFound => Health::NotFound,
        },
        created_at: seen.created_at,
        images: seen.images,
        message: seen.message,
        log: String::new(),
    }
}

/// An app's ingress.
pub fn ingress(seen: kubernetes::Ingress) -> Ingress {
    Ingress {
        state: match seen.state {
            kubernetes::IngressState::None => IngressState::None,
            kubernetes::IngressState::NoAddress => IngressState::NoAddress,
            kubernetes::IngressState::Ready => IngressState::Ready,
        },
        hosts: seen.hosts,
        addresses: seen.addresses,
        tls: seen.tls,
        message: seen.message,
    }
}

/// An app's ingress in a sentence, for a step.
pub fn ingress_sentence(ingress: &Ingress) -> Sentence {
    let hosts = ingress.hosts.join(", ");
    match ingress.state {
        IngressState::None => sentence!("The app has no ingress"),
        IngressState::NoAddress if ingress.message.is_empty() => {
            sentence!("{hosts}: no address yet", hosts)
        }
        IngressState::NoAddress => ingress.message.clone(),
        IngressState::Ready => sentence!(
            "{hosts} has the address {addresses}",
            hosts,
            addresses = ingress.addresses.join(", ")
        ),
    }
}

/// Who owns what is made for an app.
pub fn owner(database: &str, uid: &Uid, app: i64, name: &str, environment: &str) -> Owner {
    Owner {
        uid: uid.clone(),
        instance: database.to_owned(),
        app,
        name: name.to_owned(),
        environment: environment.to_owned(),
    }
}

/// A namespace of this database.
pub fn namespace(seen: OurNamespace) -> NamespaceSeen {
    NamespaceSeen {
        namespace: seen.namespace,
        object: seen.object,
        uid: seen.uid,
        app: seen.app,
        name: seen.name,
        environment: seen.environment,
        created_at: seen.created_at,
        labels: seen
            .labels
            .into_iter()
            .map(|(key, value)| Label { key, value })
            .collect(),
    }
}

/// The time, as fine as the contract has it.
pub fn now() -> Timestamp {
    fine_enough(Timestamp::now())
}

fn fine_enough(time: Timestamp) -> Timestamp {
    time.round(Unit::Millisecond).unwrap_or(time)
}
