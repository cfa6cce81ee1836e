"""Real things: an engine, tools, images, a cluster, releases. Knows nothing of documents or evidence."""
