//! Statistics over telnet: a line in, an answer out, for people and for `nc`.
//!
//! Not here: what the answers say (`control::stats`).
//! Bound: [`CONNECTIONS_MAX`] connections, [`LINE_OCTETS_MAX`] octets of a line, a silent
//! connection is closed after [`IDLE`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::control::events::Events;
use crate::control::told::{self, Told};
use crate::control::{as_stats, disagreements, sources, stats};
use crate::pipeline::page::{Numbers, Pages};
use crate::sources::health::SharedHealth;

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
as_stats     the AS numbers with most traffic, and the pairs of them
exporters    who sends, and what became of it
collectors   who gets it, and what is wrong with them
templates    sessions and how many Templates each has
sources      where AS numbers come from, how old that is and what is wrong with it
disagreements  whose AS numbers are not the table's, with examples
events       what happened that needs somebody to act
explain ADDRESS [exporter ADDRESS]  what each provider says of an address, and who wins
help         this
quit         ends the connection
Behind all but the last two, json makes the answer one line of JSON.
";

/// What the answers are made of.
#[derive(Debug)]
pub struct Facts {
    /// The pages of the workers.
    pub pages: Pages,
    /// When the daemon started.
    pub started: Instant,
    /// What explains addresses.
    pub told: Told,
    /// What happened.
    pub events: Events,
    /// How the sources of AS numbers are.
    pub sources: SharedHealth,
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
        ["as_stats"] => as_stats::text(&facts.pages.totals().traffic, &facts.told),
        ["as_stats", "json"] => as_stats::json(&facts.pages.totals().traffic, &facts.told),
        ["collectors"] => stats::collectors_text(&facts.pages.totals()),
        ["collectors", "json"] => stats::collectors_json(&facts.pages.totals()),
        ["exporters"] => stats::exporters_text(&with_lists(facts).await),
        ["exporters", "json"] => stats::exporters_json(&with_lists(facts).await),
        ["templates"] => stats::templates_text(&with_lists(facts).await),
        ["templates", "json"] => stats::templates_json(&with_lists(facts).await),
        ["disagreements"] => disagreements::text(&with_lists(facts).await, &facts.told),
        ["disagreements", "json"] => disagreements::json(&with_lists(facts).await, &facts.told),
        ["events"] => facts.events.text(SystemTime::now()),
        ["events", "json"] => facts.events.json(SystemTime::now()),
        ["sources"] => sources::text(&facts.sources.load(), SystemTime::now()),
        ["sources", "json"] => sources::json(&facts.sources.load(), SystemTime::now()),
        ["explain", words @ ..] => match told::question(words) {
            Ok((question, form)) => facts.told.explain(question, form).await,
            Err(fault) => fault + "\n",
        },
        ["help" | "?"] => HELP.to_owned(),
        ["quit" | "exit"] => return None,
        [other, ..] => format!("{}: no such command; try help\n", other.escape_debug()),
    })
}

/// Returns all numbers, once the workers have written their lists; those of before serve if one
/// does not.
pub async fn with_lists(facts: &Facts) -> Numbers {
    facts.pages.want_lists();
    let asked = Instant::now();
    while facts.pages.await_lists() && asked.elapsed() < LISTS_PATIENCE {
        sleep(LISTS_STEP).await;
    }
    facts.pages.everything()
}
