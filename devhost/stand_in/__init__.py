"""Modules that packs know from ComfyUI. `..imports` lets them be imported by their names there."""
