//! What explains an address: the table in use, its sources, places and names.
//!
//! Not here: the words of an explanation (`control::explain`), reading files (`sources`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use asdb::{Asn, Prefix, Provider};

use crate::config::Config;
use crate::control::explain::{Explanation, Question, Remarks};
use crate::control::reverse_dns::ReverseDns;
use crate::control::routes::Asking;
use crate::pipeline::known::SharedKnown;
use crate::sources::about::SharedAbout;
use crate::sources::geo::SharedPlaces;

/// How long an explanation waits for a name.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

/// Everything that an explanation is made of.
#[derive(Debug)]
pub struct Told {
    /// What is in force.
    pub config: Arc<ArcSwap<Config>>,
    /// The table in use.
    pub known: SharedKnown,
    /// What explains it.
    pub about: SharedAbout,
    /// Where addresses are.
    pub places: SharedPlaces,
    /// What addresses are called.
    pub names: ReverseDns,
    /// What routers say of them.
    pub routes: Asking,
}

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    Text,
    /// One line for programs.
    Json,
}

impl Told {
    /// Explains an address from the table in use.
    pub async fn explain(&self, question: Question, form: Form) -> String {
        let remarks = Remarks {
            place: self.place(question.address),
            name: self
                .names
                .within(question.address, NAME_PATIENCE)
                .await
                .map(|name| name.to_string()),
            routes: self.routes.about(question.address).await,
        };
        let (known, about) = (self.known.load(), self.about.load());
        let config = self.config.load();
        let explanation = Explanation::of(
            question,
            &config,
            (&known.as_db, &about),
            remarks,
            SystemTime::now(),
        );
        match form {
            Form::Text => explanation.text(),
            Form::Json => explanation.json(),
        }
    }

    /// Returns where an address is.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Option<String> {
        let place = self.places.load()?.of(address)?;
        Some(place.to_string())
    }

    /// Returns the prefix by which a provider other than `static` says that an address is of this
    /// AS.
    #[must_use]
    pub fn prefix(&self, address: IpAddr, asn: Asn) -> Option<Prefix> {
        let about = self.about.load();
        let answers = Provider::ALL
            .into_iter()
            .map(|one| about.answer(one, address));
        let mut said = answers.flatten().filter(|entry| entry.asn == asn);
        said.next().map(|entry| entry.prefix)
    }

    /// Returns the organisation behind an AS.
    #[must_use]
    pub fn as_name(&self, asn: Asn) -> Option<String> {
        self.about.load().names.of(asn).map(str::to_owned)
    }
}

/// Reads what stands behind `explain` on a line.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn question(words: &[&str]) -> Result<(Question, Form), String> {
    let (words, form) = match words {
        [words @ .., "json"] => (words, Form::Json),
        words => (words, Form::Text),
    };
    let (address, exporter) = match words {
        [address] => (address, None),
        [address, "exporter" | "--exporter", exporter] => (address, Some(exporter)),
        _ => return Err("explain ADDRESS [exporter ADDRESS] [json]".to_owned()),
    };
    let read = |text: &str| {
        let read = text.parse::<IpAddr>();
        read.map_err(|_| format!("{}: no IP address", text.escape_debug()))
    };
    let question = Question {
        address: read(address)?,
        exporter: exporter.map(|text| read(text)).transpose()?,
    };
    Ok((question, form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_from_the_words_of_a_line() {
        let asked = |line: &str| question(&line.split(' ').collect::<Vec<_>>());
        let address = [1, 1, 1, 1].into();
        let of = |exporter| Question { address, exporter };
        let exporter = Some([192, 0, 2, 1].into());
        assert_eq!(asked("1.1.1.1"), Ok((of(None), Form::Text)));
        assert_eq!(asked("1.1.1.1 json"), Ok((of(None), Form::Json)));
        assert_eq!(
            asked("1.1.1.1 exporter 192.0.2.1 json"),
            Ok((of(exporter), Form::Json))
        );
        for (line, fault) in [
            ("", ": no IP address"),
            ("1.1.1 json", "1.1.1: no IP address"),
            ("1.1.1.1 exporter x", "x: no IP address"),
            (
                "1.1.1.1 192.0.2.1",
                "explain ADDRESS [exporter ADDRESS] [json]",
            ),
        ] {
            assert_eq!(asked(line), Err(fault.to_owned()), "{line}");
        }
    }
}
