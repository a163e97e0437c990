//! A violation drawn: what history has around the place, what authors were told of the message, and below it, line by line
//! in the order in which it came, what readers saw there. As SVG, for whoever opens it in a browser.

use std::fmt::Write;

use crate::history::{Answer, Attempt, Event, History, Live};
use crate::intern::Symbol;
use crate::verdict::{About, Violation};

/// Places that are shown on each side.
const AROUND: u64 = 4;
/// Lines of one reader, and of the message's sends, at most.
const LINES_MAX: usize = 16;
/// Readers that are shown where the violation is nobody's own.
const READERS_MAX: usize = 3;
const COLUMN: u64 = 120;
const LINE: u64 = 22;
const MARGIN: u64 = 170;
const WIDTH: u64 = MARGIN + (2 * AROUND + 1) * COLUMN;

/// Draws `violation`, which a check of `history` has found.
pub fn draw(history: &History, violation: &Violation) -> String {
    let about = violation.about;
    let mut drawing =
        Drawing { history, about, first: first_place(history, about), y: 0, body: String::new() };
    drawing.head(violation);
    drawing.sends();
    drawing.log();
    for reader in drawing.readers() {
        drawing.reader(reader);
    }
    let height = drawing.y + LINE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>{}</svg>\n",
        drawing.body
    )
}

/// The first place that is shown: the violation's own stands in the middle.
fn first_place(history: &History, about: About) -> u64 {
    let log = history.logs.iter().find(|log| log.room == about.room);
    let of_message = |event: &&Event| {
        event.message.is_some_and(|it| Some((it.author, it.client_id)) == about.message)
    };
    let found = || Some(log?.events.iter().find(of_message)?.offset);
    let middle = about.offset.or_else(found).or(log.map(|log| log.head)).unwrap_or(1);
    middle.saturating_sub(AROUND).max(1)
}

struct Drawing<'h> {
    history: &'h History,
    about: About,
    first: u64,
    y: u64,
    body: String,
}

impl Drawing<'_> {
    fn name(&self, symbol: Symbol) -> &str {
        self.history.names.name(symbol)
    }

    /// A text at a place of the current line.
    fn text(&mut self, x: u64, text: &str, colour: &str) {
        let text = escape(text);
        let y = self.y;
        // Nothing can go wrong while writing to a string.
        let _ = write!(self.body, "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{text}</text>");
    }

    fn head(&mut self, violation: &Violation) {
        self.y += LINE;
        self.text(
            10,
            &format!("{:?} in {}", violation.property, self.name(self.about.room)),
            "#b00020",
        );
        self.y += LINE;
        self.text(10, &violation.story, "black");
        self.y += LINE;
    }

    /// What the author was told, if it is about one message.
    fn sends(&mut self) {
        let Some(message) = self.about.message else { return };
        let is_of =
            |it: &&Attempt| it.room == self.about.room && (it.author, it.client_id) == message;
        let told: Vec<String> =
            self.history.attempts.iter().filter(is_of).map(|it| self.answer(it)).collect();
        for (n, told) in told.iter().take(LINES_MAX).enumerate() {
            self.y += LINE;
            self.text(10, &format!("send {}", n + 1), "#555");
            self.text(MARGIN, told, "black");
        }
    }

    fn answer(&self, attempt: &Attempt) -> String {
        let text = format!("text {:x}", attempt.text_hash & 0xffff);
        match attempt.answer {
            Answer::Acked { id, durability } => {
                format!("{text}: acked as {} ({})", self.name(id), self.name(durability))
            }
            Answer::Refused => format!("{text}: refused"),
            Answer::Unavailable => format!("{text}: unavailable"),
            Answer::Unanswered => format!("{text}: no answer"),
        }
    }

    /// Where a place is drawn; `None` for one that isn't shown.
    fn column(&self, offset: u64) -> Option<u64> {
        let n = offset.checked_sub(self.first).filter(|n| *n <= 2 * AROUND)?;
        Some(MARGIN + n * COLUMN)
    }

    fn log(&mut self) {
        self.y += 2 * LINE;
        self.text(10, "place", "#555");
        for offset in self.first..=self.first + 2 * AROUND {
            let colour = if self.about.offset == Some(offset) { "#b00020" } else { "#555" };
            if let Some(x) = self.column(offset) {
                self.text(x, &offset.to_string(), colour);
            }
        }
        self.y += LINE;
        self.text(10, "history", "#555");
        let Some(log) = self.history.logs.iter().find(|log| log.room == self.about.room) else {
            return;
        };
        for event in &log.events {
            self.event(event, "black");
        }
    }

    fn event(&mut self, event: &Event, colour: &str) {
        let Some(x) = self.column(event.offset) else { return };
        let id = event.id.map_or("void", |id| self.name(id));
        // The end of an id tells more than its beginning, which is often a time.
        let end: String = id.chars().skip(id.chars().count().saturating_sub(12)).collect();
        self.text(x, &end, colour);
    }

    fn readers(&self) -> Vec<Symbol> {
        if let Some(reader) = self.about.reader {
            return vec![reader];
        }
        let mut readers = Vec::new();
        for live in &self.history.live {
            let Live::Received { reader, room, event } = live else { continue };
            let is_new = readers.len() < READERS_MAX && !readers.contains(reader);
            if *room == self.about.room && is_new && self.column(event.offset).is_some() {
                readers.push(*reader);
            }
        }
        readers
    }

    /// What one reader was told around the place: the last lines of it, one below the other.
    fn reader(&mut self, reader: Symbol) {
        let is_near =
            |live: &&Live| of(live) == Some((reader, self.about.room)) && self.is_shown(live);
        let near: Vec<Live> = self.history.live.iter().filter(is_near).copied().collect();
        self.y += LINE;
        for live in &near[near.len().saturating_sub(LINES_MAX)..] {
            self.y += LINE;
            let name = self.name(reader).to_owned();
            self.text(10, &name, "#555");
            self.saw(live);
        }
    }

    fn is_shown(&self, live: &Live) -> bool {
        let place = match live {
            Live::Subscribed { subscription, .. } => subscription.at.offset + 1,
            Live::Received { event, .. } => event.offset,
            Live::Revoked { at, .. } => *at,
            Live::Counted { counted, .. } => counted.mark,
            Live::Settled { .. } => return false,
        };
        self.column(place).is_some()
    }

    fn saw(&mut self, live: &Live) {
        match live {
            Live::Subscribed { subscription, .. } => {
                let how = match subscription.resume {
                    None => "subscribed",
                    Some(resume) if resume.recovered => "recovered",
                    Some(_) => "began anew",
                };
                let at = subscription.at.offset;
                let x = self.column(at).or(self.column(at + 1)).unwrap_or(MARGIN);
                self.text(x, &format!("{how} from {at}"), "#0b57d0");
            }
            Live::Received { event, .. } => {
                let log = self.history.logs.iter().find(|log| log.room == self.about.room);
                let kept =
                    log.and_then(|log| log.events.iter().find(|it| it.offset == event.offset));
                let is_wrong = kept != Some(event) || self.about.offset == Some(event.offset);
                self.event(event, if is_wrong { "#b00020" } else { "black" });
            }
            Live::Revoked { at, .. } => {
                let x = self.column(*at).unwrap_or(MARGIN);
                self.text(x, "removed", "#0b57d0");
            }
            Live::Counted { counted, .. } => {
                let x = self.column(counted.mark).unwrap_or(MARGIN);
                let told = format!("{} unread up to {}", counted.unread, counted.head);
                self.text(x, &told, "#0b57d0");
            }
            Live::Settled { .. } => {}
        }
    }
}

fn of(live: &Live) -> Option<(Symbol, Symbol)> {
    match *live {
        Live::Subscribed { reader, room, .. }
        | Live::Received { reader, room, .. }
        | Live::Revoked { reader, room, .. }
        | Live::Counted { reader, room, .. } => Some((reader, room)),
        Live::Settled { .. } => None,
    }
}

/// Text as XML has it; what XML can't have is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}
