//! The carriers of those collectors that are reached over a connection: started before the workers
//! and ended behind them, so that nothing that was handed over is left behind unseen.
//!
//! Not here: what a carrier does (`pipeline::streams`).
//! Bound: one thread for each such collector.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::StartError;
use crate::config::{Collector, Config, Protocol};
use crate::io::clock::Clock;
use crate::io::connection::Endpoint;
use crate::pipeline::outlets::Destination;
use crate::pipeline::streams::page::StreamPage;
use crate::pipeline::streams::{Stream, StreamHandle, StreamSender, StreamStart};

/// The carriers, by collector; `None` where datagrams are sent.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<Option<StreamHandle>>);

impl Streams {
    /// Starts them; returns also the ends for the workers.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(
        config: &Config,
        destinations: &[Destination],
        clock: Clock,
    ) -> Result<(Self, Vec<Option<StreamSender>>), StartError> {
        let (mut handles, mut senders) = (Vec::new(), Vec::new());
        let collectors = config.forwarding.collectors.iter().zip(destinations);
        for (index, (collector, destination)) in collectors.enumerate() {
            if collector.protocol == Protocol::Udp {
                handles.push(None);
                senders.push(None);
                continue;
            }
            let refresh_ms = config.forwarding.template_refresh.as_millis();
            let start = StreamStart {
                label: destination.label(),
                endpoint: endpoint(collector),
                messages_max: usize::try_from(config.performance.queue_datagrams_max)
                    .unwrap_or(usize::MAX),
                template_refresh_ms: u64::try_from(refresh_ms).unwrap_or(u64::MAX),
                seed: RandomState::new().hash_one(index),
                clock,
            };
            let Stream { sender, handle } = Stream::start(start).map_err(StartError::Thread)?;
            handles.push(Some(handle));
            senders.push(Some(sender));
        }
        Ok((Self(handles), senders))
    }

    /// Their pages.
    pub(super) fn pages(&self) -> impl Iterator<Item = Option<Arc<StreamPage>>> + '_ {
        let page = |handle: &StreamHandle| Arc::clone(&handle.page);
        self.0.iter().map(move |handle| handle.as_ref().map(page))
    }

    /// Lets all of them end at once, and waits for it.
    pub(super) fn end(self) {
        let handles = self.0.into_iter().flatten();
        let ending: Vec<_> = handles.inspect(StreamHandle::end).collect();
        ending.into_iter().for_each(StreamHandle::join);
    }
}

fn endpoint(collector: &Collector) -> Endpoint {
    Endpoint {
        host: collector.host.clone(),
        port: collector.port,
        tls: collector.tls.clone(),
    }
}
