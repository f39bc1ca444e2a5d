//! The program `ipfix-enricher` from outside: files in, files and words out.

mod commands;
mod corpus;
mod policy_words;
mod replay;
mod support;
