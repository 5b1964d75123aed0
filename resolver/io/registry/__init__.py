"""The Comfy Registry: asked politely, remembered, and its packs brought here. aiohttp is loaded by `web` alone."""
