"""The fleet's identities: its authority, certificates and keys, and what the broker allows each of them.

Must not know Kubernetes, files or a command line: those who call this bring and take what is stored.
"""
