//! What is measured: rows of a table, each with who is compared and what we aim at.
//!
//! The first subject of a row is what the others are compared with.

use anyhow::{Result, bail};

use super::subject::{Load, Program, Setup, Source, Subject, Table};

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
    let all = || ROWS.iter().chain(GROWTH);
    let mut found = Vec::new();
    for name in names.split(',') {
        if name == "growth" {
            found.extend(GROWTH);
        } else if let Some(row) = all().find(|row| row.name == name) {
            found.push(row);
        } else {
            let known: Vec<_> = all().map(|row| row.name).collect();
            bail!("no row {name}; there are: growth, {}", known.join(", "));
        }
    }
    Ok(found)
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
const fn templates(templates: u32) -> Load {
    Load { templates, ..FILL }
}
const fn records(records_per_datagram: u32) -> Load {
    Load {
        records_per_datagram,
        ..FILL
    }
}
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

const fn enricher(name: &'static str, setup: Setup, load: Load) -> Subject {
    Subject {
        name,
        program: Program::Enricher(setup),
        load,
    }
}

const fn ours(load: Load) -> Subject {
    enricher("ipfix-enricher", OWN, load)
}

/// One worker, one collector, our own address, the whole table.
const OWN: Setup = Setup {
    workers: 1,
    source: Source::Own,
    collectors: 1,
    table: Table::Shipped,
};
const EXPORTER: Setup = Setup {
    source: Source::Exporter,
    ..OWN
};
const ALL_WORKERS: Setup = Setup { workers: 0, ..OWN };
const FOUR_WORKERS: Setup = Setup { workers: 4, ..OWN };

const fn collectors(collectors: u16) -> Setup {
    Setup { collectors, ..OWN }
}

/// What is measured while its table is replaced.
pub(super) const SWAPPED: Subject = enricher(
    "swapped",
    Setup {
        table: Table::Swapped,
        ..OWN
    },
    FILL,
);

/// How cost grows; asked for by name, or as `growth`.
pub(super) const GROWTH: &[Row] = &[
    Row {
        name: "records",
        what: "as fill; 25, 5, 1 records in a datagram",
        subjects: &[
            enricher("25 records", OWN, records(25)),
            enricher("5 records", OWN, records(5)),
            enricher("1 record", OWN, records(1)),
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &[],
    },
    Row {
        name: "templates",
        what: "as fill; 1, 10, 100 Templates of each of 10 exporters",
        subjects: &[
            enricher("1 Template", OWN, templates(1)),
            enricher("10 Templates", OWN, templates(10)),
            enricher("100 Templates", OWN, templates(100)),
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &[],
    },
    Row {
        name: "collectors",
        what: "as fill; 1, 2, 4 collectors",
        subjects: &[
            enricher("1 collector", collectors(1), FILL),
            enricher("2 collectors", collectors(2), FILL),
            enricher("4 collectors", collectors(4), FILL),
        ],
        rates: &[10_000],
        is_searched: false,
        aims: &[],
    },
    Row {
        name: "table",
        what: "as fill; the table of the whole Internet, and one of one prefix",
        subjects: &[
            enricher("whole table", OWN, FILL),
            enricher(
                "one prefix",
                Setup {
                    table: Table::OnePrefix,
                    ..OWN
                },
                FILL,
            ),
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &[],
    },
];

/// What is measured if nobody asks for less: the rows that answer the aims.
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
            enricher("own", OWN, FORGED),
            enricher("exporter", EXPORTER, FORGED),
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
            enricher("exporter", EXPORTER, FORGED_APPEND),
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
            enricher("1 worker", OWN, FILL),
            enricher("all workers", ALL_WORKERS, FILL),
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &[],
    },
    Row {
        name: "exporters",
        what: "as fill; 10 exporters with a Template, and 10,000 exporters with 10 Templates",
        subjects: &[
            enricher("10 x 1", OWN, FILL),
            enricher("10,000 x 10", OWN, MANY),
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
            enricher("1 worker", OWN, THOUSAND),
            enricher("4 workers", FOUR_WORKERS, THOUSAND),
        ],
        rates: &[30_000],
        is_searched: false,
        aims: &["peak memory <= 48 MiB with 1 worker, <= 128 MiB with 4"],
    },
];
