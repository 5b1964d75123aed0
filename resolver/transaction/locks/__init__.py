"""One at a time: locks of the operating system that name their owner, and what stands in where there are none."""
