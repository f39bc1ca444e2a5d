//! What is measured: rows of a table, each with who is compared and what we aim at.
//!
//! The first subject of a row is what the others are compared with.

use anyhow::{Result, bail};

use super::subject::{Load, Program, Source, Subject};

/// One comparison.
pub(super) struct Row {
    /// What `--only` says.
    pub(super) name: &'static str,
    /// The load, for people.
    pub(super) what: &'static str,
    pub(super) subjects: &'static [Subject],
    /// Datagrams a second at which CPU time is measured.
    pub(super) rates: &'static [u32],
    /// Whether the highest rate without loss is searched for, and latency measured at half of it.
    pub(super) is_searched: bool,
    /// What we would like to see.
    pub(super) aims: &'static [&'static str],
}

/// Returns the rows with these names, which commas separate.
///
/// # Errors
/// There is no such row.
pub(super) fn named(names: &str) -> Result<Vec<&'static Row>> {
    let one = |name: &str| {
        let found = ROWS.iter().find(|row| row.name == name);
        let Some(row) = found else {
            let known: Vec<_> = ROWS.iter().map(|row| row.name).collect();
            bail!("no row {name}; there are: {}", known.join(", "));
        };
        Ok(row)
    };
    names.split(',').map(one).collect()
}

const FILL: Load = Load {
    layout: "fill",
    records_per_datagram: 25,
    exporters: 10,
    templates: 1,
    is_forged: false,
};
const APPEND: Load = Load {
    layout: "append",
    ..FILL
};
const VARIABLE: Load = Load {
    layout: "variable",
    records_per_datagram: 21,
    ..FILL
};
const V5: Load = Load {
    layout: "v5",
    records_per_datagram: 30,
    ..FILL
};
const FORGED: Load = Load {
    is_forged: true,
    ..FILL
};
const FORGED_APPEND: Load = Load {
    is_forged: true,
    ..APPEND
};
const MANY: Load = Load {
    exporters: 10_000,
    templates: 10,
    ..FILL
};
const THOUSAND: Load = Load {
    exporters: 1_000,
    ..FILL
};

const fn blind(load: Load) -> Subject {
    Subject {
        name: "blind",
        program: Program::Blind,
        load,
    }
}

const fn enricher(name: &'static str, workers: u32, source: Source, load: Load) -> Subject {
    Subject {
        name,
        program: Program::Enricher { workers, source },
        load,
    }
}

const fn ours(load: Load) -> Subject {
    enricher("ipfix-enricher", 1, Source::Own, load)
}

/// All rows, those that answer the aims first.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "fill",
        what: "v9, 25 records of 54 octets with AS fields, 10 exporters",
        subjects: &[
            blind(FILL),
            ours(FILL),
            Subject {
                name: "pmacct tee",
                program: Program::Tee,
                load: FILL,
            },
            Subject {
                name: "nfcapd -R",
                program: Program::Repeater,
                load: FILL,
            },
        ],
        rates: &[10_000, 30_000],
        is_searched: true,
        aims: &[
            "CPU per datagram at 30,000/s <= 1.25 x blind",
            "highest rate >= 0.85 x blind",
            "added latency p99 < 200 us",
            "peak memory <= 48 MiB",
        ],
    },
    Row {
        name: "append",
        what: "v9, 25 records of 56 octets without AS fields, 10 exporters",
        subjects: &[blind(APPEND), ours(APPEND)],
        rates: &[10_000, 30_000],
        is_searched: false,
        aims: &["CPU per datagram at 30,000/s <= 2.2 x blind"],
    },
    Row {
        name: "variable",
        what: "IPFIX, 21 records with a field of variable length and AS fields, 10 exporters",
        subjects: &[blind(VARIABLE), ours(VARIABLE)],
        rates: &[30_000],
        is_searched: false,
        aims: &[],
    },
    Row {
        name: "v5",
        what: "30 records of 48 octets, 10 exporters",
        subjects: &[blind(V5), ours(V5)],
        rates: &[30_000],
        is_searched: false,
        aims: &[],
    },
    Row {
        name: "exporter",
        what: "as fill, from addresses that are not this host's; datagrams keep their source",
        subjects: &[
            blind(FORGED),
            enricher("own", 1, Source::Own, FORGED),
            enricher("exporter", 1, Source::Exporter, FORGED),
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &["CPU per datagram at 30,000/s <= 1.25 x blind, in mode exporter too"],
    },
    Row {
        name: "exporter-append",
        what: "as append, from addresses that are not this host's; datagrams keep their source",
        subjects: &[
            blind(FORGED_APPEND),
            enricher("exporter", 1, Source::Exporter, FORGED_APPEND),
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &["CPU per datagram at 30,000/s <= 2.2 x blind, in mode exporter too"],
    },
    Row {
        name: "workers",
        what: "as fill; one worker, and one per core, not tied to one",
        subjects: &[
            blind(FILL),
            enricher("1 worker", 1, Source::Own, FILL),
            enricher("all workers", 0, Source::Own, FILL),
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &[],
    },
    Row {
        name: "exporters",
        what: "as fill; 10 exporters with a Template, and 10,000 exporters with 10 Templates",
        subjects: &[
            enricher("10 x 1", 1, Source::Own, FILL),
            enricher("10,000 x 10", 1, Source::Own, MANY),
            Subject {
                name: "blind, 10,000",
                program: Program::Blind,
                load: MANY,
            },
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &["10,000 x 10: CPU per datagram <= 1.5 x that of 10 x 1"],
    },
    Row {
        name: "memory",
        what: "as fill; 1,000 exporters",
        subjects: &[
            enricher("1 worker", 1, Source::Own, THOUSAND),
            enricher("4 workers", 4, Source::Own, THOUSAND),
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &["peak memory <= 48 MiB with 1 worker, <= 128 MiB with 4"],
    },
];
