"""From a file to a signed ModelVersion, and back: whether one still says what was signed. Must not know any client."""
