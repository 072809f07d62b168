"""The devices: what is declared of them, what they were told, what they say. Must not know kopf or any client."""
