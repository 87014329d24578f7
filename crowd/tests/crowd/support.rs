//! A fleet for every test, and a crowd on it.

use std::time::Duration;

use evenkeel_crowd::fleet::{Control, Survey, survey};
use evenkeel_crowd::run::{Real, Setting, run};
use evenkeel_fleet::service::{Options, Service};
use evenkeel_simulation::plan::{ClientConfig, Plan};
use serde_json::{Value, json};

/// The clients of a test.
pub(crate) const CLIENTS: u32 = 200;

/// A service whose default fleet is this, and whose list is made often.
pub(crate) async fn fleet(servers: Value) -> Service {
    let fleet = json!({ "servers": servers, "refresh": 200, "detection": 300, "ttl": 1 });
    let options = Options {
        host: "127.0.0.1".to_owned(),
        public_host: None,
        port: 0,
        fleet: serde_json::from_value(fleet).unwrap(),
        mounts: Vec::new(),
    };
    Service::start(options).await.unwrap()
}

/// Four equal servers that the clients of a test fill to 0.6.
pub(crate) async fn four() -> Service {
    fleet(json!([{ "count": 4, "capacity": 84 }])).await
}

/// A crowd's place.
pub(crate) struct Stage {
    pub(crate) survey: Survey,
    pub(crate) setting: Setting,
    _service: Service,
}

impl Stage {
    pub(crate) async fn on(service: Service) -> Self {
        let control = Control::new(&service.url()).unwrap();
        let mut survey = survey(&control.list()).await.unwrap();
        control.complete(&mut survey).await.unwrap();
        let setting = Setting {
            seeds: vec![control.list()],
            control: Some(control),
            message_interval: Some(Duration::from_millis(50)),
            message_bytes: 64,
            source_addresses: 0,
            random_seed: 1,
        };
        Self {
            survey,
            setting,
            _service: service,
        }
    }

    pub(crate) async fn run(&self, plan: &Plan) -> Real {
        let real = run(plan, &self.survey, &self.setting).await.unwrap();
        // Whatever happens: nothing is made up, and who is counted here the fleet counts too.
        assert_eq!(real.messages.garbled, 0);
        assert_eq!(real.messages.echoed + real.messages.lost, real.messages.sent);
        let users: Vec<_> = real.sums.users.iter().map(|&users| u64::from(users)).collect();
        assert_eq!(real.counted.as_ref(), Some(&users));
        assert_eq!(real.sums.unexpected, 0);
        real
    }
}

/// Clients that poll often, so that a test does not take minutes.
pub(crate) fn client() -> ClientConfig {
    ClientConfig {
        poll: Some(1.0),
        rebalance: false,
        ..ClientConfig::default()
    }
}
