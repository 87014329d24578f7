//! While connected, a newer list is asked for now and then, or when the application wants one.

use evenkeel::cause::SeedFailure;
use evenkeel::client::{Config, FOREVER, RetryCause, State};

use crate::support::secs;
use crate::world::{Answer, Happened, LATENCY, World};

const HOUR: f64 = 3_600.0;
const UNREACHABLE: Answer = Answer::Fails(SeedFailure::Unreachable, None);

#[test]
fn a_newer_list_is_asked_for_every_minute_give_or_take_a_fifth() {
    let mut gaps = Vec::new();
    for seed in 0..10 {
        let mut world = World::of_three();
        world.start(seed);
        world.run_for(HOUR);
        let asked = world.fetches(0, 1.0);
        gaps.extend(asked.windows(2).map(|pair| pair[1].0 - pair[0].0 - 2.0 * LATENCY));
    }
    gaps.sort_by(f64::total_cmp);
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let (shortest, longest) = (gaps[0], gaps[gaps.len() - 1]);
    assert!(
        (47.99..49.0).contains(&shortest) && (71.0..72.01).contains(&longest),
        "{shortest} to {longest}"
    );
    assert!((59.0..61.0).contains(&mean), "{mean}");
}

#[test]
fn it_is_asked_for_as_often_as_the_application_wants_or_never() {
    for (interval, requests) in [(secs(10.0), 300..=450), (secs(600.0), 5..=8), (FOREVER, 1..=1)] {
        let mut world = World::of_three();
        world.start_with(polling_every(interval), 1);
        world.run_for(HOUR);
        let asked = world.fetches(0, 0.0).len();
        assert!(requests.contains(&asked), "every {interval:?}: {asked} requests");
    }
}

#[test]
fn a_request_that_fails_is_made_again_with_jitter_and_disturbs_no_connection() {
    let mut waits = Vec::new();
    for seed in 0..20 {
        let mut world = World::of_three().with_one_settled(seed);
        world.seeds = vec![UNREACHABLE];
        let from = world.now;
        world.run_for(HOUR);
        let asked = world.fetches(0, from);
        // Full jitter up to a minute: every half minute, in the end.
        assert!((60..180).contains(&asked.len()), "seed {seed}: {}", asked.len());
        waits.push(asked[1].0 - asked[0].0 - 2.0 * LATENCY);
        // And each is told of.
        let causes = world.causes(0, from);
        assert_eq!(
            causes,
            vec![RetryCause::Seed(SeedFailure::Unreachable); asked.len()],
            "seed {seed}"
        );
        for (when, retry) in world.retries(0, from) {
            let next = asked.iter().find(|(at, _)| *at >= when);
            let off = next.map_or(0.0, |(at, _)| at - when - retry.delay.as_secs());
            assert!(
                off.abs() < 0.01,
                "seed {seed}: {retry:?} at {when}, asked after {next:?}"
            );
        }
        assert_eq!(world.count(0, from, Happened::State(State::Open)), 0, "seed {seed}");
        assert_eq!(world.state(0), State::Open, "seed {seed}");
        // When one answers again, it is the usual interval's turn.
        world.seeds = vec![Answer::List];
        world.run_for(62.0);
        let well = world.now;
        world.run_for(HOUR);
        let asked = world.fetches(0, well).len();
        assert!((48..=76).contains(&asked), "seed {seed}: {asked}");
    }
    waits.sort_by(f64::total_cmp);
    assert!(waits[0] < 0.2 && waits[19] <= 1.0 && waits[19] > 0.8, "{waits:?}");
}

#[test]
fn a_request_that_hangs_is_given_up_after_its_timeout_and_made_again() {
    let mut world = World::of_three().with_one_settled(1);
    world.seeds = vec![Answer::Nothing];
    let from = world.now;
    world.run_for(600.0);
    let asked = world.fetches(0, from);
    assert!((15..60).contains(&asked.len()), "{asked:?}");
    assert!(asked.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 5.0), "{asked:?}");
    let given_up = world.count(0, from, Happened::Cancelled);
    assert!(
        asked.len() - given_up <= 1,
        "{given_up} of {} are given up",
        asked.len()
    );
    assert_eq!(world.state(0), State::Open);
}

#[test]
fn where_several_seeds_exist_the_poll_goes_on_with_the_next_at_once() {
    let mut world = World::of_three();
    world.seeds = vec![Answer::List, Answer::List];
    let mut world = world.with_one_settled(1);
    world.seeds[0] = UNREACHABLE;
    let from = world.now;
    world.run_for(600.0);
    let asked: Vec<u16> = world.fetches(0, from).iter().map(|fetch| fetch.1).collect();
    assert_eq!(asked[..2], [0, 1]);
    assert!(asked[2..].iter().all(|seed| *seed == 1), "{asked:?}");
}

#[test]
fn the_application_may_have_the_list_fetched_now() {
    let mut world = World::of_three();
    world.start_with(polling_every(FOREVER), 1);
    world.run_for(1_000.0);
    let from = world.now;
    world.refresh(0);
    assert_eq!(world.fetches(0, from).len(), 1);
    // Once, while it is under way.
    world.refresh(0);
    assert_eq!(world.fetches(0, from).len(), 1);
    world.run_for(1.0);
    let selector = world.clients[0].watched.client.selector();
    assert!(selector.in_force().unwrap().received > crate::support::at(from));
    // If it fails, it is asked for until it comes.
    world.seeds = vec![UNREACHABLE];
    world.refresh(0);
    world.run_for(60.0);
    world.seeds = vec![Answer::List];
    world.run_for(70.0);
    let well = world.now;
    world.run_for(HOUR);
    assert_eq!(world.fetches(0, well), []);
}

#[test]
fn the_wish_of_the_application_ends_a_pause() {
    for answer in [UNREACHABLE, Answer::Fails(SeedFailure::Overloaded, Some(HOUR))] {
        let mut world = World::of_three();
        world.seeds = vec![answer];
        world.start(1);
        world.run_for(60.0);
        world.seeds = vec![Answer::List];
        let from = world.now;
        world.refresh(0);
        assert!(world.run_until(from + 0.2, World::all_open), "{answer:?}");
    }
}

#[test]
fn before_the_start_and_after_the_end_there_is_nothing_to_refresh() {
    let mut world = World::of_three();
    world.add(Config::default(), 1);
    world.refresh(0);
    assert_eq!(world.told(0, 0.0), []);
    world.set_out(0);
    world.run_for(1.0);
    world.close(0);
    let closing = world.now;
    world.refresh(0);
    world.run_for(10.0);
    world.refresh(0);
    assert_eq!(world.fetches(0, closing), []);
}

fn polling_every(interval: evenkeel::time::Duration) -> Config {
    Config {
        refresh_interval: interval,
        ..Config::default()
    }
}

impl World {
    /// The application wants the list now.
    fn refresh(&mut self, client: usize) {
        self.tell(client, |client, now| client.handle_refresh(now));
    }
}
