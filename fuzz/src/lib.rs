//! What all fuzz targets share: finding the function of their name.
//!
//! Not here: the functions (`hostile`).
#![forbid(unsafe_code)]

/// Runs the target of this name.
///
/// # Panics
/// As the target, or there is none of this name.
pub fn run(name: &str, octets: &[u8]) {
    let target = hostile::named(name).unwrap_or_else(|| panic!("no target is called {name}"));
    (target.run)(octets);
}
