//! The `vestibule` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|name| name == vestibule::db::embedded::KEEPER) {
        return vestibule::db::embedded::keeper_main(args);
    }
    ExitCode::SUCCESS
}
