//! Guessing passwords gets slower: after a few wrong ones each next try has to wait, longer every time.
//!
//! Logins that do not exist are treated alike, so that waiting tells nothing about who works here.

use std::collections::HashMap;

use azalea_core::id::Timestamp;

/// Wrong tries that cost nothing.
const FREE: u32 = 3;
const FIRST_WAIT_MS: u64 = 5_000;
const WAIT_MS_MAX: u64 = 15 * 60_000;
/// After so long without a try, the count starts anew.
const FORGET_MS: u64 = 60 * 60_000;
const LOGINS_MAX: usize = 4_096;

#[derive(Default)]
pub(super) struct Lockout {
    tries: HashMap<String, Tries>,
}

struct Tries {
    wrong: u32,
    last: Timestamp,
}

impl Tries {
    fn open_at(&self) -> Timestamp {
        match self.wrong.checked_sub(FREE) {
            None => self.last,
            Some(beyond) => {
                let wait = FIRST_WAIT_MS.saturating_mul(1_u64 << beyond.min(20));
                self.last.plus_ms(wait.min(WAIT_MS_MAX))
            }
        }
    }
}

impl Lockout {
    /// How many seconds this login has still to wait; `None` where it may try.
    pub(super) fn wait_s(&self, now: Timestamp, login: &str) -> Option<u64> {
        let wait_ms = self.tries.get(login)?.open_at().since_ms(now);
        (wait_ms > 0).then(|| wait_ms.div_ceil(1_000))
    }

    /// A wrong password.
    pub(super) fn wrong(&mut self, now: Timestamp, login: &str) {
        self.tries.retain(|_, tries| now.since_ms(tries.last) < FORGET_MS);
        if self.tries.len() >= LOGINS_MAX && !self.tries.contains_key(login) {
            let oldest = self.tries.iter().min_by_key(|(_, tries)| (tries.wrong, tries.last));
            if let Some(oldest) = oldest.map(|(login, _)| login.clone()) {
                self.tries.remove(&oldest);
            }
        }
        let tries = self.tries.entry(login.to_owned()).or_insert(Tries { wrong: 0, last: now });
        tries.wrong = tries.wrong.saturating_add(1);
        tries.last = now;
    }

    /// The right password.
    pub(super) fn right(&mut self, login: &str) {
        self.tries.remove(login);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_try_waits_longer_up_to_a_quarter_of_an_hour() {
        let (mut lockout, mut now) = (Lockout::default(), Timestamp(0));
        let mut waits = Vec::new();
        for _ in 0..14 {
            lockout.wrong(now, "sato");
            let wait = lockout.wait_s(now, "sato").unwrap_or(0);
            waits.push(wait);
            now = now.plus_ms(wait * 1_000);
            assert_eq!(lockout.wait_s(now, "sato"), None);
        }
        assert_eq!(waits, [0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]);
        assert_eq!(lockout.wait_s(now, "tanaka"), None);
    }

    #[test]
    fn the_right_password_and_time_forgive() {
        let mut lockout = Lockout::default();
        (0..5).for_each(|_| lockout.wrong(Timestamp(0), "sato"));
        assert!(lockout.wait_s(Timestamp(1), "sato").is_some());
        lockout.right("sato");
        assert_eq!(lockout.wait_s(Timestamp(1), "sato"), None);
        (0..5).for_each(|_| lockout.wrong(Timestamp(0), "sato"));
        lockout.wrong(Timestamp(FORGET_MS), "sato");
        assert_eq!(lockout.wait_s(Timestamp(FORGET_MS), "sato"), None);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut lockout = Lockout::default();
        (0..3 * LOGINS_MAX).for_each(|number| lockout.wrong(Timestamp(0), &number.to_string()));
        assert!(lockout.tries.len() <= LOGINS_MAX);
    }
}
