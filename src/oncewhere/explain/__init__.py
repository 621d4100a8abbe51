"""A code comes in; what it is, why it is bad and what to do goes out: for each verdict, rule, observation and error.

An `Entry` is the text of one code. What a code *is* stands beside what it names (a verdict's meaning, a rule, an
error's docstring); what is to be done about it stands here, where it is not said there. `catalogue` has them all; the
pages of docs/reference are made from it.
"""
