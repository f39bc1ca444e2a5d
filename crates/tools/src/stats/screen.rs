//! The full screen: a header, tabs, rates as a line of bars, lists, a line of keys.
//!
//! It is drawn for 80 × 24 and takes what there is. Colours are those 16 that every terminal has;
//! with `NO_COLOR` there are none, and what is chosen is shown inverted.
//!
//! Not here: what is in the lists (`stats`).
//! Bound: [`HISTORY_MAX`] rates.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Result;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Sparkline, Table, Tabs};
use ratatui::{DefaultTerminal, Frame};
use report::table::Align;
use report::text::grouped;

use super::{Look, View};
use crate::ask::{Connect, number};
use crate::status::error_percent;

/// Rates that are kept for the line of bars.
pub(super) const HISTORY_MAX: usize = 600;

const HELP: &str = "\
tab, arrows, 0-6   another list
s, S               sort by the next, the former column
r                  turn the order round
/                  show only rows with a text; Esc ends that
p, space           stop and go on
?, h               this
q, Ctrl-C          end";

/// Runs until somebody ends it.
///
/// # Errors
/// There is no daemon at the start, or no terminal.
pub(super) fn run(connect: &Connect, interval: Duration) -> Result<()> {
    let look = Look::take(connect, None)?;
    let mut screen = Screen::new(look);
    let mut terminal = ratatui::try_init()?;
    let outcome = screen.run(&mut terminal, connect, interval);
    ratatui::restore();
    outcome
}

/// What is shown and how.
#[derive(Debug)]
struct Screen {
    look: Look,
    history: VecDeque<u64>,
    /// 0 is the overview, then [`View::ALL`].
    tab: usize,
    /// `None`: as the daemon sorts it.
    sorted_by: Option<usize>,
    is_turned: bool,
    filter: String,
    is_typing: bool,
    is_paused: bool,
    shows_help: bool,
    fault: Option<String>,
    is_coloured: bool,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

impl Screen {
    fn new(look: Look) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            look,
            history: VecDeque::new(),
            tab: 0,
            sorted_by: None,
            is_turned: false,
            filter: String::new(),
            is_typing: false,
            is_paused: false,
            shows_help: false,
            fault: None,
            is_coloured: !no_colour,
        }
    }

    fn run(
        &mut self,
        terminal: &mut DefaultTerminal,
        connect: &Connect,
        interval: Duration,
    ) -> Result<()> {
        let mut looked_at = Instant::now();
        loop {
            terminal.draw(|frame| self.draw(frame))?;
            let left = interval.saturating_sub(looked_at.elapsed());
            if event::poll(left)? {
                if let Event::Key(key) = event::read()?
                    && key.kind != KeyEventKind::Release
                    && self.key(key) == Next::End
                {
                    return Ok(());
                }
                continue;
            }
            looked_at = Instant::now();
            if self.is_paused {
                continue;
            }
            match Look::take(connect, Some(&self.look)) {
                Ok(look) => self.take(look),
                Err(fault) => self.fault = Some(format!("{fault:#}")),
            }
        }
    }

    fn take(&mut self, look: Look) {
        self.fault = None;
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(look.packet_rate());
        self.look = look;
    }

    fn key(&mut self, key: KeyEvent) -> Next {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return Next::End;
        }
        if self.is_typing {
            match key.code {
                KeyCode::Enter => self.is_typing = false,
                KeyCode::Esc => {
                    self.is_typing = false;
                    self.filter.clear();
                }
                KeyCode::Backspace => drop(self.filter.pop()),
                KeyCode::Char(sign) if self.filter.len() < 64 => self.filter.push(sign),
                _ => {}
            }
            return Next::GoOn;
        }
        let tabs = View::ALL.len() + 1;
        match key.code {
            KeyCode::Char('q') => return Next::End,
            KeyCode::Tab | KeyCode::Right => self.turn_to((self.tab + 1) % tabs),
            KeyCode::BackTab | KeyCode::Left => self.turn_to((self.tab + tabs - 1) % tabs),
            KeyCode::Char(digit @ '0'..='6') => {
                self.turn_to(digit.to_digit(10).map_or(0, |digit| digit as usize));
            }
            KeyCode::Char('s') => self.sorted_by = Some(self.sorted_by.map_or(0, |by| by + 1)),
            KeyCode::Char('S') => self.sorted_by = self.sorted_by.and_then(|by| by.checked_sub(1)),
            KeyCode::Char('r') => self.is_turned = !self.is_turned,
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('?' | 'h') => self.shows_help = !self.shows_help,
            KeyCode::Esc => {
                self.shows_help = false;
                self.filter.clear();
            }
            _ => {}
        }
        Next::GoOn
    }

    fn turn_to(&mut self, tab: usize) {
        self.tab = tab;
        self.sorted_by = None;
        self.is_turned = false;
    }

    fn tint(&self, colour: Color) -> Style {
        if self.is_coloured {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let lines = [1, 1, 0, 1].map(|height| match height {
            0 => Constraint::Min(0),
            height => Constraint::Length(height),
        });
        let [header, tabs, body, keys] = Layout::vertical(lines).areas(frame.area());
        frame.render_widget(self.header(), header);
        frame.render_widget(self.tabs(), tabs);
        match self.tab.checked_sub(1).and_then(|tab| View::ALL.get(tab)) {
            None => self.overview(frame, body),
            Some(view) => self.list(frame, body, *view),
        }
        frame.render_widget(Paragraph::new(self.keys()), keys);
        if self.shows_help {
            let area = middle(frame.area(), 56, 9);
            frame.render_widget(Clear, area);
            let help = Paragraph::new(HELP).block(Block::bordered().title(" keys "));
            frame.render_widget(help, area);
        }
    }

    fn header(&self) -> Paragraph<'_> {
        let stats = &self.look.stats;
        let alerts = self.look.alerts();
        let (state, colour) = match (&self.fault, &alerts[..]) {
            (Some(fault), _) => (fault.clone(), Color::Red),
            (None, []) => ("ok".to_owned(), Color::Green),
            (None, alerts) => (alerts.join("; "), Color::Red),
        };
        let paused = if self.is_paused { " PAUSED " } else { "" };
        Paragraph::new(Line::from(vec![
            Span::styled("IPFIX AS Enricher ", Modifier::BOLD),
            Span::raw(format!("up {} s  ", grouped(number(stats, &["uptime_s"])))),
            Span::styled(paused, Modifier::REVERSED),
            Span::styled(state, self.tint(colour)),
        ]))
    }

    fn tabs(&self) -> Tabs<'_> {
        let names = ["Overview"].into_iter().chain(View::ALL.map(View::name));
        // At 80 columns there is room for one word each.
        let names = names.enumerate().map(|(key, name)| {
            let word = name.split(' ').next().unwrap_or(name);
            format!("{key} {word}")
        });
        Tabs::new(names)
            .select(self.tab)
            .highlight_style(Modifier::REVERSED)
            .divider(" ")
    }

    fn keys(&self) -> String {
        if self.is_typing {
            return format!("/{}_", self.filter);
        }
        let filter = match self.filter.as_str() {
            "" => String::new(),
            filter => format!("   only: {filter}"),
        };
        format!("q end  tab next  s sort  r turn  / filter  p pause  ? help{filter}")
    }

    fn overview(&self, frame: &mut Frame<'_>, area: Rect) {
        let heights = [
            Constraint::Length(5),
            Constraint::Length(5),
            Constraint::Min(0),
        ];
        let [rates, counts, tops] = Layout::vertical(heights).areas(area);
        self.rates(frame, rates);
        frame.render_widget(self.counts(), counts);
        let halves = [Constraint::Fill(1), Constraint::Fill(1)];
        let [left, right] = Layout::horizontal(halves).areas(tops);
        self.bars(frame, left, View::Sources, "source");
        self.bars(frame, right, View::Destinations, "destination");
    }

    fn rates(&self, frame: &mut Frame<'_>, area: Rect) {
        let stats = &self.look.stats;
        let rate = |name: &str, window: &str| grouped(number(stats, &[name, window]));
        let title = format!(
            " datagrams/s: {}  10 s: {}  60 s: {}  records/s: {} ",
            rate("datagrams_in_per_s", "1s"),
            rate("datagrams_in_per_s", "10s"),
            rate("datagrams_in_per_s", "60s"),
            rate("records_per_s", "1s"),
        );
        let width = usize::from(area.width.saturating_sub(2));
        let skipped = self.history.len().saturating_sub(width);
        let data: Vec<u64> = self.history.iter().skip(skipped).copied().collect();
        let line = Sparkline::default()
            .data(&data)
            .style(self.tint(Color::Cyan))
            .block(Block::bordered().title(title));
        frame.render_widget(line, area);
    }

    fn counts(&self) -> Paragraph<'_> {
        let stats = &self.look.stats;
        let of = |name: &str| grouped(number(stats, &[name]));
        let version = |name: &str| grouped(number(stats, &["messages_by_version", name]));
        let lines = [
            format!(
                "filled {}  appended {}  kept {}  raw Sets {}  dropped {}  held {}",
                of("as_filled"),
                of("as_appended"),
                of("as_kept"),
                grouped(self.look.unknown_raw()),
                grouped(self.look.dropped()),
                of("messages_held"),
            ),
            format!(
                "v5 {}  v9 {}  IPFIX {}  unknown {}  errors {:.2} %  AS {}",
                version("v5"),
                version("v9"),
                version("ipfix"),
                version("unknown"),
                error_percent(stats),
                of("as_unique"),
            ),
            format!(
                "exporters {}  collectors {}  CPU {:.0} %  memory {} MiB  of exporters {} KiB",
                super::list(&self.look.exporters).len(),
                super::list(&self.look.collectors).len(),
                self.look.cpu_percent,
                number(stats, &["process_resident_bytes"]) >> 20,
                grouped(number(stats, &["mediator_bytes"]) >> 10),
            ),
        ];
        let lines: Vec<Line<'_>> = lines.map(Line::from).into();
        Paragraph::new(lines).block(Block::bordered().title(" since the start "))
    }

    /// The AS numbers with most octets, each with a bar.
    fn bars(&self, frame: &mut Frame<'_>, area: Rect, view: View, side: &str) {
        let top = super::list(&self.look.ases[side]["top"]);
        let most = top.first().map_or(0, |row| number(row, &["octets"]));
        let width = usize::from(area.width.saturating_sub(24)) / 2;
        let rows = top.iter().map(|row| {
            let octets = number(row, &["octets"]);
            let share = octets.saturating_mul(width as u64) / most.max(1);
            let bar = "█".repeat(usize::try_from(share).unwrap_or(0));
            let name = row["name"].as_str().unwrap_or("");
            Row::new(vec![
                Cell::from(number(row, &["as"]).to_string()),
                Cell::from(bar).style(self.tint(Color::Blue)),
                Cell::from(grouped(octets)),
                Cell::from(name.to_owned()),
            ])
        });
        let widths = [
            Constraint::Length(10),
            Constraint::Length(u16::try_from(width / 2).unwrap_or(8)),
            Constraint::Length(13),
            Constraint::Fill(1),
        ];
        let title = format!(" {}, by octets ", view.name());
        let table = Table::new(rows, widths).block(Block::bordered().title(title));
        frame.render_widget(table, area);
    }

    fn list(&self, frame: &mut Frame<'_>, area: Rect, view: View) {
        let (heads, mut rows) = self.look.rows(view);
        self.arrange(&mut rows);
        let widths: Vec<Constraint> = heads
            .iter()
            .enumerate()
            .map(|(column, (head, _))| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                let width = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
                let width = u16::try_from(width.max(head.len())).unwrap_or(u16::MAX);
                Constraint::Max(width)
            })
            .collect();
        let is_chosen = |column: usize| self.sorted_by.is_some_and(|by| by % heads.len() == column);
        let head = heads.iter().enumerate().map(|(column, (head, align))| {
            let style = if is_chosen(column) {
                Style::from(Modifier::REVERSED)
            } else {
                Style::from(Modifier::BOLD)
            };
            Cell::from(aligned(head, *align)).style(style)
        });
        let body = rows.iter().map(|row| {
            let cells = row.iter().zip(&heads);
            Row::new(cells.map(|(cell, (_, align))| Cell::from(aligned(cell, *align))))
        });
        let table = Table::new(body, widths)
            .header(Row::new(head))
            .column_spacing(2)
            .block(Block::bordered().title(format!(" {} ", view.name())));
        frame.render_widget(table, area);
    }

    /// Leaves out what the filter does not want, and sorts.
    fn arrange(&self, rows: &mut Vec<Vec<String>>) {
        let wanted = self.filter.to_lowercase();
        rows.retain(|row| row.join(" ").to_lowercase().contains(&wanted));
        let columns = rows.first().map_or(1, Vec::len).max(1);
        if let Some(by) = self.sorted_by.map(|by| by % columns) {
            let key = |row: &Vec<String>| {
                let cell = row.get(by).cloned().unwrap_or_default();
                let digits: String = cell.chars().filter(|one| *one != ',').collect();
                // Numbers the most first, and before texts.
                let number = digits.parse::<u64>().ok();
                (number.map_or(u64::MAX, |number| u64::MAX - number), cell)
            };
            rows.sort_by_cached_key(key);
        }
        if self.is_turned {
            rows.reverse();
        }
    }
}

fn aligned(cell: &str, align: Align) -> Line<'static> {
    let line = Line::from(cell.to_owned());
    match align {
        Align::Left => line.left_aligned(),
        Align::Right => line.right_aligned(),
    }
}

fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn screen() -> Screen {
        let mut screen = Screen::new(Look {
            stats: json!({
                "uptime_s": 61, "datagrams_in": 1000, "as_filled": 12345, "errors": 10,
                "datagrams_in_per_s": {"1s": 2500, "10s": 2400, "60s": 1200},
                "messages_by_version": {"v9": 900, "ipfix": 100},
            }),
            ases: json!({
                "source": {"top": [
                    {"as": 15169, "name": "Google", "flows": 2, "packets": 4, "octets": 4000},
                    {"as": 13335, "name": "Cloudflare", "flows": 9, "packets": 4, "octets": 1000},
                ]},
                "destination": {"top": []}, "pairs": [],
            }),
            exporters: json!([{"exporter": "192.0.2.1", "name": "mx1.fra", "datagrams": 1000}]),
            collectors: json!([{"collector": "192.0.2.9:2055", "state": "refused"}]),
            ..Look::default()
        });
        screen.is_coloured = false;
        screen
    }

    fn shown(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    fn press(screen: &mut Screen, keys: &str) {
        for key in keys.chars() {
            let code = if key == '\n' {
                KeyCode::Enter
            } else {
                KeyCode::Char(key)
            };
            assert_eq!(screen.key(KeyEvent::from(code)), Next::GoOn);
        }
    }

    #[test]
    fn the_overview_fits_80_by_24_and_uses_more_where_there_is_more() {
        for (width, height) in [(80, 24), (200, 60), (40, 10), (1, 1)] {
            let text = shown(&screen(), width, height);
            if width >= 80 {
                for part in [
                    "2,500", "12,345", "15169", "Google", "q end", "refused", "1 Source",
                ] {
                    assert!(text.contains(part), "{part} at {width}: {text}");
                }
            }
        }
    }

    #[test]
    fn keys_choose_lists_sort_filter_pause_and_end() {
        let mut screen = screen();
        press(&mut screen, "1");
        let order = |screen: &Screen| {
            let text = shown(screen, 80, 24);
            text.find("15169")
                .zip(text.find("13335"))
                .map(|(one, other)| one < other)
        };
        assert_eq!(order(&screen), Some(true));
        press(&mut screen, "ss");
        assert_eq!(order(&screen), Some(false), "by flows");
        press(&mut screen, "r");
        assert_eq!(order(&screen), Some(true));
        press(&mut screen, "/cloud\n");
        assert_eq!(order(&screen), None);
        assert!(shown(&screen, 80, 24).contains("only: cloud"));
        press(&mut screen, "4p?");
        assert!(screen.is_paused);
        let text = shown(&screen, 80, 24);
        assert!(
            text.contains("PAUSED") && text.contains("stop and go on"),
            "{text}"
        );
        assert_eq!(screen.key(KeyEvent::from(KeyCode::Char('q'))), Next::End);
    }
}
