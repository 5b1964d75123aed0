"""The main job, shown on a throw-away ComfyUI folder with packages of the real index."""
