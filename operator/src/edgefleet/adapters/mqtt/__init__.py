"""The MQTT broker. Bytes come in only through the wire contract."""
