"""Plans tested by firmware that is wrong in one known way at a time. See docs/mutants.md."""
