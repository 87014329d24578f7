//! What is measured, and how: each figure is defined where it is declared.

use serde::Serialize;

use crate::rivals::central::SPILL_AT;

/// Instants at which fewer users than this part of the most are served say nothing about balance: chance rules.
const ENOUGH_USERS: f64 = 0.25;
/// Whoever comes back to a better group fills it up to here.
const FAILBACK_UP_TO: f64 = 0.75;
/// All but a few are home; a new server has its part.
const NEARLY: f64 = 0.9;

/// Declares the figures once: a field each, and their names in order.
macro_rules! figures {
    ($(#[$doc:meta])* pub struct Figures { $($(#[$of_field:meta])* $field:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Figures {
            $($(#[$of_field])* pub $field: Option<f64>,)*
        }

        impl Figures {
            /// The figures by their stable names, in order.
            pub fn named(&self) -> Vec<(&'static str, Option<f64>)> {
                vec![$(($name, self.$field),)*]
            }
        }
    };
}

figures! {
    /// The figures of a run. `null` where a scenario has no such thing.
    ///
    /// *Optimum* is the utilisation of the fullest server under a central balancer that knows everything and can put every user
    /// anywhere: Σ users / Σ capacity of the servers in service, the preferred group being filled to 0.85 before the next.
    pub struct Figures {
        /// The greatest utilisation of any server over the optimum (the highest optimum so far: an empty server that has just
        /// come makes nobody's load unfair), at the worst instant with at least a quarter of the most users.
        peak_over_optimum = "peakOverOptimum",
        /// The same over the optimum of the instant, on average over time.
        mean_over_optimum = "meanOverOptimum",
        /// The same at the end.
        final_over_optimum = "finalOverOptimum",
        /// Standard deviation over mean of the utilisation of the servers in service (those of the preferred group), on average
        /// over time.
        coefficient_of_variation = "coefficientOfVariation",
        /// The greatest utilisation of any server.
        peak_utilisation = "peakUtilisation",
        /// The greatest utilisation of the preferred group as a whole, and of any server of it.
        preferred_peak = "preferredPeak",
        /// See `preferred_peak`.
        preferred_server_peak = "preferredServerPeak",
        /// Seconds during which any server had more users than its capacity, as far as the instants at which figures are taken
        /// show it.
        seconds_over_capacity = "secondsOverCapacity",
        /// Connections that were opened by clients who had one before, over the least possible: the users of every server that
        /// dies or drains, once, and the fair part of every server that joins.
        moves_over_minimum = "movesOverMinimum",
        /// The greatest utilisation that a server reached which had joined or come back, over the highest optimum so far.
        overshoot = "overshoot",
        /// The most handshakes that reached any server within one second, over what it can serve in one.
        peak_handshakes_over_budget = "peakHandshakesOverBudget",
        /// The same for the fleet as a whole.
        fleet_handshakes_over_budget = "fleetHandshakesOverBudget",
        /// Seconds from the loss until half of those who were thrown out were back.
        seconds_to_half = "secondsToHalf",
        /// The same for 99 %.
        seconds_to_99 = "secondsTo99",
        /// Seconds to half over the ideal: from when there is any server, at the rate that all in service can serve.
        half_over_ideal = "halfOverIdeal",
        /// The same for 99 %.
        most_over_ideal = "mostOverIdeal",
        /// The part of those who were thrown out who were back at the end.
        back_at_end = "backAtEnd",
        /// Seconds from when servers join until each of them is as full as nine tenths of the optimum.
        seconds_to_fill = "secondsToFill",
        /// Seconds from the return of a better group until nine tenths of those it has room for (up to 0.75) are there. Those who
        /// were thrown out and are not back are among those who are to come.
        seconds_home = "secondsHome",
        /// Attempts that did not open, by client that has ever been there.
        failed_attempts_per_client = "failedAttemptsPerClient",
        /// Connections that could be used, by client that has ever been there, from the start on: the first one included.
        connections_per_client = "connectionsPerClient",
        /// Requests to the seed, by client that has ever been there, from the start on.
        requests_per_client = "requestsPerClient",
        /// The most requests to the seed in one second.
        peak_requests = "peakRequests",
        /// Clients that were there at the end, and the part of them with a connection.
        clients_at_end = "clientsAtEnd",
        /// See `clients_at_end`.
        connected_at_end = "connectedAtEnd",
    }
}

/// What is to be said beside the figures of a run, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remarks {
    /// The server that `peakUtilisation` was reached at; `null` where runs differ.
    pub peak_server: Option<usize>,
    /// Figures of what had begun and was not over at the end, in any of the runs.
    pub never: Vec<&'static str>,
    /// Runs in which clients were thrown out at different times: nothing can be said of how long each of these losses took.
    pub mixed_losses: usize,
}

/// The course of a run, for plots.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Seconds.
    pub times: Vec<f64>,
    /// By server, at each of these times.
    pub utilisation: Vec<Vec<f32>>,
    /// Handshakes that reached any server, second by second.
    pub handshakes: Vec<u32>,
    /// The same by server.
    pub reached: Vec<Vec<u32>>,
    /// What all servers in service can serve, at each of the times.
    pub budget: Vec<f64>,
}

/// A server as figures are taken of it: of the simulation's, or of a real one.
pub trait Measured {
    /// Connections being served.
    fn users(&self) -> u32;
    /// The users that fill it.
    fn capacity(&self) -> f64;
    /// Its priority group.
    fn group(&self) -> u16;
    /// The handshakes a second that it can serve.
    fn rate(&self) -> f64;
    /// Whether a central balancer would send clients there.
    fn in_service(&self) -> bool;
    /// Whether it is where users are to come that were not there when measuring began.
    fn is_new(&self) -> bool;

    /// Users over capacity.
    fn utilisation(&self) -> f64 {
        f64::from(self.users()) / self.capacity()
    }
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    fullest: f64,
    optimum: f64,
    users: f64,
    variation: f64,
    preferred: f64,
    preferred_fullest: f64,
}

/// Those who were thrown out, and how they come back.
#[derive(Clone, Debug, Default)]
struct Recovery {
    since: Option<f64>,
    /// From when on there was anybody to take them.
    possible_since: f64,
    rate: f64,
    lost: u32,
    back: u32,
    half: Option<f64>,
    most: Option<f64>,
    /// There were several losses, one after the other: nothing can be said of each.
    mixed: bool,
}

/// Counts of one second.
#[derive(Debug, Default)]
struct Second {
    index: u64,
    by_server: Vec<u32>,
    all: u32,
    requests: u32,
}

/// Takes the figures of a run.
#[derive(Debug)]
pub struct Watch {
    from: f64,
    samples: Vec<Sample>,
    highest_optimum: f64,
    overshoot: Option<f64>,
    /// The greatest utilisation, and where it was.
    peak: Option<(f64, usize)>,
    /// Since when a server has had more users than its capacity, at the instants at which figures are taken.
    over_since: Option<f64>,
    seconds_over: f64,
    second: Second,
    peak_handshakes: f64,
    fleet_handshakes: f64,
    peak_requests: u32,
    recovery: Recovery,
    /// Those who are here, were thrown out and are not back.
    missing: u32,
    home_since: Option<f64>,
    seconds_home: Option<f64>,
    joined_at: Option<f64>,
    seconds_to_fill: Option<f64>,
    /// Of each server when measuring began, and whether its users have been counted as having to move.
    users_at_start: Option<Vec<(f64, bool)>>,
    must_move: f64,
    moves: u64,
    failed: u64,
    opened: u64,
    requests: u64,
    /// How it goes, if that is to be recorded.
    pub course: Option<Course>,
}

impl Watch {
    /// Of a run of so many servers, whose figures count from then on, in seconds. `record` keeps its course.
    pub fn new(from: f64, servers: usize, record: bool) -> Self {
        Self {
            from,
            samples: Vec::new(),
            highest_optimum: 0.0,
            overshoot: None,
            peak: None,
            over_since: None,
            seconds_over: 0.0,
            second: Second {
                by_server: vec![0; servers],
                ..Second::default()
            },
            peak_handshakes: 0.0,
            fleet_handshakes: 0.0,
            peak_requests: 0,
            recovery: Recovery::default(),
            missing: 0,
            home_since: None,
            seconds_home: None,
            joined_at: None,
            seconds_to_fill: None,
            users_at_start: None,
            must_move: 0.0,
            moves: 0,
            failed: 0,
            opened: 0,
            requests: 0,
            course: record.then(|| Course {
                utilisation: vec![Vec::new(); servers],
                reached: vec![Vec::new(); servers],
                ..Course::default()
            }),
        }
    }

    /// A handshake has reached a server.
    pub fn handshake(&mut self, now: f64, server: usize, servers: &[impl Measured]) {
        self.tell_time(now, servers);
        self.second.by_server[server] += 1;
        self.second.all += 1;
    }

    /// A client asks the seed.
    pub fn request(&mut self, now: f64, servers: &[impl Measured]) {
        self.tell_time(now, servers);
        self.requests += 1;
        self.second.requests += 1;
    }

    /// Closes the second that is over.
    fn tell_time(&mut self, now: f64, servers: &[impl Measured]) {
        let index = now as u64;
        if index == self.second.index {
            return;
        }
        let second = &mut self.second;
        if second.index as f64 >= self.from.floor() {
            let mut rate = 0.0;
            for (count, server) in second.by_server.iter().zip(servers) {
                self.peak_handshakes = self.peak_handshakes.max(f64::from(*count) / server.rate());
                rate += if server.in_service() { server.rate() } else { 0.0 };
            }
            if rate > 0.0 {
                self.fleet_handshakes = self.fleet_handshakes.max(f64::from(second.all) / rate);
            }
            self.peak_requests = self.peak_requests.max(second.requests);
        }
        if let Some(course) = &mut self.course {
            course.handshakes.resize(second.index as usize, 0);
            course.handshakes.push(second.all);
            for (series, &count) in course.reached.iter_mut().zip(&second.by_server) {
                series.resize(second.index as usize, 0);
                series.push(count);
            }
        }
        second.by_server.fill(0);
        (second.all, second.requests, second.index) = (0, 0, index);
    }

    /// Takes the figures of an instant.
    pub fn sample(&mut self, now: f64, servers: &[impl Measured]) {
        self.tell_time(now, servers);
        let now_and = Instantaneous::of(servers);
        if let Some(course) = &mut self.course {
            course.times.push(now);
            for (series, server) in course.utilisation.iter_mut().zip(servers) {
                series.push(server.utilisation() as f32);
            }
            course.budget.push(now_and.rate);
        }
        if now < self.from {
            return;
        }
        if self.users_at_start.is_none() {
            self.users_at_start = Some(
                servers
                    .iter()
                    .map(|server| (f64::from(server.users()), false))
                    .collect(),
            );
            // What is uneven already cannot be helped without moving anybody.
            self.highest_optimum = now_and.sample.fullest;
        }
        self.highest_optimum = self.highest_optimum.max(now_and.sample.optimum);
        let highest = self.highest_optimum;
        self.samples.push(now_and.sample);
        self.note_fullest(now, servers);
        for server in servers.iter().filter(|server| server.is_new() && server.in_service()) {
            let over = server.utilisation() / highest.max(f64::MIN_POSITIVE);
            self.overshoot = Some(self.overshoot.unwrap_or(0.0).max(over));
        }
        if let Some(since) = self.joined_at
            && self.seconds_to_fill.is_none()
            && servers
                .iter()
                .all(|server| !server.is_new() || server.utilisation() >= NEARLY * now_and.sample.optimum)
        {
            self.seconds_to_fill = Some(now - since);
        }
        let all = now_and.sample.users + f64::from(self.missing);
        if let Some(since) = self.home_since
            && self.seconds_home.is_none()
            && all > 0.0
            && now_and.preferred_users >= NEARLY * all.min(FAILBACK_UP_TO * now_and.preferred_capacity)
        {
            self.seconds_home = Some(now - since);
        }
    }

    fn note_fullest(&mut self, now: f64, servers: &[impl Measured]) {
        let all = servers.iter().map(Measured::utilisation).enumerate();
        let Some((server, fullest)) = all.max_by(|one, other| one.1.total_cmp(&other.1)) else {
            return;
        };
        if self.peak.is_none_or(|(highest, _)| fullest > highest) {
            self.peak = Some((fullest, server));
        }
        if let Some(since) = self.over_since {
            self.seconds_over += now - since;
        }
        self.over_since = (fullest > 1.0).then_some(now);
    }

    /// The users of these servers have to move.
    pub fn must_leave(&mut self, servers: &[usize]) {
        let Some(users) = &mut self.users_at_start else { return };
        for &server in servers {
            let (users, counted) = &mut users[server];
            if !std::mem::replace(counted, true) {
                self.must_move += *users;
            }
        }
    }

    /// Servers join: their fair part has to move.
    pub fn must_fill(&mut self, now: f64, joining: &[usize], servers: &[impl Measured]) {
        self.joined_at = Some(now);
        let users: f64 = servers.iter().map(|server| f64::from(server.users())).sum();
        let in_service = servers.iter().filter(|server| server.in_service());
        let all: f64 = in_service.map(Measured::capacity).sum();
        let new: f64 = joining.iter().map(|&joining| servers[joining].capacity()).sum();
        self.must_move += users * new / all;
    }

    /// So many clients were thrown out.
    pub fn lost(&mut self, now: f64, clients: u32, servers: &[impl Measured]) {
        self.missing += clients;
        if now < self.from || clients == 0 {
            return;
        }
        let recovery = &mut self.recovery;
        recovery.mixed |= recovery.since.is_some_and(|since| since < now);
        recovery.since = Some(now);
        recovery.possible_since = now;
        recovery.lost += clients;
        recovery.rate = rate_in_service(servers);
    }

    /// Servers have come back.
    pub fn revived(&mut self, now: f64, servers: &[impl Measured], anybody_before: bool) {
        let recovery = &mut self.recovery;
        if !anybody_before && recovery.since.is_some() {
            recovery.possible_since = now;
            recovery.rate = rate_in_service(servers);
        }
        let groups = || servers.iter().map(Measured::group);
        if now > self.from && groups().min() != groups().max() {
            self.home_since = Some(now);
        }
    }

    /// A client has a connection.
    pub fn connected(&mut self, now: f64, again: bool, was_thrown_out: bool) {
        self.opened += 1;
        self.missing -= u32::from(was_thrown_out);
        if now < self.from {
            return;
        }
        self.moves += u64::from(again);
        if was_thrown_out {
            let recovery = &mut self.recovery;
            recovery.back += 1;
            let since = now - recovery.since.unwrap_or(now);
            if recovery.half.is_none() && 2 * recovery.back >= recovery.lost {
                recovery.half = Some(since);
            }
            if recovery.most.is_none() && 100 * u64::from(recovery.back) >= 99 * u64::from(recovery.lost) {
                recovery.most = Some(since);
            }
        }
    }

    /// Somebody who was thrown out has left before being back.
    pub fn left_missing(&mut self) {
        self.missing -= 1;
    }

    /// An attempt did not open.
    pub fn failed(&mut self, now: f64) {
        if now >= self.from {
            self.failed += 1;
        }
    }

    /// The figures, now that all is over. `clients` have been there, `present` are, `connected` of them.
    pub fn figures(&self, clients: u64, present: u32, connected: u32) -> Figures {
        let most = self.samples.iter().map(|sample| sample.users).fold(0.0, f64::max);
        let telling = || {
            self.samples
                .iter()
                .filter(|it| it.users >= ENOUGH_USERS * most && it.users > 0.0)
        };
        let mut highest: f64 = match self.samples.first() {
            Some(first) => first.fullest.max(first.optimum),
            None => 0.0,
        };
        // An empty fleet at the start has no imbalance to forgive.
        if self
            .samples
            .first()
            .is_some_and(|first| first.users < ENOUGH_USERS * most)
        {
            highest = 0.0;
        }
        let mut peak: Option<f64> = None;
        for sample in &self.samples {
            highest = highest.max(sample.optimum);
            if sample.users >= ENOUGH_USERS * most && highest > 0.0 {
                peak = Some(peak.unwrap_or(0.0).max(sample.fullest / highest));
            }
        }
        let mean = |value: fn(&Sample) -> f64| {
            let (sum, count) = telling().fold((0.0, 0.0), |(sum, count), it| (sum + value(it), count + 1.0));
            (count > 0.0).then(|| sum / count)
        };
        let greatest = |value: fn(&Sample) -> f64| self.samples.iter().map(value).reduce(f64::max);
        let over = |sample: &Sample| sample.fullest / sample.optimum.max(f64::MIN_POSITIVE);
        let recovery = self.recovery();
        let over_ideal = |seconds: Option<f64>, part: f64| {
            let recovery = recovery?;
            let idle = recovery.possible_since - recovery.since?;
            let ideal = part * f64::from(recovery.lost) / recovery.rate;
            (ideal.is_finite() && ideal > 0.0).then_some((seconds? - idle) / ideal)
        };
        let half = recovery.and_then(|it| it.half);
        let most_back = recovery.and_then(|it| it.most);
        let by_client = |count: u64| count as f64 / clients.max(1) as f64;
        Figures {
            peak_over_optimum: peak,
            mean_over_optimum: mean(|sample| sample.fullest / sample.optimum.max(f64::MIN_POSITIVE)),
            final_over_optimum: telling().next_back().map(over),
            coefficient_of_variation: mean(|sample| sample.variation),
            peak_utilisation: greatest(|sample| sample.fullest),
            preferred_peak: greatest(|sample| sample.preferred),
            preferred_server_peak: greatest(|sample| sample.preferred_fullest),
            seconds_over_capacity: Some(self.seconds_over),
            moves_over_minimum: (self.must_move > 0.0).then(|| self.moves as f64 / self.must_move),
            overshoot: self.overshoot,
            peak_handshakes_over_budget: Some(self.peak_handshakes),
            fleet_handshakes_over_budget: Some(self.fleet_handshakes),
            seconds_to_half: half,
            seconds_to_99: most_back,
            half_over_ideal: over_ideal(half, 0.5),
            most_over_ideal: over_ideal(most_back, 0.99),
            back_at_end: recovery.map(|it| f64::from(it.back) / f64::from(it.lost)),
            seconds_to_fill: self.seconds_to_fill,
            seconds_home: self.seconds_home,
            failed_attempts_per_client: Some(by_client(self.failed)),
            connections_per_client: Some(by_client(self.opened)),
            requests_per_client: Some(by_client(self.requests)),
            peak_requests: Some(f64::from(self.peak_requests)),
            clients_at_end: Some(f64::from(present)),
            connected_at_end: Some(f64::from(connected) / f64::from(present.max(1))),
        }
    }

    /// How those who were thrown out came back, if there was one loss of which that can be said.
    fn recovery(&self) -> Option<&Recovery> {
        Some(&self.recovery).filter(|it| it.since.is_some() && !it.mixed && it.lost > 0)
    }

    /// What is to be said beside the figures.
    pub fn remarks(&self) -> Remarks {
        let recovery = self.recovery();
        let half = recovery.is_some_and(|it| it.half.is_none());
        let most = recovery.is_some_and(|it| it.most.is_none());
        let begun = [
            ("secondsToHalf", half),
            ("secondsTo99", most),
            ("halfOverIdeal", half),
            ("mostOverIdeal", most),
            (
                "secondsToFill",
                self.joined_at.is_some() && self.seconds_to_fill.is_none(),
            ),
            ("secondsHome", self.home_since.is_some() && self.seconds_home.is_none()),
        ];
        Remarks {
            peak_server: self.peak.map(|(_, server)| server),
            never: begun
                .into_iter()
                .filter(|(_, never)| *never)
                .map(|(name, _)| name)
                .collect(),
            mixed_losses: usize::from(self.recovery.mixed),
        }
    }
}

fn rate_in_service(servers: &[impl Measured]) -> f64 {
    let in_service = servers.iter().filter(|server| server.in_service());
    in_service.map(|server| server.rate()).sum()
}

/// The fleet at an instant.
struct Instantaneous {
    sample: Sample,
    rate: f64,
    preferred_users: f64,
    preferred_capacity: f64,
}

impl Instantaneous {
    fn of(servers: &[impl Measured]) -> Self {
        let in_service = || servers.iter().filter(|server| server.in_service());
        let users: f64 = servers.iter().map(|server| f64::from(server.users())).sum();
        let fullest = servers.iter().map(Measured::utilisation).fold(0.0, f64::max);
        let preferred = servers.iter().map(Measured::group).min().unwrap_or(0);
        // Group by group, in order of preference: as much as it takes before the next.
        let mut groups: Vec<u16> = in_service().map(|server| server.group()).collect();
        groups.sort_unstable();
        groups.dedup();
        let mut rest = users;
        let mut optimum = 0.0;
        for group in groups {
            let capacity: f64 = in_service()
                .filter(|it| it.group() == group)
                .map(|it| it.capacity())
                .sum();
            let part = rest.min(SPILL_AT * capacity);
            optimum = f64::max(optimum, part / capacity);
            rest -= part;
        }
        if rest > 0.0 {
            let capacity: f64 = in_service().map(|server| server.capacity()).sum();
            optimum = users / capacity.max(f64::MIN_POSITIVE);
        }
        let of_preferred = || in_service().filter(|server| server.group() == preferred);
        let (mut preferred_users, mut preferred_capacity, mut preferred_fullest) = (0.0, 0.0, 0.0);
        let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
        for server in of_preferred() {
            preferred_users += f64::from(server.users());
            preferred_capacity += server.capacity();
            preferred_fullest = f64::max(preferred_fullest, server.utilisation());
            sum += server.utilisation();
            squares += server.utilisation().powi(2);
            count += 1.0;
        }
        let mean = sum / f64::max(count, 1.0);
        let variance = (squares / f64::max(count, 1.0) - mean * mean).max(0.0);
        Self {
            sample: Sample {
                fullest,
                // Where nobody is in service nothing can be better than it is.
                optimum: if optimum.is_finite() && count_in_service(servers) > 0 {
                    optimum
                } else {
                    fullest
                },
                users,
                variation: if mean > 0.0 { variance.sqrt() / mean } else { 0.0 },
                preferred: if preferred_capacity > 0.0 {
                    preferred_users / preferred_capacity
                } else {
                    0.0
                },
                preferred_fullest,
            },
            rate: in_service().map(|server| server.rate()).sum(),
            preferred_users,
            preferred_capacity,
        }
    }
}

fn count_in_service(servers: &[impl Measured]) -> usize {
    servers.iter().filter(|server| server.in_service()).count()
}
