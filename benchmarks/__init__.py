"""Ours beside the peers: the same work, the same inputs, one run. Development only; not in the wheel."""
