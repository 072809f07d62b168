"""The outside, one room each: the Kubernetes API, the MQTT broker, the model registry."""
