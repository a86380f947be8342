//! What is written: records, volumes and care notes.
