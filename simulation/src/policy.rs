//! By whose rules the clients act, by name.

use crate::agent::{Core, CoreShared, Rival, RivalShared};
use crate::plan::Plan;
use crate::rival::{Choice, Law};
use crate::rivals;
use crate::world::{Outcome, World};

/// Our own rules.
pub const OURS: &str = "evenkeel";
/// The wait of those of whom only the choice is named: what is recommended most often.
pub const DEFAULT_LAW: &str = "full-jitter";
/// The choice of those of whom only the wait is named.
pub const DEFAULT_CHOICE: &str = "uniform";

/// Rules to act by.
#[derive(Clone, Copy)]
pub enum Policy {
    /// The core that ships.
    Evenkeel,
    /// A choice and a law of others.
    Rival(&'static dyn Choice, &'static dyn Law),
}

/// There is no such policy.
#[derive(Debug, thiserror::Error)]
#[error("no policy `{0}`: `{OURS}`, a choice ({choices}), a law ({laws}), or CHOICE+LAW", choices = names(&rivals::CHOICES), laws = names(&rivals::LAWS))]
pub struct UnknownPolicy(String);

fn names<T>(known: &[(&str, T)]) -> String {
    let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

impl Policy {
    /// The policy of this name: `evenkeel`, a choice, a law, or `CHOICE+LAW`.
    ///
    /// # Errors
    ///
    /// [`UnknownPolicy`], which names those that there are.
    pub fn named(name: &str) -> Result<Self, UnknownPolicy> {
        if name == OURS {
            return Ok(Self::Evenkeel);
        }
        let (choice, law) = match name.split_once('+') {
            Some(both) => both,
            None if rivals::choice(name).is_some() => (name, DEFAULT_LAW),
            None => (DEFAULT_CHOICE, name),
        };
        match (rivals::choice(choice), rivals::law(law)) {
            (Some(choice), Some(law)) => Ok(Self::Rival(choice, law)),
            _ => Err(UnknownPolicy(name.to_owned())),
        }
    }

    /// Runs a plan by these rules. `progress` hears now and then how far it is, 0 to 1.
    pub fn run(self, plan: &Plan, random_seed: u64, record: bool, progress: &mut dyn FnMut(f64)) -> Outcome {
        match self {
            Self::Evenkeel => {
                let shared = CoreShared::new(plan.client.to_config());
                World::<Core>::new(plan, shared, random_seed, record).run(progress)
            }
            Self::Rival(choice, law) => {
                let shared = RivalShared {
                    choice,
                    law,
                    refresh_interval: plan.client.poll.unwrap_or(f64::INFINITY),
                };
                World::<Rival>::new(plan, shared, random_seed, record).run(progress)
            }
        }
    }
}
