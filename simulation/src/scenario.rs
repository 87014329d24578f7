//! The scenarios, each a plan by name. The targets (`crate::targets`) are stated for their defaults.

use crate::plan::{ClientConfig, Part, Plan, Seed, ServerKind, Step, WarmUp, What};

/// The sizes of servers, repeating.
const PATTERN: [f64; 5] = [1.0, 2.0, 1.0, 2.0, 4.0];
/// A flash crowd arrives within this, in seconds.
const FLASH: f64 = 60.0;
/// Those who are there before anything happens arrive within this.
const ARRIVE_WITHIN: f64 = 60.0;
/// Then something happens: all have been connected for more than the two minutes before which nobody moves.
const SETTLED: f64 = 240.0;
/// The server of a tenth of the capacity, in a fleet of the default sizes.
const TENTH: usize = 4;

/// What can be set on the command line. `None`: the scenario's own default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Clients.
    pub clients: Option<u32>,
    /// Servers; of two groups, those of the preferred one.
    pub servers: Option<usize>,
    /// A list is made so often, in seconds.
    pub refresh: Option<f64>,
    /// A death is noticed by the seed after so many seconds.
    pub detection: Option<f64>,
    /// The list's ttl in seconds.
    pub ttl: Option<f64>,
    /// How much older caches make the list, in seconds.
    pub age: Option<f64>,
    /// Each client gets a part of the list, of so many servers.
    pub part: Option<usize>,
    /// Of these parts each server is in so many; default: one.
    pub overlap: Option<usize>,
    /// Clients over the capacity they are meant for.
    pub utilisation: Option<f64>,
    /// Handshakes a second that a server can serve.
    pub rate: Option<f64>,
    /// The list tells the rate.
    pub rate_told: bool,
    /// Handshakes that may wait at a server.
    pub queue: Option<u32>,
    /// The list gives no capacities.
    pub capacity_untold: bool,
    /// Mean stay in seconds.
    pub stay: Option<f64>,
    /// Seconds between polls.
    pub poll: Option<f64>,
    /// Our own clients do not rebalance.
    pub no_rebalance: bool,
    /// How long what goes down stays down, in seconds.
    pub down: Option<f64>,
    /// How long after the event the run ends, in seconds.
    pub after: Option<f64>,
}

/// A scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    plan: fn(&Settings) -> Plan,
}

impl Scenario {
    /// Its plan under these settings.
    pub fn plan(&self, settings: &Settings) -> Plan {
        (self.plan)(settings)
    }
}

/// The scenario of this name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}

/// All of them.
pub static ALL: [Scenario; 24] = [
    Scenario {
        name: "flash",
        about: "all clients arrive within a minute at an empty fleet",
        plan: flash,
    },
    Scenario {
        name: "steady",
        about: "Poisson arrivals, exponential stays of 30 minutes",
        plan: steady,
    },
    Scenario {
        name: "old-list",
        about: "the same, by a list that is 20 minutes old",
        plan: old_list,
    },
    Scenario {
        name: "skewed",
        about: "half the fleet is empty, then as many again arrive within a minute",
        plan: skewed,
    },
    Scenario {
        name: "crash",
        about: "a server of a tenth of the capacity dies",
        plan: crash,
    },
    Scenario {
        name: "rolling",
        about: "each server in turn is killed and comes back",
        plan: rolling,
    },
    Scenario {
        name: "rolling-drained",
        about: "each server in turn is drained, stopped, and comes back",
        plan: rolling_drained,
    },
    Scenario {
        name: "join",
        about: "an empty server joins four others; nobody comes or goes (`--stay 1800`: after exponential stays)",
        plan: join,
    },
    Scenario {
        name: "blip",
        about: "all servers lose all connections and stay up",
        plan: blip,
    },
    Scenario {
        name: "outage",
        about: "all servers are down for a minute",
        plan: outage,
    },
    Scenario {
        name: "seed-outage",
        about: "a server dies while no seed answers",
        plan: seed_outage,
    },
    Scenario {
        name: "overload",
        about: "demand of 140 % of the preferred group: Poisson arrivals, exponential stays of 30 minutes",
        plan: overload,
    },
    Scenario {
        name: "half-group",
        about: "half of the preferred group dies at 70 %",
        plan: half_group,
    },
    Scenario {
        name: "group",
        about: "the whole preferred group dies, and comes back after five minutes",
        plan: group,
    },
    Scenario {
        name: "group-return",
        about: "the same from its return on",
        plan: group_return,
    },
    Scenario {
        name: "no-poll",
        about: "the same, with clients that do not poll",
        plan: no_poll,
    },
    Scenario {
        name: "black-hole",
        about: "a flash crowd, while a dead server is listed as empty and answers nothing",
        plan: black_hole,
    },
    Scenario {
        name: "accept-and-drop",
        about: "a flash crowd, while a server drops whom it takes, and is listed as empty",
        plan: accept_and_drop,
    },
    Scenario {
        name: "garbage",
        about: "a tenth of the clients receives garbage for lists, and a server dies",
        plan: garbage,
    },
    Scenario {
        name: "mixed-ages",
        about: "a crash, seen through caches of different ages",
        plan: mixed_ages,
    },
    Scenario {
        name: "lying-zero",
        about: "steady, while a server always reports no users",
        plan: lying_zero,
    },
    Scenario {
        name: "small-1",
        about: "the only server restarts in 3 seconds under 50 clients",
        plan: small_1,
    },
    Scenario {
        name: "small-2",
        about: "one of two servers dies under 500 clients",
        plan: small_2,
    },
    Scenario {
        name: "small-3",
        about: "one of three servers dies under 500 clients",
        plan: small_3,
    },
];

fn kind(settings: &Settings, capacity: f64, group: u16) -> ServerKind {
    ServerKind {
        count: 1,
        capacity,
        capacity_untold: settings.capacity_untold,
        group,
        rate: settings.rate.unwrap_or(200.0),
        rate_told: settings.rate_told,
        queue: settings.queue,
        joins: false,
    }
}

/// So many servers of the sizes of the pattern, which the clients fill to the utilisation.
fn of_pattern(settings: &Settings, servers: usize, clients: f64, utilisation: f64) -> Vec<ServerKind> {
    let sizes = || PATTERN.iter().cycle().take(servers);
    let unit = clients / settings.utilisation.unwrap_or(utilisation) / sizes().sum::<f64>();
    sizes().map(|size| kind(settings, size * unit, 0)).collect()
}

/// So many equal servers.
fn equal(settings: &Settings, servers: usize, clients: f64, utilisation: f64, group: u16) -> Vec<ServerKind> {
    let capacity = clients / settings.utilisation.unwrap_or(utilisation) / servers as f64;
    (0..servers).map(|_| kind(settings, capacity, group)).collect()
}

/// A preferred group that the clients fill to the utilisation, and a group of equal servers behind it: so many times as many.
fn two_groups(settings: &Settings, utilisation: f64, clients: f64, behind: f64) -> Vec<ServerKind> {
    let servers = settings.servers.unwrap_or(10).max(1);
    let mut fleet = equal(settings, servers, clients, utilisation, 0);
    let of_behind = ServerKind {
        group: 1,
        ..fleet[0].clone()
    };
    let behind = (servers as f64 * behind).ceil() as usize;
    fleet.extend(std::iter::repeat_n(of_behind, behind));
    fleet
}

fn first_group(plan: &Plan) -> Vec<usize> {
    let groups = plan.fleet.iter().enumerate().filter(|(_, kind)| kind.group == 0);
    groups.map(|(position, _)| position).collect()
}

fn all(plan: &Plan) -> Vec<usize> {
    (0..plan.fleet.len()).collect()
}

/// The server whose part of the capacity is closest to a tenth.
fn tenth(plan: &Plan) -> usize {
    TENTH.min(plan.fleet.len() - 1)
}

fn at(at: f64, what: What) -> Step {
    Step { at, what }
}

fn clients(settings: &Settings) -> u32 {
    settings.clients.unwrap_or(100_000)
}

/// A fleet on which nothing happens yet: clients that settle, then the event.
fn settled(settings: &Settings, clients: u32, fleet: Vec<ServerKind>, after: f64) -> Plan {
    let age = settings.age.unwrap_or(0.0);
    let event = SETTLED + age;
    Plan {
        schema: None,
        fleet,
        seed: Seed {
            refresh: settings.refresh.unwrap_or(10.0),
            detection: settings.detection.unwrap_or(3.0),
            return_detection: None,
            ttl: settings.ttl,
            cache_ages: vec![age],
            part: settings.part.map(|servers| Part {
                servers,
                overlap: settings.overlap.unwrap_or(1),
            }),
        },
        clients,
        warm_up: WarmUp {
            arrive_within: ARRIVE_WITHIN,
            until: event - 10.0,
        },
        mean_stay: settings.stay.filter(|stay| stay.is_finite()),
        events: Vec::new(),
        measure_from: event,
        end: event + settings.after.unwrap_or(after),
        sample_every: 1.0,
        client: ClientConfig {
            poll: Some(settings.poll.unwrap_or(60.0)).filter(|poll| poll.is_finite()),
            rebalance: !settings.no_rebalance,
            ..ClientConfig::default()
        },
        latency: 0.02,
    }
}

/// A fleet at which all arrive within a minute, measured from the start.
fn flash_at(settings: &Settings, clients: u32, fleet: Vec<ServerKind>, after: f64) -> Plan {
    let plan = settled(settings, clients, fleet, after);
    Plan {
        warm_up: WarmUp {
            arrive_within: FLASH,
            until: 0.0,
        },
        measure_from: 0.0,
        end: FLASH + settings.after.unwrap_or(after),
        ..plan
    }
}

fn plain(settings: &Settings, after: f64) -> Plan {
    let clients = clients(settings);
    let fleet = of_pattern(settings, settings.servers.unwrap_or(20), f64::from(clients), 0.6);
    settled(settings, clients, fleet, after)
}

fn flash(settings: &Settings) -> Plan {
    let clients = clients(settings);
    let fleet = of_pattern(settings, settings.servers.unwrap_or(20), f64::from(clients), 0.6);
    flash_at(settings, clients, fleet, 15.0)
}

fn steady(settings: &Settings) -> Plan {
    let plan = plain(settings, 1_800.0);
    Plan {
        mean_stay: Some(settings.stay.unwrap_or(1_800.0)),
        measure_from: plan.measure_from + 360.0,
        end: plan.end + 360.0,
        ..plan
    }
}

fn old_list(settings: &Settings) -> Plan {
    let settings = Settings {
        age: settings.age.or(Some(1_200.0)),
        ..settings.clone()
    };
    let plan = steady(&settings);
    Plan {
        measure_from: plan.measure_from + 1_800.0,
        end: plan.end + 1_800.0,
        ..plan
    }
}

fn skewed(settings: &Settings) -> Plan {
    let settings = Settings {
        refresh: settings.refresh.or(Some(30.0)),
        ..settings.clone()
    };
    let mut plan = plain(&settings, FLASH + 60.0);
    let half = plan.fleet.len() / 2;
    let joining: Vec<usize> = (half..plan.fleet.len()).collect();
    for &server in &joining {
        plan.fleet[server].joins = true;
    }
    let all = plan.clients;
    plan.clients = all / 2;
    // So that every list shows them by then.
    let joined_at = plan.measure_from - plan.seed.refresh - 1.0;
    plan.events = vec![
        at(joined_at, What::Join { servers: joining }),
        at(
            plan.measure_from,
            What::Arrive {
                clients: all - all / 2,
                within: FLASH,
            },
        ),
    ];
    plan
}

fn crash(settings: &Settings) -> Plan {
    let mut plan = plain(settings, 300.0);
    plan.events = vec![at(plan.measure_from, kill(vec![tenth(&plan)]))];
    plan
}

fn kill(servers: Vec<usize>) -> What {
    What::Kill { servers, silent: false }
}

fn rolling(settings: &Settings) -> Plan {
    let mut plan = plain(settings, 180.0);
    let down = settings.down.unwrap_or(10.0);
    let turn = down + 20.0;
    let mut now = plan.measure_from;
    for server in all(&plan) {
        plan.events.push(at(now, kill(vec![server])));
        plan.events.push(at(now + down, What::Revive { servers: vec![server] }));
        now += turn;
    }
    plan.end += now - plan.measure_from;
    plan
}

fn rolling_drained(settings: &Settings) -> Plan {
    let mut plan = plain(settings, 180.0);
    let down = settings.down.unwrap_or(10.0);
    // Polls, a window of at least half a minute, and the linger of the old connection.
    let drain = 150.0;
    let mut now = plan.measure_from;
    for server in all(&plan) {
        let servers = || vec![server];
        plan.events.push(at(now, What::Drain { servers: servers() }));
        plan.events.push(at(now + drain, kill(servers())));
        plan.events
            .push(at(now + drain + down, What::Revive { servers: servers() }));
        plan.events
            .push(at(now + drain + down, What::Undrain { servers: servers() }));
        now += drain + down + 20.0;
    }
    plan.end += now - plan.measure_from;
    plan
}

fn join(settings: &Settings) -> Plan {
    let clients = clients(settings);
    let servers = settings.servers.unwrap_or(5).max(2);
    let mut plan = settled(
        settings,
        clients,
        equal(settings, servers, f64::from(clients), 0.6, 0),
        3_600.0,
    );
    plan.fleet[servers - 1].joins = true;
    plan.events = vec![at(
        plan.measure_from,
        What::Join {
            servers: vec![servers - 1],
        },
    )];
    plan
}

fn blip(settings: &Settings) -> Plan {
    let mut plan = plain(settings, 600.0);
    plan.events = vec![at(plan.measure_from, What::Blip { servers: all(&plan) })];
    plan
}

fn down_and_up(plan: &mut Plan, servers: Vec<usize>, down: f64) {
    let now = plan.measure_from;
    let back = What::Revive {
        servers: servers.clone(),
    };
    plan.events.extend([at(now, kill(servers)), at(now + down, back)]);
}

fn outage(settings: &Settings) -> Plan {
    let mut plan = plain(settings, 900.0);
    let servers = all(&plan);
    down_and_up(&mut plan, servers, settings.down.unwrap_or(60.0));
    plan
}

fn seed_outage(settings: &Settings) -> Plan {
    let mut plan = plain(settings, 600.0);
    let now = plan.measure_from;
    plan.events = vec![
        at(now, What::SeedDown {}),
        at(now + 60.0, kill(vec![tenth(&plan)])),
        at(now + settings.down.unwrap_or(300.0), What::SeedUp {}),
    ];
    plan
}

/// Demand grows for half an hour and stays: nobody is displaced, and the list alone says what there is room for.
fn overload(settings: &Settings) -> Plan {
    let clients = clients(settings);
    let stay = settings.stay.unwrap_or(1_800.0);
    let fleet = two_groups(settings, 1.4, f64::from(clients), 1.0);
    let plan = settled(settings, clients, fleet, 0.0);
    Plan {
        mean_stay: Some(stay),
        warm_up: WarmUp {
            arrive_within: stay,
            until: 0.0,
        },
        measure_from: 0.0,
        end: settings.after.unwrap_or(3.0 * stay),
        ..plan
    }
}

fn half_group(settings: &Settings) -> Plan {
    let clients = clients(settings);
    let mut plan = settled(
        settings,
        clients,
        two_groups(settings, 0.7, f64::from(clients), 0.5),
        300.0,
    );
    let preferred = first_group(&plan);
    plan.events = vec![at(
        plan.measure_from,
        kill(preferred[..preferred.len().div_ceil(2)].to_vec()),
    )];
    plan
}

fn group(settings: &Settings) -> Plan {
    let clients = clients(settings);
    let mut plan = settled(
        settings,
        clients,
        two_groups(settings, 0.6, f64::from(clients), 0.5),
        1_200.0,
    );
    let preferred = first_group(&plan);
    down_and_up(&mut plan, preferred, settings.down.unwrap_or(300.0));
    plan
}

/// How the preferred group fills again is measured without what came before.
fn group_return(settings: &Settings) -> Plan {
    let down = settings.down.unwrap_or(300.0);
    let mut plan = group(settings);
    plan.measure_from += down - 1.0;
    plan
}

fn no_poll(settings: &Settings) -> Plan {
    group_return(&Settings {
        poll: Some(f64::INFINITY),
        stay: settings.stay.or(Some(1_800.0)),
        after: settings.after.or(Some(3_600.0)),
        ..settings.clone()
    })
}

fn black_hole(settings: &Settings) -> Plan {
    let mut plan = flash(&Settings {
        after: settings.after.or(Some(120.0)),
        ..settings.clone()
    });
    let servers = vec![tenth(&plan)];
    let lie = What::Lie {
        servers: servers.clone(),
        users: Some(0.0),
        available: Some(true),
    };
    plan.events = vec![at(0.0, What::Kill { servers, silent: true }), at(0.0, lie)];
    plan
}

fn accept_and_drop(settings: &Settings) -> Plan {
    let mut plan = flash(&Settings {
        after: settings.after.or(Some(180.0)),
        ..settings.clone()
    });
    let servers = vec![tenth(&plan)];
    let lie = What::Lie {
        servers: servers.clone(),
        users: Some(0.0),
        available: Some(true),
    };
    let drop = What::Drop {
        servers,
        after: 0.1,
        code: 1011,
    };
    plan.events = vec![at(0.0, drop), at(0.0, lie)];
    plan
}

fn garbage(settings: &Settings) -> Plan {
    let mut plan = plain(settings, 360.0);
    let now = plan.measure_from;
    plan.events = vec![
        at(now - 120.0, What::Garbage { part: 0.1 }),
        at(now, kill(vec![tenth(&plan)])),
    ];
    plan
}

fn mixed_ages(settings: &Settings) -> Plan {
    let oldest = settings.age.unwrap_or(60.0);
    let mut plan = crash(settings);
    plan.seed.cache_ages = [0.0, 0.1, 0.25, 0.5, 1.0].iter().map(|part| part * oldest).collect();
    plan
}

fn lying_zero(settings: &Settings) -> Plan {
    let mut plan = steady(settings);
    plan.events = vec![at(
        0.0,
        What::Lie {
            servers: vec![tenth(&plan)],
            users: Some(0.0),
            available: None,
        },
    )];
    plan
}

/// Few clients, who wait for each second: noticed at once, listed every second.
fn small(settings: &Settings, servers: usize, default: u32) -> Plan {
    let settings = Settings {
        refresh: settings.refresh.or(Some(1.0)),
        detection: settings.detection.or(Some(0.0)),
        ttl: settings.ttl.or(Some(2.0)),
        ..settings.clone()
    };
    let clients = settings.clients.unwrap_or(default);
    let servers = settings.servers.unwrap_or(servers);
    let plan = settled(
        &settings,
        clients,
        equal(&settings, servers, f64::from(clients), 0.6, 0),
        120.0,
    );
    Plan {
        sample_every: 0.1,
        ..plan
    }
}

fn small_1(settings: &Settings) -> Plan {
    let mut plan = small(settings, 1, 50);
    let servers = all(&plan);
    down_and_up(&mut plan, servers, settings.down.unwrap_or(3.0));
    plan
}

fn small_2(settings: &Settings) -> Plan {
    let mut plan = small(settings, 2, 500);
    plan.events = vec![at(plan.measure_from, kill(vec![0]))];
    plan
}

fn small_3(settings: &Settings) -> Plan {
    let mut plan = small(settings, 3, 500);
    plan.events = vec![at(plan.measure_from, kill(vec![0]))];
    plan
}
