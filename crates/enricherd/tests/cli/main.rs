//! The program `ipfix-enricher` from outside: files in, files and words out.

mod commands;
mod corpus;
mod replay;
mod support;
