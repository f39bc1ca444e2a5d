//! What is explained, over a small table of the operator's own and one "file".

use asdb::{Entries, PolicyWord};

use super::*;
use crate::control::routes::RouteRemark;
use crate::sources::date::Date;
use crate::sources::{Source, Sources};

fn source(origin: Origin, provider: Provider, entries: &[(&str, u32)]) -> Source {
    let mut list = Entries::new();
    for (prefix, asn) in entries {
        list.push(prefix.parse().unwrap(), Asn(*asn)).unwrap();
    }
    Source {
        origin,
        provider,
        entries: list,
        made: (provider != Provider::Static).then(|| Date::of_civil(2026, 6, 17)),
        format: "test",
    }
}

fn sources() -> Sources {
    let mut sources = Sources::default();
    sources
        .names
        .insert(Asn(13335), "Cloudflare, Inc.")
        .unwrap();
    sources.list = vec![
        source(
            Origin::Configuration,
            Provider::Static,
            &[("10.0.0.0/8", 64512), ("9.9.9.0/24", 64500)],
        ),
        source(
            Origin::File("one.mmdb".into()),
            Provider::Database,
            &[("1.1.0.0/16", 1), ("9.0.0.0/8", 19281)],
        ),
        source(
            Origin::File("two.csv".into()),
            Provider::Database,
            &[("1.1.1.0/24", 13335)],
        ),
    ];
    sources
}

const DEFAULT: &[PolicyWord] = &PolicyWord::DEFAULT_ORDER;

fn explain<T>(
    address: &str,
    order: &[PolicyWord],
    wishes: impl FnOnce(&mut Wishes<'_>),
    show: impl FnOnce(&Explanation<'_>) -> T,
) -> T {
    let days = std::time::Duration::from_secs(86_400 * 20_630);
    let (as_db, about) = About::freeze(sources()).unwrap();
    let mut asked = Wishes {
        exporter: None,
        name: None,
        order,
        enrich: Enrich::On,
        flow_as_semantics: FlowAsSemantics::Origin,
        address: AddressChoice::FirstPublic,
        unusable_as: &[],
    };
    wishes(&mut asked);
    let remarks = Remarks {
        place: Some("Brisbane, Australia (AU)".to_owned()),
        name: Some("one.one.one.one".to_owned()),
        routes: [route()]
            .into_iter()
            .filter(|_| address == "1.1.1.1")
            .collect(),
    };
    show(&Explanation::with(
        address.parse().unwrap(),
        asked,
        (&as_db, &about),
        remarks,
        SystemTime::UNIX_EPOCH + days,
    ))
}

fn route() -> RouteRemark {
    RouteRemark {
        provider: Provider::Bgp,
        router: "192.0.2.1".to_owned(),
        table: String::new(),
        prefix: "1.1.1.0/24".to_owned(),
        path: "64512 13335".to_owned(),
        next_hop: Some("192.0.2.9".to_owned()),
        communities: vec!["64512:7".to_owned()],
        age_s: 35,
        is_stale: true,
    }
}

fn text(address: &str, order: &[PolicyWord]) -> String {
    explain(address, order, |_| (), |explanation| explanation.text())
}

#[test]
fn each_source_speaks_and_the_longest_prefix_of_a_provider_wins() {
    let expected = "\
1.1.1.1
  in        Brisbane, Australia (AU)
  name      one.one.one.one
  static    no answer, in enrichment.static_prefixes
  flow      what the record says, unless 0 or reserved
  bgp       no source
  bmp       no source
  table     no source
  database  AS1 by 1.1.0.0/16, in one.mmdb, 2026-06-17, 9 days old
  database  AS13335 Cloudflare, Inc. by 1.1.1.0/24, in two.csv, 2026-06-17, 9 days old
  route     1.1.1.0/24, path 64512 13335, next hop 192.0.2.9, communities 64512:7, from 192.0.2.1 over BGP, 35 s old, not confirmed since its session was lost
order: static, flow, bgp, bmp, table, database
result: what the record says, if that is usable; else AS13335 Cloudflare, Inc. (database)
";
    assert_eq!(text("1.1.1.1", DEFAULT), expected);
}

#[test]
fn the_first_provider_of_the_order_wins() {
    use PolicyWord::{Database, FlowExceptPrivate, Static};
    for (address, order, result) in [
        ("9.9.9.9", DEFAULT, "AS64500 (static)"),
        ("9.9.9.9", &[Database, Static], "AS19281 (database)"),
        (
            "8.8.8.8",
            &[FlowExceptPrivate, Database],
            "what the record says, if that is usable and not private; else the octets stay as \
             they came",
        ),
        (
            "8.8.8.8",
            &[Database],
            "nobody knows: the octets stay as they came",
        ),
    ] {
        let text = text(address, order);
        let found = text.lines().find_map(|line| line.strip_prefix("result: "));
        assert_eq!(found, Some(result), "{address} {order:?}");
    }
}

#[test]
fn an_address_without_origin_is_looked_up_in_static_only() {
    let text = text("10.1.2.3", DEFAULT);
    assert!(text.contains("never looked up"), "{text}");
    assert!(text.contains("result: AS64512 (static)"), "{text}");
}

#[test]
fn an_adjacent_as_is_never_an_answer() {
    let peer = |wishes: &mut Wishes<'_>| wishes.flow_as_semantics = FlowAsSemantics::Peer;
    let verdict = explain("1.1.1.1", DEFAULT, peer, |explanation| explanation.verdict);
    assert_eq!(verdict.flow, None);
    let text = explain("1.1.1.1", DEFAULT, peer, |explanation| explanation.text());
    assert!(text.contains("(flow_as_semantics: peer)"), "{text}");
    assert_eq!(verdict.after_flow.unwrap().asn, Asn(13335));
}

#[test]
fn an_exporter_is_explained_with_its_own_rule() {
    static UNUSABLE: [Asn; 2] = [Asn(0), Asn(6939)];
    let rule = |wishes: &mut Wishes<'_>| {
        wishes.exporter = Some([192, 0, 2, 1].into());
        wishes.name = Some("mx1");
        wishes.unusable_as = &UNUSABLE;
        wishes.address = AddressChoice::Inner;
    };
    let order = [PolicyWord::FlowExceptPrivate, PolicyWord::Database];
    let text = explain("8.8.8.8", &order, rule, |explanation| explanation.text());
    for line in [
        "  flow      what the record says, unless 0 or reserved, 6939, or private\n",
        "order: flow-except-private, database (of exporter 192.0.2.1, mx1)\n",
        "of several addresses of a record: inner\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let text = explain("8.8.8.8", &order[1..], rule, |explanation| {
        explanation.text()
    });
    assert!(text.contains("flow      not in the order"), "{text}");
}

#[test]
fn a_provider_answers_with_the_longest_prefix_of_its_sources_then_with_the_first() {
    let mut sources = sources();
    sources.list.push(source(
        Origin::File("three.csv".into()),
        Provider::Database,
        &[("1.1.1.0/24", 7)],
    ));
    let (as_db, about) = About::freeze(sources).unwrap();
    let address = [1, 1, 1, 1].into();
    let entry = about.answer(Provider::Database, address).unwrap();
    assert_eq!(
        (entry.prefix.to_string().as_str(), entry.asn.0),
        ("1.1.1.0/24", 13335)
    );
    let answers = as_db.answers(as_db.lookup(address));
    assert_eq!(answers.of(Provider::Database), Some(entry.asn));
    assert_eq!(about.answer(Provider::Table, address), None);
}

#[test]
fn the_json_has_all_of_it_on_one_line() {
    let exporter = |wishes: &mut Wishes<'_>| {
        wishes.exporter = Some([192, 0, 2, 1].into());
        wishes.enrich = Enrich::DryRun;
    };
    let order = [PolicyWord::Flow, PolicyWord::Database];
    let json = explain("9.9.9.9", &order, exporter, |explanation| {
        explanation.json()
    });
    let expected = concat!(
        r#"{"address":"9.9.9.9","place":"Brisbane, Australia (AU)","#,
        r#""dns_name":"one.one.one.one","#,
        r#""looked_up":true,"exporter":"192.0.2.1","exporter_name":null,"#,
        r#""enrich":"dry-run","order":["flow","database"],"flow_as_semantics":"origin","#,
        r#""unusable_as":[],"address_choice":"first-public","answers":["#,
        r#"{"provider":"static","source":"enrichment.static_prefixes","made":null,"#,
        r#""age_days":null,"asn":64500,"name":null,"prefix":"9.9.9.0/24"},"#,
        r#"{"provider":"database","source":"one.mmdb","made":"2026-06-17","age_days":9,"#,
        r#""asn":19281,"name":null,"prefix":"9.0.0.0/8"},"#,
        r#"{"provider":"database","source":"two.csv","made":"2026-06-17","age_days":9,"#,
        r#""asn":null,"name":null,"prefix":null}],"routes":[],"before_flow":null,"flow":"flow","#,
        r#""after_flow":{"provider":"database","asn":19281,"name":null}}"#,
        "\n",
    );
    assert_eq!(json, expected);
}
