//! The wake-up: Odoo's bus over a websocket, so that new work is claimed at once and not at the next poll.
//!
//! Only a hint. Where it cannot be had, or while it is away, polling does the same more slowly.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::BackoffBuilder;
use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tracing::{debug, info, warn};

use super::client::Client;
use super::contract::Wake;
use crate::body;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Odoo sends a ping after 40 s of silence: longer than this means that the connection is dead.
const SILENCE: Duration = Duration::from_secs(120);
/// The longest message: an announcement is some hundred bytes, and Odoo sends several in one.
const MAX_MESSAGE: usize = 1 << 20;

/// Whom to tell what is heard.
#[derive(Clone, Copy)]
pub struct Ear<'a> {
    /// Notified whenever Odoo announces work.
    pub wake_up: &'a Notify,
    /// Whether it would be.
    pub listening: &'a AtomicBool,
    /// Called with the ids of jobs that somebody wants to cancel.
    pub cancelled: &'a (dyn Fn(&[i64]) + Sync),
}

/// Tells of what Odoo announces. Follows the channel that the last claim named; never returns.
pub async fn listen(client: Client, mut channel: watch::Receiver<Option<Wake>>, ear: Ear<'_>) {
    let mut last = 0;
    let mut pauses = pauses();
    let mut said = false;
    loop {
        let Some(wake) = channel.borrow_and_update().clone() else {
            if channel.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            continue;
        };
        let ended = tokio::select! {
            error = follow(&client, &wake, &mut last, ear) => Some(error),
            // Another channel: begin anew at once.
            Ok(()) = channel.changed() => None,
        };
        let listened = ear.listening.swap(false, Ordering::Relaxed);
        let Some(error) = ended else {
            last = 0;
            continue;
        };
        if listened {
            // Whoever relied on it asks by himself from now on.
            ear.wake_up.notify_one();
            info!("the wake-up connection ended ({error}); polling until it is back");
            pauses = self::pauses();
            said = false;
        } else if said {
            debug!("no wake-up connection ({error}); polling instead");
        } else {
            said = true;
            warn!(
                "no wake-up connection ({error}): jobs begin some seconds later. {}websocket must lead to Odoo's port for it (8072 with `workers` above 0); where only that port does, set odoo.websocket_url",
                client.websocket_url(),
            );
        }
        tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(60))).await;
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(60))
        .with_jitter()
        .without_max_times()
        .build()
}

/// Listens until the connection ends; returns why it did.
async fn follow(client: &Client, wake: &Wake, last: &mut i64, ear: Ear<'_>) -> String {
    match try_follow(client, wake, last, ear).await {
        Ok(ControlFlow::Break(())) => "closed by Odoo".to_owned(),
        Ok(ControlFlow::Continue(())) => "silence".to_owned(),
        Err(error) => error.to_string(),
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn try_follow(
    client: &Client,
    wake: &Wake,
    last: &mut i64,
    ear: Ear<'_>,
) -> Result<ControlFlow<()>, Error> {
    let mut request = address(client)?.into_client_request()?;
    // Odoo refuses a websocket without an origin; whose it is matters to browsers only.
    let origin = client.websocket_url().origin().ascii_serialization();
    request
        .headers_mut()
        .insert("Origin", HeaderValue::from_str(&origin)?);
    if let Some(cookie) = timeout(CONNECT_TIMEOUT, client.visitor()).await?? {
        let mut cookie = HeaderValue::from_str(&cookie)?;
        cookie.set_sensitive(true);
        request.headers_mut().insert("Cookie", cookie);
    }
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let connect = tokio_tungstenite::connect_async_with_config(request, Some(limits), false);
    let (mut socket, _) = timeout(CONNECT_TIMEOUT, connect).await??;
    let subscribe =
        json!({"event_name": "subscribe", "data": {"channels": [wake.channel], "last": *last}});
    socket.send(Message::text(subscribe.to_string())).await?;
    ear.listening.store(true, Ordering::Relaxed);
    debug!("listening for the wake-up");
    // What was announced while nobody listened.
    ear.wake_up.notify_one();
    loop {
        let Ok(message) = timeout(SILENCE, socket.next()).await else {
            return Ok(ControlFlow::Continue(()));
        };
        let message = match message.transpose() {
            Err(tungstenite::Error::Capacity(_)) => {
                // Nothing gets better by asking again soon.
                ear.listening.store(false, Ordering::Relaxed);
                return Err(too_long().into());
            }
            message => message?,
        };
        match message {
            None | Some(Message::Close(_)) => return Ok(ControlFlow::Break(())),
            Some(Message::Text(text)) => {
                let heard = announced(&text, &wake.event, last);
                if heard.work {
                    ear.wake_up.notify_one();
                }
                if !heard.cancelled.is_empty() {
                    (ear.cancelled)(&heard.cancelled);
                }
            }
            Some(_) => socket.flush().await?,
        }
    }
}

fn too_long() -> String {
    format!(
        "Odoo's bus sent a message of more than {}, which the worker does not read; is odoo.url Odoo's address?",
        body::size(MAX_MESSAGE)
    )
}

fn address(client: &Client) -> Result<String, Error> {
    let mut url = client.websocket_url().join("websocket")?;
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme)
        .map_err(|()| "the address has no websocket form")?;
    Ok(url.into())
}

#[derive(Deserialize)]
struct Notification {
    id: i64,
    message: NotificationMessage,
}

#[derive(Deserialize)]
struct NotificationMessage {
    r#type: String,
    #[serde(default)]
    payload: Value,
}

/// What a frame tells.
#[derive(Default)]
struct Announced {
    /// That there is something to claim.
    work: bool,
    /// The ids of jobs that somebody wants to cancel.
    cancelled: Vec<i64>,
}

/// Reads a frame; remembers the latest notification, to go on after it when reconnecting.
fn announced(frame: &str, event: &str, last: &mut i64) -> Announced {
    let notifications: Vec<Value> = serde_json::from_str(frame).unwrap_or_default();
    let mut heard = Announced::default();
    for notification in notifications {
        // Odoo's bus carries other things too, now and in later versions.
        if let Ok(Notification { id, message }) = serde_json::from_value(notification) {
            *last = id.max(*last);
            if message.r#type != event {
                continue;
            }
            match message.payload["cancelled"].as_array() {
                Some(ids) => heard.cancelled.extend(ids.iter().filter_map(Value::as_i64)),
                None => heard.work = true,
            }
        }
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    use wiremock::matchers::{method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    fn wake() -> Wake {
        Wake {
            channel: "kubernetes_worker_1".to_owned(),
            event: "kubernetes.job/pending".to_owned(),
        }
    }

    fn client(listener: &TcpListener) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Client::new(
            &url,
            "",
            SecretString::from("k3y"),
            Duration::from_secs(300),
        )
        .unwrap()
    }

    /// Accepts a websocket as Odoo does and reads what it subscribes to.
    async fn accept(listener: &TcpListener) -> (WebSocketStream<TcpStream>, Value) {
        let (stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let length = stream.peek(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
        assert!(head.starts_with("get /websocket "), "{head}");
        assert!(head.contains("\r\norigin: http://127.0.0.1"), "{head}");
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let subscribed = socket.next().await.unwrap().unwrap();
        let subscribed = serde_json::from_str(subscribed.to_text().unwrap()).unwrap();
        (socket, subscribed)
    }

    fn ear<'a>(wake_up: &'a Notify, listening: &'a AtomicBool) -> Ear<'a> {
        Ear {
            wake_up,
            listening,
            cancelled: &|_| {},
        }
    }

    #[tokio::test]
    async fn the_bell_rings_when_odoo_announces_work_and_goes_on_after_a_lost_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_sender, receiver) = watch::channel(Some(wake()));
        let (wake_up, connected) = (Notify::new(), AtomicBool::new(false));
        let listening = listen(client(&listener), receiver, ear(&wake_up, &connected));
        let odoo = async {
            let (mut socket, subscribed) = accept(&listener).await;
            assert_eq!(
                subscribed,
                json!({"event_name": "subscribe", "data": {"channels": ["kubernetes_worker_1"], "last": 0}})
            );
            wake_up.notified().await;
            assert!(connected.load(Ordering::Relaxed));
            let news = json!([
                {"id": 6, "message": {"type": "other", "payload": {}}},
                {"id": 7, "message": {"type": "kubernetes.job/pending", "payload": {}}},
            ]);
            socket.send(Message::text(news.to_string())).await.unwrap();
            wake_up.notified().await;
            drop(socket);
            wake_up.notified().await;
            assert!(!connected.load(Ordering::Relaxed), "who relied on it asks");
            let (_socket, subscribed) = accept(&listener).await;
            assert_eq!(subscribed["data"]["last"], 7);
            wake_up.notified().await;
        };
        tokio::select! {
            () = listening => unreachable!("listens for ever"),
            () = odoo => {}
        }
    }

    /// A websocket lives in a session, and the session says which database is meant.
    #[tokio::test]
    async fn where_several_databases_share_a_host_name_the_websocket_names_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let odoo = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path("/web/login"))
            .and(query_param("db", "shop"))
            .respond_with(
                ResponseTemplate::new(302)
                    .insert_header("Location", "/web/login?db=shop")
                    .insert_header("Set-Cookie", "session_id=s3ss10n; HttpOnly; Path=/"),
            )
            .expect(1)
            .mount(&odoo)
            .await;
        let key = SecretString::from("k3y");
        let websocket = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::new(&odoo.uri(), "shop", key, Duration::from_secs(300))
            .unwrap()
            .with_websocket_at(websocket.parse().unwrap());
        let (wake, wake_up) = (wake(), Notify::new());
        let (mut last, listening) = (0, AtomicBool::new(false));
        let following = follow(&client, &wake, &mut last, ear(&wake_up, &listening));
        let odoo = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.peek(&mut head).await.unwrap();
            String::from_utf8_lossy(&head[..length]).to_lowercase()
        };
        let head = tokio::select! {
            reason = following => unreachable!("{reason}"),
            head = odoo => head,
        };
        assert!(
            head.contains("\r\ncookie: session_id=s3ss10n\r\n"),
            "{head}"
        );
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_ends_the_connection_with_a_reason() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, wake, wake_up) = (client(&listener), wake(), Notify::new());
        let (mut last, listening) = (0, AtomicBool::new(false));
        let following = follow(&client, &wake, &mut last, ear(&wake_up, &listening));
        let odoo = async {
            let (mut socket, _) = accept(&listener).await;
            let part = |of| {
                Message::Frame(Frame::message(
                    vec![b' '; MAX_MESSAGE / 2],
                    OpCode::Data(of),
                    false,
                ))
            };
            // A message in parts that never ends: it is not kept until it does.
            let mut sent = socket.send(part(Data::Text)).await;
            while sent.is_ok() {
                sent = socket.send(part(Data::Continue)).await;
            }
            std::future::pending::<String>().await
        };
        let reason = tokio::select! {
            reason = following => reason,
            reason = odoo => reason,
        };
        assert!(reason.contains("more than 1 MiB"), "{reason}");
        assert!(!listening.load(Ordering::Relaxed));
    }

    #[test]
    fn the_websocket_is_encrypted_where_the_calls_are() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (url, expected) in [
            (
                "https://odoo.example.com",
                "wss://odoo.example.com/websocket",
            ),
            ("http://127.0.0.1:8069", "ws://127.0.0.1:8069/websocket"),
        ] {
            let key = SecretString::from("k3y");
            let client = Client::new(url, "", key, Duration::from_secs(5)).unwrap();
            assert_eq!(address(&client).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_to_be_cancelled_is_named_and_is_nothing_to_claim() {
        let frame = json!([
            {"id": 4, "message": {"type": "bell", "payload": {"cancelled": [7, "x", 9]}}},
            {"id": 5, "message": {"type": "other", "payload": {"cancelled": [8]}}},
        ]);
        let heard = announced(&frame.to_string(), "bell", &mut 0);
        assert!(!heard.work);
        assert_eq!(heard.cancelled, [7, 9]);
    }

    #[test]
    fn other_notifications_and_strange_frames_do_not_ring() {
        let mut last = 3;
        for frame in [
            "",
            "{}",
            "[1]",
            r#"[{"id": 9, "message": {"type": "other", "payload": null}}]"#,
            r#"[{"id": "x", "message": {"type": "kubernetes.job/pending"}}]"#,
        ] {
            let heard = announced(frame, "kubernetes.job/pending", &mut last);
            assert!(!heard.work && heard.cancelled.is_empty(), "{frame}");
        }
        assert_eq!(last, 9);
    }
}
