//! `ipfix-enricher version`: which program this is and whose AS data it brings along.
//!
//! The licence of the data, CC BY 4.0, asks that their makers are named.

use crate::cli::{Failure, print};
use crate::sources::{Notice, shipped_notice};

/// Prints the version.
pub(super) fn run() -> Result<(), Failure> {
    let notice = shipped_notice().map_err(|error| Failure::failed(error.to_string()))?;
    print(&text(&notice))
}

fn text(notice: &Notice) -> String {
    format!(
        "ipfix-enricher {}\nAS data shipped: {}\n{}\n",
        env!("CARGO_PKG_VERSION"),
        notice.date,
        notice.attribution.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_the_day_and_the_makers_of_the_data() {
        let notice = shipped_notice().unwrap();
        let text = text(&notice);
        assert!(text.contains(&notice.date), "{text}");
        assert!(text.contains("CC BY 4.0"), "{text}");
    }
}
