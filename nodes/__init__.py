"""The node library: value types, and one subpackage per kind of node."""
