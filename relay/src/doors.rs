//! Which ways lead into this relay, who came over TCP, and who spoke before a handshake was complete; for the operator's eyes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use azalea_core::id::DeviceId;
use tokio::sync::watch;

use crate::mailbox::SessionId;

/// The relay's doors.
#[derive(Clone)]
pub struct Doors {
    tcp: Option<SocketAddr>,
    /// Devices by session, with those who have yet to say that they are members.
    inside: Arc<watch::Sender<BTreeMap<u64, DeviceId>>>,
    early: Arc<Early>,
}

#[derive(Default)]
struct Early {
    welcomed: AtomicU64,
    unproven: AtomicU64,
}

/// A session over TCP, counted until it is dropped.
pub(crate) struct Inside<'a> {
    doors: &'a Doors,
    session: u64,
}

impl Doors {
    /// The doors of a relay that listens at `tcp` besides UDP.
    pub fn new(tcp: Option<SocketAddr>) -> Self {
        Self { tcp, inside: Arc::default(), early: Arc::default() }
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

    /// Members that were answered before their handshake was complete.
    pub fn welcomed_early(&self) -> u64 {
        self.early.welcomed.load(Ordering::Relaxed)
    }

    /// Of those who were known by a ticket, the ones whose handshake was never completed: a line was cut, or it was somebody's copy.
    pub fn unproven(&self) -> u64 {
        self.early.unproven.load(Ordering::Relaxed)
    }

    pub(crate) fn note_welcomed(&self) {
        self.early.welcomed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_unproven(&self) {
        self.early.unproven.fetch_add(1, Ordering::Relaxed);
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
