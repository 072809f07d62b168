"""The Kubernetes API over aiohttp and orjson: the operator's own client, a fraction of the general ones' cost."""
