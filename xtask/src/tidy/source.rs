//! A source file, cut into what the compiler reads and what people read.
//!
//! A small lexer, no parser: it tells code from comments and literals, finds where functions,
//! tests and tables begin and end, and leaves everything else to the compiler. That is enough for
//! rules about form, and it cannot disagree with a new edition about grammar.
//!
//! Not here: what is demanded (`rules` and its neighbours).

use std::ops::RangeInclusive;

/// One file of the project.
pub(crate) struct File {
    /// Path from the root of the project, with `/` between the parts.
    pub(crate) path: String,
    /// As it is on the disk.
    pub(crate) text: String,
    /// The text with everything but comments replaced by spaces.
    pub(crate) comments: String,
    /// The words and signs of the code, in order; neither comments nor literals.
    pub(crate) tokens: Vec<Token>,
    /// The whole file is a test.
    pub(crate) is_test_file: bool,
    test_lines: Vec<RangeInclusive<usize>>,
    literal_lines: Vec<usize>,
}

/// A word or a single sign of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// An identifier, keyword or number, else one character.
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// A function with a body.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// From `fn` to the closing brace.
    pub(crate) lines: RangeInclusive<usize>,
}

impl File {
    /// Reads `text`. Only files ending in `.rs` have code, comments and tokens.
    pub(crate) fn new(path: String, text: String) -> Self {
        let parts = if path.ends_with(".rs") {
            divide(&text)
        } else {
            Divided::default()
        };
        let Divided {
            code,
            comments,
            literal_lines,
        } = parts;
        let tokens = tokens(&code);
        let parts: Vec<&str> = path.split('/').collect();
        let is_test_file = ["tests", "benches", "fuzz"]
            .iter()
            .any(|folder| parts.contains(folder))
            || parts.last() == Some(&"tests.rs");
        let test_lines = test_lines(&tokens);
        Self {
            path,
            text,
            comments,
            tokens,
            is_test_file,
            test_lines,
            literal_lines,
        }
    }

    /// Says whether the file is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Says whether `line`, counted from 1, is only there for tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.is_test_file || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// Says whether `line` begins inside a literal: a text of several lines.
    pub(crate) fn is_in_literal(&self, line: usize) -> bool {
        self.literal_lines.contains(&line)
    }

    /// Returns the path, without ending, of each module that this file declares for tests only.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let folder = match self.path.rsplit_once('/') {
            Some((folder, "main.rs" | "lib.rs" | "mod.rs")) => folder,
            _ => self.path.trim_end_matches(".rs"),
        };
        let declared = |window: &[Token]| {
            let [word, name, end] = window else {
                return None;
            };
            let is_module = word.text == "mod" && end.text == ";" && self.is_test(word.line);
            is_module.then(|| format!("{folder}/{}", name.text))
        };
        self.tokens.windows(3).filter_map(declared).collect()
    }

    /// Says whether the file is the module at `path` (without ending) or below it.
    pub(crate) fn is_module(&self, path: &str) -> bool {
        let rest = self.path.strip_prefix(path);
        rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    /// Returns where in the tokens the sequence `wanted` begins.
    pub(crate) fn find<'a>(&'a self, wanted: &'a [&str]) -> impl Iterator<Item = usize> + 'a {
        let is_here =
            move |window: &[Token]| window.iter().zip(wanted).all(|(is, want)| is.text == *want);
        let windows = self.tokens.windows(wanted.len()).enumerate();
        windows
            .filter(move |(_, window)| is_here(window))
            .map(|(index, _)| index)
    }

    /// Returns the lines on which the sequence `wanted` begins, without those of tests.
    pub(crate) fn lines_outside_tests<'a>(
        &'a self,
        wanted: &'a [&str],
    ) -> impl Iterator<Item = usize> + 'a {
        let lines = self.find(wanted).filter_map(|index| self.tokens.get(index));
        lines
            .map(|token| token.line)
            .filter(|line| !self.is_test(*line))
    }

    /// Returns every function that has a body.
    pub(crate) fn functions(&self) -> Vec<Function<'_>> {
        let starts = self.tokens.windows(2).enumerate();
        let starts = starts.filter(|(_, pair)| pair[0].text == "fn" && is_word(&pair[1].text));
        starts
            .filter_map(|(index, pair)| {
                let end = self.tokens.get(item_end(&self.tokens, index))?;
                (end.text == "}").then(|| Function {
                    name: &pair[1].text,
                    lines: pair[0].line..=end.line,
                })
            })
            .collect()
    }

    /// Returns how many lines the tables take: constants whose value is a list.
    pub(crate) fn table_lines_count(&self) -> usize {
        let tables = self.tokens.iter().enumerate().filter_map(|(index, token)| {
            let is_constant = matches!(token.text.as_str(), "const" | "static");
            let is_table =
                is_constant && !self.is_test(token.line) && holds_list(&self.tokens[index..]);
            let end = self.tokens.get(item_end(&self.tokens, index))?;
            is_table.then(|| end.line - token.line + 1)
        });
        tables.sum()
    }

    /// Returns how many lines are tests.
    pub(crate) fn test_lines_count(&self) -> usize {
        let lines = 1..=self.text.lines().count();
        lines.filter(|line| self.is_test(*line)).count()
    }

    /// Returns the comments, each with its line, its marks (`//`, `///` …) taken off.
    pub(crate) fn comment_lines(&self) -> impl Iterator<Item = (usize, Comment<'_>)> {
        self.comments
            .lines()
            .enumerate()
            .filter_map(|(index, line)| {
                let text = line.trim();
                let comment =
                    if let Some(doc) = text.strip_prefix("//!").or(text.strip_prefix("///")) {
                        Comment::Doc(doc)
                    } else {
                        Comment::Plain(text.strip_prefix("//").unwrap_or(text))
                    };
                (!text.is_empty()).then_some((index + 1, comment))
            })
    }
}

/// One line of a comment.
pub(crate) enum Comment<'a> {
    /// `///` or `//!`.
    Doc(&'a str),
    /// `//` or a block.
    Plain(&'a str),
}

impl<'a> Comment<'a> {
    /// The words, whoever they are for.
    pub(crate) fn text(&self) -> &'a str {
        let (Self::Doc(text) | Self::Plain(text)) = self;
        text
    }
}

/// Says whether a token is an identifier, keyword or number.
pub(crate) fn is_word(token: &str) -> bool {
    token.starts_with(is_word_sign)
}

fn is_word_sign(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// What a text is made of.
#[derive(Default)]
struct Divided {
    /// The text with comments and literals replaced by spaces.
    code: String,
    /// The text with code and literals replaced by spaces.
    comments: String,
    /// The lines, counted from 1, that begin inside a literal.
    literal_lines: Vec<usize>,
}

/// Tells code, comments and literals apart.
fn divide(text: &str) -> Divided {
    let signs: Vec<char> = text.chars().collect();
    let mut kinds = Vec::with_capacity(signs.len());
    while let Some(rest) = signs.get(kinds.len()..).filter(|rest| !rest.is_empty()) {
        let is_inside_word = kinds.last() == Some(&Kind::Code)
            && signs
                .get(kinds.len() - 1)
                .copied()
                .is_some_and(is_word_sign);
        let (kind, length) = piece(rest, is_inside_word);
        kinds.resize(kinds.len() + length.clamp(1, rest.len()), kind);
    }
    let only = |wanted: Kind| {
        let pairs = signs.iter().zip(&kinds);
        let kept = pairs.map(|(sign, kind)| {
            if *kind == wanted || *sign == '\n' {
                *sign
            } else {
                ' '
            }
        });
        kept.collect()
    };
    let line_ends = signs.iter().zip(&kinds).filter(|(sign, _)| **sign == '\n');
    let in_literals = line_ends
        .enumerate()
        .filter(|(_, (_, kind))| **kind == Kind::Literal);
    Divided {
        code: only(Kind::Code),
        comments: only(Kind::Comment),
        literal_lines: in_literals.map(|(index, _)| index + 2).collect(),
    }
}

/// Returns what `rest` begins with, and how many characters that takes.
fn piece(rest: &[char], is_inside_word: bool) -> (Kind, usize) {
    match rest {
        ['/', '/', ..] => (Kind::Comment, until(rest, |sign| sign == '\n')),
        ['/', '*', ..] => (Kind::Comment, block_comment_length(rest)),
        ['"', ..] => (Kind::Literal, quoted_length(rest, '"')),
        // 'a' and '\n' are literals, the 'a of a lifetime is not.
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => (Kind::Literal, quoted_length(rest, '\'')),
        ['r', ..] | ['b' | 'c', 'r', ..] if !is_inside_word => raw_string(rest),
        _ => (Kind::Code, 1),
    }
}

fn until(rest: &[char], is_end: impl Fn(char) -> bool) -> usize {
    rest.iter()
        .position(|sign| is_end(*sign))
        .unwrap_or(rest.len())
}

fn block_comment_length(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_length(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while let Some(sign) = rest.get(at) {
        match sign {
            '\\' => at += 2,
            sign if *sign == quote => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// `r"…"`, `r#"…"#`, `br"…"`; everything else that begins so is a word.
fn raw_string(rest: &[char]) -> (Kind, usize) {
    let prefix = until(rest, |sign| !matches!(sign, 'r' | 'b' | 'c'));
    let hashes = until(&rest[prefix..], |sign| sign != '#');
    let start = prefix + hashes;
    if rest.get(start) != Some(&'"') {
        return (Kind::Code, 1);
    }
    let closing: Vec<char> = std::iter::once('"')
        .chain(std::iter::repeat_n('#', hashes))
        .collect();
    let body = &rest[start + 1..];
    let end = body
        .windows(closing.len())
        .position(|window| window == closing);
    (
        Kind::Literal,
        start + 1 + end.unwrap_or(body.len()) + closing.len(),
    )
}

fn tokens(code: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut was_word = false;
        for sign in line.chars() {
            let is_word = is_word_sign(sign);
            match tokens.last_mut() {
                Some(last) if is_word && was_word => last.text.push(sign),
                _ if sign.is_whitespace() => {}
                _ => tokens.push(Token {
                    text: sign.to_string(),
                    line: index + 1,
                }),
            }
            was_word = is_word;
        }
    }
    tokens
}

/// Returns the index of the token that ends the item at `start`: a `;`, or the `}` of its body.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_i32;
    for (index, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth <= 0 {
                    return index;
                }
            }
            ";" if depth == 0 => return index,
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}

/// Says whether a constant's value begins with `[` or `&[`.
fn holds_list(tokens: &[Token]) -> bool {
    let mut depth = 0_i32;
    let equals = tokens.iter().position(|token| {
        depth += i32::from(token.text == "[") - i32::from(token.text == "]");
        depth == 0 && matches!(token.text.as_str(), "=" | ";" | "{" | "(")
    });
    let value = tokens.iter().skip(equals.unwrap_or(tokens.len()));
    let mut value = value.map(|token| token.text.as_str());
    matches!(
        (value.next(), value.next(), value.next()),
        (Some("="), Some("["), _) | (Some("="), Some("&"), Some("["))
    )
}

/// Returns the lines of each item that only exists in tests.
fn test_lines(tokens: &[Token]) -> Vec<RangeInclusive<usize>> {
    let is_mark = |window: &[Token]| {
        let text: String = window.iter().map(|token| token.text.as_str()).collect();
        text.starts_with("#[cfg(test)]") || text.starts_with("#[cfg(all(test")
    };
    let marks = tokens
        .windows(7)
        .enumerate()
        .filter(|(_, window)| is_mark(window));
    marks
        .map(|(index, window)| {
            let item = index + attribute_length(&tokens[index..]);
            window[0].line..=tokens[item_end(tokens, item)].line
        })
        .collect()
}

/// Returns how many tokens the attributes at the beginning of `tokens` take.
fn attribute_length(tokens: &[Token]) -> usize {
    let mut length = 0;
    while tokens.get(length).is_some_and(|token| token.text == "#") {
        let mut depth = 0_i32;
        let end = tokens[length..].iter().position(|token| {
            depth += i32::from(token.text == "[") - i32::from(token.text == "]");
            token.text == "]" && depth == 0
        });
        length += end.map_or(tokens.len(), |end| end + 1);
    }
    length.min(tokens.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File::new("crates/a/src/b.rs".to_owned(), text.to_owned())
    }

    #[test]
    fn literals_and_comments_are_no_code() {
        let code = |text| divide(text).code;
        assert_eq!(code("a(\"x\\\"y\") // z"), "a(      )     ");
        assert_eq!(code("r#\"a\"b\"# c"), "         c");
        assert_eq!(code("for b in r.bar"), "for b in r.bar");
        assert_eq!(code("'a' 'b: '\\n' &'static x"), "    'b:      &'static x");
        assert_eq!(code("a /* b /* c */ d */ e"), "a                   e");
        assert_eq!(code("br\"\\\" x"), "      x");
    }

    #[test]
    fn lines_inside_literals_are_known() {
        assert_eq!(divide("a(\"b\nc\n\");\n\"d\"\n").literal_lines, [2, 3]);
    }

    #[test]
    fn comments_keep_their_lines() {
        let file = file("//! One.\nfn a() {} // two\n/// Three\n");
        let comments: Vec<_> = file
            .comment_lines()
            .map(|(line, c)| (line, c.text()))
            .collect();
        assert_eq!(comments, [(1, " One."), (2, " two"), (3, " Three")]);
    }

    #[test]
    fn functions_end_at_their_brace() {
        let file = file("fn a(x: [u8; 2]) -> [u8; 2]\nwhere\n{\n  { x }\n}\ntrait T { fn b(); }\n");
        let found: Vec<_> = file
            .functions()
            .into_iter()
            .map(|f| (f.name, f.lines))
            .collect();
        assert_eq!(found, [("a", 1..=5)]);
    }

    #[test]
    fn tests_are_found_with_their_attributes_and_by_their_place() {
        let file = file("fn a() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests {\n}\nfn b() {}\n");
        let lines: Vec<_> = (1..=6).filter(|line| file.is_test(*line)).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert!(File::new("crates/a/tests/b.rs".into(), String::new()).is_test_file);
        let parent = File::new(
            "a/src/lib.rs".into(),
            "#[cfg(test)]\nmod x;\nmod y;\n".into(),
        );
        assert_eq!(parent.test_modules(), ["a/src/x"]);
        let child = File::new("a/src/x/y.rs".into(), String::new());
        assert!(child.is_module("a/src/x") && !child.is_module("a/s"));
    }

    #[test]
    fn tables_are_constants_with_lists() {
        let lists = "const A: &[u8] = &[\n 1,\n 2,\n];\nconst B: [u8; 2] = [\n1, 2];\n";
        let others = "const C: u8 = {\n 3\n};\nconst fn d() -> u8 {\n 4\n}\n";
        assert_eq!(file(lists).table_lines_count(), 6);
        assert_eq!(file(others).table_lines_count(), 0);
    }
}
