"""How the page looks: colors, theme, text that is safe to show, and the small pieces that panels are made of."""
