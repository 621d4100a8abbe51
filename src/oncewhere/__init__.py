"""Exactly once, where? Run, crash-test and document Kafka processors that touch more than Kafka."""
