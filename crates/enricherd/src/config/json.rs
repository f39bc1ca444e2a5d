//! The configuration that counts, as JSON for programs.
//!
//! Made from the YAML that [`Config::dump`] writes, so that both say the same and no key is
//! forgotten. There a number is a number, and only the texts that people choose could look like
//! one: these stay text.
//!
//! Not here: names of keys (`dump`).

use report::json::{list, object, string};

use super::node::{Node, Value};
use super::types::Config;

/// Keys whose values people choose.
const TEXTS: [&str; 8] = [
    "ca_file",
    "certificate_file",
    "group",
    "host",
    "key_file",
    "name",
    "path",
    "server_name",
];

impl Config {
    /// Returns the configuration as one line of JSON, without its end.
    #[must_use]
    pub fn json(&self) -> String {
        // What we write we can read; a test holds it to that.
        Node::parse(self.dump().as_bytes()).map_or_else(|_| "null".to_owned(), |root| of(&root, ""))
    }
}

fn of(node: &Node, key: &str) -> String {
    match &node.value {
        Value::Nothing => "null".to_owned(),
        Value::Text(text) if TEXTS.contains(&key) => string(text),
        Value::Text(text) => match text.as_str() {
            "true" | "false" => text.clone(),
            _ => text
                .parse::<u64>()
                .map_or_else(|_| string(text), |number| number.to_string()),
        },
        Value::List(items) => list(items.iter().map(|item| of(item, key))),
        Value::Map(entries) => {
            let members: Vec<_> = entries
                .iter()
                .map(|(key, value)| (key.as_str(), of(value, key)))
                .collect();
            object(&members)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::ConfigFile;

    #[test]
    fn numbers_are_numbers_and_chosen_texts_are_texts() {
        let text = "exporters: [{match: 192.0.2.1, name: \"007\"}]\n\
                    performance: {cpu_affinity: [2, 3]}\n";
        let file = ConfigFile::parse(text.as_bytes()).unwrap();
        let json = file.check().unwrap().config.json();
        for expected in [
            r#"{"general":{"listen_address":"::","listen_port":2055,"#,
            r#""exporters":[{"match":"192.0.2.1/32","name":"007","#,
            r#""as_extraction":true,"#,
            r#""template_refresh":"60s","#,
            r#""cpu_affinity":[2,3]}"#,
        ] {
            assert!(json.contains(expected), "{expected} in {json}");
        }
    }
}
