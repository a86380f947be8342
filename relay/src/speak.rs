//! From the engine to a session's line: what is urgent before what is wanted first before the rest, and keys beside it.
//!
//! Over QUIC each has a stream of its own, with a priority; what the transport has of the others and has not sent yet is
//! overtaken. Over TCP there is one stream, and the more urgent goes first between two messages.

use std::time::Duration;

use azalea_core::sync::message::{Goodbye, Lane, Message, Welcome};
use azalea_core::wire::Wire;
use azalea_transport::frames::write_frame;
use azalea_transport::peer::{Peer, Sender, Via};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::engine::Outgoing;

/// A frame that takes longer to go out is given up: 4 MiB at a quarter of a megabit a second.
const WRITE: Duration = Duration::from_secs(150);

/// What is to be done when the welcome is said.
pub(crate) struct Greeting<F> {
    /// What a member was welcomed with early.
    pub(crate) welcomed: Option<Welcome>,
    /// Told of it.
    pub(crate) welcome: F,
}

impl<F: Fn()> Greeting<F> {
    /// Notes the welcome. Whether it is to be said; the goodbye where the early one is no longer true, and its member is to come again.
    fn says(&mut self, now: &Welcome) -> Result<bool, Goodbye> {
        (self.welcome)();
        match self.welcomed.take() {
            Some(early) if goes_on(&early, now) => Ok(false),
            Some(_) => Err(Goodbye::Closing),
            None => Ok(true),
        }
    }
}

/// Whether a member that was welcomed early knows what it would be told now.
fn goes_on(early: &Welcome, now: &Welcome) -> bool {
    (early.epoch, early.position) == (now.epoch, now.position) && early.yours <= now.yours
}

/// Says what the engine wants said. Returns its goodbye, once what came before it was written.
pub(crate) async fn speak(
    peer: &Peer,
    send: &mut Sender,
    mut outgoing: UnboundedReceiver<Outgoing>,
    greeting: Greeting<impl Fn()>,
) -> Option<Goodbye> {
    let (to_urgent, urgent) = unbounded_channel();
    let (to_wanted, wanted) = unbounded_channel();
    let (to_keys, keys) = unbounded_channel();
    let (to_rest, rest) = unbounded_channel();
    let sort = async move {
        while let Some(next) = outgoing.recv().await {
            let queue = match &next {
                Outgoing::Message(Message::Ahead { lane, .. }) => match lane {
                    Lane::Urgent => &to_urgent,
                    Lane::Wanted => &to_wanted,
                    Lane::Keys => &to_keys,
                },
                _ => &to_rest,
            };
            if queue.send(next).is_err() {
                break;
            }
        }
        // The queues end with this; what is in them is said.
        drop((to_urgent, to_wanted, to_keys, to_rest));
        std::future::pending::<()>().await;
    };
    let said = async {
        if peer.via() != Via::Quic {
            return on_one_stream(send, [urgent, wanted, keys, rest], greeting).await;
        }
        tokio::select! {
            goodbye = in_order(send, rest, greeting) => goodbye,
            () = ahead(peer, urgent, 2) => None,
            () = ahead(peer, wanted, 1) => None,
            () = ahead(peer, keys, 0) => None,
        }
    };
    tokio::select! {
        goodbye = said => goodbye,
        () = sort => None,
    }
}

async fn in_order(
    send: &mut Sender,
    mut queue: UnboundedReceiver<Outgoing>,
    mut greeting: Greeting<impl Fn()>,
) -> Option<Goodbye> {
    loop {
        if let Some(goodbye) = say(send, queue.recv().await?, &mut greeting).await? {
            return Some(goodbye);
        }
    }
}

async fn on_one_stream(
    send: &mut Sender,
    [mut urgent, mut wanted, mut keys, mut rest]: [UnboundedReceiver<Outgoing>; 4],
    mut greeting: Greeting<impl Fn()>,
) -> Option<Goodbye> {
    loop {
        let next = tokio::select! {
            biased;
            Some(next) = urgent.recv() => next,
            Some(next) = wanted.recv() => next,
            Some(next) = keys.recv() => next,
            next = rest.recv() => next?,
        };
        if let Some(goodbye) = say(send, next, &mut greeting).await? {
            return Some(goodbye);
        }
    }
}

/// Ends where the line does, and never before.
async fn ahead(peer: &Peer, mut queue: UnboundedReceiver<Outgoing>, rank: u8) {
    let mut stream = None;
    let mut greeting = Greeting { welcomed: None, welcome: || () };
    while let Some(next) = queue.recv().await {
        if stream.is_none() {
            match peer.open_ahead(rank).await {
                Ok(Some(opened)) => stream = Some(opened),
                Ok(None) | Err(_) => return,
            }
        }
        let Some(send) = &mut stream else { return };
        if say(send, next, &mut greeting).await.is_none() {
            return;
        }
    }
    std::future::pending().await
}

/// Writes a message. `None` where the line takes nothing; the goodbye where it was one, which is said at the end.
async fn say(
    send: &mut Sender,
    next: Outgoing,
    greeting: &mut Greeting<impl Fn()>,
) -> Option<Option<Goodbye>> {
    let message = match next {
        Outgoing::Goodbye(goodbye) => return Some(Some(goodbye)),
        Outgoing::Message(message) => message,
    };
    if let Message::Welcome(now) = &message {
        match greeting.says(now) {
            Ok(true) => {}
            Ok(false) => return Some(None),
            Err(goodbye) => return Some(Some(goodbye)),
        }
    }
    let written = timeout(WRITE, write_frame(send, &message.to_bytes())).await;
    written.ok()?.ok()?;
    Some(None)
}
