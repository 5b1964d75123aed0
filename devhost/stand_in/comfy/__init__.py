"""ComfyUI's package of models, of which only the command line is here."""
