//! Writes what a fuzzer begins with: `seeds SHARED FOLDER`.
//!
//! Not here: what seeds are (`hostile::seeds`).

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [shared, folder] = &arguments[..] else {
        eprintln!("usage: seeds SHARED FOLDER");
        return ExitCode::from(2);
    };
    match hostile::seeds::write(Path::new(shared), Path::new(folder)) {
        Ok(count) => {
            println!("{count} seeds in {folder}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("seeds: {folder}: {fault}");
            ExitCode::FAILURE
        }
    }
}
