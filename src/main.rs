//! The server's binary: hands the process's arguments and environment to [`vestibule::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    vestibule::cli::run(std::env::args_os(), vestibule::kernel::config::environment())
}
