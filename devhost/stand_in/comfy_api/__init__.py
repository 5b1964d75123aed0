"""ComfyUI's public interfaces, as far as packs need them to be loaded."""
