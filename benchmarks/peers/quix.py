"""Quix Streams: a streaming data frame, `processing_guarantee='exactly-once'`, commits by interval."""

from __future__ import annotations

from job import job, option, settle
from quixstreams import Application


def main() -> None:
    work = job()
    extra = {}
    if option("INSTANCE_ID"):
        extra["group.instance.id"] = option("INSTANCE_ID")
    app = Application(
        broker_address=work.bootstrap_servers,
        consumer_group=work.group,
        auto_offset_reset="earliest",
        loglevel="WARNING",
        processing_guarantee=option("GUARANTEE", "exactly-once"),
        commit_interval=work.commit_s,
        use_changelog_topics=False,
        consumer_poll_timeout=0.1,
        state_dir=work.state_dir,
        auto_create_topics=False,
        consumer_extra_config=extra,
        producer_extra_config={"linger.ms": 5, "queue.buffering.max.messages": 1_000_000},
    )
    source = app.topic(work.input, key_deserializer="bytes", value_deserializer=work.values)
    sink = app.topic(work.output, key_serializer="bytes", value_serializer=work.values)
    frame = app.dataframe(source)
    if work.values == "json":
        frame = frame.apply(settle)
    frame.to_topic(sink)
    app.run()


if __name__ == "__main__":
    main()
