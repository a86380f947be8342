//! What stands beside the product: a population to fill it with, and the region to try it in.
//!
//! - [`population`] makes invented people of a Japanese region and their charts as FHIR R4.

pub mod population;
