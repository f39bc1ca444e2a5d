//! Starting other programs, and waiting for them.
//!
//! A command that fails is an error that shows the whole command line, so that it can be repeated
//! by hand. Not here: which commands make up a step (`ci`, `prove`, `bench`).

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

/// Runs `command` with our own standard output and error.
///
/// # Errors
/// The program cannot be started, or ends with another status than 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = line(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start: {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// Runs `command` and returns what it wrote.
///
/// # Errors
/// As [`run`]; the error then ends with what the program wrote on its standard error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = line(command);
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .with_context(|| format!("cannot start: {shown}"))?;
    if !status.success() {
        bail!(
            "{shown}: {status}\n{}",
            String::from_utf8_lossy(&stderr).trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// Returns a `cargo` that works in the root of the workspace, with `arguments`.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(crate::tree::root());
    command
}

/// Says whether a program of this name can be found.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps the daemons in sbin, which is not on every user's path.
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| is_file(&folder.join(program)))
}

/// Says whether we run under CI, where nothing may be skipped.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.is_file())
}

/// Returns `command` as one would type it, without its environment.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_command_line_and_what_the_program_said() {
        let fault = capture(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        let text = fault.to_string();
        assert!(text.starts_with("sh -c echo why"), "{text}");
        assert!(text.ends_with("exit status: 3\nwhy"), "{text}");
    }

    #[test]
    fn a_program_that_is_absent_is_named() {
        let fault = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert_eq!(fault.to_string(), "cannot start: no-such-program-here");
        assert!(!is_installed("no-such-program-here"));
        assert!(is_installed("sh"));
    }
}
