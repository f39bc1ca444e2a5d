//! What maintainers run: `cargo xtask COMMAND`.
//!
//! Each command is a module; this file is their table of contents. The rules of the house are code
//! (`tidy`), so that a review can talk about the change instead of its form.
//!
//! Not here: anything that the product needs at run time.

mod bench;
mod ci;
mod example;
mod fuzz;
mod golden;
mod instructions;
mod mutate;
mod oracle;
mod process;
mod prove;
mod setup;
mod snapshot;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci        everything that must hold before a change is taken: what CI runs
  setup     says which programs the tests need; under CI as root, installs them
  tidy      the house rules and the purity line
  oracle    every capture of ../shared/corpus through replay, the output read by tshark
  bench     the daemon beside a blind forwarder and others; `bench parts`: asdb and mediator
  instructions
            instructions per record, compared with the committed; `instructions renew` commits
  fuzz      libFuzzer before every reader: `fuzz [SECONDS [NAME]]`; `fuzz case FILE` shows a case
  mutate    deliberate faults, each of which a named test must see; `mutate NAME`: one of them
  prove     the long proof: 100,000 seeds of the laws, the oracle, mutate, an hour of fuzz
  soak      the laws over ever new seeds until one breaks: `soak [FIRST SEED]`
  golden    renews the expected texts of the tests
  example   makes examples/small.pcap again
  snapshot  makes the AS data that is shipped with the program again
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["ci"] => ci::run(),
        ["setup"] => setup::run(),
        ["tidy"] => tidy::run(),
        ["oracle"] => oracle::run(),
        ["bench", options @ ..] => bench::run(options),
        ["instructions"] => instructions::run(),
        ["instructions", "renew"] => instructions::renew(),
        ["fuzz"] => fuzz::run(None, None),
        ["fuzz", "case", path] => fuzz::case(path),
        ["fuzz", seconds] => fuzz::run(Some(seconds), None),
        ["fuzz", seconds, part] => fuzz::run(Some(seconds), Some(part)),
        ["mutate"] => mutate::run(None),
        ["mutate", part] => mutate::run(Some(part)),
        ["prove"] => prove::run(),
        ["soak"] => prove::soak(None),
        ["soak", first] => prove::soak(Some(first)),
        ["golden"] => golden::run(),
        ["example"] => example::run(),
        ["snapshot"] => snapshot::make(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {fault:#}");
            ExitCode::FAILURE
        }
    }
}
