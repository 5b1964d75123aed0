"""The edges: processes, uv, the live environment, packs, sources, snapshots, trial.

May import: the standard library, `packaging`, `core`, `errors`, `ports`, `transaction.fs`;
never `engine` or `server_routes`.
"""
