"""The runtime: consume, transform, produce, in one Kafka transaction per batch.

The nouns, in data-flow order:

- A **processor** is what the user declares: settings, an identity, handlers. (`processor`)
- A **subscription** is one topic with its type and its handler; which effects the handler uses is found
  by reading it. (`subscription`, `discovery`)
- The **settings** are librdkafka's own, in dots; those that the guarantee needs are fixed. (`settings`)
- The **session** owns the consumer and the producer; nothing else touches Kafka. What it may do in which
  state is a table, and so is what each of Kafka's errors means. (`session`, `states`, `failures`)
- A **message** is what the session takes; a **value** is what its bytes decode to. (`values`)
- A **run** opens places, clients and the loop for what was declared, and closes them again. (`running`, `plan`)
- The **engine** is the loop. One batch is *growing*: it takes records and runs their handlers (`growing`, `intake`,
  `positions`; `streaming` or `gathering`); the one before it is *ending*: its transaction is on its way to its commit
  (`ending`, `committer`). When anything is not as it should be, there is one way back: give up, rewind, go by what is
  recorded. (`engine`, `agreement`, `attempts`)
- A **transaction** is what a handler gets: it runs effects and buffers outputs. (`transaction`)
- An **event** is something worth observing; logging is one listener of the stream. (`events`)
- The **declaration** is what the processor claims, as data. (`declaration`, `claims`)

Only `session` imports confluent_kafka.
"""
