//! What people write and record: the configuration, lines of telnet, captures.
//!
//! Not here: connections, files.
//! Bound: one line, one file.

use enricherd::config::ConfigFile;
use enricherd::control::answer::Subject;
use enricherd::control::told;
use enricherd::io::capture::read_frames;
use enricherd::io::datagram::{Datagrams, Ports};

/// A configuration: meant, or refused with at least one fault that says where.
pub fn config(octets: &[u8]) {
    let checked = ConfigFile::parse(octets).and_then(|file| file.check());
    match checked {
        // What is shown of it is a configuration that means the same.
        Ok(checked) => {
            let shown = checked.config.dump();
            let again = ConfigFile::parse(shown.as_bytes()).and_then(|file| file.check());
            match again {
                Ok(again) => assert_eq!(again.config.dump(), shown),
                Err(faults) => panic!("what is shown is refused: {faults}\n{shown}"),
            }
        }
        Err(faults) => assert!(!faults.to_string().is_empty()),
    }
}

/// A line as the statistics port reads it.
pub fn telnet(octets: &[u8]) {
    let line = String::from_utf8_lossy(octets).to_ascii_lowercase();
    let words: Vec<&str> = line.split_whitespace().collect();
    if let [name, behind @ ..] = &words[..] {
        assert!(Subject::named(name).is_none() || name.is_ascii());
        if let Err(fault) = told::question(behind) {
            assert!(!fault.chars().any(char::is_control), "{fault:?}");
        }
    }
}

/// A capture: each frame a datagram, part of one, or counted.
pub fn pcap(octets: &[u8]) {
    let mut datagrams = Datagrams::new(Ports::All);
    let mut payload = Vec::new();
    let mut frames_count = 0;
    let read = read_frames(octets, |frame| {
        frames_count += 1;
        if datagrams.read(&frame, &mut payload).is_some() {
            assert!(payload.len() <= 65_535);
        }
        Ok(())
    });
    drop(read);
    let counts = datagrams.finish();
    assert_eq!(counts.frames_count, frames_count);
    let unread: u64 = counts.unread.total();
    assert_eq!(
        counts.frames_count,
        counts.datagrams_count + counts.joined_count + unread
    );
}
