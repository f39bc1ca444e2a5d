//! The thread that hears routers: started where any are configured, and ended.
//!
//! Not here: what it does (`control::routes`).

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::{StartError, spawn};
use crate::config::Config;
use crate::control::facts::Facts;
use crate::control::routes::{self, Asked};
use crate::io::state_file::StateDir;
use crate::sources::live::Outbox;

/// The thread.
#[derive(Debug)]
pub(super) struct Hearing {
    thread: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Hearing {
    /// Starts it, if there is anybody to hear; `port` is the UDP port that saved routes go by.
    pub(super) fn start(
        config: &Config,
        (facts, asked, outbox): (Arc<Facts>, Asked, Outbox),
        port: u16,
    ) -> Result<Option<Self>, StartError> {
        if !routes::is_wanted(config) {
            return Ok(None);
        }
        let (stop, stopped) = oneshot::channel();
        let start = routes::Start {
            config: config.clone(),
            facts,
            asked,
            outbox,
            state_dir: StateDir::new(config.general.state_dir.clone(), port),
            stop: stopped,
        };
        let thread = spawn("routes", move || routes::run(start))?;
        Ok(Some(Self { thread, stop }))
    }

    /// Tells routers that we stop, and saves what they told.
    pub(super) fn stop(self) {
        // A thread that has ended needs no word.
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("live routes: ended by a fault of this program");
        }
    }
}
