//! Tests of the built binary and of what needs processes of its own.

mod cluster;
