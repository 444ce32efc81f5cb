//! ui-tests has only tests.
