"""Pure values and rules. No module here reads a file, the network, the clock or the environment.

May import: the standard library's pure parts and `packaging`; nothing else of ours.
Importing this package itself imports nothing, because `transaction` needs `core.states` alone.
"""
