//! An error in words, with its causes, each of them once: most errors name their cause themselves, some leave that to whoever prints.

use std::error::Error;

/// The error, then each cause that has not been said.
pub fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("device.key: {source}")]
    struct Named {
        source: std::io::Error,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the relay cannot start")]
    struct Unnamed(#[source] Named);

    #[test]
    fn every_cause_is_said_and_none_twice() {
        let named = Named { source: std::io::Error::other("no such file") };
        assert_eq!(in_words(&named), "device.key: no such file");
        assert_eq!(in_words(&Unnamed(named)), "the relay cannot start: device.key: no such file");
    }
}
