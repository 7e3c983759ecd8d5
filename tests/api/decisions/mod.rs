//! Decisions: checks, and every list that must agree with them.

mod explanations;
mod lists;
mod model;
mod plans;
mod scenarios;
mod together;
mod world;
