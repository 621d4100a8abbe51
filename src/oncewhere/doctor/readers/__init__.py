"""Where facts come from: a cluster, databases, a processor, a declaration. They read, and change nothing."""
