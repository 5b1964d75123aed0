"""The engine of Safe Install: plan, apply and undo changes of a ComfyUI Python environment.

Importing this package imports nothing else, so that the standard-library-only rooms
(`transaction`, `core.states`, `errors`) stay loadable when third-party packages are broken.
"""
