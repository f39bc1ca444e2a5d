//! The thread that hears routers: started, told whom to hear, and ended.
//!
//! It is there also where nobody is heard, for the next configuration may name somebody.
//!
//! Not here: what it does (`control::routes`).

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{oneshot, watch};

use super::{StartError, spawn};
use crate::config::Config;
use crate::control::facts::Facts;
use crate::control::routes::{self, Asked, Settings};
use crate::io::state_file::StateDir;
use crate::sources::live::Outbox;

/// The thread.
#[derive(Debug)]
pub(super) struct Hearing {
    thread: JoinHandle<()>,
    settings: watch::Sender<Settings>,
    stop: oneshot::Sender<()>,
}

impl Hearing {
    /// Starts it; `port` is the UDP port that saved routes go by.
    pub(super) fn start(
        config: &Config,
        (facts, asked, outbox): (Arc<Facts>, Asked, Outbox),
        port: u16,
    ) -> Result<Self, StartError> {
        let (stop, stopped) = oneshot::channel();
        let (settings, wanted) = watch::channel(Settings::of(config));
        let start = routes::Start {
            settings: wanted,
            listen_address: config.general.listen_address,
            facts,
            asked,
            outbox,
            state_dir: StateDir::new(config.general.state_dir.clone(), port),
            stop: stopped,
        };
        Ok(Self {
            thread: spawn("routes", move || routes::run(start))?,
            settings,
            stop,
        })
    }

    /// Has it hear whom a new configuration names: sessions of others end, those with unchanged
    /// peers notice nothing.
    pub(super) fn take(&self, config: &Config) {
        let wanted = Settings::of(config);
        self.settings.send_if_modified(|settings| {
            let is_news = wanted.is_news_for(settings);
            *settings = wanted;
            is_news
        });
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
