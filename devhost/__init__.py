"""A stand-in for ComfyUI: its front end, its start-up, its routes; no torch, no prompts run. For development only."""
