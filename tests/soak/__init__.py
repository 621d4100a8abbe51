"""Faults at random, and a reader that never looks away; each noun is a file, `soak` puts them together."""
