//! Everything the Mediator counts, as plain numbers.
//!
//! A worker owns its counters; nobody else writes them. Names for people are given where text is
//! made. Numbers of a session are kept with the session and go with it.
//!
//! Not here: names, labels, formats.

use crate::collect::store::StoreCounters;

/// Why a Set leaves without AS numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Raw {
    /// It is an Options Data Set.
    Options,
    /// Its Template has no address to look up.
    NoAddress,
    /// Its Template has no AS field and must not be changed.
    NoAsField,
    /// The operator switched it off for this exporter.
    SwitchedOff,
    /// Its Template has records of no octet.
    ZeroLength,
    /// Its Template has more places that matter than we follow.
    TooManyFields,
    /// No ID was free for a clone.
    NoCloneId,
    /// Its records would outgrow the largest datagram.
    TooLarge,
    /// Its Template is not known.
    UnknownTemplate,
    /// It does not fit its Template.
    Misfit,
    /// Its Set ID is reserved.
    ReservedSetId,
    /// It is a Template Set that cannot be read.
    BrokenTemplate,
}

impl Raw {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Options,
        Self::NoAddress,
        Self::NoAsField,
        Self::SwitchedOff,
        Self::ZeroLength,
        Self::TooManyFields,
        Self::NoCloneId,
        Self::TooLarge,
        Self::UnknownTemplate,
        Self::Misfit,
        Self::ReservedSetId,
        Self::BrokenTemplate,
    ];

    /// The reason's place in a list of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Why a Message or a Set does not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// The Message or Set is malformed, and the policy is to drop.
    Malformed,
    /// The version is unknown, and the policy is to drop.
    UnknownVersion,
    /// A collector would read the Set with one of our Templates.
    IdTaken,
    /// It holds nothing but withdrawals, which have no place over UDP [RFC 7011 §8.4].
    Withdrawal,
    /// The Message has no Set that leaves.
    Empty,
    /// No collector wants it: their filters leave it out.
    Filtered,
}

impl Dropped {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Malformed,
        Self::UnknownVersion,
        Self::IdTaken,
        Self::Withdrawal,
        Self::Empty,
        Self::Filtered,
    ];

    /// The reason's place in a list of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Who answered for one side, source or destination, of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideCounters {
    /// Values written or kept, by [`asdb::Provider`].
    pub answered: [u64; 6],
    /// How often a provider was asked in vain, by [`asdb::Provider`]; those behind the first that
    /// answers are not asked.
    pub no_answer: [u64; 6],
    /// Addresses for which nobody had an answer.
    pub nobody: u64,
    /// Where the exporter's usable value stayed and the table knows the address.
    pub compared: u64,
    /// Of these, where the table knows another AS.
    pub disagreements: u64,
}

impl SideCounters {
    /// Adds the numbers of another.
    pub fn add(&mut self, other: &Self) {
        add_each(&mut self.answered, &other.answered);
        add_each(&mut self.no_answer, &other.no_answer);
        self.nobody += other.nobody;
        self.compared += other.compared;
        self.disagreements += other.disagreements;
    }
}

/// What happened to the records of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounters {
    /// Data Records of Templates that we know, Options Data Records not among them.
    pub records: u64,
    /// AS fields of the input, both sides.
    pub fields: u64,
    /// AS fields of the input whose value was not usable.
    pub unusable: u64,
    /// AS fields that got another value where they were.
    pub filled: u64,
    /// AS numbers that were added with a field of their own.
    pub appended: u64,
    /// AS fields whose value stayed.
    pub kept: u64,
    /// Who answered, for the source and for the destination.
    pub sides: [SideCounters; 2],
    /// AS numbers above 65535 that became 23456 because their field stays narrow.
    pub as_trans: u64,
}

impl RecordCounters {
    /// Adds the numbers of another.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.fields += other.fields;
        self.unusable += other.unusable;
        self.filled += other.filled;
        self.appended += other.appended;
        self.kept += other.kept;
        for (side, other) in self.sides.iter_mut().zip(&other.sides) {
            side.add(other);
        }
        self.as_trans += other.as_trans;
    }

    /// Both sides together.
    #[must_use]
    pub fn both_sides(&self) -> SideCounters {
        let [mut both, destination] = self.sides;
        both.add(&destination);
        both
    }
}

/// What the numbers and the clock of an exporter show. Messages in v9, Data Records else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceCounters {
    /// How often numbers were missing.
    pub gaps: u64,
    /// How many were, without those that came late.
    pub missing: u64,
    /// Messages that came behind younger ones.
    pub late: u64,
    /// Messages that came again.
    pub repeated: u64,
    /// How often the exporter began to count anew.
    pub restarts: u64,
    /// How often its clock jumped by more than a minute.
    pub clock_jumps: u64,
}

impl SequenceCounters {
    /// Adds the numbers of another.
    pub const fn add(&mut self, other: &Self) {
        self.gaps += other.gaps;
        self.missing += other.missing;
        self.late += other.late;
        self.repeated += other.repeated;
        self.restarts += other.restarts;
        self.clock_jumps += other.clock_jumps;
    }
}

/// What one session sent and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounters {
    /// Messages received.
    pub messages_in: u64,
    /// Messages sent, to the first outlet.
    pub messages_out: u64,
    /// Its records.
    pub records: RecordCounters,
    /// Its numbers and its clock.
    pub sequence: SequenceCounters,
    /// Of these, those that left longer than they came, with AS numbers of our own behind them.
    pub records_cloned: u64,
    /// Data Sets and others that left without AS numbers, by [`Raw`].
    pub raw_sets: [u64; Raw::ALL.len()],
    /// Data Records in them, as far as they can be counted, by [`Raw`].
    pub raw_records: [u64; Raw::ALL.len()],
    /// Templates of the input without an AS field, with one of at most 16 bits, and with a wider.
    pub templates_by_as_width: [u64; 3],
}

impl SessionCounters {
    /// Adds the numbers of another session.
    pub fn add(&mut self, other: &Self) {
        self.messages_in += other.messages_in;
        self.messages_out += other.messages_out;
        self.records.add(&other.records);
        self.sequence.add(&other.sequence);
        self.records_cloned += other.records_cloned;
        add_each(&mut self.raw_sets, &other.raw_sets);
        add_each(&mut self.raw_records, &other.raw_records);
        add_each(
            &mut self.templates_by_as_width,
            &other.templates_by_as_width,
        );
    }
}

/// What was left out for one outlet: its filter names other records, or another member of its
/// group gets them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutletCounters {
    /// Messages of which nothing was sent.
    pub messages_left_out: u64,
    /// Data Records that were not sent, in Messages and Sets that we can read.
    pub records_left_out: u64,
    /// Sets and Messages that were not sent because nobody here can read them.
    pub sets_left_out: u64,
}

impl OutletCounters {
    /// Adds the numbers of another.
    pub const fn add(&mut self, other: &Self) {
        self.messages_left_out += other.messages_left_out;
        self.records_left_out += other.records_left_out;
        self.sets_left_out += other.sets_left_out;
    }
}

/// What one Mediator did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Octets in them.
    pub octets_in: u64,
    /// Messages found in them; a datagram may hold several of IPFIX.
    pub messages_in: u64,
    /// Messages of NetFlow v5, v9, IPFIX, and of other versions.
    pub messages_by_version: [u64; 4],
    /// Octets in these.
    pub octets_by_version: [u64; 4],
    /// Data Records of Templates that we know, by the same versions.
    pub records_by_version: [u64; 4],
    /// Received Messages that left, changed or not.
    pub messages_forwarded: u64,
    /// Received Messages that do not leave, by [`Dropped`].
    pub messages_dropped: [u64; Dropped::ALL.len()],
    /// Received Messages that wait now.
    pub messages_held: u64,
    /// Received Messages that had to wait.
    pub holds: u64,
    /// Received Messages whose lengths contradict each other.
    pub malformed: u64,
    /// Octets behind the last Set or Message that are no Message and do not leave.
    pub tail_octets: u64,
    /// Sets in well-formed Messages that were looked at.
    pub sets_in: u64,
    /// Sets that left, enriched or not.
    pub sets_forwarded: u64,
    /// Sets that do not leave, by [`Dropped`].
    pub sets_dropped: [u64; Dropped::ALL.len()],
    /// Sets that left without AS numbers, by [`Raw`].
    pub sets_raw: [u64; Raw::ALL.len()],
    /// Messages built or patched, towards all outlets.
    pub messages_out: u64,
    /// Octets in them.
    pub octets_out: u64,
    /// Messages above the size limit because nothing in them can be divided.
    pub oversize: u64,
    /// Further Messages because one was divided.
    pub splits: u64,
    /// Messages with repeated Templates.
    pub announcements: u64,
    /// Clones whose AS fields are wider than the original's.
    pub widenings: u64,
    /// Templates announced with another definition.
    pub redefinitions: u64,
    /// Clones that moved because the exporter uses their ID.
    pub id_moves: u64,
    /// Exporters that began to count anew.
    pub restarts: u64,
    /// Withdrawals over UDP, ignored.
    pub withdrawals: u64,
    /// Template Records that cannot be read.
    pub broken_templates: u64,
    /// Templates taken from another port of the same exporter.
    pub templates_borrowed: u64,
    /// The records of all sessions.
    pub records: RecordCounters,
    /// What was refused or forgotten.
    pub store: StoreCounters,
}

impl Counters {
    /// Adds the numbers of another Mediator.
    pub fn add(&mut self, other: &Self) {
        add_each(&mut self.messages_by_version, &other.messages_by_version);
        add_each(&mut self.octets_by_version, &other.octets_by_version);
        add_each(&mut self.records_by_version, &other.records_by_version);
        add_each(&mut self.messages_dropped, &other.messages_dropped);
        add_each(&mut self.sets_dropped, &other.sets_dropped);
        add_each(&mut self.sets_raw, &other.sets_raw);
        for (sum, number) in [
            (&mut self.datagrams_in, other.datagrams_in),
            (&mut self.octets_in, other.octets_in),
            (&mut self.messages_in, other.messages_in),
            (&mut self.messages_forwarded, other.messages_forwarded),
            (&mut self.messages_held, other.messages_held),
            (&mut self.holds, other.holds),
            (&mut self.malformed, other.malformed),
            (&mut self.tail_octets, other.tail_octets),
            (&mut self.sets_in, other.sets_in),
            (&mut self.sets_forwarded, other.sets_forwarded),
            (&mut self.messages_out, other.messages_out),
            (&mut self.octets_out, other.octets_out),
            (&mut self.oversize, other.oversize),
            (&mut self.splits, other.splits),
            (&mut self.announcements, other.announcements),
            (&mut self.widenings, other.widenings),
            (&mut self.redefinitions, other.redefinitions),
            (&mut self.id_moves, other.id_moves),
            (&mut self.restarts, other.restarts),
            (&mut self.withdrawals, other.withdrawals),
            (&mut self.broken_templates, other.broken_templates),
            (&mut self.templates_borrowed, other.templates_borrowed),
        ] {
            *sum += number;
        }
        self.records.add(&other.records);
        self.store.add(&other.store);
    }
}

fn add_each<const N: usize>(sums: &mut [u64; N], numbers: &[u64; N]) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum += number;
    }
}
