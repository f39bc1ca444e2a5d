//! Templates, and Data Records read by them.
//!
//! One type serves Template Records and Options Template Records of NetFlow v9 and IPFIX: an ID,
//! what kind it is, and its Field Specifiers in order [RFC 7011 §3.4, RFC 3954 §5.2, §6.1]. Both
//! kinds share one ID space.
//!
//! Not here: who may use a Template, and when (`collector`); what Information Elements mean.
//! Bound: a Template holds at most the 16,383 Field Specifiers that a datagram has room for.

use crate::octets::Cursor;
use core::fmt;
use std::ops::Range;

/// The Field Length that says: each record carries its own [RFC 7011 §7].
pub const VARIABLE: u16 = 0xffff;

/// One Field Specifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldSpecifier {
    /// Information Element without the enterprise bit; v9: the whole field or scope type.
    pub id: u16,
    /// Enterprise Number, where the enterprise bit is set; never in v9.
    pub pen: Option<u32>,
    /// Octets, or [`VARIABLE`].
    pub length: u16,
}

impl FieldSpecifier {
    /// Returns a Field Specifier of the IANA registry.
    #[must_use]
    pub const fn iana(id: u16, length: u16) -> Self {
        Self {
            id,
            pen: None,
            length,
        }
    }

    /// Whether this is the IANA Information Element `id`, at whatever length.
    #[must_use]
    pub fn is(&self, id: u16) -> bool {
        self.pen.is_none() && self.id == id
    }

    /// Whether this is an AS number of a flow's own address: Information Element 16 or 17.
    #[must_use]
    pub fn is_as_number(&self) -> bool {
        self.is(16) || self.is(17)
    }
}

/// What the records of a Template are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Flow Records.
    Data,
    /// Options; the first `scopes` fields are scopes.
    Options {
        /// How many of the fields are scopes; v9 allows none.
        scopes: usize,
    },
}

/// A Template, as announced.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Template {
    /// Template ID, 256 to 65535.
    pub id: u16,
    /// Flow Records or options.
    pub kind: Kind,
    /// In the order of the record.
    pub fields: Vec<FieldSpecifier>,
}

impl Template {
    /// Returns the octets of the shortest record; 0 means that no record can be read.
    #[must_use]
    pub fn record_octets_min(&self) -> usize {
        self.fields
            .iter()
            .map(|field| match field.length {
                VARIABLE => 1,
                fixed => usize::from(fixed),
            })
            .sum()
    }

    /// Whether no field is of variable length.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.fields.iter().all(|field| field.length != VARIABLE)
    }

    /// Reads the record that starts at `start`, adds one span for each field and returns its end.
    /// Returns `None`, with `spans` in an unknown state, if the record passes the end of `octets`.
    pub fn read_record(
        &self,
        octets: &[u8],
        start: usize,
        spans: &mut Vec<FieldSpan>,
    ) -> Option<usize> {
        let mut cursor = Cursor::new(octets.get(start..)?);
        for field in &self.fields {
            let encoded = start + cursor.at();
            let length = match field.length {
                VARIABLE => variable_length(&mut cursor)?,
                fixed => usize::from(fixed),
            };
            let value = start + cursor.at();
            cursor.take(length)?;
            spans.push(FieldSpan {
                encoded,
                value,
                end: value + length,
            });
        }
        Some(start + cursor.at())
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?} [", self.id, self.kind)?;
        for field in &self.fields {
            match field.pen {
                Some(pen) => write!(formatter, " {pen}.{}/{}", field.id, field.length)?,
                None => write!(formatter, " {}/{}", field.id, field.length)?,
            }
        }
        formatter.write_str(" ]")
    }
}

/// Reads the one or three octets that say how long a value is [RFC 7011 §7].
fn variable_length(cursor: &mut Cursor<'_>) -> Option<usize> {
    match cursor.u8()? {
        255 => cursor.u16().map(usize::from),
        short => Some(usize::from(short)),
    }
}

/// Where one field of one record is in the body of its Set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpan {
    /// First octet of the field as sent: of its length, if that is variable.
    pub encoded: usize,
    /// First octet of the value.
    pub value: usize,
    /// First octet behind the value. `encoded <= value <= end`.
    pub end: usize,
}

/// One field of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// What it is.
    pub specifier: FieldSpecifier,
    /// The octets as sent, those of a variable length included.
    pub encoded: &'a [u8],
    /// The value alone.
    pub value: &'a [u8],
}

/// The Data Records of one Set, where they could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    spans: Vec<FieldSpan>,
    fields_each: usize,
    end: usize,
}

impl Records {
    /// Reads the body of a Data Set, or returns why it does not fit the Template.
    ///
    /// What is left behind the last record is padding if it is shorter than a record and either
    /// no longer than three octets or all zero; everything else means that the Template is not
    /// the one that the records were written by.
    ///
    /// # Errors
    /// One sentence that says what does not fit.
    pub fn read(template: &Template, body: &[u8]) -> Result<Self, &'static str> {
        let shortest = template.record_octets_min();
        if shortest == 0 {
            return Err("the Template describes records without octets");
        }
        let mut spans = Vec::new();
        let mut end = 0;
        while body.len() - end >= shortest {
            let Some(next) = template.read_record(body, end, &mut spans) else {
                return Err("a record of variable length passes the end of its Set");
            };
            end = next;
        }
        let left = body.get(end..).unwrap_or_default();
        if end == 0 && !body.is_empty() {
            return Err("the Set is shorter than one record");
        }
        if left.len() > 3 && !crate::octets::all_zero(left) {
            return Err("more than three octets are left over and are not zero");
        }
        Ok(Self {
            spans,
            fields_each: template.fields.len(),
            end,
        })
    }

    /// How many records there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.spans.len().checked_div(self.fields_each).unwrap_or(0)
    }

    /// The body's octets behind the last record.
    #[must_use]
    pub fn padding<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        body.get(self.end..).unwrap_or_default()
    }

    /// The fields of the record `index`, in order; none if there is no such record.
    pub fn fields<'a>(
        &'a self,
        template: &'a Template,
        body: &'a [u8],
        index: usize,
    ) -> impl ExactSizeIterator<Item = Field<'a>> + 'a {
        let first = index * self.fields_each;
        let spans = self.spans.get(first..first + self.fields_each);
        spans
            .unwrap_or_default()
            .iter()
            .zip(&template.fields)
            .map(|(span, specifier)| Field {
                specifier: *specifier,
                encoded: slice(body, span.encoded..span.end),
                value: slice(body, span.value..span.end),
            })
    }
}

fn slice(octets: &[u8], range: Range<usize>) -> &[u8] {
    octets.get(range).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{FieldSpecifier, Kind, Records, Template, VARIABLE};

    fn template(lengths: &[u16]) -> Template {
        let fields = lengths
            .iter()
            .map(|length| FieldSpecifier::iana(8, *length))
            .collect();
        Template {
            id: 256,
            kind: Kind::Data,
            fields,
        }
    }

    #[test]
    fn a_set_fits_or_says_why_not() {
        type Case<'a> = (&'a [u16], &'a [u8], Result<usize, &'a str>);
        let cases: &[Case<'_>] = &[
            (&[2], &[1, 2, 3, 4], Ok(2)),
            (&[2], &[1, 2, 3], Ok(1)),
            (&[4, 0], &[1, 2, 3, 4, 9, 9, 9], Ok(1)),
            (&[8], &[1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0], Ok(1)),
            (
                &[8],
                &[1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1],
                Err("more than"),
            ),
            (&[8], &[1, 2, 3], Err("the Set is shorter")),
            (&[0, 0], &[1], Err("the Template describes")),
            (&[1, VARIABLE], &[1, 2, 7, 7, 1, 255, 0, 1, 7], Ok(2)),
            (&[1, VARIABLE], &[1, 2, 7], Err("a record of variable")),
            (&[2], &[], Ok(0)),
        ];
        for (lengths, body, expected) in cases {
            let read = Records::read(&template(lengths), body).map(|records| records.count());
            match expected {
                Ok(count) => assert_eq!(read, Ok(*count), "{lengths:?} {body:?}"),
                Err(start) => assert!(read.unwrap_err().starts_with(start), "{lengths:?}"),
            }
        }
    }

    #[test]
    fn a_field_of_variable_length_keeps_the_form_of_its_length() {
        let template = template(&[VARIABLE, 1]);
        let body = [255, 0, 2, 5, 6, 7];
        let records = Records::read(&template, &body).unwrap();
        let fields: Vec<_> = records.fields(&template, &body, 0).collect();
        assert_eq!(fields[0].encoded, [255, 0, 2, 5, 6]);
        assert_eq!(fields[0].value, [5, 6]);
        assert_eq!(fields[1].value, [7]);
    }
}
