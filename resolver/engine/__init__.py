"""What the user asks for: plan, apply, roll back, recover, history; composed from `core` and the ports.

May import: `core`, `ports`, `errors`, `transaction`; never `io` (given by `wiring`), aiohttp or pydantic.
"""
