//! Statistics over telnet: a line in, an answer out, for people and for `nc`.
//!
//! Whoever says nothing for [`SILENCE`], or ends the first line in CR LF as telnet does, is a
//! person and gets a prompt. Whoever ends it in LF alone is a script: it gets answers alone, and
//! the connection ends when no further line comes, so that `echo stats | nc` ends by itself.
//!
//! Not here: what the answers say (`control::answer`).
//! Bound: [`CONNECTIONS_MAX`] connections, [`LINE_OCTETS_MAX`] octets of a line, a silent
//! connection is closed after [`IDLE`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use report::json::{list, object, string};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::control::answer::Subject;
use crate::control::facts::Facts;
use crate::control::told::{self, Form};
use crate::control::watch::{Options, STEP, Watch};

/// Connections at once; further ones are told so.
pub const CONNECTIONS_MAX: usize = 16;
/// Octets of the longest line.
pub const LINE_OCTETS_MAX: u64 = 256;
/// How long a connection may say nothing.
pub const IDLE: Duration = Duration::from_secs(300);

/// After this long without a word whoever connected is a person; a script has ended.
pub const SILENCE: Duration = Duration::from_millis(300);

/// What a person sees when it may ask.
const PROMPT: &str = "ipfix> ";
/// How long an answer may take to be read.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

const HELP: &str = "\
stats        what came, what became of it, what left
as_stats     the AS numbers with most traffic, and the pairs of them
exporters    who sends, and what became of it
collectors   who gets it, and what is wrong with them
templates    sessions and how many Templates each has
sources      where AS numbers come from, how old that is and what is wrong with it
bgp          routers over BGP: sessions, routes, what went wrong
bmp          routers over BMP: their peers, routes, what went wrong
disagreements  whose AS numbers are not the table's, with examples
events       what happened that needs somebody to act
watch [--source A] [--with-as] [--address A] [--records] [-v]  live Messages, until a line comes
errors       the last warnings and errors of the log
config       the configuration in force, defaults too
explain ADDRESS [exporter ADDRESS]  what each provider says of an address, and who wins
reload       does what the signal HUP does: reads the configuration and the AS data again
help         this
quit         ends the connection
Behind all but the last, json makes the answer one line of JSON.
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

/// Who is at the other end, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// Nobody said anything yet.
    Unknown,
    /// A person: there is a prompt.
    Person,
    /// A program: there is none, and the connection ends after the last answer.
    Script,
}

impl Peer {
    /// What the first line tells: programs do not end it in CR LF.
    fn told_by(self, line: &[u8]) -> Self {
        match self {
            Self::Unknown if line.ends_with(b"\r\n") => Self::Person,
            Self::Unknown => Self::Script,
            known => known,
        }
    }

    /// How long a line may take, and what silence means.
    const fn patience(self) -> Duration {
        match self {
            Self::Person => IDLE,
            Self::Unknown | Self::Script => SILENCE,
        }
    }
}

async fn converse(mut stream: TcpStream, peer: SocketAddr, facts: &Arc<Facts>) {
    tracing::debug!("statistics: {peer} connected");
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut peer = Peer::Unknown;
    let mut line = Vec::new();
    loop {
        if peer == Peer::Person && !write(&mut writer, PROMPT).await {
            return;
        }
        match timeout(peer.patience(), read_line(&mut reader, &mut line)).await {
            Ok(true) => {}
            Err(_) if peer == Peer::Unknown => {
                peer = Peer::Person;
                continue;
            }
            Ok(false) | Err(_) => return,
        }
        peer = peer.told_by(&line);
        let text = String::from_utf8_lossy(&line).to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        line.clear();
        let goes_on = match &words[..] {
            ["quit" | "exit"] => false,
            ["watch", options @ ..] => {
                watch(options, facts, &mut reader, &mut writer).await && peer == Peer::Person
            }
            words => write(&mut writer, &answer(words, facts).await).await,
        };
        if !goes_on {
            return;
        }
    }
}

/// Reads a line behind what was read of it before; returns whether there is a whole one, or the
/// last one without an end.
async fn read_line(reader: &mut BufReader<ReadHalf<'_>>, line: &mut Vec<u8>) -> bool {
    let room = LINE_OCTETS_MAX.saturating_sub(line.len() as u64);
    match reader.take(room).read_until(b'\n', line).await {
        Ok(_) => {
            !line.is_empty() && (line.ends_with(b"\n") || (line.len() as u64) < LINE_OCTETS_MAX)
        }
        Err(_) => false,
    }
}

/// Writes to a peer; returns whether it took it in time.
async fn write(writer: &mut WriteHalf<'_>, text: &str) -> bool {
    let written = timeout(WRITE_PATIENCE, writer.write_all(text.as_bytes())).await;
    matches!(written, Ok(Ok(())))
}

/// Shows live Messages until the peer sends a line or goes; returns whether it is still there.
async fn watch(
    options: &[&str],
    facts: &Arc<Facts>,
    reader: &mut BufReader<ReadHalf<'_>>,
    writer: &mut WriteHalf<'_>,
) -> bool {
    let begun = Options::read(options);
    let begun = begun.and_then(|options| Watch::begin(options, Arc::clone(facts)));
    let mut watch = match begun {
        Ok(watch) => watch,
        Err(fault) => return write(writer, &(fault + "\n")).await,
    };
    let mut line = Vec::new();
    let mut listens = true;
    loop {
        let lines = watch.lines();
        if !lines.is_empty() && !write(writer, &lines).await {
            return false;
        }
        let said = async {
            if !listens {
                std::future::pending::<()>().await;
            }
            read_line(reader, &mut line).await
        };
        match timeout(STEP, said).await {
            Ok(true) => return true,
            // A script says nothing more; that it is gone shows when it is written to.
            Ok(false) => listens = false,
            Err(_) => {}
        }
    }
}

/// Returns the answer to the words of a line, which are in lower case.
async fn answer(words: &[&str], facts: &Facts) -> String {
    match words {
        [] => String::new(),
        ["explain", words @ ..] => match told::question(words) {
            Ok((question, form)) => facts.told.explain(question, form).await,
            Err(fault) => fault + "\n",
        },
        ["help" | "?"] => HELP.to_owned(),
        ["help", "json"] => {
            let names = HELP.lines().filter_map(|line| line.split_once("  "));
            list(names.map(|(name, _)| string(name))) + "\n"
        }
        ["reload"] => facts.reload.ask().await,
        ["reload", "json"] => {
            let text = facts.reload.ask().await;
            object(&[("answer", string(text.trim_end()))]) + "\n"
        }
        [name, form @ ..] => {
            let form = match form {
                [] => Some(Form::Text),
                ["json"] => Some(Form::Json),
                _ => None,
            };
            match Subject::named(name).zip(form) {
                Some((subject, form)) => subject.answer(form, facts).await,
                None => {
                    let words = words.join(" ");
                    format!("{}: no such command; try help\n", words.escape_debug())
                }
            }
        }
    }
}
