//! A fleet for one test, a client of it, and a limit to how long both may take.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic;
use std::pin::{Pin, pin};
use std::sync::Once;
use std::task::Poll;

use evenkeel::web::core::Core;
use gloo_net::http::{Method, RequestBuilder};
use js_sys::{JSON, Promise, Reflect};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::console_error;

#[wasm_bindgen(module = "/tests/web/host.js")]
extern "C" {
    type Host;
    #[wasm_bindgen(constructor)]
    fn new(setup: &str) -> Host;
    #[wasm_bindgen(method, getter)]
    fn settings(this: &Host) -> JsValue;
    #[wasm_bindgen(method)]
    fn employ(this: &Host, driver: &Driver);
    #[wasm_bindgen(method)]
    fn dismiss(this: &Host);
    #[wasm_bindgen(method)]
    fn now(this: &Host) -> f64;
    #[wasm_bindgen(method)]
    fn on(this: &Host, cue: &str, action: &str);
    #[wasm_bindgen(method)]
    fn send(this: &Host, message: &JsValue);
    #[wasm_bindgen(method)]
    fn flow(this: &Host, millis: f64);
    #[wasm_bindgen(method)]
    fn ebb(this: &Host);
    #[wasm_bindgen(method)]
    fn flowed(this: &Host) -> String;
    #[wasm_bindgen(method)]
    fn connections(this: &Host) -> String;
    #[wasm_bindgen(method)]
    fn happened(this: &Host, kind: &str, times: usize) -> Promise;
    #[wasm_bindgen(method)]
    fn count(this: &Host, kind: &str) -> usize;
    #[wasm_bindgen(method)]
    fn records(this: &Host, kind: Option<&str>) -> String;
    #[wasm_bindgen(method)]
    fn record(this: &Host, kind: &str, times: usize) -> String;

    /// Whether this browser tells of the close code 1012.
    #[wasm_bindgen(js_name = hears1012)]
    pub fn hears_1012() -> bool;
    /// Whether this browser opens one connection to an address while another one hangs.
    #[wasm_bindgen(js_name = opensSeveralAtOnce)]
    pub(crate) fn opens_several_at_once() -> bool;
    #[wasm_bindgen(js_name = sleep)]
    fn sleep_for(millis: f64) -> Promise;
    fn forget();
    fn story() -> String;
    fn enter(scene: &str);
    fn entered() -> String;
    /// How many timers are set, those of the tests not counted.
    #[wasm_bindgen(js_name = timersSet)]
    pub(crate) fn timers_set() -> u32;
    /// Holds up all timers but those of the tests, or lets those go off that are due.
    #[wasm_bindgen(js_name = holdTimers)]
    pub(crate) fn hold_timers(hold: bool);
    #[wasm_bindgen(js_name = listeners)]
    fn listeners_as_json() -> String;
    /// Something happens to the page or the network, as the platform tells it.
    pub(crate) fn happen(kind: &str);
    /// The machine has slept for so many milliseconds.
    pub(crate) fn oversleep(millis: f64);
}

#[wasm_bindgen(module = "/target/web-tests/driver.js")]
extern "C" {
    /// The driver as it ships.
    type Driver;
    #[wasm_bindgen(constructor)]
    fn new(core: &JsValue, face: &Host, settings: &JsValue) -> Driver;
    #[wasm_bindgen(method, catch)]
    fn start(this: &Driver) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn close(this: &Driver, code: Option<u16>, reason: &str);
    #[wasm_bindgen(method)]
    fn reconnect(this: &Driver);
    #[wasm_bindgen(method)]
    fn migrate(this: &Driver);
    #[wasm_bindgen(method)]
    fn refresh(this: &Driver);
    #[wasm_bindgen(method, catch)]
    fn update(this: &Driver, document: &JsValue, base: Option<&str>) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn state(this: &Driver) -> u8;
    #[wasm_bindgen(method)]
    fn servers(this: &Driver) -> JsValue;
    #[wasm_bindgen(method)]
    fn snapshot(this: &Driver) -> JsValue;
}

/// A core as JavaScript has it: the glue's object.
pub(crate) fn core(random_seed: f64) -> JsValue {
    Core::new(random_seed, 0, &[], 0, None).into()
}

thread_local! {
    /// How many were made.
    static FLEETS: Cell<u32> = const { Cell::new(0) };
}

/// Tests by their names.
macro_rules! named {
    ($($test:ident),+ $(,)?) => {
        vec![$((stringify!($test), Box::pin($test()) as $crate::web::support::Waiting)),+]
    };
}
pub(crate) use named;

/// A test that mostly waits.
pub(crate) type Waiting = Pin<Box<dyn Future<Output = ()>>>;

/// The same by its name.
pub(crate) type Named = (&'static str, Waiting);

/// In seconds, longer than the clients' minimum uptime: what ends after it was a good connection.
pub(crate) const STABLE: f64 = 0.4;

/// Runs tests that mostly wait at once: they take no longer than the longest of them. None may look at what they have in
/// common (timers, listeners, clocks, memory), nor have a handshake hang: Firefox opens one connection to an address at a
/// time.
pub(crate) async fn run_at_once(tests: impl IntoIterator<Item = Vec<Named>>) {
    tell_the_story_of_failures();
    forget();
    let mut tests: Vec<_> = tests.into_iter().flatten().collect();
    poll_fn(|context| {
        tests.retain_mut(|(name, test)| {
            enter(name);
            let is_over = test.as_mut().poll(context).is_ready();
            enter("");
            !is_over
        });
        if tests.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Shows that nobody has left a timer or a listener.
fn assert_nothing_is_left() {
    assert_eq!((timers_set(), listeners()), (0, json!({})));
}

/// Runs a test with a fleet of these servers. Nothing of its clients may be left at the end. It fails when it takes longer than so many seconds, so that the others still
/// get their turn; a failure is told with all that had happened.
pub(crate) async fn with_fleet(limit: f64, servers: Value, test: impl AsyncFnOnce(&Fleet)) {
    tell_the_story_of_failures();
    if entered().is_empty() {
        forget();
    }
    let began = js_sys::Date::now();
    let mut test = pin!(async {
        let fleet = Fleet::of(servers).await;
        test(&fleet).await;
        fleet.empties().await;
        fleet.remove().await;
    });
    let mut alarm = pin!(sleep(limit));
    let in_time = poll_fn(|context| match test.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => alarm.as_mut().poll(context).map(|()| false),
    });
    assert!(in_time.await, "this takes more than {limit} s");
    if entered().is_empty() {
        assert_nothing_is_left();
    }
    wasm_bindgen_test::console_log!(
        "TOOK {} of {limit} {}",
        (js_sys::Date::now() - began) / 1000.0,
        entered()
    );
}

fn tell_the_story_of_failures() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            console_error!("what had happened: {}\n{}", entered(), story());
            enter("");
            report(panic);
        }));
    });
}

/// Waits for so many seconds.
pub(crate) async fn sleep(secs: f64) {
    settled(sleep_for(secs * 1000.0)).await;
}

/// Waits until something is true.
pub(crate) async fn until(mut is_true: impl AsyncFnMut() -> bool) {
    while !is_true().await {
        sleep(0.01).await;
    }
}

async fn settled(promise: Promise) {
    JsFuture::from(promise)
        .await
        .expect("no promise of the host is rejected");
}

/// Two groups, three servers and two.
pub(crate) fn two_groups() -> Value {
    json!([{ "count": 3 }, { "count": 2, "priority": 1 }])
}

/// A server that attracts every client, and behaves like this, beside one that is well.
pub(crate) fn lure(behaviour: Value) -> Value {
    let mut lure = json!({ "id": "lure", "behaviour": behaviour });
    lure["behaviour"]["report"] = json!(0);
    json!([lure, { "id": "well", "baseUsers": 60 }])
}

/// Real servers, of one test alone.
pub(crate) struct Fleet {
    control: String,
    /// The address of its list.
    pub(crate) list: String,
    /// `id` and `url` of each server.
    pub(crate) servers: Vec<Value>,
}

impl Fleet {
    /// Another fleet than that of the test; whoever makes it removes it.
    pub(crate) async fn of(servers: Value) -> Self {
        let fleets = env!("EVENKEEL_FLEET");
        // The list is made often and deaths are noticed soon, so that tests wait for the client only.
        // A name of our own: of two fleets made at once, both would be given the same one.
        let name = format!("test-{}", FLEETS.replace(FLEETS.get() + 1));
        let spec = json!({ "name": name, "servers": servers, "refresh": 50, "detection": 200, "ttl": 1 });
        let made = request(Method::POST, &format!("{fleets}/fleets"), &spec).await;
        Self {
            control: text(&made["control"]),
            list: text(&made["list"]),
            servers: made["servers"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// Changes how one server behaves.
    pub(crate) async fn tell(&self, id: &str, change: Value) {
        request(Method::PATCH, &format!("{}/servers/{id}", self.control), &change).await;
    }

    /// Changes how all servers of a group behave.
    pub(crate) async fn tell_group(&self, priority: u8, change: Value) {
        let url = format!("{}/servers?priority={priority}", self.control);
        request(Method::PATCH, &url, &change).await;
    }

    /// Changes how the list behaves.
    pub(crate) async fn tell_list(&self, change: Value) {
        request(Method::PATCH, &format!("{}/list", self.control), &change).await;
    }

    /// Has a server close its connections.
    pub(crate) async fn close(&self, id: &str, code: u16, reason: &str) {
        let order = json!({ "code": code, "reason": reason });
        request(Method::POST, &format!("{}/servers/{id}/close", self.control), &order).await;
    }

    /// What is true of one server.
    pub(crate) async fn server(&self, id: &str) -> Value {
        let servers = self.truth().await;
        let server = servers.into_iter().find(|server| server["id"] == id);
        server.expect("the fleet has this server")
    }

    /// The list, as a seed would give it now.
    pub(crate) async fn document(&self) -> Value {
        request(Method::GET, &self.list, &Value::Null).await
    }

    /// All connections that the servers have.
    pub(crate) async fn connections(&self) -> u64 {
        let servers = self.truth().await;
        servers.iter().filter_map(|server| server["connections"].as_u64()).sum()
    }

    /// Waits until the servers have so many connections.
    pub(crate) async fn has_connections(&self, number: u64) {
        until(async || self.connections().await == number).await;
    }

    /// Waits until nobody is connected any more, the servers being well.
    async fn empties(&self) {
        request(Method::POST, &format!("{}/reset", self.control), &Value::Null).await;
        self.has_connections(0).await;
    }

    async fn truth(&self) -> Vec<Value> {
        let state = request(Method::GET, &self.control, &Value::Null).await;
        state["servers"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) async fn remove(self) {
        request(Method::DELETE, &self.control, &Value::Null).await;
    }
}

async fn request(method: Method, url: &str, body: &Value) -> Value {
    let what = format!("{method} {url} {body}");
    let request = RequestBuilder::new(url).method(method);
    let sent = match body {
        Value::Null => request.send().await,
        body => {
            let request = request.body(body.to_string()).expect("this request may have a body");
            request.send().await
        }
    };
    let response = sent.unwrap_or_else(|error| panic!("{what}: {error}"));
    let answer = response.text().await.expect("an answer of the fleet is text");
    assert!(response.ok(), "{what}: {} {answer}", response.status());
    serde_json::from_str(&answer).unwrap_or_default()
}

/// A driver, and the host that plays the face before it.
pub(crate) struct Client {
    host: Host,
    driver: Driver,
}

impl Client {
    /// A client of this fleet's list, started.
    pub(crate) fn of(fleet: &Fleet) -> Self {
        Self::with(fleet, json!({}))
    }

    /// The same, set up in another way: see the host's constructor.
    pub(crate) fn with(fleet: &Fleet, mut setup: Value) -> Self {
        if setup["seeds"].is_null() {
            setup["seeds"] = json!([{ "url": fleet.list }]);
        }
        let client = Self::idle(setup);
        client.start();
        client
    }

    /// A client that was not started.
    pub(crate) fn idle(setup: Value) -> Self {
        let host = Host::new(&setup.to_string());
        let class = Reflect::get(&core(0.0), &"constructor".into()).expect("every object has one");
        let driver = Driver::new(&class, &host, &host.settings());
        host.employ(&driver);
        Self { host, driver }
    }

    pub(crate) fn start(&self) {
        self.try_start().expect("there is no fixed list, or it can be used");
    }

    /// Starts, or gives the code of what keeps it from that.
    pub(crate) fn try_start(&self) -> Result<(), String> {
        self.driver.start().map_err(|error| code_of(&error))
    }

    pub(crate) fn close(&self, code: Option<u16>, reason: &str) {
        self.driver.close(code, reason);
    }

    pub(crate) fn reconnect(&self) {
        self.driver.reconnect();
    }

    pub(crate) fn migrate(&self) {
        self.driver.migrate();
    }

    pub(crate) fn refresh(&self) {
        self.driver.refresh();
    }

    /// Gives it a list of the application's own.
    pub(crate) fn update(&self, document: &Value) -> Result<(), String> {
        let updated = self.driver.update(&js(document), None);
        updated.map_err(|code| code_of(&code))
    }

    /// Has the application call this method of the driver when the next record of this type, or state, is made.
    pub(crate) fn on(&self, cue: &str, action: &str) {
        self.host.on(cue, action);
    }

    pub(crate) fn free(self) {
        self.host.dismiss();
    }

    /// The position of its state in the contract's list of states.
    pub(crate) fn state(&self) -> u8 {
        self.driver.state()
    }

    pub(crate) fn servers(&self) -> Value {
        plain(&self.driver.servers())
    }

    pub(crate) fn snapshot(&self) -> Value {
        plain(&self.driver.snapshot())
    }

    /// Sends a message by the socket that the face got.
    pub(crate) fn send(&self, message: impl Into<JsValue>) {
        self.host.send(&message.into());
    }

    /// Sends the texts "0", "1", "2", … from now on, so many milliseconds apart, until [`flowed`](Self::flowed) is called.
    pub(crate) fn flow(&self, millis: f64) {
        self.host.flow(millis);
    }

    /// Ends the flow, and shows that nothing of it and of the servers' feeds was lost or repeated, and that each
    /// connection kept the order. Every text was echoed: so it waits for them all.
    pub(crate) async fn flowed(&self) -> Flowed {
        self.host.ebb();
        let mut flowed = Flowed::of(&parsed(&self.host.flowed()));
        while flowed.echoes.len() < flowed.sent {
            sleep(0.01).await;
            flowed = Flowed::of(&parsed(&self.host.flowed()));
        }
        flowed.echoes.sort_unstable();
        let sent: Vec<usize> = (0..flowed.sent).collect();
        assert_eq!(flowed.echoes, sent, "each comes back once");
        flowed
    }

    /// Of each connection that was dialled, in order, its server's id.
    pub(crate) fn dialled(&self) -> Vec<String> {
        let connections = list(&self.host.connections());
        connections
            .iter()
            .map(|connection| text(&connection["server"]))
            .collect()
    }

    /// The events that the nth socket dialled has fired by itself.
    pub(crate) fn events(&self, nth: usize) -> Vec<Value> {
        let connection = list(&self.host.connections()).swap_remove(nth - 1);
        connection["events"].as_array().cloned().expect("events are a list")
    }

    /// Waits until the nth socket dialled is closed, whether that is heard or not.
    pub(crate) async fn socket_closes(&self, nth: usize) -> Value {
        until(async || self.events(nth).iter().any(|event| event["type"] == "close")).await;
        self.events(nth).pop().expect("there is a last one")
    }

    /// The time on the clock of the records.
    pub(crate) fn now(&self) -> f64 {
        self.host.now()
    }

    /// Waits for the first record of this type.
    pub(crate) async fn sees(&self, kind: &str) -> Value {
        self.sees_nth(kind, 1).await
    }

    /// Waits for so many records of this type, and gives the last of them.
    pub(crate) async fn sees_nth(&self, kind: &str, nth: usize) -> Value {
        settled(self.host.happened(kind, nth)).await;
        parsed(&self.host.record(kind, nth))
    }

    /// Waits until it is connected, and gives the server's id.
    pub(crate) async fn opens(&self) -> String {
        text(&self.sees("opened").await["server"]["id"])
    }

    /// Closes it, and waits for the end.
    pub(crate) async fn ends(&self) -> Value {
        self.close(None, "");
        until(async || self.state() == CLOSED).await;
        let mut closed = self.all("closed");
        closed.pop().expect("the end was told")
    }

    /// How many records of this type there are.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.host.count(kind)
    }

    /// All records of this type.
    pub(crate) fn all(&self, kind: &str) -> Vec<Value> {
        list(&self.host.records(Some(kind)))
    }

    /// The types of all records, in order; states by their names.
    pub(crate) fn course(&self) -> Vec<String> {
        let records = list(&self.host.records(None));
        let name = |record: &Value| text(record.get("state").unwrap_or(&record["type"]));
        records.iter().map(name).collect()
    }
}

/// What has become of a flow.
pub(crate) struct Flowed {
    /// So many texts were sent.
    pub(crate) sent: usize,
    /// So many were not, for want of a connection.
    pub(crate) unsent: usize,
    /// The longest time between two arrivals, in milliseconds.
    pub(crate) longest_gap: f64,
    echoes: Vec<usize>,
}

impl Flowed {
    fn of(told: &Value) -> Self {
        let numbers = |value: &Value| value.as_u64().expect("a count") as usize;
        let arrivals: Vec<f64> = told["arrivals"]
            .as_array()
            .expect("a list")
            .iter()
            .map(number)
            .collect();
        let gaps = arrivals.windows(2).map(|pair| pair[1] - pair[0]);
        let mut echoes = Vec::new();
        for connection in told["connections"].as_array().expect("a list") {
            let texts = |name: &str| {
                let texts = connection[name].as_array().expect("a list").iter().map(text);
                texts.collect::<Vec<_>>()
            };
            let (prepared, arrived) = (texts("prepared"), texts("arrived"));
            assert!(
                arrived.iter().all(|text| text != "login"),
                "it was not for the application"
            );
            let all = prepared.iter().chain(&arrived);
            let feed = all.filter_map(|text| text.strip_prefix(r#"{"feed":"#)?.strip_suffix('}')?.parse().ok());
            let feed: Vec<usize> = feed.collect();
            assert_eq!(
                feed,
                (0..feed.len()).collect::<Vec<_>>(),
                "the feed of {}",
                connection["server"]
            );
            let echoed: Vec<usize> = arrived.iter().filter_map(|text| text.parse().ok()).collect();
            assert!(echoed.is_sorted(), "{} echoes {echoed:?}", connection["server"]);
            echoes.extend(echoed);
        }
        Self {
            sent: numbers(&told["sent"]),
            unsent: numbers(&told["unsent"]),
            longest_gap: gaps.fold(0.0, f64::max),
            echoes,
        }
    }
}

// States, by their positions in the contract's list.
pub(crate) const OPEN: u8 = 2;
pub(crate) const RECONNECTING: u8 = 3;
pub(crate) const MIGRATING: u8 = 4;
pub(crate) const OFFLINE: u8 = 5;
pub(crate) const CLOSING: u8 = 6;
pub(crate) const CLOSED: u8 = 7;

/// Milliseconds from one record to another.
pub(crate) fn between(earlier: &Value, later: &Value) -> f64 {
    number(&later["at"]) - number(&earlier["at"])
}

pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

pub(crate) fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no string"));
    text.to_owned()
}

/// What is left of a value as JSON: all of it, if it is plain.
pub(crate) fn plain(value: &JsValue) -> Value {
    let json = JSON::stringify(value).expect("it can be written as JSON");
    parsed(&String::from(json))
}

/// A value as JavaScript has it; null is undefined there: nothing said.
pub(crate) fn js(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::UNDEFINED,
        value => JSON::parse(&value.to_string()).expect("it is JSON"),
    }
}

/// What was thrown: a code, or an error that has one.
pub(crate) fn code_of(thrown: &JsValue) -> String {
    let code = Reflect::get(thrown, &"code".into()).unwrap_or_default();
    thrown.as_string().or(code.as_string()).expect("codes are strings")
}

/// How many listeners there are beyond sockets and requests, by the events that they listen to.
pub(crate) fn listeners() -> Value {
    parsed(&listeners_as_json())
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn list(json: &str) -> Vec<Value> {
    serde_json::from_str(json).expect("records are a list")
}

/// Σ of `probability`, of 0 servers or more.
pub(crate) fn total_probability(servers: &Value) -> f64 {
    let servers = servers.as_array().expect("servers are a list");
    servers.iter().map(|server| number(&server["probability"])).sum()
}
