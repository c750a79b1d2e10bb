"""Published results, run again: each module is a study, found by its name."""
