"""Listeners of the runtime's events: what happened comes in; metrics and traces, in the formats of others, go out.

The nouns, in data-flow order:

- A **metric** is a name, a kind, its labels and a sentence: a row of one table, from which the documentation and the
  dashboards are made as well. (`metrics`)
- A **sample** is what one event means for one metric. (`metrics`)
- The **Prometheus listener** keeps samples in a registry, and gives it as text. (`prometheus`)
- The **OpenTelemetry listener** hands the same samples to a meter; a **span** stands for the handling of one record or
  batch, and its context travels on in the headers of the outputs. (`opentelemetry`)

Import the one that you want by its module: each needs an extra, `oncewhere[prometheus]` or `oncewhere[opentelemetry]`.
"""
