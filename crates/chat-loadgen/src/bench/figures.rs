//! What the runs of one row found: medians, spreads, ratios, and whether the target is met.

use super::plan::{Goal, Row, Subject};
use crate::report::{LoadReport, Outcome, Report};

pub(super) struct Figures {
    pub(super) row: Row,
    pub(super) subjects: Vec<Subject>,
    /// Of each subject, in the order of its runs.
    reports: Vec<Vec<Report>>,
    /// Of each subject, runs that came to no report.
    failed: Vec<usize>,
}

/// The median of some runs, and the least and the most of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// `None` if there is nothing.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self { median: f64::midpoint(low, high), least, most })
    }
}

impl Figures {
    pub(super) fn new(row: Row, subjects: Vec<Subject>) -> Self {
        let reports = subjects.iter().map(|_| Vec::new()).collect();
        let failed = vec![0; subjects.len()];
        Self { row, subjects, reports, failed }
    }

    pub(super) fn add(&mut self, subject: usize, report: Report) {
        self.reports[subject].push(report);
    }

    pub(super) fn add_failed(&mut self, subject: usize) {
        self.failed[subject] += 1;
    }

    /// How many runs of this subject came to no report.
    pub(super) fn failed(&self, subject: usize) -> usize {
        self.failed[subject]
    }

    /// The figure that the goal is about.
    pub(super) fn figure(&self, subject: usize) -> Option<Spread> {
        Spread::of(self.reports[subject].iter().map(|report| match &report.outcome {
            Outcome::Load(load) => load.server_cpu_us_per_delivery,
            Outcome::Idle(idle) => idle.bytes_per_session,
        }))
    }

    /// Any other figure of a load.
    pub(super) fn load(&self, subject: usize, of: fn(&LoadReport) -> f64) -> Option<f64> {
        let loads = self.reports[subject].iter().filter_map(|report| match &report.outcome {
            Outcome::Load(load) => Some(of(load)),
            Outcome::Idle(_) => None,
        });
        Spread::of(loads).map(|spread| spread.median)
    }

    /// The medians' ratio to that of the first floor.
    pub(super) fn times_floor(&self, subject: usize) -> Option<f64> {
        matches!(self.subjects.first()?, Subject::Floor(_)).then_some(())?;
        Some(self.figure(subject)?.median / self.figure(0)?.median)
    }

    /// Whether the target is met by this subject; floors have none.
    pub(super) fn is_met(&self, subject: usize) -> Option<bool> {
        matches!(self.subjects[subject], Subject::Server(_)).then_some(())?;
        Some(match self.row.goal {
            Goal::CpuTimesFloor(most) => self.times_floor(subject)? <= most,
            Goal::BytesPerSession(most) => self.figure(subject)?.median <= most,
        })
    }

    pub(super) fn is_clean(&self, subject: usize) -> bool {
        self.reports[subject].iter().all(Report::is_clean)
    }

    /// Everything ran, nothing broke a promise, and the first shell meets the target.
    pub(super) fn is_good(&self) -> bool {
        let is_server = |subject: &Subject| matches!(subject, Subject::Server(_));
        let first = self.subjects.iter().position(is_server);
        self.failed.iter().all(|failed| *failed == 0)
            && (0..self.subjects.len()).all(|subject| self.is_clean(subject))
            && first.is_none_or(|subject| self.is_met(subject) == Some(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.5, least: 1.0, most: 4.0 });
        assert_eq!(Spread::of([7.0]).unwrap().median, 7.0);
        assert_eq!(Spread::of([]), None);
    }
}
