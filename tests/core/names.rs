//! The names that applications are told, as the documents have them: other names would break whoever compares with them.

use evenkeel::cause::{Cause, SeedFailure};
use evenkeel::client::{MoveReason, RetryCause, State};
use evenkeel::decision::Exclusion;
use evenkeel::selector::Reason;

#[test]
fn states_causes_and_reasons_have_the_names_that_applications_compare_with() {
    assert_eq!(
        State::ALL.map(State::name),
        [
            "idle",
            "connecting",
            "open",
            "reconnecting",
            "migrating",
            "offline",
            "closing",
            "closed"
        ]
    );
    let causes = ["overload", "sent-away", "refused", "short-lived", "crash", "local"];
    assert_eq!(Cause::ALL.map(Cause::name), causes);
    let seeds = [
        (SeedFailure::Timeout, "seed-timeout"),
        (SeedFailure::Unreachable, "seed-unreachable"),
        (SeedFailure::Overloaded, "seed-overloaded"),
        (SeedFailure::Expired, "seed-expired"),
        (SeedFailure::Forbidden, "seed-forbidden"),
        (SeedFailure::Status, "seed-status"),
        (SeedFailure::BadList, "seed-bad-list"),
    ];
    for (failure, name) in seeds {
        assert_eq!(failure.name(), name);
    }
    let names = seeds.map(|(_, name)| name);
    let others = ["nothing-eligible", "credentials"];
    let expected: Vec<&str> = causes.into_iter().chain(names).chain(others).collect();
    assert_eq!(RetryCause::ALL.map(RetryCause::name)[..], expected);
    assert_eq!(
        MoveReason::ALL.map(MoveReason::name),
        [
            "drain",
            "failback",
            "rebalance",
            "affinity",
            "requested",
            "wake",
            "return"
        ]
    );
    assert_eq!(
        Reason::ALL.map(Reason::name),
        ["preferred", "spill", "failover", "guess", "return"]
    );
    assert_eq!(
        Exclusion::ALL.map(Exclusion::name),
        ["unavailable", "draining", "lost", "ejected", "overloaded", "current"]
    );
}
