//! One connection in the browser, from its start to its end.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use gloo_net::http::Response;
use js_sys::{Array, Function};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, CloseEvent, Event, WebSocket};

use super::answer::{envelope, failure, read_document, refusal};
use super::face::{Face, Settings, clear_timeout, monotonic_now, random_seed, set_timeout};
use super::view::{self, Closing, Document};
use crate::cause::{SeedFailure, is_final};
use crate::client::{AttemptId, Client, Command, Config, RetryCause, State};
use crate::decision::Assessment;
use crate::list::read::Envelope;
use crate::seeds::RequestId;
use crate::selector::Decision;
use crate::time::{Duration, Instant};

/// The longest delay that `setTimeout` takes for what it is; a longer wait is slept in parts.
const LONGEST_TIMER: f64 = 2_147_483_647.0;

/// The connection behind a `BalancedWebSocket`.
#[wasm_bindgen]
pub struct Driver(Rc<Inner>);

struct Inner {
    face: Face,
    bases: Array,
    core: RefCell<Core>,
    /// The socket of the present attempt or connection.
    link: RefCell<Option<Link>>,
    /// How the last connection ended, until the application has been told.
    closing: RefCell<Option<Closing>>,
    /// What the application gave to `close()`.
    farewell: RefCell<(Option<u16>, String)>,
    /// The request in flight, and which seed it went to.
    request: RefCell<Option<(AbortController, u16)>>,
    /// What went wrong with the last answer of a seed.
    seed_error: RefCell<JsValue>,
    timer: RefCell<Option<(JsValue, Instant)>>,
    /// Commands are being carried out further up the stack; whoever comes in meanwhile leaves the rest to it.
    pumping: Cell<bool>,
    handlers: OnceCell<Handlers>,
}

/// What the present list and the client's state are made of. Never borrowed while JavaScript is called.
struct Core {
    client: Client,
    assessment: Assessment,
    document: Option<Rc<Document>>,
}

struct Link {
    attempt: AttemptId,
    socket: WebSocket,
    server: JsValue,
    errored: bool,
}

/// One set for all sockets, one after the other, of a driver: an event tells by its target which one it is about.
struct Handlers {
    open: Closure<dyn FnMut(Event)>,
    error: Closure<dyn FnMut(Event)>,
    close: Closure<dyn FnMut(CloseEvent)>,
    timer: Closure<dyn FnMut()>,
}

#[wasm_bindgen]
impl Driver {
    /// A driver in the state `idle`.
    ///
    /// # Errors
    ///
    /// Throws a code if a fixed list is given that cannot be used.
    #[wasm_bindgen(constructor)]
    pub fn new(face: Face, settings: &Settings) -> Result<Driver, JsValue> {
        let config = Config {
            seeds: settings.seeds(),
            seed_timeout: Duration::from_millis(settings.seed_timeout()),
            connect_timeout: Duration::from_millis(settings.connect_timeout()),
            min_uptime: Duration::from_millis(settings.min_uptime()),
            close_timeout: Duration::from_millis(settings.close_timeout()),
        };
        let inner = Rc::new(Inner {
            face,
            bases: settings.bases(),
            core: RefCell::new(Core {
                client: Client::new(config, random_seed(settings.random_seed())),
                assessment: Assessment::default(),
                document: None,
            }),
            link: RefCell::default(),
            closing: RefCell::default(),
            farewell: RefCell::default(),
            request: RefCell::default(),
            seed_error: RefCell::default(),
            timer: RefCell::default(),
            pumping: Cell::new(false),
            handlers: OnceCell::new(),
        });
        let _ = inner.handlers.set(Handlers::new(&Rc::downgrade(&inner)));
        let fixed = settings.fixed();
        if !fixed.is_undefined() {
            inner
                .take_list(None, &fixed, Envelope::default(), 0)
                .map_err(JsValue::from_str)?;
        }
        Ok(Self(inner))
    }

    /// Leaves `idle`.
    pub fn start(&self) {
        self.0.with_client(Client::handle_start);
        self.0.pump();
    }

    /// Closes for good; the arguments are those of `WebSocket.close()`, checked.
    pub fn close(&self, code: Option<u16>, reason: String) {
        self.0.farewell.replace((code, reason));
        self.0.with_client(|client| client.handle_close(now()));
        self.0.pump();
    }

    /// Drops the present connection, attempt or wait, and decides anew.
    pub fn reconnect(&self) {
        let closing = self.0.client(|client| client.state() == State::Open).then(|| Closing {
            code: 1000,
            was_clean: true,
            errored: false,
            ..Closing::abnormal()
        });
        self.0.closing.replace(closing);
        self.0.with_client(Client::handle_reconnect);
        self.0.pump();
    }

    /// A seed has answered: the response, where there was one, and the document, where there is one.
    pub fn answered(&self, request: u32, response: Option<web_sys::Response>, document: &JsValue) {
        self.0
            .answered(RequestId(request), response.map(Response::from), document);
        self.0.pump();
    }

    /// A seed could not be asked, or its answer not be read.
    pub fn unanswered(&self, request: u32, code: &str) {
        self.0.list_failed(RequestId(request), failure(code), None, code);
        self.0.pump();
    }

    /// Where the client stands: the position in the contract's list of states.
    pub fn state(&self) -> u8 {
        match self.0.client(Client::state) {
            State::Idle => 0,
            State::Connecting => 1,
            State::Open => 2,
            State::Reconnecting => 3,
            State::Closing => 6,
            State::Closed => 7,
        }
    }

    /// The list as the client sees it now.
    pub fn servers(&self) -> Array {
        self.0.servers()
    }

    /// Everything that a report of a fault needs.
    pub fn snapshot(&self) -> JsValue {
        let servers = self.0.servers();
        let core = self.0.core.borrow();
        view::snapshot(&core.client, core.document.as_deref(), servers, now())
    }
}

impl Handlers {
    fn new(inner: &Weak<Inner>) -> Self {
        fn on<E>(inner: &Weak<Inner>, handle: fn(&Inner, E)) -> impl FnMut(E) + use<E> {
            let inner = Weak::clone(inner);
            move |event| {
                if let Some(inner) = inner.upgrade() {
                    handle(&inner, event);
                }
            }
        }
        let mut wake = on(inner, |inner, ()| inner.wake());
        Self {
            open: Closure::new(on(inner, Inner::on_open)),
            error: Closure::new(on(inner, Inner::on_error)),
            close: Closure::new(on(inner, Inner::on_close)),
            timer: Closure::new(move || wake(())),
        }
    }
}

impl Inner {
    fn client<T>(&self, ask: impl FnOnce(&Client) -> T) -> T {
        ask(&self.core.borrow().client)
    }

    /// Hands an event to the core; it is not borrowed any more when this returns.
    fn with_client<T>(&self, tell: impl FnOnce(&mut Client) -> T) -> T {
        tell(&mut self.core.borrow_mut().client)
    }

    /// Carries out what is to be done, and sets the timer for what is to be done later.
    fn pump(&self) {
        if self.pumping.replace(true) {
            return;
        }
        loop {
            let command = {
                let core = &mut *self.core.borrow_mut();
                core.client.poll(now(), &mut core.assessment)
            };
            let Some(command) = command else { break };
            self.carry_out(command);
        }
        self.pumping.set(false);
        self.set_timer();
    }

    fn carry_out(&self, command: Command) {
        match command {
            Command::State(_) => self.face.changed(),
            Command::Fetch { request, seed } => self.fetch(request, seed),
            Command::CancelFetch { .. } => self.cancel_fetch(),
            Command::Connect { attempt, decision } => self.connect(attempt, &decision),
            Command::Opened { attempt } => {
                let link = self
                    .link
                    .borrow()
                    .as_ref()
                    .filter(|link| link.attempt == attempt)
                    .map(Link::parts);
                if let Some((socket, server)) = link {
                    self.face.opened(&socket, &server);
                }
            }
            Command::Close { .. } => self.say_farewell(),
            Command::Abandon { .. } => self.drop_link(),
            Command::Lost { is_final } => {
                let closing = self.closing.take().unwrap_or_else(Closing::abnormal);
                self.face.closed(&closing.view(is_final));
            }
            Command::Retry(retry) => {
                let code = match retry.cause {
                    RetryCause::Seed(_) => self.seed_error.take(),
                    _ => JsValue::UNDEFINED,
                };
                self.face.emit("retry", &view::retry(&retry, code));
            }
        }
    }

    fn fetch(&self, request: RequestId, seed: u16) {
        // An `AbortController` can be had wherever `fetch` can.
        if let Ok(controller) = AbortController::new() {
            let signal = controller.signal();
            self.request.replace(Some((controller, seed)));
            self.face.ask(seed, request.0, &signal);
        }
    }

    fn cancel_fetch(&self) {
        if let Some((controller, _)) = self.request.take() {
            controller.abort();
        }
    }

    fn answered(&self, request: RequestId, response: Option<Response>, document: &JsValue) {
        if let Some(response) = response.as_ref().filter(|response| !response.ok()) {
            let (failure, retry_after) = refusal(response);
            return self.list_failed(request, failure, retry_after, failure.name());
        }
        let seed = self.request.borrow().as_ref().map_or(0, |&(_, seed)| seed);
        let envelope = response.as_ref().map(envelope).unwrap_or_default();
        if let Err(code) = self.take_list(Some(request), document, envelope, seed) {
            self.list_failed(request, SeedFailure::BadList, None, code);
        }
    }

    fn list_failed(&self, request: RequestId, failure: SeedFailure, retry_after: Option<Duration>, code: &str) {
        self.seed_error.replace(JsValue::from_str(code));
        self.with_client(|client| client.handle_list_failed(now(), request, failure, retry_after));
    }

    /// Reads a document and hands it to the core. A request names the seed's; without one it is the application's own.
    fn take_list(
        &self,
        request: Option<RequestId>,
        document: &JsValue,
        envelope: Envelope,
        seed: u16,
    ) -> Result<(), &'static str> {
        let base = self.bases.get(u32::from(seed)).as_string().unwrap_or_default();
        let (list, dropped) = read_document(document, envelope, &base).map_err(|error| error.code())?;
        let (list, document) = (Arc::new(list), Rc::new(Document::new(document)));
        let accepted = {
            let core = &mut *self.core.borrow_mut();
            let given = Arc::clone(&list);
            let accepted = match request {
                Some(request) => core.client.handle_list(now(), request, given),
                None => core.client.handle_given_list(now(), given),
            };
            if accepted {
                core.document = Some(Rc::clone(&document));
            }
            accepted
        };
        if accepted {
            let detail = view::list(&list, &dropped, &document);
            view::add(&detail, &[("seed", seed.into())]);
            self.face.emit("list", &detail);
        }
        Ok(())
    }

    fn connect(&self, attempt: AttemptId, decision: &Decision) {
        let Some((url, server, detail)) = self.explain(decision) else {
            return;
        };
        self.face.emit("decision", &detail);
        match self.face.dial(&url, &server) {
            Ok(socket) => {
                if let Some(handlers) = self.handlers.get() {
                    socket.set_onopen(Some(handlers.open.as_ref().unchecked_ref()));
                    socket.set_onerror(Some(handlers.error.as_ref().unchecked_ref()));
                    socket.set_onclose(Some(handlers.close.as_ref().unchecked_ref()));
                }
                let link = Link {
                    attempt,
                    socket,
                    server,
                    errored: false,
                };
                self.link.replace(Some(link));
            }
            Err(_) => {
                let code = Closing::abnormal().code;
                self.with_client(|client| client.handle_closed(now(), attempt, code, true));
            }
        }
    }

    /// The chosen server's URL, the server as the application gets it, and the decision as it gets that.
    fn explain(&self, decision: &Decision) -> Option<(Box<str>, JsValue, JsValue)> {
        let core = self.core.borrow();
        let list = &core.client.selector().in_force()?.list;
        let chosen = list.servers().get(decision.server)?;
        let server = view::server(chosen, core.document.as_ref()?);
        let detail = view::decision(decision, list, &core.assessment, &server);
        Some((chosen.url.clone(), server, detail))
    }

    fn say_farewell(&self) {
        let Some((socket, _)) = self.link.borrow().as_ref().map(Link::parts) else {
            return;
        };
        let (code, reason) = self.farewell.take();
        // The face has made the browser's checks, so that none of these throws; if one does, the timeout ends it.
        let _ = match code {
            Some(code) => socket.close_with_code_and_reason(code, &reason),
            None => socket.close(),
        };
    }

    fn drop_link(&self) {
        if let Some(link) = self.link.take() {
            link.abandon();
        }
    }

    /// The attempt whose socket this event is about, if it is the present one.
    fn attempt_of(&self, event: &Event) -> Option<AttemptId> {
        let link = self.link.borrow();
        let link = link.as_ref()?;
        (event.target()?.loose_eq(link.socket.as_ref())).then_some(link.attempt)
    }

    fn on_open(&self, event: Event) {
        if let Some(attempt) = self.attempt_of(&event) {
            self.with_client(|client| client.handle_open(now(), attempt));
            self.pump();
        }
    }

    fn on_error(&self, event: Event) {
        if self.attempt_of(&event).is_some()
            && let Some(link) = &mut *self.link.borrow_mut()
        {
            link.errored = true;
        }
    }

    fn on_close(&self, event: CloseEvent) {
        let Some(attempt) = self.attempt_of(&event) else { return };
        let errored = self.link.borrow().as_ref().is_some_and(|link| link.errored);
        self.drop_link();
        let reconnect = self.face.verdict(&event, is_final(event.code()));
        self.closing.replace(Some(Closing {
            code: event.code(),
            reason: event.reason(),
            was_clean: event.was_clean(),
            errored,
        }));
        self.with_client(|client| client.handle_closed(now(), attempt, event.code(), reconnect));
        self.pump();
    }

    fn wake(&self) {
        self.timer.replace(None);
        self.pump();
    }

    fn set_timer(&self) {
        let at = self.client(Client::poll_timeout);
        if self.timer.borrow().as_ref().map(|&(_, at)| at) == at {
            return;
        }
        self.clear_timer();
        if let (Some(at), Some(handlers)) = (at, self.handlers.get()) {
            let delay = at.since(now()).as_millis().ceil().min(LONGEST_TIMER);
            let callback: &Function = handlers.timer.as_ref().unchecked_ref();
            self.timer.replace(Some((set_timeout(callback, delay), at)));
        }
    }

    fn clear_timer(&self) {
        if let Some((timer, _)) = self.timer.take() {
            clear_timeout(&timer);
        }
    }

    fn servers(&self) -> Array {
        let core = &mut *self.core.borrow_mut();
        let now = now();
        match (&core.document, core.client.assess(now, &mut core.assessment)) {
            (Some(document), true) => core.client.selector().in_force().map_or_else(Array::new, |in_force| {
                view::servers(in_force, &core.client, document, &core.assessment, now)
            }),
            _ => Array::new(),
        }
    }
}

impl Link {
    fn parts(&self) -> (WebSocket, JsValue) {
        (self.socket.clone(), self.server.clone())
    }

    /// Leaves the socket to its end: nothing of it is heard any more.
    fn abandon(self) {
        self.socket.set_onopen(None);
        self.socket.set_onerror(None);
        self.socket.set_onclose(None);
        self.socket.set_onmessage(None);
        // Throws only for codes that cannot be, and none is given.
        let _ = self.socket.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.clear_timer();
        self.cancel_fetch();
        self.drop_link();
    }
}

fn now() -> Instant {
    Instant::from_millis(monotonic_now())
}
