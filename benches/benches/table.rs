//! Prints the table. See the package's README.

fn main() -> std::process::ExitCode {
    gocoro_benches::main()
}
