//! What of `std::io` waits, suspended.
