"""Proves the acceptance criteria of workstream documents, and ticks only what it proved.

Data flows one way: `documents` (what was promised), `evidence` (what was seen), `reports` (what may
be said). `cluster` works on real engines and clusters, and knows none of the three. `plugin` and `cli` are
the entry points.
"""
