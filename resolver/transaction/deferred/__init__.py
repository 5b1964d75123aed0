"""Changes that wait for the next start of ComfyUI, and are applied there by the standard library alone."""
