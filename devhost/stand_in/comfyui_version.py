"""ComfyUI's version, as far as the stand-in is one."""

__version__ = "0.8.0"
