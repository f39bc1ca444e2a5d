//! The files of the project, read once.
//!
//! Not here: what is demanded of them (`tidy`).
//! Bound: text files below 1 MiB; whatever is larger is data that no rule speaks of.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::tidy::source::File;

const FILE_BYTES_MAX: u64 = 1 << 20;

/// Endings of the files that rules may read; a file without an ending is read too.
const TEXT: &[&str] = &[
    "", "hex", "lock", "md", "rs", "sh", "toml", "txt", "yaml", "yml",
];

/// Returns the root of the workspace.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Returns where cargo puts what it builds.
pub(crate) fn build_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns the folder with the real captures and AS data, which is no part of the project.
pub(crate) fn shared() -> PathBuf {
    root().with_file_name("shared")
}

/// All text files of the project.
pub(crate) struct Tree {
    /// In the order of their paths.
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the project from the disk.
    ///
    /// # Errors
    /// A file or folder cannot be read.
    pub(crate) fn read() -> Result<Self> {
        let mut texts = Vec::new();
        collect(root(), "", &mut texts)?;
        texts.sort();
        Ok(Self::new(texts))
    }

    /// Makes a tree of pairs of path and text.
    pub(crate) fn new(texts: Vec<(String, String)>) -> Self {
        let mut files: Vec<File> = texts
            .into_iter()
            .map(|(path, text)| File::new(path, text))
            .collect();
        // `#[cfg(test)] mod name;` makes all of name.rs a test, which only its parent says.
        let tests: Vec<String> = files.iter().flat_map(File::test_modules).collect();
        for file in &mut files {
            if tests.iter().any(|module| file.is_module(module)) {
                file.is_test_file = true;
            }
        }
        Self { files }
    }

    /// Returns the file at `path`, counted from the root, with `/` between the parts.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn collect(folder: &Path, prefix: &str, texts: &mut Vec<(String, String)>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {prefix}"))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let about = entry.metadata()?;
        // In a second checkout beside the first, `.git` is a file.
        if matches!(name.as_str(), ".git" | "target") {
            continue;
        }
        if about.is_dir() {
            collect(&entry.path(), &format!("{path}/"), texts)?;
        } else if is_text(&name) && about.len() < FILE_BYTES_MAX {
            let text = fs::read_to_string(entry.path());
            texts.push((
                path.clone(),
                text.with_context(|| format!("cannot read {path}"))?,
            ));
        }
    }
    Ok(())
}

fn is_text(name: &str) -> bool {
    let ending = Path::new(name).extension();
    TEXT.contains(&ending.unwrap_or_default().to_string_lossy().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_holds_this_file_and_no_build_products() {
        let tree = Tree::read().unwrap();
        assert!(tree.file("xtask/src/tree.rs").is_some());
        assert!(tree.file("Cargo.toml").is_some());
        assert!(
            tree.files
                .iter()
                .all(|file| !file.path.starts_with("target/"))
        );
    }
}
