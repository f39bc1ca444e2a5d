//! Whose addresses are these? `cargo run -p asdb --example whose -- 1.1.1.1 2606:4700::1111`
//!
//! Shows the way from the shipped snapshot to an answer, with the least memory: entries are given
//! to the builder, not copied, and gone when the table stands.

use asdb::{Builder, PolicyWord, Provider, snapshot};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shipped = snapshot::decode(snapshot::shipped())?;
    let mut builder = Builder::new();
    builder.add_all(Provider::Database, 0, shipped.entries)?;
    let db = builder.build();
    let policy = db.policy(&[PolicyWord::Static, PolicyWord::Flow, PolicyWord::Database]);

    println!(
        "data of {}: {} bytes as a table",
        shipped.date,
        db.memory_bytes()
    );
    for argument in std::env::args().skip(1) {
        let given = policy.after_flow(db.lookup(argument.parse()?));
        let name = shipped.names.of(given.asn).unwrap_or("nobody's");
        println!("{argument} {} {name}", given.asn);
    }
    Ok(())
}
