//! Statistics over telnet: a line in, an answer out, for people and for `nc`.
//!
//! Not here: what the answers say (`control::answer`).
//! Bound: [`CONNECTIONS_MAX`] connections, [`LINE_OCTETS_MAX`] octets of a line, a silent
//! connection is closed after [`IDLE`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::control::answer::Subject;
use crate::control::facts::Facts;
use crate::control::told::{self, Form};

/// Connections at once; further ones are told so.
pub const CONNECTIONS_MAX: usize = 16;
/// Octets of the longest line.
pub const LINE_OCTETS_MAX: u64 = 256;
/// How long a connection may say nothing.
pub const IDLE: Duration = Duration::from_secs(300);

/// How long an answer may take to be read.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

const HELP: &str = "\
stats        what came, what became of it, what left
as_stats     the AS numbers with most traffic, and the pairs of them
exporters    who sends, and what became of it
collectors   who gets it, and what is wrong with them
templates    sessions and how many Templates each has
sources      where AS numbers come from, how old that is and what is wrong with it
disagreements  whose AS numbers are not the table's, with examples
events       what happened that needs somebody to act
errors       the last warnings and errors of the log
config       the configuration in force, defaults too
explain ADDRESS [exporter ADDRESS]  what each provider says of an address, and who wins
help         this
quit         ends the connection
Behind all but the last two, json makes the answer one line of JSON.
";

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
    let words: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(match &words[..] {
        [] => String::new(),
        ["explain", words @ ..] => match told::question(words) {
            Ok((question, form)) => facts.told.explain(question, form).await,
            Err(fault) => fault + "\n",
        },
        ["help" | "?"] => HELP.to_owned(),
        ["quit" | "exit"] => return None,
        [name, form @ ..] => {
            let form = match form {
                [] => Some(Form::Text),
                ["json"] => Some(Form::Json),
                _ => None,
            };
            match Subject::named(name).zip(form) {
                Some((subject, form)) => subject.answer(form, facts).await,
                None => format!(
                    "{}: no such command; try help\n",
                    words.join(" ").escape_debug()
                ),
            }
        }
    })
}
