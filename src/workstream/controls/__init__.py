"""Controls: a product that is broken on purpose, so that a suite can be seen to notice.

A control breaks the product on its way into the cluster, whoever brings it there: the `helm` that is found first
renders it broken, and images get one more layer. The suite that is under test knows nothing of it.

Nothing is imported here: Helm starts a Python for everything that it renders broken, and waits for it.
"""
