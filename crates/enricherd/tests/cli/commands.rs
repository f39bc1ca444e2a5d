//! The program as an operator meets it: what it prints, where, and how it ends.

use std::fs;
use std::process::Stdio;

use crate::support::{Place, capture, datagrams, program, run, sent, v9_data, v9_template};

/// Two Messages of one exporter: a Template, then a record without AS numbers.
fn small_capture() -> Vec<u8> {
    capture(&[
        sent(1000, "192.0.2.1:50001", &v9_template(1)),
        sent(1500, "192.0.2.1:50001", &v9_data(2, 0, 0)),
    ])
}

#[test]
fn the_help_names_every_command() {
    let ended = run(&["--help"]);
    assert_eq!(ended.code, Some(0));
    for command in ["run", "replay", "check", "explain", "version", "--config"] {
        assert!(ended.out.contains(command), "{command}: {ended:?}");
    }
}

#[test]
fn the_version_names_the_makers_of_the_data() {
    for arguments in [["--version"], ["-V"], ["version"]] {
        let ended = run(&arguments);
        assert_eq!(ended.code, Some(0));
        assert!(
            ended
                .out
                .starts_with(concat!("ipfix-enricher ", env!("CARGO_PKG_VERSION")))
        );
        assert!(ended.out.contains("AS data shipped: 20"), "{ended:?}");
        assert!(ended.out.contains("CC BY 4.0"), "{ended:?}");
    }
}

#[test]
fn check_prints_a_configuration_that_passes_the_check() {
    let place = Place::new("check_prints");
    let config = place.config("");
    let config = config.to_str().expect("a path of text");
    let first = run(&["check", "--config", config]);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(
        first.out.contains("asn.csv, ranges, 2 prefixes"),
        "{first:?}"
    );
    let dumped = place.file("dumped.yaml", &first.out);
    let second = run(&[
        "check",
        "--config",
        dumped.to_str().expect("a path of text"),
    ]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(first.out, second.out);
}

#[test]
fn check_tells_all_faults_of_a_configuration_and_ends_with_2() {
    let place = Place::new("check_faults");
    let config = place.file(
        "config.yaml",
        "general:\n  listen_prot: 1\nforwarding:\n  max_packet_size: 7\n",
    );
    let ended = run(&[
        "check",
        "--config",
        config.to_str().expect("a path of text"),
    ]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.out, "");
    for part in ["line 2", "listen_prot", "line 4", "max_packet_size"] {
        assert!(ended.err.contains(part), "{part}: {ended:?}");
    }
}

#[test]
fn a_broken_or_missing_as_file_is_named_by_every_command() {
    let place = Place::new("broken_as_file");
    let broken = place.file(
        "broken.csv",
        "1.1.1.0,1.1.1.255,13335,\"a\"\n1.2.0.0,no,1,\"b\"\n",
    );
    let missing = place.path("missing.mmdb");
    let text = format!(
        "enrichment:\n  as_databases:\n    - {{path: {}}}\n    - {{path: {}}}\n",
        broken.display(),
        missing.display()
    );
    let config = place.file("config.yaml", text);
    let input = place.file("in.pcap", small_capture());
    let (config, input) = (config.display().to_string(), input.display().to_string());
    let replay = ["replay", &input, "--diff", "--config", &config];
    for arguments in [
        &["check", "--config", &config][..],
        &["explain", "1.1.1.1", "--config", &config],
        &replay,
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(ended.out, "");
        assert!(ended.err.contains("broken.csv: line 2: "), "{ended:?}");
        assert!(ended.err.contains("missing.mmdb: "), "{ended:?}");
    }
}

#[test]
fn a_configuration_that_was_named_must_be_there() {
    let ended = run(&["check", "--config", "no/such/config.yaml"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("no/such/config.yaml"), "{ended:?}");
}

#[test]
fn explain_takes_the_order_of_an_exporter() {
    let place = Place::new("explain_exporter");
    let config = place.config(
        "  static_prefixes:\n    - {prefix: 1.1.1.0/24, as: 64500, name: ours}\n\
         exporters:\n  - {match: 192.0.2.1, name: mx1, as_providers: [database]}\n",
    );
    let config = config.display().to_string();
    let explain = |more: &[&str]| {
        let ended = run(&[&["explain", "1.1.1.1", "--config", &config], more].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    let of_all = explain(&[]);
    assert!(of_all.contains("result: AS64500 ours (static)"), "{of_all}");
    let of_one = explain(&["--exporter", "192.0.2.1"]);
    assert!(
        of_one.contains("result: AS13335 Cloudflare (database)"),
        "{of_one}"
    );
    let json = explain(&["--json"]);
    assert!(json.starts_with("{\"address\":\"1.1.1.1\""), "{json}");
}

#[test]
fn replay_writes_the_same_octets_at_every_run() {
    let place = Place::new("replay_same");
    let config = place.config("").display().to_string();
    let input = place.file("in.pcap", small_capture()).display().to_string();
    let outputs = ["one.pcap", "two.pcap"].map(|name| {
        let out = place.path(name).display().to_string();
        let ended = run(&["replay", &input, "--out", &out, "--config", &config]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{ended:?}");
        fs::read(out).expect("the output")
    });
    assert_eq!(outputs[0], outputs[1]);
    let expected = [(1000, v9_template(1)), (1500, v9_data(2, 13335, 15169))];
    let expected = expected.map(|(millis, payload)| {
        let (exporter, collector) = ("192.0.2.1:50001".to_owned(), "127.0.0.1:2056".to_owned());
        (millis, exporter, collector, payload)
    });
    assert_eq!(datagrams(&outputs[0]), expected);
}

#[test]
fn diff_and_summary_say_what_changes() {
    let place = Place::new("diff_summary");
    let config = place.config("").display().to_string();
    let input = place.file("in.pcap", small_capture()).display().to_string();
    let ended = run(&["replay", &input, "--diff", "--summary", "--config", &config]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let diff = "#1 192.0.2.1:50001 v9 domain 7 template 256  \
                src 1.1.1.1 AS 0 -> 13335 \"Cloudflare\" (database)  \
                dst 8.8.8.8 AS 0 -> 15169 \"Google\" (database)\n";
    assert!(ended.out.starts_with(diff), "{}", ended.out);
    for line in [
        "exporter 192.0.2.1: v9, 1 domain, 1 port\n",
        "    filled                     2\n",
        "  AS fields                    2, unusable 2 (100.0 %)\n",
    ] {
        assert!(ended.out.contains(line), "{line}{}", ended.out);
    }
}

#[test]
fn a_reader_who_closes_the_pipe_does_not_hurt_the_replay() {
    let place = Place::new("closed_pipe");
    let config = place.config("").display().to_string();
    let mut many = vec![sent(1000, "192.0.2.1:50001", &v9_template(1))];
    many.extend((2..400).map(|n| sent(1000, "192.0.2.1:50001", &v9_data(n, 0, 0))));
    let input = place.file("in.pcap", capture(&many)).display().to_string();
    let out = place.path("out.pcap").display().to_string();
    let mut child = program(&[
        "replay",
        &input,
        "--out",
        &out,
        "--diff",
        "--summary",
        "--config",
        &config,
    ])
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .expect("the program starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("the program ends");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert_eq!(
        datagrams(&fs::read(out).expect("the output")).len(),
        many.len()
    );
}

#[test]
fn what_is_no_capture_leaves_the_last_output_alone() {
    let place = Place::new("no_capture");
    let config = place.config("").display().to_string();
    let out = place
        .file("out.pcap", "the last result")
        .display()
        .to_string();
    let text = place.file("text.pcap", "a text").display().to_string();
    let missing = place.path("missing.pcap").display().to_string();
    for (input, part) in [
        (&text, "neither pcap nor pcapng"),
        (&missing, "missing.pcap"),
    ] {
        let ended = run(&["replay", input, "--out", &out, "--config", &config]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains(part), "{ended:?}");
        assert_eq!(fs::read(&out).expect("the output"), b"the last result");
    }
}

#[test]
fn the_input_is_never_the_output() {
    let place = Place::new("same_file");
    let config = place.config("").display().to_string();
    let input = place.file("in.pcap", small_capture()).display().to_string();
    let ended = run(&["replay", &input, "--out", &input, "--config", &config]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(fs::read(&input).expect("the input"), small_capture());
}

#[test]
fn a_capture_that_breaks_off_is_used_and_said() {
    let place = Place::new("breaks_off");
    let config = place.config("").display().to_string();
    let whole = small_capture();
    let input = place
        .file("in.pcap", &whole[..whole.len() - 1])
        .display()
        .to_string();
    let out = place.path("out.pcap").display().to_string();
    let ended = run(&["replay", &input, "--out", &out, "--config", &config]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("breaks off"), "{ended:?}");
    assert_eq!(datagrams(&fs::read(out).expect("the output")).len(), 1);
}

#[test]
fn port_narrows_the_input_and_the_rest_is_counted() {
    let place = Place::new("port");
    let config = place.config("").display().to_string();
    let input = place.file("in.pcap", small_capture()).display().to_string();
    let out = place.path("out.pcap").display().to_string();
    for (port, datagrams_count) in [("2055", 2), ("9995", 0)] {
        let arguments = [
            "replay", &input, "--out", &out, "--port", port, "--config", &config,
        ];
        let ended = run(&arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let written = fs::read(&out).expect("the output");
        assert_eq!(datagrams(&written).len(), datagrams_count, "{port}");
        let counted = "2 frames not read: not to the port asked for";
        assert_eq!(
            ended.err.contains(counted),
            datagrams_count == 0,
            "{ended:?}"
        );
    }
}

#[test]
fn a_collector_with_a_name_is_this_host_and_that_is_said() {
    let place = Place::new("collector_name");
    let config =
        place.config("forwarding:\n  collectors:\n    - {host: flow.example, port: 9995}\n");
    let config = config.display().to_string();
    let input = place.file("in.pcap", small_capture()).display().to_string();
    let out = place.path("out.pcap").display().to_string();
    let ended = run(&["replay", &input, "--out", &out, "--config", &config]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("flow.example"), "{ended:?}");
    let written = datagrams(&fs::read(out).expect("the output"));
    assert!(
        written.iter().all(|(_, _, to, _)| to == "127.0.0.1:9995"),
        "{written:?}"
    );
}
