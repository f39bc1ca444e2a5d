//! A Mediator between the two sides that the judge watches.
//!
//! Every datagram that goes in is shown to the judge before the Mediator may write into it; every
//! datagram that comes out is put together as a socket would send it.

use asdb::{AsDb, Policy, PolicyWord};
use lab::judge::{Bench, Judge};
use lab::selection::Selection;
use mediator::settings::{DomainNames, IpHeader, Knowledge, Outlet, Settings};
use mediator::{Counters, Egress, Mediator, Millis, Received, Silent};
use std::net::SocketAddr;

/// What the configuration file says if it says nothing.
pub(crate) fn default_settings() -> Settings {
    Settings::of_outlets(vec![Outlet::of_all(
        1_500,
        IpHeader::OfExporter,
        DomainNames::Kept,
    )])
}

/// The Mediator's maps are hashed with it.
const SEED: u64 = 7;

/// Bytes of memory that the running thread holds.
pub(crate) type Weigh = fn() -> i64;

/// The Mediator and the judge around it.
pub(crate) struct Drive<'a> {
    pub(crate) mediator: Mediator,
    pub(crate) judge: Judge,
    /// Watches the second outlet, if there is one.
    pub(crate) selection: Option<Selection>,
    /// Bytes that the Mediator and its egress took and did not give back.
    pub(crate) held_bytes: i64,
    weigh: Weigh,
    settings: Settings,
    /// What Mediators before this one counted.
    before: Counters,
    /// When the clock of this Mediator began.
    began_ms: u64,
    as_db: &'a AsDb,
    policies: [Policy; 1],
    egress: Egress,
    now_ms: u64,
}

impl<'a> Drive<'a> {
    pub(crate) fn new(as_db: &'a AsDb, settings: Settings, bench: Bench, weigh: Weigh) -> Self {
        Self {
            mediator: Mediator::new(settings.clone(), SEED),
            settings,
            before: Counters::default(),
            began_ms: 0,
            judge: Judge::new(bench),
            selection: None,
            held_bytes: 0,
            weigh,
            as_db,
            policies: [as_db.policy(&PolicyWord::DEFAULT_ORDER)],
            egress: Egress::new(),
            now_ms: 0,
        }
    }

    /// Gives one datagram to the Mediator, and what comes out to the judge.
    pub(crate) fn process(&mut self, exporter: SocketAddr, at_ms: u64, datagram: &[u8]) {
        self.pass_time(at_ms);
        self.judge.arrive(exporter, datagram);
        let mut octets = datagram.to_vec();
        let arrived = self.clock(at_ms);
        self.work(&mut octets, |mediator, octets, knowledge, egress| {
            let received = Received {
                exporter,
                arrived,
                octets,
            };
            mediator.process(received, knowledge, egress, &mut Silent);
        });
    }

    /// Lets the time pass, in steps as a worker would.
    fn pass_time(&mut self, until_ms: u64) {
        const STEP_MS: u64 = 250;
        const STEPS_MAX: u64 = 8;
        let steps = (until_ms.saturating_sub(self.now_ms) / STEP_MS).min(STEPS_MAX);
        for step in (0..=steps).rev() {
            let now = self.clock(until_ms - step * STEP_MS);
            self.work(&mut [], |mediator, _, knowledge, egress| {
                mediator.tick(now, knowledge, egress, &mut Silent);
            });
        }
        self.now_ms = until_ms;
    }

    /// Ends it: what waits leaves, and the judge hears that nothing more comes.
    pub(crate) fn finish(&mut self) {
        self.empty();
        self.judge.end();
        if let Some(selection) = &mut self.selection {
            selection.end();
        }
    }

    /// Ends the Mediator as a stop of the daemon does and begins another one with what was saved,
    /// on a clock that begins anew.
    pub(crate) fn restart(&mut self) {
        self.empty();
        let state = self.mediator.save(self.clock(self.now_ms));
        self.before.add(&self.mediator.counters());
        let before = (self.weigh)();
        self.mediator = Mediator::new(self.settings.clone(), SEED);
        self.began_ms = self.now_ms;
        let restored = self.mediator.restore(&state, Millis(0), |_| true);
        self.held_bytes += (self.weigh)() - before;
        assert!(restored.is_ok(), "what was saved is restored");
    }

    /// What this Mediator and those before it counted.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.before;
        counters.add(&self.mediator.counters());
        counters
    }

    /// Lets everything leave that waits.
    fn empty(&mut self) {
        let now = self.clock(self.now_ms);
        self.work(&mut [], |mediator, _, knowledge, egress| {
            mediator.finish(now, knowledge, egress, &mut Silent);
        });
    }

    /// The present Mediator's time.
    fn clock(&self, at_ms: u64) -> Millis {
        Millis(at_ms.saturating_sub(self.began_ms))
    }

    /// Calls the Mediator, weighs what it keeps, and shows the judge what it sends.
    fn work(
        &mut self,
        octets: &mut [u8],
        call: impl FnOnce(&mut Mediator, &mut [u8], &Knowledge<'_>, &mut Egress),
    ) {
        let knowledge = Knowledge {
            as_db: self.as_db,
            policies: &self.policies,
            own: &[],
        };
        let before = (self.weigh)();
        call(&mut self.mediator, octets, &knowledge, &mut self.egress);
        self.held_bytes += (self.weigh)() - before;
        self.deliver(octets);
    }

    fn deliver(&mut self, received: &[u8]) {
        let mut datagram = Vec::new();
        for outgoing in self.egress.outgoing() {
            datagram.clear();
            self.egress.copy_to(outgoing, received, &mut datagram);
            let exporter = outgoing.route.exporter;
            match &mut self.selection {
                Some(selection) if outgoing.route.outlet == 0 => {
                    selection.whole(exporter, &datagram);
                    self.judge.leave(exporter, &datagram);
                }
                Some(selection) => selection.part(exporter, &datagram),
                None => self.judge.leave(exporter, &datagram),
            }
        }
        self.egress.clear();
    }
}
