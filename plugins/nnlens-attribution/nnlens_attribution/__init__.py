"""Saliency and Grad-CAM."""
