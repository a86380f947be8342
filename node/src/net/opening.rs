//! The words with which a session begins, asked of the driver as soon as a line may carry them: where the relay knows this device, that is
//! before the line stands.

use super::relay_link::{LinkEvent, Outgoing};
use azalea_core::sync::message::Message;
use tokio::sync::mpsc;

/// A session that may begin.
pub(super) struct Opening<'a> {
    driver: &'a mpsc::Sender<LinkEvent>,
    queue: Option<mpsc::UnboundedReceiver<Outgoing>>,
    first: Option<Message>,
}

impl<'a> Opening<'a> {
    pub(super) fn new(driver: &'a mpsc::Sender<LinkEvent>) -> Self {
        Self { driver, queue: None, first: None }
    }

    /// What is to be said first; the same however often it is asked. `None` where the driver wants no session.
    pub(super) async fn words(&mut self) -> Option<&Message> {
        if self.queue.is_none() {
            let (outgoing, queue) = mpsc::unbounded_channel();
            self.driver.send(LinkEvent::Connected(outgoing)).await.ok()?;
            self.queue = Some(queue);
        }
        if self.first.is_none()
            && let Outgoing::Message(message) = self.queue.as_mut()?.recv().await?
        {
            self.first = Some(message);
        }
        self.first.as_ref()
    }

    /// What is to be said after that; `None` where nothing was asked.
    pub(super) fn into_rest(self) -> Option<mpsc::UnboundedReceiver<Outgoing>> {
        self.queue
    }

    /// Whether the driver waits for a session, and is to be told of its end.
    pub(super) fn was_asked(&self) -> bool {
        self.queue.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_driver_is_asked_once_however_often_the_words_are_said() {
        let (driver, mut events) = mpsc::channel(4);
        let mut opening = Opening::new(&driver);
        assert!(!opening.was_asked());
        let answers = async {
            let Some(LinkEvent::Connected(outgoing)) = events.recv().await else { panic!() };
            outgoing.send(Outgoing::Message(Message::Refill)).unwrap();
            outgoing.send(Outgoing::Message(Message::Seen { position: 7 })).unwrap();
            outgoing
        };
        let (_outgoing, words) = tokio::join!(answers, async {
            assert_eq!(opening.words().await, Some(&Message::Refill));
            opening.words().await.cloned()
        });
        assert_eq!(words, Some(Message::Refill));
        assert!(opening.was_asked());
        let mut rest = opening.into_rest().unwrap();
        let next = rest.recv().await;
        assert!(matches!(next, Some(Outgoing::Message(Message::Seen { position: 7 }))));
        assert!(events.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_driver_that_hangs_up_or_is_gone_has_no_words() {
        let (driver, mut events) = mpsc::channel(4);
        let mut opening = Opening::new(&driver);
        let hangs_up = async {
            let Some(LinkEvent::Connected(outgoing)) = events.recv().await else { panic!() };
            outgoing.send(Outgoing::Hangup).unwrap();
        };
        let ((), words) = tokio::join!(hangs_up, async { opening.words().await.cloned() });
        assert_eq!(words, None);
        drop(events);
        assert_eq!(Opening::new(&driver).words().await, None);
    }
}
