"""How far each sample lies from the center of its class: the example to copy."""
