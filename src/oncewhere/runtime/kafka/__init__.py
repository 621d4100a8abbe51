"""Kafka, seen from one processor; nothing else in the runtime imports confluent_kafka.

In data-flow order: the `Reader` owns the consumer: messages in, assignments and positions. The `Writer` owns the
transactional producer: outputs and offsets out, one transaction at a time, by the table of `runtime.states`. The
`TransactSession` owns both, and the one way back when they part: abort, rewind.
"""
