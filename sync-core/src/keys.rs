//! Who can read: scope keys, pair channels and key bundles.
