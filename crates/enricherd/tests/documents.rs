//! The documents: links lead somewhere, shell blocks run or say why they do not.
//!
//! A block marked `sh` is run below a new directory, with this program in `PATH`, and must end
//! with 0. One that cannot be has, right before it, a comment `<!-- not run: the reason -->`.
//!
//! Not here: the reference of keys (`config_reference`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is marked as not run says so with this.
const NOT_RUN: &str = "<!-- not run: ";

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Each document with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let places = [checkout(), checkout().join("docs")];
    let entries = places.iter().flat_map(|place| fs::read_dir(place).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut documents: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect();
    documents.sort();
    assert!(documents.len() > 5);
    documents
}

/// The name that a heading has in links.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.map(|char| if char == ' ' { '-' } else { char })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let mut count = 0;
    for (path, text) in documents() {
        for part in text.split("](").skip(1) {
            let link = part.split(')').next().unwrap();
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            count += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link}", path.display());
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let is_there = headings.any(|line| anchor(line) == heading);
                assert!(is_there, "{}: {link}", path.display());
            }
        }
    }
    assert!(count > 20, "{count} links");
}

/// A fenced block: its language, its lines, and the line before it.
struct Block {
    language: String,
    text: String,
    before: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    let mut before = "";
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(_) if is_open => is_open = false,
            Some(language) => {
                is_open = true;
                blocks.push(Block {
                    language: language.to_owned(),
                    text: String::new(),
                    before: before.to_owned(),
                });
            }
            None if is_open => {
                if let Some(block) = blocks.last_mut() {
                    block.text += line;
                    block.text.push('\n');
                }
            }
            None => {}
        }
        if !line.is_empty() {
            before = line;
        }
    }
    blocks
}

#[test]
fn every_shell_block_runs() {
    let program = Path::new(env!("CARGO_BIN_EXE_ipfix-enricher"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let mut count = 0;
    for (document, text) in documents() {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents");
        // It may be left from the last document, or not.
        drop(fs::remove_dir_all(&place));
        fs::create_dir_all(&place).unwrap();
        let runnable = blocks(&text)
            .into_iter()
            .filter(|block| block.language == "sh" && !block.before.starts_with(NOT_RUN));
        for block in runnable {
            let answer = Command::new("/bin/sh")
                .args(["-eu", "-c", &block.text])
                .env("PATH", &path)
                .env("CHECKOUT", checkout())
                .current_dir(&place)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&answer.stderr).into_owned();
            let ran = answer.status.success();
            assert!(ran, "{}:\n{}{said}", document.display(), block.text);
            count += 1;
        }
    }
    assert!(count > 0, "no block runs");
}

#[test]
fn what_looks_like_a_shell_block_and_is_not_run_says_why() {
    const COMMANDS: [&str; 8] = [
        "cargo ",
        "sudo ",
        "apt-get ",
        "systemctl ",
        "podman ",
        "sysctl ",
        "nft ",
        "csf ",
    ];
    for (document, text) in documents() {
        for block in blocks(&text) {
            let shell = ["console", "bash", "shell"].contains(&block.language.as_str());
            assert!(!shell, "{}: mark it sh or text", document.display());
            let mut lines = block.text.lines();
            let is_command = lines.any(|line| COMMANDS.iter().any(|one| line.starts_with(one)));
            let is_run = block.language == "sh";
            let says_why = block.before.starts_with(NOT_RUN);
            assert!(
                is_run || says_why || !is_command,
                "{}: a block that is not run and does not say why:\n{}",
                document.display(),
                block.text
            );
        }
    }
}
