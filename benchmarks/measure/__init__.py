"""What the measurements share, in the order in which things flow.

- `Spec`: what to run, as typed (`kafka-streams:values=bytes`); it names a `Peer` of the table in `peers`.
- `build`: makes a peer's own environment in the cache; a missing tool is a reason that the report prints.
- `broker`: one Apache Kafka of our own, with the JVM of a production broker.
- `payments` and `Topics`: the records; input is loaded before a run, output is made anew for each.
- `RunningPeer`: one process of a peer, its CPU and its memory.
- `Progress`: a group's committed offsets, that is: exactly the records whose transaction has committed.
- `output` and `Verification`: the output as a `read_committed` reader sees it: counted, distinct, in order, unchanged.
- `Row`, `figures`, `targets`, `report`: one run is a row; rounds are ratios; ratios are reached or missed.
- `bounds`: what stood in the way of a target that was missed, in figures of the same run.
"""
