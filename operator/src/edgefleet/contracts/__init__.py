"""The wire contract: every document that leaves or enters a device, with its limits, reasons and topics.

The firmware's tables are generated from these models (`edgefleet.codegen.c_contract`), and both sides read the golden
vectors in tests/golden/vectors. Imports only the standard library, pydantic and cryptography.
"""
