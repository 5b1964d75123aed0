"""What speaks HTTP to the Registry. Imported only when it is to be asked: aiohttp takes a while to load."""
