//! `reload` over telnet: asks whoever holds the daemon to do what HUP does.
//!
//! Not here: reloading (`cli::run`, `daemon`).
//! Bound: one request at a time waits; a further one is told to try again.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::config::changes::Changes;

/// How long whoever asked waits: large dumps take a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where reloads are asked for.
#[derive(Clone, Debug)]
pub struct Port(mpsc::Sender<Request>);

/// Where they are answered.
#[derive(Debug)]
pub struct Requests(mpsc::Receiver<Request>);

/// Somebody who asked, and waits for the answer.
#[derive(Debug)]
pub struct Request(oneshot::Sender<String>);

/// Returns both ends.
#[must_use]
pub fn channel() -> (Port, Requests) {
    let (port, requests) = mpsc::channel(1);
    (Port(port), Requests(requests))
}

impl Port {
    /// Asks for a reload; returns what became of it, in lines.
    pub async fn ask(&self) -> String {
        let (answer, answered) = oneshot::channel();
        if self.0.try_send(Request(answer)).is_err() {
            return "a reload is under way already, try again later\n".to_owned();
        }
        match timeout(PATIENCE, answered).await {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => "the daemon is stopping\n".to_owned(),
            Err(_) => "still reading AS data; the log says when that is done\n".to_owned(),
        }
    }
}

impl Requests {
    /// Waits for somebody to ask; for ever if nobody can.
    pub async fn next(&mut self) -> Request {
        match self.0.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

impl Request {
    /// Tells what became of the reload: done, or a sentence for each reason why not.
    pub fn answer(self, outcome: &Result<Changes, Vec<String>>) {
        let text = match outcome {
            Ok(changes) => {
                let sentences = changes.sentences().map(|sentence| sentence + "\n");
                let sentences: String = sentences.collect();
                format!("{sentences}reloaded: {}\n", changes.summary())
            }
            Err(faults) => faults.join("\n") + "\nnothing was changed\n",
        };
        // Whoever asked may have gone.
        let _ = self.0.send(text);
    }
}
