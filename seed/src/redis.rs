//! The registry that several seeds share, in Redis or Valkey.
//!
//! Redis holds one hash, `evenkeel:{PREFIX}`: for each server, and each operator's drain, the last word, when it was said, and
//! until when it is worth keeping, by Redis's own clock: those of seeds and servers do not count. One script writes a batch
//! and publishes it; every seed listens, and reads the whole hash when it comes (back) into touch, and now and then to be
//! sure. A word is only replaced by a later one, so that it does not matter who comes in which order.
//!
//! While Redis is out of reach a seed goes on with what it knows, lists what it hears itself, and marks its lists. What it
//! could not pass on it does when Redis is back: of each server the last word, as old as it is. A Redis that has lost
//! everything is filled again by that and by the next heartbeats; nobody forgets a server because Redis has.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::registry::{KEPT_DRAIN, LAST_COUNT, Word};
use crate::seed::{Change, Link, Seed, Subject};

/// An answer that takes longer is none: lists go out every second.
const PATIENCE: Duration = Duration::from_secs(2);
/// From one look at everything to the next. What was published meanwhile is known already.
const LOOK_AROUND: Duration = Duration::from_secs(10);
/// It is asked so often whether it is still there.
const PULSE: Duration = Duration::from_secs(1);
/// Between two attempts to come back into touch.
const PAUSE: std::ops::Range<f64> = 0.2..1.0;
/// Changes in one call.
const BATCH: usize = 500;
/// So long after the last seed that had heard of all servers what is in Redis is all.
const WHOLE: Duration = Duration::from_secs(10);
/// The longest that a heartbeat is good for.
const LONGEST_TTL: Duration = Duration::from_secs(*crate::report::TTL.end());

/// Writes a batch: ARGV is what the seed takes for the time, how many ms that may be off, and then, for each change, its field,
/// when it was said, how many ms after that it is worth keeping, and its JSON. A batch that was longer on its way is not taken, as its words would be
/// younger than they are. What is older than what is there is left out; the rest is published. What is there from the future
/// was said before the clock was put back, or by the clock of another Redis: any word takes its place.
const STORE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if math.abs(now - tonumber(ARGV[1])) > tonumber(ARGV[2]) then return redis.error_reply('LATE the batch was long on its way') end
local news = {}
for i = 3, #ARGV, 4 do
  local at = math.min(now, tonumber(ARGV[i + 1]))
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  local said = known and tonumber(string.match(known, '^%d+'))
  if not said or said <= at or said > now then
    redis.call('HSET', KEYS[1], ARGV[i],
      string.format('%.0f %.0f %s', at, at + tonumber(ARGV[i + 2]), ARGV[i + 3]))
    news[#news + 1] = ARGV[i]
    news[#news + 1] = string.format('%.0f', at)
    news[#news + 1] = ARGV[i + 3]
  end
end
if #news > 0 then redis.call('PUBLISH', KEYS[1], cjson.encode(news)) end
return #news / 3
";

/// Everything that is worth keeping, as field, when it was said, and JSON each; the rest is deleted. Nobody knows how old a
/// word from the future is: a server's is not kept, which reports again soon, but an operator's drain is.
const READ: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
local kept, old = {}, {}
for i = 1, #all, 2 do
  local at, ends, json = string.match(all[i + 1], '^(%d+) (%d+) (.*)$')
  at = at and tonumber(at)
  if at and at > now and string.sub(all[i], 1, 6) == 'drain ' then at = now end
  if at and at <= now and tonumber(ends) > now then
    kept[#kept + 1] = all[i]
    kept[#kept + 1] = string.format('%.0f', at)
    kept[#kept + 1] = json
  else
    old[#old + 1] = all[i]
  end
end
for i = 1, #old, 1000 do redis.call('HDEL', KEYS[1], unpack(old, i, math.min(i + 999, #old))) end
return kept
";

/// Redis's clock, as a seed last read it. What the two moments differ by makes words older, never younger.
#[derive(Debug, Clone, Copy)]
struct Clock {
    redis: i64,
    asked: Instant,
    answered: Instant,
}

impl Clock {
    /// Reads it.
    async fn read(connection: &mut MultiplexedConnection) -> Result<Self, RedisError> {
        let asked = Instant::now();
        let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(connection).await?;
        Ok(Self {
            redis: seconds.saturating_mul(1_000).saturating_add(micros / 1_000),
            asked,
            answered: Instant::now(),
        })
    }

    /// What it showed then, or a little less, in ms.
    fn at(&self, moment: Instant) -> i64 {
        let signed = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let since = signed(moment.saturating_duration_since(self.answered));
        let before = signed(self.answered.saturating_duration_since(moment));
        self.redis.saturating_add(since).saturating_sub(before)
    }

    /// When it showed that, or a little before.
    fn when(&self, shown: i64) -> Option<Instant> {
        let away = Duration::from_millis(shown.abs_diff(self.redis));
        if shown < self.redis {
            self.asked.checked_sub(away)
        } else {
            // Nothing was said in the future.
            Some(self.asked.checked_add(away)?.min(Instant::now()))
        }
    }
}

/// A change as it is written down.
#[derive(Serialize, Deserialize)]
enum Written {
    Word(Word),
    Drain(bool),
}

/// The registry's address and the hash in it.
#[derive(Debug, Clone)]
pub struct Registry {
    client: Client,
    key: String,
}

impl Registry {
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`. Fleets with different prefixes do not see each other.
    pub fn new(url: &str, prefix: &str) -> Result<Self, Error> {
        let client = Client::open(url).map_err(|error| {
            let remedy = "give --registry as redis://HOST:6379, or memory";
            Error::cannot_start(format!("the registry's URL cannot be used: {error}"), remedy)
        })?;
        Ok(Self {
            client,
            // Braces, so that a cluster keeps what belongs together on one node.
            key: format!("evenkeel:{{{prefix}}}"),
        })
    }

    /// Keeps a seed in touch with the others, until it ends.
    pub async fn keep(self, seed: Arc<Seed>, end: CancellationToken) {
        let _ = end.run_until_cancelled(self.keep_for_ever(&seed)).await;
        // The last words of servers that have just taken their leave.
        let farewell = async {
            let mut connection = self.connect().await?;
            let clock = Clock::read(&mut connection).await?;
            self.send(&seed, &mut connection, clock).await
        };
        let _ = timeout(PATIENCE, farewell).await;
    }

    async fn keep_for_ever(&self, seed: &Seed) {
        let mut told = false;
        loop {
            let outcome = self.stay_in_touch(seed).await;
            // Once for each spell: until it is back, nothing is new.
            let was_in_touch = seed.link() == Link::Connected;
            if was_in_touch || !told {
                match outcome {
                    Ok(()) => tracing::warn!("the registry has hung up: lists are marked until it is back"),
                    Err(error) => {
                        let address = self.client.get_connection_info().addr();
                        tracing::warn!(%address, %error, "the registry is out of reach: lists are marked until it is back");
                    }
                }
            }
            told = true;
            seed.cut_off();
            sleep(Duration::from_secs_f64(
                PAUSE.start + (PAUSE.end - PAUSE.start) * fastrand::f64(),
            ))
            .await;
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Until the registry is out of reach.
    async fn stay_in_touch(&self, seed: &Seed) -> Result<(), RedisError> {
        let mut connection = self.connect().await?;
        // First listen, then look: nothing falls between the two.
        let mut pubsub = within(self.client.get_async_pubsub()).await?;
        within(pubsub.subscribe(&self.key)).await?;
        let (mut subscription, mut news) = pubsub.split();
        let mut look_around = interval(LOOK_AROUND);
        look_around.tick().await;
        let mut pulse = interval(PULSE);
        let mut clock = Clock::read(&mut connection).await?;
        self.look(seed, &mut connection, clock).await?;
        if redis::cmd("EXISTS")
            .arg(self.whole())
            .query_async(&mut connection)
            .await?
        {
            seed.caught_up();
        }
        tracing::info!("in touch with the registry");
        // It may have lost what it was told before.
        seed.tell_all();
        self.send(seed, &mut connection, clock).await?;
        loop {
            tokio::select! {
                message = news.next() => match message {
                    Some(message) => seed.hear(heard(&message.get_payload::<String>().unwrap_or_default(), clock)),
                    None => return Ok(()),
                },
                () = seed.outgoing.notified() => self.send(seed, &mut connection, clock).await?,
                _ = look_around.tick() => self.look(seed, &mut connection, clock).await?,
                _ = pulse.tick() => {
                    clock = Clock::read(&mut connection).await?;
                    // The other connection may have died in silence. To subscribe once more is to be answered through it.
                    within(subscription.subscribe(&self.key)).await?;
                    seed.in_touch();
                    if seed.not_ready_for().is_zero() {
                        let () = redis::cmd("SET")
                            .arg(self.whole())
                            .arg("yes")
                            .arg("PX")
                            .arg(milliseconds(WHOLE))
                            .query_async(&mut connection)
                            .await?;
                    }
                }
            }
        }
    }

    /// Where seeds that have heard of all servers say so: what a seed has just begun to hear is not all there is.
    fn whole(&self) -> String {
        format!("{}:whole", self.key)
    }

    /// Hears all that there is.
    async fn look(&self, seed: &Seed, connection: &mut MultiplexedConnection, clock: Clock) -> Result<(), RedisError> {
        let all: Vec<String> = Script::new(READ).key(&self.key).invoke_async(connection).await?;
        seed.hear(read(&all, clock));
        seed.in_touch();
        Ok(())
    }

    /// Passes on what is to go out; what does not arrive stays to be.
    async fn send(&self, seed: &Seed, connection: &mut MultiplexedConnection, clock: Clock) -> Result<(), RedisError> {
        let mut rest = seed.take_outgoing();
        while !rest.is_empty() {
            let batch: Vec<_> = rest.iter().take(BATCH).collect();
            let fields: Vec<Subject> = batch.iter().map(|(subject, _)| (*subject).clone()).collect();
            let outcome = self.store(&batch, connection, clock).await;
            if let Err(error) = outcome {
                seed.put_back(rest);
                return Err(error);
            }
            for field in fields {
                rest.remove(&field);
            }
        }
        Ok(())
    }

    async fn store(
        &self,
        batch: &[(&Subject, &(Instant, Change))],
        connection: &mut MultiplexedConnection,
        clock: Clock,
    ) -> Result<(), RedisError> {
        let script = Script::new(STORE);
        let mut call = script.key(&self.key);
        call.arg(clock.at(Instant::now())).arg(milliseconds(PATIENCE));
        for (subject, (at, change)) in batch {
            let (keep, written) = match change {
                Change::Word(word) => (kept(word), Written::Word(word.clone())),
                Change::Drain(drained) => (KEPT_DRAIN, Written::Drain(*drained)),
            };
            // Everything in it has a JSON form.
            let json = serde_json::to_string(&written).unwrap_or_default();
            call.arg(field(subject))
                .arg(clock.at(*at))
                .arg(milliseconds(keep))
                .arg(json);
        }
        call.invoke_async(connection).await
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    match timeout(PATIENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// So long after it was said a word is of use to a seed that knows nothing yet.
fn kept(word: &Word) -> Duration {
    match word {
        Word::Heard { ttl, .. } => *ttl + LAST_COUNT,
        Word::Left { ttl, .. } => LAST_COUNT.max(*ttl),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn field(subject: &Subject) -> String {
    match subject {
        Subject::Word(id) => format!("server {id}"),
        Subject::Drain(id) => format!("drain {id}"),
    }
}

fn subject(field: &str) -> Option<Subject> {
    match field.split_once(' ')? {
        ("server", id) => Some(Subject::Word(id.to_owned())),
        ("drain", id) => Some(Subject::Drain(id.to_owned())),
        _ => None,
    }
}

/// What a message says.
fn heard(message: &str, clock: Clock) -> Vec<(Subject, Instant, Change)> {
    read(&serde_json::from_str::<Vec<String>>(message).unwrap_or_default(), clock)
}

/// Reads fields, when they were said, and words. What cannot be read, of a newer seed's perhaps, is left out.
fn read(all: &[String], clock: Clock) -> Vec<(Subject, Instant, Change)> {
    let (triples, _) = all.as_chunks::<3>();
    triples
        .iter()
        .filter_map(|[field, said, json]| {
            let at = clock.when(said.parse().ok()?)?;
            let change = match serde_json::from_str(json).ok()? {
                // What no seed has written.
                Written::Word(Word::Heard { ttl, .. } | Word::Left { ttl, .. }) if ttl > LONGEST_TTL => return None,
                Written::Word(word) => Change::Word(word),
                Written::Drain(drained) => Change::Drain(drained),
            };
            Some((subject(field)?, at, change))
        })
        .collect()
}
