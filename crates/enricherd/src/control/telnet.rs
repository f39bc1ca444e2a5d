//! Statistics over telnet: a line in, an answer out, for people and for `nc`.
//!
//! Not here: what the answers say (`control::stats`).
//! Bound: [`CONNECTIONS_MAX`] connections, [`LINE_OCTETS_MAX`] octets of a line, a silent
//! connection is closed after [`IDLE`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::control::stats;
use crate::pipeline::page::{Numbers, Pages};

/// Connections at once; further ones are told so.
pub const CONNECTIONS_MAX: usize = 16;
/// Octets of the longest line.
pub const LINE_OCTETS_MAX: u64 = 256;
/// How long a connection may say nothing.
pub const IDLE: Duration = Duration::from_secs(300);

/// How long an answer may take to be read.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long the workers are given for their lists, and how often it is looked for them.
const LISTS_PATIENCE: Duration = Duration::from_secs(2);
const LISTS_STEP: Duration = Duration::from_millis(10);

const HELP: &str = "\
stats        what came, what became of it, what left
exporters    who sends, and what became of it
collectors   who gets it, and what is wrong with them
templates    sessions and how many Templates each has
help         this
quit         ends the connection
Behind any of the first four, json makes the answer one line of JSON.
";

/// What the answers are made of.
#[derive(Debug)]
pub struct Facts {
    /// The pages of the workers.
    pub pages: Pages,
    /// When the daemon started.
    pub started: Instant,
}

/// Answers connections, for ever.
pub async fn serve(listener: TcpListener, facts: Arc<Facts>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok((mut stream, peer)) = listener.accept().await else {
            // Out of files, or the peer is gone already: others may come.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            // A peer that does not even read this is closed as well.
            drop(stream.try_write(b"too many connections, try again later\n"));
            drop(stream.shutdown().await);
            continue;
        };
        let facts = Arc::clone(&facts);
        tokio::spawn(async move {
            converse(stream, peer, &facts).await;
            drop(place);
        });
    }
}

async fn converse(mut stream: TcpStream, peer: SocketAddr, facts: &Facts) {
    tracing::debug!("statistics: {peer} connected");
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut reader).take(LINE_OCTETS_MAX);
        match timeout(IDLE, bounded.read_until(b'\n', &mut line)).await {
            Ok(Ok(octets)) if octets > 0 => {}
            _ => return,
        }
        let is_whole = line.ends_with(b"\n") || line.len() as u64 != LINE_OCTETS_MAX;
        if !is_whole {
            return;
        }
        let line = String::from_utf8_lossy(&line);
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(answer) = answer(&words, facts).await else {
            return;
        };
        match timeout(WRITE_PATIENCE, writer.write_all(answer.as_bytes())).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    }
}

/// Returns the answer to a line; `None` ends the connection.
async fn answer(words: &[&str], facts: &Facts) -> Option<String> {
    let uptime_s = facts.started.elapsed().as_secs();
    Some(match words {
        [] => String::new(),
        ["stats"] => stats::text(&facts.pages.totals(), uptime_s),
        ["stats", "json"] => stats::json(&facts.pages.totals(), uptime_s),
        ["collectors"] => stats::collectors_text(&facts.pages.totals()),
        ["collectors", "json"] => stats::collectors_json(&facts.pages.totals()),
        ["exporters"] => with_lists(facts, stats::exporters_text).await,
        ["exporters", "json"] => with_lists(facts, stats::exporters_json).await,
        ["templates"] => with_lists(facts, stats::templates_text).await,
        ["templates", "json"] => with_lists(facts, stats::templates_json).await,
        ["help" | "?"] => HELP.to_owned(),
        ["quit" | "exit"] => return None,
        [other, ..] => format!("{}: no such command; try help\n", other.escape_debug()),
    })
}

/// Waits for the workers to write their lists; those of before serve if one does not.
async fn with_lists(facts: &Facts, make: fn(&Numbers) -> String) -> String {
    facts.pages.want_lists();
    let asked = Instant::now();
    while facts.pages.await_lists() && asked.elapsed() < LISTS_PATIENCE {
        sleep(LISTS_STEP).await;
    }
    make(&facts.pages.everything())
}
