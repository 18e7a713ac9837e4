//! A bar for what takes long: on standard error, if that is a terminal, and never otherwise.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use crate::options::Options;

/// Nothing is drawn before this has passed: what is short needs no bar.
const PATIENCE: Duration = Duration::from_millis(300);
/// And not more often than this.
const BETWEEN: Duration = Duration::from_millis(100);
const WIDTH: u64 = 24;

/// Where bars may be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Bars {
    /// While a file is sent.
    pub up: bool,
    /// While a body is received: not if that goes to a terminal, where one would be in the other's way.
    pub down: bool,
}

impl Bars {
    pub const NONE: Self = Self { up: false, down: false };

    pub fn new(options: &Options<'_>) -> Self {
        let up = io::stderr().is_terminal() && !options.silent;
        Self { up, down: up && (options.output.is_some() || !io::stdout().is_terminal()) }
    }
}

/// How far something has come.
#[derive(Debug)]
pub struct Progress {
    is_shown: bool,
    total: Option<u64>,
    done: u64,
    /// When the first bytes came.
    since: Option<Instant>,
    drawn: Option<Instant>,
}

impl Progress {
    pub fn new(is_shown: bool, total: Option<u64>) -> Self {
        Self { is_shown, total, done: 0, since: None, drawn: None }
    }

    /// So many bytes more.
    pub fn advance(&mut self, count: usize) {
        self.done += count as u64;
        let time = self.since.get_or_insert_with(Instant::now).elapsed();
        if self.is_shown && time >= PATIENCE && self.drawn.is_none_or(|at| at.elapsed() >= BETWEEN) {
            self.drawn = Some(Instant::now());
            draw(&line(self.done, self.total, time));
        }
    }

    /// From the beginning again.
    pub fn restart(&mut self) {
        (self.done, self.since) = (0, None);
    }

    /// Takes the bar away.
    pub fn end(&mut self) {
        if self.drawn.take().is_some() {
            draw("");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// Writes over the line that is there.
fn draw(text: &str) {
    let _ = write!(io::stderr(), "\r{text}\x1b[K");
}

/// What is drawn: `[######      ]  25 %  1.0 of 4.0 MB  512 kB/s  6 s left`.
fn line(done: u64, total: Option<u64>, time: Duration) -> String {
    let rate = done as f64 / time.as_secs_f64().max(0.001);
    let speed = format!("{}/s", size(rate as u64));
    match total {
        Some(total) if total > 0 => {
            let done = done.min(total);
            let filled = (done * WIDTH / total) as usize;
            let bar = format!("{}{}", "#".repeat(filled), " ".repeat(WIDTH as usize - filled));
            let left = (total - done) as f64 / rate.max(1.0);
            format!("[{bar}] {:3} %  {} of {}  {speed}  {left:.0} s left", done * 100 / total, size(done), size(total))
        }
        _ => format!("{}  {speed}", size(done)),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_part_size_speed_and_time_left() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line(1_000_000, Some(4_000_000), second),
            "[######                  ]  25 %  1.0 MB of 4.0 MB  1.0 MB/s  3 s left"
        );
        assert_eq!(line(999, None, second), "999 B  999 B/s");
        assert_eq!(line(5, Some(5), second), "[########################] 100 %  5 B of 5 B  5 B/s  0 s left");
        // A file that has grown, and one that is empty.
        assert!(line(9, Some(5), second).contains("100 %"));
        assert_eq!(line(0, Some(0), Duration::ZERO), "0 B  0 B/s");
    }
}
