"""A ComfyUI with very much in it, and how fast the panel's questions about it are answered."""
