//! Our own client: the core that ships, and nothing else.

use std::sync::Arc;

use evenkeel::RequestId;
use evenkeel::cause::is_final;
use evenkeel::client::{AttemptId, Client, Command, Config, State};
use evenkeel::decision::Assessment;
use evenkeel::time::Instant;

use super::{Act, Agent, News};
use crate::plan::Application;

/// An [`evenkeel::client::Client`].
#[derive(Debug)]
pub struct Core(Client);

/// What all of them share.
#[derive(Debug)]
pub struct CoreShared {
    config: Arc<Config>,
    /// Working space.
    assessment: Assessment,
}

impl CoreShared {
    /// For clients that are set to this.
    pub fn new(config: Config) -> Self {
        Self {
            config: Arc::new(config),
            assessment: Assessment::default(),
        }
    }
}

impl Agent for Core {
    type Shared = CoreShared;

    fn new(shared: &CoreShared, random_seed: u64) -> Self {
        Self(Client::new(shared.config.clone(), random_seed))
    }

    fn tell(&mut self, _: &mut CoreShared, now: Instant, news: News<'_>) {
        let client = &mut self.0;
        match news {
            News::Start => client.handle_start(),
            News::List { request, edition } => {
                client.handle_list(now, RequestId(request), edition.list.clone());
            }
            News::ListFailed { request, failure } => {
                client.handle_list_failed(now, RequestId(request), failure, None);
            }
            News::Opened { attempt } => client.handle_open(now, AttemptId(attempt)),
            News::Closed { attempt, code } => client.handle_closed(now, AttemptId(attempt), code, !is_final(code)),
            other => pass_on(client, now, other),
        }
    }

    fn act(&mut self, shared: &mut CoreShared, now: Instant) -> Option<Act> {
        loop {
            match self.0.poll(now, &mut shared.assessment)? {
                Command::Fetch { request, .. } => return Some(Act::Fetch { request: request.0 }),
                Command::Connect { attempt, decision, .. } => {
                    let list = &self.0.selector().in_force()?.list;
                    // The id of a server is its position in the world (`crate::seed`).
                    let server = list.servers().get(decision.server)?.id.parse().ok()?;
                    return Some(Act::Connect {
                        attempt: attempt.0,
                        server,
                    });
                }
                Command::Prepare { attempt } => return Some(Act::Prepare { attempt: attempt.0 }),
                Command::Beat { attempt } => return Some(Act::Beat { attempt: attempt.0 }),
                Command::Close { attempt } | Command::Retire { attempt } => {
                    return Some(Act::Close { attempt: attempt.0 });
                }
                Command::Abandon { attempt } => return Some(Act::Abandon { attempt: attempt.0 }),
                Command::Migrated { .. } | Command::Lost { moved: Some(_), .. } => return Some(Act::Move),
                // Late answers are ignored by the core itself; the rest is for applications.
                // Nobody here watches.
                Command::Watch { .. }
                | Command::CancelFetch { .. }
                | Command::State(_)
                | Command::Resort { .. }
                | Command::Opened { .. }
                | Command::Lost { .. }
                | Command::Retry(_) => {}
            }
        }
    }

    fn due(&self) -> Instant {
        self.0.poll_timeout().unwrap_or(Instant::NEVER)
    }

    fn is_open(&self) -> bool {
        matches!(self.0.state(), State::Open | State::Migrating)
    }
}

/// Tells a client what neither opens nor ends anything that a driver keeps account of.
pub(super) fn pass_on(client: &mut Client, now: Instant, news: News<'_>) {
    match news {
        News::Dialed { attempt } => client.handle_dialed(now, AttemptId(attempt)),
        News::Prepared { attempt } => client.handle_prepared(now, AttemptId(attempt)),
        News::Unprepared { attempt } => client.handle_unprepared(now, AttemptId(attempt)),
        News::NoCredentials { attempt } => client.handle_credentials_failed(now, AttemptId(attempt)),
        News::Heard { attempt } => client.handle_heard(AttemptId(attempt), now),
        News::Network { online } => client.handle_network(now, online),
        News::Wake => client.handle_wake(now),
        News::Application(Application::Close) => client.handle_close(now),
        News::Application(Application::Reconnect) => client.handle_reconnect(now),
        News::Application(Application::Migrate) => client.handle_migrate(now),
        News::Application(Application::Refresh) => client.handle_refresh(now),
        News::Start
        | News::List { .. }
        | News::ListFailed { .. }
        | News::Opened { .. }
        | News::Closed { .. }
        | News::Asleep
        | News::Look
        | News::Tick => {}
    }
}
