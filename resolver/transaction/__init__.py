"""Journalled renames that leave an environment exactly before or exactly after.

Standard library only: it must run at a start where pydantic, packaging or uv are broken.
May import: the standard library, `core.states`, `errors`; never `packaging`, `io` or `engine`.
"""
