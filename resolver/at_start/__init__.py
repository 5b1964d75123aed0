"""What is done at each start of ComfyUI, before any pack loads, beyond recovery. The prestartup script calls it.

Standard library only, but for what is imported inside functions where a broken package is no harm.
"""
