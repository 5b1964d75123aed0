"""ComfyUI's package of the application."""
