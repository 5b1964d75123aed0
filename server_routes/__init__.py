"""The routes on ComfyUI's server. Importing this brings in nothing heavy; the first request does, in a thread."""
