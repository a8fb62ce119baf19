//! The body of an HTTP answer, read up to a limit: whoever answers must not fill the worker's memory.

use reqwest::Response;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than this many bytes, after decompression.
    #[error("the answer is longer than {}", size(*.0))]
    TooLong(usize),
    /// The connection ended before it did.
    #[error(transparent)]
    Lost(#[from] reqwest::Error),
}

/// Reads the body, and not a byte more than the limit: an answer that says beforehand that it is longer is not read at
/// all.
pub async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let announced = response.content_length().unwrap_or_default();
    if usize::try_from(announced).is_ok_and(|length| length > limit) {
        return Err(BodyError::TooLong(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > limit - body.len() {
            return Err(BodyError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A number of bytes as people read it.
pub fn size(bytes: usize) -> String {
    match bytes {
        bytes if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => {
            format!("{} MiB", bytes >> 20)
        }
        bytes if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => {
            format!("{} KiB", bytes >> 10)
        }
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// The address of a server that answers every request with JSON that never ends.
    pub async fn endless_server() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = vec![0; 64 * 1024];
                    let _ = stream.read(&mut asked).await;
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[";
                    let mut sent = stream.write_all(head.as_bytes()).await;
                    let more = "1,".repeat(32 * 1024);
                    while sent.is_ok() {
                        sent = stream.write_all(more.as_bytes()).await;
                    }
                });
            }
        });
        format!("http://{address}")
    }

    /// The address of a server that says how long its answer will be, and sends nothing of it.
    async fn announcing_server(length: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let _ = stream.read(&mut asked).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        });
        format!("http://{address}")
    }

    async fn answer(url: &str) -> Response {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::get(url).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_never_ends_ends_at_the_limit() {
        let url = endless_server().await;
        let error = read(answer(&url).await, 1 << 20).await.unwrap_err();
        assert_eq!(error.to_string(), "the answer is longer than 1 MiB");
    }

    #[tokio::test]
    async fn an_answer_that_announces_too_much_is_not_waited_for() {
        let url = announcing_server(1025).await;
        let error = read(answer(&url).await, 1024).await.unwrap_err();
        assert_eq!(error.to_string(), "the answer is longer than 1 KiB");
    }

    #[tokio::test]
    async fn an_answer_as_long_as_the_limit_is_read_whole() {
        let server = wiremock::MockServer::start().await;
        wiremock::Mock::given(wiremock::matchers::any())
            .respond_with(wiremock::ResponseTemplate::new(200).set_body_string("x".repeat(1000)))
            .mount(&server)
            .await;
        let body = read(answer(&server.uri()).await, 1000).await.unwrap();
        assert_eq!(body.len(), 1000);
        let error = read(answer(&server.uri()).await, 999).await.unwrap_err();
        assert_eq!(error.to_string(), "the answer is longer than 999 bytes");
    }
}
