//! The table as Markdown.

use super::figures::{Figures, Spread};
use super::plan::{Goal, Subject};
use crate::proc;
use crate::report::LoadReport;

const HEAD: &str = "\
| scenario | subject | figure (least–most) | × floor | target | deliveries/s | sends/s | per read | ack p50 / p99 ms | received p50 / p99 ms | clean |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

/// All rows; `repeats` is how often each subject was run.
pub(super) fn markdown(all: &[Figures], repeats: usize) -> String {
    let mut out = format!("{}; medians of {repeats} runs.\n\n{HEAD}", proc::machine());
    for figures in all {
        for subject in 0..figures.subjects.len() {
            out.push_str(&line(figures, subject));
        }
    }
    out
}

fn line(figures: &Figures, subject: usize) -> String {
    let name = if subject == 0 { figures.row.name } else { "" };
    let load = |of| figures.load(subject, of);
    let cells = [
        name.to_owned(),
        figures.subjects[subject].to_string(),
        figures.figure(subject).map_or_else(dash, |spread| figure(spread, figures.row.goal)),
        figures.times_floor(subject).map_or_else(dash, |ratio| format!("{ratio:.2}")),
        target(figures, subject),
        load(|load| load.deliveries_per_s).map_or_else(dash, |rate| format!("{rate:.0}")),
        load(|load| load.acked_per_s).map_or_else(dash, |rate| format!("{rate:.0}")),
        load(|load| load.deliveries_per_read).map_or_else(dash, |per| format!("{per:.1}")),
        pair(load(|load: &LoadReport| load.ack.p50_ms), load(|load| load.ack.p99_ms)),
        pair(load(|load: &LoadReport| load.receive.p50_ms), load(|load| load.receive.p99_ms)),
        clean(figures, subject),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn dash() -> String {
    "–".to_owned()
}

fn figure(spread: Spread, goal: Goal) -> String {
    let Spread { median, least, most } = spread;
    match goal {
        Goal::CpuTimesFloor(_) => format!("{median:.3} µs CPU ({least:.3}–{most:.3})"),
        Goal::BytesPerSession(_) => format!("{median:.0} B RSS ({least:.0}–{most:.0})"),
    }
}

/// The target in the first server's line; the others' verdict alone.
fn target(figures: &Figures, subject: usize) -> String {
    let Some(met) = figures.is_met(subject) else { return dash() };
    let is_server = |subject: &Subject| matches!(subject, Subject::Server(_));
    let most = match figures.row.goal {
        Goal::CpuTimesFloor(most) => format!("≤ {most} ×"),
        Goal::BytesPerSession(most) => format!("≤ {most:.0} B"),
    };
    let is_first = figures.subjects.iter().position(is_server) == Some(subject);
    match (is_first, met) {
        (true, true) => format!("{most}: met"),
        (true, false) => format!("{most}: **missed**"),
        (false, true) => "(met)".to_owned(),
        (false, false) => "(missed)".to_owned(),
    }
}

/// A run that failed is in no median, and not to be overlooked.
fn clean(figures: &Figures, subject: usize) -> String {
    match (figures.failed(subject), figures.is_clean(subject)) {
        (0, true) => "yes".to_owned(),
        (0, false) => "**NO**".to_owned(),
        (failed, _) => format!("**{failed} runs FAILED**"),
    }
}

fn pair(a: Option<f64>, b: Option<f64>) -> String {
    match (a, b) {
        (Some(a), Some(b)) => format!("{a:.2} / {b:.2}"),
        _ => dash(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::{rows, subjects};
    use crate::engine::Tally;
    use crate::report::{Outcome, Report};

    fn report(cpu: f64) -> Report {
        let tally = Tally::default();
        let none = (&tally.ack_ns).into();
        let scenario = rows(true).remove(0).scenario;
        let load = LoadReport {
            seconds: 1.0,
            deliveries: 1000,
            deliveries_per_s: 1000.0,
            acked: 1,
            acked_per_s: 1.0,
            failed: 0,
            held_back: 0,
            server_cpu_us_per_delivery: cpu,
            server_busy: 0.5,
            generator_busy: 0.5,
            deliveries_per_read: 1.0,
            bytes_per_delivery: 500.0,
            ack: none,
            receive: none,
            receive_last: none,
        };
        Report { scenario, outcome: Outcome::Load(load), breaches: tally.breaches }
    }

    #[test]
    fn a_target_is_met_or_missed_by_the_medians_ratio() {
        for (cpu, verdict, good) in [(7.0, "≤ 1.5 ×: met", true), (8.0, "**missed**", false)] {
            let row = rows(false).remove(0);
            let subjects = subjects(&row, &["lean".to_owned()]);
            let mut figures = Figures::new(row, subjects);
            figures.add(0, report(5.0));
            figures.add(1, report(cpu));
            let table = markdown(std::slice::from_ref(&figures), 1);
            assert!(table.contains(verdict), "{table}");
            assert_eq!(figures.is_good(), good);
        }
    }

    #[test]
    fn a_failed_run_is_never_good() {
        let row = rows(false).remove(0);
        let subjects = subjects(&row, &[]);
        let mut figures = Figures::new(row, subjects);
        figures.add_failed(0);
        assert!(!figures.is_good());
        assert!(markdown(&[figures], 1).contains("FAILED"));
    }
}
