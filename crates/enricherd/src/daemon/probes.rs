//! Asks the hosts of collectors whether they live, each at its own time.
//!
//! Not here: what the answers mean (`control::reach`), the sockets (`io::probe`).
//! Bound: one question at a time for each collector, [`PATIENCE`] for each answer.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Health;
use crate::control::facts::Facts;
use crate::control::reach::Outcome;
use crate::io::probe::{ANSWER_OCTETS_MAX, Ping};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a collector without an address is left alone.
const PAUSE_IF_NAMELESS: Duration = Duration::from_secs(5);

/// Asks all collectors, for ever.
pub(super) async fn ask_all(facts: Arc<Facts>) {
    let config = facts.told.config.load_full();
    let collectors = config.forwarding.collectors.iter();
    let mut tasks = JoinSet::new();
    for (index, collector) in collectors.enumerate() {
        if collector.health != Health::None {
            tasks.spawn(ask(Arc::clone(&facts), index, collector.health));
        }
    }
    while tasks.join_next().await.is_some() {}
    std::future::pending().await
}

async fn ask(facts: Arc<Facts>, index: usize, probe: Health) {
    let (chance, mut questions) = (RandomState::new(), 0_u64);
    loop {
        let targets = facts.pages.totals().targets;
        let Some(address) = targets.get(index).and_then(|target| target.address) else {
            sleep(PAUSE_IF_NAMELESS).await;
            continue;
        };
        questions += 1;
        let draw = chance.hash_one(questions);
        let outcome = match probe {
            Health::Tcp(port) => connect(SocketAddr::new(address.ip(), port)).await,
            Health::Icmp | Health::None => ping(address.ip(), draw).await,
        };
        let at = (SystemTime::now(), draw);
        sleep(facts.healths.note(index, outcome, probe, at)).await;
    }
}

async fn connect(address: SocketAddr) -> Outcome {
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Outcome::Answered,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Outcome::Refused(format!("port {} (TCP) refuses connections", address.port()))
        }
        Ok(Err(error)) => Outcome::Silent(format!("port {} (TCP): {error}", address.port())),
        Err(_) => Outcome::Silent(format!("port {} (TCP) does not answer", address.port())),
    }
}

async fn ping(host: IpAddr, nonce: u64) -> Outcome {
    let asked = Ping::to(host, nonce).and_then(|ping| {
        let socket = UdpSocket::from_std(ping.socket.try_clone()?)?;
        Ok((ping, socket))
    });
    let (ping, socket) = match asked {
        Ok(asked) => asked,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Outcome::Unasked(format!(
                "we may not ping it ({error}): grant CAP_NET_RAW, or set health: tcp:PORT or none"
            ));
        }
        Err(error) => return Outcome::Silent(format!("no way to ping it: {error}")),
    };
    match timeout(PATIENCE, answer(&ping, &socket)).await {
        Ok(Ok(())) => Outcome::Answered,
        Ok(Err(error)) => Outcome::Silent(format!("it does not answer pings: {error}")),
        Err(_) => Outcome::Silent("it does not answer pings".to_owned()),
    }
}

async fn answer(ping: &Ping, socket: &UdpSocket) -> io::Result<()> {
    socket.send(&ping.request).await?;
    let mut octets = [0; ANSWER_OCTETS_MAX];
    loop {
        let length = socket.recv(&mut octets).await?;
        if ping.is_answered_by(octets.get(..length).unwrap_or_default()) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_to<T>(question: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(question)
    }

    #[test]
    fn a_port_that_accepts_answers_and_one_that_is_closed_refuses() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(answer_to(connect(address)), Outcome::Answered);
        drop(listener);
        let refused = answer_to(connect(address));
        assert!(matches!(refused, Outcome::Refused(_)), "{refused:?}");
    }

    #[test]
    fn this_host_answers_pings_of_both_families() {
        for host in ["127.0.0.1", "::1"] {
            let outcome = answer_to(ping(host.parse().unwrap(), 7));
            // Some users may not ping, and some hosts have no IPv6.
            let is_impossible = match &outcome {
                Outcome::Unasked(_) => true,
                Outcome::Silent(why) => why.starts_with("no way"),
                _ => false,
            };
            assert!(is_impossible || outcome == Outcome::Answered, "{outcome:?}");
        }
    }
}
