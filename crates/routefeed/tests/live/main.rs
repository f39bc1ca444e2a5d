//! Routers that speak: over BGP and BMP, well and badly, and what is made of what they say.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, and says where"
)]

mod captures;
mod mutations;
mod ribs;
mod sessions;
mod speaker;
mod support;
