"""What the selected samples share: asked for from the selection, shown as pictures, classes and traits."""
