"""Full snapshots: every byte of an environment and its packs, kept by its digest."""
