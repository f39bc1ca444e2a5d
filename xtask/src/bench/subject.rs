//! The programs that are compared, and how each is told to forward.
//!
//! Not here: starting and ending them (`running`), what they are sent (`slice`).

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Receive buffer that every program asks the kernel for.
const RECEIVE_BUFFER_BYTES: u32 = 16 << 20;

/// A file in a program's folder.
/// The file of [`Table::Swapped`].
pub(super) const SWAPPED_FILE: &str = "swapped.db";
const ONE_PREFIX: &str = "one-prefix.pfx2as";

/// One program with its load.
pub(super) struct Subject {
    /// What the report calls it.
    pub(super) name: &'static str,
    pub(super) program: Program,
    pub(super) load: Load,
}

/// What flowgen is told.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) layout: &'static str,
    pub(super) records_per_datagram: u32,
    pub(super) exporters: u32,
    pub(super) templates: u32,
    /// Whether exporters have addresses that are not this host's.
    pub(super) is_forged: bool,
}

/// Whose address datagrams leave from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Own,
    Exporter,
}

/// What an address is looked up in.
#[derive(Clone, Copy)]
pub(super) enum Table {
    /// The snapshot that is shipped: the whole Internet.
    Shipped,
    /// One prefix: what is left if looking up costs nearly nothing.
    OnePrefix,
    /// A file with the same content as the shipped one.
    Swapped,
}

/// What the daemon's configuration says, where it is not the default.
#[derive(Clone, Copy)]
pub(super) struct Setup {
    /// 0 is one per core.
    pub(super) workers: u32,
    pub(super) source: Source,
    pub(super) collectors: u16,
    pub(super) table: Table,
}

/// A forwarder.
#[derive(Clone, Copy)]
pub(super) enum Program {
    /// The least that a forwarder can do.
    Blind,
    /// What all this is about.
    Enricher(Setup),
    /// pmacct's nfacctd, which copies.
    Tee,
    /// nfcapd -R, which stores and copies.
    Repeater,
}

/// Where a program listens and where it sends.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) input: u16,
    /// The first of as many as there are collectors.
    pub(super) output: u16,
    /// For what a program serves besides; nobody asks there.
    pub(super) control: u16,
}

impl Program {
    /// Whether more than one thread of it forwards, so that one core is no fair place.
    pub(super) const fn is_parallel(self) -> bool {
        matches!(self, Self::Enricher(setup) if setup.workers != 1)
    }

    /// How many ports it sends to; each gets everything.
    pub(super) const fn collectors(self) -> u16 {
        match self {
            Self::Enricher(setup) => setup.collectors,
            Self::Blind | Self::Tee | Self::Repeater => 1,
        }
    }

    /// Whether it may keep some datagrams until more come.
    pub(super) const fn is_buffering(self) -> bool {
        matches!(self, Self::Tee)
    }

    /// Why it cannot be measured here, if that is so.
    pub(super) fn missing(self, programs: &Path, folder: &Path) -> Option<String> {
        match self {
            Self::Blind => None,
            Self::Tee => absent("nfacctd", "pmacct"),
            Self::Repeater => absent("nfcapd", "nfdump"),
            Self::Enricher(_) => {
                let ports = Ports {
                    input: 2055,
                    output: 2056,
                    control: 9999,
                };
                let command = self.command(programs, folder, ports);
                let checked = command.and_then(|mut command| {
                    process::capture(command.arg("check"))?;
                    Ok(())
                });
                // Behind the file's name stands why the configuration is refused.
                let why = |fault: anyhow::Error| {
                    let text = fault.to_string();
                    let refused = text.split_once("config.yaml: ");
                    let why = refused.map_or(text.as_str(), |(_, why)| why);
                    why.lines().map(str::trim).collect::<Vec<_>>().join(" ")
                };
                checked.err().map(why)
            }
        }
    }

    /// Returns how it is started; writes its files into `folder`.
    pub(super) fn command(self, programs: &Path, folder: &Path, ports: Ports) -> Result<Command> {
        fs::create_dir_all(folder).context("cannot create a program's folder")?;
        let Ports { input, output, .. } = ports;
        match self {
            Self::Blind => {
                let mut command = Command::new(programs.join("blind"));
                command.args(["--listen", &format!("127.0.0.1:{input}")]);
                command.args(["--to", &format!("127.0.0.1:{output}")]);
                Ok(command)
            }
            Self::Enricher(setup) => {
                let path = folder.join("config.yaml");
                fs::write(folder.join(ONE_PREFIX), "192.0.2.0\t24\t64500\n")?;
                if matches!(setup.table, Table::Swapped) {
                    fs::write(folder.join(SWAPPED_FILE), asdb::snapshot::shipped())?;
                }
                fs::write(&path, configuration(setup, folder, ports))?;
                let mut command = Command::new(programs.join("ipfix-enricher"));
                command.arg("--config").arg(path);
                Ok(command)
            }
            Self::Tee => {
                let receivers = folder.join("receivers.lst");
                fs::write(&receivers, format!("id=1 ip=127.0.0.1:{output}\n"))?;
                let path = folder.join("nfacctd.conf");
                fs::write(&path, tee_configuration(&receivers, input))?;
                let mut command = Command::new("nfacctd");
                command.arg("-f").arg(path);
                Ok(command)
            }
            Self::Repeater => {
                let mut command = Command::new("nfcapd");
                command.args(["-b", "127.0.0.1", "-p", &input.to_string()]);
                command.args(["-R", &format!("127.0.0.1/{output}"), "-t", "3600"]);
                command.args(["-B", &RECEIVE_BUFFER_BYTES.to_string()]);
                command.arg("-w").arg(folder);
                Ok(command)
            }
        }
    }
}

fn absent(program: &str, package: &str) -> Option<String> {
    let is_absent = !process::is_installed(program);
    is_absent.then(|| format!("{program} is missing; to enable: apt-get install {package}"))
}

fn configuration(setup: Setup, folder: &Path, ports: Ports) -> String {
    let source = match setup.source {
        Source::Own => "own",
        Source::Exporter => "exporter",
    };
    let databases = match setup.table {
        Table::Shipped => String::new(),
        Table::Swapped => format!("{{path: {}}}", folder.join(SWAPPED_FILE).display()),
        Table::OnePrefix => format!("{{path: {}}}", folder.join(ONE_PREFIX).display()),
    };
    let Ports { input, control, .. } = ports;
    let workers = setup.workers;
    let collectors = (0..setup.collectors)
        .map(|index| format!("{{host: 127.0.0.1, port: {}}}", ports.output + index));
    let collectors = collectors.collect::<Vec<_>>().join(", ");
    format!(
        "\
general:
  listen_address: 127.0.0.1
  listen_port: {input}
  stats_port: {control}
  log_file: \"-\"
  log_level: WARNING
  state_dir: {}
enrichment:
  as_databases: [{databases}]
forwarding:
  source: {source}
  collectors: [{collectors}]
performance:
  workers: {workers}
  receive_buffer: {RECEIVE_BUFFER_BYTES}
",
        folder.join("state").display()
    )
}

fn tee_configuration(receivers: &Path, input: u16) -> String {
    format!(
        "\
daemonize: false
nfacctd_ip: 127.0.0.1
nfacctd_port: {input}
nfacctd_pipe_size: {RECEIVE_BUFFER_BYTES}
plugins: tee[bench]
tee_receivers[bench]: {}
tee_transparent[bench]: false
plugin_pipe_size[bench]: 67108864
plugin_buffer_size[bench]: 65536
",
        receivers.display()
    )
}
