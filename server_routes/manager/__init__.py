"""ComfyUI-Manager beside us: its bodies and results, its registry of functions, protection, taking over."""
