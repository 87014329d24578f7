//! A plan, carried out in real time: clients arrive, servers die, figures are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use evenkeel_simulation::plan::{Plan, What};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use crate::account::{Account, Messages, Server, Sums};
use crate::client::{Shared, live};
use crate::fleet::{Control, Survey};
use crate::lists::Lists;
use crate::machine;

/// How long the last echoes have at the end.
const LAST_ECHOES: Duration = Duration::from_secs(2);
/// How often it is looked whether they have come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a run is made with, beside its plan.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The seeds.
    pub seeds: Vec<Url>,
    /// What does to the fleet what the plan says; not needed where nothing happens to it.
    pub control: Option<Control>,
    /// A connected client sends a message so often; `None`: never.
    pub message_interval: Option<Duration>,
    /// The bytes of each.
    pub message_bytes: usize,
    /// See [`Shared::source_addresses`].
    pub source_addresses: u16,
    /// The draws of the clients come from it. The same one does not give the same run: when what happens is up to the machine.
    pub random_seed: u64,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Real {
    /// What was counted.
    pub sums: Sums,
    /// What became of the messages.
    pub messages: Messages,
    /// What the machine had to bear.
    pub load: Load,
    /// Open connections by server at the end, by the fleet's own count, where it was asked.
    pub counted: Option<Vec<u64>>,
}

/// What the machine had to bear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// How much later than asked for a task was woken, in milliseconds: 99 % less than this, and at most.
    pub late99: f32,
    /// See `late99`.
    pub latest: f32,
    /// The longest that the fleet took to do what it was told, in milliseconds.
    pub longest_order: f64,
    /// Memory that the process had more at the end than before the first client, by client, in bytes: sockets' buffers here,
    /// lists and cores; not the system's.
    pub bytes_by_client: Option<u64>,
}

/// What is to happen next.
#[derive(Clone, Debug, PartialEq)]
enum Deed {
    Arrive(u32),
    Sample,
    Do(What),
}

/// Carries out a plan.
///
/// # Errors
///
/// If the fleet does not do what it is told, or the plan has what cannot be done to a real one.
pub async fn run(plan: &Plan, survey: &Survey, setting: &Setting) -> Result<Real> {
    let servers = survey.servers.iter();
    let servers = servers.map(|it| Server::new(it.id.clone(), it.capacity, it.group, it.rate));
    let names: Vec<&str> = survey.servers.iter().map(|it| it.id.as_str()).collect();
    let lists = Lists::new(setting.seeds.clone())?;
    let mut config = plan.client.to_config();
    config.seeds = lists.seeds();
    let memory_before = machine::memory();
    let mut random = fastrand::Rng::with_seed(setting.random_seed);
    // When the lists come is chance, as in the simulation; a fleet that was started just now would make them on the dot.
    sleep(Duration::from_secs_f64(random.f64() * plan.seed.refresh)).await;
    let deeds = deeds(plan, &mut random);
    let account = Arc::new(Account::new(plan.clients, servers.collect(), plan.measure_from));
    let shared = Arc::new(Shared {
        config: Arc::new(config),
        account: account.clone(),
        lists,
        message_interval: setting.message_interval,
        message_bytes: setting.message_bytes,
        source_addresses: setting.source_addresses,
        quiet: AtomicBool::new(false),
    });
    let late = Mutex::default();
    let mut crowd = JoinSet::new();
    let mut longest_order = Duration::ZERO;
    let start = Instant::from_std(account.start());
    let carried_out = async {
        for (at, deed) in deeds {
            sleep_until(start + Duration::from_secs_f64(at)).await;
            match deed {
                Deed::Arrive(number) => {
                    crowd.spawn(live(shared.clone(), number, random.u64(..)));
                }
                Deed::Sample => account.sample(),
                Deed::Do(what) => {
                    let told = Instant::now();
                    act(&what, &names, &account, setting.control.as_ref()).await?;
                    longest_order = longest_order.max(told.elapsed());
                }
            }
        }
        anyhow::Ok(())
    };
    tokio::select! {
        done = carried_out => done?,
        () = machine::watch_lateness(&late) => {}
    }
    shared.quiet.store(true, Ordering::Relaxed);
    let until = Instant::now() + LAST_ECHOES;
    while account.messages().unanswered > 0 && Instant::now() < until {
        sleep(LOOK_EVERY).await;
    }
    let messages = account.messages();
    let memory = machine::memory().zip(memory_before);
    let counted = match &setting.control {
        Some(control) => {
            let counted = control.connections().await?;
            Some(
                names
                    .iter()
                    .map(|&name| counted.get(name).copied().unwrap_or(0))
                    .collect(),
            )
        }
        None => None,
    };
    let sums = account.sums();
    crowd.shutdown().await;
    let mut late = late.into_inner();
    late.sort_by(f32::total_cmp);
    Ok(Real {
        sums,
        messages,
        load: Load {
            late99: part(&late, 0.99),
            latest: part(&late, 1.0),
            longest_order: longest_order.as_secs_f64() * 1e3,
            bytes_by_client: memory.map(|(now, before)| now.saturating_sub(before) / u64::from(plan.clients.max(1))),
        },
        counted,
    })
}

/// What this part of the values is no more than, the smallest being first; 0 where there are none.
pub fn part(sorted: &[f32], part: f64) -> f32 {
    let at = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(at.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0.0)
}

/// All that is to happen, in order. Figures of an instant are taken before anything else happens at it.
fn deeds(plan: &Plan, random: &mut fastrand::Rng) -> Vec<(f64, Deed)> {
    let mut deeds = vec![(plan.measure_from, Deed::Sample)];
    let samples = (0..).map(|n| f64::from(n) * plan.sample_every);
    deeds.extend(samples.take_while(|&at| at < plan.end).map(|at| (at, Deed::Sample)));
    let clients = f64::from(plan.clients);
    deeds.extend((0..plan.clients).map(|number| {
        let part = (f64::from(number) + random.f64()) / clients;
        (plan.warm_up.arrive_within * part, Deed::Arrive(number))
    }));
    deeds.extend(plan.events.iter().map(|step| (step.at, Deed::Do(step.what.clone()))));
    deeds.push((plan.end, Deed::Sample));
    deeds.sort_by(|one, other| one.0.total_cmp(&other.0));
    deeds
}

async fn act(what: &What, names: &[&str], account: &Account, control: Option<&Control>) -> Result<()> {
    let control =
        control.context("nobody is there to do anything to the fleet: name its control API by --fleet-url")?;
    let servers = what.servers();
    let changes = match what {
        What::Kill { silent: false, .. } => {
            account.die(servers);
            json!({ "alive": false })
        }
        What::Revive { .. } => {
            account.revive(servers);
            json!({ "alive": true })
        }
        What::Drain { .. } => {
            account.drain(servers, true);
            json!({ "draining": true })
        }
        What::Undrain { .. } => {
            account.drain(servers, false);
            json!({ "draining": false })
        }
        other => bail!("`{}` cannot be done to a real fleet", other.name()),
    };
    for &server in servers {
        let name = names.get(server).context("the plan names a server that is not there")?;
        control.change(name, changes.clone()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_part_of_sorted_values_is_no_more_than_what_is_told() {
        let values: Vec<f32> = (1..=200_u8).map(f32::from).collect();
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|it| part(&values, it)),
            [1.0, 100.0, 198.0, 200.0]
        );
        assert_eq!(part(&[], 0.5), 0.0);
    }
}
