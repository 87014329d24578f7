//! Lists that no seed has just given: one from an earlier visit, the application's own for when there is no other, and one
//! that has been in force for too long.

use std::sync::Arc;

use evenkeel::cause::SeedFailure;
use evenkeel::client::{Config, FOREVER, RetryCause, State};
use evenkeel::list::ServerList;
use serde_json::{Value, json};

use crate::support::{at, document, secs, server};
use crate::world::{Answer, Happened, Manner, World};

const DAY: f64 = 86_400.0;
const UNREACHABLE: Answer = Answer::Fails(SeedFailure::Unreachable, None);

/// Who decided, told by the server: the seed's list has all of them, that of the earlier visit the second, the
/// application's own the third.
const CACHED: usize = 1;
const FALLBACK: usize = 2;
const NONE: [usize; 0] = [];

#[test]
fn a_fresh_list_from_an_earlier_visit_is_used_at_once_while_the_seed_is_asked() {
    let config = Config {
        seeds: 1,
        ..Config::default()
    };
    let mut world = World::of_three();
    world.add(config, 1);
    world.remember(0, 30.0, json!({}));
    world.set_out(0);
    assert_eq!((world.fetches(0, 0.0).len(), servers_tried(&world)), (1, vec![CACHED]));
    // Storage may answer later than the seed is asked, or the seed not at all.
    let mut world = World::of_three();
    world.seeds = vec![Answer::Nothing];
    world.start(1);
    world.run_for(1.0);
    world.remember(0, 30.0, json!({}));
    assert_eq!((world.fetches(0, 0.0).len(), servers_tried(&world)), (1, vec![CACHED]));
    assert!(world.run_until(1.1, World::all_open));
    // And it goes on being asked.
    world.run_for(120.0);
    assert!(world.fetches(0, 0.0).len() > 2);
}

#[test]
fn fresh_is_what_is_no_older_than_its_ttl_or_a_minute() {
    for (ttl, age, received, is_fresh) in [
        (10, None, 59.0, true),
        (10, None, 61.0, false),
        (300, None, 299.0, true),
        (300, None, 301.0, false),
        (10, Some(40.0), 19.0, true),
        (10, Some(40.0), 21.0, false),
        (10, None, 0.0, true),
    ] {
        let mut world = World::of_three();
        world.seeds = vec![Answer::Nothing];
        world.start(1);
        world.remember(0, received, json!({ "ttl": ttl, "age": age }));
        world.run_for(1.0);
        let tried = servers_tried(&world);
        assert_eq!(
            !tried.is_empty(),
            is_fresh,
            "ttl {ttl}, age {age:?}, received {received} s ago"
        );
    }
}

#[test]
fn an_older_list_is_used_when_no_seed_answers_and_only_then() {
    for received in [61.0, 0.99 * DAY] {
        let mut world = World::of_three();
        world.servers[CACHED].base_users = 1e6;
        world.start(1);
        world.remember(0, received, json!({}));
        world.run_for(1.0);
        assert!(
            world.all_open() && !servers_tried(&world).contains(&CACHED),
            "{received}"
        );

        let mut world = World::of_three();
        world.seeds = vec![UNREACHABLE, Answer::Nothing];
        world.start(1);
        world.remember(0, received, json!({}));
        // The second of them is given its time.
        world.run_for(4.9);
        assert_eq!(servers_tried(&world), NONE, "{received}");
        world.run_for(0.3);
        assert_eq!(servers_tried(&world), [CACHED], "{received}");
        assert_eq!(world.state(0), State::Open, "{received}");
    }
}

#[test]
fn a_list_of_more_than_a_day_ago_or_of_the_future_is_worth_nothing() {
    for (received, age) in [
        (1.01 * DAY, None),
        (0.5 * DAY, Some(0.51 * DAY)),
        (-1.0, None),
        (-DAY, None),
    ] {
        let mut world = World::of_three();
        world.seeds = vec![UNREACHABLE];
        world.start(1);
        world.remember(0, received, json!({ "age": age }));
        world.run_for(600.0);
        assert_eq!(servers_tried(&world), NONE, "{received}, {age:?}");
    }
    // Nor is one that has become so old before it is needed.
    let mut world = World::of_three();
    world.seeds = vec![UNREACHABLE];
    world.add(Config::default(), 1);
    world.remember(0, 0.99 * DAY, json!({}));
    world.run_for(0.02 * DAY);
    world.set_out(0);
    world.run_for(600.0);
    assert_eq!(servers_tried(&world), NONE);
}

#[test]
fn a_list_in_force_is_not_replaced_by_one_from_an_earlier_visit() {
    let mut world = World::of_three();
    world.servers[CACHED].base_users = 1e6;
    world.start(1);
    world.run_for(0.05);
    world.remember(0, 1.0, json!({}));
    world.remember(0, 100.0, json!({}));
    world.seeds = vec![UNREACHABLE];
    world.set_manners(Manner::Refuses);
    world.run_for(600.0);
    assert_eq!(world.listed(), ["a", "b", "c"]);
}

#[test]
fn a_seed_that_fails_while_the_cached_list_serves_is_asked_again_when_it_was_said() {
    for seed in 0..20 {
        let mut world = World::of_three();
        world.seeds = vec![UNREACHABLE];
        world.start(seed);
        world.remember(0, 30.0, json!({}));
        world.run_for(0.2);
        assert_eq!(world.state(0), State::Open, "seed {seed}");
        let (when, retry) = world.retries(0, 0.0)[0];
        world.seeds = vec![Answer::List];
        world.run_for(70.0);
        let again = world.fetches(0, when)[0].0;
        assert!(
            (again - when - retry.delay.as_secs()).abs() < 0.05,
            "seed {seed}: {retry:?}, asked after {again}"
        );
    }
}

#[test]
fn the_applications_own_list_is_the_last_resort() {
    let mut world = World::of_three();
    world.seeds = vec![UNREACHABLE, Answer::Nothing];
    world.start(1);
    world.fall_back(0);
    world.run_for(4.9);
    assert_eq!(servers_tried(&world), NONE);
    assert!(world.run_until(5.2, World::all_open));
    assert_eq!(servers_tried(&world), [FALLBACK]);
    // A list from an earlier visit goes first, fresh or not.
    for received in [30.0, 600.0] {
        let mut world = World::of_three();
        world.seeds = vec![UNREACHABLE];
        world.start(1);
        world.fall_back(0);
        world.remember(0, received, json!({}));
        world.run_for(1.0);
        assert_eq!(servers_tried(&world), [CACHED], "{received}");
    }
    // And where a seed answers, it has no say.
    let mut world = World::of_three();
    world.servers[FALLBACK].base_users = 1e6;
    world.seeds = vec![UNREACHABLE, Answer::List];
    world.start(1);
    world.fall_back(0);
    world.run_for(600.0);
    assert!(!servers_tried(&world).contains(&FALLBACK));
}

#[test]
fn any_seeds_list_replaces_the_applications_own() {
    for age in [None, Some(3_600.0)] {
        let mut world = World::of_three();
        world.seeds = vec![UNREACHABLE];
        world.start(1);
        world.fall_back(0);
        assert!(world.run_until(0.3, World::all_open));
        world.run_for(300.0);
        world.head = json!({ "ttl": 2, "age": age, "version": 1 });
        world.seeds = vec![Answer::List];
        // Nobody gives the seeds up while it serves.
        world.run_for(62.0);
        assert_eq!(world.listed(), ["a", "b", "c"], "{age:?}");
        assert_eq!(world.count(0, 0.0, Happened::Lost { is_final: false }), 0);
    }
}

#[test]
fn a_server_of_the_applications_own_list_that_refuses_leads_to_others_of_it() {
    let mut world = World::of_three();
    world.seeds = vec![UNREACHABLE];
    world.set_manners(Manner::Refuses);
    world.start(1);
    world.fall_back(0);
    world.run_for(300.0);
    let tried = servers_tried(&world);
    assert!(
        tried.len() > 10 && tried.iter().all(|server| *server == FALLBACK),
        "{tried:?}"
    );
    world.set_manners(Manner::Accepts);
    assert!(world.run_until(400.0, World::all_open));
}

#[test]
fn a_seed_that_will_be_asked_again_at_once_is_not_given_up_for_a_worse_list() {
    for received in [None, Some(600.0)] {
        let mut world = World::of_three();
        world.seeds = vec![Answer::Fails(SeedFailure::Expired, None)];
        world.start(1);
        match received {
            Some(received) => world.remember(0, received, json!({})),
            None => world.fall_back(0),
        }
        world.run_for(0.03);
        // The second request goes out with new credentials.
        world.seeds = vec![Answer::List];
        world.servers[CACHED].base_users = 1e6;
        world.servers[FALLBACK].base_users = 1e6;
        world.run_for(0.2);
        assert_eq!(
            (world.fetches(0, 0.0).len(), servers_tried(&world)),
            (2, vec![0]),
            "{received:?}"
        );
    }
}

#[test]
fn a_list_of_more_than_a_day_comes_after_the_applications_own() {
    for has_fallback in [false, true] {
        let mut world = World::of_three();
        world.start_with(that_never_polls(), 1);
        if has_fallback {
            world.fall_back(0);
        }
        world.run_for(1.01 * DAY);
        world.seeds = vec![UNREACHABLE];
        let from = world.now;
        world.close_all(world.server_of(0).unwrap(), 1012);
        assert!(world.run_until(from + 20.0, World::all_open), "{has_fallback}");
        let expected = if has_fallback { vec!["c"] } else { vec!["a", "b", "c"] };
        assert_eq!(world.listed(), expected);
    }
}

#[test]
fn a_list_of_more_than_a_day_is_not_used_before_the_seeds_have_been_asked() {
    let mut world = World::of_three();
    world.start_with(that_never_polls(), 1);
    world.run_for(1.01 * DAY);
    world.seeds = vec![Answer::Nothing];
    let from = world.now;
    world.close_all(world.server_of(0).unwrap(), 1012);
    world.run_for(4.9);
    assert_eq!(world.attempts(0, from), []);
    assert!(world.run_until(from + 20.0, World::all_open));
}

#[test]
fn a_list_from_an_earlier_visit_is_forgotten_when_a_seed_has_given_one() {
    let mut world = World::of_three();
    world.servers[CACHED].base_users = 1e4;
    world.start_with(that_never_polls(), 1);
    world.remember(0, 0.5 * DAY, json!({}));
    world.run_for(1.01 * DAY);
    world.seeds = vec![UNREACHABLE];
    let from = world.now;
    world.close_all(world.server_of(0).unwrap(), 1012);
    assert!(world.run_until(from + 20.0, World::all_open));
    assert_eq!(world.listed(), ["a", "b", "c"], "the newer one is the better one");
}

#[test]
fn a_fixed_list_never_expires() {
    let mut world = World::of_three();
    world.seeds = vec![];
    let config = Config {
        seeds: 0,
        ..Config::default()
    };
    world.add(config, 1);
    let fixed = of(0, json!({ "age": 1 }));
    world.tell(0, |client, now| {
        client.handle_given_list(now, fixed);
    });
    world.fall_back(0);
    world.set_out(0);
    world.run_for(30.0 * DAY);
    let from = world.now;
    world.close_all(0, 1011);
    assert!(world.run_until(from + 2.0, World::all_open));
    assert_eq!(world.attempts(0, from)[0].1, 0);
}

#[test]
fn a_seed_whose_list_is_of_more_than_a_day_ago_is_as_good_as_none() {
    for has_fallback in [false, true] {
        let mut world = World::of_three();
        world.head = json!({ "age": 1.7e9 });
        world.servers[FALLBACK].base_users = 1e6;
        world.start(1);
        if has_fallback {
            world.fall_back(0);
        }
        assert!(world.run_until(1.0, World::all_open));
        // It is asked again, but not for ever at once.
        world.run_for(600.0);
        let asked = world.fetches(0, 0.0).len();
        assert!((10..100).contains(&asked), "{asked}");
        assert_eq!(servers_tried(&world) == [FALLBACK], has_fallback);
        let resorted = world.count(0, 0.0, Happened::Resorted { fallback: true });
        assert_eq!(resorted, usize::from(has_fallback));
        let causes = world.causes(0, 0.0);
        assert!(
            causes
                .iter()
                .all(|cause| *cause == RetryCause::Seed(SeedFailure::BadList)),
            "{causes:?}"
        );
        // One that is no older than that is better than either.
        world.head = json!({ "age": 0.9 * DAY });
        world.run_for(62.0);
        let selector = world.clients[0].watched.client.selector();
        let age = selector.in_force().unwrap().list.age;
        assert_eq!(age, Some(secs(0.9 * DAY)), "{has_fallback}");
    }
}

/// A list of this server alone.
fn of(server_: usize, head: Value) -> Arc<ServerList> {
    let mut whole = head;
    whole["servers"] = json!([server(["a", "b", "c"][server_], 0.0, 1000.0)]);
    document(&whole)
}

fn that_never_polls() -> Config {
    Config {
        refresh_interval: FOREVER,
        ..Config::default()
    }
}

fn servers_tried(world: &World) -> Vec<usize> {
    world.attempts(0, 0.0).iter().map(|attempt| attempt.1).collect()
}

impl World {
    /// The servers of the list that the client decides on.
    fn listed(&self) -> Vec<&str> {
        let in_force = self.clients[0].watched.client.selector().in_force().unwrap();
        in_force.list.servers().iter().map(|server| &*server.id).collect()
    }

    /// The client is shown a list from an earlier visit, received so long ago.
    fn remember(&mut self, client: usize, ago: f64, head: Value) {
        let received = at(self.now - ago);
        self.tell(client, |client, now| {
            client.handle_cached_list(now, received, of(CACHED, head));
        });
    }

    fn fall_back(&mut self, client: usize) {
        self.tell(client, |client, _| client.handle_fallback_list(of(FALLBACK, json!({}))));
    }
}
