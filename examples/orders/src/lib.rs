//! Orders: taken, charged once they are stored, and shown. `ubiq.toml` says what each function is run for and may ask for.
mod desk;
mod http;
mod orders;
mod platform;
