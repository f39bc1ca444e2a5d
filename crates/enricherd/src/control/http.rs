//! HTTP for scrapers, balancers and programs: `/metrics`, `/live`, `/ready`, `/health`, `/api/v1/`.
//!
//! Not here: what the answers say (`control::answer`, `control::health`), HTTP itself (`hyper`).
//! Bound: [`CONNECTIONS_MAX`] connections, each for [`CONNECTION_LIFE`] at most; heads of
//! [`HEAD_OCTETS_MAX`] octets that must be there within [`HEAD_PATIENCE`]; bodies are not read.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use report::prometheus;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::control::answer::{Subject, metrics};
use crate::control::facts::Facts;
use crate::control::health::{self, Verdict};
use crate::control::told::Form;

/// Connections at once; further ones are closed.
pub const CONNECTIONS_MAX: usize = 32;
/// Octets of a request's head.
pub const HEAD_OCTETS_MAX: usize = 16 << 10;
/// Header fields of a request.
pub const FIELDS_MAX: usize = 64;
/// How long a head may take, and a connection may say nothing.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may last: whoever reads slowly or not at all frees its place.
pub const CONNECTION_LIFE: Duration = Duration::from_secs(120);

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

const PATHS: &str = "\
/metrics                for Prometheus
/live /ready /health    200, or 503 with reasons
/api/v1/...             stats, as, exporters, collectors, templates, sources, disagreements, events,
                        errors, config
";

/// Answers connections, for ever.
pub async fn serve(listener: TcpListener, facts: Arc<Facts>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files, or the peer is gone already: others may come.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        let facts = Arc::clone(&facts);
        tokio::spawn(async move {
            converse(stream, facts).await;
            drop(place);
        });
    }
}

async fn converse(stream: TcpStream, facts: Arc<Facts>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let facts = Arc::clone(&facts);
        async move {
            let (method, path) = (request.method(), request.uri().path());
            Ok::<_, Infallible>(respond(method, path, &facts).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_OCTETS_MAX)
        .max_headers(FIELDS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = timeout(CONNECTION_LIFE, connection).await {
        tracing::debug!("metrics: {error}");
    }
}

async fn respond(method: &Method, path: &str, facts: &Facts) -> Response<String> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let text = "only GET and HEAD\n".to_owned();
        let mut refused = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(ALLOW, allowed);
        return refused;
    }
    match path {
        "/" => response(StatusCode::OK, TEXT, PATHS.to_owned()),
        "/metrics" => {
            let text = prometheus::text(&metrics(facts).await);
            response(StatusCode::OK, prometheus::CONTENT_TYPE, text)
        }
        "/live" => of_verdict(&health::live(facts)),
        "/ready" => of_verdict(&health::ready(facts)),
        "/health" => of_verdict(&health::well(facts)),
        _ => match path.strip_prefix("/api/v1/").and_then(Subject::named) {
            Some(subject) => {
                let text = subject.answer(Form::Json, facts).await;
                response(StatusCode::OK, JSON, text)
            }
            None => response(
                StatusCode::NOT_FOUND,
                TEXT,
                format!("no such path; there are\n{PATHS}"),
            ),
        },
    }
}

fn of_verdict(verdict: &Verdict) -> Response<String> {
    let status = if verdict.is_yes() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    response(status, JSON, verdict.json())
}

fn response(status: StatusCode, content_type: &'static str, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
