//! Exploring a model, and what came of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model as _, Path};

use crate::action::Action;
use crate::model::Model;
use crate::properties;
use crate::state::State;
use crate::story;

/// What came of exploring every state within the bounds; or, if a property was broken, up to there.
#[derive(Debug)]
pub struct Explored {
    /// States that were come to, each as often as a step led there.
    pub states: usize,
    /// Different ones.
    pub unique: usize,
    /// Steps of the longest way to a state.
    pub depth: usize,
    pub took: Duration,
    /// Properties that don't hold, each with the story of a state where it doesn't.
    pub broken: Vec<(&'static str, Vec<String>)>,
    /// What was seen to happen.
    pub seen: BTreeSet<&'static str>,
}

/// Explores a model with so many threads.
pub fn explore(model: Model, threads: usize) -> Explored {
    let begun = Instant::now();
    let any_broken = HasDiscoveries::AnyOf(BTreeSet::from(properties::HOLD));
    let checker = model.checker().threads(threads).finish_when(any_broken).spawn_bfs().join();
    let mut explored = Explored {
        states: checker.state_count(),
        unique: checker.unique_state_count(),
        depth: checker.max_depth().saturating_sub(1),
        took: begun.elapsed(),
        broken: Vec::new(),
        seen: BTreeSet::new(),
    };
    for (property, path) in checker.discoveries() {
        if properties::HOLD.contains(&property) {
            explored.broken.push((property, story::tell(checker.model(), path)));
        } else {
            explored.seen.insert(property);
        }
    }
    explored
}

/// The story of a state that breaks `property` in as few steps as possible; `None` if there is no such state.
pub fn shortest(model: &Model, property: &'static str) -> Option<Vec<String>> {
    let mut shortest = breaking(model, property, None)?;
    // The checker keeps the last way that it finds before it stops, so it is asked for a shorter one until there is none.
    while let Some(shorter) = breaking(model, property, Some(&shortest)) {
        shortest = shorter;
    }
    Some(story::tell(model, shortest))
}

type Way = Path<State, Action>;

fn breaking(model: &Model, property: &'static str, shorter_than: Option<&Way>) -> Option<Way> {
    let found = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let mut checker = model.clone().checker().finish_when(found);
    if let Some(way) = shorter_than {
        checker = checker.target_max_depth(way.clone().into_states().len());
    }
    checker.spawn_bfs().join().discovery(property)
}
