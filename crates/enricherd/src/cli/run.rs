//! `ipfix-enricher` without a command: the daemon, until a signal ends it.
//!
//! Not here: what it does (`daemon`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Failure;
use crate::config::changes::Changes;
use crate::config::{self, Checked};
use crate::control::events::Severity;
use crate::control::log::Log;
use crate::control::reload::{Request, Requests};
use crate::daemon::Daemon;
use crate::io::service;

/// How often it is looked whether the daemon still works.
const ALIVE_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the daemon.
pub(super) fn run(named: Option<&Path>) -> Result<(), Failure> {
    let Checked { config, warnings } =
        config::load(named).map_err(|error| Failure::usage(error.to_string()))?;
    let log = Log::begin(&config.general);
    tracing::info!(
        "ipfix-enricher {} starts, process {}",
        env!("CARGO_PKG_VERSION"),
        std::process::id()
    );
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("fault of this program: {panic}");
    }));
    let outcome = serve(config, named.map(Path::to_owned), &log);
    if let Err(failure) = &outcome {
        tracing::error!("{failure}");
    }
    log.end();
    // The log has the sentence, on standard error too.
    outcome.map_err(|failure| failure.said())
}

fn serve(config: config::Config, named: Option<PathBuf>, log: &Log) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("signals: {error}")))?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::new().map_err(|error| Failure::failed(format!("signals: {error}")))?
    };
    let mut daemon = Daemon::start(config).map_err(|error| Failure::failed(error.to_string()))?;
    signals.reloads = daemon.take_reloads();
    service::say_ready(daemon.bound());
    let outcome = loop {
        match runtime.block_on(signals.next()) {
            Word::Reload(asked) => {
                let outcome = reload(&daemon, named.as_deref(), log);
                if let Some(asked) = asked {
                    asked.answer(&outcome);
                }
            }
            Word::Stop(name) => {
                tracing::info!("{name}: stopping");
                service::say_stopping();
                break Ok(());
            }
            Word::Nothing => {
                if let Some(worker) = daemon.ended_worker() {
                    break Err(Failure::failed(format!(
                        "worker-{worker} has ended, and nobody moves its exporters' datagrams; a \
                         fault of this program: start it again, and send the log to the \
                         maintainers"
                    )));
                }
                if daemon.is_live() {
                    service::say_alive();
                }
            }
        }
    };
    let numbers = daemon.stop();
    tracing::info!(
        "stopped: {} datagrams in, {} Messages out",
        numbers.tally.datagrams,
        numbers.mediator.messages_out
    );
    outcome
}

fn reload(daemon: &Daemon, named: Option<&Path>, log: &Log) -> Result<Changes, Vec<String>> {
    log.reopen();
    let checked = config::load(named).map_err(|error| vec![error.to_string()]);
    let reloaded = checked.and_then(|checked| daemon.reload(&checked.config));
    match &reloaded {
        Ok(changes) => {
            for sentence in changes.sentences() {
                tracing::info!("reload: {sentence}");
            }
            let text = format!("reload: {}", changes.summary());
            daemon.tell(Severity::Info, "reload_done", &text);
        }
        Err(faults) => {
            for fault in faults {
                tracing::error!("reload: {fault}");
            }
            let text = format!("reload: nothing was changed: {}", faults.join("; "));
            daemon.tell(Severity::Error, "reload_refused", &text);
        }
    }
    reloaded
}

/// What a signal says.
enum Word {
    Nothing,
    /// By the signal, or by somebody who waits for the answer.
    Reload(Option<Request>),
    Stop(&'static str),
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    reloads: Option<Requests>,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            reloads: None,
        })
    }

    async fn next(&mut self) -> Word {
        let asked = async {
            match &mut self.reloads {
                Some(reloads) => reloads.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.hangup.recv() => Word::Reload(None),
            asked = asked => Word::Reload(Some(asked)),
            _ = self.interrupt.recv() => Word::Stop("INT"),
            _ = self.terminate.recv() => Word::Stop("TERM"),
            () = tokio::time::sleep(ALIVE_INTERVAL) => Word::Nothing,
        }
    }
}
