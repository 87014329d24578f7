//! wasm-bindgen's own test runner, which `xtask test-runner` starts with its environment set.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os())
}
