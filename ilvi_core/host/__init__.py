"""What runs inside hosts, and the contract with the worker: standard library only, Python 3.9 and newer."""
