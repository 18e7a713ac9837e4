//! What the programs of the desk share: the host's network, and a log on standard output.

#[path = "../../support/flash.rs"]
pub mod flash;
#[path = "../../support/mod.rs"]
pub mod support;

/// Lines of the apps go to standard output.
pub fn log_to_stdout() {
    struct Stdout;

    impl log::Log for Stdout {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.target().starts_with("socketpool_apps")
        }

        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                println!("{} {}", record.level(), record.args());
            }
        }

        fn flush(&self) {}
    }

    log::set_logger(&Stdout).expect("the first logger");
    log::set_max_level(log::LevelFilter::Info);
}
