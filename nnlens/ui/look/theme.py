"""How the page looks: the tokens as CSS variables, the theme of the widgets, the style sheets.

Ink is the color of the interface; the accent means "selected samples" and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from nnlens.ui.look.palette import TOKENS, Theme, css_variables

# Roboto 400 and 700 come with panel-material-ui: named first, the page looks the same everywhere, offline
FONT = 'Roboto, -apple-system, "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif'
CODE = 'ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace'
HEADER = 48
CALM = {
    "@media (prefers-reduced-motion: reduce)": {
        "&, & *": {"transition": "none !important", "animation": "none !important"}
    }
}
"""For who asked the system for less motion; what Material writes on elements themselves gives way to it too."""


def material(mode: Theme) -> dict[str, Any]:
    """Return the theme of panel-material-ui for "light" or "dark"."""
    tokens = TOKENS[mode]
    return {
        "palette": {
            "mode": mode,
            "primary": {"main": tokens["ink"], "contrastText": tokens["surface"]},
            "background": {"default": tokens["app"], "paper": tokens["surface"]},
            "divider": tokens["line"],
            "text": {"primary": tokens["ink"], "secondary": tokens["ink2"]},
            "error": {"main": tokens["error"]},
            "warning": {"main": tokens["warn"]},
            "success": {"main": tokens["ok"]},
        },
        "typography": {
            "fontFamily": FONT,
            "fontSize": 13,
            "htmlFontSize": 16,
            "button": {"textTransform": "none"},
        },
        "shape": {"borderRadius": 6},
        "components": _components(tokens),
    }


def _components(tokens: Mapping[str, str]) -> dict[str, Any]:
    """Return the sizes of ui.md for the widgets in use."""

    def root(**style: Any) -> dict[str, Any]:
        return {"styleOverrides": {"root": style}}

    ring = {"outline": f"2px solid {tokens['ink']}", "outlineOffset": "2px"}
    return {
        "MuiButtonBase": {
            "defaultProps": {"disableRipple": True},
            **root(**{"&.Mui-focusVisible": ring}, **CALM),
        },
        **{f"Mui{name}": root(**CALM) for name in ("Popover", "InputLabel", "InputBase")},
        "MuiButton": root(fontSize=13, lineHeight="16px", padding="5px 12px", minHeight=28, boxShadow="none"),
        # the page's title is its first heading; its blank ones, which only keep a place, are none
        "MuiTypography": {"defaultProps": {"variantMapping": {"h3": "h1", "h5": "div"}}},
        "MuiTab": root(minHeight=40, padding="0 10px", fontSize=13, fontWeight=400, minWidth=0),
        "MuiTabs": root(minHeight=40, paddingLeft="6px", borderBottom=f"1px solid {tokens['line']}"),
        "MuiToggleButton": root(padding="0 8px", height=28, fontSize=12, lineHeight="16px"),
        "MuiOutlinedInput": {
            "styleOverrides": {
                "root": {"height": 28, "fontSize": 13},
                "notchedOutline": {"borderColor": tokens["edge"]},
                "input": {"padding": "4px 10px"},
            }
        },
        "MuiMenuItem": root(fontSize=13, minHeight=28, padding="4px 12px"),
        "MuiSlider": {"styleOverrides": {"root": {"height": 2}, "thumb": {"width": 12, "height": 12}}},
        "MuiTooltip": {"styleOverrides": {"tooltip": {"fontSize": 11, "lineHeight": "16px"}}},
        "MuiDialogTitle": root(padding="16px 16px 8px", fontSize=16, lineHeight="24px"),
        "MuiDialog": {
            "styleOverrides": {"root": CALM, "paper": {"borderRadius": 12, "backgroundImage": "none"}}
        },
    }


THEMES = {mode: material(mode) for mode in TOKENS}


def page_style() -> dict[str, Any]:
    """Return the style of the page's own root.

    The page is drawn inside a shadow root, so a sheet in the head cannot see its theme's class. Variables set here are
    inherited through every nested root and switch with the theme, in the browser.
    """
    return {
        **{
            f"&.mui-{mode}": css_variables(mode) | {"--nn-font": FONT, "--nn-code": CODE, "colorScheme": mode}
            for mode in TOKENS
        },
        "& .MuiAppBar-root": {
            "backgroundColor": "var(--nn-surface)",
            "backgroundImage": "none",
            "color": "var(--nn-ink)",
            "boxShadow": "inset 0 -1px var(--nn-line)",
        },
        # the bar is fixed and an empty toolbar of the same class keeps its place: one rule sizes both
        "& .MuiToolbar-root": {
            "minHeight": f"{HEADER}px !important",
            "height": f"{HEADER}px",
            "padding": "0 16px !important",
            "margin": "0 !important",
        },
        # jobs have rings with names; this bar has none, and is drawn even when it is not asked for
        "& .MuiAppBar-root .MuiLinearProgress-root": {"display": "none"},
        "& .title": {"color": "var(--nn-ink) !important", "fontSize": "16px !important", "fontWeight": 700},
        "& .main": {"backgroundColor": "var(--nn-app)"},
        **CALM,
    }


@cache
def static(name: str) -> str:
    """Return a style sheet or script of the page, from the folder ``static``."""
    return files("nnlens.ui.look").joinpath("static", name).read_text("utf-8")
