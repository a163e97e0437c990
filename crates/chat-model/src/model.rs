//! The model, for the checker.

use chat_protocol::ErrorCode;
use stateright::Property;

use crate::action::Action;
use crate::bounds::Bounds;
use crate::properties;
use crate::receiver::Names;
use crate::record::Eighths;
use crate::state::State;
use crate::variant::Variant;

/// One variant within bounds.
#[derive(Clone, Debug)]
pub struct Model {
    pub bounds: Bounds,
    pub variant: Variant,
    pub names: Names,
}

impl Model {
    /// A model of `variant`.
    ///
    /// # Errors
    /// Never; see [`Names::new`].
    pub fn new(variant: Variant, bounds: Bounds) -> Result<Self, ErrorCode> {
        Ok(Self { bounds, variant, names: Names::new()? })
    }

    /// What time it is.
    pub fn moment(&self, state: &State) -> Eighths {
        self.bounds.moments.get(state.now).copied().unwrap_or_default()
    }
}

impl stateright::Model for Model {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(&self.bounds)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.progress(state, actions);
        self.faults(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.after(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
