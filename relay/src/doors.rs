//! Which ways lead into this relay, and who came over TCP; for the operator's eyes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use azalea_core::id::DeviceId;
use tokio::sync::watch;

use crate::mailbox::SessionId;

/// The relay's doors.
#[derive(Clone)]
pub struct Doors {
    tcp: Option<SocketAddr>,
    /// Devices by session, with those who have yet to say that they are members.
    inside: Arc<watch::Sender<BTreeMap<u64, DeviceId>>>,
}

/// A session over TCP, counted until it is dropped.
pub(crate) struct Inside<'a> {
    doors: &'a Doors,
    session: u64,
}

impl Doors {
    /// The doors of a relay that listens at `tcp` besides UDP.
    pub fn new(tcp: Option<SocketAddr>) -> Self {
        Self { tcp, inside: Arc::new(watch::Sender::new(BTreeMap::new())) }
    }

    /// Where it listens on TCP.
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.tcp
    }

    /// Sessions over TCP.
    pub fn sessions_over_tcp(&self) -> usize {
        self.inside.borrow().len()
    }

    /// Devices that have a session over TCP.
    pub fn devices_over_tcp(&self) -> BTreeSet<DeviceId> {
        self.inside.borrow().values().copied().collect()
    }

    pub(crate) fn enter(&self, session: SessionId, device: DeviceId) -> Inside<'_> {
        self.inside.send_modify(|inside| {
            inside.insert(session.0, device);
        });
        Inside { doors: self, session: session.0 }
    }

    /// Waits until nobody is left who came over TCP.
    pub async fn empty(&self) {
        // The sender lives in `self`.
        let _ = self.inside.subscribe().wait_for(BTreeMap::is_empty).await;
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.doors.inside.send_modify(|inside| {
            inside.remove(&self.session);
        });
    }
}
