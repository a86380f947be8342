//! Every sample of what is sealed is in the committed corpora.

use super::{corpus, sample};

#[test]
fn the_corpora_hold_the_samples() {
    for (target, samples) in sample::all() {
        corpus::hold("tests/content", target, samples);
    }
}
