"""A place without transactions: calls in, attempts and their answers out, each by the place's policy.

An effect here takes hold when it runs, and nothing takes it back. So the order is another one than in a database: what
must be known *before* (a claim) is committed before the attempt, what must be known *after* (an answer) at the latest
when the batch is decided; and a call that a redelivered record makes again is found by its key.

    policy             before           attempts                        after
    IdempotencyKey     look for answer  repeated with the same key      answer kept when the batch is decided
    AtMostOnce         claim            repeated if surely not done     settle at once; unknown: in doubt
    AtLeastOnce        nothing          repeated                        nothing
    Compensate         see `compensating`

A system's module derives its own class from `OutsidePlace` (`place`), and brings its `Means` (`means`): what an effect
is given. Open it is an `OpenOutside` (`opened`), whose batches are `OutsideWork` (`work`).
"""

from oncewhere.effects.outside.means import Means, Terms
from oncewhere.effects.outside.opened import OpenOutside
from oncewhere.effects.outside.place import OutsidePlace

__all__ = ["Means", "OpenOutside", "OutsidePlace", "Terms"]
