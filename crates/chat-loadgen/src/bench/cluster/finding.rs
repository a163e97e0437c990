//! A figure beside its floor, and the table of them.

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    /// At least this part of the floor, or at least so much by itself.
    PartOrAtLeast(f64, f64),
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
    /// At most so many times the floor.
    TimesAtMost(f64),
    /// Above the floor by no more than this.
    MoreByAtMost(f64),
    /// Only told.
    Nothing,
}

/// One figure of a scenario, as often as it was run, and the floor's.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) own: Vec<f64>,
    pub(super) floor: Vec<f64>,
    pub(super) goal: Goal,
    /// What else is worth knowing.
    pub(super) beside: String,
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

impl Finding {
    pub(super) const fn new(what: &'static str, unit: &'static str, goal: Goal) -> Self {
        Self { what, unit, own: Vec::new(), floor: Vec::new(), goal, beside: String::new() }
    }

    /// Another run of both.
    pub(super) fn add(&mut self, own: f64, floor: f64) {
        self.own.push(own);
        self.floor.push(floor);
    }

    /// Of each run, since what disturbs one disturbs its floor: the median of their ratios.
    fn ratio(&self) -> f64 {
        let ratios = self.own.iter().zip(&self.floor).map(|(own, floor)| own / floor);
        median(&ratios.collect::<Vec<_>>())
    }

    fn more(&self) -> f64 {
        let more = self.own.iter().zip(&self.floor).map(|(own, floor)| own - floor);
        median(&more.collect::<Vec<_>>())
    }

    pub(super) fn is_met(&self) -> bool {
        match self.goal {
            Goal::PartOrAtLeast(part, least) => self.ratio() >= part || median(&self.own) >= least,
            Goal::AtLeast(least) => median(&self.own) >= least,
            Goal::AtMost(most) => median(&self.own) <= most,
            Goal::TimesAtMost(most) => self.ratio() <= most,
            Goal::MoreByAtMost(most) => self.more() <= most,
            Goal::Nothing => true,
        }
    }

    fn goal(&self) -> String {
        let verdict = if self.is_met() { "met" } else { "**missed**" };
        match self.goal {
            Goal::PartOrAtLeast(part, least) => {
                format!("≥ {part} × or ≥ {least:.0}: {verdict}")
            }
            Goal::AtLeast(least) => format!("≥ {least:.0}: {verdict}"),
            Goal::AtMost(most) => format!("≤ {most:.0}: {verdict}"),
            Goal::TimesAtMost(most) => format!("≤ {most} ×: {verdict}"),
            Goal::MoreByAtMost(most) => format!("≤ {most} above: {verdict} ({:+.2})", self.more()),
            Goal::Nothing => "–".to_owned(),
        }
    }
}

fn spread(values: &[f64]) -> String {
    let digits = if values.iter().any(|it| *it < 100.0) { 2 } else { 0 };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match values {
        [] => "–".to_owned(),
        [one] => format!("{one:.digits$}"),
        _ => format!("{:.digits$} ({least:.digits$}–{most:.digits$})", median(values)),
    }
}

/// Markdown.
pub(super) fn table(findings: &[Finding]) -> String {
    let mut out = "| what | figure (least–most) | floor | × floor | target | beside |\n\
                   | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for finding in findings {
        let Finding { what, unit, own, floor, beside, .. } = finding;
        let ratio =
            if floor.is_empty() { "–".to_owned() } else { format!("{:.2}", finding.ratio()) };
        let (own, floor, goal) = (spread(own), spread(floor), finding.goal());
        out.push_str(&format!(
            "| {what}, {unit} | {own} | {floor} | {ratio} | {goal} | {beside} |\n"
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_judged_run_by_run() {
        let mut finding = Finding::new("x", "a second", Goal::PartOrAtLeast(0.6, 1000.0));
        for (own, floor) in [(60.0, 100.0), (7.0, 10.0), (1.0, 10.0)] {
            finding.add(own, floor);
        }
        assert!(finding.is_met());
        finding.add(1.0, 10.0);
        finding.add(1.0, 10.0);
        assert!(!finding.is_met(), "{}", table(&[finding]));
    }

    #[test]
    fn a_cost_may_be_so_many_times_the_floor() {
        let mut finding = Finding::new("x", "µs", Goal::TimesAtMost(1.5));
        finding.add(3.0, 2.0);
        assert!(finding.is_met());
        finding.add(4.0, 2.0);
        assert!(!finding.is_met());
    }

    #[test]
    fn what_is_above_the_floor_is_told() {
        let mut finding = Finding::new("x", "ms", Goal::MoreByAtMost(1.5));
        finding.add(3.0, 2.0);
        assert!(finding.is_met());
        assert!(table(&[finding]).contains("met (+1.00)"));
    }
}
