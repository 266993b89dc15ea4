"""A plugin that raises when it is imported, and prints before it does."""

print("this must not end up in anybody's JSON")
raise RuntimeError("the stranger's import failed")
